"""The cost of sharing: key generations for several n, and the verification of many shares.

    python -m bench.sharing [--out docs/benchmarks] [--sizes 3/5,5/9,10/20,20/40]

writes sharing.json, and from it sharing.md and sharing.svg.

All parties of a run live in this process, without a network and without seals; the clock counts processor time, and a
time of a run is divided by n: it is what one party computes. Every message is signed with Ed25519 and verified.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from bench.logins import random_from
from milagro.groups import curve
from milagro.protocols.sharing import dleq, issuing, octet_shares
from milagro.protocols.sharing.commitments import Opening, check_openings, commit, fits
from milagro.protocols.sharing.runs.generation import KeyGeneration
from milagro.protocols.sharing.runs.roster import Member, Outgoing, Roster
from milagro.protocols.sharing.runs.transcript import Outcome
from milagro.protocols.sharing.shamir import evaluate
from milagro.protocols.sharing.shared_key import deal
from milagro.protocols.sharing.suite import Suite

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "benchmarks"
SIZES = ((3, 5), (5, 9), (10, 20), (20, 40))
SHARES = 1000
SESSION = hashlib.sha256(b"bench").digest()

clock = time.process_time


class Keys:
    """Ed25519 signatures, and seals that are none."""

    def __init__(self, index: int) -> None:
        self.key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"%d" % index).digest())
        self._known: dict[bytes, Ed25519PublicKey] = {}

    def sign(self, message: bytes) -> bytes:
        return self.key.sign(message)

    def verify(self, member: Member, message: bytes, signature: bytes) -> None:
        if member.public_key not in self._known:
            self._known[member.public_key] = Ed25519PublicKey.from_public_bytes(member.public_key)
        self._known[member.public_key].verify(signature, message)

    def seal(self, member: Member, plaintext: bytes) -> bytes:
        return plaintext

    def open(self, member: Member, sealed: bytes) -> bytes:
        return sealed


def parties(suite: Suite, threshold: int, count: int) -> list[KeyGeneration]:
    """The members of a key generation."""
    keys = {index: Keys(index) for index in range(1, count + 1)}
    members = [Member(i, f"member {i}", one.key.public_key().public_bytes_raw()) for i, one in keys.items()]
    roster = Roster.create(members, threshold)
    return [KeyGeneration.create(suite, roster, SESSION, i, one, random_from(f"dkg {i}")) for i, one in keys.items()]


def generate(members: list[KeyGeneration]) -> list[Outcome]:
    """Runs them to the end, all in step."""
    mail = [(party, party.begin()) for party in members]
    while not all(party.over for party in members):
        for sender, sent in mail:
            for one in sent:
                _deliver(members, sender, one)
        mail = [(party, _next(party)) for party in members]
    return [party.outcome for party in members]


def _deliver(members: list[KeyGeneration], sender: KeyGeneration, one: Outgoing) -> None:
    for party in members if one.to is None else [members[one.to - 1]]:
        if party is not sender:
            party.receive(one.octets)


def _next(party: KeyGeneration) -> list[Outgoing]:
    sent = party.end_step()
    if party.recovery_file is not None and party.place == (party.CONFIRM, 1):
        sent = [*sent, *party.recovery_stored()]
    return sent


Case = tuple[Callable[[], object], int]


def verifications(suite: Suite, count: int = SHARES) -> dict[str, Case]:
    """Ways to verify many shares: what to run, and how many are verified by it."""
    E, random = suite.curve, random_from("shares")
    f = [E.random_scalar(random) for _ in range(20)]
    known = commit(suite, f)
    openings = [Opening(known, i, evaluate(E, f, i)) for i in range(1, count + 1)]
    few = openings[:20]
    A = E.hash_to_g1(b"alice", b"MILAGRO-BENCH-V01")
    holders = deal(suite, E.random_scalar(random), 20, 40, random)
    client = [dleq.prove_equal(suite, holders[i % 40].value, A, b"", random) for i in range(count)]
    server = [issuing.issue_server_share(holder) for holder in holders]
    return {
        "shares, one by one": (lambda: [fits(suite, known, one.index, one.value) for one in few], len(few)),
        f"{count} shares of one dealer": (lambda: check_openings(suite, openings, random), count),
        "client shares, one by one": (lambda: [dleq.verify_equal(suite, *one) for one in client[:20]], 20),
        f"{count} client shares": (lambda: dleq.verify_equal_batch(suite, client, random), count),
        "40 server shares": (lambda: issuing.check_server_shares(holders[0].key, server, random), 40),
    }


def octets(size: int = 1 << 20) -> dict[str, Case]:
    """Sharing of a mebibyte over GF(256), 3 of 5."""
    random = random_from("octets")
    secret = random(size)
    shares = octet_shares.split(secret, 3, 5, random)[2:]
    return {
        "share 1 MiB, 3 of 5": (lambda: octet_shares.split(secret, 3, 5, random), 1),
        "recover 1 MiB from 3": (lambda: octet_shares.combine(shares), 1),
    }


def milliseconds(run: Callable[[], object], items: int, rounds: int = 3) -> float:
    """Processor time of the quickest round, for one item."""
    times = []
    for _ in range(rounds):
        start = clock()
        run()
        times.append(clock() - start)
    return 1000 * min(times) / items


def measure(name: str, sizes: tuple[tuple[int, int], ...]) -> dict[str, Any]:
    """The times on one curve, in milliseconds."""
    suite = Suite(curve(name, backend="native"))
    runs: dict[str, float] = {}
    for threshold, count in sizes:
        members = parties(suite, threshold, count)
        runs[f"{threshold} of {count}"] = milliseconds(lambda members=members: generate(members), count, 1)
    cases = {**verifications(suite), **octets()}
    return {
        "curve": name,
        "key generation, one party": runs,
        "one share": {case: milliseconds(*work) for case, work in cases.items()},
    }


def page(found: dict[str, Any]) -> str:
    """The figures as a page."""
    runs, shares = found["key generation, one party"], found["one share"]
    rows = [f"| {size} | {time:.0f} ms |" for size, time in runs.items()]
    more = [f"| {case} | {1000 * time:.0f} µs |" for case, time in shares.items()]
    return "\n".join(
        [
            "# Cost of sharing",
            "",
            f"Recorded by `python -m bench.sharing` on {found['curve']}. Times are processor time, from Python.",
            "",
            "A whole key generation, all honest, as one party computes it. What others send is verified; nothing is",
            "sealed:",
            "",
            "| t of n | one party |",
            "|---|---|",
            *rows,
            "",
            "![Cost of a key generation against n](sharing.svg)",
            "",
            "A party verifies n bundles in each of n - t + 1 steps of five phases, so with t = n / 2 the time grows",
            "with the square of n. A roster that allows fewer faults has fewer steps.",
            "",
            "| one of | time |",
            "|---|---|",
            *more,
            "",
        ]
    )


def plot(found: dict[str, Any], out: Path) -> None:
    """The cost curve in n."""
    from bench import plots  # noqa: PLC0415  - needs the extra `bench`

    runs = {int(size.split(" of ")[1]): time for size, time in found["key generation, one party"].items()}
    sizes, times = sorted(runs), [1000 * runs[n] for n in sorted(runs)]
    with plots.mpl.rc_context(plots.STYLE):
        drawing, axes = plots.figure()
        axes.plot(sizes, times, color=plots.ORANGE, marker="s", linewidth=2)
        plots.end_label(axes, sizes[-1], times[-1], plots.duration(round(times[-1], -4)), plots.ORANGE)
        plots.sizes_axis(axes, sizes, "parties")
        plots.time_axis(axes, "time of one party", min(times), max(times))
        axes.set_title("A key generation costs a party the square of the number of parties")
        drawing.savefig(out, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("--sizes", default=",".join(f"{t}/{n}" for t, n in SIZES))
    parser.add_argument("--curve", default="BLS12-381")
    chosen = parser.parse_args()
    sizes = tuple((int(t), int(n)) for t, n in (one.split("/") for one in chosen.sizes.split(",")))
    found = measure(chosen.curve, sizes)
    (chosen.out / "sharing.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (chosen.out / "sharing.md").write_text(page(found), encoding="utf-8")
    plot(found, chosen.out / "sharing.svg")


if __name__ == "__main__":
    main()
