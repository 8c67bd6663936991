"""kill -9 of a real MFA server, at the points where it hurts most: no fourth guess, and no enrolment lost."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import milagro
from milagro.errors import AuthenticationFailed, MilagroError, Unavailable
from milagro.protocols.mpin.v2 import Context, Credential, Permit, Token, start_login
from milagro.roles import proofs
from milagro.roles.client.service import Application, Client
from milagro.roles.clock import unix_now
from milagro.roles.messages import EnrolmentAnswer, EnrolmentRequest, FirstPass, LoginAnswer, PassMessage
from milagro.roles.mfa import config as mfa_config
from milagro.roles.peer import Peer
from milagro.roles.refusals import code_of
from tests.roles.world import PIN, WRONG, World, login, write

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPT = Path(__file__).with_name("crashing_server.py")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class RealServer:
    """The MFA server of a world as a process, over the world's own files."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        path = world.folder / "mfa" / "milagro.toml"
        write(path, path.read_text().replace("8000", str(self.port)))
        world.mfa.close()
        world.config = mfa_config.read_config(path)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, deadly: str = "never") -> None:
        arguments = [sys.executable, str(SCRIPT), str(self.world.folder / "mfa" / "milagro.toml"), deadly]
        environment = {**os.environ, "PYTHONPATH": str(Path(milagro.__file__).parent.parent)}
        self.process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{self.url}/readyz", timeout=1).close()
                return  # noqa: TRY300
            except OSError:
                assert self.process.poll() is None, self.process.stderr.read().decode()  # type: ignore[union-attr]
                time.sleep(0.1)
        pytest.fail("the server did not start")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.died()

    def died(self) -> int:
        assert self.process is not None
        code = self.process.wait(20)
        if self.process.stderr is not None:
            self.process.stderr.close()
        self.process = None
        return code

    def dial(self, url: str) -> Peer:
        return Peer(url)

    def client(self) -> Client:
        return Client(self.world.device(), self.dial, network_dial=lambda: self.world.dta_dial)

    def enrol(self) -> Client:
        self.start()
        client = self.client()
        client.enrol(Application(self.url, "alice", "laptop", self.world.invite()), lambda: PIN)
        login(client)  # and there is a permit on the device
        return client

    def attempts(self) -> int:
        return self.world.attempts()

    def answer(self, pin: str) -> bytes:
        """The pass 2 of a login whose pass 1 the server has answered."""
        folder = self.client()._folder
        suite = self.world.mfa.suite
        kept = folder.permit()
        assert kept is not None
        credential = Credential(Token.from_bytes(suite, folder.record().token), folder.stored_key())
        context = Context("login.test", self.url, "login.test")
        permit = Permit.from_bytes(suite, kept.permit)
        started = start_login(credential, context, unix_now(), secrets.token_bytes, permit)
        with self.dial(self.url) as peer:
            first = FirstPass(message=started.message.to_bytes(), key_id=folder.record().key_id)
            challenge = peer.post("/v1/login/pass1", first, PassMessage)
        return started.answer(challenge.message, pin, unix_now()).to_bytes()

    def send(self, answer: bytes) -> str:
        """What the server says to a pass 2."""
        try:
            with self.dial(self.url) as peer:
                peer.post("/v1/login/pass2", PassMessage(message=answer), LoginAnswer)
        except MilagroError as error:
            return code_of(error)
        return "accepted"


@pytest.fixture
def server(folder: Path) -> Iterator[RealServer]:
    # A slot of a year, so that no slot ends during a test.
    world = World(folder, unix_now, slot=366 * 86400).build()
    real = RealServer(world)
    yield real
    real.kill()
    world.close()


