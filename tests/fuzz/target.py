"""What every fuzz target is made of: a check of any octets, inputs to begin with, and the rule of what may come out."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import shake_256
from itertools import count

from milagro.errors import MilagroError, ParameterError


@dataclass(frozen=True)
class Target:
    """A parser under test and inputs to begin with."""

    check: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]


def random(octets: int, calls: Iterator[int] = count(1)) -> bytes:  # noqa: B008 - one counter for all
    return shake_256(next(calls).to_bytes(8, "big")).digest(octets)


def refused_in_the_tree() -> contextlib.AbstractContextManager[None]:
    """Errors of the tree are an answer; any other exception passes and is a finding."""
    return contextlib.suppress(MilagroError)


def parses(octets: bytes, read: Callable[[bytes], bytes]) -> None:
    """`read` refuses the octets, or gives back the same: the format has one encoding of each value."""
    try:
        again = read(octets)
    except ParameterError:
        raise  # a parser knows no argument that is wrong, only octets that are
    except MilagroError:
        return
    if again != octets:
        raise AssertionError(f"{octets.hex()} is read as {again.hex()}")


def one_of(checks: list[Callable[[bytes], None]]) -> Callable[[bytes], None]:
    """A check whose first octet chooses among several, so that one corpus serves a family of formats."""

    def check(octets: bytes) -> None:
        if octets:
            checks[octets[0] % len(checks)](octets[1:])

    return check


def numbered(seeds: Iterable[Iterable[bytes]]) -> list[bytes]:
    """The seeds of the checks of `one_of`, in their order, each behind its number."""
    return [bytes([number]) + seed for number, some in enumerate(seeds) for seed in some]
