"""A PKCS#11 token: found by its label, logged in with a PIN, and called by one thread of this process.

        closed --first use--> open --any failure--> closed: opened and asked once more, then Unavailable
          |                                            |
          +--PIN refused--> shut: no other login with this PIN in this process, as a token locks after a few wrong ones

Modules differ in what they bear: most break when a fork shares them, several when two threads call at once. So every
module has one owner, a thread; a process that was forked from one that had opened the module is refused; and whoever
asks waits for a bounded time.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import queue
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NoAnswer
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

import pkcs11
from pkcs11 import Attribute, GCMParams, KeyType, Mechanism, MechanismFlag, ObjectClass, TokenFlag
from pkcs11 import exceptions as refusals

from milagro.errors import (
    AlreadyExists,
    ConfigError,
    DecryptionFailed,
    MilagroError,
    ParameterError,
    StoreError,
    Unavailable,
)
from milagro.octets import equal

if TYPE_CHECKING:
    from pathlib import Path

    from milagro.stores.keys.passphrase import Pin, PinSource

Result = TypeVar("Result")

_ID_OCTETS = 16
_KEY_OCTETS = 32
_LOGIN_REFUSED: Final = (refusals.PinIncorrect, refusals.PinInvalid, refusals.PinLenRange)
_NO_AES_GCM: Final = (
    refusals.MechanismInvalid,
    refusals.MechanismParamInvalid,
    refusals.FunctionNotSupported,
    refusals.KeyTypeInconsistent,
)


# -- the owner of a module ------------------------------------------------------------------------------------------
class _Owner:
    """The thread that calls one module, and what it has open there."""

    def __init__(self, module: str) -> None:
        self.module = module
        self.touched = False
        self.library: Any = None
        self.sessions: dict[str, _Session] = {}
        self.refused: dict[str, Pin] = {}
        self._work: queue.SimpleQueue[tuple[Future[Any], Callable[[_Owner], Any]]] = queue.SimpleQueue()
        self._since: float | None = None
        # A daemon: a token that never answers must not keep the process from ending.
        threading.Thread(target=self._run, name=f"pkcs11 {module}", daemon=True).start()

    def call(self, work: Callable[[_Owner], Result], seconds: float) -> Result:
        """What the work gives, done by the owner's thread after all that was asked before.

        Raises: Unavailable if that takes too long
        """
        since = self._since
        if since is not None and time.monotonic() - since > seconds:
            raise Unavailable("the token does not answer: a call of its module has not come back")
        future: Future[Result] = Future()
        self._work.put((future, work))
        try:
            return future.result(seconds)
        except NoAnswer:
            if future.done():  # the work itself ran into a time-out
                raise
            future.cancel()
            raise Unavailable(f"the token did not answer within {seconds:g} s") from None

    def _run(self) -> None:
        while True:
            future, work = self._work.get()
            if not future.set_running_or_notify_cancel():
                continue
            self._since = time.monotonic()
            try:
                future.set_result(work(self))
            except BaseException as error:  # noqa: BLE001 - whoever waits is to see it
                future.set_exception(error)
            self._since = None

    def close(self) -> None:
        """Ends all sessions, the module's own state too: several modules see a token that came back only then."""
        self.sessions.clear()
        if self.library is not None and self.library.initialized:
            with contextlib.suppress(pkcs11.PKCS11Error):
                self.library.finalize()

    def open_library(self) -> Any:
        """The module, ready for calls.

        Raises: ConfigError if it is no module, Unavailable if it does not start
        """
        if not os.path.isfile(self.module):  # noqa: PTH113 - the loader takes a text
            raise ConfigError(f"there is no PKCS#11 module {self.module}")
        self.touched = True
        try:
            self.library = pkcs11.lib(self.module)
        except pkcs11.PKCS11Error as error:
            if type(error) is pkcs11.PKCS11Error:
                raise ConfigError(f"{self.module} cannot be loaded as a PKCS#11 module: {error}") from error
            raise Unavailable(f"the PKCS#11 module {self.module} does not start ({_code(error)})") from error
        return self.library


_owners: dict[str, _Owner] = {}
_inherited: set[str] = set()
_owners_lock = threading.Lock()


def _owner(module: Path) -> _Owner:
    name = os.path.realpath(module)  # one module under two names is one module
    if name in _inherited:
        raise ConfigError(
            f"this process was forked from one that had opened {name}; a token is opened after the fork, by one process"
        )
    with _owners_lock:
        if name not in _owners:
            _owners[name] = _Owner(name)
        return _owners[name]


def _forget_parent() -> None:
    """In a child: no thread came along, and the sessions are the parent's."""
    global _owners_lock  # noqa: PLW0603 - the parent may have been forked while it held the lock
    _owners_lock = threading.Lock()
    for owner in _owners.values():
        if owner.touched:
            _inherited.add(owner.module)
        if owner.library is not None:
            # Never freed here: freeing calls C_Finalize, which some modules take for the parent's wish.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(owner.library))
    _owners.clear()


