"""Many values in one contiguous buffer, and work that is divided among threads.

An array is n encodings of one length, one behind the other, in any contiguous buffer of single octets: bytes, a
memoryview, or a numpy array of uint8 of whatever shape. Nothing here needs numpy: `numpy.frombuffer` makes an array of
what comes out, and what comes out can be written to an array of its own by `out`.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from milagro.errors import ParameterError, WrongLength

if TYPE_CHECKING:
    from milagro.groups.encodings import Codec

TOGETHER = 8  # what the native backend may do at once, and so no thread is given less
ResultT = TypeVar("ResultT")


class Buffer(Protocol):
    """Contiguous octets: bytes, bytearray, memoryview, or an array of uint8 such as numpy's."""

    def __buffer__(self, flags: int, /) -> memoryview:
        """The memory of it."""


def contiguous(buffer: Buffer) -> memoryview:
    """The memory of a contiguous buffer of single octets, of whatever shape.

    Raises: ParameterError for anything else
    """
    try:
        view = memoryview(buffer)
    except TypeError:
        raise ParameterError(f"expected a buffer of octets, got {type(buffer).__name__}") from None
    if view.itemsize != 1 or not view.c_contiguous:
        raise ParameterError("expected one contiguous buffer of single octets")
    return view.cast("B") if view.nbytes else memoryview(b"")


def filled(octets: bytes | bytearray, out: Buffer | None) -> memoryview:
    """The octets: in the memory of `out`, if there is one, all of which they must fill.

    Raises: ParameterError if `out` cannot be written to, WrongLength if it has another size
    """
    if out is None:
        return memoryview(octets)
    view = contiguous(out)
    if len(view) != len(octets):
        raise WrongLength(f"the result has {len(octets)} octets, and out {len(view)}")
    if memoryview(out).readonly:
        raise ParameterError("out cannot be written to")
    if octets:
        view[:] = octets
    return view


def rows(buffer: Buffer, width: int, what: str) -> bytes:
    """The octets of a buffer that holds whole elements of this width.

    Raises: WrongLength for a part of an element, ParameterError for what is no contiguous buffer
    """
    octets = contiguous(buffer).tobytes()
    if len(octets) % width:
        raise WrongLength(f"an array of {what}: {len(octets)} octets are no multiple of {width}")
    return octets


# -- points --------------------------------------------------------------------------------------------------------
def decode_array(codec: Codec, buffer: Buffer, *, allow_identity: bool, workers: int = 1) -> list[Any]:
    """The handles of the points in a buffer, each fully checked.

    Raises: the EncodingError of the first bad element, with its index in the text; WrongLength for a part of an element
    """
    width = codec.length
    octets = memoryview(rows(buffer, width, f"points of {codec.ops.group}"))

    def work(part: slice) -> list[Any]:
        some = octets[width * part.start : width * part.stop]
        return codec.decode_array(some, allow_identity=allow_identity, first=part.start)

    return spread(work, len(octets) // width, workers)


# -- threads -------------------------------------------------------------------------------------------------------
def check_workers(workers: int) -> int:
    """The number itself, refused where it is no number of threads.

    Raises: ParameterError for less than one worker
    """
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise ParameterError(f"work needs at least one worker, not {workers}")
    return workers


def parts(count: int, workers: int) -> list[slice]:
    """`count` elements in at most `workers` consecutive parts of about one size, a multiple of TOGETHER.

    Raises: ParameterError for less than one worker
    """
    check_workers(workers)
    size = max(1, -(-count // (TOGETHER * workers))) * TOGETHER
    return [slice(start, min(start + size, count)) for start in range(0, count, size)] or [slice(0, 0)]


def each_part(work: Callable[[slice], ResultT], count: int, workers: int) -> list[ResultT]:
    """work(part) for each part of so many elements, on `workers` threads: native code lets other threads run meanwhile.

    Raises: ParameterError for less than one worker; what the work raises
    """
    divided = parts(count, workers)
    if len(divided) == 1:
        return [work(divided[0])]
    with ThreadPoolExecutor(len(divided)) as pool:
        return list(pool.map(work, divided))


def spread(work: Callable[[slice], list[ResultT]], count: int, workers: int) -> list[ResultT]:
    """The lists of each part, joined."""
    return [result for part in each_part(work, count, workers) for result in part]
