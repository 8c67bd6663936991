"""Counted attempts verified by t servers, each with its share of the server secret. Nobody learns e(X, sQ).

    leader                                              each of t - 1 peers
    Attempts: X_i = U_i + y_i T_i, V_i   --attempts-->  Attempts, derived anew from what the clients signed
                                                        COUNT them, in a place of its own
                      <--Contribution--                 d_i at random: X_j = sum d_i X_i, V_j = sum d_i V_i, proof
    a Contribution of its own, the last
                     --all of them-->                   X = sum X_j, V = sum V_j, its own among them
                      <--Partial--                      W_j = e(X, f(j)), proof; once for a contribution
    decide: e(V, Q) prod W_j^lambda_j = 1
                     --all partials, if it is-->        decide: only this gives the attempts back

Why the weights come from every server: e(X, sQ) for an X = (x + y) T whose x is known tests any number of PINs of a
stolen token. Under a weight that t - 1 servers together do not know, it tests none but the V that was sent.

Spec: spec/mpin.md#split-secret
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self, TypeVar

from milagro.errors import (
    AuthenticationFailed,
    InvalidShare,
    MalformedEnvelope,
    MilagroError,
    ParameterError,
    Unavailable,
    WrongLength,
    WrongRound,
)
from milagro.groups.batches import weighted_sum
from milagro.octets import frame, i2osp, os2ip, unframe
from milagro.protocols.mpin.v2.batch import login_points, use_up
from milagro.protocols.mpin.v2.sessions import Authenticated, Countable, Once, need_length
from milagro.protocols.mpin.v2.suite import MAX_MESSAGE, Suite, draw
from milagro.secret_value import SecretValue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from milagro.groups import G1Point, G2Point, GTElement, Random, Scalar
    from milagro.protocols.mpin.v2.split import Dealing, SplitShare

RUN_OCTETS: Final = 16
MAX_ATTEMPTS: Final = 64
_INDEX_OCTETS: Final = 2


@dataclass(frozen=True)
class Attempts:
    """The attempts of one run: X_i = U_i + y_i T_i and V_i of each, and a name for the run.

    Spec: spec/mpin.md#split-secret
    """

    suite: Suite
    run: bytes
    X: tuple[G1Point, ...]
    V: tuple[G1Point, ...]

    @classmethod
    def of(cls, suite: Suite, run: bytes, countables: Sequence[Countable]) -> Self:
        """The attempts in these; whether they are used up is for the caller to see to.

        Raises: ParameterError unless there are 1 to 64, all of this suite
        """
        need_length("the name of a run", run, RUN_OCTETS)
        if not 1 <= len(countables) <= MAX_ATTEMPTS or any(one._suite != suite for one in countables):
            raise ParameterError(f"a run is of 1 to {MAX_ATTEMPTS} attempts of one suite")
        T = login_points(suite, countables)
        X = [one._U + point.mul_vartime(one._y) for one, point in zip(countables, T, strict=True)]
        return cls(suite, run, tuple(X), tuple(one._V for one in countables))

    def statement(self, *fields: bytes) -> bytes:
        """frame(run, fields.., X_1 .. X_n, V_1 .. V_n): what a contribution is proven for."""
        return frame(self.run, *fields, *(P.to_bytes() for P in (*self.X, *self.V)))


# -- weights -----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Contribution:
    """Server j's X_j = sum d_i X_i and V_j = sum d_i V_i, with a proof (c, z_1 .. z_n) of knowing such d_i.

    Spec: spec/mpin.md#split-secret
    """

    index: int
    X: G1Point
    V: G1Point
    c: Scalar
    z: tuple[Scalar, ...]

    def check(self, attempts: Attempts) -> None:
        """Nothing, if c is the hash of A = sum z_i X_i - c X_j and B = sum z_i V_i - c V_j.

        Raises: InvalidShare with the index as culprit
        """
        if len(self.z) == len(attempts.X) and not self.X.is_identity() and not self.V.is_identity():
            E, weights = attempts.suite.curve, [*self.z, -self.c]
            A = weighted_sum(E, [*attempts.X, self.X], weights)
            B = weighted_sum(E, [*attempts.V, self.V], weights)
            if not A.is_identity() and not B.is_identity() and self.c == _weights_challenge(attempts, self, A, B):
                return
        raise InvalidShare("the proof of a contribution does not hold", [self.index])

    def to_bytes(self) -> bytes:
        """frame(be(j, 2), X_j, V_j, c, z_1 || .. || z_n)."""
        z = b"".join(one.to_bytes() for one in self.z)
        return frame(_index(self.index), self.X.to_bytes(), self.V.to_bytes(), self.c.to_bytes(), z)

    @classmethod
    def from_bytes(cls, suite: Suite, octets: bytes) -> Self:
        """The contribution with these octets. Raises EncodingError."""
        index, X, V, c, z = _fields(octets, 5)
        E, size = suite.curve, suite.curve.scalar_bytes
        if len(z) % size or not 1 <= len(z) // size <= MAX_ATTEMPTS:
            raise MalformedEnvelope("a contribution has a scalar for each attempt")
        scalars = tuple(suite.scalar_from_bytes(z[at : at + size]) for at in range(0, len(z), size))
        return cls(_index_from(index), E.g1_from_bytes(X), E.g1_from_bytes(V), suite.scalar_from_bytes(c), scalars)


def contribute(attempts: Attempts, index: int, random: Random) -> Contribution:
    """Server `index`'s contribution under fresh weights, which are forgotten. Draws scalar_bytes + 16 octets, 2n times.

    Spec: spec/mpin.md#split-secret
    Secret: the weights d_i; constant time in them on the native backend
    """
    E, n = attempts.suite.curve, len(attempts.X)
    d, k = _scalars(attempts.suite, n, random), _scalars(attempts.suite, n, random)
    X, V = E.multi_multiply_g1(attempts.X, d), E.multi_multiply_g1(attempts.V, d)
    A, B = E.multi_multiply_g1(attempts.X, k), E.multi_multiply_g1(attempts.V, k)
    unproven = Contribution(index, X, V, E.scalar(0), ())
    c = _weights_challenge(attempts, unproven, A, B)
    return Contribution(index, X, V, c, tuple(ki + c * di for ki, di in zip(k, d, strict=True)))


def _scalars(suite: Suite, count: int, random: Random) -> list[Scalar]:
    E = suite.curve
    return [E.scalar_reduce(draw(random, E.scalar_bytes + 16)) for _ in range(count)]


def _weights_challenge(attempts: Attempts, one: Contribution, A: G1Point, B: G1Point) -> Scalar:
    """c = Hr(frame(run, be(j, 2), X_j, V_j, A, B, X_1 .. X_n, V_1 .. V_n), SPLIT-WEIGHTS_)."""
    points = [P.to_bytes() for P in (one.X, one.V, A, B)]
    return attempts.suite.hash_to_scalar(attempts.statement(_index(one.index), *points), "SPLIT-WEIGHTS_")


@dataclass(frozen=True)
class Joint:
    """X = sum X_j and V = sum V_j over the servers of the run.

    Spec: spec/mpin.md#split-secret
    """

    attempts: Attempts
    servers: tuple[int, ...]
    X: G1Point
    V: G1Point

    def name(self) -> bytes:
        """frame(run, the servers, X, V): what partials are proven for."""
        servers = b"".join(_index(index) for index in self.servers)
        return frame(self.attempts.run, servers, self.X.to_bytes(), self.V.to_bytes())


def join(attempts: Attempts, contributions: Sequence[Contribution], own: Contribution | None = None) -> Joint:
    """The sum of the contributions, of at least two servers, each proven but one's `own`.

    Spec: spec/mpin.md#split-secret
    Raises: InvalidShare naming those whose proof does not hold; ParameterError for one server or one twice; WrongRound
        if a sum is the identity: start again
    """
    servers = sorted(one.index for one in contributions)
    if len(servers) < 2 or len(set(servers)) != len(servers):
        raise ParameterError("a run is of two servers or more, each of them once")
    foreign = [one for one in contributions if one != own]
    _name_culprits("contributions", foreign, lambda one: one.check(attempts))
    E = attempts.suite.curve
    X, V = E.g1_identity, E.g1_identity
    for one in contributions:
        X, V = X + one.X, V + one.V
    if X.is_identity() or V.is_identity():
        raise WrongRound("the weights of the servers cancel each other; start again")
    return Joint(attempts, tuple(servers), X, V)


# -- partial products --------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Partial:
    """Server j's W_j = e(X, f(j)), with a proof (c, z) that f(j) is the share that C_j commits to.

    Spec: spec/mpin.md#split-secret
    """

    index: int
    W: GTElement
    c: Scalar
    z: G2Point

    def check(self, dealing: Dealing, joint: Joint) -> None:
        """Nothing, if c is the hash of e(P1, z) e(C_j, Q)^-c and e(X, z) W_j^-c.

        Raises: InvalidShare with the index as culprit
        """
        E, z = dealing.suite.curve, dealing.suite.curve.prepare(self.z)
        C = dealing.commitment(self.index)
        first = E.pairing_product([(E.g1, z), (C.mul_vartime(-self.c), E.g2_prepared)])
        second = E.pairing(joint.X, z) * self.W.power_vartime(-self.c)
        if self.c != _partial_challenge(dealing.suite, joint, self.index, C, self.W, first, second):
            raise InvalidShare("the proof of a partial product does not hold", [self.index])

    def to_bytes(self) -> bytes:
        """frame(be(j, 2), W_j, c, z)."""
        return frame(_index(self.index), self.W.to_bytes(), self.c.to_bytes(), self.z.to_bytes())

    @classmethod
    def from_bytes(cls, suite: Suite, octets: bytes) -> Self:
        """The partial with these octets. Raises EncodingError."""
        index, W, c, z = _fields(octets, 4)
        E = suite.curve
        return cls(_index_from(index), E.gt_from_bytes(W), suite.scalar_from_bytes(c), E.g2_from_bytes(z))


def partial(share: SplitShare, dealing: Dealing, joint: Joint, random: Random) -> Partial:
    """W_j = e(X, f(j)), and z = k Q + c f(j) for c = Hr(.., e(P1, k Q), e(X, k Q)). Draws scalar_bytes + 16 octets.

    A server gives this once for each of its contributions: two for one contribution take the weights away.
    Spec: spec/mpin.md#split-secret
    Raises: ParameterError if this server is not of the run
    Secret: the share, and k; constant time in both on the native backend
    """
    if share.index not in joint.servers:
        raise ParameterError("this server contributed nothing to the run")
    E = dealing.suite.curve
    (k,) = _scalars(dealing.suite, 1, random)
    W = E.pairing(joint.X, share.prepared)
    first, second = E.pairing(k * E.g1, E.g2_prepared), E.pairing(k * joint.X, E.g2_prepared)
    C = dealing.commitment(share.index)
    c = _partial_challenge(dealing.suite, joint, share.index, C, W, first, second)
    return Partial(share.index, W, c, k * E.g2 + c * share.point)


def _partial_challenge(
    suite: Suite, joint: Joint, index: int, C: G1Point, W: GTElement, first: GTElement, second: GTElement
) -> Scalar:
    """c = Hr(frame(run, servers, X, V, be(j, 2), C_j, W_j, first, second), SPLIT-PARTIAL_)."""
    said = (_index(index), C.to_bytes(), *(f.to_bytes() for f in (W, first, second)))
    return suite.hash_to_scalar(frame(joint.name(), *said), "SPLIT-PARTIAL_")


def decide(dealing: Dealing, joint: Joint, partials: Sequence[Partial], own: Partial | None = None) -> None:
    """Nothing, if e(V, Q) prod W_j^lambda_j = 1: then all attempts of the run are right.

    Each partial is proven, but one's `own`. At a single attempt it fails if and only if that is wrong.
    Spec: spec/mpin.md#split-secret
    Raises: AuthenticationFailed if one of the attempts is wrong; InvalidShare naming those whose proof does not hold;
        ParameterError unless there is one partial from each server of the run, and these are at least t
    """
    servers = sorted(one.index for one in partials)
    if tuple(servers) != joint.servers or len(servers) < dealing.threshold:
        raise ParameterError("a run is decided by one partial from each of its servers, at least as many as t")
    foreign = [one for one in partials if one != own]
    _name_culprits("partial products", foreign, lambda one: one.check(dealing, joint))
    E = dealing.suite.curve
    product = E.pairing(joint.V, E.g2_prepared)
    for weight, one in zip(E.lagrange_at_zero([one.index for one in partials]), partials, strict=True):
        product = product * one.W.power_vartime(weight)
    if not product.is_one():
        raise AuthenticationFailed


# -- one server in one run ---------------------------------------------------------------------------------------
class Participant(SecretValue):
    """One server's side of a run, the leader's as well as a peer's: a contribution, one partial, the decision.

    Spec: spec/mpin.md#split-secret
    Secret: the share
    """

    __slots__ = ("_dealing", "_joint", "_once", "_own", "_share", "attempts", "contribution")

    def __init__(self, share: SplitShare, dealing: Dealing, attempts: Attempts, random: Random) -> None:
        self._share, self._dealing = share, dealing
        self._once = Once()
        self._joint: Joint | None = None
        self._own: Partial | None = None
        self.attempts = attempts
        self.contribution = contribute(attempts, share.index, random)

    def answer(self, contributions: Sequence[Contribution], random: Random) -> Partial:
        """This server's partial for the contributions, its own among them; once.

        Raises: ParameterError if its own is not among them or they are fewer than t, InvalidShare with culprits,
            WrongRound the second time
        """
        if self.contribution not in contributions or len(contributions) < self._dealing.threshold:
            raise ParameterError("a partial is for the contributions of at least t servers, one's own among them")
        joint = join(self.attempts, contributions, self.contribution)
        self._once.take_or_refuse("answering in a run")
        self._joint, self._own = joint, partial(self._share, self._dealing, joint, random)
        return self._own

    def decide(self, partials: Sequence[Partial]) -> None:
        """Nothing, if all attempts of the run are right.

        Raises: AuthenticationFailed, InvalidShare, ParameterError as `decide`; WrongRound before the answer
        """
        if self._joint is None:
            raise WrongRound("a run is decided after this server has answered")
        decide(self._dealing, self._joint, partials, self._own)


# -- a batch, judged by runs -------------------------------------------------------------------------------------
def verify_jointly(
    countables: Sequence[Countable], judge: Callable[[Sequence[Countable]], None]
) -> list[Authenticated | MilagroError]:
    """For each attempt what `judge` says of it: of all in one run or, if that is refused, of the halves.

    `judge` returns if all attempts of a run are right, and raises else; Unavailable ends it, for all in the run.
    Each attempt is used up and has been counted, as by `verify_batch`.
    Spec: spec/mpin.md#split-secret
    Raises: WrongRound if an attempt was verified before or stands in the list twice, and then nothing was verified
    """
    use_up(countables)
    return _judged(countables, judge)


def _judged(
    some: Sequence[Countable], judge: Callable[[Sequence[Countable]], None]
) -> list[Authenticated | MilagroError]:
    try:
        judge(some)
    except MilagroError as error:
        if len(some) == 1 or isinstance(error, Unavailable):
            return [error] * len(some)
        middle = len(some) // 2
        return [*_judged(some[:middle], judge), *_judged(some[middle:], judge)]
    return [one._result for one in some]


# -- what both kinds of messages share ---------------------------------------------------------------------------
ProvenT = TypeVar("ProvenT", Contribution, Partial)


def _name_culprits(what: str, found: Iterable[ProvenT], check: Callable[[ProvenT], None]) -> None:
    culprits: list[int | str] = []
    for one in found:
        try:
            check(one)
        except InvalidShare as error:
            culprits += error.culprits
    if culprits:
        raise InvalidShare(f"proofs of {what} do not hold", culprits)


def _index(index: int) -> bytes:
    return i2osp(index, _INDEX_OCTETS)


def _index_from(octets: bytes) -> int:
    return os2ip(need_length("an index", octets, _INDEX_OCTETS))


def _fields(octets: bytes, count: int) -> list[bytes]:
    if len(octets) > MAX_MESSAGE:
        raise WrongLength(f"a message has at most {MAX_MESSAGE} octets")
    return unframe(octets, count)