os.register_at_fork(after_in_child=_forget_parent)


# -- a token ----------------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class _Session:
    session: Any
    keys: dict[bytes, Any] = field(default_factory=dict)  # by CKA_ID
    labels: dict[str, bytes] = field(default_factory=dict)


class Token:
    """A token and its AES keys, which never leave it.

    Raises: ConfigError for a module, PIN or key that is not right; Unavailable for a token that is not there or does
        not answer
    """

    def __init__(self, module: Path, label: str, pin: PinSource, seconds: float = 30) -> None:
        self._module = module
        self._label = label
        self._pin = pin
        self._seconds = seconds

    @property
    def label(self) -> str:
        """The token's label."""
        return self._label

    def key_id(self, label: str) -> bytes:
        """The id (CKA_ID) of the one AES-256 key that has this label.

        Raises: ConfigError if there is none, or one that could leave the token
        """
        return self._ask(lambda session: _named(session, label))

    def generate_key(self, label: str) -> bytes:
        """The id of a new AES-256 key, made in the token and never out of it.

        Raises: AlreadyExists if a key has this label
        """
        return self._ask(lambda session: _generate(session, label), again=False)

    def encrypt(self, key_id: bytes, nonce: bytes, plaintext: bytes, associated: bytes) -> bytes:
        """Ciphertext and tag of AES-256-GCM.

        Secret: the plaintext
        """
        return self._ask(lambda session: _encrypt(_found(session, key_id), nonce, plaintext, associated))

    def decrypt(self, key_id: bytes, nonce: bytes, ciphertext: bytes, associated: bytes) -> bytes:
        """The plaintext.

        Raises: DecryptionFailed if the tag does not fit, or the token has no such key
        Secret: the result
        """
        return self._ask(lambda session: _decrypt(_found(session, key_id), nonce, ciphertext, associated))

    def close(self) -> None:
        """Logs out of all tokens of this module; the next use of one opens it again."""
        _owner(self._module).call(_Owner.close, self._seconds)

    def _ask(self, work: Callable[[_Session], Result], *, again: bool = True) -> Result:
        return _owner(self._module).call(lambda owner: self._attempt(owner, work, again=again), self._seconds)

    def _attempt(self, owner: _Owner, work: Callable[[_Session], Result], *, again: bool) -> Result:
        fresh = self._label not in owner.sessions
        try:
            return work(self._session(owner))
        except pkcs11.PKCS11Error as error:
            owner.close()
            if fresh or not again or isinstance(error, _LOGIN_REFUSED):
                raise _translated(error, self._label) from error
        return self._attempt(owner, work, again=False)

    def _session(self, owner: _Owner) -> _Session:
        if self._label not in owner.sessions:
            owner.sessions[self._label] = self._open(owner)
        return owner.sessions[self._label]

    def _open(self, owner: _Owner) -> _Session:
        token = self._find(owner.open_library())
        pin = self._pin.read()
        refused = owner.refused.get(self._label)
        if refused is not None and equal(refused.reveal(), pin.reveal()):
            raise _pin_refused(self._label)
        check_flags(token.flags, self._label)
        try:
            # Read-write: there are tokens that have no other sessions.
            return _Session(token.open(rw=True, user_pin=pin.text()))
        except refusals.UserAlreadyLoggedIn:
            return _Session(token.open(rw=True))
        except _LOGIN_REFUSED:
            owner.refused[self._label] = pin
            raise

    def _find(self, library: Any) -> Any:
        try:
            return library.get_token(token_label=self._label)
        except refusals.MultipleTokensReturned:
            raise ConfigError(f"there is more than one token {self._label!r}; give one another label") from None


def check_flags(flags: TokenFlag, label: str) -> None:
    """Nothing, if a login can be tried: a token that would lock after one more wrong PIN is left to its owner.

    Raises: ConfigError
    """
    if flags & TokenFlag.USER_PIN_LOCKED:
        raise _pin_locked(label)
    if flags & TokenFlag.USER_PIN_FINAL_TRY:
        raise ConfigError(
            f"the token {label!r} locks after one more wrong PIN, so it is not tried here; log in to it once by hand"
        )
    if not flags & TokenFlag.USER_PIN_INITIALIZED:
        raise ConfigError(f"the token {label!r} has no user PIN yet; its security officer sets one")


def _pin_refused(label: str) -> ConfigError:
    return ConfigError(
        f"the token {label!r} refuses the PIN. It is not tried again, as a token locks after a few wrong ones: "
        "correct it, then start again"
    )


def _pin_locked(label: str) -> ConfigError:
    return ConfigError(f"the PIN of the token {label!r} is locked; its security officer can set a new one")


class _NoSuchKey(refusals.NoSuchKey):
    """What a session says, too, whose token went away; only a new one is believed."""

    def __init__(self, verdict: MilagroError) -> None:
        super().__init__(str(verdict))
        self.verdict = verdict


