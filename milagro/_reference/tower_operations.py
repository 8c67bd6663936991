"""Single operations of the field tower on octets, for vectors and differential tests.

Fp4 is calculated inside Fp12, of which it is the part a of a + w b + w^2 c; w -> -w is v -> -v there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from milagro._reference.roots import original_sqrt
from milagro.errors import NotOnCurve, ParameterError

if TYPE_CHECKING:
    from milagro._reference.fields import Field, PrimeField, QuadraticField
    from milagro._reference.tower import Fp12, Tower

Operation = Callable[..., Any]


class TowerOperations:
    """Each operation by name, with its number of operands."""

    def __init__(self, fp: PrimeField, fp2: QuadraticField, tower: Tower) -> None:
        self.fp = fp
        self.fp2 = fp2
        self.tower = tower
        extension = self._extension()
        self.operations: dict[str, dict[str, tuple[int, Operation]]] = {
            "fp": self._basic(fp),
            "fp2": self._basic(fp2) | self._fp2(),
            "fp4": extension,
            "fp12": extension | {"cyclotomic_sqr": (1, lambda f: tower.mul(f, f))},
        }

        self.codecs: dict[str, tuple[Callable[[bytes], Any], Callable[[Any], bytes]]] = {
            "fp": (fp.decode, fp.encode),
            "fp2": (fp2.decode, fp2.encode),
            "fp4": (tower.decode_fp4, tower.encode_fp4),
            "fp12": (tower.decode, tower.encode),
        }

    def run(self, operation: str, operands: Sequence[bytes]) -> bytes:
        """The result of one operation, as octets.

        Raises: ParameterError, WrongLength, NonCanonical, NotOnCurve where there is no square root
        """
        level, _, name = operation.partition("_")
        count, function = self.operations.get(level, {}).get(name, (0, None))
        if function is None:
            raise ParameterError(f"the tower has no operation {operation!r}")
        if len(operands) != count:
            raise ParameterError(f"{operation} takes {count} operands, not {len(operands)}")
        decode, encode = self.codecs[level]
        return encode(function(*(decode(operand) for operand in operands)))

    @staticmethod
    def _basic(field: Field[Any]) -> dict[str, tuple[int, Operation]]:
        p = field.p

        def sqrt(a: Any) -> Any:
            root = original_sqrt(field, a)
            if root is None:
                raise NotOnCurve("the element is not a square")
            return root

        return {
            "add": (2, lambda a, b: (a + b) % p),
            "sub": (2, lambda a, b: (a - b) % p),
            "neg": (1, lambda a: -a % p),
            "mul": (2, lambda a, b: a * b % p),
            "sqr": (1, lambda a: a * a % p),
            "inv": (1, field.inv),
            "sqrt": (1, sqrt),
        }

    def _fp2(self) -> dict[str, tuple[int, Operation]]:
        p = self.fp2.p
        return {
            "conj": (1, lambda a: a.conjugate() % p),
            "frob": (1, lambda a: a.conjugate() % p),
            "mul_xi": (1, lambda a: self.tower.xi * a % p),
        }

    def _extension(self) -> dict[str, tuple[int, Operation]]:
        tower = self.tower

        def sub(f: Fp12, g: Fp12) -> Fp12:
            return tower.add(f, tower.neg(g))

        return {
            "add": (2, tower.add),
            "sub": (2, sub),
            "neg": (1, tower.neg),
            "mul": (2, tower.mul),
            "sqr": (1, lambda f: tower.mul(f, f)),
            "inv": (1, tower.inv),
            "conj": (1, tower.conj),
            "frob": (1, tower.frobenius),
        }
