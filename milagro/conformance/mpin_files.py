"""Checks of the published M-Pin runs: two-pass with and without time permits, and one-pass."""

from __future__ import annotations

from collections.abc import Callable

from milagro.conformance.case import Case
from milagro.conformance.env import Octets, status
from milagro.conformance.literals import integer, octets, text
from milagro.groups import G1Point
from milagro.protocols.mpin.v1 import client, hashing, issuing, server

_KEYS = frozenset({"MS1", "MS2", "SS1", "SS2", "CS1", "CS2", "PIN1", "PIN2", "TOKEN", "X", "U", "Y"})
PERMITS = _KEYS | {"test_no", "mpin_id", "MPIN_ID_HEX", "HASH_MPIN_ID_HEX", "SERVER_SECRET", "CLIENT_SECRET"}
PERMITS |= {"DATE", "TP1", "TP2", "TIME_PERMIT", "UT", "SEC", "SERVER_OUTPUT"}
TWO_PASS = PERMITS | {"V"}
ONE_PASS = PERMITS | {"TimeValue"}
PLAIN = _KEYS | {"TEST", "CURVE", "MPINId", "SS", "CS", "V", "AuthResult"}
NUMBERS = ("test_no", "TEST")


def check(case: Case, o: Octets, names: tuple[str, ...]) -> None:
    """Every field of one run, whichever of the three kinds it is; `names` are what the curve may be called."""
    case.read("TEST" if "TEST" in case else "test_no", integer)  # pinned by the numbering of the file
    plain, one_pass = "TEST" in case or "CURVE" in case, "TimeValue" in case
    case.require(*sorted(PLAIN if plain else ONE_PASS if one_pass else TWO_PASS))
    if plain:
        _plain(case, o, names)
    elif one_pass:
        _with_permits(case, o)
        _one_pass(case, o)
    else:
        _with_permits(case, o)
        _two_pass(case, o)


def _shares(o: Octets, identity: Callable[[], bytes], server_sum: str, client_sum: str) -> None:
    """Server and client secret shares of both masters, their sums, the token, and U."""

    def hashed() -> bytes:
        return hashing.hashed_identity(o.curve, identity(), hash_name=o.hash_name)

    for i in "12":
        o.expect_point(f"SS{i}", lambda i=i: issuing.server_secret(o.curve, o.scalar(f"MS{i}")))  # type: ignore[misc]
        o.expect_point(f"CS{i}", lambda i=i: issuing.client_secret(o.curve, o.scalar(f"MS{i}"), hashed()))  # type: ignore[misc]
    o.expect_point(server_sum, lambda: issuing.recombine_g2([o.g2("SS1"), o.g2("SS2")]))
    o.expect_point(client_sum, lambda: issuing.recombine_g1([o.g1("CS1"), o.g1("CS2")]))
    o.expect_point(
        "TOKEN",
        lambda: client.extract_pin(o.curve, o.g1(client_sum), identity(), _pin(o, "PIN1"), hash_name=o.hash_name),
    )


def _pin(o: Octets, name: str) -> int:
    return o.case.read(name, integer)


def _plain(case: Case, o: Octets, names: tuple[str, ...]) -> None:
    """A two-pass run without permits."""

    def identity() -> bytes:
        return o.raw("MPINId")

    def v() -> G1Point:
        sec = client.combined_secret(o.curve, identity(), o.g1("TOKEN"), _pin(o, "PIN2"), hash_name=o.hash_name)
        return client.response(o.scalar("X"), o.scalar("Y"), sec)

    def run() -> None:
        commitment = client.Commitment(o.g1("U"))
        state = server.ServerTwoPass.start(
            o.curve, o.g2("SS"), identity(), commitment, o.scalar("Y"), hash_name=o.hash_name
        )
        state.verify(o.g1("V"))

    case.check("CURVE", lambda name: _known(text(name), names), lambda: o.curve.name)
    _shares(o, identity, "SS", "CS")
    o.expect_point("U", lambda: client.commit(o.curve, identity(), o.scalar("X"), hash_name=o.hash_name).for_date(0))
    o.expect_point("V", v)
    case.check("AuthResult", integer, lambda: status(run))