def _translated(error: pkcs11.PKCS11Error, label: str) -> MilagroError:
    """The error of our tree that says what an error of PKCS#11 means here."""
    match error:
        case _NoSuchKey():
            return error.verdict
        case refusals.NoSuchToken():
            return Unavailable(f"the token {label!r} is not there; is it plugged in and initialised?")
        case refusals.PinIncorrect() | refusals.PinInvalid() | refusals.PinLenRange():
            return _pin_refused(label)
        case refusals.PinLocked():
            return _pin_locked(label)
        case refusals.PinExpired() | refusals.UserPinNotInitialized():
            return ConfigError(f"the PIN of the token {label!r} has to be set anew ({_code(error)})")
        case refusals.TokenWriteProtected() | refusals.SessionReadOnly():
            return ConfigError(f"the token {label!r} takes no new keys ({_code(error)})")
        case refusals.DataLenRange() | refusals.DataInvalid():
            return ParameterError(f"this is too long for the token {label!r} ({_code(error)})")
    if isinstance(error, _NO_AES_GCM):
        return ConfigError(f"the token {label!r} cannot do AES-256-GCM with this key ({_code(error)})")
    return Unavailable(f"the token {label!r} cannot be used now ({_code(error)})")


def _code(error: pkcs11.PKCS11Error) -> str:
    """What happened, without the texts that modules add."""
    return type(error).__name__


# -- its keys ---------------------------------------------------------------------------------------------------------
def _search(session: _Session, **wanted: Any) -> list[Any]:
    attributes = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.KEY_TYPE: KeyType.AES}
    return list(session.session.get_objects(attributes | {Attribute[name]: value for name, value in wanted.items()}))


def _named(session: _Session, label: str) -> bytes:
    if label not in session.labels:
        keys = _search(session, LABEL=label)
        if not keys:
            raise _NoSuchKey(ConfigError(f"the token has no key {label!r}; `milagro keys generate` makes one"))
        if len(keys) > 1:
            raise ConfigError(f"the token has {len(keys)} AES keys {label!r}; give all but one another label")
        session.labels[label] = _kept(session, keys[0])
    return session.labels[label]


def _found(session: _Session, key_id: bytes) -> Any:
    if key_id not in session.keys:
        keys = _search(session, ID=key_id)
        if not keys:
            raise _NoSuchKey(
                DecryptionFailed(f"it was sealed under the token's key {key_id.hex()}, which this token does not have")
            )
        _kept(session, keys[0])
    return session.keys[key_id]


def _kept(session: _Session, key: Any) -> bytes:
    """The key's id, once it is known to be a key that stays where it is."""
    label, key_id = key[Attribute.LABEL], bytes(key[Attribute.ID])
    if not key_id:
        raise ConfigError(f"the token's key {label!r} has no id (CKA_ID), by which what it sealed is found again")
    if key[Attribute.VALUE_LEN] != _KEY_OCTETS:
        raise ConfigError(f"the token's key {label!r} is no AES-256 key")
    if key[Attribute.EXTRACTABLE] or not key[Attribute.SENSITIVE]:
        raise ConfigError(
            f"the token's key {label!r} could leave the token; use one that is sensitive and unextractable"
        )
    session.keys[key_id] = key
    return key_id


def _generate(session: _Session, label: str) -> bytes:
    if _search(session, LABEL=label):
        raise AlreadyExists(f"the token has a key {label!r} already")
    key = session.session.generate_key(
        KeyType.AES,
        8 * _KEY_OCTETS,
        id=secrets.token_bytes(_ID_OCTETS),
        label=label,
        store=True,
        capabilities=MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT,
        template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
    )
    return _kept(session, key)


def _encrypt(key: Any, nonce: bytes, plaintext: bytes, associated: bytes) -> bytes:
    return bytes(key.encrypt(plaintext, mechanism=Mechanism.AES_GCM, mechanism_param=GCMParams(nonce, associated)))


def _decrypt(key: Any, nonce: bytes, ciphertext: bytes, associated: bytes) -> bytes:
    try:
        return bytes(key.decrypt(ciphertext, mechanism=Mechanism.AES_GCM, mechanism_param=GCMParams(nonce, associated)))
    except pkcs11.PKCS11Error:
        # Tokens answer a wrong tag with a general error, as they do when they are gone: what else works now?
        _check_alive(key)
        raise DecryptionFailed("what was sealed under the token's key was altered") from None


def _check_alive(key: Any) -> None:
    nonce, probe = secrets.token_bytes(12), secrets.token_bytes(16)
    sealed = key.encrypt(probe, mechanism=Mechanism.AES_GCM, mechanism_param=GCMParams(nonce, b"probe"))
    opened = key.decrypt(sealed, mechanism=Mechanism.AES_GCM, mechanism_param=GCMParams(nonce, b"probe"))
    if opened != probe:
        raise StoreError("the token does not give back what it sealed")
