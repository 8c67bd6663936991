"""[[dta.authorities]]: what is read, and every fault at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from milagro.cid import CID, Codec
from milagro.errors import ConfigError
from milagro.protocols import pki
from milagro.protocols.issuance import M_PIN, Purpose
from milagro.roles.config import read
from milagro.roles.dta.issuing import AuthorityTerms, read_authorities
from milagro.roles.dta.issuing.authorities import PER_DAY

DID = pki.did_of(CID.of(b"an authority", Codec.DAG_CBOR))
OTHER = pki.did_of(CID.of(b"another", Codec.DAG_CBOR))


def terms(folder: Path, text: str) -> tuple[list[AuthorityTerms], list[Path]]:
    path = folder / "milagro.toml"
    path.write_text(text)
    top = read(path)
    found = read_authorities(top.table("dta").tables("authorities"))
    top.finish(path)
    return found


def test_what_is_not_said_has_a_default(tmp_path: Path) -> None:
    (one,), bundles = terms(tmp_path, f'[[dta.authorities]]\nidentity = "{DID}"\nrealms = ["login.example"]\n')
    assert one == AuthorityTerms(pki.identity_of(DID), frozenset({"login.example"}))
    assert (one.purposes, one.identity_per_day, bundles) == (M_PIN, PER_DAY, [])


def test_everything_can_be_said(tmp_path: Path) -> None:
    (tmp_path / "a.bundle").write_bytes(b"")
    (one, two), bundles = terms(
        tmp_path,
        f"""
[[dta.authorities]]
identity = "{DID}"
bundle = "a.bundle"
realms = ["a.example", "b.example"]
purposes = ["permit"]
per_hour = 5
per_day = 0
identity_per_day = {{ permit = 2 }}
[[dta.authorities]]
identity = "{OTHER}"
realms = ["c.example"]
""",
    )
    assert (one.realms, one.purposes) == ({"a.example", "b.example"}, {Purpose.PERMIT})
    assert (one.per_hour, one.per_day, dict(one.identity_per_day)) == (5, 0, {**PER_DAY, Purpose.PERMIT: 2})
    assert two.identity == pki.identity_of(OTHER)
    assert bundles == [tmp_path / "a.bundle"]


def test_every_fault_is_reported_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        terms(
            tmp_path,
            f"""
[[dta.authorities]]
identity = "{DID}"
realms = []
purposes = ["permits"]
per_hour = -1
[[dta.authorities]]
identity = "{DID}"
bundle = "missing.bundle"
realms = ["a", "a"]
purposes = "permit"
quota = 3
[[dta.authorities]]
identity = "somebody"
realms = [5]
identity_per_day = {{ permit = "many", coffee = 2 }}
""",
        )
    text = "\n".join(caught.value.problems)
    for fault in (
        "[0].realms must have at least one",
        "did you mean 'permit'",
        "[0].per_hour is -1",
        "[1].identity is that of another authority",
        "missing.bundle, which cannot be read",
        "[1].realms must have at least one entry, and none twice",
        "[1].purposes must be an array of strings",
        "[1].quota is not a key",
        "[2].identity must be the DID",
        "[2].realms must be an array of strings",
        "[2].identity_per_day.permit must be a whole number",
        "[2].identity_per_day.coffee is not a key",
    ):
        assert fault in text
