"""What a kind of input is, and what may become of one besides being right or one of our sentences."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from xmemcore.protocol.failures import Failure


class Wrong(Exception):
    """The result is not what the input says, and nobody said so."""


class Refused(Failure):
    """Stands for a message of ours where the code under attack answers by a value or an inner exception."""


@dataclass(frozen=True)
class Kind:
    """One kind of input."""

    damage: Callable[[random.Random], bytes]
    """Gives one damaged input."""
    attempt: Callable[[bytes, Path], None]
    """Uses it as the product does, in a folder of its own; raises Wrong, or whatever using it raises."""
