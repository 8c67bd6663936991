"""A party in a process of its own, which may be killed at any moment: `python -m tests.stores.exchange ...`.

It sends so many envelopes, takes as many from the other, writes each into its database in the transaction that moves
the cursor, and ends when it has all. Everything it knows of the other is a name; everything they share is a Kubo swarm.
"""

from __future__ import annotations

import argparse
import hashlib
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import MetaData, insert

from milagro.errors import StoreError
from milagro.stores.content.ipfs import IpfsStore
from milagro.stores.messaging.mailbox import Mailbox
from milagro.stores.messaging.pubsub import Pubsub
from milagro.stores.messaging.tables import Tables
from milagro.stores.state import Schema, State
from tests.stores.parties import FAST, Faulty, Identity, verify
from tests.stores.processes import envelope, received, received_table

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from milagro.stores.messaging.mailbox import Delivery


def main() -> None:
    parser = argparse.ArgumentParser()
    for option in ("--name", "--other", "--url", "--topic", "--database"):
        parser.add_argument(option, required=True)
    for option in ("--count", "--seed"):
        parser.add_argument(option, type=int, required=True)
    parser.add_argument("--loss", type=float, required=True)
    arguments = parser.parse_args()
    metadata = MetaData()
    tables = Tables(metadata)
    table = received_table(metadata)
    state = State(Path(arguments.database), Schema(metadata, 1, 77))

    def write(connection: Connection, delivery: Delivery) -> None:
        digest = hashlib.sha256(delivery.payload).hexdigest()
        connection.execute(insert(table).values(sequence=delivery.sequence, digest=digest))

    channel = Faulty(Pubsub(arguments.url), arguments.seed, loss=arguments.loss, repeat=0.2, delay=0.3)
    with (
        IpfsStore(arguments.url) as store,
        Mailbox(arguments.topic, Identity.of(arguments.name), verify, store, channel, state, tables, FAST) as mailbox,
    ):
        mailbox.follow(Identity.of(arguments.other).name)
        sender = threading.Thread(target=send_all, args=(mailbox, arguments.name, arguments.count))
        sender.start()
        while len(received(Path(arguments.database))) < arguments.count:
            mailbox.deliver(write, 1.0)
        sender.join()
        print("done", channel.published, channel.passed, flush=True)
        input()  # stays for the other until it is told to end


def send_all(mailbox: Mailbox, name: str, count: int) -> None:
    """Sends what is not sent yet."""
    while (number := mailbox.sent() + 1) <= count:
        try:
            mailbox.send(envelope(name, number))
        except StoreError as error:
            print("again", error, flush=True)


if __name__ == "__main__":
    main()
