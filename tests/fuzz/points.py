"""What is fuzzed of curves: scalars, points and elements of GT in every encoding, arrays of them, BLS, C-level readers.

The first octets choose a curve and an encoding. Two backends read the same: a value, or one class of refusal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from milagro.errors import MilagroError
from milagro.groups import Curve, Encoding, curve
from milagro.protocols.bls import ietf, original
from milagro.protocols.mpin.v1 import permits_encoding
from tests.fuzz.target import Target, parses, random, refused_in_the_tree

NAMES = ("BLS12-381", "BN254", "BN_SNARK1", "BLS461", "FP512BN")
COMPARED = ("BLS12-381", "BN_SNARK1")  # small enough that the reference keeps up
Reader = Callable[[Curve, bytes], bytes]


@cache
def curves(backend: str = "native") -> list[Curve]:
    return [curve(name, backend=backend) for name in NAMES]


@cache
def readers() -> list[tuple[Curve, Callable[[Curve, bytes], Any], Reader]]:
    """Each curve with each reader of one value, and what writes it again in as many octets."""
    found: list[tuple[Curve, Any, Any]] = []
    for E in curves():
        for encoding in E.encodings:
            found.append((E, *_point_reader("g1", encoding)))
            found.append((E, *_point_reader("g2", encoding)))
        found.append((E, lambda E, x: E.scalar_from_bytes(x), lambda value, x: value.to_bytes(len(x))))
        found.append((E, lambda E, x: E.scalar_from_decimal(x), lambda value, x: x))
        found.append((E, lambda E, x: E.gt_from_bytes(x, allow_identity=True), lambda value, x: value.to_bytes()))
        found.append((E, permits_encoding.decode, lambda value, x: x))
    return found


def _point_reader(group: str, encoding: Encoding) -> tuple[Any, Any]:
    def read(E: Curve, octets: bytes) -> Any:
        return getattr(E, f"{group}_from_bytes")(octets, encoding, allow_identity=True)

    def write(value: Any, octets: bytes) -> bytes:
        short = group == "g1" and encoding is Encoding.MILAGRO and octets[0] != 4
        return value.to_bytes(Encoding.MILAGRO_COMPRESSED if short else encoding)

    return read, write


def check_values(octets: bytes) -> None:
    """octets[0] chooses the reader; half of them are read by the reference, too."""
    if not octets:
        return
    E, read, write = readers()[(octets[0] & 0x7F) % len(readers())]
    rest = octets[1:]
    parses(rest, lambda given: write(read(E, given), given))
    if octets[0] & 0x80 and E.name in COMPARED:
        other = curve(E.name, backend="reference")
        if _outcome(lambda: write(read(E, rest), rest)) != _outcome(lambda: write(read(other, rest), rest)):
            raise AssertionError(f"{E.name}: the backends disagree on {rest.hex()}")


def _outcome(call: Callable[[], bytes]) -> object:
    try:
        return call()
    except MilagroError as error:
        return type(error)


def seeds_of_values() -> Iterable[bytes]:
    for number, (E, read, _) in enumerate(readers()):
        k = E.random_scalar(random)
        candidates = [p.to_bytes(e) for p in (k * E.g1, k * E.g2, E.g1, E.g1_identity) for e in _encodings(E, p)]
        candidates += [k.to_bytes(), k.to_bytes(E.field_bytes), b"1234", E.pairing(E.g1, E.g2).to_bytes()]
        candidates.append(permits_encoding.encode(E, k * E.g1, random))
        for octets in candidates:
            with refused_in_the_tree():
                read(E, octets)
                yield bytes([number]) + octets
                if E.name in COMPARED:
                    yield bytes([number | 0x80]) + octets


def _encodings(E: Curve, point: Any) -> list[Encoding]:
    found = []
    for encoding in E.encodings:
        with refused_in_the_tree():
            point.to_bytes(encoding)
            found.append(encoding)
    return found


# -- arrays ----------------------------------------------------------------------------------------------------------
def check_arrays(octets: bytes) -> None:
    """octets: curve, encoding, kind and workers, whether identities are allowed, size of a scalar, elements."""
    if len(octets) < 5:
        return
    E = curves()[octets[0] % len(NAMES)]
    encoding = E.encodings[octets[1] % len(E.encodings)]
    kind, workers, identity, size, rest = octets[2] % 4, 1 + octets[2] % 3, bool(octets[3] & 1), octets[4], octets[5:]
    with refused_in_the_tree():
        if kind == 0:
            points = E.g1_array_from_bytes(rest, encoding, allow_identity=identity, workers=workers)
            _same(rest, E.g1_array_to_bytes(points, encoding))
        elif kind == 1:
            _same(rest, E.g2_array_to_bytes(E.g2_array_from_bytes(rest, encoding, allow_identity=identity), encoding))
        elif kind == 2:
            _same(rest, E.gt_array_to_bytes(E.gt_array_from_bytes(rest, allow_identity=identity, workers=workers)))
        else:
            whole = b"".join(k.to_bytes()[E.scalar_bytes - size :] for k in E.scalar_array_from_bytes(rest, size))
            _same(rest, whole)


def _same(octets: bytes, again: bytes) -> None:
    if octets != again:
        raise AssertionError(f"{octets.hex()} is read as {again.hex()}")


def seeds_of_arrays() -> Iterable[bytes]:
    for number, E in enumerate(curves()):
        some = [E.random_scalar(random) for _ in range(9)]
        for place, encoding in enumerate(E.encodings):
            yield bytes([number, place, 0, 0, 0]) + E.g1_array_to_bytes([k * E.g1 for k in some], encoding)
            yield bytes([number, place, 1, 0, 0]) + E.g2_array_to_bytes([k * E.g2 for k in some[:3]], encoding)
        yield bytes([number, 0, 2, 1, 0]) + E.gt_array_to_bytes([E.gt_one, E.pairing(E.g1, E.g2)])
        yield bytes([number, 0, 3, 0, E.scalar_bytes]) + E.scalar_array_to_bytes(some)
        yield bytes([number, 0, 3, 0, 2]) + bytes(range(20))


def check_native(octets: bytes) -> None:
    """The methods of a native module on buffers and with counts that the layer above never passes.

    octets: curve, method, where the buffer is cut, a signed count of 8 octets, another, the buffer.
    """
    if len(octets) < 20:
        return
    E = curves()[octets[0] % len(NAMES)]
    ops, names = E.ops, sorted(encoding.value for encoding in Encoding)
    first, second = (int.from_bytes(octets[at : at + 8], "big", signed=True) for at in (3, 11))
    rest, cut = memoryview(bytearray(octets[19:])), octets[2]
    some, others = rest[: len(rest) * cut // 255], rest[len(rest) * cut // 255 :]
    calls: list[Callable[[], object]] = [
        lambda: ops.g1_array_from_octets(rest, names[cut % len(names)], cut > 127, first),
        lambda: ops.g2_array_from_octets(rest, names[cut % len(names)], cut > 127, first),
        lambda: ops.scalars_from_array(rest, first),
        lambda: ops.scalars_from_array(rest, first % 80),
        lambda: ops.g1_hash_uniform_many(rest, first, second),
        lambda: ops.g2_hash_uniform_many_vartime(rest, first, second),
        lambda: ops.g1_hash_uniform_many_vartime(rest, first % 9, second % 9),
        lambda: ops.g2_hash_uniform_many(rest, first % 9, second % 9),
        lambda: ops.g1_msm_array_vartime(some, others),
        lambda: ops.g2_msm_array_vartime(some, others),
        lambda: ops.g1_hash_uniform(bytes(rest), first),
        lambda: ops.g2_hash_uniform(bytes(rest), second),
        lambda: ops.g1_from_octets(bytes(rest), names[cut % len(names)]),
        lambda: ops.g2_from_octets(bytes(rest), names[cut % len(names)]),
        lambda: ops.g1_from_affine(bytes(some), bytes(others)),
        lambda: ops.g2_from_affine(bytes(some), bytes(others)),
        lambda: ops.g1_from_x(bytes(rest), first & 1, "parity"),
        lambda: ops.gt_from_bytes(bytes(rest)),
        lambda: ops.scalar_reduce(bytes(rest)),
        lambda: ops.scalar_from_bits(bytes(rest)),
        lambda: ops.g1_map_original(bytes(rest)),
        lambda: ops.g1_map_original_many([bytes(some), bytes(others)]),
        lambda: ops.g2_map_original(bytes(rest)),
    ]
    with refused_in_the_tree():
        calls[octets[1] % len(calls)]()


def seeds_of_native() -> Iterable[bytes]:
    for number, E in enumerate(curves()):
        k = E.random_scalar(random)
        xy = b"".join((k * E.g1).coordinates())
        some = bytes([number, 8, 255 * len(xy) // (len(xy) + E.scalar_bytes) + 1]) + bytes(16)
        yield some + xy + k.to_bytes()
        for method in range(23):
            for n, count in ((1, 1), (2, 2), (1 << 62, 4), (-1, 1)):
                counts = n.to_bytes(8, "big", signed=True) + count.to_bytes(8, "big")
                yield bytes([number, method, 127]) + counts + random(2 * E.params.hash_length)


# -- BLS -------------------------------------------------------------------------------------------------------------
BLS_SUITES = [ietf.Suite(curve("BLS12-381"), placement) for placement in ietf.Placement]


def check_bls(octets: bytes) -> None:
    """A key or signature of either placement, compressed or not; a secret key; those of the original library."""
    if not octets:
        return
    kind, rest, E = octets[0] % 7, octets[1:], curves()[0]
    with refused_in_the_tree():
        if kind < 4:
            suite = BLS_SUITES[kind % 2]
            read = ietf.public_key_from_bytes if kind < 2 else ietf.signature_from_bytes
            point = read(suite, rest)
            if rest not in (point.to_bytes(), point.to_bytes(Encoding.ZCASH_UNCOMPRESSED)):
                raise AssertionError(f"{rest.hex()} is a second encoding")
        elif kind == 4:
            _same(rest, ietf.secret_key_from_bytes(E, rest).to_bytes())
        elif kind == 5:
            _same(rest, original.public_key_from_bytes(E, rest).to_bytes(original.PUBLIC_KEY_ENCODING))
        else:
            original.signature_from_bytes(E, rest)


def seeds_of_bls() -> Iterable[bytes]:
    E = curves()[0]
    k = E.random_scalar(random)
    for kind in range(7):
        for point in (k * E.g1, k * E.g2):
            yield bytes([kind]) + point.to_bytes()
            yield bytes([kind]) + point.to_bytes(Encoding.ZCASH_UNCOMPRESSED)
            yield bytes([kind]) + point.to_bytes(Encoding.MILAGRO)
        yield bytes([kind]) + k.to_bytes()


TARGETS = {
    "values": Target(check_values, seeds_of_values),
    "arrays": Target(check_arrays, seeds_of_arrays),
    "native": Target(check_native, seeds_of_native),
    "bls": Target(check_bls, seeds_of_bls),
}