def _known(name: str, names: tuple[str, ...]) -> str:
    """The canonical name, if `name` is one of the curve's names in any letter case."""
    return names[0] if name.lower() in {known.lower() for known in names} else name


def _with_permits(case: Case, o: Octets) -> None:
    """What the two kinds of run with permits share."""

    def identity() -> bytes:
        return o.raw("MPIN_ID_HEX")

    def date() -> int:
        return case.read("DATE", integer)

    def permit(i: str) -> G1Point:
        return issuing.time_permit(
            o.curve, o.scalar(f"MS{i}"), o.raw("HASH_MPIN_ID_HEX"), date(), hash_name=o.hash_name
        )

    def commitment() -> client.Commitment:
        return client.commit(o.curve, identity(), o.scalar("X"), date(), hash_name=o.hash_name)

    o.expect("MPIN_ID_HEX", lambda: case.read("mpin_id", text).encode())
    o.expect("HASH_MPIN_ID_HEX", lambda: hashing.hashed_identity(o.curve, identity(), hash_name=o.hash_name))
    _shares(o, identity, "SERVER_SECRET", "CLIENT_SECRET")
    for i in "12":
        o.expect_point(f"TP{i}", lambda i=i: permit(i))  # type: ignore[misc]
    o.expect_point("TIME_PERMIT", lambda: issuing.recombine_g1([o.g1("TP1"), o.g1("TP2")]))
    made: list[client.Commitment] = []

    def once() -> client.Commitment:
        # U and UT have the same inputs, so the second does not compute the first again.
        for name, reader in (("MPIN_ID_HEX", octets), ("X", octets), ("DATE", integer)):
            case.read(name, reader)
        if not made:
            made.append(commitment())
        return made[0]

    o.expect_point("U", lambda: once().for_date(0))
    o.expect_point("UT", lambda: once().for_date(date()))


def _sec(case: Case, o: Octets) -> G1Point:
    return client.combined_secret(
        o.curve, o.raw("MPIN_ID_HEX"), o.g1("TOKEN"), _pin(o, "PIN2"), o.g1("TIME_PERMIT"), hash_name=o.hash_name
    )


def _two_pass(case: Case, o: Octets) -> None:
    def run() -> None:
        commitment = client.Commitment(o.g1("U"), o.g1("UT"))
        state = server.ServerTwoPass.start(
            o.curve,
            o.g2("SERVER_SECRET"),
            o.raw("MPIN_ID_HEX"),
            commitment,
            o.scalar("Y"),
            date=case.read("DATE", integer),
            hash_name=o.hash_name,
        )
        state.verify(o.g1("V"))

    o.expect_point("SEC", lambda: _sec(case, o))
    o.expect_point("V", lambda: client.response(o.scalar("X"), o.scalar("Y"), o.g1("SEC")))
    case.check("SERVER_OUTPUT", integer, lambda: status(run))


def _one_pass(case: Case, o: Octets) -> None:
    """In these files SEC is the final V."""

    def time() -> int:
        return case.read("TimeValue", integer)

    def run() -> None:
        message = client.OnePass(client.Commitment(o.g1("U"), o.g1("UT")), o.g1("SEC"), time())
        server.verify_one_pass(
            o.curve,
            o.g2("SERVER_SECRET"),
            o.raw("MPIN_ID_HEX"),
            message,
            date=case.read("DATE", integer),
            hash_name=o.hash_name,
        )

    o.expect_scalar("Y", lambda: hashing.time_challenge(o.curve, time(), o.g1("UT"), hash_name=o.hash_name))
    o.expect_point("SEC", lambda: client.response(o.scalar("X"), o.scalar("Y"), _sec(case, o)))
    case.check("SERVER_OUTPUT", integer, lambda: status(run))
