"""The DPKI identity of an MFA server: the registration authority that its network's D-TAs trust."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from milagro.protocols import pki
from milagro.roles.correspondence.keys import EnvelopeKeys, listed, senders_of
from milagro.stores import files
from milagro.stores.identities import IdentityFolder

if TYPE_CHECKING:
    from milagro.cid import CID
    from milagro.protocols.envelope import EncryptionKey, SigningKey, VerifyingKey
    from milagro.protocols.pki import Replica
    from milagro.roles.mfa.config import NetworkConfig
    from milagro.stores.keys import Argon2Cost, SealingKey


@dataclass(frozen=True, slots=True)
class NetworkAuthority:
    """Who signs the tickets, and opens the server shares.

    Secret: signing, opening
    """

    identity: CID
    signing: SigningKey = field(repr=False)
    opening: Sequence[EncryptionKey] = field(repr=False)
    verifying: Mapping[bytes, VerifyingKey] = field(default_factory=dict, repr=False)


def create_identity(config: NetworkConfig, sealing: SealingKey, now: int, cost: Argon2Cost | None = None) -> Replica:
    """A new identity with keys for envelopes, in the folder of the configuration.

    Raises: AlreadyExists
    """
    files.make_folder(config.identity)
    owned = IdentityFolder.at(config.identity)
    owned.require_new()
    keys = EnvelopeKeys.create(config.identity, sealing, cost)
    return owned.create(sealing, now, [pki.AddKey(key) for key in listed(keys.public)], None, cost)


def open_identity(config: NetworkConfig, sealing: SealingKey) -> NetworkAuthority:
    """The identity in the folder of the configuration.

    Raises: NotFound, DecryptionFailed, BrokenChain, ParameterError if it lists none of the keys in its folder
    """
    replica = IdentityFolder.at(config.identity).read()
    state = pki.resolve(replica).require()
    keys = EnvelopeKeys.read(config.identity, sealing)
    return NetworkAuthority(replica.identity, keys.signing(state).signing, keys.opening, senders_of(state.keys))
