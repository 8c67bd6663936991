"""What an operator sees of a network: read from the node's database, so also while the server is down.

Spec: spec/dta-network.md, Status
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from milagro.protocols import pki
from milagro.protocols.sharing import KeyRing
from milagro.roles.charter import Charter, CharterFile
from milagro.roles.dta.network.memory import UP_SECONDS
from milagro.roles.dta.network.records import RESTORED
from milagro.roles.switches import Proposal, read

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from milagro.cid import CID
    from milagro.protocols.sharing import SharedKey
    from milagro.roles.dta.network.config import NodeConfig
    from milagro.roles.dta.network.records import NetworkTables, ProposalRow
    from milagro.stores.state import State


@dataclass(frozen=True, slots=True)
class MemberStatus:
    """One member: who it is, whether it holds a share, when it was heard, and why it cannot be reached."""

    index: int
    name: str
    did: str
    url: str
    me: bool
    holds: bool
    up: bool
    heard: int
    reached: int
    fault: str


@dataclass(frozen=True, slots=True)
class ProposalStatus:
    """One proposal that is open: whether this operator consents, which attempt it is at, and who is ready or not."""

    id: str
    kind: str
    state: str
    attempt: int
    ready: list[str]
    waiting_for: list[str]
    reason: str


@dataclass(frozen=True, slots=True)
class NetworkStatus:
    """All of it; `tolerance` is how many holders that are up may still fail before nothing is issued."""

    node: str
    did: str
    network: str
    name: str
    charter: int
    threshold: int
    curve: str
    epoch: int | None
    key_id: str
    holds_share: bool
    retiring: list[dict[str, Any]]
    members: list[MemberStatus]
    holders_up: int
    tolerance: int | None
    run: dict[str, Any] | None
    in_doubt: bool
    proposals: list[ProposalStatus]
    waiting_commands: list[str]
    unsent_letters: int
    recovering: bool
    notes: list[dict[str, Any]] = field(default_factory=list)
    restored: bool = False

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)

    def text(self, now: float | None = None) -> str:
        """The same for a person."""
        return "\n".join(_lines(self, time.time() if now is None else now))


def read_status(state: State, tables: NetworkTables, config: NodeConfig, me: CID, now: float) -> NetworkStatus:
    """What the database of a node says.

    Raises: Unavailable, StoreError
    """
    with state.read() as connection:  # one moment of everything
        return _read(connection, tables, config, me, now)


def _read(connection: Connection, tables: NetworkTables, config: NodeConfig, me: CID, now: float) -> NetworkStatus:
    from milagro.roles.dta.network.node import sharing_suite  # noqa: PLC0415 - the node shows its status as well

    charter = _charter(connection, tables)
    octets = tables.fact(connection, "ring")
    ring = KeyRing.from_bytes(sharing_suite(charter.curve), octets) if octets and charter else None
    key = ring.current if ring else None
    shares = tables.shares(connection, "current")
    holds = key is not None and any(row.set_id == key.set_id for row in shares)
    members = _members(charter, key, tables.members(connection), me, holds, now)
    up = sum(one.up and one.holds for one in members)
    progress = tables.fact(connection, "progress")
    names = {str(seat.identity): seat.name for seat in charter.seats} if charter else {}
    return NetworkStatus(
        node=config.name,
        did=pki.did_of(me),
        network=str(charter.network) if charter else "",
        name=charter.name if charter else "",
        charter=charter.number if charter else 0,
        threshold=charter.threshold if charter else 0,
        curve=charter.curve if charter else "",
        epoch=key.epoch if key else None,
        key_id=key.key_id.hex() if key else "",
        holds_share=holds,
        retiring=[{"key_id": old.key_id.hex(), "until": until} for old, until in ring.at(int(now)).retiring]
        if ring
        else [],
        members=members,
        holders_up=up,
        tolerance=up - key.threshold if key else None,
        run=json.loads(progress) if progress else None,
        in_doubt=bool(tables.shares(connection, "pending")) and not progress,
        proposals=[
            _proposal(row, read(row.octets), tables.ready(connection, row.id))
            for row in tables.proposals(connection, "seen", "approved", "failed")
        ],
        waiting_commands=[kind for _, kind, _ in tables.intents(connection)],
        unsent_letters=len(tables.outgoing(connection, 1000)),
        recovering=tables.fact(connection, "lost") is not None,
        notes=[
            {"at": at, "member": names.get(who, who), "text": text} for at, who, text in tables.notes(connection, 20)
        ],
        restored=tables.fact(connection, RESTORED) is not None,
    )


def _charter(connection: Connection, tables: NetworkTables) -> Charter | None:
    octets = tables.fact(connection, "charter")
    if octets is not None:
        return Charter.from_bytes(octets)
    for _, kind, value in tables.intents(connection):
        if kind in ("join", "join again"):
            return CharterFile.from_bytes(value).charter
    return None


def _members(
    charter: Charter | None,
    key: SharedKey | None,
    noted: Mapping[str, Mapping[str, Any]],
    me: CID,
    holds: bool,
    now: float,
) -> list[MemberStatus]:
    made = []
    for seat in charter.seats if charter else ():
        known = noted.get(str(seat.identity), {"heard": 0, "reached": 0, "fault": ""})
        mine, did = seat.identity == me, pki.did_of(seat.identity)
        up = mine or (max(known["reached"], known["heard"]) >= now - UP_SECONDS and not known["fault"])
        holder = holds if mine else key is not None and seat.index in key.holders
        times = known["heard"], known["reached"], known["fault"]
        made.append(MemberStatus(seat.index, seat.name, did, seat.url, mine, holder, up, *times))
    return made


def _proposal(row: ProposalRow, proposal: Proposal, said: Mapping[str, tuple[int, int]]) -> ProposalStatus:
    seats = {seat.identity: seat for one in (proposal.before, proposal.charter) for seat in one.seats}
    taking_part = list(seats.values())
    if proposal.kind == "repair":
        taking_part = [one for one in taking_part if one.index in {*proposal.helpers, proposal.lost}]
    ready = [one.name for one in taking_part if said.get(str(one.identity), (-1, 0))[0] == row.attempt]
    missing = [one.name for one in taking_part if one.name not in ready]
    return ProposalStatus(
        row.id.hex()[:12], proposal.kind, row.state, row.attempt + 1, sorted(ready), sorted(missing), row.reason
    )


# -- for a person ------------------------------------------------------------------------------------------------------
def _lines(status: NetworkStatus, now: float) -> list[str]:
    lines = [f"{status.node}  {status.did}"]
    if not status.network:
        lines.append("in no network yet: `milagro dta network create` or `join`")
    else:
        lines += [f"network {status.name!r}  {status.network}", *_key_lines(status), *_member_lines(status, now)]
    lines += [*_run_lines(status, now), *_proposal_lines(status)]
    if status.recovering:
        lines.append("the database was lost: asking the others where this node's own log ends")
    if status.restored:
        lines.append("back from a backup: issues nothing until more than f other members say that they are at this key")
    if status.waiting_commands:
        lines.append(f"left for the server to take up: {', '.join(status.waiting_commands)}")
    if status.notes:
        lines.append("notes, newest first:")
        lines += [
            f"  {_ago(now, note['at']):>10}  {note['member']}  {note['text']}".rstrip() for note in status.notes[:8]
        ]
    return lines


def _key_lines(status: NetworkStatus) -> list[str]:
    size = f"{status.threshold}-of-{len(status.members)}"
    if status.epoch is None:
        return [f"{size} on {status.curve}, charter {status.charter}: no key yet"]
    lines = [f"{size} on {status.curve}, charter {status.charter}: key {status.key_id[:16]}, epoch {status.epoch}"]
    if not status.holds_share:
        lines.append("THIS NODE HAS NO SHARE of the key: `milagro dta network repair`, or wait for a refresh")
    lines += [f"old key {one['key_id'][:16]} is accepted until {_when(one['until'])}" for one in status.retiring]
    if status.tolerance is None or status.tolerance < 0:
        lines.append(f"failure tolerance: NONE, {status.holders_up} holders are up and {status.threshold} are needed")
    else:
        lines.append(f"failure tolerance: {status.tolerance} more may fail ({status.holders_up} holders are up)")
    return lines


def _member_lines(status: NetworkStatus, now: float) -> list[str]:
    lines = []
    for one in status.members:
        share = "share" if one.holds else "no share"
        if one.me:
            state = "this node"
        elif one.up:
            state = f"up, last heard {_ago(now, max(one.heard, one.reached))}"
        else:
            state = f"MISSING, last heard {_ago(now, max(one.heard, one.reached))}" + (
                f": {one.fault}" if one.fault else ""
            )
        lines.append(f"  {one.index:>3}  {one.name:<16} {share:<9} {state}")
    return lines


def _run_lines(status: NetworkStatus, now: float) -> list[str]:
    if status.in_doubt:
        return ["a run that this node confirmed has not ended for it: asking the others what came of it"]
    run = status.run
    if run is None:
        return []
    left = max(0, run["step_ends"] - int(now))
    waiting = f", waiting for {', '.join(run['waiting_for'])} ({left} s left)" if run["waiting_for"] else ""
    place = f"phase {run['phase']}, step {run['step']}"
    return [f"running: {run['kind']}, attempt {run['attempt']}, {place}{waiting}"]


def _proposal_lines(status: NetworkStatus) -> list[str]:
    lines = []
    for one in status.proposals:
        if one.state == "seen":
            what = f"asks for your consent: `milagro dta network approve {one.id}`"
        elif one.state == "failed":
            what = f"failed: {one.reason}"
        else:
            ready, missing = ", ".join(one.ready) or "nobody", ", ".join(one.waiting_for) or "nobody"
            what = f"attempt {one.attempt}; ready: {ready}; not ready: {missing}"
        lines.append(f"proposed: {one.kind} {one.id}  {what}")
    return lines


def _ago(now: float, at: int) -> str:
    seconds = int(now) - at
    if at == 0:
        return "never"
    for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {name} ago"
    return f"{max(0, seconds)} s ago"


def _when(at: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at))
