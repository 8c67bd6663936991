"""What runs with secrets in it, and what leaks on purpose.

`boundary`: every operation of the backend that may be given a secret. `protocol`: the compositions above it, through
the typed values of milagro.groups. `shares`, `login`, `login_v1`: protocols by their own code: sharing by polynomials,
M-Pin v2 and v1. `controls`: leaks, each of which must be seen. PUBLIC
names the operations of the backend that may take any time, because nothing secret is given to them; a test compares the
lists with the backend, so that a new operation has to be put into one of them.
"""

from __future__ import annotations

import hashlib
import importlib
import itertools
import pkgutil
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from milagro import _native, params
from milagro.backend import CurveOps
from milagro.groups import Curve, Encoding
from tests.constant_time.probe import Probe

PUBLIC = {
    *("g1_generator", "g2_generator", "g1_identity", "g2_identity", "gt_one"),  # no argument
    *("g1_mul_integer", "g2_mul_integer"),  # a public factor: cofactors and the like
    *("g1_map_original", "g2_map_original", "g1_map_original_many"),  # try and increment on a public identity
    *("g1_map_to_curve", "g2_map_to_curve"),  # every step of a hash, for test vectors
    "gt_in_subgroup",  # of what a stranger sends
}
VARIABLE_TIME = "_vartime"  # operations with this ending say themselves that they are public


def modules(words: int) -> list[str]:
    """The native modules for this word count that the processor can run: one for each set of instructions.

    Without that of eight lanes, whose instructions valgrind does not know: test_lanes.py compiles it for others.

    The choice that the package makes at import does not count here. Under valgrind it would be another one, since
    valgrind executes adcx and adox but does not say so.
    """
    found = [found.name for found in pkgutil.iter_modules(_native.__path__) if re.fullmatch(rf"w{words}x?", found.name)]
    loaded = {name: importlib.import_module(f"milagro._native.{name}") for name in sorted(found)}
    return [name for name, module in loaded.items() if getattr(module, "supported", lambda: True)()]


@dataclass(frozen=True)
class Case:
    """One call to be watched. `result` says whether its result must depend on the secret; a verdict does not."""

    name: str
    method: str
    call: Callable[[], Any]
    result: bool = True


class Secrets:
    """One curve in one native module, and secrets on it: scalars k and l, points P and Q, an element f of GT.

    The same values are there in public (plain_..) and as a second secret (same_..).
    """

    def __init__(self, curve_name: str, module: str, probe: Probe) -> None:
        self.probe = probe
        self.params = params.get(curve_name)
        self.ops: CurveOps = importlib.import_module(f"milagro._native.{module}").CurveOps(self.params)
        self.E = Curve(self.params, "native", self.ops)
        hide, ops = probe.hide, self.ops
        self.plain_k = ops.scalar_to_bytes(ops.scalar_reduce(self._stream("k")))
        self.k, self.same_k = (hide(ops.scalar_from_bytes(self.plain_k)) for _ in range(2))
        self.l = hide(ops.scalar_reduce(self._stream("l")))
        self.G, self.H = ops.g1_generator(), ops.g2_generator()
        self.plain_P = ops.g1_hash_uniform(self._stream("P"), 1)
        self.plain_Q = ops.g2_hash_uniform(self._stream("Q"), 1)
        self.plain_f = ops.pairing(self.plain_P, self.plain_Q)
        self.P, self.same_P = (hide(ops.g1_hash_uniform(self._stream("P"), 1)) for _ in range(2))
        self.Q, self.same_Q = (hide(ops.g2_hash_uniform(self._stream("Q"), 1)) for _ in range(2))
        self.f, self.same_f = (hide(ops.pairing(self.plain_P, self.plain_Q)) for _ in range(2))

    def _stream(self, label: str, size: int = 192) -> bytes:
        return hashlib.shake_256(f"{self.params.name} {label}".encode()).digest(size)

    def octets(self, plain: bytes, *, public: int = 0) -> bytes:
        """Secret octets with this content, in memory of their own; the first `public` of them are not secret."""
        return self.probe.hide(bytes(bytearray(plain)), public)

    def element(self, degree: int = 1) -> bytes:
        """The secret octets of `degree` field elements."""
        size = self.params.field_bytes
        return self.octets(b"".join(bytes(1) + self._stream(f"{i}", size - 1) for i in range(degree)))

    def uniform(self, count: int) -> bytes:
        """Secret octets from which `count` field elements are reduced."""
        return self.octets(self._stream("u", count * self.params.hash_length))

    @cached_property
    def identity(self) -> Any:
        """The identity as a secret: what a sum of shares may turn out to be."""
        return self.probe.hide(self.ops.g1_identity())


