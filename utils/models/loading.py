"""How long a model will still take to load, for whoever waits."""

from __future__ import annotations

import math
from dataclasses import dataclass

BYTES_PER_S = 60e6  # a slow laptop reads, turns into float32 and checks this much; most are faster


@dataclass(frozen=True)
class Loading:
    """name: what people call the model. seconds_left: at least; 0 where it takes longer than was thought."""

    name: str
    seconds_left: int

    @property
    def sentence(self) -> str:
        """`SmolLM2 135M Instruct is loading, 3 s left.`"""
        left = f"{self.seconds_left} s left" if self.seconds_left else "nearly there"
        return f"{self.name} is loading, {left}."


def seconds_left(since_s: float, n_bytes: int, last_s: float | None = None) -> int:
    """Whole seconds, rounded up, that loading still takes when it began so long ago.

    Args: n_bytes: size of the files. last_s: what loading these weights took last time, where that is known.
    """
    expected_s = n_bytes / BYTES_PER_S if last_s is None else last_s
    return max(0, math.ceil(expected_s - since_s))
