"""What a node remembers, as tables in the database of its D-TA.

dtanet_fact          one value a name: charter, key, what waits for endorsements
dtanet_proposal      what was proposed, whether this node's operator consents, how far it is
dtanet_ready         who is ready for which attempt
dtanet_run           the run in progress; dtanet_event what happened in it, sealed; dtanet_kept messages of later steps
dtanet_share         shares and recovery files, sealed
dtanet_step          every switch of the network, with its proof
dtanet_verdict       what members say of a run in doubt; dtanet_release the runs that this node will never confirm
dtanet_endorsement   signatures under the succession of a key
dtanet_outgoing      letters that are to be sent
dtanet_intent        what the operator wants, until the node takes it up
dtanet_member        when a member was last heard, and whether it can be reached
dtanet_note          what an operator should know
dtanet_whereabouts   at which key the members say they are, while this node comes back from a backup

Spec: spec/dta-network.md, What a node keeps
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from milagro.stores.state import put

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import Connection

KEPT_MESSAGES: Final = 64  # of one member and one run
_KEPT_NOTES: Final = 200
_BIG: Final = BigInteger().with_variant(Integer, "sqlite")  # so that SQLite numbers the rows by itself
RESTORED: Final = "restored"  # the fact that a node comes back from a backup: the nonce of its question


@dataclass(frozen=True, slots=True)
class ProposalRow:
    """A proposal as it stands: seen, approved, done, stale or failed; `attempt` is the one that this node is in."""

    id: bytes
    octets: bytes
    state: str
    attempt: int
    reason: str
    at: int


@dataclass(frozen=True, slots=True)
class RunRow:
    """The run in progress."""

    id: bytes
    proposal: bytes
    attempt: int
    begun_at: float
    step_at: float


@dataclass(frozen=True, slots=True)
class ShareRow:
    """A sealed share (`current`, `retiring` until a time) or recovery file (`pending`)."""

    set_id: bytes
    state: str
    key_id: bytes
    epoch: int
    until: int | None
    run: bytes
    proposal: bytes
    attempt: int
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A letter that is to be sent."""

    id: int
    to: str
    payload: bytes = field(repr=False)


