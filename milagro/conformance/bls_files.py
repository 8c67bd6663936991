"""Checks of the published response files of IETF BLS signatures and of hashing to the curve."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from milagro import params
from milagro.conformance.case import Case
from milagro.conformance.literals import BadLiteral, hex_integer, integer, octets, text
from milagro.conformance.tower import Coefficients, Tower
from milagro.groups import Curve, Encoding, Expander, Scalar, Xmd, Xof
from milagro.protocols.bls import ietf

MESSAGE = b"test vector"
# Both placements sign under this one tag, although the hash is the random-oracle one.
TAG = b"QUUX-V01-CS02-with-BLS12381G1_XMD:SHA-256_SSWU_NU_"
COMMENTS = frozenset({"# Test vectors generated using https://github.com/supranational/blst"})
STRAY = re.compile(r"Point in G([12]) \((serialized|compressed)\)")


def check_signatures(case: Case, curve: Curve) -> None:
    """Every field of one key with its signatures in both placements."""

    def key() -> Scalar:
        return ietf.secret_key_from_bytes(curve, case.read("SK", octets))

    def suite(placement: ietf.Placement) -> ietf.Suite:
        return ietf.Suite(curve, placement, dst=TAG)

    def public(placement: ietf.Placement, encoding: Encoding) -> bytes:
        return ietf.public_key(suite(placement), key()).to_bytes(encoding)

    def signature(placement: ietf.Placement, own: str) -> bytes:
        return ietf.sign(suite(placement), key(), MESSAGE).to_bytes(Encoding.ZCASH)

    case.require("COUNT", "IKM", "Salt", "Info")
    _count(case)
    case.check(
        "SK",
        octets,
        lambda: ietf.key_gen_draft05(
            curve, case.read("IKM", octets), case.read("Salt", octets), case.read("Info", octets)
        ).to_bytes(),
    )
    for group, other, placement in (("G1", "G2", ietf.Placement.MIN_PK), ("G2", "G1", ietf.Placement.MIN_SIG)):
        for word, encoding in (("serialized", Encoding.ZCASH_UNCOMPRESSED), ("compressed", Encoding.ZCASH)):
            case.check(f"PK in {group} ({word})", octets, _bind(public, placement, encoding))
        case.check(f"Signature in {other} (compressed)", octets, _bind(signature, placement, other))
    for name in case.fields:
        found = STRAY.fullmatch(name)
        if found:
            case.check(name, octets, _bind(_stray, curve, found[1], found[2]))


def _bind(function: Callable[..., bytes], *arguments: Any) -> Callable[[], bytes]:
    return lambda: function(*arguments)


def _count(case: Case) -> None:
    """COUNT n belongs to the key material whose octet j is j*n mod 256; other material leaves n to the numbering."""

    def material() -> bytes:
        return case.read("IKM", octets)

    if "COUNT" not in case or "IKM" not in case:
        return
    try:
        count, ikm = case.read("COUNT", integer), material()
    except BadLiteral as error:
        case.fail("COUNT", f"not understood: {error}", str(case.fields["COUNT"].value))
        return
    regular = len(ikm) > 1 and ikm == bytes(j * ikm[1] % 256 for j in range(len(ikm)))
    if regular and count % 256 != ikm[1]:
        case.fail("COUNT", str(ikm[1]), str(count), ("IKM",))


def _stray(curve: Curve, group: str, word: str) -> bytes:
    """The stray last line of the published file: a hash of the empty message."""
    encoding = Encoding.ZCASH_UNCOMPRESSED if word == "serialized" else Encoding.ZCASH
    if group == "1":
        return curve.hash_to_g1(b"", TAG, nonuniform=True).to_bytes(encoding)
    return curve.hash_to_g2(b"", TAG.replace(b"G1", b"G2"), nonuniform=True).to_bytes(encoding)


# -- hashing to the curve -------------------------------------------------------------------------------------
_SUITE = re.compile(r"(?P<group>.+)_(?P<kind>XMD|XOF):(?P<hash>[A-Z0-9-]+)_(?P<map>SSWU|SVDW)_(?P<mode>RO|NU)_")
_EXPANDERS: tuple[Expander, ...] = (
    *(Xmd(name) for name in ("sha256", "sha384", "sha512", "sha3_256", "sha3_384", "sha3_512")),
    *(Xof(name) for name in ("shake128", "shake256")),
)


@dataclass(frozen=True, slots=True)
class Suite:
    """A hash-to-curve suite of RFC 9380."""

    curve: str
    degree: int
    expander: Expander
    count: int


def suite_of(name: str) -> Suite:
    """The suite with this identifier. Raises BadLiteral if there is none."""
    found = _SUITE.fullmatch(name)
    if not found:
        raise BadLiteral(f"not a suite identifier: {name[:60]!r}")
    wanted = f"{found['kind']}:{found['hash']}"
    for expander in _EXPANDERS:
        for curve in map(params.get, params.NAMES):
            for degree, group, data in ((1, curve.suite_g1, curve.map_g1), (2, curve.suite_g2, curve.map_g2)):
                kind = "SSWU" if isinstance(data, params.SSWU) else "SVDW"
                if (group, kind) == (found["group"], found["map"]) and expander.name == wanted:
                    return Suite(curve.name, degree, expander, 2 if found["mode"] == "RO" else 1)
    raise BadLiteral(f"no curve has the suite {name[:60]!r}")


def numbers(value: Any) -> Coefficients:
    """One or two integers: re, or re and im around a comma."""
    return tuple(hex_integer(part) for part in text(value).split(","))


def check_hash(case: Case, backend_name: str) -> None:
    """Every field of one message: field elements, mapped points, the result."""
    try:
        suite = suite_of(case.read("suite", text))
    except BadLiteral as error:
        case.fail("suite", str(error), str(case.fields["suite"].value))
        return
    tower = Tower(suite.curve, backend_name)
    computed: list[tuple[list[bytes], list[Any], Any]] = []

    def hashed() -> tuple[list[bytes], list[Any], Any]:
        message, tag = case.read("msg", text).encode(), case.read("dst", text).encode()
        if not computed:
            length = suite.count * suite.degree * tower.params.hash_length
            uniform = suite.expander.expand(message, tag, length)
            mapped = tower.ops.g1_map_to_curve if suite.degree == 1 else tower.ops.g2_map_to_curve
            computed.append(mapped(uniform, suite.count))
        return computed[0]

    def point(p: Any) -> Coefficients:
        return tower.g1_numbers(p) if suite.degree == 1 else tower.g2_numbers(p)

    for i in range(suite.count):
        case.check(f"u[{i}]", numbers, lambda i=i: tower.unpack(hashed()[0][i]))  # type: ignore[misc]
        name = f"Q{i}" if suite.count == 2 else "Q"
        _coordinates(case, name, suite.degree, lambda i=i: point(hashed()[1][i]))  # type: ignore[misc]
    _coordinates(case, "P", suite.degree, lambda: point(hashed()[2]))


def _coordinates(case: Case, name: str, degree: int, compute: Callable[[], Coefficients]) -> None:
    """The coordinates of a point, each whole or split into _re and _im."""
    for at, axis in enumerate("xy"):
        if f"{name}.{axis}_re" in case or f"{name}.{axis}_im" in case:
            for k, part in enumerate(("re", "im")):
                case.check(f"{name}.{axis}_{part}", numbers, lambda at=at, k=k: (compute()[2 * at + k],))  # type: ignore[misc]
        else:
            case.check(f"{name}.{axis}", numbers, lambda at=at: compute()[at * degree : (at + 1) * degree])  # type: ignore[misc]


def hash_comments(suites: list[str]) -> set[str]:
    """The comments that a file with these suites may have: the suites themselves, and curve and group."""
    allowed = {f"# {name}" for name in suites}
    for curve in map(params.get, params.NAMES):
        allowed |= {f"# {curve.name} {group}" for group in ("G1", "G2")}
    return allowed
