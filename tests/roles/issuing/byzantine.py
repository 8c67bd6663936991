"""D-TAs that do wrong, each in its own way, as real HTTP servers."""

from __future__ import annotations

import asyncio
import gzip
import json
import secrets
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from milagro.protocols.envelope import EncryptionPublicKey
from milagro.protocols.issuance import REPLY_SUITE, Asked, Issued, Purpose
from milagro.protocols.mpin.v2 import Identity
from milagro.protocols.sharing import deal, issuing
from milagro.roles.issuance.messages import IssueAnswer, IssueRequest
from milagro.roles.issuance.requests import seal_answer
from milagro.roles.wire import to_text
from tests.roles.issuing.network import Dta, Network

if TYPE_CHECKING:
    from milagro.protocols.sharing import KeyShare

Send = Callable[[Any], Awaitable[None]]
Misdeed = Callable[[Network, Dta, bytes], "bytes | tuple[int, dict[str, str], Any]"]


_BOMB = gzip.compress(bytes(20 << 20), 1)


class Wrong:
    """An ASGI application that answers every question with what `misdeed` makes of it."""

    def __init__(self, network: Network, dta: Dta, misdeed: Misdeed) -> None:
        self._network, self._dta, self._misdeed = network, dta, misdeed

    async def __call__(self, scope: Any, receive: Any, send: Send) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        made = self._misdeed(self._network, self._dta, body)
        status, headers, content = made if isinstance(made, tuple) else (200, {}, made)
        if callable(content):
            await content(send)
            return
        await start(send, status, headers)
        await send({"type": "http.response.body", "body": content})


async def start(send: Send, status: int = 200, headers: dict[str, str] | None = None) -> None:
    pairs = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})


# -- shares ------------------------------------------------------------------------------------------------------------
def _asked(network: Network, dta: Dta, body: bytes) -> tuple[Asked, Any]:
    request = IssueRequest.model_validate_json(body)
    asked = Asked(network.id, dta.owner.identity, request.ticket, request.reply_to or b"", request.identity or b"")
    return asked, network.suite.hash_identity(Identity.from_bytes(request.identity or b""))


def _sealed(dta: Dta, asked: Asked, share: KeyShare, octets: bytes, **changes: Any) -> bytes:
    fields: dict[str, Any] = {
        "purpose": Purpose.CLIENT_SHARE,
        "key_id": share.key.key_id,
        "epoch": share.key.epoch,
        "share": octets,
    }
    issued = Issued(**{**fields, **changes})
    to = [EncryptionPublicKey(REPLY_SUITE, asked.reply)]
    envelope = seal_answer(asked, issued, dta.owner.pairs[-1].signing, to, 1_800_000_000, secrets.token_bytes)
    return IssueAnswer(envelope=envelope).model_dump_json().encode()


def _share(dta: Dta) -> KeyShare:
    assert dta.hand.share is not None
    return dta.hand.share


def wrong_share(network: Network, dta: Dta, body: bytes) -> bytes:
    asked, A = _asked(network, dta, body)
    share = issuing.issue_client_share(_share(dta), A, secrets.token_bytes, asked.digest)
    return _sealed(dta, asked, _share(dta), replace(share, point=share.point + A).to_bytes())


def wrong_proof(network: Network, dta: Dta, body: bytes) -> bytes:
    asked, A = _asked(network, dta, body)
    share = issuing.issue_client_share(_share(dta), A, secrets.token_bytes, asked.digest)
    z = share.proof.z + network.suite.curve.scalar(1)
    return _sealed(dta, asked, _share(dta), replace(share, proof=replace(share.proof, z=z)).to_bytes())


def other_point(network: Network, dta: Dta, body: bytes) -> bytes:
    asked, A = _asked(network, dta, body)
    share = issuing.issue_client_share(_share(dta), A + A, secrets.token_bytes, asked.digest)
    return _sealed(dta, asked, _share(dta), share.to_bytes())


def replayed_share(network: Network, dta: Dta, body: bytes) -> bytes:
    """A good share of the same identity, whose proof is of an earlier request."""
    asked, A = _asked(network, dta, body)
    share = issuing.issue_client_share(_share(dta), A, secrets.token_bytes, bytes(32))
    return _sealed(dta, asked, _share(dta), share.to_bytes())


def replayed_answer(network: Network, dta: Dta, body: bytes) -> bytes:
    """A whole envelope of this D-TA that was made for another request."""
    asked, A = _asked(network, dta, body)
    share = issuing.issue_client_share(_share(dta), A, secrets.token_bytes, asked.digest)
    return _sealed(dta, replace(asked, ticket=b"earlier"), _share(dta), share.to_bytes())


def share_of_another(network: Network, dta: Dta, body: bytes) -> bytes:
    other = network.dtas[dta.index % len(network.dtas)]
    asked, A = _asked(network, dta, body)
    share = issuing.issue_client_share(_share(other), A, secrets.token_bytes, asked.digest)
    return _sealed(dta, asked, _share(dta), share.to_bytes())


