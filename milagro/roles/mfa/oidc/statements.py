"""What the provider signs: ID tokens and logout tokens; and reading ID tokens that come back as hints.

Spec: spec/oidc.md#id-token
"""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import TYPE_CHECKING, Any, Final

from joserfc import jws, jwt
from joserfc.errors import JoseError

from milagro.roles.mfa.oidc.claims import released
from milagro.roles.wire import to_text

if TYPE_CHECKING:
    from milagro.roles.mfa.oidc.clients import RelyingParty
    from milagro.roles.mfa.oidc.config import OidcConfig
    from milagro.roles.mfa.oidc.families import Grant
    from milagro.roles.mfa.oidc.keys import ProviderKeys

_LOGOUT_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
_LOGOUT_SECONDS: Final = 120


class Statements:
    """What is said in the provider's name."""

    def __init__(self, issuer: str, config: OidcConfig, keys: ProviderKeys) -> None:
        self._issuer, self._config, self._keys = issuer, config, keys

    def id_token(
        self, grant: Grant, client: RelyingParty, access_token: str, scope: str, profile: dict[str, Any], now: int
    ) -> str:
        """The ID token that goes with an access token.

        at_hash = base64url(left half of SHA-256(access token)) (OpenID Connect Core 1.0, 3.1.3.6)
        """
        claims = released(grant, client, scope, "id_token", profile)
        claims |= {
            "iss": self._issuer,
            "sub": grant.subject,
            "aud": client.client_id,
            "iat": now,
            "exp": now + self._config.access_seconds,
            "auth_time": grant.auth_time,
            "acr": self._config.acr,
            "amr": grant.amr.split(),
            "sid": self._keys.session_id(grant.sid, client),
            "at_hash": to_text(hashlib.sha256(access_token.encode()).digest()[:16]),
        }
        if grant.nonce is not None:
            claims["nonce"] = grant.nonce
        return self._sign(client, "JWT", claims, now)

    def logout_token(self, client: RelyingParty, subject: str, sid: str, now: int) -> str:
        """What tells a client that a session is over (OpenID Connect Back-Channel Logout 1.0, 2.4)."""
        claims = {
            "iss": self._issuer,
            "sub": subject,
            "aud": client.client_id,
            "iat": now,
            "exp": now + _LOGOUT_SECONDS,
            "jti": secrets.token_hex(16),
            "sid": self._keys.session_id(sid, client),
            "events": {_LOGOUT_EVENT: {}},
        }
        return self._sign(client, "logout+jwt", claims, now)

    def read_hint(self, token: str | None, now: int) -> dict[str, Any] | None:
        """The claims of an ID token of this provider, also of one that is over; None for anything else."""
        if token is None or len(token) > 8192:
            return None
        try:
            header = jws.extract_compact(token.encode()).headers()
            key = self._keys.find(str(header.get("kid")), now)
            if key is None or header.get("typ") != "JWT" or header.get("alg") != key.alg:
                return None
            claims: dict[str, Any] = jwt.decode(token, key.key, algorithms=[key.alg]).claims
        except (JoseError, ValueError, UnicodeError, json.JSONDecodeError):
            return None
        return claims if claims.get("iss") == self._issuer and isinstance(claims.get("aud"), str) else None

    def _sign(self, client: RelyingParty, kind: str, claims: dict[str, Any], now: int) -> str:
        key = self._keys.signing(client.signing_alg, now)
        header = {"alg": key.alg, "typ": kind, "kid": key.kid}
        return jwt.encode(header, claims, key.key, algorithms=[key.alg])
