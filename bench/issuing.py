"""The cost of issuing one share: everything a D-TA does for a request, against the group operations in it.

    python -m bench.issuing [--out docs/benchmarks] [--count 200]

writes issuing.json, and from it issuing.md.

One D-TA of 3 of 5 in this process, without a socket; its database is a file in a temporary folder. Every request has a
ticket of its own. The parts are measured in turn within one run, so that their ratios mean something on a busy machine.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

from milagro.cid import CID
from milagro.errors import Expired
from milagro.groups import curve
from milagro.protocols import pki, sharing
from milagro.protocols.envelope import EncryptionKey, PrivateKeys
from milagro.protocols.issuance import Asked, Issued, Purpose, Ticket
from milagro.protocols.mpin.v2 import Ed25519Key, Identity, Suite
from milagro.protocols.pki import Replica
from milagro.protocols.sharing import KeyRing, deal, issuing
from milagro.protocols.signatures import SigningKey
from milagro.roles import logs
from milagro.roles.config import LogConfig
from milagro.roles.correspondence.directory import Directory
from milagro.roles.correspondence.keys import listed
from milagro.roles.dta.holdings import Holding
from milagro.roles.dta.issuing import Authorities, AuthorityTerms, IssuingNode, IssuingRecords, IssuingService
from milagro.roles.dta.issuing.records import Use
from milagro.roles.dta.issuing.tables import SCHEMA
from milagro.roles.dta.issuing.watermark import Watermark
from milagro.roles.issuance import seal_ticket
from milagro.roles.issuance.messages import IssueRequest
from milagro.roles.issuance.requests import seal_answer
from milagro.stores.content.memory import MemoryStore
from milagro.stores.state import State

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "benchmarks"
NETWORK, NOW, REALM = CID.of(b"bench"), 1_800_000_000, "login.example"
THRESHOLD, COUNT = 3, 5
MOST = 10**9


class _Hand:
    """The holding of one node."""

    def __init__(self, share: sharing.KeyShare) -> None:
        self._share = share

    def current(self) -> Holding:
        return Holding(self._share, None)

    def find(self, key_id: bytes, _now: int) -> Holding:
        if key_id != self._share.key.key_id:
            raise Expired
        return self.current()

    def public(self, _now: int) -> KeyRing:
        return KeyRing(self._share.key)


class Dta:
    """One D-TA of five, an authority, and holders with requests that were not sent yet."""

    def __init__(self, folder: Path, curve_name: str) -> None:
        self.suite = Suite(curve(curve_name, backend="native"), slot=timedelta(hours=1))
        self.share = deal(
            sharing.Suite(self.suite.curve),
            self.suite.curve.random_scalar(secrets.token_bytes),
            THRESHOLD,
            COUNT,
            secrets.token_bytes,
        )[0]
        self.nodes = [PrivateKeys.generate(secrets.token_bytes) for _ in range(COUNT)]
        self.authority = PrivateKeys.generate(secrets.token_bytes)
        control, following = (SigningKey.generate(secrets.token_bytes) for _ in range(2))
        block = pki.create(control, following.public, 1, [pki.AddKey(key) for key in listed(self.authority.public)])
        replica, directory = Replica(block.cid), Directory(MemoryStore())
        replica.add(block.octets)
        directory.add(replica)
        self.terms = AuthorityTerms(
            block.cid, frozenset({REALM}), per_hour=MOST, per_day=MOST, identity_per_day=dict.fromkeys(Purpose, MOST)
        )
        self.identity = CID.of(b"a node")
        state, mark = State(folder / "state.sqlite", SCHEMA), Watermark(folder / "state.mark")
        self.records = IssuingRecords(state, mark, self.identity, NETWORK, NOW)
        node = IssuingNode(self.identity, NETWORK, self.suite, self.nodes[0].signing, [self.nodes[0].encryption])
        self.service = IssuingService(
            node, _Hand(self.share), Authorities([self.terms], directory), self.records, lambda: NOW
        )
        self.reply = EncryptionKey.generate(secrets.token_bytes)

    def asked(self) -> tuple[Ticket, Asked, IssueRequest, Identity]:
        """A new holder with a ticket and a request."""
        key = Ed25519Key.generate(secrets.token_bytes)
        holder = Identity.create(self.suite, REALM, "alice", "laptop", key, NOW, secrets.token_bytes)
        ids = holder.digest(), self.share.key.key_id
        ticket = Ticket.fresh(NETWORK, Purpose.CLIENT_SHARE, *ids, NOW, secrets.token_bytes)
        recipients = [node.public.encryption for node in self.nodes]
        sealed = seal_ticket(ticket, self.authority.signing, recipients, secrets.token_bytes)
        asked = Asked(NETWORK, self.identity, sealed, self.reply.public.octets, holder.to_bytes())
        request = IssueRequest(
            ticket=sealed, identity=asked.identity, reply_to=asked.reply, signature=key.sign(asked.statement)
        )
        return ticket, asked, request, holder

    def parts(self) -> dict[str, Callable[[Any], object]]:
        """What is measured: each takes what `asked` gives."""
        E, random = self.suite.curve, secrets.token_bytes
        k = E.random_scalar(random)

        def bare(one: Any) -> object:
            A = self.suite.hash_identity(one[3])
            return self.share.value * A, self.share.value * E.g1, k * A, k * E.g1

        def share(one: Any) -> object:
            return issuing.issue_client_share(self.share, self.suite.hash_identity(one[3]), random, one[1].digest)

        def seal(one: Any) -> object:
            issued = Issued(Purpose.CLIENT_SHARE, self.share.key.key_id, 0, bytes(500))
            return seal_answer(one[1], issued, self.nodes[0].signing, [self.reply.public], NOW, random)

        return {
            "group operations": bare,
            "share with its proof": share,
            "ticket and request checked": lambda one: self.service._checker.check(one[1], one[2].signature, NOW),
            "spent, counted and logged": lambda one: self.records.use(
                Use(one[0], self.terms, secrets.token_bytes(32), 0), NOW
            ),
            "answer sealed": seal,
            "whole": lambda one: self.service.issue(one[2]),
        }


def measure(count: int, curve_name: str = "BLS12-381") -> dict[str, Any]:
    """Processor time and time of each part, in milliseconds for one request: the median of `count`."""
    with tempfile.TemporaryDirectory() as folder:
        dta = Dta(Path(folder), curve_name)
        parts = dta.parts()
        processor: dict[str, list[float]] = {name: [] for name in parts}
        passed: dict[str, list[float]] = {name: [] for name in parts}
        for _ in range(count):
            for name, run in parts.items():
                one = dta.asked()
                before = time.process_time(), time.perf_counter()
                run(one)
                processor[name].append(time.process_time() - before[0])
                passed[name].append(time.perf_counter() - before[1])
        together = _together(dta, count)
        dta.service.close()
    return {
        "curve": curve_name,
        "requests": count,
        "together": together,
        "processor": {name: 1000 * sorted(times)[count // 2] for name, times in processor.items()},
        "passed": {name: 1000 * sorted(times)[count // 2] for name, times in passed.items()},
    }


def _together(dta: Dta, count: int) -> dict[str, float]:
    """Requests answered in a second, so many asked at once."""
    rates = {}
    for threads in (1, 16):
        requests = [dta.asked()[2] for _ in range(count)]
        with ThreadPoolExecutor(threads) as pool:
            before = time.perf_counter()
            list(pool.map(dta.service.issue, requests))
            rates[str(threads)] = count / (time.perf_counter() - before)
    return rates


def page(found: dict[str, Any]) -> str:
    """The figures as a page."""
    processor, passed = found["processor"], found["passed"]
    gain = found["together"]["16"] / found["together"]["1"]
    bare = processor["group operations"]
    rows = [
        f"| {name} | {processor[name]:.2f} ms | {processor[name] / bare:.1f} | {passed[name]:.2f} ms |"
        for name in processor
    ]
    lines = [
        "# Cost of issuing",
        "",
        f"Recorded by `python -m bench.issuing` on {found['curve']}: one D-TA of 3 of 5, {found['requests']} requests",
        "for a client share, each with a ticket of its own; medians. The group operations are one hash to the curve",
        "and four products by secrets: the share, and what proves it.",
        "",
        "| one request | processor time | against the group operations | time |",
        "|---|---|---|---|",
        *rows,
        "",
        f"That is {1000 / processor['whole']:.0f} shares a second and core. Most of the rest is post-quantum: two",
        "signatures of Ed25519 and ML-DSA-65 are verified and one is made, ML-KEM-768 is opened and sealed.",
        "",
        "Time is more than processor time where the disk is waited for, once for the database and once for the",
        f"watermark. Requests that come together share that wait: 16 at once were {gain:.1f} times as many a second",
        "as one after the other, on a machine that had other work.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("--count", type=int, default=200)
    chosen = parser.parse_args()
    with Path(os.devnull).open("w", encoding="utf-8") as log, contextlib.redirect_stderr(log):
        logs.configure(LogConfig("info", "json"), "bench")  # lines are made as a server makes them
        found = measure(chosen.count)
    (chosen.out / "issuing.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (chosen.out / "issuing.md").write_text(page(found), encoding="utf-8")


if __name__ == "__main__":
    main()