def boundary(s: Secrets) -> Iterator[Case]:
    yield from _scalars(s)
    yield from _points(s, "g1", s.G, (s.plain_P, s.P, s.same_P), 1)
    yield from _points(s, "g2", s.H, (s.plain_Q, s.Q, s.same_Q), 2)
    yield from _targets(s)
    yield from _pairings(s)
    yield from _many(s)
    yield from _towers(s)


def _case(s: Secrets, method: str, *arguments: Any, note: str = "", result: bool = True) -> Case:
    name = f"{method} {note}".strip()
    return Case(name, method, lambda: getattr(s.ops, method)(*arguments), result)


def _scalars(s: Secrets) -> Iterator[Case]:
    yield _case(s, "scalar_from_bytes", s.octets(s.plain_k))
    for size in (1, 32, s.params.scalar_bytes + 16, 97):
        yield _case(s, "scalar_reduce", s.octets(s._stream("r", size)), note=f"{size} octets")
    yield _case(s, "scalar_from_bits", s.octets(s.plain_k))
    for digits in (b"7", b"0042", b"9" * 18):
        yield _case(s, "scalar_from_decimal", s.octets(digits), note=f"{len(digits)} digits")
    yield _case(s, "scalar_to_bytes", s.k)
    for method in ("scalar_add", "scalar_sub", "scalar_mul"):
        yield _case(s, method, s.k, s.l)
    for method in ("scalar_neg", "scalar_inv"):
        yield _case(s, method, s.k)
    yield _case(s, "scalar_equal", s.k, s.same_k, note="equal", result=False)
    yield _case(s, "scalar_equal", s.k, s.l, note="different", result=False)
    yield _case(s, "scalar_is_zero", s.k, result=False)


def _points(s: Secrets, g: str, base: Any, points: tuple[Any, Any, Any], degree: int) -> Iterator[Case]:
    plain, P, same = points
    ops = s.ops
    x, y = getattr(ops, f"{g}_to_affine")(plain)
    yield _case(s, f"{g}_mul", base, s.k, note="secret scalar, generator")
    yield _case(s, f"{g}_mul", plain, s.k, note="secret scalar")
    yield _case(s, f"{g}_mul", P, s.k, note="secret scalar and point")
    yield _case(s, f"{g}_msm", [base, plain, P], [s.k, s.l, s.same_k])
    yield _case(s, f"{g}_add", P, base)
    yield _case(s, f"{g}_add", P, same, note="doubling")
    yield _case(s, f"{g}_neg", P)
    yield _case(s, f"{g}_equal", P, same, note="equal", result=False)
    yield _case(s, f"{g}_equal", P, base, note="different", result=False)
    yield _case(s, f"{g}_is_identity", P, result=False)
    yield _case(s, f"{g}_in_subgroup", P, result=False)
    yield _case(s, f"{g}_from_affine", s.octets(x), s.octets(y))
    for rule in ("parity", "larger"):
        yield _case(s, f"{g}_sign", P, rule, note=rule, result=False)
        yield _case(s, f"{g}_from_x", s.octets(x), 1, rule, note=rule)
    yield _case(s, f"{g}_to_affine", P)
    for encoding in s.E.encodings:  # the tag and the flags are secret as well
        octets = getattr(ops, f"{g}_to_octets")(plain, encoding.value)
        yield _case(s, f"{g}_to_octets", P, encoding.value, note=encoding)
        yield _case(s, f"{g}_from_octets", s.octets(octets), encoding.value, note=encoding)
    for count in (1, 2):
        yield _case(s, f"{g}_hash_uniform", s.uniform(count * degree), count, note=f"of {count}")


