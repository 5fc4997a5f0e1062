"""Experiments on the model that ships: its induction heads are a cause, and docs/experiments.md says by how much."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from scripts.measure_induction_ablation import N_DRAWS, measure_method, table_row
from tests.precision import KL, PROB
from tests.tiny_models import classroom_model
from utils.errors import UserError
from utils.experiments import experiments as laboratory
from utils.experiments.questions import Method
from utils.heads import HeadId
from utils.service import Headlight
from utils.settings import Settings

MODEL = "classroom-gpt2"
DOCS = Path(__file__).resolve().parent.parent / "docs" / "experiments.md"
PROMPT = "The old king lost his ring in the river. The old king lost his ring in the"


@pytest.fixture(scope="module")
def service():
    classroom_model()  # skips where it is absent
    return Headlight(Settings())


@pytest.fixture(scope="module")
def lab(service):
    return service.experiments


def numbers_of(row: str) -> list[float]:
    """The figures of a table's row, after its first cell."""
    return [float(cell) for cell in row.split("|")[2:-1]]


@pytest.mark.parametrize("method", list(Method))
def test_without_its_induction_heads_the_second_copy_costs_more_than_in_any_of_20_draws(service, method):
    result = measure_method(classroom_model(), service.catalogue(MODEL), method)
    assert len(result.control_rises) == N_DRAWS == 20
    assert result.rise > max(result.control_rises)
    stated = next(line for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith(f"| {method} | 8."))
    assert numbers_of(stated) == pytest.approx(numbers_of(table_row(result)), abs=0.01)


def test_switching_off_is_the_same_question_for_the_page_and_for_the_model(service):
    result = service.ablate(MODEL, PROMPT, [(2, 5), (1, 2)], "zero")
    forward = service.forward(MODEL, PROMPT)
    assert [guess.token.id for guess in result.before] == [guess.token.id for guess in forward.predictions]
    assert [guess.prob for guess in result.before] == pytest.approx(
        [guess.prob for guess in forward.predictions], abs=PROB
    )
    assert result.position == len(forward.tokens) - 1
    assert result.heads == (HeadId(1, 2), HeadId(2, 5))


def test_a_guess_is_told_from_its_neighbours_by_id_and_not_by_how_it_reads(service):
    result = service.ablate(MODEL, PROMPT, [(0, 3)])
    assert result.before[0].token.text.startswith(" ")
    ids = [guess.token.id for guess in result.before]
    assert len(set(ids)) == len(ids) == 10
    assert [guess.token.id for guess in result.after] == ids


def test_a_position_within_the_text_is_asked_as_if_the_text_ended_there(lab):
    inside = lab.switch_off(MODEL, PROMPT, [(1, 2)], "zero", position=8)
    cut = lab.switch_off(MODEL, "The old king lost his ring in the", [(1, 2)], "zero")
    assert inside.position == cut.position == 8
    assert inside.kl_nats == pytest.approx(cut.kl_nats, **KL)


def test_the_same_question_is_answered_once_and_progress_reaches_the_end(lab, monkeypatch):
    calls: list[tuple[int, int]] = []
    first = lab.scan(MODEL, PROMPT, "zero", progress=lambda *done: calls.append(done))
    assert calls[-1] == (32, 32)
    monkeypatch.setattr(laboratory, "scan_heads", lambda *_: pytest.fail("asked twice"))
    again = lab.scan(MODEL, PROMPT, "zero", position=first.position)
    assert np.array_equal(first.kl_nats, again.kl_nats)
    lab.forget()
    with pytest.raises(pytest.fail.Exception, match="asked twice"):
        lab.scan(MODEL, PROMPT, "zero")


