"""Vectors of the signatures: the original form with sharing, and the IETF's in both placements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from milagro.conformance.topics._book import Book, flipped
from milagro.conformance.topics.curves import need_stray_point, stray_point
from milagro.conformance.topics.mpin_v1 import CURVES
from milagro.errors import (
    IdentityElement,
    InvalidFlags,
    InvalidSignature,
    NonCanonical,
    NotInSubgroup,
    NotOnCurve,
    ParameterError,
    WrongLength,
)
from milagro.groups import Encoding

SPEC = "spec/bls.md#"
DEFAULT, IETF = "BN254CX", "BLS12-381"
MESSAGES = (b"", b"abc", b"\x5a" * 300)


def original(backend: str) -> Book:
    """Signatures, aggregation, refusals."""
    book = Book("bls/original", SPEC + "original", backend, DEFAULT)
    for curve in CURVES:
        signed = []
        for i, message in enumerate(MESSAGES):
            inputs = {"s": book.scalar(f"{curve}/{i}", curve, wide=True), "message": message.hex()}
            signed.append(book.good(f"{curve}-{i}", "bls-original.sign", inputs, curve=curve))
            check = {"message": message.hex(), **{k: signed[i][k] for k in ("public_key", "signature")}}
            book.good(f"{curve}-{i}-verified", "bls-original.verify", check, curve=curve)
            for name, change in {
                "other-message": {"message": "ff"},
                "other-key": {"public_key": _other_key(book, curve)},
                "negative": {"signature": _negative(signed[i]["signature"])},
            }.items():
                book.bad(
                    f"{curve}-{i}-{name}", "bls-original.verify", {**check, **change}, InvalidSignature, curve=curve
                )
        many = {
            "signatures": [one["signature"] for one in signed],
            "public_keys": [one["public_key"] for one in signed],
        }
        book.good(f"{curve}-aggregate", "bls-original.aggregate", many, spec=SPEC + "original-aggregation", curve=curve)
        _bad_octets(book, curve, check)
    empty: dict[str, Any] = {"signatures": [], "public_keys": []}
    book.bad("aggregate-of-none", "bls-original.aggregate", empty, ParameterError, spec=SPEC + "original-aggregation")
    return book


def _other_key(book: Book, curve: str) -> str:
    key: str = book.run("bls-original.sign", {"s": book.scalar(f"{curve}/other", curve), "message": ""}, curve)[
        "public_key"
    ]
    return key


def _negative(signature: str) -> str:
    return ("03" if signature.startswith("02") else "02") + signature[2:]


def _bad_octets(book: Book, curve: str, check: dict[str, Any]) -> None:
    E = book.E(curve)
    p = f"{E.params.p:0{2 * E.field_bytes}x}"
    key, signature = check["public_key"], check["signature"]
    rows: list[tuple[str, dict[str, str], type[Any], str]] = [
        ("signature-first-octet", {"signature": "05" + signature[2:]}, InvalidFlags, "groups"),
        ("signature-short", {"signature": signature[:-2]}, WrongLength, "groups"),
        ("signature-not-reduced", {"signature": "02" + p}, NonCanonical, "backend"),
        ("key-short", {"public_key": key[:-2]}, WrongLength, "groups"),
        ("key-off-the-curve", {"public_key": flipped(key)}, NotOnCurve, "backend"),
        ("key-not-reduced", {"public_key": p + key[len(p) :]}, NonCanonical, "backend"),
    ]
    stray = stray_point(book, curve, "G2")
    if stray:
        rows.append(
            ("key-outside-the-subgroup", {"public_key": stray[0].hex() + stray[1].hex()}, NotInSubgroup, "groups")
        )
    for name, change, error, layer in rows:
        book.bad(f"{curve}-{name}", "bls-original.verify", {**check, **change}, error, layer=layer, curve=curve)


def original_shamir(backend: str) -> Book:
    """Shares of a key, and what enough of them give back."""
    book = Book("bls/original-shamir", SPEC + "original-shamir", backend, DEFAULT)
    for curve in CURVES:
        for threshold, count in ((1, 1), (2, 3), (3, 5)):
            name = f"{curve}-{threshold}-of-{count}"
            s = book.scalar(name, curve, wide=True)
            shares = book.good(
                name,
                "bls-original.shares",
                {"s": s, "threshold": threshold, "count": count, "random": book.seed_of(name)},
                curve=curve,
            )["shares"]
            some = shares[count - threshold :]
            xs, ys = [x for x, _ in some], [y for _, y in some]
            book.good(f"{name}-secret", "bls-original.recover-secret", {"x": xs, "y": ys}, curve=curve)
            parts = [book.run("bls-original.sign", {"s": y, "message": "616263"}, curve)["signature"] for y in ys]
            book.good(f"{name}-signature", "bls-original.recover-signature", {"x": xs, "y": parts}, curve=curve)
    y = book.scalar("y", wide=True)
    for name, more in {
        "threshold-zero": {"threshold": 0, "count": 2},
        "threshold-above-count": {"threshold": 3, "count": 2},
    }.items():
        book.bad(name, "bls-original.shares", {"s": y, "random": book.seed_of(name), **more}, ParameterError)
    for name, xs in (("index-twice", [1, 1]), ("index-zero", [0, 1])):
        book.bad(name, "bls-original.recover-secret", {"x": xs, "y": [y, y]}, ParameterError, layer="groups")
    book.bad("no-share", "bls-original.recover-secret", {"x": [], "y": []}, ParameterError, layer="groups")
    return book


# -- the IETF's form ----------------------------------------------------------------------------------------------
def ietf_keygen(backend: str) -> Book:
    """Secret keys from key material."""
    book = Book("bls/ietf-keygen", SPEC + "ietf-key-gen", backend, IETF)
    draw = book.random("material")
    for i, (length, info) in enumerate(((32, b""), (48, b"info"), (64, b"\0" * 40))):
        inputs = {"ikm": draw(length).hex(), "info": info.hex()}
        book.good(f"draft05-{i}", "bls-ietf.key-gen", {**inputs, "form": "draft05", "salt": draw(32).hex()})
        book.good(f"ethereum-{i}", "bls-ietf.key-gen", {**inputs, "form": "ethereum"})
    short = {"ikm": draw(31).hex(), "info": ""}
    book.bad(
        "draft05-material-too-short",
        "bls-ietf.key-gen",
        {**short, "form": "draft05", "salt": draw(32).hex()},
        ParameterError,
    )
    book.bad("ethereum-material-too-short", "bls-ietf.key-gen", {**short, "form": "ethereum"}, ParameterError)
    book.bad(
        "draft05-salt-too-short",
        "bls-ietf.key-gen",
        {"ikm": draw(32).hex(), "info": "", "form": "draft05", "salt": draw(31).hex()},
        ParameterError,
    )
    return book


def ietf_min_pk(backend: str) -> Book:
    """Keys in G1, signatures in G2."""
    return _placement(Book("bls/ietf-min-pk", SPEC + "ietf-sign", backend, IETF), "min-pk")


def ietf_min_sig(backend: str) -> Book:
    """Keys in G2, signatures in G1."""
    return _placement(Book("bls/ietf-min-sig", SPEC + "ietf-sign", backend, IETF), "min-sig")


def _placement(book: Book, placement: str) -> Book:
    for scheme in ("NUL", "AUG", "POP"):
        base = {"placement": placement, "scheme": scheme}
        signed = []
        for i, message in enumerate(MESSAGES):
            sk = book.scalar(f"sk/{i}")
            one = book.good(
                f"{scheme}-{i}",
                "bls-ietf.sign",
                {**base, "sk": sk, "message": message.hex()},
                spec=SPEC + ("ietf-sign", "ietf-suites", "ietf-keys")[i],
            )
            signed.append(one)
            _verdicts(
                book,
                f"{scheme}-{i}",
                {**base, "message": message.hex(), "public_key": one["public_key"], "signature": one["signature"]},
                one,
            )
        _aggregate(book, scheme, base, signed)
    _bad_ietf(book, placement, signed[0])
    return book


def _verdicts(book: Book, name: str, check: dict[str, Any], one: dict[str, Any]) -> None:
    spec = SPEC + "ietf-verify"
    book.good(f"{name}-verified", "bls-ietf.verify", check, spec=spec)
    serialized = {"public_key": one["public_key_serialized"], "signature": one["signature_serialized"]}
    book.good(f"{name}-serialized", "bls-ietf.verify", {**check, **serialized}, spec=SPEC + "ietf-encodings")
    other = f"{int(check['signature'][:2], 16) ^ 0x20:02x}" + check["signature"][2:]
    for fault, change in {"other-message": {"message": "ff"}, "negative": {"signature": other}}.items():
        book.bad(f"{name}-{fault}", "bls-ietf.verify", {**check, **change}, InvalidSignature, spec=spec)


def _aggregate(book: Book, scheme: str, base: dict[str, Any], signed: list[dict[str, Any]]) -> None:
    spec = SPEC + "ietf-aggregate"
    total = book.good(
        f"{scheme}-aggregate",
        "bls-ietf.aggregate",
        {**base, "signatures": [one["signature"] for one in signed]},
        spec=spec,
    )["signature"]
    check = {
        **base,
        "public_keys": [one["public_key"] for one in signed],
        "messages": [message.hex() for message in MESSAGES],
        "signature": total,
    }
    book.good(f"{scheme}-aggregate-verified", "bls-ietf.aggregate-verify", check, spec=spec)
    swapped = {**check, "messages": [MESSAGES[1].hex(), MESSAGES[0].hex(), MESSAGES[2].hex()]}
    book.bad(f"{scheme}-aggregate-exchanged", "bls-ietf.aggregate-verify", swapped, InvalidSignature, spec=spec)
    fewer = {**check, "public_keys": check["public_keys"][:2], "messages": check["messages"][:2]}
    book.bad(f"{scheme}-aggregate-one-missing", "bls-ietf.aggregate-verify", fewer, InvalidSignature, spec=spec)
    uneven = {**check, "messages": check["messages"][:2]}
    book.bad(f"{scheme}-aggregate-uneven", "bls-ietf.aggregate-verify", uneven, ParameterError, spec=spec)
    book.bad(f"{scheme}-aggregate-of-none", "bls-ietf.aggregate", {**base, "signatures": []}, ParameterError, spec=spec)
    if scheme == "NUL":
        repeated = {**check, "messages": ["00"] * 3}
        book.bad("NUL-aggregate-same-message", "bls-ietf.aggregate-verify", repeated, InvalidSignature, spec=spec)


def _bad_ietf(book: Book, placement: str, one: dict[str, Any]) -> None:
    spec, E = SPEC + "ietf-encodings", book.E()
    group = {"min-pk": ("G1", "G2"), "min-sig": ("G2", "G1")}[placement]
    check = {
        "placement": placement,
        "scheme": "NUL",
        "message": "",
        "public_key": one["public_key"],
        "signature": one["signature"],
    }
    for field, where in (("public_key", group[0]), ("signature", group[1])):
        good = check[field]
        codec = E.g1_codec(Encoding.ZCASH) if where == "G1" else E.g2_codec(Encoding.ZCASH)
        ops: Any = E.g1_ops if where == "G1" else E.g2_ops
        stray = need_stray_point(book, IETF, where)
        outside = codec.encode(ops.from_affine(*stray)).hex()
        infinity = "c0" + "00" * (len(good) // 2 - 1)
        for name, octets, error, layer in (
            ("empty", "", WrongLength, "groups"),
            ("short", good[:-2], WrongLength, "groups"),
            ("no-flag", f"{int(good[:2], 16) & 0x7F:02x}" + good[2:], InvalidFlags, "groups"),
            ("not-reduced", "9f" + "ff" * (len(good) // 2 - 1), NonCanonical, "backend"),
            ("outside-the-subgroup", outside, NotInSubgroup, "groups"),
        ):
            book.bad(f"{field}-{name}", "bls-ietf.verify", {**check, field: octets}, error, layer=layer, spec=spec)
        if field == "public_key":
            book.bad(
                "public_key-infinity",
                "bls-ietf.verify",
                {**check, field: infinity},
                IdentityElement,
                layer="groups",
                spec=spec,
            )
    for name, value, fault, layer in (
        ("zero", 0, ParameterError, "protocols"),
        ("r", E.order, NonCanonical, "backend"),
        ("most", 2**256 - 1, NonCanonical, "backend"),
    ):
        book.bad(
            f"secret-key-{name}",
            "bls-ietf.secret-key",
            {"sk": f"{value:064x}"},
            fault,
            layer=layer,
            spec=SPEC + "ietf-keys",
        )
    book.bad(
        "secret-key-short",
        "bls-ietf.secret-key",
        {"sk": "01" * 31},
        WrongLength,
        layer="protocols",
        spec=SPEC + "ietf-keys",
    )


def ietf_pop(backend: str) -> Book:
    """Proofs of possession, and aggregates over one message."""
    book = Book("bls/ietf-pop", SPEC + "ietf-pop", backend, IETF)
    for placement in ("min-pk", "min-sig"):
        base = {"placement": placement, "scheme": "POP"}
        sks = [book.scalar(f"{placement}/{i}") for i in range(3)]
        signed = [book.run("bls-ietf.sign", {**base, "sk": sk, "message": "616263"}) for sk in sks]
        proofs = [
            book.good(f"{placement}-{i}", "bls-ietf.pop-prove", {**base, "sk": sk})["proof"] for i, sk in enumerate(sks)
        ]
        for i, one in enumerate(signed):
            check = {**base, "public_key": one["public_key"], "proof": proofs[i]}
            book.good(f"{placement}-{i}-verified", "bls-ietf.pop-verify", check)
            book.bad(
                f"{placement}-{i}-other-key", "bls-ietf.pop-verify", {**check, "proof": proofs[i - 1]}, InvalidSignature
            )
        key = signed[0]["public_key"]
        plain = book.run("bls-ietf.sign", {**base, "sk": sks[0], "message": key})["signature"]
        book.bad(
            f"{placement}-signature-is-no-proof",
            "bls-ietf.pop-verify",
            {**base, "public_key": key, "proof": plain},
            InvalidSignature,
        )
        total = book.run("bls-ietf.aggregate", {**base, "signatures": [one["signature"] for one in signed]})[
            "signature"
        ]
        check = {**base, "public_keys": [one["public_key"] for one in signed], "message": "616263", "signature": total}
        book.good(f"{placement}-fast-aggregate", "bls-ietf.fast-aggregate-verify", check)
        book.bad(
            f"{placement}-fast-aggregate-other-message",
            "bls-ietf.fast-aggregate-verify",
            {**check, "message": "00"},
            InvalidSignature,
        )
        book.bad(
            f"{placement}-fast-aggregate-no-key",
            "bls-ietf.fast-aggregate-verify",
            {**check, "public_keys": []},
            ParameterError,
        )
    return book


TOPICS: tuple[Callable[[str], Book], ...] = (
    original,
    original_shamir,
    ietf_keygen,
    ietf_min_pk,
    ietf_min_sig,
    ietf_pop,
)