def _targets(s: Secrets) -> Iterator[Case]:
    yield _case(s, "gt_exp", s.plain_f, s.k, note="secret exponent")
    yield _case(s, "gt_exp", s.f, s.k, note="secret exponent and base")
    yield _case(s, "gt_mul", s.f, s.same_f)
    for method in ("gt_inv", "gt_to_bytes", "gt_trace"):
        yield _case(s, method, s.f)
    yield _case(s, "gt_from_bytes", s.octets(s.ops.gt_to_bytes(s.plain_f)))
    yield _case(s, "gt_equal", s.f, s.same_f, result=False)
    yield _case(s, "gt_is_one", s.f, result=False)


def _pairings(s: Secrets) -> Iterator[Case]:
    yield _case(s, "pairing", s.P, s.H, note="secret P")
    yield _case(s, "pairing", s.G, s.Q, note="secret Q")
    yield _case(s, "pairing_product", [s.P, s.G, s.identity], [s.H, s.Q, s.Q])
    yield _case(s, "pairing_check", [s.P, s.G], [s.H, s.Q], result=False)
    if hasattr(s.ops, "g2_prepare"):
        yield _case(s, "g2_prepare", s.Q, result=False)  # its lines are not in the handle itself
        lines = s.ops.g2_prepare(s.Q)
        yield _case(s, "pairing", s.G, lines, note="secret prepared Q")
        yield _case(s, "pairing_check", [s.P, s.G], [s.H, lines], note="secret prepared Q", result=False)


def _many(s: Secrets) -> Iterator[Case]:
    """What takes and gives lists; the last result stands for all."""

    def last(method: str, *arguments: Any, note: str = "", result: bool = True) -> Case:
        def call() -> Any:
            found = getattr(s.ops, method)(*arguments)
            return found[-1] if isinstance(found, list) else bytes(found)

        return Case(f"{method} {note}".strip(), method, call, result)

    yield last("scalars_from_array", s.octets(s.plain_k), s.params.scalar_bytes)
    yield last("scalar_mul_many", [s.l, s.k], [s.k, s.l])
    for g, plain, P, degree in (("g1", s.plain_P, s.P, 1), ("g2", s.plain_Q, s.Q, 2)):
        size = 2 * degree * s.params.hash_length
        yield last(f"{g}_mul_many", [plain, P], [s.k, s.l])
        yield last(f"{g}_mul_many", [P], [s.k] * 12, note="of one point")
        yield last(f"{g}_hash_uniform_many", s.octets(s._stream("many", 2 * size)), 2, 2)
        for encoding in s.E.encodings:
            octets = bytes(getattr(s.ops, f"{g}_array_to_octets")([plain, plain], encoding.value))
            yield last(f"{g}_array_from_octets", s.octets(octets), encoding.value, False, 0, note=encoding)
            yield last(f"{g}_array_to_octets", [plain, P], encoding.value, note=encoding)
    yield last("gt_exp_many", [s.plain_f, s.f], [s.k, s.l])
    yield last("pairing_products_many", [s.P, s.G, s.G], [s.H, s.Q, s.Q], [1, 2])
    yield _case(s, "pairing_checks_many", [s.P, s.G], [s.H, s.Q], [1, 1], result=False)


def _towers(s: Secrets) -> Iterator[Case]:
    for field, degree in (("fp", 1), ("fp2", 2), ("fp4", 4), ("fp12", 12)):
        for name in ("mul", "sqr", "inv"):
            operands = [s.element(degree) for _ in range(2 if name == "mul" else 1)]
            yield _case(s, "tower", f"{field}_{name}", *operands, note=f"{field}_{name}")


