"""What a login is for, if for one thing only: it stands in what the client signs, so that it is good for nothing else.

Spec: spec/mpin.md#transcript
"""

from __future__ import annotations

import hashlib
from typing import Final

from milagro.octets import frame
from milagro.protocols.mpin.v2 import Context
from milagro.roles.wire import to_text

ADD_DEVICE: Final = "add-device"
_LABEL: Final = b"MILAGRO-ROLES-V1_PURPOSE"


def context_for(server: str, origin: str, relying_party: str, purpose: str | None = None) -> Context:
    """The context of a login: the plain one, or with base64url(SHA-256(frame(label, relying party, purpose))) as its
    relying party.

    Spec: spec/mpin.md#transcript
    """
    if purpose is None:
        return Context(server, origin, relying_party)
    octets = frame(_LABEL, relying_party.encode(), purpose.encode())
    return Context(server, origin, to_text(hashlib.sha256(octets).digest()))


def crossing(link: str, host: str) -> str:
    """The purpose of a login for another browser: the crossing's link, and the host of the site that was shown.

    Spec: spec/oidc.md#crossing
    """
    octets = frame(b"MILAGRO-ROLES-V1_CROSSING", link.encode(), host.encode())
    return f"crossing {to_text(hashlib.sha256(octets).digest())}"
