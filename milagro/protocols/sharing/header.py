"""What every share carries beside its value, the octets around it, and the rule by which shares go together.

share = be(1, 1) || be(length, 8) || frame(label, set id, be(epoch, 4), be(threshold, 2), be(index, 2), fields..)
        || checksum          length: of all of it          checksum: the first 16 octets of SHA-256 of all before

Spec: spec/sharing.md#share, spec/sharing.md#refusals
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from milagro.errors import InvalidShare, MalformedEnvelope, NonCanonical, ParameterError, WrongLength
from milagro.octets import equal, frame, i2osp, os2ip, unframe
from milagro.protocols.sharing.refusals import (
    CorruptShare,
    DuplicateShare,
    MixedShares,
    TooFewShares,
    TruncatedShare,
    UnknownVersion,
    ZeroIndex,
)

VERSION = 1
SET_ID_OCTETS = 16
MAX_EPOCH = 2**32 - 1
MAX_INDEX = 2**16 - 1
CHECKSUM_OCTETS = 16
_LENGTH_OCTETS = 8
_SHORTEST = 1 + _LENGTH_OCTETS + CHECKSUM_OCTETS


@dataclass(frozen=True, slots=True)
class Header:
    """Which share of which set: nothing secret.

    Spec: spec/sharing.md#share
    Shape: set id 16 octets, 0 <= epoch < 2^32, 1 <= threshold, index < 2^16
    Raises: ParameterError
    """

    set_id: bytes
    epoch: int
    threshold: int
    index: int

    def __post_init__(self) -> None:
        if len(self.set_id) != SET_ID_OCTETS:
            raise ParameterError(f"a set id has {SET_ID_OCTETS} octets")
        if not (0 <= self.epoch <= MAX_EPOCH and 1 <= self.threshold <= MAX_INDEX and 1 <= self.index <= MAX_INDEX):
            raise ParameterError("an epoch, a threshold or an index of a share is out of its range")

    @property
    def fields(self) -> tuple[bytes, bytes, bytes, bytes]:
        """The fields of the header in their order."""
        return self.set_id, i2osp(self.epoch, 4), i2osp(self.threshold, 2), i2osp(self.index, 2)

    @property
    def of_set(self) -> tuple[bytes, int, int]:
        """What the shares of one set have in common."""
        return self.set_id, self.epoch, self.threshold


def header_from(fields: Sequence[bytes]) -> Header:
    """The header with these four fields.

    Raises: ZeroIndex, WrongLength, NonCanonical
    """
    if [len(one) for one in fields] != [SET_ID_OCTETS, 4, 2, 2]:
        raise WrongLength("the fields of a share's header have 16, 4, 2 and 2 octets")
    epoch, threshold, index = (os2ip(one) for one in fields[1:])
    if index == 0:
        raise ZeroIndex("a share has index 0, where the secret itself stands")
    if threshold == 0:
        raise NonCanonical("a threshold is at least 1")
    return Header(fields[0], epoch, threshold, index)


def pack(label: bytes, header: Header, *fields: bytes) -> bytes:
    """The octets of a share.

    Spec: spec/sharing.md#share
    Secret: the result, if the fields are
    """
    body = frame(label, *header.fields, *fields)
    octets = i2osp(VERSION, 1) + i2osp(_SHORTEST + len(body), _LENGTH_OCTETS) + body
    return octets + _checksum(octets)


def unpack(label: bytes, octets: bytes, count: int) -> tuple[Header, list[bytes]]:
    """The header and the `count` other fields of a share.

    Spec: spec/sharing.md#share
    Raises: in this order UnknownVersion, TruncatedShare, WrongLength (something behind it), CorruptShare,
        MalformedEnvelope (another kind of share, or another suite), ZeroIndex, NonCanonical
    """
    if octets and octets[0] != VERSION:
        raise UnknownVersion(f"a share of version {octets[0]}; this library reads version {VERSION}")
    told = os2ip(octets[1 : 1 + _LENGTH_OCTETS])
    if len(octets) < _SHORTEST or len(octets) < told:
        raise TruncatedShare("a share is cut short")
    if len(octets) != told:
        raise WrongLength(f"a share of {told} octets is followed by others")
    if not equal(_checksum(octets[:-CHECKSUM_OCTETS]), octets[-CHECKSUM_OCTETS:]):
        raise CorruptShare("the checksum of a share does not fit; it was copied or stored wrongly")
    found, *fields = unframe(octets[1 + _LENGTH_OCTETS : -CHECKSUM_OCTETS], 5 + count)
    if found != label:
        raise MalformedEnvelope("this is another kind of share, or one of another suite")
    return header_from(fields[:4]), fields[4:]


def _checksum(octets: bytes) -> bytes:
    return hashlib.sha256(octets).digest()[:CHECKSUM_OCTETS]


def check_set(headers: Sequence[Header], of_set: tuple[bytes, int, int] | None = None) -> None:
    """Nothing, if the shares are of one set and epoch, each index once, and as many as the threshold asks for.

    Where `of_set` says which set, strangers are those of another; else those of another than the first share's.
    Spec: spec/sharing.md#refusals
    Raises: InvalidShare for none, MixedShares, DuplicateShare, TooFewShares
    """
    if not headers:
        raise InvalidShare("there is no share")
    expected = of_set or headers[0].of_set
    if strangers := [one.index for one in headers if one.of_set != expected]:
        raise MixedShares("shares of different sets, epochs or thresholds were put together", strangers)
    indices = [one.index for one in headers]
    if twice := sorted({x for x in indices if indices.count(x) > 1}):
        raise DuplicateShare(f"shares stand twice: {', '.join(map(str, twice))}", twice)
    if len(indices) < headers[0].threshold:
        raise TooFewShares(f"{len(indices)} shares where {headers[0].threshold} are needed")
