"""Builds the native modules for 64-bit ARM on another machine, and runs their tests under qemu.

    python tools/arm64.py FOLDER [pytest arguments]

For Debian, with the packages mmdebstrap, qemu-user-static, gcc-aarch64-linux-gnu and libc6-dev-arm64-cross. Nothing is
installed into the system: FOLDER gets an unpacked Debian with Python, the wheels that the tests import, and the copy of
the project that is compiled and tried.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from build_apart import Build, build

NEEDED = ("mmdebstrap", "qemu-aarch64-static", "aarch64-linux-gnu-gcc")
SUITE, PYTHON = "bookworm", "3.11"
PACKAGES = f"python{PYTHON}-minimal,libpython{PYTHON}-stdlib,libpython{PYTHON}-dev,libssl3,libffi8,zlib1g,libgcc-s1"
WHEELS = (
    *("gmpy2", "cffi", "cryptography", "pycparser", "click"),
    *("pytest", "pytest-timeout", "pytest-benchmark", "py-cpuinfo", "hypothesis"),
    *("pluggy", "iniconfig", "packaging", "pygments", "sortedcontainers"),
)
STARTS_A_PROGRAM = ("guard_pages", "choice", "wiped")  # which the kernel would have to run, not qemu
SHORT = ("-q", "tests/native", "-k", " and not ".join(["portable", *STARTS_A_PROGRAM]))


def run(*command: str, **environment: str) -> None:
    """Prints the command and runs it."""
    print(shlex.join(command), flush=True)
    subprocess.run(command, check=True, env=os.environ | environment)


def root_of(folder: Path) -> Path:
    """An unpacked Debian for ARM; no script of its packages is run."""
    root = folder / "root"
    if not (root / "usr" / "bin" / f"python{PYTHON}").exists():
        packages = f"--include={PACKAGES}"
        run("mmdebstrap", "--variant=extract", "--architectures=arm64", packages, SUITE, str(root))
    return root


def wheels_of(folder: Path) -> Path:
    """The libraries of the tests, for ARM."""
    site = folder / "site"
    if site.exists():
        return site
    wheels = folder / "wheels"
    platforms = [f"--platform=manylinux{version}_aarch64" for version in ("2014", "_2_17", "_2_28", "_2_34")]
    asked = ["--no-deps", "--only-binary=:all:", f"--python-version={PYTHON}", f"--dest={wheels}", *platforms]
    run(sys.executable, "-m", "pip", "download", "-q", *asked, *WHEELS)
    for wheel in sorted(wheels.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site)
    return site


def guard_pages(folder: Path, project: Path) -> None:
    """The word functions beside pages that fault, as programs without Python."""
    tests, native = project / "tests" / "native", project / "milagro" / "_native"
    for words in (4, 6, 8):
        program = str(folder / f"guard_pages_{words}")
        flags = ["-O3", "-static", "-w", f"-I{native}", f"-DMONT_WORDS={words}"]
        run("aarch64-linux-gnu-gcc", *flags, str(tests / "guard_pages.c"), "-o", program)
        run("qemu-aarch64-static", program)


def main(folder: Path, arguments: list[str]) -> None:
    """Prepares, builds and tries."""
    absent = [name for name in NEEDED if shutil.which(name) is None]
    if absent:
        sys.exit(f"not installed: {', '.join(absent)}")
    folder.mkdir(parents=True, exist_ok=True)
    root, site, project = root_of(folder), wheels_of(folder), folder / "project"
    headers = [root / "usr" / "include" / part for part in (f"python{PYTHON}", f"aarch64-linux-gnu/python{PYTHON}", "")]
    suffix = f".cpython-{PYTHON.replace('.', '')}-aarch64-linux-gnu.so"
    build(Build(project, cc="aarch64-linux-gnu-gcc", include=tuple(map(str, headers)), suffix=suffix))
    guard_pages(folder, project)
    libraries = f"LD_LIBRARY_PATH={site / 'gmpy2.libs'}"
    python = str(root / "usr" / "bin" / f"python{PYTHON}")
    os.chdir(project)
    qemu = ["qemu-aarch64-static", "-L", str(root), "-E", libraries, python, "-m", "pytest", "-p", "no:cacheprovider"]
    run(*qemu, *(arguments or SHORT), PYTHONPATH=f".:{site}")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), sys.argv[2:])
