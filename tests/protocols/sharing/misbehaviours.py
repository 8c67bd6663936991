"""The catalogue: what a member of a key generation may do wrong, by name, and who must be named for it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from milagro.octets import frame, i2osp, unframe
from milagro.protocols.sharing.commitments import commit
from milagro.protocols.sharing.dleq import prove_possession
from milagro.protocols.sharing.runs import dealt, generation
from milagro.protocols.sharing.runs.broadcast import Signed, make_bundle, make_statement
from milagro.protocols.sharing.runs.generation import KeyGeneration
from milagro.protocols.sharing.runs.roster import Outgoing, Roster
from tests.protocols.sharing.simulator import Keys, Letter, Network
from tests.protocols.sharing.sources import random_from, suite

BAD, HELPER, VICTIM = 2, 4, 5
SESSION = hashlib.sha256(b"session").digest()


def make_party(roster: Roster, index: int, seed: object = 0, session: bytes = SESSION) -> KeyGeneration:
    return KeyGeneration.create(suite(), roster, session, index, Keys(index), random_from((seed, index)))


@dataclass(frozen=True)
class Misbehaviour:
    """How a network is spoilt; who is left out for it; whether the bad member's part stays in the key."""

    spoil: Callable[..., None]
    culprits: frozenset[int] = frozenset({BAD})
    dealt: bool = False


CATALOGUE: dict[str, Misbehaviour] = {}


