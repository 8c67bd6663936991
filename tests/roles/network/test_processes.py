"""D-TAs as real processes that make a key together, are killed -9, renew and move it, and lose a database.

Short form: three members. MILAGRO_NETWORK=long: the key is replaced as well; and 3-of-5,
killed at random all the time, then 4-of-7.
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import milagro
from tests.roles.network.site import ENVIRONMENT, Site, free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator

LONG = os.environ.get("MILAGRO_NETWORK") == "long"
PAGE = Path(milagro.__file__).parents[1] / "docs" / "operators" / "network.md"


@pytest.fixture
def site(folder: Path) -> Iterator[Site]:
    made = Site(folder)
    yield made
    made.close()


def test_three_members_one_killed_and_then_without_its_database(site: Site) -> None:
    names = ("a", "b", "c")
    site.init(*names)
    site.found(2, *names)
    assert "no key yet" in site.network("status", "b")
    site.serve(*names)
    time.sleep(6)
    site.kill("b")
    site.serve("b")
    key = site.wait(*names)[0]["key_id"]

    assert json.loads(site.network("status", "a", "--json"))["epoch"] == 0

    site.kill("b")
    for path in (site.folder / "b").glob("state.sqlite*"):
        path.unlink()
    site.network("join", "b", "first.charter", "--again", "--yes")
    site.serve("b")
    site.wait("b", share=False)
    assert "THIS NODE HAS NO SHARE" in site.network("status", "b")
    site.network("repair", "b")
    (state,) = site.wait("b")
    assert (state["key_id"], state["tolerance"]) == (key, 1)
    if LONG:
        replace_the_key(site, names, key)
    site.stop()
    said = "".join(path.read_text() for path in site.folder.glob("*.log"))
    assert "Traceback" not in said
    assert ENVIRONMENT["TEST_PASSPHRASE"] not in said


def replace_the_key(site: Site, names: tuple[str, ...], key: str) -> None:
    site.network("rotate", "a", "--overlap-seconds", "600")
    found = site.wait(*names, key_id=key)
    assert len({one["key_id"] for one in found}) == 1
    assert all([old["key_id"] for old in one["retiring"]] == [key] for one in found)


def test_the_page_for_operators_does_what_it_says(folder: Path) -> None:
    """Every line of the page's shell blocks, typed in its order, on ports that are free here."""
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) >= 6
    script = "set -e\n" + "\n".join(blocks) + "\nkill $(cat dta-*/pid)\n"
    for old, new in zip(("8101", "8102", "8103"), free_ports(3), strict=True):
        script = script.replace(old, str(new))
    script = script.replace("--passphrase-file passphrase", "--passphrase-file passphrase --argon2-memory-mib 8")
    tools = folder / "bin"
    tools.mkdir()
    (tools / "milagro").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m milagro "$@"\n')
    (tools / "milagro").chmod(0o755)
    environment = {**ENVIRONMENT, "PATH": f"{tools}:{os.environ['PATH']}"}
    said = folder / "said"
    try:
        with said.open("wb") as out:  # no pipe: the servers would keep it open
            done = subprocess.run(
                ["bash", "-c", script], cwd=folder, env=environment, stdout=out, stderr=out, timeout=240
            )
        assert done.returncode == 0, said.read_text()
        assert "epoch 1" in said.read_text()
    finally:
        subprocess.run(["bash", "-c", "kill -9 $(cat dta-*/pid) 2>/dev/null"], cwd=folder)


@pytest.mark.skipif(not LONG, reason="takes minutes; MILAGRO_NETWORK=long asks for it")
@pytest.mark.timeout(3600)
def test_five_members_under_random_kills_and_then_seven(site: Site) -> None:
    generator, names = random.Random(os.environ.get("MILAGRO_NETWORK_SEED", "five")), [*"abcde"]
    site.init(*"abcdefg")
    site.found(3, *names)
    site.serve(*names)
    key, epoch = "", 0
    for _ in range(10):
        victim = generator.choice(names)
        time.sleep(generator.uniform(0.5, 4))
        site.kill(victim)
        time.sleep(generator.uniform(0, 2))
        site.serve(victim)
    key = site.wait(*"a")[0]["key_id"]
    for _ in range(5):
        site.network("refresh", generator.choice(names))
        victim = generator.choice(names)
        time.sleep(generator.uniform(0.5, 6))
        site.kill(victim)
        time.sleep(generator.uniform(0, 2))
        site.serve(victim)
        epoch = max(one["epoch"] or 0 for one in site.wait(generator.choice(names), epoch=epoch + 1))
    for name in names:
        site.wait(name, epoch=epoch, share=site.status(name)["holds_share"])
    site.network("refresh", "a")
    site.wait(*names, epoch=epoch + 1)
    site.kill("b")
    cards = [option for name in "fg" for option in ("--add", str(site.folder / name / "dta.card"))]
    site.network("reshare", "a", *cards, "--threshold", "4", "--out", "second.charter")
    time.sleep(5)
    for name in "cde":
        (wanted,) = [one for one in site.status(name)["proposals"] if one["state"] == "seen"]
        site.network("approve", name, wanted["id"])
    for name in "fg":
        site.network("join", name, "second.charter", "--yes")
    site.serve(*"fg")
    found = site.wait(*"acdefg", epoch=epoch + 2)
    assert {(one["key_id"], one["threshold"]) for one in found} == {(key, 4)}
    site.serve("b")
    site.wait("b", epoch=epoch + 3)  # it was away, and asks for a refresh
