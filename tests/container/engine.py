"""The Dockerfile built with buildah, and containers of it run with podman, on a machine without Docker or a registry.

The base image, which a registry would give, is made from Debian's packages and kept with all layers in
$XDG_CACHE_HOME/milagro/containers (~/.cache/milagro/containers), so that only a first build takes minutes.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("buildah", "podman", "runc", "mmdebstrap")
IMAGE = "localhost/milagro:test"
SUITE = "bookworm"
# What docker.io's slim Python has, and mmdebstrap's smallest Debian has not; it may hold headers, but no compiler.
PACKAGES = "python3-venv,python3-pip,libpython3-dev"
MIRROR = "http://deb.debian.org/debian"
_STORE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "milagro" / "containers"
_FOLDERS = ("--root", str(_STORE / "root"), "--runroot", str(_STORE / "run"))
_PODMAN = ("podman", *_FOLDERS, "--cgroup-manager=cgroupfs", "--events-backend=none", "--runtime", "runc")


def obstacle() -> str | None:
    """Why no container can be made here, if none can."""
    absent = [tool for tool in TOOLS if shutil.which(tool) is None]
    if absent:
        return f"there is no {', '.join(absent)} on PATH; apt-get install buildah podman runc mmdebstrap"
    return None if os.geteuid() == 0 else "only root can mount the layers of an image here"


def base_name() -> str:
    """The base image that the Dockerfile names."""
    found = re.search(r"^ARG BASE=(\S+)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    return found[1]


def make_base() -> None:
    """Makes the base image, if it is not there yet."""
    name = base_name()
    if _run("buildah", *_FOLDERS, "images", "--quiet", "--filter", f"reference={name}").strip():
        return
    archive = _STORE / "base.tar"
    archive.parent.mkdir(parents=True, exist_ok=True)
    _run("mmdebstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(archive), MIRROR)
    container = _run("buildah", *_FOLDERS, "from", "scratch").strip()
    _run("buildah", *_FOLDERS, "add", "--quiet", container, str(archive), "/")
    _run("buildah", *_FOLDERS, "commit", "--quiet", "--format", "docker", container, name)
    _run("buildah", *_FOLDERS, "rm", container)
    archive.unlink()


def build() -> None:
    """Builds the image from the Dockerfile, unchanged."""
    make_base()
    secrets = [f"--secret=id={name},src={path}" for name, path in _pip_settings().items() if path.is_file()]
    _run(
        *("nice", "-n", "5", "buildah", *_FOLDERS, "bud", "--isolation=chroot", "--pull-never", "--format=docker"),
        *("--layers", "--build-arg=REVISION=test", *secrets, "--tag", IMAGE, str(ROOT)),
    )


def _pip_settings() -> dict[str, Path]:
    """How pip reaches the index from here, for the build only."""
    config = os.environ.get("PIP_CONFIG_FILE", "/etc/pip.conf")
    certificates = os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE") or "/nonexistent"
    return {"pip.conf": Path(config), "ca-certificates": Path(certificates)}


def podman(*arguments: str, check: bool = True, seconds: float = 60) -> subprocess.CompletedProcess[str]:
    """One call of podman."""
    done = subprocess.run([*_PODMAN, *arguments], capture_output=True, text=True, timeout=seconds, check=False)
    if check and done.returncode != 0:
        raise AssertionError(f"podman {' '.join(arguments)}: {done.stderr}")
    return done


def locked_down(*more: str) -> tuple[str, ...]:
    """The options of a container that can do as little as ours need: no rights, no network, nothing to write on."""
    return (
        *("--read-only", "--read-only-tmpfs=false", "--cap-drop=ALL", "--security-opt=no-new-privileges"),
        *("--network=none", "--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024", *more),
    )


def inspect(name: str) -> dict[str, Any]:
    """What podman knows of a container."""
    return dict(json.loads(podman("container", "inspect", name).stdout)[0])


def image() -> dict[str, Any]:
    """What podman knows of the image."""
    return dict(json.loads(podman("image", "inspect", IMAGE).stdout)[0])


def size_of(name: str) -> int:
    """An image's octets, with those of its base."""
    return int(json.loads(podman("image", "inspect", name).stdout)[0]["Size"])


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command[:3])} ..: {done.stderr[-4000:]}")
    return done.stdout