class NetworkTables:
    """The tables, added to `metadata`, which may hold the caller's own as well."""

    def __init__(self, metadata: MetaData) -> None:
        def table(name: str, *columns: Column[Any]) -> Table:
            return Table(f"dtanet_{name}", metadata, *columns)

        def octets(name: str, **options: Any) -> Column[bytes]:
            return Column(name, LargeBinary, nullable=False, **options)

        def number(name: str, **options: Any) -> Column[int]:
            return Column(name, BigInteger, nullable=False, **options)

        def key(name: str, kind: Any = LargeBinary) -> Column[Any]:
            return Column(name, kind, primary_key=True)

        def serial() -> Column[int]:
            return Column("id", _BIG, primary_key=True, autoincrement=True)

        def words(name: str) -> Column[str]:
            return Column(name, Text, nullable=False)

        self._fact = table("fact", key("name", Text), octets("value"))
        self._proposal = table(
            "proposal", key("id"), octets("octets"), words("state"), number("attempt"), words("reason"), number("at")
        )
        self._ready = table("ready", key("proposal"), key("member", Text), number("attempt"), number("at"))
        self._run = table("run", key("id"), octets("proposal"), number("attempt"), words("begun_at"), words("step_at"))
        self._event = table("event", key("run"), key("number", Integer), octets("sealed"))
        self._kept = table(
            "kept", serial(), octets("run", index=True), number("sender"), number("phase"), number("step"),
            octets("octets"),
        )  # fmt: skip
        self._share = table(
            "share", key("set_id"), words("state"), octets("key_id"), number("epoch"),
            Column("until", BigInteger), octets("run"), octets("proposal"), number("attempt"), octets("sealed"),
        )  # fmt: skip
        self._step = table("step", serial(), octets("set_id"), number("epoch"), octets("octets"))
        self._verdict = table("verdict", key("run"), key("member", Integer), octets("statement"), octets("signature"))
        self._release = table("release", key("run"))
        self._endorsement = table(
            "endorsement", key("proposal"), key("attempt", Integer), key("member", Integer), octets("signature")
        )
        self._outgoing = table("outgoing", serial(), words("to"), octets("payload"))
        self._intent = table("intent", serial(), words("kind"), octets("value"), number("at"))
        self._member = table(
            "member", key("identity", Text), number("heard"), number("reached"), number("asked"), words("fault")
        )
        fact, share = self._fact.c, self._share.c
        standing = or_(fact.name == "ring", fact.name == "charter", fact.name == RESTORED)
        self._standing = select(fact.name, fact.value).where(standing)
        self._in_use = select(self._share).where(or_(share.state == "current", share.state == "retiring"))
        self._note = table("note", serial(), number("at"), words("member"), words("text"))
        self._whereabouts = table("whereabouts", key("member", Text), octets("set_id"))

    # -- facts --------------------------------------------------------------------------------------------------------
    def fact(self, connection: Connection, name: str) -> bytes | None:
        """The value under a name."""
        return connection.execute(select(self._fact.c.value).where(self._fact.c.name == name)).scalar_one_or_none()

    def set_fact(self, connection: Connection, name: str, value: bytes | None) -> None:
        """Puts a value under a name, or takes it away."""
        connection.execute(delete(self._fact).where(self._fact.c.name == name))
        if value is not None:
            connection.execute(insert(self._fact).values(name=name, value=value))

    # -- proposals ----------------------------------------------------------------------------------------------------
    def add_proposal(self, connection: Connection, row: ProposalRow) -> bool:
        """Remembers a proposal; whether it was not known."""
        if self.proposal(connection, row.id) is not None:
            return False
        names = ("id", "octets", "state", "attempt", "reason", "at")
        connection.execute(insert(self._proposal).values({name: getattr(row, name) for name in names}))
        return True

    def proposal(self, connection: Connection, digest: bytes) -> ProposalRow | None:
        """The proposal with this id."""
        row = connection.execute(select(self._proposal).where(self._proposal.c.id == digest)).one_or_none()
        return None if row is None else ProposalRow(*row)

    def proposals(self, connection: Connection, *states: str) -> list[ProposalRow]:
        """All proposals, or those in these states, in the order of their ids."""
        query = select(self._proposal).order_by(self._proposal.c.id)
        if states:
            query = query.where(self._proposal.c.state.in_(states))
        return [ProposalRow(*row) for row in connection.execute(query)]

    def change_proposal(self, connection: Connection, digest: bytes, **values: Any) -> None:
        """Changes columns of a proposal."""
        connection.execute(update(self._proposal).where(self._proposal.c.id == digest).values(**values))

    # -- readiness ----------------------------------------------------------------------------------------------------
    def set_ready(self, connection: Connection, proposal: bytes, member: str, attempt: int, at: int) -> None:
        """Notes for which attempt a member is ready."""
        column = self._ready.c
        connection.execute(delete(self._ready).where(column.proposal == proposal, column.member == member))
        connection.execute(insert(self._ready).values(proposal=proposal, member=member, attempt=attempt, at=at))

    def ready(self, connection: Connection, proposal: bytes) -> dict[str, tuple[int, int]]:
        """Attempt and time by the members' names."""
        column = self._ready.c
        query = select(column.member, column.attempt, column.at).where(column.proposal == proposal)
        return {row.member: (row.attempt, row.at) for row in connection.execute(query)}

    # -- the run in progress ------------------------------------------------------------------------------------------
    def run(self, connection: Connection) -> RunRow | None:
        """The run in progress; there is one at most."""
        row = connection.execute(select(self._run)).one_or_none()
        return None if row is None else RunRow(row[0], row[1], row[2], float(row[3]), float(row[4]))

    def begin_run(self, connection: Connection, row: RunRow) -> None:
        """Notes that a run has begun."""
        values = {"id": row.id, "proposal": row.proposal, "attempt": row.attempt}
        times = {"begun_at": repr(row.begun_at), "step_at": repr(row.step_at)}
        connection.execute(insert(self._run).values(values | times))

    def step_of_run(self, connection: Connection, run: bytes, at: float) -> None:
        """Notes when the current step began."""
        connection.execute(update(self._run).where(self._run.c.id == run).values(step_at=repr(at)))

    def end_run(self, connection: Connection, run: bytes) -> None:
        """Forgets a run with all that happened in it."""
        connection.execute(delete(self._run).where(self._run.c.id == run))
        connection.execute(delete(self._event).where(self._event.c.run == run))
        connection.execute(delete(self._kept).where(self._kept.c.run == run))

    def add_event(self, connection: Connection, run: bytes, number: int, sealed: bytes) -> None:
        """Keeps what happened."""
        connection.execute(insert(self._event).values(run=run, number=number, sealed=sealed))

    def events(self, connection: Connection, run: bytes) -> list[bytes]:
        """What happened, in its order."""
        query = select(self._event.c.sealed).where(self._event.c.run == run).order_by(self._event.c.number)
        return list(connection.execute(query).scalars())

    def event_count(self, connection: Connection, run: bytes) -> int:
        """How much happened."""
        query = select(func.count()).where(self._event.c.run == run)
        return connection.execute(query).scalar_one()

    def keep(self, connection: Connection, run: bytes, sender: int, place: tuple[int, int], octets: bytes) -> None:
        """Keeps a message whose step has not come, unless its sender has too many kept."""
        column = self._kept.c
        of_sender = select(func.count()).where(column.run == run, column.sender == sender)
        if connection.execute(of_sender).scalar_one() < KEPT_MESSAGES:
            values = {"run": run, "sender": sender, "phase": place[0], "step": place[1], "octets": octets}
            connection.execute(insert(self._kept).values(values))

    def kept(self, connection: Connection, run: bytes, place: tuple[int, int]) -> list[bytes]:
        """The messages kept for a step, in the order in which they came."""
        column = self._kept.c
        query = select(column.octets).where(column.run == run, column.phase == place[0], column.step == place[1])
        return list(connection.execute(query.order_by(column.id)).scalars())

    def senders_kept(self, connection: Connection, run: bytes) -> set[int]:
        """Who has sent messages that are kept."""
        return set(connection.execute(select(self._kept.c.sender).where(self._kept.c.run == run)).scalars())

    def forget_kept(self, connection: Connection) -> None:
        """Lets go of the messages of runs that are not in progress."""
        running = select(self._run.c.id)
        connection.execute(delete(self._kept).where(self._kept.c.run.not_in(running)))

    # -- shares -------------------------------------------------------------------------------------------------------
    def shares(self, connection: Connection, *states: str) -> list[ShareRow]:
        """The shares in these states."""
        query = select(self._share).where(self._share.c.state.in_(states))
        return [ShareRow(*row) for row in connection.execute(query)]

    def holdings(self, connection: Connection) -> tuple[dict[str, bytes], list[ShareRow]]:
        """The facts `ring`, `charter`, RESTORED where they are there, and the shares in use: asked for at each use."""
        facts = {name: bytes(value) for name, value in connection.execute(self._standing)}
        return facts, [ShareRow(*row) for row in connection.execute(self._in_use)]

    def put_share(self, connection: Connection, row: ShareRow) -> None:
        """Keeps a share, in the place of one of the same set."""
        connection.execute(delete(self._share).where(self._share.c.set_id == row.set_id))
        names = [column.name for column in self._share.columns]
        connection.execute(insert(self._share).values({name: getattr(row, name) for name in names}))

    def forget_shares(self, connection: Connection, *states: str) -> None:
        """Deletes the shares in these states."""
        connection.execute(delete(self._share).where(self._share.c.state.in_(states)))

    def retire_share(self, connection: Connection, set_id: bytes, until: int) -> None:
        """Keeps the current share until the overlap ends."""
        connection.execute(
            update(self._share).where(self._share.c.set_id == set_id).values(state="retiring", until=until)
        )

    def forget_expired(self, connection: Connection, now: int) -> None:
        """Deletes the shares whose overlap has ended."""
        column = self._share.c
        connection.execute(delete(self._share).where(column.state == "retiring", column.until <= now))

    # -- steps --------------------------------------------------------------------------------------------------------
    def add_step(self, connection: Connection, set_id: bytes, epoch: int, octets: bytes) -> None:
        """Remembers a switch."""
        connection.execute(insert(self._step).values(set_id=set_id, epoch=epoch, octets=octets))

    def steps_after(self, connection: Connection, set_id: bytes, limit: int) -> list[bytes]:
        """The switches after the one to this set id, or from the first, oldest first; none if it is not known."""
        column, after = self._step.c, 0
        if set_id:
            found = connection.execute(select(column.id).where(column.set_id == set_id)).scalar_one_or_none()
            base = self.fact(connection, "base")
            if found is None and base != set_id:
                return []
            after = found or 0
        query = select(column.octets).where(column.id > after).order_by(column.id).limit(limit)
        return list(connection.execute(query).scalars())

    # -- doubt --------------------------------------------------------------------------------------------------------
    def set_verdict(self, connection: Connection, run: bytes, member: int, statement: bytes, signature: bytes) -> None:
        """Notes what a member says of a run."""
        column = self._verdict.c
        connection.execute(delete(self._verdict).where(column.run == run, column.member == member))
        values = {"run": run, "member": member, "statement": statement, "signature": signature}
        connection.execute(insert(self._verdict).values(values))

    def verdicts(self, connection: Connection, run: bytes) -> dict[int, tuple[bytes, bytes]]:
        """Statement and signature by member; both empty where it released the run."""
        query = select(self._verdict).where(self._verdict.c.run == run)
        return {row.member: (row.statement, row.signature) for row in connection.execute(query)}

    def release(self, connection: Connection, run: bytes) -> None:
        """Notes that this node will never confirm a run."""
        if not self.released(connection, run):
            connection.execute(insert(self._release).values(run=run))

    def released(self, connection: Connection, run: bytes) -> bool:
        """Whether this node said so."""
        return connection.execute(select(self._release.c.run).where(self._release.c.run == run)).first() is not None

    # -- endorsements -------------------------------------------------------------------------------------------------
    def endorse(self, connection: Connection, proposal: bytes, attempt: int, member: int, signature: bytes) -> None:
        """Keeps a member's signature under a succession."""
        column = self._endorsement.c
        same = (column.proposal == proposal, column.attempt == attempt, column.member == member)
        connection.execute(delete(self._endorsement).where(*same))
        values = {"proposal": proposal, "attempt": attempt, "member": member, "signature": signature}
        connection.execute(insert(self._endorsement).values(values))

    def endorsements(self, connection: Connection, proposal: bytes, attempt: int) -> dict[int, bytes]:
        """The signatures by member."""
        column = self._endorsement.c
        query = select(column.member, column.signature).where(column.proposal == proposal, column.attempt == attempt)
        return {row.member: row.signature for row in connection.execute(query.order_by(column.member))}

    # -- letters ------------------------------------------------------------------------------------------------------
    def post(self, connection: Connection, to: Iterable[str], payload: bytes) -> None:
        """Queues a letter to these identities."""
        names = " ".join(sorted(set(to)))
        if names:
            connection.execute(insert(self._outgoing).values(to=names, payload=payload))

    def outgoing(self, connection: Connection, limit: int = 64) -> list[Outgoing]:
        """The letters that are to be sent, oldest first."""
        query = select(self._outgoing).order_by(self._outgoing.c.id).limit(limit)
        return [Outgoing(*row) for row in connection.execute(query)]

    def sent(self, connection: Connection, number: int) -> None:
        """Takes a letter out of the queue."""
        connection.execute(delete(self._outgoing).where(self._outgoing.c.id == number))

    # -- the operator -------------------------------------------------------------------------------------------------
    def add_intent(self, connection: Connection, kind: str, value: bytes, at: int) -> None:
        """Leaves something for the node to take up."""
        connection.execute(insert(self._intent).values(kind=kind, value=value, at=at))

    def intents(self, connection: Connection) -> list[tuple[int, str, bytes]]:
        """What is to be taken up, oldest first."""
        column = self._intent.c
        rows = connection.execute(select(column.id, column.kind, column.value).order_by(column.id))
        return [(row.id, row.kind, row.value) for row in rows]

    def taken_up(self, connection: Connection, number: int) -> None:
        """Takes an intent away."""
        connection.execute(delete(self._intent).where(self._intent.c.id == number))

    # -- members and notes --------------------------------------------------------------------------------------------
    def note_member(self, connection: Connection, identity: str, **values: Any) -> None:
        """Notes when a member was heard (`heard`), asked (`asked`), answered (`reached`) and why not (`fault`)."""
        column = self._member.c.identity
        if connection.execute(update(self._member).where(column == identity).values(**values)).rowcount == 0:
            blank = {"identity": identity, "heard": 0, "reached": 0, "asked": 0, "fault": ""}
            connection.execute(insert(self._member).values(blank | values))

    def members(self, connection: Connection) -> dict[str, Mapping[str, Any]]:
        """What was noted, by identity."""
        return {row.identity: dict(row._mapping) for row in connection.execute(select(self._member))}

    def note(self, connection: Connection, at: int, member: str, text: str) -> None:
        """Leaves a note, in the place of the oldest where there are too many."""
        connection.execute(insert(self._note).values(at=at, member=member, text=text))
        newest = connection.execute(select(func.max(self._note.c.id))).scalar_one()
        connection.execute(delete(self._note).where(self._note.c.id <= newest - _KEPT_NOTES))

    def notes(self, connection: Connection, limit: int = 20) -> list[tuple[int, str, str]]:
        """The newest notes, newest first."""
        query = select(self._note).order_by(self._note.c.id.desc()).limit(limit)
        return [(row.at, row.member, row.text) for row in connection.execute(query)]

    # -- coming back from a backup ------------------------------------------------------------------------------------
    def forget_under_way(self, connection: Connection) -> None:
        """Lets go of runs, of recovery files, of letters that were to be sent, and of who was ready for what."""
        for table in (self._run, self._event, self._kept, self._outgoing, self._ready, self._verdict):
            connection.execute(delete(table))
        self.forget_shares(connection, "pending")
        for name in ("progress", "awaiting"):
            self.set_fact(connection, name, None)

    def set_whereabouts(self, connection: Connection, member: str, set_id: bytes) -> None:
        """Notes at which key a member says it is."""
        put(connection, self._whereabouts, {"member": member, "set_id": set_id})

    def whereabouts(self, connection: Connection) -> dict[str, bytes]:
        """The set ids by identity."""
        return {row.member: row.set_id for row in connection.execute(select(self._whereabouts))}

    def forget_whereabouts(self, connection: Connection) -> None:
        """Lets go of them."""
        connection.execute(delete(self._whereabouts))
