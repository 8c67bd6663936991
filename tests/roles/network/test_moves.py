"""Real processes: 3-of-5 become 4-of-7 with two new members while one is gone, users enrol, and one more is killed -9.

Short form: none; the moments of a kill are in test_kills. MILAGRO_NETWORK=long: the one that proposes, an old and a new
member, each killed early, in the middle and late.
"""

from __future__ import annotations

import os
import random
import time
from typing import TYPE_CHECKING, Any

import pytest

from milagro.cid import CID
from tests.roles.network.crowd import Crowd, compare
from tests.roles.network.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LONG = os.environ.get("MILAGRO_NETWORK") == "long"
OLD, NEW, GONE = "abcde", "fg", "b"
LEFT = "acdefg"
USERS = 20
CONSENTS = ("refresh", "repair", "rotate", "reshare")


@pytest.fixture
def site(folder: Path) -> Iterator[Site]:
    made = Site(folder)
    yield made
    made.close()


@pytest.mark.skipif(not LONG, reason="takes minutes; MILAGRO_NETWORK=long asks for it")
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("after", [1.0, 4.0, 9.0], ids=["early", "middle", "late"])
@pytest.mark.parametrize("victim", ["a", "d", "f"], ids=["proposer", "old", "new"])
def test_the_old_set_serves_or_the_new_one_whoever_is_killed(site: Site, victim: str, after: float) -> None:
    generator = random.Random(f"{os.environ.get('MILAGRO_NETWORK_SEED', 'move')} {victim} {after}")
    site.init(*OLD, *NEW, approve=CONSENTS)
    site.found(3, *OLD)
    url = site.init_mfa(*OLD, *NEW)
    site.serve(*OLD)
    state = site.wait(*OLD)[0]
    site.serve("mfa", role="mfa")
    site.await_ready("mfa")
    network = CID.from_text(state["network"])
    with Crowd(site.folder / "users", url, site.folder / "mfa" / "milagro.toml", network) as crowd:
        crowd.come("user", USERS, 40)
        site.kill(GONE)
        move(site)
        time.sleep(after + generator.uniform(0, 2))
        site.kill(victim)
        time.sleep(generator.uniform(0, 3))
        site.serve(victim)
        found = enough(site)
        crowd.finish(USERS, 600)
        crowd.come("late", 5, 1)
        crowd.finish(USERS + 5, 600)
        print(f"{victim} after {after}: {len(crowd.done)} users, {len(crowd.retries)} retried: {crowd.retries[:3]}")
        assert crowd.failed == []
        assert {(one["key_id"], one["threshold"]) for one in found} == {(state["key_id"], 4)}
        site.serve(GONE)
        site.wait(*LEFT, GONE, epoch=1)  # whoever was left out asks for a refresh, now that all are there
        site.stop()
        for name in OLD:
            lost = compare(crowd.dial.acknowledged.get(name, []), site.folder / name / "state.sqlite")
            assert (lost.unlogged, lost.unspent, lost.twice) == (0, 0, 0), name
    assert "Traceback" not in "".join(path.read_text() for path in site.folder.glob("*.log"))


def enough(site: Site) -> list[dict[str, Any]]:
    """The states of those who have a share of the new set, once they are enough."""
    deadline = time.monotonic() + 600
    while True:
        found = [site.status(name) for name in LEFT]
        there = [one for one in found if one["epoch"] and one["holds_share"]]
        if len(there) >= 4:
            return there
        assert time.monotonic() < deadline, [site.network("status", name) for name in LEFT]
        time.sleep(1)


def move(site: Site) -> None:
    cards = [option for name in NEW for option in ("--add", str(site.folder / name / "dta.card"))]
    site.network("reshare", "a", *cards, "--threshold", "4", "--out", "second.charter")
    for name in NEW:
        site.network("join", name, "second.charter", "--yes")
    site.serve(*NEW)
