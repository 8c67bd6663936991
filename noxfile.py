"""The project's jobs; each runs alone. `.ci/run` runs those that are named first below."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from pathlib import Path

import nox

nox.options.sessions = ["lint", "docs", "web", "test", "portable", "sanitize", "vectors", "bench", "dist", "browser"]
nox.options.error_on_missing_interpreters = True

ROOT = Path(__file__).resolve().parent
NATIVE = ROOT / "milagro" / "_native"
WEB = ROOT / "milagro" / "roles" / "mfa" / "web"
SHARED_VECTORS = ROOT.parent / "shared" / "vectors"
BACKENDS = ("native", "reference")
SERVERS = ("server", "grpc", "otel")
UNDEFINED = "-fsanitize=undefined -fno-sanitize-recover=all"
SANITIZED = f"-O1 -g1 -fno-omit-frame-pointer -fsanitize=address {UNDEFINED}"
SANITIZED_ADX = f"-O2 -g1 {UNDEFINED}"  # beside the address sanitizer the assembly would lack registers
OTHER_BUILDS = {
    "clang": ("clang", "-fwrapv -O3 -g0"),
    "gcc-O2": ("gcc", "-fwrapv -O2 -g0"),
    "gcc-no-strict-aliasing": ("gcc", "-fwrapv -O3 -g0 -fno-strict-aliasing"),
}
PEERS = ("mclbn256==1.3.5", "pymcl", "pyblst", "py-arkworks-bls12381", "milagro-bls-binding", "py_ecc>=8.0")


def native_is_built() -> bool:
    """Whether every native module stands beside its source and is newer than all of the text that it is made of."""
    sources = [path for path in NATIVE.iterdir() if path.suffix in {".pyx", ".pxi", ".h"}]
    newest = max(path.stat().st_mtime for path in [*sources, ROOT / "pyproject.toml"])
    modules = [
        list(NATIVE.glob(f"{source.stem}.{sys.implementation.cache_tag}*.so")) for source in NATIVE.glob("*.pyx")
    ]
    return all(found and found[0].stat().st_mtime > newest for found in modules)


def install(session: nox.Session, *extras: str, native: bool = True) -> None:
    """What the package and its `extras` need; the package itself is the checkout, its native modules built in place."""
    project = nox.project.load_toml(ROOT / "pyproject.toml")["project"]
    session.install(
        *project["dependencies"], *(name for extra in extras for name in project["optional-dependencies"][extra])
    )
    if native and not native_is_built():
        session.install("--no-deps", "-e", ".")
    session.env["PYTHONPATH"] = str(ROOT)


def need(session: nox.Session, *programs: str) -> None:
    """Skips a session whose programs are not on this machine, but fails it where everything must run."""
    gone = [name for name in programs if shutil.which(name) is None]
    if gone and os.environ.get("CI") == "true":
        session.error(f"not on this machine: {', '.join(gone)}")
    if gone:
        session.skip(f"not on this machine: {', '.join(gone)}")


def build_apart(session: nox.Session, name: str, *options: str) -> Path:
    """The folder of a copy of the project whose native modules are built with these options; the session goes there."""
    install(session, *SERVERS, "test", native=False)
    session.install(*nox.project.load_toml(ROOT / "pyproject.toml")["build-system"]["requires"])
    folder = Path(session.create_tmp()).resolve() / name
    session.run("python", str(ROOT / "tools" / "build_apart.py"), str(folder), *options)
    if SHARED_VECTORS.is_dir() and not (folder.parent / "shared").exists():
        (folder.parent / "shared").symlink_to(SHARED_VECTORS.parent)  # where the copy looks for them
    session.chdir(folder)
    session.env["PYTHONPATH"] = str(folder)
    return folder


@nox.session
def lint(session: nox.Session) -> None:
    """Style, types, Cython, the direction of imports, and the links between spec, code and vectors."""
    install(session, *SERVERS, "test", "lint", native=False)
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    session.run("cython-lint", "milagro/_native")
    session.run("lint-imports")
    session.run("python", "tools/check_spec.py")
    session.run("python", "tools/make_proto.py", "--check")


@nox.session
def web(session: nox.Session) -> None:
    """The browser client: types, the vectors in Node.js, and that dist/ is what its sources give, octet for octet."""
    need(session, "npm")
    session.chdir(WEB)
    session.run("npm", "ci", "--no-fund", "--no-audit", external=True)
    for script in ("check", "reproduce", "test"):
        session.run("npm", "run", "--silent", script, external=True)


@nox.session
def browser(session: nox.Session) -> None:
    """The pages of the MFA server in a real Chromium, with axe; needs chromium, Node.js and npm.

    MILAGRO_SCREENSHOTS names a folder for pictures of every view. Arguments go to pytest.
    """
    need(session, "npm")
    install(session, *SERVERS, "test", "browser")
    if not (WEB / "node_modules").is_dir():
        session.run("npm", "--prefix", str(WEB), "ci", "--no-fund", "--no-audit", external=True)
    session.run("pytest", *(session.posargs or ["tests/browser"]))


@nox.session
def test(session: nox.Session) -> None:
    """The whole suite; what can run on both backends does. Arguments go to pytest."""
    install(session, *SERVERS, "ipfs", "postgres", "test")
    session.run("pytest", *(session.posargs or ["-n", "auto"]))


@nox.session
def portable(session: nox.Session) -> None:
    """What runs on native code, with the portable modules in place of those for newer processors."""
    install(session, "server", "test")
    session.env["MILAGRO_NATIVE"] = "portable"
    tests = [
        "tests/native",
        "tests/groups",
        *(f"tests/protocols/{name}" for name in ("v1", "v2", "bls", "wcc", "batch")),
    ]
    session.run("pytest", *(session.posargs or ["-n", "auto", "-k", "not reference", *tests]))


@nox.session
def sanitize(session: nox.Session) -> None:
    """The portable modules under the address sanitizer, all of them under that for undefined behaviour (gcc).

    Any report ends the process. Arguments go to pytest: `nox -s sanitize -- -n auto tests` for the whole suite.
    """
    found = session.run("gcc", "-print-file-name=libasan.so", external=True, silent=True)
    build_apart(session, "sanitized", "--cc=gcc", f"--flags={SANITIZED}", f"--adx-flags={SANITIZED_ADX}")
    session.env.update(
        LD_PRELOAD=str(found).strip(),
        ASAN_OPTIONS="detect_leaks=0:exitcode=99",  # the interpreter never gives all of its memory back
        UBSAN_OPTIONS="print_stacktrace=1",
        PYTHONMALLOC="malloc",
        MILAGRO_SANITIZERS=f"gcc {SANITIZED};gcc {SANITIZED_ADX}",
    )
    tests, but = ["tests/sanitizers", "tests/native"], ["reference"]
    if os.environ.get("CI") != "true":
        tests.append("tests/groups")
    else:  # the short form: every native function with one curve of each number of words, not all that is made of them
        but += ["BN254CX", "FP256BN", "BN_SNARK1", "BLS383", "BLS461", "FP512BN"]
    chosen = " and ".join(f"not {name}" for name in but)
    session.run("python", "-m", "pytest", *(session.posargs or ["-n", "auto", "-k", chosen, *tests]))


@nox.session
@nox.parametrize("build", list(OTHER_BUILDS))
def compilers(session: nox.Session, build: str) -> None:
    """The native modules by other compilers and flags: the same tests must pass, so the results are the same."""
    cc, flags = OTHER_BUILDS[build]
    build_apart(session, build, f"--cc={cc}", f"--flags={flags}")
    session.env["CC"] = cc
    session.run("python", "-m", "pytest", *(session.posargs or ["-n", "auto", "tests/native", "tests/groups"]))


@nox.session
def vectors(session: nox.Session) -> None:
    """Derives the constants again, then recomputes every vector, ours and the outside ones, on both backends."""
    install(session)
    session.run("python", "tools/derive_params.py", "--check")
    for backend in BACKENDS:
        session.run("python", "-m", "milagro", "vectors", "check", "vectors", "--backend", backend)
    if SHARED_VECTORS.is_dir():
        for backend in BACKENDS:
            session.run("python", "-m", "milagro", "vectors", "check", str(SHARED_VECTORS), "--backend", backend)
    elif os.environ.get("CI") == "true":
        session.error(f"the outside vectors are not at {SHARED_VECTORS}")
    else:
        session.warn(f"outside vectors skipped: no folder {SHARED_VECTORS}")
    made = Path(session.create_tmp()) / "vectors"
    shutil.rmtree(made, ignore_errors=True)
    for kept in ("published", "signed"):  # typed in from standards, and signed with randomness: not made again
        shutil.copytree(f"vectors/{kept}", made / kept)
    session.run("python", "-m", "milagro", "vectors", "make", "--out", str(made))
    session.run("diff", "-r", "vectors", str(made), external=True)


@nox.session
def bench(session: nox.Session) -> None:
    """The benchmark suite, then one recorded run beside the libraries on PyPI: its ratios, and docs/benchmarks.

    Arguments go to pytest; with some, nothing is recorded.
    """
    install(session, "bench", "server", "grpc")
    table = ["--benchmark-columns=median,iqr,rounds", "--benchmark-sort=name"]
    session.run("pytest", "bench", "-q", "--benchmark-enable", "--benchmark-only", *table, *session.posargs)
    if session.posargs:
        return
    for peer in PEERS:  # one without a wheel for this platform is named in the output and left out
        session.install("--only-binary", ":all:", peer, success_codes=[0, 1])
    session.run("python", "-m", "bench.record", "--seconds", "40")
    session.run("python", "-m", "bench.plots")
    session.run("python", "-m", "bench.ratios", "--write")
    session.run("python", "-m", "bench.sharing")
    session.run("python", "-m", "bench.issuing", "--count", "100")
    session.run("python", "-m", "bench.serving", "--count", "100")


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation site, warnings as errors, into site/."""
    install(session, "server", "docs", native=False)
    session.run("mkdocs", "build", "--strict")


