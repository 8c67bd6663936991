"""Who may call operators' operations: the holder of a bearer token (RFC 6750) that [operators] allows.

token --form----> three segments, a signed JWT, an algorithm from the list, no critical header
      --key-----> a key of the issuer signed it
      --claims--> iss, aud, exp and nbf, scope, each with a refusal of its own
"""

from __future__ import annotations

import base64
import binascii
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from joserfc import jws
from joserfc.errors import JoseError

from milagro.errors import MilagroError
from milagro.roles.refusals import (
    TokenAudience,
    TokenExpired,
    TokenForged,
    TokenIssuer,
    TokenMalformed,
    TokenMissing,
    TokenNotYetValid,
    TokenScope,
)
from milagro.roles.transport.keys_of_issuer import IssuerKeys, from_file, from_url

if TYPE_CHECKING:
    from collections.abc import Callable

    from milagro.roles.transport.config import OperatorsConfig

LEEWAY = 5  # seconds by which the clocks of issuer and server may differ
_TYPES = (None, "JWT", "jwt", "at+jwt", "application/at+jwt")
_SIZE_LIMIT = 8192
_SUBJECT_LIMIT = 256
_TRIES = 4


@dataclass(frozen=True, slots=True)
class Operator:
    """Who holds the token, as its issuer knows them, and what it allows."""

    subject: str
    scopes: frozenset[str]


class Authorizer:
    """What one server takes as an operator's token."""

    def __init__(
        self, config: OperatorsConfig, keys: IssuerKeys | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._config = config
        fetch = from_file(config.jwks_file) if config.jwks_file else from_url(config.jwks_url)
        self._keys = keys or IssuerKeys(fetch, config.refresh_seconds)
        self._clock = clock

    def check(self, header: str | None) -> Operator:
        """The operator whose token is in this Authorization header.

        Raises: TokenMissing, TokenMalformed, TokenForged, TokenIssuer, TokenAudience, TokenExpired, TokenNotYetValid,
            TokenScope, each with its `challenge` for WWW-Authenticate; Unavailable
        """
        try:
            return self._check(header)
        except MilagroError as error:
            error.__dict__["challenge"] = _challenge(error, self._config.scope)
            raise

    def _check(self, header: str | None) -> Operator:
        scheme, _, token = (header or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise TokenMissing("this operation needs an operator's bearer token")
        claims = self._verified(token.strip())
        if claims.get("iss") != self._config.issuer:
            raise TokenIssuer("the token was made by another issuer")
        audience = claims.get("aud")
        if self._config.audience not in (audience if isinstance(audience, list) else [audience]):
            raise TokenAudience("the token was made for another server")
        self._check_time(claims)
        operator = _operator(claims)
        if self._config.scope not in operator.scopes:
            raise TokenScope(f"the token lacks the scope {self._config.scope}")
        return operator

    def _verified(self, token: str) -> dict[str, Any]:
        header = _header(token)
        algorithm, key_id = header.get("alg"), header.get("kid")
        if algorithm not in self._config.algorithms or not isinstance(key_id, str | None):
            raise TokenMalformed("the token's algorithm is not one that is taken here")
        if header.get("typ") not in _TYPES or "crit" in header:
            raise TokenMalformed("the token's header is not that of an access token")
        for key in self._keys.candidates(algorithm, key_id)[:_TRIES]:
            try:
                found = jws.deserialize_compact(token, key, algorithms=[algorithm])
            except (JoseError, ValueError, TypeError):
                continue
            return _claims(found.payload)
        raise TokenForged("the token is not signed by a key of the issuer")

    def _check_time(self, claims: dict[str, Any]) -> None:
        now, expires, begins = self._clock(), claims.get("exp"), claims.get("nbf", 0)
        if expires is None or not _is_time(expires) or not _is_time(begins):
            raise TokenMalformed("the token's exp is missing, or exp or nbf is no time")
        if now >= expires + LEEWAY:
            raise TokenExpired("the token's time is over")
        if now < begins - LEEWAY:
            raise TokenNotYetValid("the token's time has not come")


def _challenge(error: MilagroError, scope: str) -> str | None:
    if isinstance(error, TokenMissing):
        return 'Bearer realm="milagro"'
    if isinstance(error, TokenScope):
        return f'Bearer realm="milagro", error="insufficient_scope", scope="{scope}"'
    if getattr(error, "code", "").startswith("token-"):
        return f'Bearer realm="milagro", error="invalid_token", error_description="{error}"'
    return None


def _header(token: str) -> dict[str, Any]:
    if len(token) > _SIZE_LIMIT or token.count(".") != 2:
        raise TokenMalformed("this is not a signed JWT")
    text = token.partition(".")[0]
    try:
        octets = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return _object(json.loads(octets))
    except (ValueError, binascii.Error, RecursionError):
        raise TokenMalformed("this is not a signed JWT") from None


def _claims(payload: bytes | None) -> dict[str, Any]:
    try:
        return _object(json.loads(payload or b""))
    except (ValueError, RecursionError):
        raise TokenMalformed("the token's claims are not a JSON object") from None


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("not an object")  # noqa: TRY004 - the caller makes one refusal of all faults of form
    return value


def _operator(claims: dict[str, Any]) -> Operator:
    subject, scope = claims.get("sub"), claims.get("scope", claims.get("scp", ""))
    scopes = scope.split() if isinstance(scope, str) else scope
    if not isinstance(subject, str) or not 1 <= len(subject) <= _SUBJECT_LIMIT:
        raise TokenMalformed("the token's sub must be a short string")
    if not isinstance(scopes, list) or not all(isinstance(entry, str) for entry in scopes):
        raise TokenMalformed("the token's scope is neither a string nor a list of strings")
    return Operator(subject, frozenset(scopes))


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1 << 53
