"""Vectors of batch verification: batches with nothing, one, some and all wrong, and with faults that cancel out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from milagro.conformance.topics import mpin_v2 as login
from milagro.conformance.topics._book import Book, Unexpected
from milagro.conformance.topics.mpin_v1 import CURVES, DATE, DEFAULT, PIN, TIME, Parties
from milagro.errors import ParameterError, WrongRound
from milagro.groups import Encoding
from milagro.octets import unframe
from milagro.protocols.mpin import v2

MPIN_V2, MPIN_V1, BLS = (f"spec/{name}.md#batch-verification" for name in ("mpin", "mpin-v1", "bls"))
COUNT = 4
FAULTS: dict[str, tuple[int, ...]] = {"all-right": (), "first": (0,), "last": (3,), "two": (1, 2), "all": (0, 1, 2, 3)}
FEW = {name: FAULTS[name] for name in ("all-right", "two")}
USERS = ("bob", "carol", "dave")


# -- M-Pin v2 --------------------------------------------------------------------------------------------------------
class Member(login.World):
    """Another client of the D-TAs and the server of a world."""

    def __init__(self, world: login.World, user: str) -> None:
        self.__dict__.update(world.__dict__)
        self.name, self.suite_of_all = f"{world.name}-{user}", world
        self.key = {"algorithm": self.algorithm, "key": self._secret_key().hex()}
        seed = self.book.seed_of(f"{self.name}/identity")
        who = {**world.identity_inputs, **self.key, "user": user, "random": seed}
        self.identity = self.run("mpin-v2.identity", who)["identity"]
        self.issued = [self.run("mpin-v2.issue", self.issuing(i)) for i in range(2)]
        secret = self.run("mpin-v2.combine-client-shares", self.combining("client"))["client_secret"]
        self.token = self.run("mpin-v2.token", {**self.suite, "client_secret": secret, "pin": login.PIN})["token"]
        if world.permit:
            self.permit = {"permit": self.run("mpin-v2.combine-permit-shares", self.combining("permit"))["permit"]}

    def issuing(self, i: int) -> dict[str, Any]:
        """The inputs of what D-TA number i issues."""
        return {**self.suite_of_all.issuing(i), "identity": self.identity}


def mpin_v2(backend: str) -> Book:
    """Second messages of several clients."""
    book = Book("mpin-v2/batch", MPIN_V2, backend, login.DEFAULT)
    for suite in login.SUITES:
        world = login.World(book, suite)
        clients = [world, *(Member(world, user) for user in USERS)]
        right, wrong = ([one.accept_inputs(pin) for one in clients] for pin in (login.PIN, login.WRONG))
        for name, bad in (FAULTS if suite == login.SUITES[0] else FEW).items():
            _logins(world, name, [wrong[i] if i in bad else right[i] for i in range(COUNT)], bad)
        _logins(world, "faults-that-cancel", _cancelling(clients, right), (0, 3))
        if suite == login.SUITES[0]:
            _special_logins(world, right)
    return book


def _batch(world: login.World, name: str, some: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return world.server(
        states=[one["state"] for one in some],
        pass_twos=[one["pass_two"] for one in some],
        server_secret=world.server_secret,
        random=world.book.seed_of(f"{world.name}/{name}"),
        **more,
    )


def _logins(world: login.World, name: str, some: list[dict[str, Any]], bad: tuple[int, ...]) -> None:
    _compare(name, world.good(name, "mpin-v2.verify-batch", _batch(world, name, some)), bad)


def _compare(name: str, results: dict[str, Any], bad: tuple[int, ...]) -> None:
    found = tuple(i for i, verdict in enumerate(results["verdicts"]) if verdict != "accepted")
    if found != bad:
        raise Unexpected(f"{name}: the batch refuses {found}, not {bad}")


def _special_logins(world: login.World, right: list[dict[str, Any]]) -> None:
    _logins(world, "none", [], ())
    _logins(world, "one", right[:1], ())
    other = {**_batch(world, "other-secret", right), "server_secret": _doubled(world)}
    _compare("other-secret", world.good("other-secret", "mpin-v2.verify-batch", other), FAULTS["all"])
    world.bad("twice", "mpin-v2.verify-batch", _batch(world, "twice", right, twice=True), WrongRound)


def _doubled(world: login.World) -> str:
    """2 sQ in the octets of a server secret."""
    made = v2.Suite(world.book.E(world.curve), world.suite["hash"])
    point = v2.ServerSecret.from_bytes(made, bytes.fromhex(world.server_secret)).point
    return v2.ServerSecret(made, point + point).to_bytes().hex()


def _cancelling(clients: list[login.World], right: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """V_0 + D and V_3 - D, each signed by its client: with equal weights the two faults would cancel out."""
    E = clients[0].book.E(clients[0].curve)
    D = E.g1 * E.scalar(2**64 + 13)
    return [_moved(clients[0], right[0], D), *right[1:3], _moved(clients[3], right[3], -D)]


def _moved(client: login.World, good: dict[str, Any], D: Any) -> dict[str, Any]:
    E, context = client.book.E(client.curve), v2.Context(**login.CONTEXT)
    *_, first, asked, _ = unframe(bytes.fromhex(good["state"]))
    second = v2.PassTwo.from_bytes(bytes.fromhex(good["pass_two"]))
    V = (E.g1_from_bytes(second.V) + D).to_bytes()
    unsigned = v2.PassTwo(second.suite_id, second.session_id, V, b"")
    octets = unsigned.signed(context, v2.PassOne.from_bytes(first), v2.Challenge.from_bytes(asked))
    signature = v2.Ed25519Key.from_bytes(bytes.fromhex(client.key["key"])).sign(octets)
    moved = v2.PassTwo(second.suite_id, second.session_id, V, signature)
    return {**good, "pass_two": moved.to_bytes().hex()}


# -- M-Pin v1 --------------------------------------------------------------------------------------------------------
class Client(Parties):
    """A client of the D-TAs of other parties, with an identity of its own."""

    def __init__(self, parties: Parties, i: int) -> None:
        self.__dict__.update(parties.__dict__)
        self.name = f"{parties.name}/user-{i}"
        self.base = {**parties.base, "identity": (b"user-%d@example.org" % i).hex()}
        self.hashed = self.run("mpin-v1.hashed-identity", self.base)["HID"]
        secret = self.run("mpin-v1.client-secret", {**self.masters, "HID": self.hashed})["CS"]
        self.token = self.run("mpin-v1.token", {**self.base, "CS": secret, "pin": PIN})["token"]


def mpin_v1(backend: str) -> Book:
    """Two-pass runs and one-pass messages of several clients, with and without permits."""
    book = Book("mpin-v1/batch", MPIN_V1, backend, DEFAULT)
    for curve, hash_name in (*((curve, "sha256") for curve in CURVES), (DEFAULT, "sha512")):
        parties = Parties(book, curve, hash_name)
        clients = [Client(parties, i) for i in range(COUNT)]
        for form in ("two-pass", "one-pass"):
            right, wrong = ([_run(one, form, pin, i) for i, one in enumerate(clients)] for pin in (PIN, PIN + 1))
            for name, bad in (FAULTS if curve == DEFAULT else FEW).items():
                some = [wrong[i] if i in bad else right[i] for i in range(COUNT)]
                _runs(parties, f"{form}-{name}", some, bad)
            _runs(parties, f"{form}-faults-that-cancel", _cancelling_runs(book, curve, right), (0, 3))
            _runs(parties, f"{form}-none", [], ())
    _bad_runs(Parties(book, DEFAULT, "sha256"))
    return book


def _run(client: Client, form: str, pin: int, i: int) -> dict[str, Any]:
    """What the server has of one run; every second client uses a permit."""
    dated: dict[str, Any] = {"permit": client.permit(), "date": DATE} if i % 2 else {}
    sent = client.two_pass(pin, **dated) if form == "two-pass" else client.one_pass(pin, b"m%d" % i, **dated)
    return {**sent, "date": sent.get("date", 0), "U": sent["UT" if dated else "U"]}


def _together(parties: Parties, name: str, some: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    two_pass = name.startswith("two-pass")
    columns = {"identities": "identity", "dates": "date", "U": "U", "V": "V"}
    columns |= {"y": "y"} if two_pass else {"messages": "message", "times": "time"}
    table = {column: [one[key] for one in some] for column, key in columns.items()}
    seed = parties.book.seed_of(f"{parties.name}/{name}")
    return {**table, "SS": parties.SS, "hash": parties.hash_name, "random": seed, **more}


def _runs(parties: Parties, name: str, some: list[dict[str, Any]], bad: tuple[int, ...]) -> None:
    inputs = _together(parties, name, some)
    results = parties.book.good(f"{parties.name}-{name}", "mpin-v1.verify-batch", inputs, curve=parties.curve)
    _compare(name, results, bad)


def _cancelling_runs(book: Book, curve: str, right: list[dict[str, Any]]) -> list[dict[str, Any]]:
    E = book.E(curve)
    D = E.g1 * E.scalar(2**64 + 13)
    moved = [E.g1_from_bytes(bytes.fromhex(right[i]["V"]), Encoding.MILAGRO) for i in (0, 3)]
    V = [P.to_bytes(Encoding.MILAGRO).hex() for P in (moved[0] + D, moved[1] - D)]
    return [{**right[0], "V": V[0]}, *right[1:3], {**right[3], "V": V[1]}]


def _bad_runs(parties: Parties) -> None:
    book = parties.book
    clients = [Client(parties, i) for i in range(2)]
    long = [{**_run(one, "one-pass", PIN, 0), "time": TIME + i} for i, one in enumerate(clients)]
    _runs(parties, "one-pass-message-too-long", [long[0], {**long[1], "message": "00" * 257}], (1,))
    _runs(parties, "one-pass-other-time", long, (1,))
    z = {"z": parties.scalar("z")}
    made = book.run("mpin-v1.client-key", {**parties.base, **parties.masters, **z})
    bound = clients[0]
    bound.base = {**parties.base, "identity": made["identity"]}
    bound.token = book.run("mpin-v1.token", {**bound.base, "CS": made["secret"], "pin": PIN})["token"]
    run = _together(parties, "two-pass-client-key", [_run(bound, "two-pass", PIN, 0)], client_key=made["Pa"])
    book.bad("two-pass-client-key", "mpin-v1.verify-batch", run, ParameterError)


# -- BLS -------------------------------------------------------------------------------------------------------------
# Who signs what: all distinct, one key, one message, some of both.
SHAPES = {"distinct": ("0123", "abcd"), "one-key": ("0000", "abcd"), "one-message": ("0123", "aaaa")}
SHAPES |= {"mixed": ("0011", "abab")}
FORMS: tuple[dict[str, Any], ...] = (
    *({"placement": placement, "scheme": scheme} for placement in ("min-pk", "min-sig") for scheme in ("NUL", "AUG")),
    {"placement": "min-pk", "scheme": "POP"},
)


def bls(backend: str) -> Book:
    """Signatures of both forms."""
    book = Book("bls/batch", BLS, backend, "BLS12-381")
    for form in FORMS:
        _signatures(Signers(book, "BLS12-381", "bls-ietf", form))
    for curve in CURVES:
        _signatures(Signers(book, curve, "bls-original", {}))
    return book


class Signers:
    """Four keys of one form of signatures."""

    def __init__(self, book: Book, curve: str, kind: str, form: dict[str, Any]) -> None:
        self.book, self.curve, self.kind, self.form = book, curve, kind, form
        self.name = "-".join([curve, kind, *form.values()])

    def batch(self, shape: str) -> list[dict[str, str]]:
        """The keys, messages and signatures of a shape."""
        made = []
        for signer, letter in zip(*SHAPES[shape], strict=True):
            secret = self.book.scalar(f"{self.curve}/{signer}", self.curve)
            message = letter.encode().hex()
            inputs = {**self.form, "message": message, "sk" if self.form else "s": secret}
            one = self.book.run(f"{self.kind}.sign", inputs, self.curve)
            made.append({"message": message, "public_key": one["public_key"], "signature": one["signature"]})
        return made

    def good(self, name: str, some: list[dict[str, str]]) -> list[int]:
        """Add a case; gives the places of what is not valid."""
        keys, messages, signatures = ([one[k] for one in some] for k in ("public_key", "message", "signature"))
        table = {"public_keys": keys, "messages": messages, "signatures": signatures}
        inputs = {**self.form, **table, "random": self.book.seed_of(f"{self.name}/{name}")}
        results = self.book.good(f"{self.name}-{name}", f"{self.kind}.verify-batch", inputs, curve=self.curve)
        culprits: list[int] = results["culprits"]
        return culprits

    def point(self, octets: str) -> Any:
        """The point of a signature."""
        E, raw = self.book.E(self.curve), bytes.fromhex(octets)
        if not self.form:
            return E.g1_from_bytes(raw, Encoding.MILAGRO)
        return (E.g2_from_bytes if self.form["placement"] == "min-pk" else E.g1_from_bytes)(raw, Encoding.ZCASH)

    def moved(self, one: dict[str, str], by: Any) -> dict[str, str]:
        """The same with another point added to the signature."""
        encoding = Encoding.ZCASH if self.form else Encoding.MILAGRO_COMPRESSED
        return {**one, "signature": (self.point(one["signature"]) + by).to_bytes(encoding).hex()}


def _signatures(signers: Signers) -> None:
    everything = signers.form == FORMS[0] or signers.curve == DEFAULT
    for shape in SHAPES if everything else ("mixed",):
        right = signers.batch(shape)
        D = signers.point(right[0]["signature"])
        for name, bad in (FAULTS if everything and shape == "mixed" else FEW).items():
            some = [signers.moved(one, D) if i in bad else one for i, one in enumerate(right)]
            _expect(signers, f"{shape}-{name}", some, bad)
        cancelling = [signers.moved(right[0], D), *right[1:3], signers.moved(right[3], -D)]
        _expect(signers, f"{shape}-faults-that-cancel", cancelling, (0, 3))
    _expect(signers, "none", [], ())
    _expect(signers, "one", signers.batch("distinct")[:1], ())


def _expect(signers: Signers, name: str, some: list[dict[str, str]], bad: tuple[int, ...]) -> None:
    if signers.good(name, some) != list(bad):
        raise Unexpected(f"{signers.name}-{name}: the batch does not find {bad}")


TOPICS: tuple[Callable[[str], Book], ...] = (mpin_v2, mpin_v1, bls)
