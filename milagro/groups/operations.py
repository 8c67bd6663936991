"""The operations of one group, picked out of a backend, so that G1 and G2 share every line above it.

Spec: spec/curves.md#curves
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from milagro.backend import Buffer, CurveOps

GroupName = Literal["G1", "G2"]


@dataclass(frozen=True, slots=True)
class PointOps:
    """The point operations of G1 or G2; the names are those of `CurveOps` without their prefix."""

    group: GroupName
    generator: Callable[[], Any]
    identity: Callable[[], Any]
    from_affine: Callable[[bytes, bytes], Any]
    from_x: Callable[[bytes, int, str], Any]
    to_affine: Callable[[Any], tuple[bytes, bytes]]
    from_octets: Callable[[bytes, str], Any]
    to_octets: Callable[[Any, str], bytes]
    sign: Callable[[Any, str], int]
    add: Callable[[Any, Any], Any]
    neg: Callable[[Any], Any]
    mul: Callable[[Any, Any], Any]
    mul_vartime: Callable[[Any, Any], Any]
    msm: Callable[[Sequence[Any], Sequence[Any]], Any]
    msm_vartime: Callable[[Sequence[Any], Sequence[Any]], Any]
    msm_array_vartime: Callable[[Buffer, Buffer], Any]
    equal: Callable[[Any, Any], bool]
    is_identity: Callable[[Any], bool]
    in_subgroup: Callable[[Any], bool]
    hash_uniform: Callable[[bytes, int], Any]
    hash_uniform_vartime: Callable[[bytes, int], Any]
    map_original: Callable[[bytes], Any]
    mul_many: Callable[[list[Any], list[Any]], list[Any]]
    hash_uniform_many_vartime: Callable[[Buffer, int, int], list[Any]]
    array_from_octets: Callable[[Buffer, str, bool, int], list[Any]]
    array_to_octets: Callable[[list[Any], str], bytearray]


def point_ops(ops: CurveOps, group: GroupName) -> PointOps:
    """The operations of `group` on the curve of `ops`."""
    names = [name for name in PointOps.__slots__ if name != "group"]
    return PointOps(group, **{name: getattr(ops, f"{group.lower()}_{name}") for name in names})
