"""Vectors of M-Pin v2: what is hashed, issued, sent and stored, and everything that is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from milagro import errors, params
from milagro.conformance.operations import Inputs, run
from milagro.conformance.topics._book import Book, Unexpected, flipped
from milagro.errors import (
    AuthenticationFailed,
    EncodingError,
    Expired,
    InvalidShare,
    InvalidSignature,
    MilagroError,
    NonCanonical,
    ParameterError,
    Replay,
    WrongLength,
)

SPEC = "spec/mpin.md#"
DEFAULT = "BLS12-381"
NOW, SLOT = 1767225600, 86400
CONTEXT = {"server": "mfa.example.org", "origin": "https://login.example.org", "relying_party": "example"}
PIN, WRONG = "1234", "1235"
ALGORITHMS = ("ed25519", "ecdsa-p256-sha256")
SUITES: tuple[tuple[str, str, int], ...] = (
    *((curve, "sha256", 0) for curve in params.NAMES),
    (DEFAULT, "sha384", 0),
    (DEFAULT, "sha512", 0),
    (DEFAULT, "sha256", SLOT),
    ("BN254CX", "sha256", 3600),
)


class World:
    """Two D-TAs, a server and one client of one suite: everything that was issued and made."""

    def __init__(
        self, book: Book, suite: tuple[str, str, int] = (DEFAULT, "sha256", 0), algorithm: str = "ed25519"
    ) -> None:
        self.book, (self.curve, hash_name, slot_seconds), self.algorithm = book, suite, algorithm
        self.name = f"{self.curve}-{hash_name}" + (f"-slot-{slot_seconds}" if slot_seconds else "") + f"-{algorithm}"
        self.suite: dict[str, Any] = {"hash": hash_name, **({"slot_seconds": slot_seconds} if slot_seconds else {})}
        self.slot = NOW // slot_seconds if slot_seconds else None
        self.key = {"algorithm": algorithm, "key": self._secret_key().hex()}
        self.identity_inputs = {
            **self.suite,
            **self.key,
            "realm": CONTEXT["server"],
            "user": "alice",
            "device": "phone",
            "issued_at": NOW - 9,
            "random": book.seed_of(f"{self.name}/identity"),
        }
        self.identity: str = self.run("mpin-v2.identity", self.identity_inputs)["identity"]
        self.issued = [self.run("mpin-v2.issue", self.issuing(i)) for i in range(2)]
        self.server_secret: str = self.run("mpin-v2.combine-server-shares", self.combining("server"))["server_secret"]
        self.client_secret: str = self.run("mpin-v2.combine-client-shares", self.combining("client"))["client_secret"]
        self.token: str = self.run("mpin-v2.token", {**self.suite, "client_secret": self.client_secret, "pin": PIN})[
            "token"
        ]
        self.permit = (
            {"permit": self.run("mpin-v2.combine-permit-shares", self.combining("permit"))["permit"]}
            if slot_seconds
            else {}
        )

    def run(self, operation: str, inputs: dict[str, Any]) -> dict[str, Any]:
        """The results of an operation on this curve."""
        return self.book.run(operation, inputs, self.curve)

    def good(self, name: str, operation: str, inputs: dict[str, Any], spec: str | None = None) -> dict[str, Any]:
        """Add a case that must succeed."""
        return self.book.good(f"{self.name}-{name}", operation, inputs, curve=self.curve, spec=spec and SPEC + spec)

    def bad(
        self,
        name: str,
        operation: str,
        inputs: dict[str, Any],
        error: type[MilagroError],
        *,
        layer: str = "protocols",
        spec: str | None = None,
    ) -> None:
        """Add a case that must be refused."""
        self.book.bad(
            f"{self.name}-{name}", operation, inputs, error, layer=layer, curve=self.curve, spec=spec and SPEC + spec
        )

    def _secret_key(self) -> bytes:
        # The top octet keeps the number below the order of P-256.
        return b"\x01" + self.book.random(f"{self.name}/key")(31)

    def issuing(self, i: int) -> dict[str, Any]:
        """The inputs of what D-TA number i issues."""
        share = self.book.scalar(f"{self.name}/s{i}", self.curve)
        slot = {} if self.slot is None else {"slot": self.slot}
        return {
            **self.suite,
            "identity": self.identity,
            "issuer": f"dta-{i}.example.org",
            "master_share": share,
            **slot,
        }

    def combining(self, kind: str) -> dict[str, Any]:
        """The inputs of a recombination."""
        shares = {**self.suite, "shares": [one[f"{kind}_share"] for one in self.issued]}
        if kind == "server":
            return {**shares, "commitments": [one["commitment"] for one in self.issued]}
        return {**shares, "issuers": [self.issuing(i)["issuer"] for i in range(2)]}

    # -- runs -----------------------------------------------------------------------------------------------------
    def client(self, **more: Any) -> dict[str, Any]:
        """The inputs of a client."""
        return {
            **self.suite,
            **CONTEXT,
            **self.key,
            **self.permit,
            "token": self.token,
            "now": NOW,
            "random": self.book.seed_of(f"{self.name}/client"),
            **more,
        }

    def server(self, **more: Any) -> dict[str, Any]:
        """The inputs of a server."""
        return {**self.suite, **CONTEXT, "now": NOW + 1, **more}

    def challenge_inputs(self, **more: Any) -> dict[str, Any]:
        """The inputs of the server's first step."""
        first = self.run("mpin-v2.start-login", self.client())["pass_one"]
        return self.server(
            pass_one=first, pinned=self.identity, random=self.book.seed_of(f"{self.name}/server"), **more
        )

    def accept_inputs(self, pin: str = PIN, **more: Any) -> dict[str, Any]:
        """The inputs of the server's second step after a client's run with `pin`."""
        asked = self.run("mpin-v2.challenge", self.challenge_inputs())
        sent = self.run("mpin-v2.answer", self.client(ask=asked["ask"], pin=pin, answered_at=NOW + 2))
        return self.server(state=asked["state"], pass_two=sent["pass_two"], server_secret=self.server_secret, **more)