def test_the_text_said_twice_is_the_students_own_and_the_rest_is_told(lab):
    result = lab.second_copy(MODEL, "The old king lost his ring in the river.", [(2, 5), (1, 2), (1, 5)])
    assert result.n_tokens == 10
    assert result.before.second < result.before.first
    assert result.notices == ()
    long = lab.second_copy(MODEL, "one two three four five six seven eight nine ten " * 12, [(2, 5)])
    assert long.n_tokens == (128 - 1) // 2
    assert "first 63 tokens" in long.notices[-1].sentence
    with pytest.raises(UserError, match="too little to say twice"):
        lab.second_copy(MODEL, "a", [(2, 5)])


def test_an_induction_head_without_the_previous_token_head_before_it_loses_its_stripe(lab):
    result = lab.later_patterns(MODEL, PROMPT, [(0, 3)], "mean")
    induction = HeadId(2, 5)
    before, after = result.before_scores["induction"][induction], result.after.scores["induction"][induction]
    controls = [draw.scores["induction"][induction] for draw in result.controls]
    assert before > 0.6
    assert after < 0.1 * before
    assert after < np.median(controls)


def test_a_text_of_two_tokens_has_patterns_and_no_role_scores(lab):
    result = lab.later_patterns(MODEL, "a", [(0, 3)])
    assert result.before_scores == result.after.scores == {}
    assert result.after.moved.shape == (4, 8)


def test_the_lens_on_the_page_ends_with_the_page_s_predictions(lab, service):
    lens, forward = lab.logit_lens(MODEL, PROMPT), service.forward(MODEL, PROMPT)
    assert len(lens.tokens) == 5
    assert len(lens.tokens[0]) == len(forward.tokens)
    assert lens.tokens[-1][-1][0] == forward.predictions[0].token
    assert lens.probs[-1, -1, 0] == pytest.approx(forward.predictions[0].prob, abs=PROB)


def test_what_a_head_writes_passes_the_identity_on_real_weights(lab):
    result = lab.direct_logits(MODEL, PROMPT, (2, 5), position=-3)
    assert result.identity_error < 1e-3
    assert result.position == 16
    assert len(result.up) == len(result.down) == 5


@pytest.mark.parametrize(
    "ask",
    [
        lambda lab: lab.switch_off(MODEL, PROMPT, [(0, 0)], position=99),
        lambda lab: lab.switch_off(MODEL, PROMPT, [(0, 0)], role="mover"),
        lambda lab: lab.switch_off(MODEL, "", [(0, 0)]),
        lambda lab: lab.second_copy(MODEL, PROMPT, []),
        lambda lab: lab.later_patterns(MODEL, PROMPT, [(9, 0)]),
        lambda lab: lab.scan(MODEL, PROMPT, "half"),
        lambda lab: lab.scan(MODEL, PROMPT, position=-20),
        lambda lab: lab.direct_logits(MODEL, PROMPT, (0, 8)),
        lambda lab: lab.logit_lens("no-such-model", PROMPT),
    ],
)
def test_every_experiment_refuses_in_words(lab, ask):
    with pytest.raises(UserError) as refusal:
        ask(lab)
    assert refusal.value.sentence.endswith(".")
    assert refusal.value.hint.endswith(".")


def test_a_model_that_nobody_analysed_has_a_control_and_says_what_it_lacks(monkeypatch):
    service = Headlight(Settings())
    monkeypatch.setattr(service.experiments, "_catalogue", lambda _model: None)
    result = service.ablate(MODEL, PROMPT, [(2, 5)], "zero")
    assert len(result.controls) == 7
    assert "Nobody has measured" in result.notices[-1].sentence


def test_students_who_ask_at_once_get_their_own_answers(service):
    questions = [[(layer, head)] for layer in (1, 2) for head in (0, 3, 5)]
    alone = [service.ablate(MODEL, PROMPT, heads).kl_nats for heads in questions]
    service.experiments.forget()
    together: dict[int, float] = {}
    threads = [
        threading.Thread(target=lambda n=n, h=heads: together.update({n: service.ablate(MODEL, PROMPT, h).kl_nats}))
        for n, heads in enumerate(questions)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [together[number] for number in range(len(questions))] == alone