# -- compositions ------------------------------------------------------------------------------------------------------
def protocol(s: Secrets) -> Iterator[Case]:
    """Through milagro.groups; the secret octets that Python handles are copied and hashed, never looked at."""
    E = s.E
    k, m = E.scalar_from_bytes(s.octets(s.plain_k)), E.scalar_reduce(s.octets(s._stream("l")))
    token, share = k * E.g1, m * E.g1
    server, other = k * E.g2, m * E.g2
    secret = E.pairing(token, server)
    pin, dst = s.octets(b"2718"), b"MILAGRO-CONSTANT-TIME"
    xs = [1, 2, 3]

    def drawn(size: int) -> bytes:
        return s.octets(bytes(1) + s._stream("x", size - 1))

    def case(name: str, call: Callable[[], Any], *, result: bool = True) -> Case:
        return Case(name, "", call, result)

    yield case("PIN point", lambda: E.hash_to_g1(b"alice" + pin, dst)._handle)
    yield case("PIN restore", lambda: (token + E.hash_to_g1(b"alice" + pin, dst))._handle)
    yield case("PIN removal", lambda: (token - E.hash_to_g1(b"alice" + pin, dst))._handle)
    yield case("hash to G2", lambda: E.hash_to_g2(pin, dst)._handle)
    yield case("hash to scalar", lambda: E.hash_to_scalar(pin, dst)._handle)
    yield case("sum of client shares", lambda: (token + share)._handle)
    yield case("sum of server shares", lambda: (server + other)._handle)
    yield case("Shamir evaluation", lambda: ((m * E.scalar(3) + k) * E.scalar(3) + m)._handle)
    yield case("Shamir combination", lambda: _combination(E.lagrange_at_zero(xs), [k, m, k])._handle)
    yield case(
        "Shamir combination in G1", lambda: E.multi_multiply_g1([token, share, token], E.lagrange_at_zero(xs))._handle
    )
    yield case(
        "Shamir combination in G2", lambda: E.multi_multiply_g2([server, other, server], E.lagrange_at_zero(xs))._handle
    )
    yield case("response V", lambda: (-((k + m) * token))._handle)
    yield case("inverse", lambda: k.inverse()._handle)
    yield case("comparisons", lambda: [k == m, token == share, server == other, secret == E.gt_one], result=False)
    yield case("random scalar", lambda: E.random_scalar(drawn)._handle)
    padded = bytes(E.field_bytes - E.scalar_bytes) + s.plain_k
    yield case("scalar from octets with zeros in front", lambda: E.scalar_from_bytes(s.octets(padded))._handle)
    yield case("scalar from digits", lambda: E.scalar_from_decimal(s.octets(b"2718"))._handle)
    yield case("scalar to octets", k.to_bytes)
    yield case("GT to octets", secret.to_bytes)
    for encoding in E.encodings:
        yield case(f"G1 to octets, {encoding}", lambda e=encoding: token.to_bytes(e))
        yield case(f"G2 to octets, {encoding}", lambda e=encoding: server.to_bytes(e))
        yield from _readers(s, encoding)
    yield from _sums(s, k, m)


def _readers(s: Secrets, encoding: Encoding) -> Iterator[Case]:
    E = s.E
    for group, base in (("g1", E.g1), ("g2", E.g2)):
        octets = s.octets((E.scalar(5) * base).to_bytes(encoding))
        read = getattr(E, f"{group}_from_bytes")
        yield Case(f"{group.upper()} from octets, {encoding}", "", lambda r=read, o=octets: r(o, encoding)._handle)