@nox.session
def dist(session: nox.Session) -> None:
    """sdist, a wheel built from it, and that wheel tried in an environment of its own."""
    session.install("build")
    out = Path(session.create_tmp()).resolve() / "dist"
    session.run("rm", "-rf", str(out), external=True)
    session.run("python", "-m", "build", "--outdir", str(out))
    session.run("python", "tools/check_dist.py", str(out))


@nox.session
def exhaustive(session: nox.Session) -> None:
    """The long form of what the other sessions sample."""
    install(session, "server", "ipfs", "test")
    session.env.update(MILAGRO_EXHAUSTIVE="1", MILAGRO_DIFFERENTIAL="10000")
    tests = ["tests/groups", "tests/conformance", "tests/protocols/envelope", "tests/stores/test_exchange.py"]
    session.run("pytest", "-n", "auto", *(session.posargs or tests))


@nox.session
def differential(session: nox.Session) -> None:
    """A hundred thousand random cases of each kind on each curve, native against reference and integers.

    MILAGRO_DIFFERENTIAL_SEED repeats a run. Arguments go to pytest: `nox -s differential -- -n auto -k "BN254-adx"`.
    """
    install(session, "test")
    seed = os.environ.get("MILAGRO_DIFFERENTIAL_SEED") or secrets.token_hex(8)
    session.log(f"MILAGRO_DIFFERENTIAL_SEED={seed}")
    session.env.update(MILAGRO_DIFFERENTIAL_SHARE="1", MILAGRO_DIFFERENTIAL_SEED=seed)
    session.run("pytest", "tests/native/test_differential.py", *(session.posargs or ["-n", "auto"]), "--durations=0")


