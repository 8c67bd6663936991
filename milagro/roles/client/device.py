"""The folder of a device: its key, its token, and the permit of the current slot. Only its owner can read it.

key.pem      the client key, PKCS #8
device.json  server, suite, identity and token
permit.json  the last permit that was fetched
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, derive_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from pydantic import ValidationError

from milagro.errors import ConfigError, MalformedEnvelope, NotFound, ParameterError
from milagro.protocols.mpin.v2 import Ed25519Key, P256Key
from milagro.roles.issuance.types import CidText, Digest
from milagro.roles.messages import NetworkAnswer
from milagro.roles.wire import Message, Octets
from milagro.stores import files

if TYPE_CHECKING:
    from pathlib import Path

SoftwareKey = Ed25519Key | P256Key
_KINDS: dict[str, type[Ed25519Key] | type[P256Key]] = {"ed25519": Ed25519Key, "ecdsa-p256-sha256": P256Key}
_MAX_FILE = 1 << 23
Record = TypeVar("Record", bound=Message)


class DeviceRecord(Message):
    """What the device knows of its enrolment.

    Secret: `token`
    """

    server: str
    server_name: str
    relying_party: str
    curve: str
    hash: str
    slot_seconds: int
    user: str
    device: str
    issuers: list[str]
    identity: Octets
    token: Octets
    network: CidText
    key_id: Digest


class PermitRecord(Message):
    """The permit for one slot, under one key. Secret: `permit`."""

    slot: int
    permit: Octets
    key_id: Digest


@dataclass(frozen=True, slots=True)
class DeviceFolder:
    """One device on disk.

    A device moves to another key of its network in steps of one file each: `keep_waiting`, a login with what waits,
    `move_over`. Whatever it dies between, the folder has a token that works.
    """

    path: Path

    def key(self, algorithm: str) -> SoftwareKey:
        """The client key; made and stored, durably, if there is none.

        Raises: ConfigError if the stored one is of another algorithm or cannot be read
        """
        files.make_folder(self.path)
        if not self._key_path.exists():
            files.write_new(self._key_path, _to_pem(_new_key(algorithm)))
        key = self.stored_key()
        if key.algorithm != algorithm:
            raise ConfigError(f"{self._key_path} is an {key.algorithm} key, not an {algorithm} one")
        return key

    def stored_key(self) -> SoftwareKey:
        """The client key.

        Raises: NotFound, ConfigError
        """
        return _from_pem(files.read(self._key_path), self._key_path)

    def enrolled(self) -> bool:
        """Whether there is a token."""
        return self._record_path.exists()

    def record(self) -> DeviceRecord:
        """The enrolment.

        Raises: NotFound, ConfigError
        """
        if not self.enrolled():
            raise NotFound(f"{self.path} is not an enrolled device; 'milagro client enroll' makes it one")
        return _load(self._record_path, DeviceRecord)

    def keep(self, record: DeviceRecord) -> None:
        """Stores the enrolment.

        Raises: AlreadyExists
        """
        files.write_new(self._record_path, _dump(record))

    # -- moving to another key ---------------------------------------------------------------------------------
    def waiting(self) -> DeviceRecord | None:
        """The enrolment under the next key, which no login has proved yet."""
        try:
            found = _load(self._waiting_path, DeviceRecord)
        except (NotFound, ConfigError):
            return None  # it can be made anew
        if found.key_id == self.record().key_id:  # it died after moving over
            self.drop_waiting()
            return None
        return found

    def keep_waiting(self, record: DeviceRecord) -> None:
        """Stores the enrolment under the next key beside the one in force."""
        files.replace(self._waiting_path, _dump(record))

    def move_over(self, record: DeviceRecord) -> None:
        """Brings the enrolment that waits into force; the one before is gone."""
        files.replace(self._record_path, _dump(record))
        self.drop_waiting()

    def drop_waiting(self) -> None:
        """Forgets what waits."""
        self._waiting_path.unlink(missing_ok=True)

    # -- the network -------------------------------------------------------------------------------------------
    def network(self) -> NetworkAnswer | None:
        """The network of D-TAs, as the server described it last."""
        try:
            return _load(self._network_path, NetworkAnswer)
        except (NotFound, ConfigError):
            return None  # it can always be fetched anew

    def keep_network(self, network: NetworkAnswer) -> None:
        """Stores the network over what was known of it."""
        files.replace(self._network_path, _dump(network))

    # -- permits -----------------------------------------------------------------------------------------------
    def permit(self) -> PermitRecord | None:
        """The permit that was fetched last."""
        try:
            return _load(self._permit_path, PermitRecord)
        except (NotFound, ConfigError):
            return None  # a permit can always be fetched anew

    def keep_permit(self, record: PermitRecord) -> None:
        """Stores a permit over the last one."""
        files.replace(self._permit_path, _dump(record))

    @property
    def _key_path(self) -> Path:
        return self.path / "key.pem"

    @property
    def _record_path(self) -> Path:
        return self.path / "device.json"

    @property
    def _waiting_path(self) -> Path:
        return self.path / "device-next.json"

    @property
    def _network_path(self) -> Path:
        return self.path / "network.json"

    @property
    def _permit_path(self) -> Path:
        return self.path / "permit.json"


def _new_key(algorithm: str) -> SoftwareKey:
    if algorithm not in _KINDS:
        raise ParameterError(f"a client key can be {' or '.join(_KINDS)}, not {algorithm!r}")
    return _KINDS[algorithm].generate(secrets.token_bytes)


def _to_pem(key: SoftwareKey) -> bytes:
    octets = key.to_bytes()
    private: Ed25519PrivateKey | EllipticCurvePrivateKey
    if key.algorithm == "ed25519":
        private = Ed25519PrivateKey.from_private_bytes(octets)
    else:
        private = derive_private_key(int.from_bytes(octets, "big"), SECP256R1())
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _from_pem(content: bytes, path: Path) -> SoftwareKey:
    try:
        private = load_pem_private_key(content, password=None)
    except (ValueError, TypeError):
        raise ConfigError(f"{path} is not an unencrypted PKCS #8 key") from None
    if isinstance(private, Ed25519PrivateKey):
        return Ed25519Key.from_bytes(private.private_bytes_raw())
    if isinstance(private, EllipticCurvePrivateKey) and isinstance(private.curve, SECP256R1):
        return P256Key.from_bytes(private.private_numbers().private_value.to_bytes(32, "big"))
    raise ConfigError(f"{path} is neither an Ed25519 nor a P-256 key")


def _dump(record: Message) -> bytes:
    return record.model_dump_json(indent=1).encode() + b"\n"


def _load(path: Path, kind: type[Record]) -> Record:
    try:
        return kind.model_validate_json(files.read(path, _MAX_FILE))
    except (ValidationError, MalformedEnvelope):
        raise ConfigError(f"{path} is damaged") from None
