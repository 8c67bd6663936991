"""What is fuzzed of what lies in files and travels on channels: log entries, frames, sealed keys, vector files.

A vector file may be refused as not understood, or have mismatches; what it provokes inside is reported, never raised.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Callable
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from milagro.cid import CID, Codec
from milagro.conformance.checker import check_case
from milagro.conformance.kinds import NotUnderstood, open_file
from milagro.conformance.own_files import case_digest, head_digest
from milagro.conformance.report import FileReport
from milagro.conformance.textfiles import JsonFault, read_json
from milagro.stores.keys import Argon2Cost, DataKey, Passphrase, PassphraseSealer, context_of, seal, unseal
from milagro.stores.messaging import frames
from milagro.stores.messaging.entry import Entry, Fork
from tests.fuzz.target import Target, numbered, one_of, parses, random, refused_in_the_tree

ROOT = Path(__file__).resolve().parents[2]
MOST_CASES = 4


class Author:
    """Whose signatures are 64 zeros."""

    name = "author"

    def sign(self, message: bytes) -> bytes:
        return bytes(64)


# -- messaging ---------------------------------------------------------------------------------------------------------
def _entries() -> list[Entry]:
    log, part = [], CID.of(b"payload")
    for sequence in range(1, 9):
        previous = log[-1].cid if log else None
        skip = log[(sequence & (sequence - 1)) - 1].cid if sequence & (sequence - 1) else None
        log.append(Entry.signed(Author(), "topic", sequence, previous, skip, (part,), 7))
    return log


def check_entry(octets: bytes) -> None:
    """An entry is its block; what is signed of it is all that it says."""
    with refused_in_the_tree():
        entry = Entry.decode(octets)
        entry.check(lambda name, message, signature: None)
        entry.step_towards(1)
        given = (entry.topic, entry.sequence, entry.previous, entry.skip, entry.parts, entry.size)
        ours = entry.sender == Author.name and entry.signature == bytes(64)
        if ours and Entry.signed(Author(), *given).block != octets:
            raise AssertionError(f"{octets.hex()} is a second encoding of an entry")


def check_fork(octets: bytes) -> None:
    cut = int.from_bytes(octets[:2], "big")
    with refused_in_the_tree():
        Fork.prove(octets[2 : 2 + cut], octets[2 + cut :], lambda name, message, signature: None)


MESSAGING: list[Callable[[bytes], None]] = [
    check_entry,
    check_fork,
    lambda octets: parses(octets, lambda given: frames.encode(frames.decode(given))),
]


def seeds_of_messaging() -> list[bytes]:
    log = _entries()
    other = Entry.signed(Author(), "topic", 1, None, None, (CID.of(b"other", Codec.RAW),), 5)
    fork = len(log[0].block).to_bytes(2, "big") + log[0].block + other.block
    question = frames.Question("topic", "sender", 7)
    return numbered(
        [[entry.block for entry in log], [fork], [frames.encode(one) for one in (log[0], log[7], question)]]
    )


# -- sealed keys -------------------------------------------------------------------------------------------------------
PASSPHRASE, CHEAP = Passphrase(b"correct horse"), Argon2Cost(memory_kib=32, iterations=1, lanes=1)


def check_sealed(octets: bytes) -> None:
    """A sealed file names the memory and time that its key takes, up to what `Argon2Cost` allows; only cheap ones here.

    Whoever can write the file could as well write one that takes them rightly: it is the operator's own.
    """
    with refused_in_the_tree():
        if not all(isinstance(one, str) for one in context_of(octets).values()):
            raise AssertionError("the context of a sealed file is no map of texts")
        kdf = json.loads(octets).get("kdf", {"memory_kib": 0, "iterations": 0, "lanes": 0})
        numbers = [kdf[name] for name in ("memory_kib", "iterations", "lanes")]
        if all(not isinstance(one, int) or one <= limit for one, limit in zip(numbers, (256, 2, 4), strict=True)):
            unseal(octets, PASSPHRASE, {"role": "dta"})


@cache
def seeds_of_sealed() -> list[bytes]:
    of_token = json.loads(seal(b"secret", PASSPHRASE, {"role": "dta"}, CHEAP))
    del of_token["kdf"]
    of_token |= {"version": 2, "key": {"name": "pkcs11", "label": "node", "id": "00ff"}}
    texts = [seal(b"secret", PASSPHRASE, {"role": "dta"}, CHEAP), seal(b"", PASSPHRASE, {}, CHEAP)]
    return [*texts, json.dumps(of_token).encode()]


@cache
def _data_key() -> DataKey:
    with tempfile.TemporaryDirectory() as folder:
        return DataKey.open_or_create(Path(folder) / "data.key", PassphraseSealer(PASSPHRASE, CHEAP), {})


def check_record(octets: bytes) -> None:
    """A record opens only as it was sealed."""
    with refused_in_the_tree():
        secret = _data_key().unseal(octets, {"role": "dta"})
        if octets not in seeds_of_records():
            raise AssertionError(f"{octets.hex()} opens as {secret.hex()} and was never sealed")


@cache
def seeds_of_records() -> list[bytes]:
    return [_data_key().seal(secret, {"role": "dta", "epoch": "7"}) for secret in (b"secret", b"")]


# -- vector files ------------------------------------------------------------------------------------------------------
def check_vectors(octets: bytes) -> None:
    """The input as a vector file of somebody else, and, where it is one of ours, with digests that fit."""
    with contextlib.suppress(UnicodeDecodeError):
        content = octets.decode()
        _checks(content)
        with contextlib.suppress(JsonFault):
            if (right := _with_digests(content)) is not None:
                _checks(right)


def _checks(content: str) -> None:
    with contextlib.suppress(NotUnderstood):
        opened = open_file("fuzz-BLS12-381", content, "native")
        for block in islice(opened.cases, MOST_CASES):
            report = FileReport("fuzz", opened.report.kind)
            check_case(opened, block, report)


def _with_digests(content: str) -> str | None:
    value = read_json(content) if content[:1] == "{" else None
    cases = value.get("cases") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(cases, list) or not all(isinstance(one, dict) for one in cases):
        return None
    for case in cases:
        case["digest"] = case_digest(case)
    value["digest"] = head_digest(value)
    return json.dumps(value)


def _shortened(document: dict[str, Any], place: int) -> bytes:
    """A file of ours with one of its cases."""
    case = document["cases"][place % len(document["cases"])]
    return json.dumps({**document, "cases": [case]}).encode()


def seeds_of_vectors() -> list[bytes]:
    """A case of each operation that is short enough, and texts of the kinds that others write."""
    found: dict[str, bytes] = {}
    for path in sorted((ROOT / "vectors").rglob("*.json")):
        document = json.loads(path.read_text())
        for place, case in enumerate(document.get("cases", [])):
            one = _shortened(document, place)
            if len(one) < len(found.get(case["operation"], bytes(4000))):
                found[case["operation"]] = one
    return [*found.values(), *(text.encode() for text in TEXTS)]


_MODULUS = "2400000008702a0db0bddf647a6366d3243fd6ee18093ee1be6623ef5c1b55b3"
TEXTS = (
    (
        f"# Choice: BN254_CX, Type: WEIERSTRASS\n# Modulus:=0x{_MODULUS};\n# A:= 0; B:=0x02;\n\n#test1\nECP1 = 1:2\n"
        "ECP2 = 1:2\nECPsum = 1:2\nECPneg = 1:2\nECPsub = 1:2\nECPdbl = 1:2\nECPmul = 1:2\n"
    ),
    f"# Choice: BN254_CX\n# Modulus:=0x{_MODULUS};\n\n#test1\nECP21 = 1:2&3:4\nECP2neg = 1:2&3:4\n",
    f"# Modulus:=0x{_MODULUS};\n\n#test1\nFP2_1 = [1,2]\nFP2_2 = [3,4]\nFP2add = [4,6]\nFP2mul = [1,2]\n",
    f"# Modulus:=0x{_MODULUS};\n\n#test1\nFP4_1 = [[1,2],[3,4]]\nFP4_2 = [[1,2],[3,4]]\nFP4add = [[2,4],[6,8]]\n",
    "COUNT = 0\nIKM = 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\nSK = 00\nPK = 00\nMSG = 61\n",
    "suite = BLS12381G1_XMD:SHA-256_SSWU_RO_\ndst = QUUX-V01-CS02\n\nmsg = abc\nP.x = 03\nP.y = 04\nu[0] = 00\n",
    '[{"TEST": 1, "CURVE": "bls381", "MS1": "02", "MS2": "03", "PIN1": 1234, "U": "02", "TOKEN": "04"}]',
    '{"curve": "BN254CX", "pair_gen": "00", "sha256_v": "00", "map_in_0": "01"}',
)


def damaged_json(octets: bytes) -> bytes:
    """A file of ours in which one value is another one: what flips of octets seldom make."""
    try:
        value = json.loads(octets)
        case = value["cases"][0]["inputs"]
        name = sorted(case)[random(1)[0] % len(case)]
    except (ValueError, KeyError, TypeError, IndexError, ZeroDivisionError, RecursionError):
        return octets
    strange: list[Any] = [None, -1, 0, 1, 2**31, 2**63, "", "00", "zz", "ff" * 48, [], {}, [1], ["00"], True, "\ud800"]
    case[name] = strange[random(1)[0] % len(strange)]
    return json.dumps(value).encode()


TARGETS = {
    "messaging": Target(one_of(MESSAGING), seeds_of_messaging),
    "sealed-keys": Target(check_sealed, seeds_of_sealed),
    "sealed-records": Target(check_record, seeds_of_records),
    "vector-files": Target(check_vectors, seeds_of_vectors),
}