def suite(backend: str) -> Book:
    """Identifiers, tags, slots."""
    book = Book("mpin-v2/suite", SPEC + "suite", backend, DEFAULT)
    for curve in params.NAMES:
        for name in ("sha256", "sha384", "sha512"):
            book.good(f"{curve}-{name}", "mpin-v2.suite", {"hash": name}, curve=curve)
    for seconds in (1, 3600, SLOT):
        book.good(f"slot-{seconds}", "mpin-v2.suite", {"hash": "sha256", "slot_seconds": seconds, "now": NOW})
    for seconds in (0, -1, 367 * 86400):
        book.bad(f"slot-{seconds}", "mpin-v2.suite", {"hash": "sha256", "slot_seconds": seconds}, ParameterError)
    return book


def _each(book: Book) -> list[World]:
    return [*(World(book, suite) for suite in SUITES), World(book, algorithm="ecdsa-p256-sha256")]


def identity(backend: str) -> Book:
    """Identities and client keys."""
    book = Book("mpin-v2/identity", SPEC + "identity", backend, DEFAULT)
    for world in _each(book):
        made = world.good("identity", "mpin-v2.identity", world.identity_inputs)
        world.good("read", "mpin-v2.read-identity", {"identity": made["identity"]})
    for algorithm in ALGORITHMS:
        _client_keys(book, World(book, algorithm=algorithm))
    _bad_identities(book, World(book))
    return book


def _client_keys(book: Book, world: World) -> None:
    spec = "client-key"
    public = world.run("mpin-v2.identity", world.identity_inputs)["public_key"]
    signature = world.good("signature", "mpin-v2.client-signature", {**world.key, "message": "616263"}, spec)[
        "signature"
    ]
    check = {"algorithm": world.algorithm, "public_key": public, "signature": signature, "message": "616263"}
    world.good("verified", "mpin-v2.verify-client-signature", check, spec)
    world.good("public-key", "mpin-v2.check-public-key", {k: check[k] for k in ("algorithm", "public_key")}, spec)
    for name, change in {
        "other-message": {"message": "00"},
        "changed": {"signature": flipped(signature)},
        "zero": {"signature": "00" * 64},
    }.items():
        world.bad(
            f"signature-{name}", "mpin-v2.verify-client-signature", {**check, **change}, InvalidSignature, spec=spec
        )
    short = {**check, "signature": signature[:-2]}
    world.bad("signature-short", "mpin-v2.verify-client-signature", short, WrongLength, spec=spec)
    wrong = {
        "ed25519": {
            "small-order": ("01" + "00" * 31, EncodingError),
            "not-reduced": ("ed" + "ff" * 30 + "7f", EncodingError),
        },
        "ecdsa-p256-sha256": {
            "compressed": ("02" + public[2:66], EncodingError),
            "off-the-curve": (flipped(public), EncodingError),
        },
    }
    for name, (octets, _) in {**wrong[world.algorithm], "short": (public[:-2], EncodingError)}.items():
        inputs = {"algorithm": world.algorithm, "public_key": octets}
        refused_somehow(world, f"public-key-{name}", "mpin-v2.check-public-key", inputs, EncodingError, spec)
    if world.algorithm == "ed25519":
        unknown = {"algorithm": "rsa", "public_key": public}
        world.bad("algorithm-unknown", "mpin-v2.check-public-key", unknown, ParameterError, spec=spec)


