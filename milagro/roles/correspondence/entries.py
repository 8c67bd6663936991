"""Who signs the entries of a correspondent's log, and whose signatures on others' entries count.

An entry that somebody announces counts under a key that its sender lists now. An entry that such a one leads to counts
under any key that the sender ever listed: the newer entry stands for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from milagro.cid import CID
from milagro.errors import BrokenChain, EncodingError, InvalidSignature, ProtocolError, VerificationError
from milagro.protocols import pki
from milagro.protocols.pki import EntrySignature
from milagro.protocols.signatures import SUITE, SigningKey

if TYPE_CHECKING:
    from milagro.protocols.envelope import PrivateKeys
    from milagro.roles.correspondence.directory import Directory


class Signer:
    """The author of a log, as `milagro.stores.messaging` asks for one: an identity with the key of the moment.

    Secret: the key
    """

    def __init__(self, identity: CID) -> None:
        self.name = str(identity)
        self._current: tuple[CID, SigningKey] | None = None

    def use(self, heads: CID, keys: PrivateKeys) -> None:
        """Signs with these keys from now on, and tells of these heads."""
        self._current = heads, SigningKey(keys.signing.to_bytes())

    def sign(self, message: bytes) -> bytes:
        """The octets of an EntrySignature."""
        assert self._current is not None  # noqa: S101 - a correspondent sets it before it sends
        return EntrySignature.sign(message, *self._current).to_bytes()

    def stands_behind(self, signature: bytes) -> bool:
        """Whether a signature is of the current key and tells of the current heads."""
        assert self._current is not None  # noqa: S101 - as above
        made = EntrySignature.from_bytes(signature)
        heads, key = self._current
        return (made.heads, made.key) == (heads, pki.Key(pki.Purpose.SIGN, SUITE, key.public.to_bytes()).id)


class Ask(Protocol):
    """Takes word of heads that somebody mentioned, to be looked up when there is time."""

    def __call__(self, identity: CID, heads: CID | None, *, proven: bool) -> None:
        """Takes them; drops them if there are too many, those first that no signature vouches for."""


class Judge:
    """Whether entries are signed as the directory says they should be.

    Spec: spec/dpki.md#entries
    """

    def __init__(self, directory: Directory, ask: Ask) -> None:
        self._directory, self._ask = directory, ask

    def heard(self, name: str, message: bytes, signature: bytes) -> None:
        """Nothing, if a key that the identity lists now signed an entry that somebody announced.

        Never waits for the content store: what is to be learned first is asked for, and the entry is heard again.
        Raises: InvalidSignature, also for what cannot be told yet
        """
        identity, made = _read(name, signature)
        listed = _named(self._directory.keys(identity), made.key)
        if listed is not None:
            made.verify(message, listed)  # before anything is fetched: a stranger is not to cause work
        if not self._directory.has_learned(identity, made.heads):
            self._ask(identity, made.heads, proven=listed is not None)
            raise InvalidSignature("the entry tells of operations that are not known yet; they are being looked up")
        if listed is None:
            raise InvalidSignature("the entry is signed with a key that its sender never listed")
        state = _relied_on(self._directory.resolution(identity))
        if _named(state.keys, made.key) is None:
            raise InvalidSignature("the entry is signed with a key that its sender does not list any more")

    def linked(self, name: str, message: bytes, signature: bytes) -> None:
        """Nothing, if a key that the identity has ever listed signed an entry that a verified one leads to.

        Raises: InvalidSignature; StoreError if operations that are needed cannot be fetched now
        """
        identity, made = _read(name, signature)
        listed = _named(self._directory.keys(identity), made.key)
        if listed is None:
            try:
                self._directory.find(identity, made.heads)
            except (EncodingError, VerificationError, ProtocolError) as error:
                raise InvalidSignature(f"the entry tells of operations that are none: {error}") from None
            listed = _named(self._directory.keys(identity), made.key)
        if listed is None:
            raise InvalidSignature("the entry is signed with a key that its sender never listed")
        made.verify(message, listed)


def _read(name: str, signature: bytes) -> tuple[CID, EntrySignature]:
    try:
        return CID.from_text(name), EntrySignature.from_bytes(signature)
    except EncodingError as error:
        raise InvalidSignature(f"the entry is not signed by an identity: {error}") from None


def _relied_on(resolution: pki.Resolution) -> pki.State:
    try:
        return resolution.require()
    except BrokenChain as error:
        raise InvalidSignature(str(error)) from None


def _named(keys: tuple[pki.Key, ...], key_id: bytes) -> pki.Key | None:
    signing = (key for key in keys if key.purpose is pki.Purpose.SIGN and key.suite == SUITE)
    return next((key for key in signing if key.id == key_id), None)
