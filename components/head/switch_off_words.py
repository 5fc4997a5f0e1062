"""What the page says about heads that are off: sentences from figures, each a pure function.

Tokens are compared by their ids: two tokens can read alike. A sentence that quotes a token is a triple, what stands
before it, the token, and what stands after it, so that a page can mark it up and a screen reader hear it whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from components.numbers import percent, plural
from utils.experiments import questions
from utils.experiments.questions import Method
from utils.experiments.verdict import FEW_DRAWS, Kind
from utils.roles import ROLES

if TYPE_CHECKING:
    from utils.experiments.controls import ControlLayers, HeadSet
    from utils.experiments.second_copy import SecondCopy
    from utils.experiments.switch_off import SwitchOff

Quoting = tuple[str, str, str]

NAMED_HEADS = 3
SMALL_PROB = 0.095  # below it, probabilities are written with one decimal
OUTLIER_TIMES, OUTLIER_NATS = 3, 0.1
STANDS_OUT = (Kind.MORE_THAN_MOST, Kind.ONLY_FIRST_GUESS)
OFF_MEANS_SEVERAL = {
    Method.ZERO: "Off means: their outputs are replaced by zeros.",
    Method.MEAN: "Off means: their outputs are replaced by their averages over other texts.",
    Method.RESAMPLE: "Off means: their outputs are replaced by what they write on another text.",
}
ON_SECOND_TEXT_SEVERAL = "Off means: their outputs are replaced by what they write on your second text, place by place."
ONE_TEXT = "It is one text, not a law."


def heads_name(heads: HeadSet, role: str | None = None) -> str:
    """Heads in a sentence: `L2H3`; `L1H2 and L2H5`; `these 9 heads`. role: they are all that hold it."""
    if role is not None:
        return f"all {plural(len(heads), f'{ROLES[role].display_name.lower()} head')}"
    if len(heads) > NAMED_HEADS:
        return f"these {len(heads)} heads"
    *first, last = map(str, heads)
    return f"{', '.join(first)} and {last}" if first else last


def heads_mark(heads: HeadSet) -> str:
    """Heads where there is little room: `L2H3`; `9 heads`."""
    return str(heads[0]) if len(heads) == 1 else f"{len(heads)} heads"


def result_words(result: SwitchOff, name: str) -> Quoting:
    """ "Without L2H3, the probability of river falls from 58 % to 37 %." """
    before, after = result.before[0], result.after[0]
    start, end = both_percents(before.prob, after.prob)
    if start == end:
        change = f"stays {about(start)}."
    else:
        change = f"{'falls' if after.prob < before.prob else 'rises'} from {start} to {end}."
    return f"Without {name}, the probability of ", before.token.word, f" {change}"


def new_first_words(result: SwitchOff) -> Quoting | None:
    """Which of the ten tokens is the likeliest with the heads off, where that is another one than before."""
    first = max(result.after, key=lambda guess: guess.prob)
    if first.token.id == result.before[0].token.id:
        return None
    return "Of the ten first guesses, ", first.token.word, f" is then the likeliest, with {percent(first.prob)}."


def control_range(values: Sequence[float], n_heads: int, where: str = "") -> str:
    """Between what the probabilities lie with control heads off; empty without controls. Args: as `random_draws`."""
    if not values:
        return ""
    low, high = (written_prob(value) for value in (min(values), max(values)))
    lies = about(low) if low == high else f"between {low} and {high}"
    return f"With {random_draws(len(values), n_heads, where)} the probability lies {lies}."


def about(written: str) -> str:
    """Where a probability lies that is written so: `at about 58 %`, `above 99 %`, `below 1 %`."""
    where = {">": "above ", "<": "below "}.get(written[0], "at about ")
    return f"{where}{written.lstrip('<>')}"


def off_means(method: Method, n_heads: int, has_second_text: bool = False) -> str:
    """What stands in the place of what the heads hand on. Args: has_second_text: as `questions.off_means`."""
    if n_heads == 1:
        return questions.off_means(method, has_second_text)
    return ON_SECOND_TEXT_SEVERAL if has_second_text else OFF_MEANS_SEVERAL[method]


def random_draws(n_draws: int, n_heads: int, where: str = "") -> str:
    """ "12 random heads from the same layer off, one at a time," Args: where: as `ControlLayers.words` says it."""
    off = f"{where} off".lstrip()
    if n_heads == 1:
        return f"1 random head {off}," if n_draws == 1 else f"{n_draws} random heads {off}, one at a time,"
    sets = plural(n_draws, "random set")
    return f"{sets} of {n_heads} heads {off},{' one set at a time,' if n_draws > 1 else ''}"


def control_words(n_draws: int, n_heads: int, layers: ControlLayers) -> str:
    """What the control is: "12 random heads from layers 16 to 20 off, one at a time, since layer 18 alone has too few".

    Why other layers were drawn from is said only where they were.
    """
    draws = random_draws(n_draws, n_heads, layers.words).rstrip(",")
    return f"{draws}, since {layers.reason}" if layers.reason else draws


def outlier_words(result: SwitchOff) -> str:
    """One random draw whose effect is far above all others, named, and how the chosen heads stand without it.

    "Far above" is three times the next one and at least 0.1 nats, with five draws or more. That the chosen heads stand
    out is said only beside a verdict that does not say the opposite. Empty where there is none.
    """
    if len(result.controls) < FEW_DRAWS:
        return ""
    highest, second, *_rest = sorted(result.controls, key=lambda draw: -draw.kl_nats)
    if highest.kl_nats < max(OUTLIER_NATS, OUTLIER_TIMES * second.kl_nats):
        return ""
    is_one = len(result.heads) == 1
    which = str(highest.heads[0]) if is_one else " with ".join(map(str, highest.heads[:NAMED_HEADS]))
    more = len(highest.heads) - NAMED_HEADS
    which += f" and {more} more" if more > 0 else ""
    noun = "heads" if is_one else "sets of heads"
    told = (
        f"One of the random {noun}, {which}, matters more than all others: without it the guesses change by "
        f"{nats(highest.kl_nats)}, without any other by at most {nats(second.kl_nats)}."
    )
    if result.verdict.kind in STANDS_OUT and second.kl_nats < result.kl_nats <= highest.kl_nats:
        verb = "stands" if is_one else "stand"
        told += f" Beside the other {len(result.controls) - 1}, {heads_mark(result.heads)} {verb} out."
    return told


def copy_words(result: SecondCopy, name: str) -> str:
    """What becomes of the loss on the second copy, beside what other heads do to it."""
    before, after = result.before.second, result.after.second
    if f"{before:.2f}" == f"{after:.2f}":
        told = f"Without {name}, the loss on the second copy stays at {before:.2f} nats per token."
    else:
        verb = "rises" if after > before else "falls"
        told = f"Without {name}, the loss on the second copy {verb} from {before:.2f} to {after:.2f} nats per token."
    return f"{told} {_copy_control(result)}".rstrip()


def _copy_control(result: SecondCopy) -> str:
    if not result.controls:
        return ""
    n_as_large = sum(rise >= result.rise for rise in result.control_rises)
    n_draws = len(result.controls)
    if n_as_large:
        return f"With {n_as_large} of {plural(n_draws, 'random draw')} it is as high or higher."
    return f"With none of {plural(n_draws, 'random draw')} is it as high."


def both_percents(before: float, after: float) -> tuple[str, str]:
    """Two probabilities, to be compared, with the same decimals: one where both are small."""
    decimals = 1 if max(before, after) < SMALL_PROB else 0
    return percent(before, decimals), percent(after, decimals)


def written_prob(prob: float) -> str:
    """One probability: `58 %`, `4.1 %`."""
    return percent(prob, 1 if prob < SMALL_PROB else 0)


def nats(value: float) -> str:
    """`5.82 nats`; `<0.01 nats` rather than a zero that is none."""
    return "<0.01 nats" if 0 < value < 0.005 else f"{value:.2f} nats"
