"""Content in a Kubo daemon, through `ipfshttpclient`: blocks are put and pinned here, and fetched from the swarm.

`ipfshttpclient` 0.8.0a2 says that it knows daemons up to 0.9. Its block and pin calls work with current ones once
the options have their current names, which is what this file sees to; everything else goes through
`milagro.stores.kubo`. Pins are direct ones: a recursive pin of a log's entry would walk the whole log.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit

from milagro.cid import Codec
from milagro.errors import ConfigError, CorruptBlock, NotFound, StoreError, Unavailable
from milagro.stores import kubo
from milagro.stores.content.store import MAX_BLOCK_OCTETS, ContentStore
from milagro.stores.retry import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from milagro.cid import CID

Result = TypeVar("Result")

_CODEC_NAMES: Final = {Codec.RAW: "raw", Codec.DAG_CBOR: "dag-cbor"}
_CONNECT_SECONDS: Final = 3.0
_SLACK_SECONDS: Final = 3.0  # the daemon keeps the time-out itself; this much later we do


class IpfsStore(ContentStore):
    """Blocks in the Kubo daemon at `url`, and in all that it is connected to.

    Raises: ConfigError if the URL is not one or the extra `ipfs` is not installed
    """

    def __init__(
        self, url: str = kubo.DEFAULT_URL, timeout_seconds: float = 10.0, backoff: Backoff | None = None
    ) -> None:
        self._daemon = kubo.Daemon(url, timeout_seconds)
        self._timeout_seconds = timeout_seconds
        self._backoff = backoff or Backoff()
        self._library = _library()
        self._client = _client(self._library, self._daemon.url)

    def has(self, cid: CID) -> bool:
        """Whether the daemon has the block itself.

        Raises: Unavailable
        """

        def stat() -> bool:
            try:
                self._client.block.stat(str(cid), offline=True, timeout=self._wait(self._timeout_seconds))
            except self._library.exceptions.Error as error:
                if isinstance(refused := self._refusal(error), NotFound):
                    return False
                raise refused from error
            return True

        return self._try(stat)

    def remove(self, cid: CID) -> None:
        """Unpins the block and drops it from the daemon; others in the swarm may keep it.

        Raises: Unavailable
        """
        self._try(lambda: self._unpin(cid))
        self._try(lambda: self._daemon.ask("block/rm", {"arg": str(cid), "force": "true"}))

    def check(self) -> None:
        """Refuses unless the daemon answers and is new enough.

        Raises: Unavailable with the cure, StoreError
        """
        self._daemon.version()
        self._daemon.require()

    def close(self) -> None:
        """Ends all connections."""
        self._client.close()
        self._daemon.close()

    def _write(self, cid: CID, block: bytes) -> None:
        def put() -> None:
            options = {"cid-codec": _CODEC_NAMES[cid.codec], "mhtype": "sha2-256", "pin": "false"}
            with self._refusals():
                answer = self._client.block.put(
                    io.BytesIO(block), opts=options, timeout=self._wait(self._timeout_seconds)
                )
                if answer["Key"] != str(cid):
                    raise StoreError(f"the Kubo daemon named a block {answer['Key']} that is {cid}")
                self._client.pin.add(str(cid), recursive=False, timeout=self._wait(self._timeout_seconds))

        self._try(put)

    def _read(self, cid: CID, timeout_seconds: float) -> bytes:
        def get() -> bytes:
            with self._refusals():
                chunks = self._client.block.get(
                    str(cid),
                    opts={"timeout": f"{max(1, round(timeout_seconds * 1000))}ms"},
                    timeout=self._wait(timeout_seconds),
                    stream=True,
                )
                with contextlib.closing(chunks):
                    return _bounded(chunks, cid)

        try:
            return self._try(get)
        except NotFound:
            raise NotFound(f"nobody in the swarm gave the block {cid} within {timeout_seconds:g} s") from None

    def _unpin(self, cid: CID) -> None:
        try:
            with self._refusals():
                self._client.pin.rm(str(cid), recursive=False, timeout=self._wait(self._timeout_seconds))
        except StoreError as error:
            if "not pinned" not in str(error):
                raise

    def _try(self, function: Callable[[], Result]) -> Result:
        def attempt() -> Result:
            self._daemon.require()
            return function()

        return self._backoff.call(attempt)

    def _wait(self, timeout_seconds: float) -> tuple[float, float]:
        return _CONNECT_SECONDS, timeout_seconds + _SLACK_SECONDS

    @contextlib.contextmanager
    def _refusals(self) -> Iterator[None]:
        """Turns the library's errors into this package's."""
        try:
            yield
        except self._library.exceptions.Error as error:
            raise self._refusal(error) from error

    def _refusal(self, error: Exception) -> StoreError:
        exceptions = self._library.exceptions
        if isinstance(error, (exceptions.ConnectionError, exceptions.ProtocolError, exceptions.TimeoutError)):
            return kubo.unreachable(self._daemon.url, type(error).__name__)
        if isinstance(error, exceptions.StatusError):
            message = str(error) if isinstance(error, exceptions.ErrorResponse) else ""
            return kubo.refusal(self._daemon.url, error.original.response.status_code, message)
        return Unavailable(f"the Kubo daemon at {self._daemon.url} broke off its answer")


def _bounded(chunks: Iterator[bytes], cid: CID) -> bytes:
    content = bytearray()
    for chunk in chunks:
        content += chunk
        if len(content) > MAX_BLOCK_OCTETS:
            raise CorruptBlock(f"more was read under {cid} than a block can have")
    return bytes(content)


def _library() -> Any:
    try:
        import ipfshttpclient  # noqa: PLC0415 - heavy, and only those who use IPFS have it
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"IPFS needs the library {error.name!r}, which is not installed; pip install 'milagro[ipfs]'"
        ) from error
    # Its way of opening connections has a word that urllib3 3 will not know; the extra asks for urllib3 2.
    warnings.filterwarnings("ignore", "The 'strict' parameter is no longer needed", FutureWarning)
    return ipfshttpclient


def _client(library: Any, url: str) -> Any:
    # Not `connect`: it would warn that every daemon of the last years is too new.
    client = library.Client(_address(url), session=False)
    if kubo.is_near(url):
        # A proxy named in the environment does not reach this machine's own ports; the library has no other way.
        client._client._session_props["trust_env"] = False
    client._client.open_session()
    return client


def _address(url: str) -> str:
    """The URL as the library wants it, a multiaddr."""
    socket_path = kubo.socket_of(url)
    if socket_path:
        return f"/unix{socket_path}"
    parts = urlsplit(url)
    host = parts.hostname or ""
    kind = "ip6" if ":" in host else "ip4" if host.replace(".", "").isdigit() else "dns"
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"/{kind}/{host}/tcp/{port}/{parts.scheme}"
