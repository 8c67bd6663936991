"""A shared key: what everyone knows of it, and what one party holds of it.

SharedKey     s P1, the commitments to the polynomial, the epoch, who holds a share        public
KeyShare      the same with s_i                                                            secret
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Self

from milagro.errors import EncodingError, MalformedEnvelope, NonCanonical, ParameterError
from milagro.octets import i2osp, os2ip
from milagro.protocols.sharing.commitments import Commitments, commit
from milagro.protocols.sharing.header import MAX_EPOCH, MAX_INDEX, SET_ID_OCTETS, Header
from milagro.protocols.sharing.refusals import InvalidProof, MixedShares
from milagro.protocols.sharing.shamir import check_numbers, evaluate, random_polynomial
from milagro.protocols.sharing.suite import Suite, draw
from milagro.secret_value import SecretValue

if TYPE_CHECKING:
    from milagro.groups import G1Point, Random, Scalar


@dataclass(frozen=True)
class SharedKey:
    """The public part: who has a share of which epoch, and s_i P1 of each.

    Spec: spec/sharing.md#shared-key
    Raises: ParameterError for indices that do not rise from 1, or fewer than the threshold; InvalidProof if the key
        is the identity
    """

    suite: Suite
    set_id: bytes
    epoch: int
    holders: tuple[int, ...]
    commitments: Commitments

    def __post_init__(self) -> None:
        rising = all(a < b for a, b in zip((0, *self.holders), self.holders, strict=False))
        if not rising or len(self.holders) < self.threshold or self.holders[-1] > MAX_INDEX:
            raise ParameterError("the holders of a key are indices that rise from 1, at least as many as the threshold")
        if len(self.set_id) != SET_ID_OCTETS or not 0 <= self.epoch <= MAX_EPOCH:
            raise ParameterError("the set id or the epoch of a key is out of its range")
        if self.public.is_identity():
            raise InvalidProof("the identity is no key")

    @property
    def threshold(self) -> int:
        """t."""
        return self.commitments.threshold

    @property
    def public(self) -> G1Point:
        """s P1."""
        return self.commitments.constant

    @cached_property
    def key_id(self) -> bytes:
        """SHA-256 of suite id and s P1: the same in every epoch."""
        return hashlib.sha256(self.suite.labelled("SHARED-KEY_", self.public.to_bytes())).digest()

    @cached_property
    def _of_holders(self) -> dict[int, G1Point]:
        return {}

    def commitment(self, index: int) -> G1Point:
        """s_i P1 of a holder.

        Raises: ParameterError if the index holds no share
        """
        if index not in self.holders:
            raise ParameterError(f"number {index} holds no share of this key")
        if index not in self._of_holders:
            self._of_holders[index] = self.commitments.at(index)
        return self._of_holders[index]

    @property
    def of_set(self) -> tuple[bytes, int, int]:
        """What its shares have in common."""
        return self.set_id, self.epoch, self.threshold

    def header(self, index: int) -> Header:
        """The header of the share of a holder."""
        return Header(*self.of_set, index)

    def need(self, suite: Suite, header: Header) -> None:
        """Nothing, if a share with this header is one of this key and epoch.

        Raises: MixedShares naming its index
        """
        if suite != self.suite or header.index not in self.holders or header != self.header(header.index):
            raise MixedShares("a share is of another key or epoch, or of no holder", [header.index])

    def to_bytes(self) -> bytes:
        """`SHARED-KEY_`, set id, be(epoch, 4), be(threshold, 2), be(holder, 2) of each, commitments."""
        holders = b"".join(i2osp(holder, 2) for holder in self.holders)
        numbers = i2osp(self.epoch, 4), i2osp(self.threshold, 2)
        return self.suite.labelled("SHARED-KEY_", self.set_id, *numbers, holders, self.commitments.to_bytes())

    @classmethod
    def from_bytes(cls, suite: Suite, octets: bytes) -> Self:
        """The key with these octets. Raises: EncodingError."""
        set_id, epoch, threshold, holders, commitments = suite.fields("SHARED-KEY_", octets, 5)
        if len(epoch) != 4 or len(threshold) != 2 or len(holders) % 2 or not holders or not os2ip(threshold):
            raise MalformedEnvelope("the fields of a shared key have other lengths")
        indices = tuple(os2ip(holders[i : i + 2]) for i in range(0, len(holders), 2))
        points = Commitments.from_bytes(suite, commitments, os2ip(threshold))
        try:
            return cls(suite, set_id, os2ip(epoch), indices, points)
        except ParameterError as error:
            raise NonCanonical(str(error)) from None


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class KeyShare(SecretValue):
    """s_i with the public part of its key.

    Spec: spec/sharing.md#shared-key
    Raises: InvalidProof if the value does not fit the commitments; ParameterError if the index is no holder
    Secret: value
    """

    key: SharedKey
    index: int
    value: Scalar

    def __post_init__(self) -> None:
        if self.value * self.key.suite.curve.g1 != self.key.commitment(self.index):
            raise InvalidProof("a share does not fit the commitments of its key", [self.index])

    @property
    def header(self) -> Header:
        """The header of this share."""
        return self.key.header(self.index)

    def to_bytes(self) -> bytes:
        """`KEY-SHARE_`, be(index, 2), value, key.

        Secret: the result; keep it sealed
        """
        fields = i2osp(self.index, 2), self.value.to_bytes(), self.key.to_bytes()
        return self.key.suite.labelled("KEY-SHARE_", *fields)

    @classmethod
    def from_bytes(cls, suite: Suite, octets: bytes) -> Self:
        """The share with these octets. Raises: EncodingError, InvalidProof."""
        index, value, key = suite.fields("KEY-SHARE_", octets, 3)
        if len(index) != 2:
            raise MalformedEnvelope("the index of a key share has 2 octets")
        made = SharedKey.from_bytes(suite, key)
        if os2ip(index) not in made.holders:
            raise EncodingError("the index of a key share is none of its holders")
        return cls(made, os2ip(index), suite.scalar_from_bytes(value))


def deal(suite: Suite, secret: Scalar, threshold: int, count: int, random: Random, *, epoch: int = 0) -> list[KeyShare]:
    """Feldman's verifiable sharing by one dealer, who knows the secret: a share for each of 1 .. count.

    Draws as `shamir.split` does.
    Spec: spec/sharing.md#feldman
    Raises: ParameterError unless 1 <= threshold <= count < 2^16; IdentityElement if the secret is zero
    Secret: the result; constant time in the secret on the native backend
    """
    check_numbers(threshold, count)
    set_id = draw(random, SET_ID_OCTETS)
    f = random_polynomial(suite.curve, secret, threshold, random)
    key = SharedKey(suite, set_id, epoch, tuple(range(1, count + 1)), commit(suite, f))
    return [KeyShare(key, i, evaluate(suite.curve, f, i)) for i in key.holders]
