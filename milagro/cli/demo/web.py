"""The network of `milagro demo web`: an OpenID Provider, a site that people log in to, and their mailbox."""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
import webbrowser
from typing import TYPE_CHECKING, Final

import uvicorn

from milagro.cli.demo.mailbox import invitation, mailbox
from milagro.cli.demo.network import MFA_NAME, Network, free_ports, write_private
from milagro.cli.demo.processes import DemoFailed
from milagro.cli.demo.site import CLIENT_ID, RelyingParty, Site
from milagro.cli.init import to_toml

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starlette.applications import Starlette

    from milagro.cli.demo.processes import Servers
    from milagro.cli.demo.report import Report

_SECRET: Final = "example.secret"  # noqa: S105 - a file's name
_LOOK_SECONDS: Final = 0.5
_DOMAIN: Final = "demo.example"
USER: Final = f"alice@{_DOMAIN}"
_PROFILE: Final = ("--set", "name=Alice Arden", "--group", "staff", "--group", "gardeners")


class WebDemo(Network):
    """The steps, and the two sites."""

    def __init__(self, folder: Path, servers: Servers, report: Report) -> None:
        super().__init__(folder, servers)
        self._step = report.step
        self._site_port, self._mailbox_port = free_ports(2)
        self.site = f"http://127.0.0.1:{self._site_port}"
        self.mailbox = f"http://127.0.0.1:{self._mailbox_port}"
        self._outbox = folder / "outbox"

    def addresses(self) -> dict[str, str]:
        """Where everything is."""
        return {"site": self.site, "mailbox": self.mailbox, "login": self.urls[MFA_NAME], "user": USER}

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Everything is up inside the block.

        Raises: DemoFailed, Unavailable
        """
        with self._step("keys", "Give three D-TAs and an MFA server an identity each"):
            self.make_identities()
            self._make_provider()
        with self._step("network", "Start the D-TAs, which make a key together that takes two of them to use"):
            self.make_key()
        with self._step("mfa", "Start the MFA server, which gets its secret from the D-TAs, as an OpenID Provider"):
            self.start_mfa()
        with self._step("invite", f"Say who {USER} is, and invite her, by a letter in the mailbox"):
            self._write()
        with contextlib.ExitStack() as stack:
            with self._step("sites", "Open the example site and the mailbox"):
                stack.enter_context(_serving(self._example().app(), self._site_port))
                stack.enter_context(_serving(mailbox(self._outbox), self._mailbox_port))
            yield

    def wait(self) -> None:
        """Does nothing while all servers run.

        Raises: DemoFailed if one ends
        """
        while True:
            self._servers.check()
            time.sleep(_LOOK_SECONDS)

    def _make_provider(self) -> None:
        write_private(self.folder / MFA_NAME / _SECRET, secrets.token_urlsafe(48))
        client = {
            "id": CLIENT_ID,
            "name": "Example site",
            "redirect_uris": [f"{self.site}/callback"],
            "post_logout_redirect_uris": [f"{self.site}/"],
            "backchannel_logout_uri": f"{self.site}/backchannel",
            "scopes": ["openid", "profile", "groups"],
            "secret_file": _SECRET,
        }
        email = {"sender": f"login@{_DOMAIN}", "domains": [_DOMAIN], "outbox": str(self._outbox), "per_address": 100}
        with (self.folder / MFA_NAME / "milagro.toml").open("a") as file:
            file.write(f"\n[mfa.oidc]\n{to_toml([('[mfa.oidc.clients]', client), ('mfa.email', email)])}")

    def _write(self) -> None:
        self.command(("mfa", "profile", USER, *_PROFILE, *self.config(MFA_NAME)))
        (code,) = self.invite(1, USER)
        self._outbox.mkdir(mode=0o700)
        letter = invitation(USER, f"admin@{_DOMAIN}", code, self.urls[MFA_NAME])
        write_private(self._outbox / "invitation.eml", letter.decode())

    def _example(self) -> Site:
        secret = (self.folder / MFA_NAME / _SECRET).read_text().strip()
        return Site(RelyingParty(self.urls[MFA_NAME], self.site, secret), USER, f"{self.mailbox}/")


def look(addresses: dict[str, str]) -> None:
    """Opens the example site in the user's browser, if there is one."""
    with contextlib.suppress(webbrowser.Error, OSError):
        webbrowser.open(addresses["site"])


@contextlib.contextmanager
def _serving(app: Starlette, port: int) -> Iterator[None]:
    """The application on this port of loopback, in a thread."""
    settings = uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, access_log=False, lifespan="off")
    settings.timeout_graceful_shutdown = 1
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            if not thread.is_alive():
                raise DemoFailed(f"nothing can be served at port {port}")
            time.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        thread.join()
