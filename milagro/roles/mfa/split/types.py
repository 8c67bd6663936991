"""The types of what the messages between replicas hold."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from milagro.roles.wire import bounded_octets

Run = bounded_octets(16, 16)
SessionOctets = bounded_octets(1, 8192)
Index = Annotated[int, Field(ge=1, le=32)]