def _sums(s: Secrets, k: Any, m: Any) -> Iterator[Case]:
    """What sharing is made of: sums of products of secret scalars with public weights, of several lengths."""
    E = s.E
    for xs in ([1], [1, 2, 3], [2, 3, 5, 7, 255]):
        shares = [k if i % 2 else m for i in range(len(xs))]
        name = f"of {len(xs)} shares"
        yield Case(f"weighted sum {name}", "", lambda v=shares, x=xs: _combination(E.lagrange_at_zero(x), v)._handle)
        yield Case(f"polynomial {name}", "", lambda v=shares, x=xs: _evaluated(v, E.scalar(x[-1]))._handle)
        yield Case(
            f"commitment to a sum {name}",
            "",
            lambda v=shares, x=xs: (_combination(E.lagrange_at_zero(x), v) * E.g2)._handle,
        )


def _evaluated(coefficients: list[Any], x: Any) -> Any:
    """Horner's rule."""
    value = coefficients[-1]
    for coefficient in reversed(coefficients[:-1]):
        value = value * x + coefficient
    return value


def _combination(weights: list[Any], shares: list[Any]) -> Any:
    total = weights[0] * shares[0]
    for weight, share in zip(weights[1:], shares[1:], strict=True):
        total = total + weight * share
    return total


# -- sharing by polynomials --------------------------------------------------------------------------------------------
def shares(s: Secrets) -> Iterator[Case]:
    """Protocols that share, combine and sign, by their own code. Secret: the polynomial, shares, the secret itself."""
    from milagro.protocols import wcc
    from milagro.protocols.bls import ietf, original

    E = s.E

    def random(size: int) -> bytes:
        return s.octets(bytes(1) + s._stream("x", size - 1))

    def case(name: str, call: Callable[[], Any]) -> Case:
        return Case(f"sharing and keys: {name}", "", call)

    key = E.scalar_from_bytes(s.octets(s.plain_k))
    yield case("polynomial", lambda: original.random_coefficients(E, key, 3, random)[2]._handle)
    coefficients = original.random_coefficients(E, key, 3, random)
    yield case("evaluation", lambda: original.make_shares(E, coefficients, 5)[4].y._handle)
    given = original.make_shares(E, coefficients, 5)[1:4]
    yield case("combination", lambda: original.recover_secret(E, given)._handle)
    yield case("public key", lambda: original.public_key(E, key)._handle)
    yield case("signature", lambda: original.sign(E, key, b"a message")._handle)
    signed = [original.SignatureShare(share.x, original.sign(E, share.y, b"a message")) for share in given]
    yield case("key from octets", lambda: ietf.key_gen_ethereum(E, s.octets(s._stream("ikm", 32)))._handle)
    sender, receiver = wcc.hashed_identity(E, b"alice"), wcc.hashed_identity(E, b"bob")
    yield case("WCC sender key", lambda: wcc.sender_key(E, key, sender)._handle)
    yield case("WCC receiver key", lambda: wcc.receiver_key(E, key, receiver)._handle)
    yield case("combination of signatures", lambda: original.recover_signature(E, signed)._handle)


# -- M-Pin v1 ----------------------------------------------------------------------------------------------------------
def login_v1(s: Secrets) -> Iterator[Case]:
    """From two D-TAs' masters to a client's answer and key; masters, PIN, token and random scalars are secret."""
    from milagro.protocols.mpin.v1 import client, full, hashing, issuing

    E, identity = s.E, b"alice"
    hashed = hashing.hashed_identity(E, identity)

    def case(name: str, call: Callable[[], Any]) -> Case:
        return Case(f"M-Pin v1: {name}", "", call)

    def drawn(label: str) -> Any:
        return E.scalar_reduce(s.octets(s._stream(label)))

    one, other, x, r = (drawn(label) for label in ("one", "other", "x", "r"))
    y = E.scalar(12345)
    pin = client.pin_from_digits(E, s.octets(b"1234"))
    yield case("PIN", lambda: client.pin_from_digits(E, s.octets(b"1234"))._handle)
    yield case("server secret", lambda: issuing.server_secret(E, one)._handle)
    yield case("client secret", lambda: issuing.client_secret(E, one, hashed)._handle)
    yield case("time permit", lambda: issuing.time_permit(E, one, hashed, 20000)._handle)
    secret = issuing.client_secret(E, one, hashed) + issuing.client_secret(E, other, hashed)
    yield case("token", lambda: client.extract_pin(E, secret, identity, pin)._handle)
    token = client.extract_pin(E, secret, identity, pin)
    yield case("PIN restore", lambda: client.restore_pin(E, token, identity, pin)._handle)
    permit = issuing.time_permit(E, one, hashed, 20000)
    yield case(
        "first pass and answer",
        lambda: client.ClientTwoPass.start(E, identity, token, pin, x, permit=permit, date=20000)[0].respond(y)._handle,
    )
    yield case("one pass", lambda: client.one_pass(E, identity, token, pin, x, time=1_700_000_000).v._handle)
    values = full.precompute(E, token, identity)
    yield case("g1 of the full key", lambda: full.precompute(E, token, identity).g1._handle)
    yield case(
        "full key",
        lambda: full.client_session_key(E, values, pin, r=r, x=x, transcript=hashed, w_point=E.g1 * E.scalar(7)),
    )