def refused_somehow(
    world: World, name: str, operation: str, inputs: dict[str, Any], family: type[MilagroError], spec: str | None
) -> None:
    """A case that must be refused with some error of a family; which one is read off, then fixed by the file."""
    _, refused = run(operation, Inputs(inputs, world.curve, world.book.backend))
    error = getattr(errors, refused["error"]) if refused else None
    if not refused or not isinstance(error, type) or not issubclass(error, family):
        raise Unexpected(f"{name}: {operation} gives {refused or 'results'}, not a {family.__name__}")
    world.bad(name, operation, inputs, error, layer=refused["layer"], spec=spec)


def _bad_identities(book: Book, world: World) -> None:
    good = world.identity
    for name, octets in {
        "empty": "",
        "cut": good[:-2],
        "one-more-octet": good + "00",
        "field-missing": good[: -2 * 36],
        "length-beyond-the-end": "ff" + good[2:],
    }.items():
        refused_somehow(world, f"identity-{name}", "mpin-v2.read-identity", {"identity": octets}, EncodingError, None)
    make = world.identity_inputs
    wrong: dict[str, dict[str, Any]] = {
        "no-user": {"user": ""},
        "user-too-long": {"user": "u" * 257},
        "device-too-long": {"device": "d" * 65},
        "realm-too-long": {"realm": "r" * 254},
        "control-character": {"user": "a\nb"},
        "time-negative": {"issued_at": -1},
    }
    for name, change in wrong.items():
        world.bad(f"identity-{name}", "mpin-v2.identity", {**make, **change}, ParameterError)


def issuing(backend: str) -> Book:
    """Shares, commitments, recombination."""
    book = Book("mpin-v2/issuing", SPEC + "issuing", backend, DEFAULT)
    for world in _each(book):
        for i in range(2):
            world.good(f"dta-{i}", "mpin-v2.issue", world.issuing(i))
        for kind in ("server", "client", *(["permit"] if world.permit else [])):
            world.good(kind, f"mpin-v2.combine-{kind}-shares", world.combining(kind), "recombination")
    _bad_shares(World(book, (DEFAULT, "sha256", SLOT)))
    return book


def _bad_shares(world: World) -> None:
    spec = "recombination"
    server, client, permit = (world.combining(kind) for kind in ("server", "client", "permit"))
    mixed = {**server, "commitments": [server["commitments"][0]] * 2}
    exchanged = {
        **server,
        "shares": [
            world.issued[0]["server_share"].replace(b"dta-0".hex(), b"dta-1".hex()),
            world.issued[1]["server_share"].replace(b"dta-1".hex(), b"dta-0".hex()),
        ],
    }
    world.bad("server-shares-exchanged", "mpin-v2.combine-server-shares", exchanged, InvalidShare, spec=spec)
    world.bad("server-commitment-repeated", "mpin-v2.combine-server-shares", mixed, ParameterError, spec=spec)
    for kind, inputs in (("server", server), ("client", client), ("permit", permit)):
        name = f"mpin-v2.combine-{kind}-shares"
        shares = inputs["shares"]
        for fault, some in {"missing": shares[:1], "repeated": [shares[0], shares[0]], "none": []}.items():
            world.bad(f"{kind}-share-{fault}", name, {**inputs, "shares": some}, ParameterError, spec=spec)
        bad = {**inputs, "shares": [shares[0][:-2], shares[1]]}
        refused_somehow(world, f"{kind}-share-cut", name, bad, EncodingError, spec)
    zero = {**world.issuing(0), "master_share": bytes(32).hex()}
    world.bad("master-share-zero", "mpin-v2.issue", zero, NonCanonical)
    most = {**world.issuing(0), "master_share": "ff" * 32}
    world.bad("master-share-beyond-r", "mpin-v2.issue", most, NonCanonical, layer="backend")