def test_killed_between_the_passes(server: RealServer) -> None:
    client = server.enrol()
    answers = [server.answer(WRONG) for _ in range(5)]
    server.kill()
    server.start()
    # The sessions were durable, and still only three of the five answers are evaluated.
    assert [server.send(answer) for answer in answers] == ["authentication-failed"] * 3 + ["locked"] * 2
    server.kill()
    server.start()
    assert {server.send(answer) for answer in answers} == {"replay"}
    with pytest.raises(MilagroError) as caught:
        login(client)
    assert code_of(caught.value) == "locked"


def test_killed_after_pass_one_was_stored(server: RealServer) -> None:
    client = server.enrol()
    server.kill()
    server.start("pass-1")
    with pytest.raises(Unavailable):
        login(client, WRONG)
    server.died()
    server.start()
    assert server.attempts() == 0
    assert login(client).user == "alice"


def test_killed_between_the_count_and_the_check(server: RealServer) -> None:
    client = server.enrol()
    for used in range(1, 4):
        server.kill()
        server.start("counted")
        answer = server.answer(WRONG)
        assert server.send(answer) == "unavailable"
        server.died()
        assert server.attempts() == used  # the attempt is used, though it was never checked
        server.start()
        assert server.send(answer) == "replay"
    with pytest.raises(MilagroError) as caught:  # no fourth, not even with the right PIN
        login(client)
    assert code_of(caught.value) == "locked"
    assert server.attempts() == 3


def test_killed_after_the_check_but_before_the_reset(server: RealServer) -> None:
    client = server.enrol()
    with pytest.raises(AuthenticationFailed):
        login(client, WRONG)
    server.kill()
    server.start("verified")
    answer = server.answer(PIN)
    assert server.send(answer) == "unavailable"
    server.died()
    assert server.attempts() == 2  # nobody was let in, so the attempt stays used
    server.start()
    assert server.send(answer) == "replay"
    assert login(client).user == "alice"
    assert server.attempts() == 0


def test_killed_after_success(server: RealServer) -> None:
    client = server.enrol()
    for _ in range(2):
        with pytest.raises(AuthenticationFailed):
            login(client, WRONG)
    server.kill()
    server.start("succeeded")
    answer = server.answer(PIN)
    assert server.send(answer) == "unavailable"
    server.died()
    assert server.attempts() == 0
    server.start()
    assert server.send(answer) == "replay"  # the success is spent, too
    codes = [server.send(server.answer(WRONG)) for _ in range(3)]
    assert codes == ["authentication-failed"] * 3
    with pytest.raises(MilagroError) as caught:
        login(client)
    assert code_of(caught.value) == "locked"


def test_an_acknowledged_enrolment_survives(server: RealServer) -> None:
    server.start()
    folder = server.client()._folder
    key = folder.key("ed25519")
    applicant = proofs.Applicant("alice", "laptop", server.world.invite(), key.algorithm, key.public_key)
    request = EnrolmentRequest(
        user="alice",
        device="laptop",
        code=applicant.code,
        algorithm=key.algorithm,
        public_key=key.public_key,
        signature=key.sign(proofs.enrolment("login.test", server.url, applicant)),
    )
    with server.dial(server.url) as peer:
        identity = peer.post("/v1/enrolments", request, EnrolmentAnswer).identity
    server.kill()
    pinned = server.world.mfa.records.pinned("alice", "laptop")
    assert pinned is not None
    assert pinned.identity.to_bytes() == identity
    server.start()
    client = server.client()
    client.enrol(Application(server.url, "alice", "laptop", applicant.code), lambda: PIN)
    assert client._folder.record().identity == identity
    assert login(client).user == "alice"


def test_an_enrolment_killed_before_its_acknowledgement_can_be_repeated(server: RealServer) -> None:
    server.start("enrolled")
    code = server.world.invite()
    application = Application(server.url, "alice", "laptop", code)
    with pytest.raises(Unavailable):
        server.client().enrol(application, lambda: PIN)
    server.died()
    server.start()
    client = server.client()
    client.enrol(application, lambda: PIN)
    assert login(client).user == "alice"
    assert len(server.world.mfa.records.devices()) == 1
