"""`milagro dta backup|restore`: the main drill of docs/operators/disaster.md, and what a restore refuses."""

from __future__ import annotations

import contextlib
import io
import json
import re
import secrets
import shutil
import tarfile
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import milagro
from milagro.errors import AlreadyExists, ConfigError, MilagroError, NotFound, StoreError
from milagro.groups import curve
from milagro.protocols import pki
from milagro.protocols.envelope import EncryptionKey
from milagro.protocols.issuance import LEEWAY, Asked, Purpose, Ticket
from milagro.protocols.mpin.v2 import Suite
from milagro.roles.correspondence.keys import recipients_of
from milagro.roles.dta.holdings import NotReady
from milagro.roles.dta.member.config import read_config
from milagro.roles.dta.member.restoring import restore
from milagro.roles.issuance import seal_ticket
from milagro.roles.issuance.messages import IssueRequest
from tests.roles.correspondents import Owner
from tests.roles.issuing.network import REALM, Holder
from tests.roles.network.house import House
from tests.roles.network.site import ENVIRONMENT
from tests.roles.network.test_logins import NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from milagro.roles.dta.member.service import Member

PAGE = Path(milagro.__file__).parents[1] / "docs" / "operators" / "disaster.md"
PASSPHRASE = ENVIRONMENT["TEST_PASSPHRASE"]


