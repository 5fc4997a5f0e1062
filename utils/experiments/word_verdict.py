"""Whether some heads are a cause of how one word stands, in one plain sentence: the right way, and more than every
control."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from utils.experiments.verdict import FEW_DRAWS, NO_OTHERS
from utils.numbers_in_text import signed

NEXT_TO_NOTHING = 0.05  # logits; less is written as 0.0


class Finding(Enum):
    """What switching heads off says about one word."""

    CAUSE = "cause"  # it goes the way it should, and further than with any draw of other heads
    OTHER_WAY = "other_way"  # further than with any draw, and the wrong way
    AS_MUCH = "as_much"  # with some draw it goes the same way as far
    NEXT_TO_NOTHING = "next_to_nothing"
    NO_CONTROL = "no_control"


@dataclass(frozen=True)
class WordMeasured:
    """The figures that a verdict rests on: changes of the word's logit above the vocabulary's mean with heads off.

    sign: 1 for heads that should push the word up, -1 for heads that should hold it back. control_words: as
    `ControlLayers.words`.
    """

    n_heads: int
    sign: int
    change: float
    control_changes: tuple[float, ...]
    control_words: str = ""


@dataclass(frozen=True)
class WordVerdict:
    """One experiment on one text; not a law."""

    finding: Finding
    sentence: str

    @property
    def is_cause(self) -> bool:
        return self.finding is Finding.CAUSE


def judge_word(measured: WordMeasured) -> WordVerdict:
    """The verdict on some heads beside as many others."""
    finding = _finding(measured)
    caution = ""
    if 0 < len(measured.control_changes) < FEW_DRAWS:
        caution = " So few can hardly be compared with, so take this with care."
    return WordVerdict(finding, _sentence(finding, measured) + caution)


def _finding(measured: WordMeasured) -> Finding:
    if not measured.control_changes:
        return Finding.NO_CONTROL
    if abs(measured.change) < NEXT_TO_NOTHING:
        return Finding.NEXT_TO_NOTHING
    if _as_much(measured):
        return Finding.AS_MUCH
    return Finding.CAUSE if measured.sign * measured.change < 0 else Finding.OTHER_WAY


def _as_much(measured: WordMeasured) -> int:
    """How many draws change the word at least as much the same way."""
    way = 1 if measured.change > 0 else -1
    return sum(way * change >= abs(measured.change) for change in measured.control_changes)


def _sentence(finding: Finding, measured: WordMeasured) -> str:
    if finding is Finding.NO_CONTROL:
        return NO_OTHERS
    these, is_are = ("this head", "is") if measured.n_heads == 1 else (f"these {measured.n_heads} heads", "are")
    others = f"{_others(measured)} {_change(measured)}."
    if finding is Finding.CAUSE:
        return f"On this text {these} {is_are} a cause. {others}"
    if finding is Finding.OTHER_WAY:
        how = "likelier, and not less likely" if measured.sign > 0 else "less likely, and not likelier"
        return f"The word is {how} without {these}, more so than with any others off. {others}"
    if finding is Finding.NEXT_TO_NOTHING:
        return f"On this text next to nothing changes without {these}. {others}"
    n_as_much, n_draws = _as_much(measured), len(measured.control_changes)
    return f"Other heads do as much, {n_as_much} of {n_draws}: {others}"


def _others(measured: WordMeasured) -> str:
    """ "12 other heads from the same layer"; "12 sets of 4 other heads from layers 22 to 24"."""
    n_draws, n_heads = len(measured.control_changes), measured.n_heads
    if n_heads == 1:
        kind = "1 other head" if n_draws == 1 else f"{n_draws} other heads"
    else:
        kind = f"{n_draws} set{'s' if n_draws > 1 else ''} of {n_heads} other heads"
    return f"{kind} {measured.control_words}".rstrip()


def _change(measured: WordMeasured) -> str:
    """ "change it by −0.1 to +0.2"."""
    low, high = (signed(value) for value in (min(measured.control_changes), max(measured.control_changes)))
    verb = "changes" if len(measured.control_changes) == 1 else "change"
    return f"{verb} it by {low}" if low == high else f"{verb} it by {low} to {high}"
