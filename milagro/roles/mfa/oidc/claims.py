"""Which claims of a user a client gets, and where: by scopes, and by the claims parameter within the client's scopes.

Spec: spec/oidc.md#claims
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from authlib.oauth2.rfc6749 import InvalidRequestError

from milagro.errors import ParameterError
from milagro.roles.mfa.oidc.requests import CLAIMS_OF_SCOPE, SCOPE_OF_CLAIM

if TYPE_CHECKING:
    from milagro.roles.mfa.oidc.clients import RelyingParty
    from milagro.roles.mfa.oidc.families import Grant

_TEXTS = tuple(name for scope in ("profile", "email", "phone") for name in CLAIMS_OF_SCOPE[scope])
_FLAGS = ("email_verified", "phone_number_verified")
_ADDRESS = ("formatted", "street_address", "locality", "region", "postal_code", "country")
_LONGEST = 4096


def released(grant: Grant, client: RelyingParty, scope: str, place: str, profile: dict[str, Any]) -> dict[str, Any]:
    """The claims of the user that go into `place` (`userinfo` or `id_token`) for a token with these scopes."""
    by_scope = place == "userinfo" or client.claims_in_id_token
    names = {name for each in scope.split() for name in CLAIMS_OF_SCOPE.get(each, ())} if by_scope else set()
    asked = grant.claims.get(place) or {}
    names |= {name for name in asked if SCOPE_OF_CLAIM.get(name) in client.scopes}
    known = {"preferred_username": grant.user, **profile}
    return {name: known[name] for name in sorted(names) if name in known}


def read_request(text: str | None) -> dict[str, Any]:
    """The claims parameter.

    Raises: InvalidRequestError
    """
    if text is None:
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidRequestError("The claims parameter is not JSON.") from None
    places = {"userinfo", "id_token"}
    if not isinstance(found, dict) or not all(
        isinstance(found.get(place, {}), dict)
        and all(wanted is None or isinstance(wanted, dict) for wanted in found.get(place, {}).values())
        for place in places
    ):
        raise InvalidRequestError("The claims parameter has another form than OpenID Connect gives it.")
    return {place: found[place] for place in places if place in found}


def wanted_values(claims: dict[str, Any], name: str) -> list[Any]:
    """The values that the ID token's claim `name` is asked to have; none if any will do."""
    wanted = (claims.get("id_token") or {}).get(name) or {}
    values = wanted.get("values", [wanted["value"]] if "value" in wanted else [])
    return values if isinstance(values, list) else []


def check_profile(claims: dict[str, Any]) -> dict[str, Any]:
    """The claims of a user, if each is one that OpenID Connect knows, of its type.

    Raises: ParameterError
    """
    for name, value in claims.items():
        if name not in SCOPE_OF_CLAIM:
            raise ParameterError(f"there is no claim {name!r}; there are {', '.join(SCOPE_OF_CLAIM)}")
        if not _fits(name, value):
            raise ParameterError(f"the claim {name!r} cannot have this value")
    return claims


def _fits(name: str, value: Any) -> bool:
    if name in _FLAGS:
        return isinstance(value, bool)
    if name == "updated_at":
        return type(value) is int
    if name == "groups":
        return isinstance(value, list) and all(isinstance(each, str) and 0 < len(each) <= 256 for each in value)
    if name == "address":
        return isinstance(value, dict) and all(key in _ADDRESS and isinstance(value[key], str) for key in value)
    return name in _TEXTS and isinstance(value, str) and 0 < len(value) <= _LONGEST
