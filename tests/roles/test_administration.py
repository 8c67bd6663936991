"""Accounts in the hands of operators over the network: each test runs over HTTP and over gRPC."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient

from milagro.errors import MilagroError
from milagro.roles.mfa import administration
from milagro.roles.mfa.http import create_app
from milagro.roles.mfa.operations import SERVICE
from milagro.roles.refusals import code_of
from milagro.roles.transport.config import GrpcConfig, OperatorsConfig
from milagro.roles.transport.operations import Caller
from milagro.roles.transport.rpc import RpcServer
from milagro.roles.transport.rpc_peer import RpcPeer
from tests.roles.stage import TRANSPORTS, Loop
from tests.roles.test_operators import AUDIENCE, ISSUER, KEYS, SCOPE, key_set, token
from tests.roles.world import PIN, World, application, login

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from milagro.roles.wire import Message


@pytest.fixture(params=TRANSPORTS)
def ask(request: pytest.FixtureRequest, world: World) -> Iterator[Callable[..., Any]]:
    """Calls an operation of the world's MFA server as an operator, who is `olivia`."""
    path = world.folder / "keys.json"
    path.write_bytes(key_set(*KEYS.values()))
    operators = OperatorsConfig(ISSUER, AUDIENCE, SCOPE, path, "")
    config = replace(world.config.common.server, operators=operators, grpc=GrpcConfig(port=0))
    app = create_app(world.mfa, config)
    made = Rpc(app) if request.param == "grpc" else Http(app)

    def call(name: str, bearer: str | None = "good", **body: Any) -> Any:
        operation = SERVICE.operation(name)
        return made.call(name, operation.request(**body), operation.answer, token() if bearer == "good" else bearer)

    yield call
    made.close()


class Rpc:
    def __init__(self, app: Any) -> None:
        self.loop, self.server = Loop(), RpcServer(app.state.front)
        self.loop.run(self.server.start())
        self.peer = RpcPeer(f"127.0.0.1:{self.server.port}", SERVICE)

    def call(self, name: str, body: Message, answer: type[Message], bearer: str | None) -> Message:
        return self.peer.call(name, body, answer, bearer)

    def close(self) -> None:
        self.peer.close()
        self.loop.run(self.server.stop(1))
        self.loop.close()


class Http:
    def __init__(self, app: Any) -> None:
        self.http = TestClient(app, raise_server_exceptions=False)

    def call(self, name: str, body: Message, answer: type[Message], bearer: str | None) -> Message:
        path = SERVICE.operation(name).path
        headers = {"content-type": "application/json", **({"authorization": f"Bearer {bearer}"} if bearer else {})}
        found = self.http.post(path, content=body.model_dump_json(), headers=headers)
        if found.status_code == 200:
            return answer.model_validate_json(found.content)
        raise Refused(found.json()["error"]["code"])

    def close(self) -> None:
        self.http.close()


class Refused(MilagroError):
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def refused(action: Callable[..., Any], *arguments: Any, **body: Any) -> str:
    with pytest.raises(MilagroError) as caught:
        action(*arguments, **body)
    return code_of(caught.value)


def test_nobody_but_an_operator_gets_in(ask: Callable[..., Any], world: World) -> None:
    world.enrol("alice")
    bodies: dict[str, dict[str, Any]] = {"ListUsers": {}}
    for operation in administration.OPERATIONS:
        assert operation.caller is Caller.OPERATOR
        body = bodies.get(operation.name, {"user": "alice"})
        assert refused(ask, operation.name, None, **body) == "token-missing"
        assert refused(ask, operation.name, token(scope="other"), **body) == "token-scope"
    assert [user.devices for user in ask("ListUsers").users] == [1]


def test_users_come_in_pages(ask: Callable[..., Any], world: World) -> None:
    with world.mfa.records.state.write() as connection:
        for name in ("a", "b", "c"):
            connection.exec_driver_sql(f"INSERT INTO account (\"user\", suspended, created) VALUES ('{name}', 1, 7)")
    first = ask("ListUsers", limit=2)
    assert ([user.user for user in first.users], first.next) == (["a", "b"], "b")
    last = ask("ListUsers", after=first.next, limit=2)
    assert ([user.user for user in last.users], last.next) == (["c"], None)
    assert (last.users[0].suspended, last.users[0].created, last.users[0].last_login) == (True, 7, None)


def test_an_account_in_the_hands_of_an_operator(
    ask: Callable[..., Any], world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    invited = ask("InviteUser", user="alice", hours=2)
    assert invited.expires == world.clock() + 7200
    laptop = world.client("laptop")
    laptop.enrol(application("alice", "laptop", invited.code), lambda: PIN)
    world.enrol("alice", "phone")
    login(laptop)
    found = ask("UserDevices", user="alice")
    assert (found.user.devices, [device.name for device in found.devices]) == (2, ["laptop", "phone"])
    assert found.devices[0].last_login == world.clock()
    assert ask("SuspendUser", user="alice").suspended is True
    assert refused(login, laptop) == "suspended"
    assert ask("ResumeUser", user="alice").suspended is False
    login(laptop)
    assert ask("RemoveUser", user="alice", device="phone").device == "phone"
    assert [device.name for device in ask("UserDevices", user="alice").devices] == ["laptop"]
    assert ask("RemoveUser", user="alice").device is None
    assert refused(login, laptop) == "authentication-failed"
    for name in ("UserDevices", "SuspendUser", "RemoveUser"):
        assert refused(ask, name, user="bob") == "not-found"
    said = capsys.readouterr()
    assert "an operator suspended a user" in said.out + said.err
    assert "olivia" in said.out + said.err
    assert invited.code not in said.out + said.err