def pin(backend: str) -> Book:
    """Tokens under PINs and passphrases."""
    book = Book("mpin-v2/pin", SPEC + "pin", backend, DEFAULT)
    for world in _each(book):
        base = {**world.suite, "client_secret": world.client_secret}
        world.good("pin", "mpin-v2.token", {**base, "pin": PIN})
        if world.name.startswith(f"{DEFAULT}-sha256-ed"):
            _pins(world, base)
        world.good(
            "change",
            "mpin-v2.change-pin",
            {**world.suite, "token": world.token, "old": PIN, "new": "a longer passphrase"},
        )
        world.good("credential", "mpin-v2.credential", {**world.suite, **world.key, "token": world.token})
        other = {**world.key, "key": flipped(world.key["key"], 5)}
        world.bad(
            "credential-of-another-key",
            "mpin-v2.credential",
            {**world.suite, **other, "token": world.token},
            ParameterError,
        )
    return book


def _pins(world: World, base: dict[str, Any]) -> None:
    for name, value in {
        "one-octet": "0",
        "unicode-composed": "caf\u00e9",
        "unicode-decomposed": "cafe\u0301",
        "longest": "p" * 1024,
    }.items():
        world.good(name, "mpin-v2.token", {**base, "pin": value})
    world.good("octets", "mpin-v2.token", {**base, "pin_octets": "00ff00"})
    for name, value in {"empty": "", "too-long": "p" * 1025}.items():
        world.bad(name, "mpin-v2.token", {**base, "pin": value}, ParameterError)
    for name, octets in {"cut": world.client_secret[:-2], "empty": ""}.items():
        refused_somehow(
            world, f"secret-{name}", "mpin-v2.token", {**base, "client_secret": octets, "pin": PIN}, EncodingError, None
        )


def permits(backend: str) -> Book:
    """Slots, their points, permits."""
    book = Book("mpin-v2/permits", SPEC + "permits", backend, DEFAULT)
    for suite in ((DEFAULT, "sha256", SLOT), ("BN254CX", "sha256", 3600)):
        world = World(book, suite)
        now = NOW // suite[2]
        for slot in (0, now, now + 1):
            made = world.good(
                f"point-{slot}", "mpin-v2.permit-point", {**world.suite, "identity": world.identity, "slot": slot}
            )
            world.good(f"octets-{slot}", "mpin-v2.slot-octets", {**world.suite, "octets": made["slot_octets"]})
        world.good("permit", "mpin-v2.combine-permit-shares", world.combining("permit"))
        foreign = (2 * suite[2]).to_bytes(4, "big").hex() + made["slot_octets"][8:]
        for name, octets in {"of-another-length": foreign, "empty": "", "short": foreign[2:]}.items():
            refused_somehow(
                world, f"slot-{name}", "mpin-v2.slot-octets", {**world.suite, "octets": octets}, MilagroError, None
            )
        start = {k: v for k, v in world.client().items() if k != "permit"}
        world.bad("login-without-permit", "mpin-v2.start-login", start, ParameterError)
        late = world.challenge_inputs(now=(now + 1) * suite[2])
        world.bad("permit-of-the-slot-before", "mpin-v2.challenge", late, Expired)
        early = world.challenge_inputs(now=now * suite[2] - 1)
        world.bad("permit-of-a-slot-to-come", "mpin-v2.challenge", early, Expired)
    return book


def two_pass(backend: str) -> Book:
    """Whole logins, message by message."""
    book = Book("mpin-v2/two-pass", SPEC + "two-pass", backend, DEFAULT)
    for world in _each(book):
        world.good("pass-one", "mpin-v2.start-login", world.client())
        asked = world.good("challenge", "mpin-v2.challenge", world.challenge_inputs(), "transcript")
        world.good("pass-two", "mpin-v2.answer", world.client(ask=asked["ask"], pin=PIN, answered_at=NOW + 2))
        world.good("accepted", "mpin-v2.accept", world.accept_inputs())
        world.bad("wrong-pin", "mpin-v2.accept", world.accept_inputs(WRONG), AuthenticationFailed)
    return book


