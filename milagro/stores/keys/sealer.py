"""What seals a secret: a passphrase, a token's key, a data key; and two of them while one takes over from the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from milagro.errors import DecryptionFailed
from milagro.stores.keys.header import OtherKind

if TYPE_CHECKING:
    from collections.abc import Mapping


class Sealer(Protocol):
    """A key that seals secrets into octets that anyone may see.

    The context says what the secret is: role, curve, epoch, kind, key id; numbers in decimal. It is readable in the
    sealed octets and authenticated with them.
    """

    @property
    def name(self) -> str:
        """Which key this is, for a log; nothing of the key itself."""
        ...

    def seal(self, secret: bytes, context: Mapping[str, str]) -> bytes:
        """Octets that hold `secret` and prove `context`; never the same twice.

        Raises: ParameterError if it is too long for this key; Unavailable, ConfigError if the key is not there
        """
        ...

    def unseal(self, octets: bytes, context: Mapping[str, str]) -> bytes:
        """The secret, if it was sealed under this key with every entry of `context`; it may have been sealed with more.

        Raises: MalformedEnvelope; ConfigError if it is for something else or sealed under another kind of key;
            DecryptionFailed if it was altered or is another key's; Unavailable, ConfigError if the key is not there
        Secret: the result
        """
        ...

    def is_current(self, octets: bytes) -> bool:
        """Whether the octets say that they were sealed as `seal` would do it now; False asks to seal the secret again.

        A passphrase does not show: under another one the octets look the same.
        """
        ...


class Succession:
    """Seals under one key and opens what either seals, for the time in which secrets move from `previous` to `current`.

    Raises: as both
    """

    def __init__(self, current: Sealer, previous: Sealer) -> None:
        self.current, self.previous = current, previous

    @property
    def name(self) -> str:
        """Both names."""
        return f"{self.current.name}, before {self.previous.name}"

    def seal(self, secret: bytes, context: Mapping[str, str]) -> bytes:
        """Octets sealed under the current key."""
        return self.current.seal(secret, context)

    def unseal(self, octets: bytes, context: Mapping[str, str]) -> bytes:
        """The secret, under whichever key it was sealed.

        Secret: the result
        """
        try:
            return self.current.unseal(octets, context)
        except OtherKind:
            return self.previous.unseal(octets, context)
        except DecryptionFailed as refusal:
            return self._unseal_earlier(octets, context, refusal)

    def _unseal_earlier(self, octets: bytes, context: Mapping[str, str], refusal: DecryptionFailed) -> bytes:
        try:
            return self.previous.unseal(octets, context)
        except OtherKind:
            raise refusal from None
        except DecryptionFailed as earlier:
            raise DecryptionFailed(f"{refusal}; under the key before it: {earlier}") from None

    def is_current(self, octets: bytes) -> bool:
        """Whether the current key would seal them so."""
        return self.current.is_current(octets)
