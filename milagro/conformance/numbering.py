"""The numbers that cases carry: they grow, and they grow regularly.

A file may hold every case of a series or a regular part of it (say, four of every five). Nothing else in such a
file depends on the number, so the regularity is what a changed digit breaks: if all numbers but one fit
n(i + k) = n(i) + m for some small k, that one is wrong. A file without any such rule is only checked to grow.
"""

from __future__ import annotations

from collections.abc import Sequence

_LONGEST_PERIOD = 12


def faults(numbers: Sequence[int]) -> dict[int, str]:
    """For each position whose number is wrong, what is wrong with it."""
    result = _order_faults(numbers)
    if not result:
        odd = _odd_one_out(numbers)
        if odd is not None:
            result[odd[0]] = odd[1]
    return result


def _order_faults(numbers: Sequence[int]) -> dict[int, str]:
    return {
        i: f"{numbers[i]} stands behind {numbers[i - 1]}, but the numbers of a file grow"
        for i in range(1, len(numbers))
        if numbers[i] <= numbers[i - 1]
    }


def _odd_one_out(numbers: Sequence[int]) -> tuple[int, str] | None:
    """The one position that breaks an otherwise regular series, and what would fit there."""
    suspects: list[tuple[int, str]] = []
    for period in range(1, min(_LONGEST_PERIOD, (len(numbers) - 1) // 2) + 1):
        steps = [numbers[i + period] - numbers[i] for i in range(len(numbers) - period)]
        usual = max(set(steps), key=steps.count)
        broken = [i for i, step in enumerate(steps) if step != usual]
        if not broken:
            return None
        at = _culprit(broken, period, len(steps))
        if at is not None and not suspects:
            fitting = numbers[at - period] + usual if at >= period else numbers[at + period] - usual
            suspects.append((at, f"{numbers[at]} breaks the regular numbering of the file, {fitting} would fit"))
    return suspects[0] if suspects else None


def _culprit(broken: list[int], period: int, steps: int) -> int | None:
    """The position i whose change alone explains the broken steps: i - period -> i and i -> i + period."""
    if len(broken) == 2 and broken[1] - broken[0] == period:
        return broken[1]
    if len(broken) == 1:
        if broken[0] < period:
            return broken[0]
        if broken[0] + period >= steps:
            return broken[0] + period
    return None
