"""Vectors of M-Pin v1: every step of every kind of run, and what the new code refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from milagro.conformance.topics._book import Book, flipped
from milagro.conformance.topics.curves import need_stray_point
from milagro.errors import (
    AuthenticationFailed,
    InvalidFlags,
    InvalidSignature,
    NonCanonical,
    NotInSubgroup,
    NotOnCurve,
    ParameterError,
    WrongLength,
    WrongRound,
)

SPEC = "spec/mpin-v1.md#"
CURVES = ("BN254", "BN254CX", "FP256BN", "FP512BN", "BLS12-381", "BLS383", "BLS461")
HASHES = ("sha256", "sha384", "sha512")
RUNS = [(curve, "sha256") for curve in CURVES] + [("BN254CX", name) for name in HASHES[1:]] + [("FP512BN", "sha512")]
DEFAULT = "BN254CX"
IDENTITY, PIN, DATE, TIME = b"alice@example.org", 1234, 20454, 1767225600
MESSAGE = b"transfer 10 to bob"


class Parties:
    """A client and a server of one curve and hash, with everything that was issued to them."""

    def __init__(self, book: Book, curve: str, hash_name: str) -> None:
        self.book, self.curve, self.hash_name = book, curve, hash_name
        self.name = f"{curve}-{hash_name}"
        self.base: dict[str, Any] = {"hash": hash_name, "identity": IDENTITY.hex()}
        hashed = self.run("mpin-v1.hashed-identity", self.base)["HID"]
        self.masters = {"s1": self.scalar("s1"), "s2": self.scalar("s2")}
        self.SS = self.run("mpin-v1.server-secret", self.masters)["SS"]
        self.hashed = hashed
        self.CS = self.run("mpin-v1.client-secret", {**self.masters, "HID": hashed})["CS"]
        self.token = self.run("mpin-v1.token", {**self.base, "CS": self.CS, "pin": PIN})["token"]

    def run(self, operation: str, inputs: dict[str, Any]) -> dict[str, Any]:
        """The results of an operation on this curve."""
        return self.book.run(operation, inputs, self.curve)

    def scalar(self, label: str) -> str:
        """A random scalar of these parties."""
        return self.book.scalar(f"{self.name}/{label}", self.curve, wide=True)

    def permit(self, date: int = DATE) -> str:
        """The time permit of a day."""
        inputs = {**self.masters, "HID": self.hashed, "date": date, "hash": self.hash_name}
        permit: str = self.run("mpin-v1.time-permit", inputs)["TP"]
        return permit

    def client(self, pin: int = PIN, **more: Any) -> dict[str, Any]:
        """The inputs of a client."""
        return {**self.base, "token": self.token, "pin": pin, "x": self.scalar("x"), **more}

    def two_pass(self, pin: int = PIN, **more: Any) -> dict[str, Any]:
        """The inputs of the server in a two-pass run; permit and date in `more` make it one with permits."""
        inputs = self.client(pin, y=self.scalar("y"), **more)
        sent = self.run("mpin-v1.client-two-pass", inputs)
        dated = {"date": more["date"]} if "date" in more else {}
        return {**self.base, **sent, **dated, "SS": self.SS, "y": inputs["y"]}

    def one_pass(self, pin: int = PIN, message: bytes = b"", **more: Any) -> dict[str, Any]:
        """The inputs of the server in a one-pass run."""
        inputs = self.client(pin, time=TIME, message=message.hex(), **more)
        sent = self.run("mpin-v1.client-one-pass", inputs)
        dated = {"date": more["date"]} if "date" in more else {}
        return {**self.base, **sent, **dated, "SS": self.SS, "time": TIME, "message": message.hex()}


def _each(book: Book) -> list[Parties]:
    return [Parties(book, curve, name) for curve, name in RUNS]


def hashing(backend: str) -> Book:
    """H(n, data) and hashed identities."""
    book = Book("mpin-v1/hashing", SPEC + "numbered-hash", backend, DEFAULT)
    for curve in CURVES:
        for name in HASHES:
            for n, data in ((0, b""), (0, b"abc"), (1, b"abc"), (DATE, b"abc"), (2**31 - 1, b"")):
                book.good(
                    f"{curve}-{name}-{n}-{len(data)}",
                    "mpin-v1.numbered-hash",
                    {"n": n, "data": data.hex(), "hash": name},
                    curve=curve,
                )
            for i, identity in enumerate((IDENTITY, b'{"userID": "alice"}', b"\0")):
                book.good(
                    f"{curve}-{name}-identity-{i}",
                    "mpin-v1.hashed-identity",
                    {"identity": identity.hex(), "hash": name},
                    curve=curve,
                    spec=SPEC + "hashed-identity",
                )
    for name, n in (("negative", -1), ("beyond-31-bits", 2**31)):
        book.bad(f"number-{name}", "mpin-v1.numbered-hash", {"n": n, "data": ""}, ParameterError)
    return book


def issuing(backend: str) -> Book:
    """Secrets, their sums, tokens."""
    book = Book("mpin-v1/issuing", SPEC + "client-secret", backend, DEFAULT)
    for one in _each(book):
        c = one.curve
        book.good(
            f"{one.name}-server-secret", "mpin-v1.server-secret", one.masters, spec=SPEC + "server-secret", curve=c
        )
        book.good(f"{one.name}-client-secret", "mpin-v1.client-secret", {**one.masters, "HID": one.hashed}, curve=c)
        for pin in (0, PIN, 9999):
            book.good(
                f"{one.name}-token-{pin}",
                "mpin-v1.token",
                {**one.base, "CS": one.CS, "pin": pin},
                spec=SPEC + "token",
                curve=c,
            )
        book.good(
            f"{one.name}-factor",
            "mpin-v1.factor",
            {**one.base, "CS": one.CS, "factor": 2**32 - 5, "bits": 32},
            spec=SPEC + "token",
            curve=c,
        )
    _recombination(book, Parties(book, DEFAULT, "sha256"))
    return book


def _recombination(book: Book, one: Parties) -> None:
    spec = SPEC + "recombination"
    shares = [one.run("mpin-v1.client-secret", {**one.masters, "HID": one.hashed})[k] for k in ("CS1", "CS2")]
    book.good("recombine-two", "mpin-v1.recombine", {"shares": shares}, spec=spec)
    book.good("recombine-three", "mpin-v1.recombine", {"shares": [*shares, one.token]}, spec=spec)
    book.bad("recombine-none", "mpin-v1.recombine", {"shares": []}, ParameterError, spec=spec)
    for name, octets, error, layer in _bad_octets(book, shares[0]):
        book.bad(
            f"recombine-{name}", "mpin-v1.recombine", {"shares": [shares[1], octets]}, error, layer=layer, spec=spec
        )


def _bad_octets(book: Book, good: str) -> list[tuple[str, str, type[Any], str]]:
    """What the original takes, or reports as an invalid point, in place of a point of G1."""
    E = book.E()
    n = E.field_bytes
    return [
        ("empty", "", WrongLength, "groups"),
        ("cut", good[:-2], WrongLength, "groups"),
        ("first-octet-05", "05" + good[2:], InvalidFlags, "groups"),
        ("coordinate-not-reduced", "04" + f"{E.params.p:0{2 * n}x}" + good[2 + 2 * n :], NonCanonical, "backend"),
        ("off-the-curve", flipped(good), NotOnCurve, "backend"),
    ]


def time_permits(backend: str) -> Book:
    """Permits on several days, and logins with them."""
    book = Book("mpin-v1/time-permits", SPEC + "time-permit", backend, DEFAULT)
    for one in _each(book):
        for date in (1, 16574, DATE):
            book.good(
                f"{one.name}-day-{date}",
                "mpin-v1.time-permit",
                {**one.masters, "HID": one.hashed, "date": date, "hash": one.hash_name},
                curve=one.curve,
            )
        _dated_login(book, one)
    for seconds in (0, 86399, 86400, TIME):
        book.good(f"day-of-{seconds}", "mpin-v1.day", {"seconds": seconds})
    one = Parties(book, DEFAULT, "sha256")
    base = {**one.masters, "HID": one.hashed}
    book.bad("day-negative", "mpin-v1.time-permit", {**base, "date": -1}, ParameterError)
    book.bad("day-beyond-31-bits", "mpin-v1.time-permit", {**base, "date": 2**31}, ParameterError)
    book.bad("hashed-identity-short", "mpin-v1.time-permit", {**base, "HID": one.hashed[2:], "date": 1}, WrongLength)
    return book


def _dated_login(book: Book, one: Parties) -> None:
    permit = one.permit()
    book.good(
        f"{one.name}-client",
        "mpin-v1.client-two-pass",
        one.client(y=one.scalar("y"), permit=permit, date=DATE),
        curve=one.curve,
    )
    good = one.two_pass(permit=permit, date=DATE)
    book.good(f"{one.name}-server", "mpin-v1.server-two-pass", good, curve=one.curve)
    book.bad(
        f"{one.name}-next-day",
        "mpin-v1.server-two-pass",
        {**good, "date": DATE + 1},
        AuthenticationFailed,
        curve=one.curve,
    )
    other = one.two_pass(permit=one.permit(DATE + 1), date=DATE)
    book.bad(
        f"{one.name}-permit-of-another-day", "mpin-v1.server-two-pass", other, AuthenticationFailed, curve=one.curve
    )


def two_pass(backend: str) -> Book:
    """Commitment, response and verdict."""
    book = Book("mpin-v1/two-pass", SPEC + "two-pass", backend, DEFAULT)
    for one in _each(book):
        for i, pin in enumerate((PIN, 0)):
            book.good(
                f"{one.name}-client-{pin}",
                "mpin-v1.client-two-pass",
                one.client(pin, y=one.scalar("y")),
                spec=SPEC + ("commitment", "response")[i],
                curve=one.curve,
            )
        good = one.two_pass()
        book.good(f"{one.name}-server", "mpin-v1.server-two-pass", good, curve=one.curve)
        for name, inputs in {
            "wrong-pin": one.two_pass(PIN + 1),
            "pin-off-by-10000": one.two_pass(PIN + 10000 - 1),
            "other-challenge": {**good, "y": one.scalar("other y")},
            "other-identity": {**good, "identity": b"mallory@example.org".hex()},
            "other-server": {
                **good,
                "SS": one.run("mpin-v1.server-secret", {**one.masters, "s1": one.scalar("t")})["SS"],
            },
            "V-is-U": {**good, "V": good["U"]},
        }.items():
            book.bad(
                f"{one.name}-{name}",
                "mpin-v1.server-two-pass",
                inputs,
                AuthenticationFailed,
                spec=SPEC + "verification",
                curve=one.curve,
            )
    _bad_messages(book, Parties(book, DEFAULT, "sha256"))
    _stray_messages(book)
    return book


def _bad_messages(book: Book, one: Parties) -> None:
    good = one.two_pass()
    for field in ("U", "V"):
        for name, octets, error, layer in _bad_octets(book, good[field]):
            book.bad(f"{field}-{name}", "mpin-v1.server-two-pass", {**good, field: octets}, error, layer=layer)
    client = one.client(y=one.scalar("y"))
    zero = bytes(one.book.E().field_bytes).hex()
    book.bad("x-is-zero", "mpin-v1.client-two-pass", {**client, "x": zero}, ParameterError, spec=SPEC + "commitment")
    book.bad("pin-negative", "mpin-v1.client-two-pass", {**client, "pin": -1}, ParameterError, spec=SPEC + "response")
    book.bad("second-response", "mpin-v1.client-responds-twice", {**client, "y2": one.scalar("y2")}, WrongRound)


def _stray_messages(book: Book) -> None:
    """Points of order dividing a cofactor, which the original accepts."""
    curve = "BLS12-381"
    one = Parties(book, curve, "sha256")
    good = one.two_pass()
    stray = need_stray_point(book, curve, "G1")
    octets = "04" + stray[0].hex() + stray[1].hex()
    for field in ("U", "V"):
        book.bad(
            f"{field}-outside-the-subgroup",
            "mpin-v1.server-two-pass",
            {**good, field: octets},
            NotInSubgroup,
            layer="groups",
            curve=curve,
        )


def one_pass(backend: str) -> Book:
    """Challenges from a time, messages, verdicts."""
    book = Book("mpin-v1/one-pass", SPEC + "one-pass", backend, DEFAULT)
    for one in _each(book):
        c = one.curve
        plain, signed = one.one_pass(), one.one_pass(message=MESSAGE, permit=one.permit(), date=DATE)
        dated: dict[str, Any] = {"permit": one.permit(), "date": DATE}
        runs: tuple[tuple[str, dict[str, Any], dict[str, Any]], ...] = (
            ("plain", plain, {}),
            ("permit-and-message", signed, dated),
        )
        for name, inputs, more in runs:
            book.good(
                f"{one.name}-{name}-challenge",
                "mpin-v1.time-challenge",
                {"time": TIME, "U": inputs.get("UT", inputs["U"]), "message": inputs["message"], "hash": one.hash_name},
                spec=SPEC + "time-challenge",
                curve=c,
            )
            book.good(
                f"{one.name}-{name}-client",
                "mpin-v1.client-one-pass",
                one.client(time=TIME, message=inputs["message"], **more),
                curve=c,
            )
            book.good(f"{one.name}-{name}-server", "mpin-v1.server-one-pass", inputs, curve=c)
            faults: dict[str, dict[str, Any]] = {"late": {"time": TIME + 1}, "other-message": {"message": "00"}}
            for fault, change in faults.items():
                book.bad(
                    f"{one.name}-{name}-{fault}",
                    "mpin-v1.server-one-pass",
                    {**inputs, **change},
                    AuthenticationFailed,
                    curve=c,
                )
        book.bad(
            f"{one.name}-wrong-pin", "mpin-v1.server-one-pass", one.one_pass(PIN + 1), AuthenticationFailed, curve=c
        )
    _limits(book, Parties(book, DEFAULT, "sha256"))
    return book


def _limits(book: Book, one: Parties) -> None:
    client = one.client(time=TIME, message="")
    book.bad(
        "time-beyond-31-bits",
        "mpin-v1.client-one-pass",
        {**client, "time": 2**31},
        ParameterError,
        spec=SPEC + "time-challenge",
    )
    # The original cuts a message off at 256 octets, so that what follows is not bound.
    long = {**client, "message": "5a" * 257}
    book.bad("message-too-long", "mpin-v1.client-one-pass", long, ParameterError, spec=SPEC + "time-challenge")


def full(backend: str) -> Book:
    """FULL runs, and their three parts."""
    book = Book("mpin-v1/full", SPEC + "full-exchange", backend, DEFAULT)
    sections = ("full-exchange", "full-precomputation", "transcript-hash", "full-key")
    for i, one in enumerate(_each(book)):
        base = one.client(SS=one.SS, r=one.scalar("r"), y=one.scalar("y"), w=one.scalar("w"))
        book.good(f"{one.name}", "mpin-v1.full", base, curve=one.curve, spec=SPEC + sections[i % 4])
        book.good(f"{one.name}-permit", "mpin-v1.full", {**base, "permit": one.permit(), "date": DATE}, curve=one.curve)
        book.bad(
            f"{one.name}-wrong-pin", "mpin-v1.full", {**base, "pin": PIN + 1}, AuthenticationFailed, curve=one.curve
        )
    return book


def pin_error(backend: str) -> Book:
    """What a rejected run shows to the server, and the difference of the PINs in it."""
    book = Book("mpin-v1/pin-error", SPEC + "pin-error", backend, DEFAULT)
    for one in _each(book):
        for pin in (PIN + 1, PIN - 1, 9999, 0):
            book.good(f"{one.name}-pin-{pin}", "mpin-v1.evidence", one.two_pass(pin), curve=one.curve)
        dated = one.two_pass(PIN + 66, permit=one.permit(), date=DATE)
        book.good(f"{one.name}-permit", "mpin-v1.evidence", dated, curve=one.curve)
        # No difference explains a wrong day.
        late = {**one.two_pass(permit=one.permit(), date=DATE), "date": DATE + 1}
        book.good(f"{one.name}-next-day", "mpin-v1.evidence", late, curve=one.curve)
    one = Parties(book, DEFAULT, "sha256")
    seen = one.run("mpin-v1.evidence", one.two_pass(PIN - 7))
    book.good("search", "mpin-v1.pin-error", {"E": seen["E"], "F": seen["F"]})
    book.good("search-exchanged", "mpin-v1.pin-error", {"E": seen["F"], "F": seen["E"]})
    book.bad(
        "search-outside-GT",
        "mpin-v1.pin-error",
        {"E": flipped(seen["E"]), "F": seen["F"]},
        NotInSubgroup,
        layer="groups",
    )
    return book


def dvs(backend: str) -> Book:
    """The client-key mode and its signatures."""
    book = Book("mpin-v1/dvs", SPEC + "client-key", backend, DEFAULT)
    for one in _each(book):
        c, spec = one.curve, SPEC + "client-key-signature"
        made = book.good(
            f"{one.name}-key", "mpin-v1.client-key", {**one.base, **one.masters, "z": one.scalar("z")}, curve=c
        )
        identity = {"identity": made["identity"], "hash": one.hash_name}
        token = one.run("mpin-v1.token", {**identity, "CS": made["secret"], "pin": PIN})["token"]
        signing = {**identity, "token": token, "pin": PIN, "x": one.scalar("x"), "time": TIME, "message": MESSAGE.hex()}
        signed = book.good(f"{one.name}-signature", "mpin-v1.sign", signing, spec=spec, curve=c)
        check = {**identity, **signed, "SS": one.SS, "Pa": made["Pa"], "time": TIME, "message": MESSAGE.hex()}
        book.good(f"{one.name}-verified", "mpin-v1.verify-signature", check, spec=spec, curve=c)
        other = one.run("mpin-v1.client-key", {**one.base, **one.masters, "z": one.scalar("other z")})
        wrong = one.run("mpin-v1.sign", {**signing, "pin": PIN + 1})
        faults: dict[str, dict[str, Any]] = {
            "other-message": {"message": "00"},
            "other-time": {"time": TIME + 1},
            "wrong-pin": wrong,
        }
        for name, change in faults.items():
            book.bad(
                f"{one.name}-{name}",
                "mpin-v1.verify-signature",
                {**check, **change},
                InvalidSignature,
                spec=spec,
                curve=c,
            )
        book.good(
            f"{one.name}-bound", "mpin-v1.require-bound", {"identity": made["identity"], "Pa": made["Pa"]}, curve=c
        )
        book.bad(
            f"{one.name}-not-bound",
            "mpin-v1.require-bound",
            {"identity": made["identity"], "Pa": other["Pa"]},
            AuthenticationFailed,
            curve=c,
        )
    return book


def obfuscated_permits(backend: str) -> Book:
    """Obfuscated points."""
    book = Book("mpin-v1/obfuscated-permits", SPEC + "obfuscated-permits", backend, DEFAULT)
    for one in _each(book):
        for i, point in enumerate((one.permit(), one.token)):
            made = book.good(
                f"{one.name}-{i}",
                "mpin-v1.obfuscate",
                {"P": point, "random": book.seed_of(f"{one.name}/{i}")},
                curve=one.curve,
            )
            book.good(f"{one.name}-{i}-read", "mpin-v1.deobfuscate", {"octets": made["octets"]}, curve=one.curve)
    _bad_obfuscated(book)
    return book


def _bad_obfuscated(book: Book) -> None:
    one = Parties(book, DEFAULT, "sha256")
    good = one.run("mpin-v1.obfuscate", {"P": one.token, "random": book.seed_of("bad")})["octets"]
    for name, octets, error, layer in (
        ("empty", "", WrongLength, "protocols"),
        ("short", good[:-2], WrongLength, "protocols"),
        ("bit-2", "04" + good[2:], InvalidFlags, "protocols"),
        ("first-octet-ff", "ff" + good[2:], InvalidFlags, "protocols"),
    ):
        book.bad(name, "mpin-v1.deobfuscate", {"octets": octets}, error, layer=layer)


TOPICS: tuple[Callable[[str], Book], ...] = (
    hashing,
    issuing,
    time_permits,
    two_pass,
    one_pass,
    full,
    pin_error,
    dvs,
    obfuscated_permits,
)
