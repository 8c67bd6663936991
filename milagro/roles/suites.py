"""The M-Pin suite of a role, on arithmetic that keeps its time to itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, cast

from milagro import backend, params
from milagro.errors import BackendUnavailable, MilagroError
from milagro.groups import curve
from milagro.protocols.mpin.v2 import Suite

if TYPE_CHECKING:
    from milagro.roles.config import Reader

HASHES = ("sha256", "sha384", "sha512")
DEFAULT_CURVE = "BLS12-381"
DEFAULT_SLOT_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class SuiteConfig:
    """[suite]: what the D-TAs, the MFA server and its clients must agree on."""

    curve: str
    hash: str
    slot_seconds: int  # of a time permit; 0 where logins need none

    def open(self) -> Suite:
        """The suite that these words name.

        Raises: BackendUnavailable, ParameterError
        """
        return open_suite(self.curve, self.hash, self.slot_seconds)


def open_suite(curve_name: str, hash_name: str, slot_seconds: int) -> Suite:
    """The suite on the process's backend.

    Raises: BackendUnavailable for the reference backend or where none is built, ParameterError
    """
    name = cast('Literal["sha256", "sha384", "sha512"]', hash_name)
    slot = timedelta(seconds=slot_seconds) if slot_seconds else None
    return Suite(curve(curve_name, backend=require_constant_time()), name, slot)


def require_constant_time() -> str:
    """The name of the process's backend, which must be constant-time because a role multiplies by secrets.

    Raises: BackendUnavailable for the reference backend or where none is built
    """
    arithmetic = backend.load(backend.default_name())
    if not arithmetic.CONSTANT_TIME:
        raise BackendUnavailable(
            f"the {arithmetic.NAME} backend is not constant-time, so it holds no secrets of a server or a client; "
            "unset MILAGRO_BACKEND to use the native one"
        )
    return arithmetic.NAME


def read_suite(reader: Reader) -> SuiteConfig:
    """The table [suite]."""
    name = reader.text("curve", DEFAULT_CURVE)
    try:
        params.get(name or DEFAULT_CURVE)
    except MilagroError as error:
        reader.fault("curve", f"is {name!r}: {error}")
    return SuiteConfig(
        curve=name,
        hash=reader.choice("hash", HASHES, "sha256"),
        slot_seconds=reader.integer("slot_seconds", 0, 31_622_400, DEFAULT_SLOT_SECONDS),
    )