# -- M-Pin v2 ----------------------------------------------------------------------------------------------------------
def login(s: Secrets) -> Iterator[Case]:
    """From two D-TAs' masters to a client's answer, by the protocol's own code; masters and PIN are secret."""
    from milagro.protocols.mpin import v2

    suite, now, issuers, count = v2.Suite(s.E), 1_700_000_000, ("one.example", "two.example"), itertools.count()

    def random(size: int) -> bytes:
        return s._stream(f"drawn {next(count)}", size)

    def secret_random(size: int) -> bytes:
        return s.octets(bytes(1) + random(size - 1))

    def case(name: str, call: Callable[[], Any], *, result: bool = True) -> Case:
        return Case(f"M-Pin v2: {name}", "", call, result)

    pin, key = s.octets(b"2718"), v2.Ed25519Key.generate(random)
    context = v2.Context("mfa.example", "https://login.example", "shop")
    identity = v2.Identity.create(suite, "mfa.example", "alice", "phone", key, now, random)
    masters = [v2.MasterShare.generate(suite, name, secret_random) for name in issuers]
    yield case(
        "master", lambda: v2.MasterShare.generate(suite, "one.example", secret_random).server_share().point._handle
    )
    shares = [master.client_share(identity) for master in masters]
    yield case("client share", lambda: masters[0].client_share(identity).point._handle)
    yield case("server share", lambda: masters[0].server_share().point._handle)
    secret = v2.combine_client_shares(shares, issuers)
    yield case("combination", lambda: v2.combine_client_shares(shares, issuers).point._handle)
    token = secret.token(pin)
    yield case("token", lambda: secret.token(pin).point._handle)
    credential = v2.Credential(token, key)
    yield case("PIN restore", lambda: credential.secret_point(pin, None)._handle)
    yield case("change of PIN", lambda: token.change_pin(pin, s.octets(b"3141")).point._handle)
    for value in (token, secret, masters[0].server_share()):
        plain = value.to_bytes()
        point = len(value.point.to_bytes())  # all that stands before the point is public
        octets = s.octets(plain, public=len(plain) - point)
        yield case(
            f"{type(value).__name__} from octets", lambda v=value, o=octets: v.from_bytes(suite, o).point._handle
        )
    started = v2.start_login(credential, context, now, random, None)
    yield case("first pass", lambda: v2.start_login(credential, context, now, random, None), result=False)
    asked = v2.Verifier(suite, context, v2.Limits()).challenge(started.message, identity, now, random)
    yield case("second pass", lambda: started.answer(asked.message, pin, now), result=False)


def _read(kind: Any, suite: Any, octets: bytes) -> Any:
    return kind.from_bytes(suite, octets).point._handle


