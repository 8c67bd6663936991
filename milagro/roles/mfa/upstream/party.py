"""This server as the relying party of the upstream provider: where a browser goes, and whom the answer vouches for.

Authorization code with PKCE (S256), state and nonce; `iss` of the answer (RFC 9207) where the provider sends it; the ID
token's signature, issuer, audience, times, nonce and at_hash by joserfc and Authlib; userinfo only for a claim that the
ID token lacks, and only of the same subject.

Spec: spec/enrolment.md#upstream
"""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

import httpx
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jws, jwt
from joserfc.errors import JoseError

from milagro.errors import ConfigError, MilagroError, Unavailable
from milagro.octets import equal, frame
from milagro.roles import logs
from milagro.roles.mfa.upstream.enrolments import Proven
from milagro.roles.mfa.upstream.fetching import client, json_object
from milagro.roles.refusals import UpstreamRefused
from milagro.roles.transport.keys_of_issuer import IssuerKeys
from milagro.roles.wire import to_text
from milagro.stores import files

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from milagro.roles.mfa.upstream.config import UpstreamConfig

_DISCOVERY: Final = "/.well-known/openid-configuration"
_KNOWN_SECONDS: Final = 3600.0
_AGAIN_SECONDS: Final = 10.0
_LEEWAY: Final = 60
_SUBJECT_LIMIT: Final = 255
_TOKEN_LIMIT: Final = 16384
_KEYS_TRIED: Final = 4
_BROWSER_ENDPOINT: Final = "authorization_endpoint"
_ENDPOINTS: Final = (_BROWSER_ENDPOINT, "token_endpoint", "jwks_uri")
_log = logs.logger(__name__)


@dataclass(frozen=True, slots=True)
class Halves:
    """What a browser's cookie stands for. Secret: all of it, the verifier until it is sent

    each = base64url(SHA-256(frame(MILAGRO-ROLES-V1_UPSTREAM, its name, cookie)))
    Spec: spec/enrolment.md#upstream
    """

    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)

    @classmethod
    def of(cls, browser: str) -> Halves:
        """Those of this cookie."""

        def derived(name: str) -> str:
            fields = frame(b"MILAGRO-ROLES-V1_UPSTREAM", name.encode(), browser.encode())
            return to_text(hashlib.sha256(fields).digest())

        return cls(derived("state"), derived("nonce"), derived("verifier"))


