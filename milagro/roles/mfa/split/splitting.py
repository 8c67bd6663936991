"""Turning the whole server secret of an installed server into shares for its replicas; then it is nowhere whole.

    for each key: deal --> FOLDER/NAME/<key id>.{json,sealed} of each replica, read back --> the whole secret is removed

A crash before the last step leaves the whole secret, and shares to be thrown away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from milagro.errors import AlreadyExists, ConfigError, NotFound
from milagro.protocols.mpin.v2 import ServerSecret
from milagro.roles.mfa.network import key_context
from milagro.roles.mfa.network_keys import NetworkKeys
from milagro.roles.mfa.split.dealt import DealtFolder, Replica, check_replicas, deal_out
from milagro.stores import files

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from milagro.protocols.sharing import SharedKey
    from milagro.roles.mfa.config import MfaConfig
    from milagro.stores.keys import Argon2Cost, SealingKey


def split_secrets(
    config: MfaConfig,
    sealing: SealingKey,
    threshold: int,
    replicas: Sequence[Replica],
    into: Path,
    cost: Argon2Cost | None = None,
    *,
    current_only: bool = False,
) -> list[bytes]:
    """The ids of the keys whose secrets are dealt now, to a folder of each replica's name, and not whole here any more.

    `current_only` leaves out older keys, whose shares the replicas have: their secrets are removed all the same.
    Spec: spec/mpin.md#split-secret
    Raises: ConfigError, NotFound if the server has no secret yet, AlreadyExists if the folder has files of such a key,
        ParameterError for a threshold that does not fit, DecryptionFailed, StoreError
    """
    check_replicas(replicas)
    keys = _whole(config, sealing)
    held = keys.read()
    if held is None:
        raise NotFound("this server has no secret yet: fetch it first, with 'milagro mfa fetch-keys'")
    folders = [DealtFolder(into / one.name, keys.suite, keys.context, sealing, cost) for one in replicas]
    known = [held.ring.current, *([] if current_only else [key for key, _ in held.ring.retiring])]
    dealt = [key for key in known if key.key_id in held.secrets]
    for key in dealt:
        if any(folder.has(key.key_id) for folder in folders):
            raise AlreadyExists(f"{into} has shares of the key {key.key_id.hex()}; split into an empty folder")
    for key in dealt:
        _deal(held.secrets[key.key_id], key, threshold, replicas, folders)
    keys.forget()
    return [key.key_id for key in dealt]


def _whole(config: MfaConfig, sealing: SealingKey) -> NetworkKeys:
    if config.split is not None:
        raise ConfigError("this server has [mfa.split]: split on the one that has the whole secret")
    suite = config.suite.open()
    if suite.slot is None:
        raise ConfigError("a split server secret needs a suite with time permits: slot_seconds must not be 0")
    return NetworkKeys(config.network.keys, suite, key_context(config, suite), sealing)


def _deal(
    secret: object, key: SharedKey, threshold: int, replicas: Sequence[Replica], folders: Sequence[DealtFolder]
) -> None:
    if not isinstance(secret, ServerSecret):
        raise ConfigError("the secret is split already")
    deal_out(secret, key.public, threshold, replicas, folders)
    for folder in folders:
        files.sync_folder(folder.folder)
