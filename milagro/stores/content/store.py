"""What every content store does: names, limits and the check of what was read are the same everywhere."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final, Protocol, Self

from milagro.cid import CID, Codec, links
from milagro.errors import CorruptBlock, ParameterError

if TYPE_CHECKING:
    from types import TracebackType

MAX_BLOCK_OCTETS: Final = 1 << 20  # what every IPFS implementation transfers
DEFAULT_TIMEOUT_SECONDS: Final = 10.0


class BlockSource(Protocol):
    """Anything that blocks can be fetched from."""

    def get(self, cid: CID, timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS) -> bytes:
        """The block, checked against its name. Raises: NotFound, CorruptBlock, Unavailable"""
        ...


class ContentStore(ABC):
    """Blocks of at most MAX_BLOCK_OCTETS under their CIDs. All methods may be called from several threads.

    Spec: spec/messaging.md, Content stores
    """

    def put(self, block: bytes, codec: Codec = Codec.RAW) -> CID:
        """The CID of `block`, which is durable now; a block that is there already is no error.

        Raises: ParameterError if it is too large, EncodingError if it is not of its codec, Unavailable, StoreError
        """
        if len(block) > MAX_BLOCK_OCTETS:
            raise ParameterError(f"the block has {len(block)} octets; at most {MAX_BLOCK_OCTETS} fit")
        if codec is Codec.DAG_CBOR:
            links(block)  # a daemon refuses to pin what it cannot read, so every store does
        cid = CID.of(block, codec)
        self._write(cid, block)
        return cid

    def get(self, cid: CID, timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS) -> bytes:
        """The block named `cid`, which was hashed again.

        Raises: NotFound if nobody gives it in time, CorruptBlock if it is another one, Unavailable, StoreError
        """
        block = self._read(cid, timeout_seconds)
        if len(block) > MAX_BLOCK_OCTETS:
            raise CorruptBlock(f"more was read under {cid} than a block can have")
        cid.check(block)
        return block

    def close(self) -> None:  # noqa: B027 - most stores hold nothing open
        """Gives back what the store holds open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def has(self, cid: CID) -> bool:
        """Whether the block is here, without asking others for it.

        Raises: Unavailable
        """

    @abstractmethod
    def remove(self, cid: CID) -> None:
        """Lets go of the block; one that is not here is no error.

        Raises: Unavailable
        """

    @abstractmethod
    def check(self) -> None:
        """Refuses unless the store can be used now.

        Raises: Unavailable with the cure, StoreError
        """

    @abstractmethod
    def _write(self, cid: CID, block: bytes) -> None: ...

    @abstractmethod
    def _read(self, cid: CID, timeout_seconds: float) -> bytes: ...
