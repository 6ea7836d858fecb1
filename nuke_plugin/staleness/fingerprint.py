"""A few numbers that stand for many: enough to see that a roto was changed, and blind to the rounding of a saved script.

Nuke keeps what an artist draws in double precision and saves it in single, so the same shapes read before saving and after
reopening differ in the seventh digit. A hash would call that a change. Here the coordinates are summed with random weights, a few
times over; two such sums are compared with the tolerance that single precision needs. What is not a number is hashed.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
from typing import Any, List, Sequence

SUMS = 6
"""One alone could be blind to a change; six are not."""
SINGLE_PRECISION = 2.0**-23


def fingerprint(content: Any) -> List[Any]:
    """Reduce JSON to a hash of its structure, SUMS weighted sums of its fractional numbers, and the noise of those sums."""
    numbers: List[float] = []
    structure = json.dumps(_taken_apart(content, numbers), sort_keys=True)
    sums = []
    for seed in range(SUMS):
        weights = random.Random(seed)
        sums.append(round(sum(number * weights.uniform(-1.0, 1.0) for number in numbers), 5))
    noise = SINGLE_PRECISION * math.sqrt(sum(number * number for number in numbers))
    return [hashlib.sha1(structure.encode("utf-8")).hexdigest()[:12], *sums, round(noise, 6)]


def is_same(before: Sequence[Any], now: Sequence[Any]) -> bool:
    """Say whether two fingerprints are of the same content, as far as single precision tells."""
    if len(before) != len(now) or before[0] != now[0]:
        return False
    tolerance = 4.0 * max(before[-1], now[-1]) + 1e-4
    return all(abs(one - other) <= tolerance for one, other in zip(before[1:-1], now[1:-1]))


def _taken_apart(content: Any, numbers: List[float]) -> Any:
    """Move fractional numbers to a list; what is left is exact."""
    if isinstance(content, float):
        numbers.append(content)
        return "#"
    if isinstance(content, dict):
        return {str(key): _taken_apart(content[key], numbers) for key in sorted(content)}
    if isinstance(content, (list, tuple)):
        return [_taken_apart(value, numbers) for value in content]
    return content
