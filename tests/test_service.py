"""The one door: the same answer for everyone, from one forward pass, on the shipped model."""

import threading

import numpy as np
import pytest

from tests.precision import MEAN_WEIGHT
from utils import forward_pass
from utils.errors import UserError
from utils.roles import ROLES
from utils.service import Headlight
from utils.settings import Settings

MODEL = "classroom-gpt2"
REPEATED = "The cat sat on the mat. The cat sat on the"


@pytest.fixture(scope="module")
def service():
    return Headlight(Settings())


def test_a_repeated_sentence_lights_induction_and_its_evidence_is_in_the_pattern(service):
    analysis = service.analyze(MODEL, REPEATED)
    induction = analysis.roles["induction"]
    assert induction.status == "active"
    pattern = analysis.forward.patterns[induction.strongest.id]
    ids = analysis.forward.token_ids
    for look in induction.strongest.evidence:
        assert pattern[look.query_pos, look.key_pos] == pytest.approx(look.weight)
        assert ids[look.key_pos - 1] == ids[look.query_pos]


def test_the_score_on_the_page_is_the_mean_of_the_evidence_rows(service):
    analysis = service.analyze(MODEL, REPEATED)
    for role in ("previous_token", "induction", "positional", "current_token"):
        for head in analysis.roles[role].heads:
            if 0 < analysis.roles[role].n_evidence == len(head.evidence):
                weights = [look.weight for look in head.evidence]
                assert head.activation_score == pytest.approx(np.mean(weights), abs=MEAN_WEIGHT)


def test_every_head_of_the_model_has_live_scores(service):
    analysis = service.analyze(MODEL, REPEATED)
    shape = (analysis.forward.n_layers, analysis.forward.n_heads)
    assert {role: scores.score.shape for role, scores in analysis.live.items()} == dict.fromkeys(ROLES, shape)


def test_the_same_question_is_read_once(service, monkeypatch):
    passes = []
    original = forward_pass.capture_patterns
    monkeypatch.setattr(
        forward_pass, "capture_patterns", lambda *args, **options: passes.append(1) or original(*args, **options)
    )
    for _ in range(3):
        service.analyze(MODEL, "A text that nobody has asked about before.")
        service.heatmap_html(MODEL, "A text that nobody has asked about before.", 0, 0)
    assert len(passes) == 1


def test_students_who_ask_at_once_get_their_own_answers(service):
    prompts = [
        f"Student {number} wrote this text about a {animal}." for number in range(4) for animal in ("cat", "dog")
    ]
    alone = {prompt: Headlight(Settings()).analyze(MODEL, prompt).as_json() for prompt in prompts}
    together: dict[str, dict] = {}
    threads = [
        threading.Thread(target=lambda p=prompt: together.update({p: service.analyze(MODEL, p).as_json()}))
        for prompt in prompts
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone


@pytest.mark.parametrize("prompt", ["", "   ", "\n"])
def test_an_empty_prompt_is_answered_with_a_sentence(service, prompt):
    with pytest.raises(UserError) as refusal:
        service.analyze(MODEL, prompt)
    assert "Type something to read" in refusal.value.sentence


def test_a_head_that_is_not_there_names_the_model_s_own_range(service):
    with pytest.raises(UserError) as refusal:
        service.heatmap_html(MODEL, REPEATED, 7, 0)
    sentence = "This model has layers 0 to 3, each with heads 0 to 7. There is no layer 7, head 0."
    assert refusal.value.sentence == sentence
    with pytest.raises(UserError, match="There is no layer 0, head 12"):
        service.heatmap_html(MODEL, REPEATED, 0, 12)


@pytest.mark.parametrize("name", ["no-such-model", "../etc", "https://example.org/model", "/", "models/classroom-gpt2"])
def test_only_listed_models_are_opened(service, name):
    with pytest.raises(UserError):
        service.analyze(name, REPEATED)


def test_the_model_menu_lists_what_is_here_first(service):
    choices = service.models()
    assert choices[0].name == MODEL
    assert choices[0].available
    assert [choice.available for choice in choices] == sorted((choice.available for choice in choices), reverse=True)
