"""An MFA server follows a network's amendments by their proofs alone, and nobody but a quorum moves it."""

from __future__ import annotations

import dataclasses
import secrets
from typing import TYPE_CHECKING

import pytest

from milagro.errors import ConfigError, MilagroError
from milagro.protocols.sharing import Certificate
from milagro.roles.charter import Charter, CharterFile, Seat
from milagro.roles.issuance.calls import HttpDial
from milagro.roles.issuance.messages import HistoryAnswer
from milagro.roles.mfa.following import Call, Following
from milagro.roles.switches import Proposal, Step
from tests.roles.network.members import CURVE, Bus, Keys, identity_of, suite_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = 1_800_000_000
NOBODY = HttpDial()


@pytest.fixture
def bus(folder: Path) -> Iterator[Bus]:
    made = Bus(folder, ["a", "b", "c"])
    yield made
    made.close()


@pytest.fixture
def following(folder: Path) -> Following:
    return Following(folder / "mfa" / "standing", suite_of(CURVE), Keys(b"nobody"))


def pinned(charter: Charter, proposal: Proposal | None = None) -> CharterFile:
    return CharterFile(charter, (), charter.seats[0].identity, b"", proposal.to_bytes() if proposal else b"")


def answer(steps: list[bytes]) -> HistoryAnswer:
    return HistoryAnswer(steps=steps, bundles=[])


def moved(bus: Bus, by: str, add: list[str], remove: list[str]) -> Proposal:
    """A resharing that all who are asked have approved and gone through."""
    for name in add:
        if name not in bus.nodes:
            bus.add(name)
    proposal = bus.amend("reshare", by, 2, add, remove)
    bus.settle(60, lambda: all(bus.nodes[seat.name].epoch == epoch_of(proposal) for seat in proposal.charter.seats))
    assert all(bus.nodes[seat.name].epoch == epoch_of(proposal) for seat in proposal.charter.seats)
    return proposal


def epoch_of(proposal: Proposal) -> int:
    return proposal.charter.number - 1


def names(charter: Charter) -> list[str]:
    return [seat.name for seat in charter.seats]


def test_follows_until_nobody_is_left_of_those_who_founded_it(bus: Bus, following: Following, folder: Path) -> None:
    first = bus.found(2)
    bus.settle(5)
    moved(bus, "a", ["d", "e"], ["a"])
    file = pinned(first)
    known = following.read(file, [])
    assert names(known.standing.charter) == ["a", "b", "c"]
    known = following.take(known, file, answer(bus.nodes["c"].steps()), NOW)
    assert names(known.standing.charter) == ["b", "c", "d", "e"]
    base = known.standing.base
    moved(bus, "b", [], ["b"])
    moved(bus, "c", [], ["c"])

    later = Following(folder / "mfa" / "standing", suite_of(CURVE), Keys(b"nobody"))  # after a restart
    known = later.read(file, [])
    assert known.standing.base == base
    node = bus.nodes["e"]
    with node.state.read() as connection:
        steps = node.tables.steps_after(connection, base, 99)
    assert len(steps) == 2
    known = later.take(known, file, answer(steps), NOW)
    assert names(known.standing.charter) == ["d", "e"]
    assert known.standing.key == node.holdings.current().share.key


def test_begins_with_an_amended_charter(bus: Bus, following: Following) -> None:
    first = bus.found(2)
    bus.settle(5)
    second = moved(bus, "a", ["d"], [])
    file = pinned(second.charter, second)
    known = following.read(file, [])
    node = bus.nodes["d"]
    with node.state.read() as connection:
        steps = node.tables.steps_after(connection, known.standing.base, 99)
    known = following.take(known, file, answer(steps), NOW)
    assert known.standing.charter == second.charter
    fresh = Following(following._path.with_name("fresh"), suite_of(CURVE), Keys(b"nobody"))
    with pytest.raises(ConfigError, match="no proposal"):
        fresh.read(dataclasses.replace(file, proposal=b"-"), [])
    with pytest.raises(ConfigError, match="changes another charter"):
        fresh.read(dataclasses.replace(file, proposal=Proposal.generate(first).to_bytes()), [])
    alone = fresh.read(pinned(second.charter), [])
    assert fresh.follow(alone, pinned(second.charter), [], Call(NOBODY, 1.0), NOW) is alone
    other = dataclasses.replace(second.charter, session=secrets.token_bytes(32))
    wrong = pinned(other, dataclasses.replace(second, charter=other))
    begun = Following(following._path.with_name("other"), suite_of(CURVE), Keys(b"nobody")).read(wrong, [])
    with pytest.raises(MilagroError, match="another charter than the one in the file"):
        following.take(begun, wrong, answer(steps), NOW)


def without(step: Step, *indices: int) -> Step:
    """The step with fewer confirmations."""
    suite = suite_of(CURVE)
    certificate = Certificate.from_bytes(suite, step.certificate)
    kept = [
        one for one in certificate.confirmations
        if not any(certificate._signer(members_of(step), Keys(b""), one) == index for index in indices)
    ]  # fmt: skip
    return dataclasses.replace(step, certificate=Certificate(certificate.transcript, tuple(kept)).to_bytes())


def members_of(step: Step) -> dict[int, object]:
    charters = step.proposal.before, step.proposal.charter
    return {member.index: member for charter in charters for member in charter.roster.members}


def test_nobody_but_a_quorum_moves_it(bus: Bus, following: Following) -> None:
    first = bus.found(2)
    bus.settle(5)
    moved(bus, "a", ["d", "e"], ["a"])
    file = pinned(first)
    known = following.read(file, [])
    generated, reshared = map(Step.from_bytes, bus.nodes["c"].steps())
    taken = bus.nodes["c"].steps()

    def refused(*steps: Step) -> None:
        with pytest.raises(MilagroError):
            following.take(known, file, answer([step.to_bytes() for step in steps]), NOW)
        assert not following._path.exists()

    thief = Seat(4, "thief", identity_of("thief"), "http://127.0.0.1:1")
    stolen = dataclasses.replace(
        reshared.proposal.charter, seats=(reshared.proposal.charter.seats[0], thief), next_index=6
    )
    refused(generated, dataclasses.replace(reshared, proposal=dataclasses.replace(reshared.proposal, charter=stolen)))
    refused(generated, without(reshared, 2, 3))  # the new members alone
    refused(generated, without(reshared, 2, 4, 5))  # one of the old
    refused(generated, without(reshared, 3, 4, 5))  # one of the old
    refused(generated, without(reshared, 4, 5))  # the old members alone
    refused(reshared)  # not from where the network stands
    refused(without(generated, 1, 2), reshared)
    refused(generated, dataclasses.replace(reshared, attempt=reshared.attempt + 1))
    following.take(known, file, answer(taken), NOW)
    assert following._path.exists()


def test_a_damaged_file_is_named_and_a_later_charter_of_the_operator_counts(bus: Bus, following: Following) -> None:
    first = bus.found(2)
    bus.settle(5)
    file = pinned(first)
    following.take(following.read(file, []), file, answer(bus.nodes["a"].steps()), NOW)
    second = moved(bus, "a", ["d"], [])
    later = following.read(pinned(second.charter, second), [])
    assert later.standing.charter == first  # before the switch that the file is about, and with its key
    assert later.standing.ring is not None
    following._path.write_bytes(b"\xa0")
    with pytest.raises(ConfigError, match="is damaged; remove it"):
        following.read(file, [])
