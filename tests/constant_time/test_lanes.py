"""Eight lanes under memcheck, which does not know AVX-512: the same text, compiled for any processor.

And of the module that is installed, that its field arithmetic has no conditional jump at all.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from milagro import params
from tests.conftest import missing, require_backend
from tests.constant_time import probe
from tests.constant_time.test_memcheck import REPORTED, ROOT, SUPPRESSIONS, told

NATIVE = ROOT / "milagro" / "_native"
EXHAUSTIVE = os.environ.get("MILAGRO_EXHAUSTIVE") == "1"  # six words take minutes in C
STRAIGHT = ("add", "sub", "neg", "halve", "mul", "sqr", "redc", "fp2_mul", "fp2_sqr", "fp2_product", "canonical")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require_backend("native")
    cc = probe.compiler()
    if cc is None:
        missing("no C compiler to build the probe of the constant-time tests with")
    if shutil.which("valgrind") is None or not probe.has_memcheck_header(cc):
        missing("valgrind or its header valgrind/memcheck.h is not installed (Debian: apt-get install valgrind)")
    return probe.build(cc, tmp_path_factory.mktemp("probe"), memcheck=True)


def generated(name: str, folder: Path) -> Path:
    """The C text of a native module: as the last build left it, or made here."""
    text = NATIVE / f"{name}.c"
    sources = [path for path in NATIVE.iterdir() if path.suffix in {".pxi", ".pyx"}]
    if text.exists() and text.stat().st_mtime > max(path.stat().st_mtime for path in sources):
        return text
    if importlib.util.find_spec("Cython") is None:
        pytest.skip("neither the C text of the native modules nor Cython is here")
    text = folder / f"{name}.c"
    subprocess.run([sys.executable, "-m", "cython", "-3", str(NATIVE / f"{name}.pyx"), "-o", str(text)], check=True)
    return text


def portable_lanes(name: str, folder: Path) -> Path:
    """The module of lanes, compiled without AVX-512."""
    cc, module = probe.compiler(), folder / f"{name}.portable.so"
    assert cc is not None
    flags = [
        "-O2",
        "-g0",
        "-w",
        "-shared",
        "-fPIC",
        "-DLANES_PORTABLE",
        f"-I{NATIVE}",
        f"-I{sysconfig.get_path('include')}",
    ]
    subprocess.run([*cc, *flags, str(generated(name, folder)), "-o", str(module)], check=True)
    return module


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("curve_name", ["BN254", *(["BLS12-381"] if EXHAUSTIVE else [])])
def test_nothing_depends_on_a_secret_in_a_lane(library: Path, curve_name: str) -> None:
    words = params.get(curve_name).words
    modules = [str(portable_lanes(f"w{words}{letter}", library.parent)) for letter in "vs"]
    log, out = (library.with_name(f"lanes-{curve_name}.{kind}") for kind in ("log", "json"))
    command = ["valgrind", "-q", "--num-callers=20", "--error-limit=no", f"--error-exitcode={REPORTED}"]
    command += [
        f"--suppressions={SUPPRESSIONS}",
        f"--log-file={log}",
        sys.executable,
        "-m",
        "tests.constant_time.watch_lanes",
    ]
    command += [str(library), curve_name, f"w{words}", *modules, str(out)]
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = os.environ | {"LD_PRELOAD": str(library), "PYTHONMALLOC": "malloc", "PYTHONPATH": path}
    environment.pop("DEBUGINFOD_URLS", None)
    run = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == REPORTED, run.stderr  # the control was reported
    *found, control = json.loads(out.read_text())
    assert len(found) == 10
    assert control["reports"] > 0
    leaks = [told(log.read_text(), each["name"])[:6000] for each in found if each["reports"]]
    assert not leaks, "\n".join(leaks)
    assert [each["name"] for each in found if each["hidden"] == 0] == []


@pytest.mark.parametrize("name", ["w4v", "w6v"])
def test_the_installed_arithmetic_has_no_conditional_jump(name: str) -> None:
    native = pytest.importorskip("milagro._native")
    modules = list(Path(native.__file__).parent.glob(f"{name}.{sys.implementation.cache_tag}*.so"))
    if not modules or shutil.which("objdump") is None or "ifma" not in native.implementations():
        pytest.skip("no module of lanes, or no objdump to read it with")
    text = subprocess.run(
        ["objdump", "-d", "--no-show-raw-insn", str(modules[0])], capture_output=True, text=True, check=True
    )
    functions = dict(re.findall(r"^[0-9a-f]+ <lanes_(\w+)[^>]*>:\n((?:.+\n)*)", text.stdout, flags=re.MULTILINE))
    if not functions:
        pytest.skip("the module has been stripped of names")
    assert len(re.findall(r"\tj(?!mp)\w+ ", functions["pow_rows"])) > 0  # the instrument sees those of a loop
    for function in STRAIGHT:
        assert "vpmadd52" in functions[function] or function in {"add", "sub", "neg", "halve", "canonical"}
        assert re.findall(r"\tj(?!mp)\w+ .*", functions[function]) == [], function
