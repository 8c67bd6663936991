"""A correspondent in a process of its own, which may be killed: `python -m tests.roles.correspondent_process`.

It opens its identity's folder, and of the other it knows the identity's CID; what they share is a Kubo swarm. It
sends so many letters and writes each that it takes into its database in the transaction that moves the cursor.
"""

from __future__ import annotations

import argparse
import hashlib
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import MetaData, insert

from milagro.cid import CID
from milagro.errors import StoreError
from milagro.roles.correspondence.correspondent import Correspondent
from milagro.roles.correspondence.directory import Directory
from milagro.roles.correspondence.keys import EnvelopeKeys
from milagro.stores.content.ipfs import IpfsStore
from milagro.stores.identities import IdentityFolder, KnownIdentities
from milagro.stores.keys import Passphrase
from milagro.stores.messaging.pubsub import Pubsub
from milagro.stores.messaging.tables import Tables
from milagro.stores.state import Schema, State
from tests.stores.parties import FAST, Faulty
from tests.stores.processes import envelope, received, received_table

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from milagro.roles.correspondence.correspondent import Letter

PASSPHRASE = Passphrase(b"correct horse")


def main() -> None:
    parser = argparse.ArgumentParser()
    for option in ("--name", "--folder", "--other", "--url", "--topic"):
        parser.add_argument(option, required=True)
    for option in ("--count", "--seed"):
        parser.add_argument(option, type=int, required=True)
    parser.add_argument("--loss", type=float, required=True)
    run(parser.parse_args())


def run(arguments: argparse.Namespace) -> None:
    metadata = MetaData()
    tables = Tables(metadata)
    table = received_table(metadata)
    folder, other = Path(arguments.folder), CID.from_text(arguments.other)
    database = folder / "letters.sqlite"
    state = State(database, Schema(metadata, 1, 78))

    def write(connection: Connection, letter: Letter) -> None:
        digest = hashlib.sha256(letter.payload).hexdigest()
        connection.execute(insert(table).values(sequence=letter.number, digest=digest))

    replica, keys = IdentityFolder.at(folder).read(), EnvelopeKeys.read(folder, PASSPHRASE)
    channel = Faulty(Pubsub(arguments.url), arguments.seed, loss=arguments.loss, repeat=0.2, delay=0.3)
    with IpfsStore(arguments.url) as store:
        directory = Directory(store, KnownIdentities(folder / "known"))
        with Correspondent(
            arguments.topic, replica, keys, directory, store, channel, state, tables, FAST
        ) as correspondent:
            correspondent.follow(other)
            sender = threading.Thread(target=send_all, args=(correspondent, other, arguments.name, arguments.count))
            sender.start()
            while len(received(database)) < arguments.count:
                correspondent.deliver(write, 1.0)
            sender.join()
            print("done", channel.published, channel.passed, correspondent.refusals(), flush=True)
            input()  # stays for the other until it is told to end


def send_all(correspondent: Correspondent, other: CID, name: str, count: int) -> None:
    """Sends what is not sent yet; the identity does not change, so there are no notices among the entries."""
    while (number := correspondent.sent() + 1) <= count:
        try:
            correspondent.send(envelope(name, number), [other])
        except StoreError as error:
            print("again", error, flush=True)


if __name__ == "__main__":
    main()