def signed_by_another(network: Network, dta: Dta, body: bytes) -> bytes:
    asked, A = _asked(network, dta, body)
    share = issuing.issue_client_share(_share(dta), A, secrets.token_bytes, asked.digest)
    return _sealed(network.dtas[dta.index % len(network.dtas)], asked, _share(dta), share.to_bytes())


def other_epoch(network: Network, dta: Dta, body: bytes) -> bytes:
    """A share of the same key, newly dealt: what a D-TA has that went over alone, or did not go over."""
    asked, A = _asked(network, dta, body)
    new = deal(network.sharing, network.secret, 2, 3, secrets.token_bytes, epoch=1)[dta.index % 3 - 1]
    share = issuing.issue_client_share(new, A, secrets.token_bytes, asked.digest)
    return _sealed(dta, asked, new, share.to_bytes())


def other_sharing(network: Network, dta: Dta, body: bytes) -> bytes:
    """The same with the epoch that is expected."""
    asked, A = _asked(network, dta, body)
    new = deal(network.sharing, network.secret, 2, 3, secrets.token_bytes)[dta.index % 3 - 1]
    header = replace(new.header, index=dta.index)
    share = replace(issuing.issue_client_share(new, A, secrets.token_bytes, asked.digest), header=header)
    return _sealed(dta, asked, new, share.to_bytes())


def other_key(network: Network, dta: Dta, body: bytes) -> bytes:
    asked, A = _asked(network, dta, body)
    share = issuing.issue_client_share(_share(dta), A, secrets.token_bytes, asked.digest)
    return _sealed(dta, asked, _share(dta), share.to_bytes(), key_id=bytes(32))


def no_share(network: Network, dta: Dta, body: bytes) -> bytes:
    asked, _ = _asked(network, dta, body)
    return _sealed(dta, asked, _share(dta), b"no share")


# -- HTTP --------------------------------------------------------------------------------------------------------------
def garbage(_network: Network, _dta: Dta, _body: bytes) -> bytes:
    return b"\xff\x00<html>"


def deep_json(_network: Network, _dta: Dta, _body: bytes) -> bytes:
    return b"[" * 100_000


def no_envelope(_network: Network, _dta: Dta, _body: bytes) -> bytes:
    return json.dumps({"envelope": to_text(bytes(400))}).encode()


def zipped(_network: Network, _dta: Dta, _body: bytes) -> tuple[int, dict[str, str], Any]:
    return 200, {"content-encoding": "gzip"}, _BOMB


def refuses(_network: Network, _dta: Dta, _body: bytes) -> tuple[int, dict[str, str], Any]:
    error = {"code": "no-time", "message": "not today \x1b[2J" + 500 * "!", "request_id": "x"}
    return 403, {}, json.dumps({"error": error}).encode()


def strange_status(_network: Network, _dta: Dta, _body: bytes) -> tuple[int, dict[str, str], Any]:
    return 418, {}, b"<html>" + bytes(1000)


def redirects(_network: Network, _dta: Dta, _body: bytes) -> tuple[int, dict[str, str], Any]:
    return 307, {"location": "http://127.0.0.1:9/"}, b""


def overloaded(_network: Network, _dta: Dta, _body: bytes) -> tuple[int, dict[str, str], Any]:
    return 503, {"retry-after": "900"}, b""


def huge(_network: Network, _dta: Dta, _body: bytes) -> tuple[int, dict[str, str], Any]:
    async def send_all(send: Send) -> None:
        await start(send)
        for _ in range(1000):
            await send({"type": "http.response.body", "body": bytes(1 << 16), "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    return 200, {}, send_all


def silent(_network: Network, _dta: Dta, _body: bytes) -> tuple[int, dict[str, str], Any]:
    async def wait(send: Send) -> None:
        await asyncio.sleep(30)
        await start(send)

    return 200, {}, wait


def drips(_network: Network, _dta: Dta, _body: bytes) -> tuple[int, dict[str, str], Any]:
    async def send_slowly(send: Send) -> None:
        await start(send)
        for _ in range(600):
            await send({"type": "http.response.body", "body": b" ", "more_body": True})
            await asyncio.sleep(0.05)

    return 200, {}, send_slowly


# -- sockets -----------------------------------------------------------------------------------------------------------
def hangs_up(_connection: socket.socket) -> None:
    """Nothing at all."""


def speaks_no_http(connection: socket.socket) -> None:
    connection.sendall(secrets.token_bytes(4096))


def stops_half_way(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n{")


def drips_its_head(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nx: ")
    for _ in range(100):
        connection.sendall(b"y")
        time.sleep(0.05)


@contextmanager
def raw(misdeed: Callable[[socket.socket], None]) -> Iterator[str]:
    """A port that takes connections, does that with each, and closes it."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.05)
    over = threading.Event()

    def run() -> None:
        while not over.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            with connection, suppress(OSError):
                misdeed(connection)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        over.set()
        thread.join()
        listener.close()