# -- sharing -----------------------------------------------------------------------------------------------------------
def sharing(s: Secrets) -> Iterator[Case]:
    """Splitting, combining and what a holder does with its share; the secret or the share is secret."""
    from milagro.groups.values import Scalar
    from milagro.protocols.sharing import dleq, issuing, octet_shares, shamir, shared_key, voprf
    from milagro.protocols.sharing.suite import Suite

    suite, count = Suite(s.E), itertools.count()

    def random(size: int) -> bytes:
        return s._stream(f"drawn {next(count)}", size)

    def secret_random(size: int) -> bytes:
        return s.octets(random(size))

    def case(name: str, call: Callable[[], Any]) -> Case:
        return Case(f"sharing: {name}", "", call)

    k = Scalar._make(s.E, s.k)
    yield case("split a scalar", lambda: shamir.split(suite, k, 3, 5, random)[4].value._handle)
    shares = shamir.split(suite, k, 3, 5, random)
    yield case("combine scalars", lambda: shamir.combine(shares)._handle)
    yield case("octets of a share", shares[1].to_bytes)
    holder = shared_key.deal(suite, s.E.scalar(5), 2, 3, random)[0]
    s.probe.hide(holder.value._handle)
    A = s.E.g1 + s.E.g1
    yield case("issue a client share", lambda: issuing.issue_client_share(holder, A, random).point._handle)
    yield case("its proof", lambda: issuing.issue_client_share(holder, A, random).proof.z._handle)
    yield case("issue a server share", lambda: issuing.issue_server_share(holder).point._handle)
    yield case("evaluate obliviously", lambda: voprf.evaluate(holder, A, random).Z._handle)
    yield case("blind", lambda: voprf.Blinded.create(suite, s.octets(b"a password"), random).M._handle)
    yield case("prove possession", lambda: dleq.prove_possession(suite, k, b"", random).z._handle)
    octet_shares.split(b"public", 2, 3, random)  # imports numpy before anything is watched
    secret = s.octets(s._stream("octets", 40))
    yield case("split octets", lambda: octet_shares.split(secret, 3, 5, secret_random)[4].value)
    parts = [(one.header.index, one.value) for one in octet_shares.split(secret, 3, 5, random)]
    yield case("combine octets, but for the verdict on them", lambda: octet_shares.interpolate(parts[2:]))


# -- controls ----------------------------------------------------------------------------------------------------------
def controls(s: Secrets) -> Iterator[Case]:
    """Each of them leaks, and a run that does not report it is worth nothing."""
    probe, ops = s.probe, s.ops

    def case(name: str, call: Callable[[], Any]) -> Case:
        return Case(name, "", call, result=False)

    yield case("planted branch on each bit", lambda: probe.leak_branch(s.k))
    yield case("planted secret index", lambda: probe.leak_index(s.k))
    yield case("planted early exit from a comparison", lambda: probe.leak_comparison(s.k, s.same_k))
    yield case("g1_map_original of a secret", lambda: ops.g1_map_original(s.element()))
    yield case("g2_map_original of a secret", lambda: ops.g2_map_original(s.element()))
    yield case("g1_mul_integer by a secret", lambda: ops.g1_mul_integer(s.G, _secret_integer(s)))
    yield case("g2_mul_integer by a secret", lambda: ops.g2_mul_integer(s.H, _secret_integer(s)))
    yield case("g1_mul_many_vartime by a secret", lambda: ops.g1_mul_many_vartime([s.G], [s.k]))
    for method, base in (("g1_mul_vartime", s.G), ("g2_mul_vartime", s.H)):
        if hasattr(ops, method):
            yield case(f"{method} by a secret", lambda m=method, b=base: getattr(ops, m)(b, s.k))


def _secret_integer(s: Secrets) -> int:
    return s.probe.hide(int.from_bytes(s.plain_k, "big"))


def operations(s: Secrets) -> Iterator[Case]:
    yield from boundary(s)
    yield from protocol(s)


LISTS: dict[str, Callable[[Secrets], Iterator[Case]]] = {
    "operations": operations,
    "shares": shares,
    "login": login,
    "login_v1": login_v1,
    "sharing": sharing,
    "controls": controls,
}