@pytest.fixture
def house(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setenv("TEST_PASSPHRASE", PASSPHRASE)
    monkeypatch.chdir(folder)
    made = House(folder)
    yield made
    made.close()


class Asking:
    """An authority that the D-TAs trust, and an identity that asks for its share."""

    def __init__(self, house: House) -> None:
        self.authority, self.house = Owner.new(), house
        self.suite = Suite(curve("BN254", backend="native"), "sha256", timedelta(hours=1))
        self.holder = Holder.new(self.suite, int(time.time()))
        for name in NAMES:
            (house.folder / name / "test.bundle").write_bytes(self.authority.replica.to_bytes())
            with (house.folder / name / "milagro.toml").open("a") as file:
                file.write(f'[[dta.authorities]]\nidentity = "{pki.did_of(self.authority.identity)}"\n')
                file.write(f'bundle = "test.bundle"\nrealms = ["{REALM}"]\n')

    def ticket(self, member: Member, issued: int | None = None) -> bytes:
        charter, now = member.node.charter(), int(time.time()) if issued is None else issued
        assert charter is not None
        ticket = Ticket(
            network=charter.network, purpose=Purpose.CLIENT_SHARE, subject=self.holder.subject, slot=None,
            key_id=self.house.members["b"].node.holdings.public(now).current.key_id,
            jti=secrets.token_bytes(16), issued=now, expires=now + 120,
        )  # fmt: skip
        to = recipients_of(pki.resolve(member.node.replica).require())
        return seal_ticket(ticket, self.authority.pairs[-1].signing, to, secrets.token_bytes)

    def ask(self, member: Member, ticket: bytes) -> str:
        """What came of it: `share`, or the name of the refusal."""
        charter, reply = member.node.charter(), EncryptionKey.generate(secrets.token_bytes)
        assert charter is not None
        octets = self.holder.identity.to_bytes()
        asked = Asked(charter.network, member.node.identity, ticket, reply.public.octets, octets)
        signature = self.holder.key.sign(asked.statement)
        request = IssueRequest(ticket=ticket, identity=octets, reply_to=asked.reply, signature=signature)
        try:
            member.issuing().issue(request)
        except MilagroError as error:
            return type(error).__name__
        return "share"


def wait_until_back(house: House, name: str, seconds: float = 25) -> None:
    deadline = time.monotonic() + seconds
    while house.status(name)["restored"]:
        assert time.monotonic() < deadline, house.network("status", name)
        time.sleep(0.1)


def drill(house: House, section: str, *, waits: bool = True) -> None:
    """What a section of the page for operators says, line by line, where the D-TA is `a` and serves in this process."""
    text = PAGE.read_text().replace("/backups/dta-a.", "a.").replace("dta-a", "a")
    said = re.search(rf"^## {section}\n(.*?)(^## |\Z)", text, re.DOTALL | re.MULTILINE)
    assert said is not None
    for line in "".join(re.findall(r"```\n(.*?)```", said[1], re.DOTALL)).splitlines():
        if line.startswith("kill"):
            house.stop("a")
            shutil.rmtree(house.folder / "a")
        elif line.startswith("milagro serve"):
            house.serve("a")
        elif line.startswith("milagro dta network repair"):
            if waits:
                return
            wait_until_back(house, "a")
            house.run(*line.split()[1:])
            house.wait("a", epoch=1)
        elif line.startswith("milagro") and (waits or "--wait" not in line):
            house.run(*line.split()[1:])


def test_the_main_drill(house: House) -> None:
    """Back up while it serves; lose the machine; restore: old tickets, and the share of an old epoch, are no good."""
    house.init(*NAMES)
    asking = Asking(house)
    house.found(2, *NAMES)
    house.serve(*NAMES)
    house.wait(*NAMES)
    drill(house, "What to back up")
    member = house.members["a"]
    ticket = asking.ticket(member)
    assert asking.ask(member, ticket) == "share"
    in_the_clear(house.folder / "a.backup", member)

    # the machine is lost, and restored while the network is where it was
    drill(house, "Lose a machine")
    member = house.members["a"]
    assert not house.status("a")["restored"]
    assert asking.ask(member, ticket) == "TicketBeforeRestore"
    assert asking.ask(member, asking.ticket(member, int(time.time()) + LEEWAY)) == "share"

    # the network goes on, and then the same backup is put back
    house.network("refresh", "b")
    house.wait(*NAMES, epoch=1)
    held = house.members["a"].node.holdings.current().share
    with seen_holdings(house) as seen:
        drill(house, "Lose a machine", waits=False)
    assert seen == ["NotReady"]  # though the backup has a share of epoch 0
    member = house.members["a"]
    assert member.node.holdings.current().share.value == held.value
    assert asking.ask(member, asking.ticket(member, int(time.time()) + LEEWAY)) == "share"


@contextlib.contextmanager
def seen_holdings(house: House) -> Iterator[list[str]]:
    """What a D-TA that is served within the block says of its holdings, before anything else is done."""
    seen: list[str] = []
    serve = house.serve

    def watched(*names: str) -> None:
        serve(*names)
        try:
            seen.append(str(house.members[names[0]].node.holdings.current().share.key.epoch))
        except NotReady as error:
            seen.append(type(error).__name__)

    house.serve = watched  # type: ignore[method-assign]
    try:
        yield seen
    finally:
        house.serve = serve  # type: ignore[method-assign]


def in_the_clear(archive: Path, member: Member) -> None:
    """Nothing of what the member has in memory is in the backup, and nothing that recognises a restore."""
    octets = archive.read_bytes()
    keys = [key for pair in member.node.keys.pairs for key in (pair.signing.to_bytes(), pair.encryption.to_bytes())]
    for secret in (*keys, member.node.holdings.current().share.value.to_bytes(), PASSPHRASE.encode()):
        assert secret not in octets
        assert secret.hex().encode() not in octets
    with tarfile.open(archive) as tar:
        names = tar.getnames()
    assert {"backup.json", "database", "milagro.toml", "data-key.sealed", "authorities/0.bundle"} <= set(names)
    assert not [name for name in names if "next" in name or "mark" in name or "epoch" in name]
    assert archive.stat().st_mode & 0o777 == 0o600


# -- what is refused ---------------------------------------------------------------------------------------------------
@pytest.fixture
def backed_up(house: House) -> Path:
    """The backup of a member whose folder is still there."""
    house.init("a")
    trust_one(house)
    house.run("dta", "backup", "a.backup", "--config", house.config("a"))
    return house.folder / "a.backup"


def trust_one(house: House) -> None:
    owner = Owner.new()
    (house.folder / "a" / "test.bundle").write_bytes(owner.replica.to_bytes())
    with (house.folder / "a" / "milagro.toml").open("a") as file:
        file.write(f'[[dta.authorities]]\nidentity = "{pki.did_of(owner.identity)}"\n')
        file.write(f'bundle = "test.bundle"\nrealms = ["{REALM}"]\n')


def test_a_restore_overwrites_nothing_and_keeps_what_is_the_same(house: House, backed_up: Path) -> None:
    path = Path(house.config("a"))
    before = {file: file.read_bytes() for file in path.parent.rglob("*") if file.is_file()}
    with pytest.raises(AlreadyExists, match=r"state\.sqlite exists already"):
        restore(backed_up, path)
    assert {file: file.read_bytes() for file in path.parent.rglob("*") if file.is_file()} == before
    for file in path.parent.glob("state.sqlite*"):
        file.unlink()
    key = path.parent / "data-key.sealed"
    key.write_bytes(key.read_bytes() + b" ")
    with pytest.raises(AlreadyExists, match=r"data-key\.sealed exists already, with another content"):
        restore(backed_up, path)
    assert not (path.parent / "state.sqlite").exists()
    key.write_bytes(key.read_bytes()[:-1])
    assert restore(backed_up, path).name == "a"
    assert not list(path.parent.glob(".*"))
    house.run("dta", "backup", str(backed_up), "--config", str(path), code=5)


def rewritten(archive: Path, change: object) -> Path:
    """The archive with other entries: `change` takes name and content, and gives content or None."""
    target = archive.with_name("changed.backup")
    with tarfile.open(archive) as tar, tarfile.open(target, "w") as out:
        for member in tar:
            content = change(member.name, tar.extractfile(member).read())  # type: ignore[operator, union-attr]
            if content is not None:
                entry = tarfile.TarInfo(member.name)
                entry.size = len(content)
                out.addfile(entry, io.BytesIO(content))
    return target


def test_a_backup_that_was_altered_or_cut_short_is_refused(house: House, backed_up: Path) -> None:
    path = house.folder / "new" / "milagro.toml"
    flipped = rewritten(backed_up, lambda name, octets: octets[:-1] + b"x" if name == "database" else octets)
    with pytest.raises(StoreError, match=r"damaged, or was altered: 'database'"):
        restore(flipped, path)
    with pytest.raises(StoreError, match=r"lacks 'data-key\.sealed'"):
        restore(rewritten(backed_up, lambda name, octets: None if name == "data-key.sealed" else octets), path)
    cut = backed_up.with_name("cut")
    cut.write_bytes(backed_up.read_bytes()[:20_000])
    with pytest.raises(StoreError):
        restore(cut, path)

    def outside(name: str, octets: bytes) -> bytes:
        if name != "backup.json":
            return octets
        value = json.loads(octets)
        return json.dumps({**value, "files": {**value["files"], "../evil": "00"}}).encode()

    with pytest.raises(StoreError, match="a file in it that no backup has"):
        restore(rewritten(backed_up, outside), path)
    newer = rewritten(
        backed_up, lambda name, octets: octets.replace(b'"version": 1', b'"version": 2') if "json" in name else octets
    )
    with pytest.raises(StoreError, match="no backup that this release reads"):
        restore(newer, path)
    (house.folder / "text").write_text("nothing of this kind")
    for wrong in (house.folder / "text", Path(house.config("a"))):
        with pytest.raises(StoreError, match="backup of a D-TA"):
            restore(wrong, path)
    with pytest.raises(NotFound):
        restore(house.folder / "none", path)
    assert not path.exists()
    assert not (path.parent / "state.sqlite").exists()


def test_what_the_configuration_misses_here_is_named(house: House, folder: Path) -> None:
    certificate = folder / "ca.pem"
    certificate.write_text("-")
    house.init("a")
    toml = Path(house.config("a"))
    toml.write_text(toml.read_text().replace("[dta.network]", f'[dta.network]\nca_certificate = "{certificate}"'))
    house.run("dta", "backup", "a.backup", "--config", str(toml))
    certificate.unlink()
    target = folder / "new" / "milagro.toml"
    with pytest.raises(ConfigError) as caught:
        restore(folder / "a.backup", target)
    assert any("ca_certificate" in problem for problem in caught.value.problems)
    assert not list(target.parent.iterdir())


def test_a_key_that_is_not_sealed_is_not_backed_up(house: House) -> None:
    house.init("a")
    (key,) = (house.folder / "a" / "identity" / "envelope").glob("*.key")
    key.write_bytes(b"in the clear")
    assert "is not sealed" in house.run("dta", "backup", "a.backup", "--config", house.config("a"), code=2)
    assert not (house.folder / "a.backup").exists()
    assert read_config(Path(house.config("a"))).issuing.bundles == ()
