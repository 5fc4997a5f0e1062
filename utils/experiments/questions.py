"""What may be asked of an experiment: which heads, in which way they are off, and at which token."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from utils.errors import UserError
from utils.heads import HeadId, Shape


class Method(StrEnum):
    """What stands in the place of what a head hands on, at every token of the text."""

    ZERO = "zero"
    MEAN = "mean"
    RESAMPLE = "resample"


OFF_MEANS = {
    Method.ZERO: "Off means: its output is replaced by zeros.",
    Method.MEAN: "Off means: its output is replaced by its average over other texts.",
    Method.RESAMPLE: "Off means: its output is replaced by what it writes on another text.",
}


ON_SECOND_TEXT = "Off means: its output is replaced by what it writes on your second text, place by place."


def off_means(method: Method, has_second_text: bool = False) -> str:
    """What stands in the place of what a head hands on. Args: has_second_text: the student's own is the other text."""
    return ON_SECOND_TEXT if has_second_text else OFF_MEANS[method]


def read_method(name: str) -> Method:
    """The method of that name. Raises UserError, naming those that there are, for any other."""
    try:
        return Method(name)
    except ValueError as error:
        raise UserError(
            f'There is no method "{name[:40]}" to switch a head off.', "Choose zero, mean or resample."
        ) from error


def check_heads(heads: Iterable[tuple[int, int]], shape: Shape) -> tuple[HeadId, ...]:
    """The heads asked for, sorted, each once. Raises UserError for none, for all, and for one that is not there."""
    chosen = tuple(sorted({shape.require(*head) for head in heads}))
    if not chosen:
        raise UserError("No head was chosen, so there is nothing to switch off.", "Choose one head or several.")
    if len(chosen) == shape.n_all:
        raise UserError(
            f"These are all {len(chosen)} heads of the model; without any, there is none left to compare with.",
            "Choose fewer heads.",
        )
    return chosen


def check_position(position: int, n_tokens: int) -> int:
    """The token asked for, counted from the front. Args: position: as a Python index, -1 is the last token.

    Raises: UserError with the text's own range for a position past either end.
    """
    if not -n_tokens <= position < n_tokens:
        raise UserError(
            f"This text has {n_tokens} tokens. There is no position {position}.",
            f"Choose a position from 0 to {n_tokens - 1}, or count from the end: -1 is the last token.",
        )
    return position % n_tokens