def one_pass(backend: str) -> Book:
    """Logins in one message."""
    book = Book("mpin-v2/one-pass", SPEC + "one-pass", backend, DEFAULT)
    for world in _each(book):
        sent = world.good("message", "mpin-v2.login-once", world.client(pin=PIN))
        check = world.server(message=sent["message"], pinned=world.identity, server_secret=world.server_secret)
        world.good("accepted", "mpin-v2.accept-once", check)
        for name, now in {"at-once": NOW, "last-second": NOW + 60, "clock-ahead": NOW - 5}.items():
            if world.slot is None:
                world.good(name, "mpin-v2.accept-once", {**check, "now": now})
        wrong = world.run("mpin-v2.login-once", world.client(pin=WRONG))["message"]
        world.bad("wrong-pin", "mpin-v2.accept-once", {**check, "message": wrong}, AuthenticationFailed)
        world.bad("again", "mpin-v2.accept-once", {**check, "seen_at": NOW}, Replay)
        world.bad("late", "mpin-v2.accept-once", {**check, "now": NOW + 61}, Expired)
        world.bad(
            "other-origin", "mpin-v2.accept-once", {**check, "origin": "https://evil.example.net"}, InvalidSignature
        )
    return book


def signing(backend: str) -> Book:
    """Signatures over messages."""
    book = Book("mpin-v2/signing", SPEC + "signing", backend, DEFAULT)
    for world in _each(book):
        for name, message in {"text": b"transfer 10 to bob".hex(), "empty": ""}.items():
            made = world.good(f"{name}", "mpin-v2.sign", world.client(pin=PIN, message=message))
            check = world.server(
                signature=made["signature"], message=message, pinned=world.identity, server_secret=world.server_secret
            )
            world.good(f"{name}-verified", "mpin-v2.verify-signature", check)
            world.bad(f"{name}-other-message", "mpin-v2.verify-signature", {**check, "message": "00"}, InvalidSignature)
        wrong = world.run("mpin-v2.sign", world.client(pin=WRONG, message=""))["signature"]
        world.bad("wrong-pin", "mpin-v2.verify-signature", {**check, "signature": wrong}, AuthenticationFailed)
        world.bad("from-the-future", "mpin-v2.verify-signature", {**check, "now": NOW - 6}, Expired)
        world.good("years-later", "mpin-v2.verify-signature", {**check, "now": NOW + 10**8})
    return book


def _full(world: World, pin: str = PIN) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The inputs of the server's first step, of the client, and of the server's second step."""
    first = world.run("mpin-v2.full-client", world.client())["full_one"]
    ask = world.server(full_one=first, pinned=world.identity, random=world.book.seed_of(f"{world.name}/server"))
    asked = world.run("mpin-v2.full-challenge", ask)
    client = world.client(ask=asked["ask"], pin=pin, answered_at=NOW + 2)
    second = world.run("mpin-v2.full-client", client)["full_two"]
    return ask, client, world.server(state=asked["state"], full_two=second, server_secret=world.server_secret)


def full(backend: str) -> Book:
    """FULL runs, message by message."""
    book = Book("mpin-v2/full", SPEC + "full", backend, DEFAULT)
    for world in _each(book):
        ask, client, accept = _full(world)
        world.good("full-one", "mpin-v2.full-client", world.client())
        world.good("challenge", "mpin-v2.full-challenge", ask)
        world.good("full-two", "mpin-v2.full-client", client)
        confirmation = world.good("accepted", "mpin-v2.full-accept", accept)["confirmation"]
        world.good("finished", "mpin-v2.full-client", {**client, "confirmation": confirmation})
        world.bad(
            "confirmation-changed",
            "mpin-v2.full-client",
            {**client, "confirmation": flipped(confirmation)},
            AuthenticationFailed,
        )
        world.bad("wrong-pin", "mpin-v2.full-accept", _full(world, WRONG)[2], AuthenticationFailed)
        world.bad(
            "other-origin", "mpin-v2.full-accept", {**accept, "full_two": flipped(accept["full_two"])}, InvalidSignature
        )
    return book


TOPICS: tuple[Callable[[str], Book], ...] = (
    suite,
    identity,
    issuing,
    pin,
    permits,
    two_pass,
    one_pass,
    signing,
    full,
)
