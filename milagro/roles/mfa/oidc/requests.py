"""Authorization requests: what is kept of one once it has been checked.

Spec: spec/oidc.md#authorization
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Final

CLAIMS_OF_SCOPE: Final[dict[str, tuple[str, ...]]] = {
    "profile": (
        "name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile", "picture",
        "website", "gender", "birthdate", "zoneinfo", "locale", "updated_at",
    ),
    "email": ("email", "email_verified"),
    "address": ("address",),
    "phone": ("phone_number", "phone_number_verified"),
    "groups": ("groups",),
}  # fmt: skip
SCOPE_OF_CLAIM: Final = {claim: scope for scope, claims in CLAIMS_OF_SCOPE.items() for claim in claims}


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """An authorization request that was checked: its client is known, and its redirect URI is one of the client's."""

    client_id: str
    redirect_uri: str
    scope: str
    state: str | None = None
    nonce: str | None = None
    response_mode: str = "query"
    prompt: tuple[str, ...] = ()
    max_age: int | None = None
    challenge: str | None = None
    subject: str | None = None
    """The `sub` that must log in, by id_token_hint or the claims parameter."""
    login_hint: str = ""
    ui_locales: str = ""
    display: str = ""
    claims: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """What is stored."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> AuthorizationRequest:
        """The request that `to_json` wrote."""
        values = json.loads(text)
        return cls(**{**values, "prompt": tuple(values["prompt"])})

    def claims_asked(self, place: str, scopes: tuple[str, ...]) -> set[str]:
        """The claims that the claims parameter asks for in `place`, of scopes that the client may have."""
        asked = self.claims.get(place) or {}
        return {name for name in asked if SCOPE_OF_CLAIM.get(name) in scopes}

    def consent_scope(self, scopes: tuple[str, ...]) -> set[str]:
        """All that the user is asked to let the client have, as scopes."""
        asked = self.claims_asked("userinfo", scopes) | self.claims_asked("id_token", scopes)
        return set(self.scope.split()) | {SCOPE_OF_CLAIM[name] for name in asked}
