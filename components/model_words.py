"""What the model menu and the Models page both say of a model: shape, size, speed, how its weights were distributed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from utils.heads import Shape
    from utils.models.sources.store import SourceNote
    from utils.models.speed import Speed

AT_ONCE_S = 0.1
LEAST_BITS = 16  # with these nothing was lost that Headlight would keep


def megabytes(n_bytes: int | None) -> str:
    """`0.4 MB`, `166 MB`, `2.5 GB`; empty when unknown."""
    if n_bytes is None:
        return ""
    if n_bytes >= 1e9:
        return f"{n_bytes / 1e9:.1f} GB"
    return f"{n_bytes / 1e6:.0f} MB" if n_bytes >= 1e6 else f"{max(n_bytes / 1e6, 0.1):.1f} MB"


def heads_of(shape: Shape | None) -> str:
    """`4 × 8 heads`: layers, and heads of each; empty when unknown."""
    return f"{shape.n_layers} × {shape.n_heads} heads" if shape is not None else ""


def answers(speed: Speed | None) -> str:
    """`answers in 0.3 s`, `answers at once`, for a text of 30 tokens; empty before it was measured."""
    if speed is None:
        return ""
    if speed.read_s < AT_ONCE_S:
        return "answers at once"
    return f"answers in {speed.read_s:.{1 if speed.read_s < 9.95 else 0}f} s"


def as_distributed(note: SourceNote | None) -> str:
    """`4-bit weights, as distributed`; empty where nothing was left out of them, or nobody knows."""
    return f"{note.bits}-bit weights, as distributed" if note is not None and note.bits < LEAST_BITS else ""
