"""What switching heads off means, in one plain sentence, and only as much as was measured."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

FEW_DRAWS = 5
NO_OTHERS = "The model has too few other heads for a control, so nobody can say whether they would do the same."
NEXT_TO_NOTHING = 0.001  # nats; no probability can change by more than 2.3 points then (Pinsker's inequality)


class Kind(Enum):
    """What an experiment showed."""

    MATTERS = "matters"  # more than with any draw of other heads
    ONLY_FIRST_GUESS = "only_first_guess"  # the first guess moves further than with any draw, all guesses together not
    ONLY_OTHER_GUESSES = "only_other_guesses"  # the other way round
    MORE_THAN_MOST = "more_than_most"  # more than with most draws, yet with some as much
    NO_MORE_THAN_RANDOM = "no_more_than_random"  # with at least half of the draws as much
    TAKEN_OVER = "taken_over"  # the direct effect is large, the whole effect is small: self-repair
    NEXT_TO_NOTHING = "next_to_nothing"
    NO_CONTROL = "no_control"


@dataclass(frozen=True)
class Measured:
    """The figures that a verdict rests on; KL in nats, probabilities of the first guess with heads off.

    control_words: which layers the other heads are from, as `ControlLayers.words` says it; empty where nobody knows.
    """

    n_heads: int
    kl_nats: float
    direct_kl_nats: float | None
    first_prob: float
    control_kl_nats: tuple[float, ...]
    control_first_probs: tuple[float, ...]
    control_words: str = ""


@dataclass(frozen=True)
class Verdict:
    """One experiment on one text; not a law."""

    kind: Kind
    sentence: str


def judge(measured: Measured) -> Verdict:
    """The verdict on some heads beside as many others.

    Self-repair (McGrath et al. 2023, "The Hydra Effect") is stated only where both sides of it were measured: what the
    heads write would by itself change the guesses more than any draw did, and at most half of that is left, no more
    than a draw may do.
    """
    kind = _kind(measured)
    caution = ""
    if 0 < len(measured.control_kl_nats) < FEW_DRAWS:
        caution = f" Only {_draws(measured)} could be made, so take this with care."
    return Verdict(kind, _sentence(kind, measured) + caution)


def _kind(measured: Measured) -> Kind:
    if not measured.control_kl_nats:
        return Kind.NO_CONTROL
    highest = max(measured.control_kl_nats)
    low, high = min(measured.control_first_probs), max(measured.control_first_probs)
    is_large, is_first_outside = measured.kl_nats > highest, not low <= measured.first_prob <= high
    direct = measured.direct_kl_nats
    if not is_large and direct is not None and direct > highest and measured.kl_nats <= direct / 2:
        return Kind.TAKEN_OVER
    if measured.kl_nats < NEXT_TO_NOTHING:
        return Kind.NEXT_TO_NOTHING
    if is_large:
        return Kind.MATTERS if is_first_outside else Kind.ONLY_OTHER_GUESSES
    if is_first_outside:
        return Kind.ONLY_FIRST_GUESS
    return Kind.MORE_THAN_MOST if 2 * _as_large(measured) < len(measured.control_kl_nats) else Kind.NO_MORE_THAN_RANDOM


def _as_large(measured: Measured) -> int:
    """How many draws change the guesses at least as much."""
    return sum(kl >= measured.kl_nats for kl in measured.control_kl_nats)


def _sentence(kind: Kind, measured: Measured) -> str:
    if kind is Kind.NO_CONTROL:
        return NO_OTHERS
    is_one, n_draws = measured.n_heads == 1, len(measured.control_kl_nats)
    these, random, s = ("this head", "a random head", "s") if is_one else _several(measured.n_heads)
    if kind is Kind.MATTERS:
        return f"On this text {these} matter{s}: more changes than with any of {_draws(measured)}."
    if kind is Kind.ONLY_OTHER_GUESSES:
        return (
            f"The first guess changes no more than with {random}, the others more than with any of {_draws(measured)}."
        )
    if kind is Kind.ONLY_FIRST_GUESS:
        return f"The first guess changes more than with any of {_draws(measured)}, all guesses together do not."
    if kind is Kind.NEXT_TO_NOTHING:
        return f"On this text next to nothing changes with {these} off."
    if kind is Kind.TAKEN_OVER:
        return (
            f"It hardly matters here, other heads took over: what {these} write{s} would by itself change the guesses "
            f"by {measured.direct_kl_nats:.2f} nats, and only {measured.kl_nats:.2f} are left of that."
        )
    n_as_large = _as_large(measured)
    if kind is Kind.MORE_THAN_MOST:
        return (
            f"On this text {these} change{s} the guesses more than {n_draws - n_as_large} of {_draws(measured)}; "
            f"{n_as_large} {'changes' if n_as_large == 1 else 'change'} them as much."
        )
    return (
        f"On this text {these} change{s} the guesses no more than {random}: "
        f"{n_as_large} of {_draws(measured)} change them as much."
    )


def _several(n_heads: int) -> tuple[str, str, str]:
    """These heads, random heads, and the ending of a verb."""
    return f"these {n_heads} heads", f"{n_heads} random heads", ""


def _draws(measured: Measured) -> str:
    count = len(measured.control_kl_nats)
    heads = f"other heads {measured.control_words}".rstrip()
    return f"1 draw of {heads}" if count == 1 else f"{count} draws of {heads}"
