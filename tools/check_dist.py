"""Checks what `python -m build` made: what the wheel holds, and that it works in an environment of its own."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
import tomllib
import venv
import zipfile
from pathlib import Path

SOURCE_ONLY = {".c", ".h", ".pxi", ".pyx", ".pxd"}
WHOLE_SITE = ("Dockerfile", ".dockerignore", "compose.yaml", "tools/container/set_up.py", "tools/container/kubo.sh")
GENERATED = {".c", ".so", ".pyd"}
NEEDED = (
    "milagro/py.typed",
    "milagro/params/bls12_381.py",
    "milagro/_native/__init__.py",
    "milagro/roles/dta/member/member.proto",
    "milagro/roles/mfa/migrations/m0001_accounts.py",
    "milagro/roles/mfa/mfa.proto",
    "milagro/roles/mfa/migrations/m0002_openid.py",
    "milagro/cli/demo/pages/page.html",
    "milagro/roles/mfa/oidc/pages.css",
    "milagro/roles/mfa/oidc/submit.js",
    "milagro/roles/mfa/web/dist/index.html",
    "milagro/roles/mfa/web/dist/milagro-client.js",
    "milagro/roles/transport/grafana.json",
)
TRIAL = """
from milagro.groups import curve
for name in ("BN254", "BLS12-381", "FP512BN"):
    E = curve(name, backend="native")
    k = E.scalar(7)
    assert E.pairing(k * E.g1, E.g2) == E.pairing(E.g1, E.g2) ** k, name
"""


def fail(message: str) -> None:
    """Ends the check with what is wrong."""
    sys.exit(f"check_dist: {message}")


def only(folder: Path, pattern: str) -> Path:
    """The one file that fits."""
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        fail(f"expected one {pattern} in {folder}, found {len(found)}")
    return found[0]


def check_wheel(wheel: Path) -> None:
    """No source of the native code in the wheel; all native modules of pyproject.toml, the types and the data in it."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    stray = [name for name in names if Path(name).suffix in SOURCE_ONLY or "/node_modules/" in name]
    if stray:
        fail(f"the wheel holds sources of the native code, or of others: {stray}")
    missing = [name for name in NEEDED if name not in names]
    modules = [name for name in names if name.startswith("milagro/_native/") and name.endswith((".so", ".pyd"))]
    project = tomllib.loads((Path(__file__).resolve().parent.parent / "pyproject.toml").read_text(encoding="utf-8"))
    if missing or len(modules) != len(project["tool"]["setuptools"]["ext-modules"]):
        fail(f"the wheel lacks {missing or 'native modules'}; it has {modules}")
    foreign = [name for name in names if not name.startswith(("milagro/", "milagro-"))]
    if foreign:
        fail(f"the wheel installs more than the package: {foreign}")


def check_sdist(sdist: Path) -> None:
    """Everything that a build elsewhere needs, and nothing that a build makes."""
    with tarfile.open(sdist) as archive:
        names = archive.getnames()
    generated = [name for name in names if "/_native/" in name and Path(name).suffix in GENERATED]
    if generated:
        fail(f"the sdist holds generated files: {generated}")
    for suffix in (".pyx", ".pxi", ".h"):
        if not any(name.endswith(suffix) and "/_native/" in name for name in names):
            fail(f"the sdist lacks the native backend's {suffix} files")
    inside = {name.partition("/")[2] for name in names}
    missing = [name for name in WHOLE_SITE if name not in inside]
    if missing:
        fail(f"the sdist lacks {missing}")


def try_wheel(wheel: Path) -> None:
    """Installs the wheel in an empty environment, away from the sources, and uses it."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        binaries = Path(folder) / "bin"
        pip = [str(binaries / "pip"), "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, f"{wheel}[server]"], check=True, cwd=folder)
        subprocess.run([str(binaries / "python"), "-c", TRIAL], check=True, cwd=folder)
        subprocess.run([str(binaries / "milagro"), "--version"], check=True, cwd=folder)
        # As the README says it: from a checkout, whose own package has no native modules and must not be taken.
        decoy = Path(folder) / "checkout" / "milagro" / "__init__.py"
        decoy.parent.mkdir(parents=True)
        decoy.write_text('raise ImportError("the checkout was taken for the package that is installed")\n')
        subprocess.run([str(binaries / "milagro"), "demo"], check=True, cwd=decoy.parents[1], timeout=120)


def main() -> None:
    """Checks the sdist and the wheel in the folder that is the first argument."""
    folder = Path(sys.argv[1]).resolve()
    wheel = only(folder, "milagro-*.whl")
    check_sdist(only(folder, "milagro-*.tar.gz"))
    check_wheel(wheel)
    try_wheel(wheel)
    print(f"{wheel.name}: {wheel.stat().st_size // 1024} KiB, contents and trial run are right")


if __name__ == "__main__":
    main()
