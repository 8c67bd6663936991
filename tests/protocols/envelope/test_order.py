"""Replay, loss and reordering within a channel."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milagro.errors import (
    BrokenChain,
    Expired,
    MalformedEnvelope,
    MilagroError,
    OutOfOrder,
    ParameterError,
    Replay,
    WrongRound,
)
from milagro.protocols.envelope import Opened, ReceiverState, SenderState
from tests.protocols.envelope.parties import ALICE, MALLORY, NOW, PrivateKeys, receive, send

CHANNEL = "orders"


def sealed(count: int, sender: PrivateKeys = ALICE, channel: str = CHANNEL, **changes: object) -> list[Opened]:
    state, opened = SenderState(channel), []
    for i in range(count):
        envelope = send(b"%d" % i, sender=sender, seed=f"{channel} {i}", position=state.position, **changes)
        opened.append(receive(envelope)[1])
        state = state.advance(opened[-1].identifier)
    return opened


FIVE = sealed(5)
FRESH = ReceiverState(ALICE.signing.public.id, CHANNEL)


def after(count: int) -> ReceiverState:
    state = FRESH
    for opened in FIVE[:count]:
        state = state.accept(opened, NOW)
    return state


def test_in_order() -> None:
    state = after(5)
    assert (state.next, state.last) == (5, FIVE[-1].identifier)


def test_replay() -> None:
    for old in range(3):
        with pytest.raises(Replay):
            after(3).accept(FIVE[old], NOW)


def test_loss_is_noticed_and_named() -> None:
    with pytest.raises(OutOfOrder) as caught:
        after(1).accept(FIVE[4], NOW)
    assert list(caught.value.missing) == [1, 2, 3]


def test_reordering_is_repaired_by_presenting_them_again() -> None:
    state, waiting = FRESH, [FIVE[i] for i in (2, 0, 4, 1, 3)]
    while waiting:
        opened = waiting.pop(0)
        try:
            state = state.accept(opened, NOW)
        except OutOfOrder:
            waiting.append(opened)
    assert state == after(5)


def test_two_histories() -> None:
    """The sender, or somebody with its key, tells two readers different stories."""
    other = receive(send(b"other", position=SenderState(CHANNEL).position, seed="fork"))[1]
    fork = FRESH.accept(other, NOW)
    with pytest.raises(BrokenChain):
        fork.accept(FIVE[1], NOW)


def test_another_sender_another_channel_or_none() -> None:
    for stranger in (
        sealed(1, MALLORY)[0],
        sealed(1, channel="other")[0],
        receive(send(b"no position"))[1],
    ):
        with pytest.raises(WrongRound):
            FRESH.accept(stranger, NOW)


def test_age() -> None:
    (opened,) = sealed(1)
    for now in (NOW - 300, NOW, NOW + 10**9):
        assert FRESH.accept(opened, now).next == 1
    assert FRESH.accept(opened, NOW + 60, max_age=60).next == 1
    for now, limits in ((NOW - 301, {}), (NOW + 61, {"max_age": 60}), (NOW - 1, {"max_ahead": 0})):
        with pytest.raises(Expired):
            FRESH.accept(opened, now, **limits)


@settings(deadline=None)
@given(st.lists(st.integers(0, 4), max_size=30), st.integers(0, 2**32))
def test_whatever_arrives_each_is_accepted_once_and_in_order(arrivals: list[int], seed: int) -> None:
    state, accepted = FRESH, []
    rest = list(range(5))
    random.Random(seed).shuffle(rest)
    for number in arrivals + rest * 5:  # loss and repetition first, then everything often enough
        try:
            state = state.accept(FIVE[number], NOW)
        except (Replay, OutOfOrder):
            continue
        accepted.append(number)
    assert accepted == [0, 1, 2, 3, 4]


def test_states_are_kept_as_octets() -> None:
    for state in (FRESH, after(3)):
        assert ReceiverState.from_bytes(state.to_bytes()) == state
    sender = SenderState(CHANNEL).advance(b"\1" * 32)
    assert SenderState.from_bytes(sender.to_bytes()) == sender
    for octets in (b"", after(3).to_bytes()[:-1], sender.to_bytes(), replace(after(3), next=0).to_bytes()):
        with pytest.raises(MilagroError):
            ReceiverState.from_bytes(octets)
    with pytest.raises(MalformedEnvelope):
        SenderState.from_bytes(after(3).to_bytes())
    with pytest.raises(ParameterError):
        sender.advance(b"")