def misbehaviour(
    name: str, culprits: Iterable[int] = (BAD,), *, dealt: bool = False
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    def enter(spoil: Callable[..., None]) -> Callable[..., None]:
        CATALOGUE[name] = Misbehaviour(spoil, frozenset(culprits), dealt)
        return spoil

    return enter


def patch(owner: Any, name: str, wrapped: Callable[..., Any]) -> None:
    """`wrapped` gets the original and its arguments."""
    original = getattr(owner, name)
    setattr(owner, name, lambda *args, **more: wrapped(original, *args, **more))


def saying(network: Network, index: int, phase: int, change: Callable[[bytes], bytes]) -> None:
    """Another statement in a phase."""
    patch(network.parties[index], "_say", lambda say, at: change(say(at)) if at == phase else say(at))


def from_phase(phase: int) -> Callable[[Network, int, list[Outgoing]], list[Letter]]:
    def drop(network: Network, sender: int, outgoing: list[Outgoing]) -> list[Letter]:
        party = network.parties[sender]
        gone = party.over or party.place[0] >= phase
        return [] if gone else network.addressed(sender, outgoing)

    return drop


# -- absent, now or later -------------------------------------------------------------------------------------------
@misbehaviour("absent from the start")
def absent(network: Network, roster: Roster, bad: int = BAD) -> None:
    network.absent.add(bad)


@misbehaviour("silent after dealing")
def silent_after_dealing(network: Network, roster: Roster, bad: int = BAD) -> None:
    network.tampered[bad] = from_phase(dealt.COMPLAIN)


@misbehaviour("silent before extraction", dealt=True)
def silent_before_extraction(network: Network, roster: Roster, bad: int = BAD) -> None:
    network.tampered[bad] = from_phase(generation.EXTRACT)


@misbehaviour("silent after extraction", dealt=True)
def silent_after_extraction(network: Network, roster: Roster, bad: int = BAD) -> None:
    network.tampered[bad] = from_phase(generation.DISPUTE)


@misbehaviour("does not confirm", dealt=True)
def does_not_confirm(network: Network, roster: Roster, bad: int = BAD) -> None:
    network.tampered[bad] = from_phase(generation.CONFIRM)


# -- two faces ---------------------------------------------------------------------------------------------------------
@misbehaviour("deals two polynomials")
def two_faces(network: Network, roster: Roster, bad: int = BAD) -> None:
    twin = make_party(roster, bad, "twin")

    def split(network: Network, sender: int, outgoing: list[Outgoing]) -> list[Letter]:
        letters = network.addressed(sender, outgoing)
        if network.parties[sender].over or network.parties[sender].place != (dealt.DEAL, 1):
            return letters
        other = network.addressed(sender, twin.begin())
        return [one for one in letters if one.to > bad] + [one for one in other if one.to < bad]

    network.tampered[bad] = split


@misbehaviour("complains to some and not to others")
def two_complaints(network: Network, roster: Roster, bad: int = BAD) -> None:
    def split(network: Network, sender: int, outgoing: list[Outgoing]) -> list[Letter]:
        party = network.parties[sender]
        letters = network.addressed(sender, outgoing)
        if party.over or party.place != (dealt.COMPLAIN, 1):
            return letters
        table = party._table
        said = make_statement(table, dealt.COMPLAIN, frame(frame(i2osp(1, 2), b"")))
        bundle = make_bundle(table, dealt.COMPLAIN, 1, [generation_accepted(said)])
        return [Letter(sender, one.to, bundle.to_bytes()) if one.to % 2 else one for one in letters]

    network.tampered[bad] = split


def generation_accepted(said: Any) -> Any:
    from milagro.protocols.sharing.runs.broadcast import Accepted

    return Accepted(said, ())


@misbehaviour("says its statement to one alone, too late")
def too_late(network: Network, roster: Roster, bad: int = BAD) -> None:
    def hold(network: Network, sender: int, outgoing: list[Outgoing]) -> list[Letter]:
        party = network.parties[sender]
        letters = network.addressed(sender, outgoing)
        if party.over or party.place[0] != dealt.DEAL:
            return letters
        if party.place[1] == 1:
            return []
        if party.place[1] == 2:
            said = party._broadcast._slots[bad]
            late = make_bundle(party._table, dealt.DEAL, 2, list(said.values())).to_bytes()
            return [Letter(sender, VICTIM, late) if one.to == VICTIM else one for one in letters]
        return letters

    network.tampered[bad] = hold


@misbehaviour("says its statement through one helper", ())
def through_a_helper(network: Network, roster: Roster, bad: int = BAD) -> None:
    """The helper has it in step 1 and passes it on as it should: so it holds, for all."""

    def hold(network: Network, sender: int, outgoing: list[Outgoing]) -> list[Letter]:
        party = network.parties[sender]
        letters = network.addressed(sender, outgoing)
        if not party.over and party.place == (dealt.DEAL, 1):
            return [one for one in letters if one.to == HELPER]
        return letters

    network.tampered[bad] = hold


@misbehaviour("passes nothing on", (), dealt=True)
def passes_nothing_on(network: Network, roster: Roster, bad: int = BAD) -> None:
    def drop(network: Network, sender: int, outgoing: list[Outgoing]) -> list[Letter]:
        party = network.parties[sender]
        return network.addressed(sender, outgoing) if party.over or party.place[1] == 1 else []

    network.tampered[bad] = drop


# -- dealing -----------------------------------------------------------------------------------------------------------
def spoil_shares(network: Network, bad: int, victims: Iterable[int], value: bytes | None = None) -> None:
    def change(bodies: Callable[[], dict[int, bytes]]) -> dict[int, bytes]:
        made = bodies()
        for victim in victims:
            first, second = unframe(made[victim], 2)
            made[victim] = value if value is not None else frame(second, first)
        return made

    patch(network.parties[bad]._dealing, "private_bodies", change)


def withhold_shares(network: Network, bad: int, victims: Iterable[int]) -> None:
    kept = set(victims)
    party = network.parties[bad]
    patch(party, "seal_for", lambda seal, to, phase, body: b"" if to in kept else seal(to, phase, body))


@misbehaviour("a wrong share for one")
def wrong_share(network: Network, roster: Roster, bad: int = BAD) -> None:
    spoil_shares(network, bad, [VICTIM])


@misbehaviour("a share for one that is no number")
def malformed_share(network: Network, roster: Roster, bad: int = BAD) -> None:
    spoil_shares(network, bad, [VICTIM], b"\xff" * 40)


@misbehaviour("wrong shares for all")
def wrong_shares(network: Network, roster: Roster, bad: int = BAD) -> None:
    spoil_shares(network, bad, [index for index in roster.indices if index != bad])


@misbehaviour("a share left out, and opened when asked", (), dealt=True)
def withheld_and_opened(network: Network, roster: Roster, bad: int = BAD) -> None:
    withhold_shares(network, bad, [VICTIM])


@misbehaviour("a share sealed so that it cannot be opened", (), dealt=True)
def spoilt_seal(network: Network, roster: Roster, bad: int = BAD) -> None:
    def spoil(seal: Callable[[int, int, bytes], bytes], to: int, phase: int, body: bytes) -> bytes:
        sealed = seal(to, phase, body)
        return sealed[:-1] + bytes([sealed[-1] ^ 1]) if to == VICTIM else sealed

    patch(network.parties[bad], "seal_for", spoil)


@misbehaviour("a share withheld, and the complaint not answered")
def withheld(network: Network, roster: Roster, bad: int = BAD) -> None:
    withhold_shares(network, bad, [VICTIM])
    saying(network, bad, dealt.ANSWER, lambda _: b"")


@misbehaviour("a share withheld, and another opened")
def withheld_and_wrong(network: Network, roster: Roster, bad: int = BAD) -> None:
    withhold_shares(network, bad, [VICTIM])
    values = frame(i2osp(5, 32), i2osp(7, 32))
    saying(network, bad, dealt.ANSWER, lambda _: frame(frame(i2osp(VICTIM, 2), values)))


@misbehaviour("shares withheld from as many as the threshold")
def withheld_from_many(network: Network, roster: Roster, bad: int = BAD) -> None:
    withhold_shares(network, bad, [index for index in roster.indices if index != bad][: roster.threshold])


@misbehaviour("a polynomial of a higher degree")
def higher_degree(network: Network, roster: Roster, bad: int = BAD) -> None:
    def one_more(body: bytes) -> bytes:
        points, *sealed = unframe(body)
        return frame(frame(*unframe(points), unframe(points)[0]), *sealed)

    saying(network, bad, dealt.DEAL, one_more)


@misbehaviour("the identity as a commitment")
def identity(network: Network, roster: Roster, bad: int = BAD) -> None:
    nothing = suite().curve.g1_identity.to_bytes()

    def first(body: bytes) -> bytes:
        points, *sealed = unframe(body)
        return frame(frame(nothing, *unframe(points)[1:]), *sealed)

    saying(network, bad, dealt.DEAL, first)


# -- complaining -------------------------------------------------------------------------------------------------------
@misbehaviour("a complaint that a share cannot be opened, when it can", (), dealt=True)
def false_complaint(network: Network, roster: Roster, bad: int = BAD) -> None:
    saying(network, bad, dealt.COMPLAIN, lambda _: frame(frame(i2osp(1, 2), b"")))


@misbehaviour("a complaint about a right share")
def complaint_about_a_right_share(network: Network, roster: Roster, bad: int = BAD) -> None:
    received = network.parties[bad]._dealing._received
    saying(network, bad, dealt.COMPLAIN, lambda _: frame(frame(i2osp(1, 2), frame(*received[1][1]))))


@misbehaviour("a complaint with a forged proof")
def forged_complaint(network: Network, roster: Roster, bad: int = BAD) -> None:
    party = network.parties[bad]
    received = party._dealing._received

    def forge(_: bytes) -> bytes:
        *start, body = unframe(received[1][1].octets)
        octets = frame(*start, frame(*reversed(unframe(body))))
        forged = Signed(octets, party._table.credentials.sign(octets))
        return frame(frame(i2osp(1, 2), frame(*forged)))

    saying(network, bad, dealt.COMPLAIN, forge)


@misbehaviour("complaints that are not readable")
def malformed_complaint(network: Network, roster: Roster, bad: int = BAD) -> None:
    saying(network, bad, dealt.COMPLAIN, lambda _: b"\0\0\0\x09")


# -- extraction --------------------------------------------------------------------------------------------------------
@misbehaviour("commitments that do not fit the shares", dealt=True)
def other_commitments(network: Network, roster: Roster, bad: int = BAD) -> None:
    party = network.parties[bad]
    E, random = suite().curve, random_from("other")

    def extract(_: bytes) -> bytes:
        f = [E.random_scalar(random) for _ in range(roster.threshold)]
        proof = prove_possession(suite(), f[0], party._context(bad), random)
        return frame(commit(suite(), f).to_bytes(), proof.to_bytes())

    saying(network, bad, generation.EXTRACT, extract)


@misbehaviour("a false proof of possession", dealt=True)
def false_possession(network: Network, roster: Roster, bad: int = BAD) -> None:
    party = network.parties[bad]
    secret = party._dealing.coefficients[0]
    proof = prove_possession(suite(), secret, b"another run", random_from("possession"))
    saying(network, bad, generation.EXTRACT, lambda body: frame(unframe(body)[0], proof.to_bytes()))


@misbehaviour("a rogue key: the proof of another's possession", dealt=True)
def rogue_key(network: Network, roster: Roster, bad: int = BAD) -> None:
    """It waits for another's commitments and repeats them with its proof; the proof names who made it."""
    other = network.parties[1]
    saying(network, bad, generation.EXTRACT, lambda _: other._extraction())


@misbehaviour("a dispute about right commitments", dealt=True)
def false_dispute(network: Network, roster: Roster, bad: int = BAD) -> None:
    party = network.parties[bad]
    saying(network, bad, generation.DISPUTE, lambda _: party._openings_of([1]))


@misbehaviour("a dispute with a share that was not dealt", dealt=True)
def invented_dispute(network: Network, roster: Roster, bad: int = BAD) -> None:
    values = frame(i2osp(5, 32), i2osp(7, 32))
    saying(network, bad, generation.DISPUTE, lambda _: frame(frame(i2osp(1, 2), values)))


@misbehaviour("another share opened when a dealer's part is computed", (BAD, HELPER), dealt=True)
def wrong_reveal(network: Network, roster: Roster, bad: int = BAD) -> None:
    other_commitments(network, roster, bad)
    values = frame(i2osp(5, 32), i2osp(7, 32))
    saying(network, HELPER, generation.REVEAL, lambda _: frame(frame(i2osp(bad, 2), values)))


# -- the end, and noise ------------------------------------------------------------------------------------------------
@misbehaviour("confirms another transcript", dealt=True)
def other_transcript(network: Network, roster: Roster, bad: int = BAD) -> None:
    patch(network.parties[bad], "_speak", lambda speak, body: speak(body[:-1] + bytes([body[-1] ^ 1])))


def adding(extra: Callable[[Network, int], Iterable[bytes]]) -> Callable[[Network, int, list[Outgoing]], list[Letter]]:
    def more(network: Network, sender: int, outgoing: list[Outgoing]) -> list[Letter]:
        noise = [Outgoing(None, octets) for octets in extra(network, sender)]
        return network.addressed(sender, [*noise, *outgoing])

    return more


@misbehaviour("sends what is no message", (), dealt=True)
def garbage(network: Network, roster: Roster, bad: int = BAD) -> None:
    network.tampered[bad] = adding(lambda network, _: [network.random.randbytes(network.random.randrange(200))])


@misbehaviour("speaks in another's name", (), dealt=True)
def impersonation(network: Network, roster: Roster, bad: int = BAD) -> None:
    def pretend(network: Network, sender: int) -> list[bytes]:
        table = network.parties[sender]._table
        place = (1, 1) if network.parties[sender].over else network.parties[sender].place
        liar = type(table)(table.suite, table.run_id, table.members, 1, table.credentials)
        said = make_statement(liar, place[0], b"not mine")
        return [make_bundle(liar, *place, [generation_accepted(said)]).to_bytes()]

    network.tampered[bad] = adding(pretend)


@misbehaviour("replays another run", (), dealt=True)
def replay(network: Network, roster: Roster, bad: int = BAD) -> None:
    earlier = [one.octets for i in roster.indices for one in make_party(roster, i, "old", bytes(32)).begin()]
    network.tampered[bad] = adding(lambda network, _: earlier)


@misbehaviour("takes part with another roster")
def other_roster(network: Network, roster: Roster, bad: int = BAD) -> None:
    strange = Roster(roster.members, roster.threshold - 1, roster.faults)
    party = network.parties[bad]
    table = make_party(strange, bad)._table
    party._table.run_id = table.run_id
