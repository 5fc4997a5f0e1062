"""Whether the words that real models' heads write need them: the figures that docs/experiments.md states."""

from __future__ import annotations

import functools

import pytest

from tests.real_models import GEMMA3, SMOLLM2, real_model
from utils.experiments.questions import Method
from utils.experiments.reference_values import MeanValues, reference_means
from utils.experiments.word_cause import WordCause, measure_word_cause
from utils.heads import HeadId
from utils.result_cache import nobody_asks
from utils.settings import Settings

NAMES = "Then Anna and Peter had a long talk. Anna handed the letter to"
DAYS = "Monday, Tuesday, Wednesday,"
MOVERS = ("L23H0", "L23H1", "L23H2", "L23H7")


@functools.cache
def means_of(name: str) -> MeanValues:
    return reference_means(real_model(name), Settings.from_environment(), nobody_asks)


def without(name: str, prompt: str, word: str, *heads: str, sign: int = 1) -> WordCause:
    """A word after a text without some heads."""
    loaded = real_model(name)
    ids = [*loaded.start_ids, *loaded.tokenizer.encode(prompt, add_special_tokens=False)]
    (target_id,) = loaded.tokenizer.encode(word, add_special_tokens=False)
    chosen = tuple(map(HeadId.parse, heads))
    return measure_word_cause(
        loaded, ids, target_id, chosen, [], Method.MEAN, means_of(name).at(len(ids)), sign, nobody_asks
    )


def test_smollm2_s_movers_lift_both_names_so_their_difference_says_little():
    right, other = (without(SMOLLM2, NAMES, word, *MOVERS) for word in (" Peter", " Anna"))
    assert right.change == pytest.approx(-2.5, abs=0.1)
    assert (right.before.prob, right.after.prob) == pytest.approx((0.75, 0.16), abs=0.02)
    assert other.change < right.change, "the difference of both names even grows"
    assert right.push > 3
    assert right.is_made_up_for


def test_smollm2_s_l23h3_holds_the_other_name_down():
    result = without(SMOLLM2, NAMES, " Anna", "L23H3", sign=-1)
    assert result.change == pytest.approx(2.6, abs=0.1)
    assert result.after.prob > 10 * result.before.prob


def test_gemma3_says_thursday_by_l12h0():
    result = without(GEMMA3, DAYS, " Thursday", "L12H0")
    assert (result.before.prob, result.after.prob) == pytest.approx((0.76, 0.02), abs=0.01)
    assert result.change == pytest.approx(-3.7, abs=0.1)


def test_some_heads_of_real_models_push_a_name_much():
    assert without(SMOLLM2, NAMES, " Peter", "L23H0").pushes[29, 1] == pytest.approx(2.2, abs=0.1)
    pushes = without(GEMMA3, NAMES, " Peter", "L11H2").pushes
    assert min(pushes[15, head] for head in (0, 2, 3)) > 1
