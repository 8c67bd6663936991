"""A process of its own that sends requests to a D-TA's service on a database that others use, too.

python -m tests.roles.issuing.issuing_process FOLDER REQUESTS          one letter an answer: i ssued, r eused

The database is the URL or path in REQUESTS, the watermark is in FOLDER.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from milagro.cid import CID
from milagro.protocols.issuance import Ticket
from milagro.roles.dta.issuing import AuthorityTerms, IssuingRecords
from milagro.roles.dta.issuing.records import Use
from milagro.roles.dta.issuing.tables import SCHEMA
from milagro.roles.dta.issuing.watermark import Watermark
from milagro.roles.refusals import TicketReused
from milagro.stores.state import State


def main() -> None:
    folder, given = Path(sys.argv[1]), json.loads(sys.argv[2])
    node, network, authority = (CID.from_text(given[name]) for name in ("node", "network", "authority"))
    ticket, now = Ticket.from_bytes(bytes.fromhex(given["ticket"])), given["now"]
    terms = AuthorityTerms(authority, frozenset({"login.example"}))
    state = State(given["database"], SCHEMA, busy_timeout_ms=30_000)
    records = IssuingRecords(state, Watermark(folder / "state.mark"), node, network, now)
    print("ready", flush=True)
    sys.stdin.readline()
    said = ""
    for request in given["requests"]:
        try:
            said += "i" if records.use(Use(ticket, terms, bytes.fromhex(request), 0), now) else "a"
        except TicketReused:
            said += "r"
    print(said, flush=True)


if __name__ == "__main__":
    main()