class Party:
    """The relying party. What it learns of the provider it keeps for an hour."""

    def __init__(
        self,
        config: UpstreamConfig,
        redirect_uri: str,
        clock: Callable[[], int],
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.config, self.redirect_uri, self._clock = config, redirect_uri, clock
        self._http = client(config, transport)
        self._lock = threading.Lock()
        self._metadata: dict[str, Any] = {}
        self._read_at = self._tried_at = float("-inf")
        self._keys = IssuerKeys(self._fetch_keys, _KNOWN_SECONDS)

    def close(self) -> None:
        """Ends all connections."""
        self._http.close()

    # -- the question ------------------------------------------------------------------------------------------------
    def question(self, browser: str) -> str:
        """Where this browser goes. Raises: Unavailable if the provider cannot be asked about itself"""
        halves = Halves.of(browser)
        found: str = prepare_grant_uri(
            self._known()[_BROWSER_ENDPOINT],
            client_id=self.config.client_id,
            response_type="code",
            redirect_uri=self.redirect_uri,
            scope=list(self.config.scopes),
            state=halves.state,
            nonce=halves.nonce,
            code_challenge=create_s256_code_challenge(halves.verifier),
            code_challenge_method="S256",
            max_age=str(self.config.max_age) if self.config.max_age else None,
        )
        return found

    # -- the answer --------------------------------------------------------------------------------------------------
    def is_of(self, browser: str, answer: Mapping[str, str]) -> bool:
        """Whether the answer is to this browser's question."""
        return equal(answer.get("state", "").encode(), Halves.of(browser).state.encode())

    def vouched(self, browser: str, answer: Mapping[str, str]) -> Proven:
        """Whom the provider vouches for.

        Raises: UpstreamRefused, with a reason that is for the log; Unavailable
        """
        metadata = self._known()
        said = answer.get("iss")
        if said != self.config.issuer and (said or metadata.get("authorization_response_iss_parameter_supported")):
            raise UpstreamRefused("the answer is another issuer's")
        if "code" not in answer:
            raise UpstreamRefused("the provider says no")
        halves = Halves.of(browser)
        try:
            tokens = self._redeem(metadata["token_endpoint"], answer["code"], halves.verifier)
            claims = self._claims(tokens, halves.nonce)
            if self.config.claim not in claims and "userinfo_endpoint" in metadata:
                claims = {**self._userinfo(metadata["userinfo_endpoint"], tokens, claims["sub"]), **claims}
        except httpx.HTTPError as error:
            raise UpstreamRefused(f"the provider did not answer well: {type(error).__name__}") from None
        except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise UpstreamRefused(f"the provider's answer is not right: {type(error).__name__}") from None
        return Proven(self.config.issuer, claims["sub"], self.config.user(claims))

    def _redeem(self, endpoint: str, code: str, verifier: str) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": verifier,
        }
        auth = httpx.Auth()
        if self.config.auth_method == "client_secret_basic":  # RFC 6749, section 2.3.1: both are form-encoded
            auth = httpx.BasicAuth(quote(self.config.client_id, safe=""), quote(self._secret(), safe=""))
        else:
            form["client_id"] = self.config.client_id
            if self.config.auth_method == "client_secret_post":
                form["client_secret"] = self._secret()
        tokens = json_object(self._http.post(endpoint, data=form, auth=auth, headers={"accept": "application/json"}))
        if str(tokens.get("token_type", "")).lower() != "bearer" or not isinstance(tokens.get("access_token"), str):
            raise ValueError("no bearer token")
        return tokens

    def _secret(self) -> str:
        if self.config.secret_file is None:
            raise ConfigError("[mfa.upstream] has no secret_file")
        return files.read(self.config.secret_file, 4096).decode().strip()

    def _claims(self, tokens: dict[str, Any], nonce: str) -> dict[str, Any]:
        """The claims of the ID token, which is for this server, of this login, and goes with the access token."""
        text = tokens["id_token"]
        if len(text) > _TOKEN_LIMIT:
            raise ValueError("no ID token")
        header = jws.extract_compact(text.encode()).headers()
        payload = self._verified(text, header)
        wanted = {
            "iss": {"essential": True, "value": self.config.issuer},
            "aud": {"essential": True, "value": self.config.client_id},
        }
        given = {"nonce": nonce, "client_id": self.config.client_id, "access_token": tokens["access_token"]}
        now, oldest = self._clock(), self.config.max_age
        CodeIDToken(payload, header, wanted, {**given, "max_age": oldest}).validate(now=now, leeway=_LEEWAY)
        if oldest and payload["auth_time"] + oldest + _LEEWAY < now:
            raise ValueError("a login from long ago")
        if not isinstance(payload["sub"], str) or not 1 <= len(payload["sub"]) <= _SUBJECT_LIMIT:
            raise ValueError("no subject")
        return payload

    def _verified(self, text: str, header: dict[str, Any]) -> dict[str, Any]:
        algorithm, key_id = header.get("alg"), header.get("kid")
        if algorithm not in self.config.algorithms or not isinstance(key_id, str | None) or "crit" in header:
            raise ValueError("an algorithm that is not taken")
        for key in self._keys.candidates(algorithm, key_id)[:_KEYS_TRIED]:
            try:
                return dict(jwt.decode(text, key, algorithms=[algorithm]).claims)
            except (JoseError, ValueError):
                continue
        raise ValueError("no key of the provider signed it")

    def _userinfo(self, endpoint: str, tokens: dict[str, Any], subject: str) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {tokens['access_token']}", "accept": "application/json"}
        found = json_object(self._http.get(endpoint, headers=headers))
        if found.get("sub") != subject:
            raise ValueError("userinfo of somebody else")
        return found

    # -- the provider ------------------------------------------------------------------------------------------------
    def _known(self) -> dict[str, Any]:
        """What the provider says of itself. Raises: Unavailable"""
        with self._lock:
            now = time.monotonic()
            if now - self._read_at > _KNOWN_SECONDS and now - self._tried_at > _AGAIN_SECONDS:
                self._tried_at = now
                try:
                    self._metadata = self._discovered()
                    self._read_at = now
                except (httpx.HTTPError, ValueError) as error:
                    _log.warning("the upstream provider was not asked about itself", reason=str(error))
            if not self._metadata:
                raise Unavailable("the upstream provider does not answer; try again in a moment")
            return self._metadata

    def _discovered(self) -> dict[str, Any]:
        found = json_object(self._http.get(self.config.issuer.rstrip("/") + _DISCOVERY))
        if found.get("issuer") != self.config.issuer:
            raise ValueError("it calls itself by another name than [mfa.upstream] does")
        endpoints = [*_ENDPOINTS, *({"userinfo_endpoint"} & set(found))]
        for name in endpoints:
            if not isinstance(found.get(name), str) or not self.config.reaches(found[name]):
                host = urlsplit(str(found.get(name))[:200]).netloc
                raise ValueError(f"its {name} is at {host!r}, which is not among mfa.upstream.origins")
        return found

    def _fetch_keys(self) -> bytes:
        try:
            return self._http.get(self._known()["jwks_uri"]).raise_for_status().content
        except MilagroError as error:
            raise ConfigError(str(error)) from error
