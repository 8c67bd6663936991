"""The keys of a replica that has shares in the place of secrets: nothing is fetched, and nothing whole is kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from milagro.errors import ConfigError, ParameterError
from milagro.roles.mfa.network_keys import NetworkKeys
from milagro.roles.mfa.split.leading import SplitSecret

if TYPE_CHECKING:
    from collections.abc import Callable

    from milagro.protocols.mpin.v2 import ServerSecret
    from milagro.roles.clock import Clock
    from milagro.roles.mfa.network_keys import Held
    from milagro.roles.mfa.split.dealt import DealtFolder
    from milagro.roles.peer import Peer


@dataclass(frozen=True)
class SplitKeys(NetworkKeys):
    """The folder with the ring, and the one with the shares.

    Secret: what is opened
    """

    fetches: ClassVar[bool] = False

    dealt: DealtFolder = field(kw_only=True)
    dial: Callable[[str], Peer] = field(kw_only=True)
    clock: Clock = field(kw_only=True)

    def read(self) -> Held | None:
        """What was kept; None if there is nothing yet.

        Raises: ConfigError, also if a whole secret lies here; NotFound, DecryptionFailed
        """
        if self.suite.slot is None:
            raise ConfigError("a split server secret needs a suite with time permits: slot_seconds must not be 0")
        if whole := sorted(self.folder.glob("*.sealed")):
            raise ConfigError(f"[mfa.split] says that the server secret is split, and it lies whole in {whole[0]}")
        return super().read()

    def has(self, key_id: bytes) -> bool:
        """Whether a share of this key's secret is here."""
        return self.dealt.has(key_id)

    def open(self, key_id: bytes) -> SplitSecret:
        """What logins of this key are verified with.

        Raises: NotFound, DecryptionFailed, ConfigError
        Secret: the result
        """
        return SplitSecret(self.suite, self.dealt.open(key_id), self.dial, self.clock)

    def seal(self, key_id: bytes, secret: ServerSecret) -> None:
        """Refuses: no whole secret is kept here."""
        raise ParameterError("where the server secret is split, no whole one is kept")
