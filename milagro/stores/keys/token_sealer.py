"""Sealing under a key that never leaves a PKCS#11 token; needs the extra `hsm`."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from milagro.stores.keys import header as form

if TYPE_CHECKING:
    from collections.abc import Mapping

    from milagro.stores.keys.token import Token


class TokenSealer:
    """Seals by AES-256-GCM inside a token, under its key of this label; opens under any key that the token still has.

    The nonces are random and have 96 bits: one key seals at most 2^32 secrets, far more than a node has.
    """

    def __init__(self, token: Token, label: str) -> None:
        self._token = token
        self._label = label

    @property
    def name(self) -> str:
        """The token's label and the key's."""
        return f"key {self._label!r} of token {self._token.label!r}"

    def seal(self, secret: bytes, context: Mapping[str, str]) -> bytes:
        """As `Sealer.seal`."""
        key_id, nonce = self._token.key_id(self._label), secrets.token_bytes(form.NONCE_OCTETS)
        header: dict[str, Any] = {
            "version": form.TOKEN,
            "key": {"name": "pkcs11", "label": self._label, "id": key_id.hex()},
            "cipher": form.CIPHER,
            "nonce": nonce.hex(),
            "context": dict(context),
        }
        form.write(header, bytes(len(secret) + form.TAG_OCTETS))  # too long is refused before the token is asked
        return form.write(header, self._token.encrypt(key_id, nonce, secret, form.associated_data(header)))

    def unseal(self, octets: bytes, context: Mapping[str, str]) -> bytes:
        """As `Sealer.unseal`.

        Secret: the result
        """
        header = form.parse(octets)
        form.check_version(header, form.TOKEN, "[keys] of the configuration names a token")
        form.check_context(header["context"], context)
        key_id, nonce = form.octets(header["key"]["id"]), form.octets(header["nonce"], form.NONCE_OCTETS)
        return self._token.decrypt(key_id, nonce, form.octets(header["ciphertext"]), form.associated_data(header))

    def is_current(self, octets: bytes) -> bool:
        """Whether they were sealed under the token's key that has the label now."""
        if octets[:1] != b"{":
            return False
        header = form.parse(octets)
        return bool(header["version"] == form.TOKEN and header["key"]["id"] == self._token.key_id(self._label).hex())
