"""What every secret refuses: to be printed, pickled, copied or hashed."""

from __future__ import annotations

from typing import ClassVar, NoReturn

from milagro.errors import ParameterError


class SecretValue:
    """A value that shows nothing of itself unless `to_bytes` is called."""

    __slots__ = ()
    __hash__: ClassVar[None]  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return self is other

    def __repr__(self) -> str:
        return f"<{type(self).__name__}, redacted>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise ParameterError(f"a {type(self).__name__} is neither pickled nor copied; write it with to_bytes")
