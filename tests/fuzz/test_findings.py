"""What fuzzing has found, each with the input that showed it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from milagro.conformance.checker import check_case
from milagro.conformance.kinds import open_file
from milagro.conformance.report import FileReport
from milagro.errors import ConfigError, MalformedEnvelope, ParameterError, WrongLength
from milagro.groups import curve
from milagro.octets import frame, unframe
from milagro.protocols.envelope import armored, dearmored
from milagro.protocols.mpin import v2
from milagro.protocols.sharing import Share, octet_shares, split
from milagro.protocols.sharing.header import pack
from milagro.roles.dta.member import config as dta_config
from milagro.roles.mfa import config as mfa_config
from milagro.stores.keys import context_of
from tests.fuzz import files, logins, sharing
from tests.fuzz.target import random


@pytest.mark.parametrize("entry", [b"", frame(b"a statement without a signature")])
def test_an_entry_of_too_few_fields_in_a_bundle_does_not_stop_a_party(entry: bytes) -> None:
    sender, party = sharing.generation(2), sharing.generation(1)
    (said,) = sender.begin()
    party.begin()
    bundle, signature = unframe(said.octets)[1:3]
    party.receive(frame(b"B", bundle, signature, entry))
    party.end_step()
    assert sharing.restored(sharing.generation, party.to_bytes()).place == party.place


def test_a_scalar_of_another_length_is_no_second_encoding() -> None:
    suite, s = sharing.SUITE, sharing.SUITE.curve.random_scalar(random)
    header = split(suite, s, 2, 2, random)[0].header
    assert Share.from_bytes(suite, pack(suite.dst("SHARE_"), header, s.to_bytes())).value == s
    with pytest.raises(WrongLength):
        Share.from_bytes(suite, pack(suite.dst("SHARE_"), header, s.to_bytes(suite.curve.field_bytes)))
    with pytest.raises(WrongLength):
        v2.MasterShare.from_bytes(logins.SUITE, "one.example", s.to_bytes(suite.curve.field_bytes))


def test_a_label_that_is_not_ascii_is_refused() -> None:
    label, *fields = unframe(logins._messages()[1])
    assert v2.Challenge.from_bytes(frame(label, *fields)).to_bytes() == frame(label, *fields)
    with pytest.raises(MalformedEnvelope):
        v2.Challenge.from_bytes(frame(label.replace(b"BLS", b"BL\xd3"), *fields))


def test_a_carriage_return_alone_ends_no_line_of_an_armor() -> None:
    text = armored(b"octets")
    assert dearmored(text.rstrip(b"\n")) == dearmored(text.replace(b"\n", b"\r\n")) == b"octets"
    with pytest.raises(MalformedEnvelope):
        dearmored(text.rstrip(b"\n") + b"\r")


@pytest.mark.parametrize("backend", ["native", "reference"])
@pytest.mark.parametrize(("n", "count"), [(1 << 62, 4), (1 << 62, 2), (4, 1 << 62), (1, (1 << 63) - 1)])
def test_counts_whose_product_overflows_are_refused(backend: str, n: int, count: int) -> None:
    ops = curve("BLS12-381", backend=backend).ops
    for hashed in (ops.g1_hash_uniform_many, ops.g2_hash_uniform_many, ops.g1_hash_uniform_many_vartime):
        with pytest.raises(WrongLength):
            hashed(bytes(256), n, count)
    for hashed_one in (ops.g1_hash_uniform, ops.g2_hash_uniform, ops.g1_map_to_curve, ops.g2_map_to_curve):
        with pytest.raises(WrongLength):
            hashed_one(bytes(256), count if count > 256 else n)


@pytest.mark.parametrize(("index", "at"), [(-1, 0), (1, -1), (256, 0), (1, 256)])
def test_numbers_outside_the_field_of_256_are_refused(index: int, at: int) -> None:
    with pytest.raises(ParameterError, match="from 0 to 255"):
        octet_shares.interpolate([(index, b"a"), (2, b"b")], at)


def test_the_context_of_a_sealed_file_holds_texts() -> None:
    header = json.loads(files.seeds_of_sealed()[0])
    with pytest.raises(MalformedEnvelope):
        context_of(json.dumps({**header, "context": {"role": 5}}).encode())


@pytest.mark.parametrize(
    ("operation", "name"),
    [("envelope.open-body", "zeros"), ("sharing.split-octets", "count"), ("sharing.split", "count")],
)
def test_a_vector_file_does_not_take_more_than_a_case_needs(operation: str, name: str) -> None:
    document = next(one for one in map(json.loads, _own()) if one["cases"][0]["operation"] == operation)
    document["cases"][0]["inputs"][name] = 1 << 31
    opened = open_file("own.json", json.dumps(document), "native")
    report = FileReport("own.json", "own")
    check_case(opened, opened.cases[0], report)
    assert f"the input {name} is not from 0 to" in "".join(mismatch.text() for mismatch in report.mismatches)


def _own() -> list[bytes]:
    return [seed for seed in files.seeds_of_vectors() if seed.startswith(b'{"') and b'"cases"' in seed]


@pytest.mark.parametrize("text", ["a=" + "[" * 5000, "a=" + "1" * 5000, '[server]\ntls_key="\\u0000"\n', "a=\ud800"])
def test_a_configuration_file_with_any_fault_is_one_error(text: str, tmp_path: Path) -> None:
    path = tmp_path / "milagro.toml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    for read in (dta_config.read_config, mfa_config.read_config):
        with pytest.raises(ConfigError):
            read(path)
