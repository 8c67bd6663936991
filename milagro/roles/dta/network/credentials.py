"""How a member of a network signs, verifies, seals and opens in a run: with the keys of its DPKI identity.

    signature   key id (32) || signature of ED25519+MLDSA65.1 over frame(label, suite, "run", message)
    sealed      slot of the envelope's suite to the member's encryption key || AES-256-GCM under the secret in it

Both are made with fresh randomness, so the same call twice gives two results. A run is restored by living through it
again and must then say exactly what it said before; so `Recorded` keeps what was made, and gives it out again.

Spec: spec/dta-network.md, Credentials
"""

from __future__ import annotations

import hashlib
import secrets
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from milagro.cid import CID
from milagro.errors import DecryptionFailed, StoreError
from milagro.octets import i2osp
from milagro.protocols import pki
from milagro.protocols.envelope.suites import DEFAULT_SUITE, SECRET_OCTETS, SUITES
from milagro.protocols.signatures import SUITE, SigningKey
from milagro.roles.correspondence.keys import EnvelopeKeys, recipients_of
from milagro.roles.lineage import LABEL, verify

if TYPE_CHECKING:
    from milagro.protocols.sharing import Credentials, Member
    from milagro.roles.correspondence.directory import Directory

_ID: Final = pki.KEY_ID_OCTETS
_NONCE: Final = bytes(12)  # the key is used once


class IdentityCredentials:
    """The credentials of the identity in `directory` whose private keys are `keys`.

    Spec: spec/dta-network.md, Credentials
    Raises: ParameterError if the identity lists none of the keys
    Secret: keys
    """

    def __init__(self, identity: CID, keys: EnvelopeKeys, directory: Directory) -> None:
        self._keys, self._directory = keys, directory
        self.identity = identity
        pair = keys.signing(directory.resolution(identity).require())
        self._signing = SigningKey(pair.signing.to_bytes())
        self._id = pki.Key(pki.Purpose.SIGN, SUITE, self._signing.public.to_bytes()).id

    def sign(self, message: bytes) -> bytes:
        """This member's signature over the message."""
        return self._id + self._signing.sign(LABEL, "run", message)

    def verify(self, member: Member, message: bytes, signature: bytes) -> None:
        """Nothing, if a key that the member's identity ever listed signed the message.

        Raises: InvalidSignature
        """
        verify(self._directory, CID.from_bytes(member.public_key), "run", message, signature)

    def seal(self, member: Member, plaintext: bytes) -> bytes:
        """The plaintext, so that only the member can read it.

        Raises: BrokenChain, NotFound, ParameterError
        """
        state = self._directory.resolution(CID.from_bytes(member.public_key)).require()
        key, secret = recipients_of(state)[0], secrets.token_bytes(SECRET_OCTETS)
        return key.id + key.seal_slot(secret) + AESGCM(secret).encrypt(_NONCE, plaintext, member.public_key)

    def open(self, member: Member, sealed: bytes) -> bytes:
        """What was sealed for this member; who said it is shown by the signature inside.

        Raises: DecryptionFailed
        """
        del member
        end = 32 + SUITES[DEFAULT_SUITE].slot_octets
        key = next((one for one in self._keys.opening if one.id == sealed[:32]), None)
        if key is None:
            raise DecryptionFailed("a message of a run was not sealed for a key that is here")
        try:
            return AESGCM(key.open_slot(sealed[32:end])).decrypt(_NONCE, sealed[end:], self.identity.to_bytes())
        except (InvalidTag, ValueError):
            raise DecryptionFailed("a message of a run was altered") from None


def sign(keys: EnvelopeKeys, state: pki.State, purpose: str, message: bytes) -> bytes:
    """The signature of an identity in this state over a message that no run makes. Raises: ParameterError."""
    key = SigningKey(keys.signing(state).signing.to_bytes())
    return pki.Key(pki.Purpose.SIGN, SUITE, key.public.to_bytes()).id + key.sign(LABEL, purpose, message)


class Recorded:
    """Credentials that keep what they made, and in a restored run give out what was kept.

    Spec: spec/dta-network.md, Credentials
    """

    def __init__(self, keys: Credentials) -> None:
        self._keys = keys
        self._kept: deque[tuple[bytes, bytes]] = deque()
        self._made: list[tuple[bytes, bytes]] = []

    def sign(self, message: bytes) -> bytes:
        """As the credentials behind it."""
        return self._once(b"sign" + message, lambda: self._keys.sign(message))

    def seal(self, member: Member, plaintext: bytes) -> bytes:
        """As the credentials behind it."""
        asked = b"seal" + i2osp(member.index, 2) + plaintext
        return self._once(asked, lambda: self._keys.seal(member, plaintext))

    def verify(self, member: Member, message: bytes, signature: bytes) -> None:
        """As the credentials behind it."""
        self._keys.verify(member, message, signature)

    def open(self, member: Member, sealed: bytes) -> bytes:
        """As the credentials behind it."""
        return self._keys.open(member, sealed)

    def expect(self, kept: Iterable[tuple[bytes, bytes]]) -> None:
        """Gives these out, in their order, before anything is made anew."""
        self._kept.extend(kept)

    def taken(self) -> list[tuple[bytes, bytes]]:
        """What was given out since the last call, each with the digest of what was asked."""
        made, self._made = self._made, []
        return made

    def _once(self, asked: bytes, make: Callable[[], bytes]) -> bytes:
        digest = hashlib.sha256(asked).digest()
        if self._kept:
            known, octets = self._kept.popleft()
            if known != digest:
                raise StoreError("the stored state of a run does not lead to what was said in it")
        else:
            octets = make()
        self._made.append((digest, octets))
        return octets
