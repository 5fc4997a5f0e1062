"""Claims about one word without the heads that write it: yardstick, verdict, direct part, heads that do not look."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.tiny_models import classroom_model
from utils.errors import UserError
from utils.experiments.questions import Method
from utils.experiments.residual_parts import split_residual
from utils.experiments.word_at_stake import word_at_stake
from utils.experiments.word_cause import Standing, WordCause, WordDraw, measure_word_cause, sign_of, standings
from utils.experiments.word_verdict import Finding, WordMeasured, judge_word
from utils.heads import HeadId
from utils.pyvene_engine import ablate_heads
from utils.service import Headlight
from utils.settings import Settings
from utils.tokens import Token

MODEL = "classroom-gpt2"
PROMPT = "The old king lost his ring in the river. The old king lost his ring in the"
HEADS = (HeadId(2, 3), HeadId(2, 5))
DRAWS = ((HeadId(2, 0), HeadId(2, 1)), (HeadId(2, 4), HeadId(3, 1)))


@pytest.fixture(scope="module")
def service():
    classroom_model()  # skips where it is absent
    return Headlight(Settings())


def ids_of(prompt: str = PROMPT) -> list[int]:
    loaded = classroom_model()
    return [*loaded.start_ids, *loaded.tokenizer.encode(prompt, add_special_tokens=False)]


def judged(change: float, controls=(-0.1, 0.2, 0.1, 0.0, -0.2), sign: int = 1, n_heads: int = 1):
    return judge_word(WordMeasured(n_heads, sign, change, tuple(controls), "from the same layer"))


def cause_of(push: float | None = None, change: float = 0.0, sign: int = 1, pushes=None) -> WordCause:
    token = Token(7, " Peter", "·Peter", "Peter")
    draws = (WordDraw((HeadId(0, 0),), 0.1, 0.5),) * 5
    before, after = Standing(10.0, 0.5), Standing(10.0 + change, 0.4)
    return WordCause((HeadId(1, 1),), Method.MEAN, 3, token, sign, before, after, draws, push, pushes)


@pytest.mark.parametrize(
    ("change", "sign", "finding"),
    [
        (-1.1, 1, Finding.CAUSE),
        (1.1, 1, Finding.OTHER_WAY),
        (1.1, -1, Finding.CAUSE),
        (-1.1, -1, Finding.OTHER_WAY),
        (-0.2, 1, Finding.AS_MUCH),
        (0.2, -1, Finding.AS_MUCH),
        (-0.04, 1, Finding.NEXT_TO_NOTHING),
    ],
)
def test_a_cause_moves_the_word_the_right_way_and_further_than_every_draw(change, sign, finding):
    assert judged(change, sign=sign).finding is finding


def test_a_draw_that_moves_the_word_the_other_way_does_not_do_as_much():
    assert judged(-1.1, controls=[2.2] * 5).is_cause
    assert judged(1.1, controls=[-2.2] * 5, sign=-1).is_cause
    assert not judged(-1.1, controls=[-1.1, 0.0, 0.0, 0.0, 0.0]).is_cause


def test_without_other_heads_there_is_no_verdict_and_with_few_a_caution():
    assert judged(-3.0, controls=()).finding is Finding.NO_CONTROL
    assert judged(-3.0, controls=(0.1,)).sentence.endswith("take this with care.")
    assert "care" not in judged(-3.0).sentence


def test_the_verdict_names_the_range_of_the_other_heads():
    assert judged(-1.1).sentence == (
        "On this text this head is a cause. 5 other heads from the same layer change it by −0.2 to +0.2."
    )
    assert "5 sets of 4 other heads from the same layer" in judged(-1.1, n_heads=4).sentence
    assert judged(-0.2).sentence.startswith("Other heads do as much, 1 of 5: 5 other heads")


@pytest.mark.parametrize(
    ("push", "change", "sign", "is_made_up_for"),
    [(1.0, -0.8, 1, True), (1.0, -1.0, 1, False), (1.0, -1.5, 1, False), (-5.0, 3.7, -1, True), (-5.0, 5.2, -1, False)],
)
def test_a_loss_is_made_up_for_where_less_is_missing_than_the_heads_write(push, change, sign, is_made_up_for):
    assert cause_of(push, change, sign).is_made_up_for is is_made_up_for
    assert not cause_of(None, change, sign).is_made_up_for


def test_heads_that_push_without_looking_are_told_from_those_that_look_and_from_the_tested_one():
    pushes = np.array([[0.6, 0.4, 2.0], [3.0, 4.0, 0.5]])  # L1H1 is the tested head
    others = Token(1, "Peter", "Peter", "Peter"), Token(2, " saw", "·saw", "saw")
    tokens = (*others, Token(7, " Peter", "·Peter", "Peter"))
    pattern = np.zeros((2, 3, 3))
    pattern[..., 1] = 1.0
    pattern[0, 2] = [0.06, 0.88, 0.06]  # two copies, with and without a space
    found = cause_of(pushes=pushes).blind_pushers(pattern, tokens)
    assert found == [(HeadId(1, 0), 3.0), (HeadId(0, 0), 0.6), (HeadId(1, 2), 0.5)]
    many = replace(cause_of(), pushes=np.full((2, 3), 1.0)).blind_pushers(pattern[:, :, :], tokens)
    assert len(many) == 4


def test_adding_to_all_logits_changes_nothing_and_adding_to_one_raises_it():
    logits = torch.tensor([[1.0, 2.0, 6.0], [11.0, 12.0, 16.0], [1.0, 2.0, 9.0]])
    first, same, higher = standings(logits, 2)
    assert first.above == pytest.approx(3.0) == same.above
    assert first.prob == pytest.approx(float(logits[0].softmax(0)[2])) == same.prob
    assert higher.above == pytest.approx(5.0)


def test_one_pass_is_what_each_set_off_by_itself_gives():
    loaded, ids = classroom_model(), ids_of()
    result = measure_word_cause(loaded, ids, 300, HEADS, DRAWS, Method.ZERO, None)
    for heads, change in ((HEADS, result.change), *((draw.heads, draw.change) for draw in result.controls)):
        alone = ablate_heads(loaded, torch.tensor([ids]), [heads], None).logits[:, -1]
        (standing,) = standings(alone, 300)
        assert standing.above - result.before.above == pytest.approx(change, abs=1e-4)


def test_the_push_is_what_the_heads_add_up_to_and_with_zeros_that_of_the_heads_themselves():
    loaded, ids = classroom_model(), ids_of()
    result = measure_word_cause(loaded, ids, 300, HEADS, DRAWS, Method.ZERO, None)
    assert result.push == pytest.approx(sum(float(result.pushes[head]) for head in HEADS), abs=1e-4)
    parts = split_residual(loaded, ids)
    logits = parts.direct_logits(parts.heads[HEADS[0]])
    assert result.pushes[HEADS[0]] == pytest.approx(float(logits[300] - logits.mean()), abs=1e-4)


def test_holding_back_alone_should_let_the_word_rise():
    roles = ("copying", "name_mover", "successor", "copy_suppression", "")
    assert [sign_of(role) for role in roles] == [1, 1, 1, -1, 1]


def test_a_head_is_asked_about_the_word_it_copies_where_it_copies_most(service):
    analysis, catalogue = service.analyze(MODEL, PROMPT), service.catalogue(MODEL)
    head = catalogue.heads_of("copying")[0].id
    about = word_at_stake(analysis, catalogue, "copying", head)
    tokens = analysis.forward.tokens
    assert about.target.id == tokens[about.key_pos].id
    is_word = [token.id == about.target.id for token in tokens]
    pattern = analysis.forward.patterns[head][about.position]
    assert about.share <= pattern[is_word].sum() + 1e-6
    assert head in about.heads
    assert set(about.heads) <= set(catalogue.holders_of("copying"))


def test_a_role_of_looking_asks_about_no_word(service):
    analysis, catalogue = service.analyze(MODEL, PROMPT), service.catalogue(MODEL)
    assert word_at_stake(analysis, catalogue, "induction", HeadId(2, 3)) is None
    assert word_at_stake(analysis, catalogue, "other", HeadId(2, 3)) is None


def test_controls_hold_no_heads_of_the_role_and_a_token_that_is_not_there_is_refused(service):
    lab, holders = service.experiments, set(service.catalogue(MODEL).holders_of("copying"))
    result = lab.word_cause(MODEL, PROMPT, 300, [(2, 5)], "copying", position=-3)
    assert result.position == len(ids_of()) - 3
    assert len(result.controls) == 12
    assert not {head for draw in result.controls for head in draw.heads} & (holders | {(2, 5)})
    with pytest.raises(UserError, match="no token 4096"):
        lab.word_cause(MODEL, PROMPT, 4096, [(2, 5)])
