"""This project's operations for an outside harness that measures libraries side by side:

    PYTHONPATH=. python ../shared/peers/bench_peers.py --with bench.peers --out run.json
    python -m bench.ratios run.json

The harness gives the time of a call and can divide by nothing. So the call of a batch operation is one whole batch:

    pairing_batch8          8 independent pairings               / 8 = time of a pairing
    pairing_product2_fixed_batch8   8 checks of two pairings     / 8 = time of a check
    hash_to_g1_batch64      64 messages                          / 64 = time of a hash
    g1_mul_batch64          64 points, 64 secret scalars         / 64 = time of a multiplication
    g1_decode_batch64       64 encodings                         / 64 = time of one
    mpin_verify_batch64     64 logins of different users         / 64 = time of a login
    mpin_verify_batch1024   1024 logins of different users       / 1024 = time of a login
    mpin_v1_verify_batch64  64 logins by the original protocol   / 64 = time of a login
    bls_verify_batch64      64 signatures of different signers   / 64 = time of a signature

`PER_CALL` holds the divisors, each group's note repeats them in the harness's output, and `bench.ratios` divides. A
queue that works in every 64th call only would show a time per login by itself, but not a true one: the harness takes
the median over groups of calls, and guesses their size from one quick call. `bench.record` measures the same callables
and stores times per item.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))  # the harness may stand anywhere, and import this file by any path

from bench.libraries import mpin_parts  # noqa: E402
from bench.operations import build  # noqa: E402
from bench.ratios import PER_CALL  # noqa: E402
from milagro import __version__  # noqa: E402
from milagro.groups import curve  # noqa: E402

CURVES = ("BN254", "BLS12-381", "BN_SNARK1", "BN254CX", "FP256BN", "BN462")


def group(name: str, msg: bytes, scalars: tuple[int, int]) -> dict[str, Any]:
    """The native operations of one curve; its note has the divisors, and what is not built."""
    built, left_out = build(curve(name, backend="native"), msg, scalars)
    wrong = {op for op, operation in built.items() if operation.items != PER_CALL.get(op, 1)}
    if wrong:
        raise AssertionError(f"the divisors of {wrong} are not those in PER_CALL")
    notes = [f"{op} is a whole batch: divide by {count}" for op, count in PER_CALL.items() if op in built]
    notes += [f"{op}: {why}" for op, why in left_out.items()]
    ops = {op: operation.run for op, operation in built.items()}
    return {"curve": name, "version": __version__, "note": "; ".join(notes), "ops": ops}


def bench_peers(msg: bytes, scalars: tuple[int, int]) -> dict[str, dict[str, Any]]:
    """The native operations of six curves; and, where it is installed, mclbn256 doing what M-Pin's server does."""
    groups = {f"milagro:{name}": group(name, msg, scalars) for name in CURVES}
    try:
        parts = mpin_parts(msg, scalars)
    except ImportError:
        return groups
    return groups | {"mclbn256:M-Pin": {"curve": "BN254", "ops": {"mpin_verify": parts}}}
