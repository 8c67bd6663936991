"""Vectors of shared keys: octets, commitments, issuing, threshold signatures, the oblivious PRF, and whole runs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from milagro.conformance.topics._book import Book, flipped
from milagro.conformance.topics.sharing import CONTEXT, CURVES, DEFAULT, SPEC, remade
from milagro.errors import Expired, InvalidShare, NonCanonical, ParameterError, WrongLength
from milagro.octets import i2osp
from milagro.protocols.sharing import refusals

SESSION = hashlib.sha256(b"a session").hexdigest()


def octets(backend: str) -> Book:
    """Sharing of octets."""
    book = Book("sharing/octets", SPEC + "octets", backend)
    for length, threshold, count in ((0, 1, 1), (1, 2, 3), (32, 3, 5), (100, 5, 9)):
        name = f"{length}-octets-{threshold}-of-{count}"
        secret = book.random(name)(length).hex()
        inputs = {"secret": secret, "threshold": threshold, "count": count, "random": book.seed_of(f"{name}/shares")}
        made = book.good(name, "sharing.split-octets", inputs)["shares"]
        for some, which in ((made[:threshold], "first"), (made[-threshold:], "last"), (made, "all")):
            book.good(f"{name}-{which}", "sharing.combine-octets", {"shares": some})
    fips = {"indices": [0x83, 0], "values": ["57", "00"]}  # 57 * 83 = c1 in the example of FIPS 197: f(x) = x * 57 / 83
    for at in (1, 0x83 ^ 1, 255):
        book.good(f"line-at-{at}", "sharing.interpolate-octets", {**fips, "at": at}, spec=SPEC + "gf256")
    for at in (0, 254, 255):
        values = [book.random(f"values/{i}")(4).hex() for i in range(3)]
        given = {"indices": [1, 7, 200], "values": values, "at": at}
        book.good(f"parabola-at-{at}", "sharing.interpolate-octets", given, spec=SPEC + "gf256")
    _bad_octets(book)
    return book


def _bad_octets(book: Book) -> None:
    def split(name: str, **more: Any) -> list[str]:
        inputs = {"secret": "5ec2e7", "threshold": 2, "count": 3, "random": book.seed_of(name), **more}
        made: list[str] = book.run("sharing.split-octets", inputs)["shares"]
        return made

    ours, others = split("ours"), split("others")
    altered = remade(ours[1], 5, bytes(35))
    for name, some, error in (
        ("altered", [ours[0], altered], InvalidShare),
        ("altered-beyond", [ours[0], ours[2], altered], InvalidShare),
        ("other-length", [ours[0], remade(ours[1], 5, bytes(36))], refusals.MixedShares),
        ("mixed", [ours[0], others[1]], refusals.MixedShares),
        ("duplicate", [ours[0], ours[0]], refusals.DuplicateShare),
        ("too-few", ours[:1], refusals.TooFewShares),
        ("index-0", [ours[0], remade(ours[1], 4, bytes(2))], refusals.ZeroIndex),
        ("index-256", [ours[0], remade(ours[1], 4, i2osp(256, 2))], NonCanonical),
        ("short-value", [ours[0], remade(ours[1], 5, bytes(31))], WrongLength),
        ("truncated", [ours[0], ours[1][:-2]], refusals.TruncatedShare),
        ("checksum", [ours[0], flipped(ours[1])], refusals.CorruptShare),
    ):
        book.bad(name, "sharing.combine-octets", {"shares": some}, error)


def _dealt(book: Book, name: str, curve: str, threshold: int = 2, count: int = 3) -> dict[str, Any]:
    seed = f"{curve}/{name}"
    numbers = {"threshold": threshold, "count": count}
    return {"secret": book.scalar(seed, curve), **numbers, "random": book.seed_of(f"{seed}/shares")}


def commitments(backend: str) -> Book:
    """Feldman's and Pedersen's commitments, and keys shared by a dealer."""
    book = Book("sharing/commitments", SPEC + "feldman", backend, DEFAULT)
    for curve in CURVES:
        f, g = ([book.scalar(f"{curve}/{name}{k}", curve) for k in range(3)] for name in "fg")
        indices = [1, 2, 65535]
        given: dict[str, Any] = {"coefficients": f}
        made = [
            book.good(f"{curve}-feldman-{i}", "sharing.commit", {**given, "index": i}, curve=curve) for i in indices
        ]
        blinded = {**given, "blinding": g, "index": 7}
        book.good(f"{curve}-pedersen", "sharing.commit", blinded, spec=SPEC + "pedersen", curve=curve)
        shares = [one["share"] for one in made]
        batch = {"commitments": made[0]["commitments"], "threshold": 3, "indices": indices, "shares": shares}
        batch["random"] = book.seed_of(f"{curve}/weights")
        place = {"spec": SPEC + "share-batch", "curve": curve}
        book.good(f"{curve}-batch", "sharing.check-shares", batch, **place)
        wrong = {**batch, "shares": [shares[0], flipped(shares[1]), shares[2]]}
        book.good(f"{curve}-batch-one-wrong", "sharing.check-shares", wrong, **place)
        place = {"spec": SPEC + "shared-key", "curve": curve}
        dealt = book.good(f"{curve}-dealt", "sharing.deal", _dealt(book, "dealt", curve), **place)
        book.good(f"{curve}-read", "sharing.read-key-share", {"share": dealt["shares"][1]}, **place)
    return book


def issuing(backend: str) -> Book:
    """Client and server shares, and wrong ones."""
    book = Book("sharing/issuing", SPEC + "issuing", backend, DEFAULT)
    for curve in CURVES:
        E = book.E(curve)
        A, other = ((E.scalar(k) * E.g1).to_bytes().hex() for k in (5, 6))
        dealt = _dealt(book, "issuing", curve)
        inputs = {**dealt, "A": A, "context": CONTEXT, "randoms": book.seed_of(f"{curve}/proofs"), "some": [3, 1]}
        made = book.good(f"{curve}-issue", "sharing.issue", inputs, curve=curve)
        key = book.run("sharing.deal", dealt, curve)["key"]
        weights = {"key": key, "random": book.seed_of(f"{curve}/weights")}
        client = {**weights, "shares": made["client_shares"], "A": A, "context": CONTEXT}
        book.good(f"{curve}-client", "sharing.combine-client-shares", client, curve=curve)
        server = {**weights, "shares": made["server_shares"]}
        book.good(f"{curve}-server", "sharing.combine-server-shares", server, curve=curve)
        strange = book.run("sharing.issue", {**inputs, "random": book.seed_of(f"{curve}/strange")}, curve)
        for name, change, error in (
            ("other-point", {"A": other}, refusals.InvalidProof),
            ("other-context", {"context": "00"}, refusals.InvalidProof),
            ("too-few", {"shares": client["shares"][:1]}, refusals.TooFewShares),
            ("duplicate", {"shares": client["shares"][:1] * 2}, refusals.DuplicateShare),
            ("other-key", {"shares": strange["client_shares"]}, refusals.MixedShares),
        ):
            book.bad(
                f"{curve}-client-{name}", "sharing.combine-client-shares", {**client, **change}, error, curve=curve
            )
        mixed = {"shares": [server["shares"][0], strange["server_shares"][1]]}
        book.bad(
            f"{curve}-mixed", "sharing.combine-server-shares", {**server, **mixed}, refusals.MixedShares, curve=curve
        )
    return book


def receiver_shares(backend: str) -> Book:
    """Receiver shares, and wrong ones."""
    book = Book("sharing/receiver-shares", SPEC + "receiver-shares", backend, DEFAULT)
    for curve in CURVES:
        E = book.E(curve)
        B, other = ((E.scalar(k) * E.g2).to_bytes().hex() for k in (5, 6))
        dealt = _dealt(book, "receivers", curve)
        inputs = {**dealt, "B": B, "weights": book.seed_of(f"{curve}/weights"), "some": [3, 1]}
        made = book.good(f"{curve}-issue", "sharing.issue-receiver-shares", inputs, curve=curve)
        key = book.run("sharing.deal", dealt, curve)["key"]
        shares = made["receiver_shares"]
        given = {"key": key, "random": book.seed_of(f"{curve}/checks"), "shares": shares, "B": B}
        book.good(f"{curve}-combine", "sharing.combine-receiver-shares", given, curve=curve)
        strange = book.run("sharing.issue-receiver-shares", {**inputs, "random": book.seed_of("strange")}, curve)
        of_other = book.run("sharing.issue-receiver-shares", {**inputs, "B": other}, curve)["receiver_shares"]
        wrong = remade(shares[1], 6, bytes.fromhex(other))
        for name, change, error in (
            ("other-point", {"B": other}, refusals.InvalidProof),
            ("one-of-other-point", {"shares": [shares[0], of_other[1]]}, refusals.InvalidProof),
            ("wrong-value", {"shares": [shares[0], wrong]}, refusals.InvalidProof),
            ("too-few", {"shares": shares[:1]}, refusals.TooFewShares),
            ("duplicate", {"shares": shares[:1] * 2}, refusals.DuplicateShare),
            ("other-key", {"shares": strange["receiver_shares"]}, refusals.MixedShares),
        ):
            book.bad(f"{curve}-{name}", "sharing.combine-receiver-shares", {**given, **change}, error, curve=curve)
    return book


def threshold_bls(backend: str) -> Book:
    """Threshold signatures under each scheme, and wrong partial signatures."""
    book = Book("sharing/threshold-bls", SPEC + "threshold-bls", backend, DEFAULT)
    dealt = {**_dealt(book, "signing", DEFAULT, 2, 4), "message": b"a message".hex()}
    weights = {"weights": book.seed_of("weights")}
    for scheme in ("BASIC", "MESSAGE_AUGMENTATION", "PROOF_OF_POSSESSION"):
        for some in ([1, 2], [4, 2, 3]):
            inputs = {**dealt, **weights, "scheme": scheme, "some": some}
            made = book.good(f"{scheme.lower()}-{len(some)}", "sharing.sign", inputs)
    key = book.run("sharing.deal", _dealt(book, "signing", DEFAULT, 2, 4))["key"]
    given = {"key": key, "message": dealt["message"], "random": book.seed_of("combine")}
    partials = made["partials"]
    other = book.run("sharing.sign", {**inputs, "message": b"another".hex()})["partials"]
    strange = book.run("sharing.sign", {**inputs, "random": book.seed_of("strange")})["partials"]
    for name, some in (("all-right", partials), ("two-wrong", [partials[0], other[1], partials[2], other[3]])):
        book.good(name, "sharing.combine-signatures", {**given, "partials": some})
    for name, some, error in (
        ("too-few-right", [partials[0], other[1], other[3]], refusals.TooFewShares),
        ("mixed", [partials[0], strange[1]], refusals.MixedShares),
        ("duplicate", [partials[0], partials[0]], refusals.DuplicateShare),
    ):
        book.bad(name, "sharing.combine-signatures", {**given, "partials": some}, error)
    return book


def voprf(backend: str) -> Book:
    """The oblivious PRF: blinding, evaluations, outputs, and wrong evaluations."""
    book = Book("sharing/voprf", SPEC + "voprf", backend, DEFAULT)
    for curve in CURVES:
        dealt = _dealt(book, "oprf", curve)
        common = {**dealt, "input": b"a password".hex(), "info": b"backup".hex()}
        for some in ([1, 2], [3, 1, 2]):
            inputs = {**common, "some": some, "randoms": book.seed_of(f"{curve}/blind")}
            made = book.good(f"{curve}-{len(some)}", "sharing.oprf", inputs, curve=curve)
        key = book.run("sharing.deal", dealt, curve)["key"]
        blind = book.E(curve).random_scalar(book.random(f"{curve}/blind")).to_bytes().hex()
        given = {name: common[name] for name in ("input", "info")}
        given |= {"key": key, "blind": blind, "random": book.seed_of(f"{curve}/weights")}
        answers = made["evaluations"]
        book.good(f"{curve}-finish", "sharing.oprf-finish", {**given, "evaluations": answers}, curve=curve)
        wrong = book.run("sharing.oprf", {**inputs, "info": "00"}, curve)["evaluations"]
        some_wrong = [answers[0], wrong[1], answers[2]]
        book.good(f"{curve}-one-wrong", "sharing.oprf-finish", {**given, "evaluations": some_wrong}, curve=curve)
        too_few = {**given, "evaluations": [answers[0], wrong[1]]}
        book.bad(f"{curve}-too-few-right", "sharing.oprf-finish", too_few, refusals.TooFewShares, curve=curve)
    return book


def runs(backend: str) -> Book:
    """Key generations with and without an absent member, resharings, and their certificates."""
    book = Book("sharing/runs", SPEC + "key-generation", backend, DEFAULT)
    sections = ("roster", "runs", "broadcast", "dealing", "party-state", "key-generation")
    common: dict[str, Any] = {"session": SESSION, "members": [1, 2, 3], "threshold": 2, "absent": []}
    for i, section in enumerate(sections):
        inputs = {**common, "random": book.seed_of(section), "absent": [3] if i % 2 else []}
        made = book.good(f"generate-{section}", "sharing.generate", inputs, spec=SPEC + section)
    again = {"session": SESSION, "shares": made["shares"], "old": [1, 2, 3], "random": book.seed_of("reshare")}
    for name, new, threshold in (("refresh", [1, 2, 3], 2), ("to-others", [2, 4, 5], 3)):
        inputs = {**again, "new": new, "threshold": threshold}
        reshared = book.good(name, "sharing.reshare", inputs, spec=SPEC + "resharing")
    certified = {"certificate": made["certificate"], "members": [1, 2, 3], "threshold": 2, "needed": 2}
    book.good("certificate", "sharing.verify-certificate", certified, spec=SPEC + "transcript")
    both = {**certified, "certificate": reshared["certificate"], "members": [1, 2, 3, 4, 5], "needed": 5}
    book.good("certificate-of-both", "sharing.verify-certificate", both, spec=SPEC + "transcript")
    for name, change, error in (
        ("too-few-confirmed", {"needed": 4}, refusals.TooFewShares),
        ("strangers-confirmed", {"members": [1, 3]}, refusals.InvalidProof),
        ("signature", {"certificate": flipped(made["certificate"])}, refusals.InvalidProof),
    ):
        wrong = {**certified, **change}
        book.bad(name, "sharing.verify-certificate", wrong, error, spec=SPEC + "transcript")
    absent = {**common, "absent": [1, 2], "random": book.seed_of("absent")}
    book.bad("too-many-absent", "sharing.generate", absent, refusals.RunFailed, spec=SPEC + "runs")
    twice = {**again, "old": [1, 3], "new": [1, 2, 3], "threshold": 2}
    book.bad("holder-not-in-roster", "sharing.reshare", twice, ParameterError, spec=SPEC + "resharing")
    return book


def repair(backend: str) -> Book:
    """Repairs of a lost share."""
    book = Book("sharing/repair", SPEC + "repair", backend, DEFAULT)
    for threshold, count, lost in ((2, 3, 2), (3, 5, 5)):
        name, helpers = f"{threshold}-of-{count}", [i for i in range(1, count + 1) if i != lost][-threshold:]
        shares = book.run("sharing.deal", _dealt(book, name, DEFAULT, threshold, count))["shares"]
        some = [shares[i - 1] for i in helpers]
        inputs: dict[str, Any] = {"shares": some, "lost": lost, "members": list(range(1, count + 1))}
        inputs |= {"session": SESSION, "random": book.seed_of(f"{name}/parts")}
        if book.good(name, "sharing.repair", inputs)["share"] != shares[lost - 1]:
            raise ValueError(name)
        book.bad(f"{name}-too-few", "sharing.repair", {**inputs, "shares": some[1:]}, ParameterError)
        book.bad(f"{name}-not-lost", "sharing.repair", {**inputs, "lost": helpers[0]}, ParameterError)
    return book


def rotation(backend: str) -> Book:
    """Successions and rings."""
    book = Book("sharing/rotation", SPEC + "rotation", backend, DEFAULT)
    old, new = (book.run("sharing.deal", _dealt(book, name, DEFAULT))["key"] for name in ("old", "new"))
    inputs = {"old": old, "new": new, "overlap_ends": 1000, "members": [1, 2, 3], "endorsers": [1, 3]}
    inputs["times"] = [500, 999, 1000]
    book.good("overlap", "sharing.rotate", inputs)
    for name, change, error in (
        ("too-few-endorse", {"endorsers": [2]}, refusals.TooFewShares),
        ("over-before-it-began", {"times": [1000]}, Expired),
        ("the-same-key", {"new": old}, ParameterError),
    ):
        book.bad(name, "sharing.rotate", {**inputs, **change}, error)
    return book


TOPICS: tuple[Callable[[str], Book], ...] = (
    *(octets, commitments, issuing, receiver_shares, threshold_bls, voprf, runs, repair, rotation),
)