@nox.session
def network(session: nox.Session) -> None:
    """Networks of D-TAs, long: every member killed at every transaction of a run, and real processes at random.

    Ten minutes with a thousand users print their figures (`-rP`). MILAGRO_NETWORK_SEED repeats the kills of processes;
    MILAGRO_NETWORK_STEP is the seconds of a step, 8, of which a busy machine needs more. Arguments go to pytest.
    """
    install(session, "server", "test")
    session.env["MILAGRO_NETWORK"] = "long"
    session.run("pytest", "-n", "auto", "-rP", "--timeout", "7200", *(session.posargs or ["tests/roles/network"]))


@nox.session
def load(session: nox.Session) -> None:
    """Logins at an MFA server, with twenty minutes of twice what it can do, into docs/benchmarks and README.md.

    Half an hour of a machine that does nothing else; `test` does a short form. Arguments go to bench.logging_in.
    """
    install(session, "server")
    session.run("python", "-m", "bench.logging_in", *session.posargs)


@nox.session
def guesses(session: nox.Session) -> None:
    """A thousand guesses at one PIN through three replicas on PostgreSQL, with restarts and a restore.

    MILAGRO_GUESSES is their number. Arguments go to pytest.
    """
    install(session, *SERVERS, "postgres", "test")
    session.env["MILAGRO_GUESSES"] = os.environ.get("MILAGRO_GUESSES", "1000")
    session.run("pytest", "tests/roles/test_guesses.py", "--timeout=1200", *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Every parser under atheris, two minutes each (tests/fuzz); `test` does a second of each.

    Arguments: targets and options of libFuzzer, as in `nox -s fuzz -- cbor,shares -max_total_time=600`.
    """
    install(session, "server", "test")
    given = [name for name in session.posargs if not name.startswith("-")]
    options = [option for option in session.posargs if option.startswith("-")]
    if not any(option.startswith(("-max_total_time=", "-runs=")) for option in options):
        options.append("-max_total_time=120")
    session.run("python", "-m", "tests.fuzz.run", ",".join(given) or "all", *options)


@nox.session
def api_fuzz(session: nox.Session) -> None:
    """Requests by schemathesis over the OpenAPI and random protobuf, 2,000 an operation; `test` does a few.

    MILAGRO_API_FUZZ is their number. Arguments go to pytest.
    """
    install(session, *SERVERS, "test")
    session.env["MILAGRO_API_FUZZ"] = os.environ.get("MILAGRO_API_FUZZ", "2000")
    session.run("pytest", "tests/roles/test_api_fuzz.py", "--timeout=3600", *session.posargs)


@nox.session
def arm64(session: nox.Session) -> None:
    """The native modules for 64-bit ARM, built by a cross compiler and tried under qemu; needs Debian's packages."""
    install(session, "test", native=False)
    session.install(*nox.project.load_toml(ROOT / "pyproject.toml")["build-system"]["requires"])
    folder = Path(session.create_tmp()).resolve() / "arm64"
    session.run("python", "tools/arm64.py", str(folder), *session.posargs)


@nox.session
def constant_time(session: nox.Session) -> None:
    """Every curve and native module under valgrind with its secrets undefined; `test` runs one curve for each path."""
    install(session, "test")
    session.env.update(CI="true", MILAGRO_EXHAUSTIVE="1")
    session.run("pytest", *(session.posargs or ["-n", "auto", "tests/constant_time"]))


@nox.session
def dudect(session: nox.Session) -> None:
    """The timing experiment; it prints |t| and judges nothing. Arguments: --curve NAME --count N --target NAME."""
    install(session)
    session.run("python", "-m", "tests.constant_time.dudect", *session.posargs)


@nox.session
def container(session: nox.Session) -> None:
    """The image of the Dockerfile, built and run (tests/container): root, with buildah, podman, runc and mmdebstrap.

    Debian has all four; here they are installed where the session may. Arguments go to pytest.
    """
    tools = ["buildah", "podman", "runc", "mmdebstrap"]
    if any(shutil.which(tool) is None for tool in tools):
        if os.geteuid() != 0 or shutil.which("apt-get") is None:
            session.error(f"needs root and {', '.join(tools)}; on Debian: apt-get install {' '.join(tools)}")
        session.run("apt-get", "update", "-q", external=True)
        session.run("apt-get", "install", "-qy", "--no-install-recommends", *tools, external=True)
    install(session, "server", "test")
    session.env["MILAGRO_CONTAINER"] = "1"
    session.run("pytest", "-s", "-rs", *(session.posargs or ["tests/container"]))
