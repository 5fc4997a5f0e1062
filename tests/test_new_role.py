"""A seventh role with nothing but its entry and its function: every page shows it, in words from the registry."""

from __future__ import annotations

import re

import numpy as np
import pytest
from dash._utils import to_json

from components.address import Question
from components.all_heads import all_heads_page
from components.head import head_page
from components.learn import learn_page
from components.roles import roles_page, stage
from components.roles.roles_view import roles_view
from components.score_bar import two_decimals
from tests import fake_service
from tests.fake_service import MODEL, PLAIN, FakeHeadlight
from tests.test_components_heads import head_search, nodes, search_for, text_of, with_class
from utils.heads import HeadId
from utils.roles import ROLES, SET_ROLES, Prediction, Role

HEAD = HeadId(0, 1)
QUESTION = Question(MODEL, PLAIN)


def predict_two_back(token_ids: np.ndarray) -> Prediction:
    """T(q) = {q-2}. Row 2 is ambiguous: its target is also the first token."""
    n = len(token_ids)
    return Prediction(np.eye(n, k=-2, dtype=bool), np.arange(n) == 2)


TWO_BACK = Role(
    key="two_back",
    display_name="Two back",
    sentence="Looks at the token before the previous one.",
    habit="looks two tokens back",
    definition="At every token, this head puts its attention on the token two steps to the left.",
    formula="T(q) = {q − 2}, for q ≥ 3",
    source="Nobody et al. 2026, A Role for a Test",
    trigger="Any text of a few words.",
    requires_repetition=False,
    predicts=predict_two_back,
)


@pytest.fixture
def service(monkeypatch):
    """The fake service with one head that looks two tokens back."""
    monkeypatch.setitem(ROLES, TWO_BACK.key, TWO_BACK)
    monkeypatch.setitem(SET_ROLES, TWO_BACK.key, TWO_BACK)
    monkeypatch.setitem(fake_service.JOBS, HEAD, {TWO_BACK.key: 6.0})
    for made in (fake_service.fake_forward, fake_service.fake_catalogue):
        made.cache_clear()
    yield FakeHeadlight()
    for made in (fake_service.fake_forward, fake_service.fake_catalogue):
        made.cache_clear()


@pytest.fixture
def score(service) -> str:
    (head,) = service.analyze(QUESTION.model, QUESTION.prompt).categories[TWO_BACK.key]["heads"]
    assert (head["layer"], head["head"]) == HEAD
    assert head["is_active"]
    return two_decimals(head["activation_score"])


def sentence_of(component, class_name: str) -> str:
    """The words of the one element with a class, spaces as a reader sees them."""
    (element,) = with_class(component, class_name)
    return re.sub(r"\s+", " ", text_of(element))


def test_the_roles_page_has_its_card_and_counts_it(service, score):
    page = roles_page.layout(service, QUESTION)
    words = text_of(page)
    assert all(part in words for part in ("Two back", score, TWO_BACK.sentence, TWO_BACK.definition, TWO_BACK.source))
    assert "of seven known jobs" in words
    assert "Seven jobs, and the heads that do them" in words
    assert "six" not in words.lower()


def test_the_stage_proves_it_with_the_tokens_and_no_more(service):
    shown = stage.layout(roles_view(service, QUESTION), TWO_BACK.key)
    assert f"Two back, as head {HEAD} does it" in text_of(shown)
    assert re.match(r"At boat 9 it looks at over 7 with \d+ % of its attention\.", sentence_of(shown, "strip-sentence"))


@pytest.mark.parametrize("drawing", ["lines", "grid"])
def test_the_page_of_its_head_shows_the_evidence(service, score, drawing):
    page = head_page.layout(service, QUESTION, head_search(HEAD, prompt=PLAIN, view=drawing))
    words = text_of(page)
    assert "Two back." in words
    assert score in words
    assert "At each, a perfect head for this job looks two tokens back." in words


@pytest.mark.parametrize("tab", ["table", "map"])
@pytest.mark.parametrize("role", [None, TWO_BACK.key])
def test_all_heads_have_it_as_column_cell_and_filter(service, score, tab, role):
    chosen = {"role": role, "sort": f"{role}.up"} if role else {}
    page = all_heads_page.layout(service, QUESTION, search_for(PLAIN, tab=tab, **chosen))
    words = text_of(page)
    expected = f"two back {score}, usual" if tab == "table" else f"{HEAD}, two back, active, score {score}"
    assert "Two back" in words
    assert expected in words
    assert f"{HEAD}  looks two tokens back." in words
    assert "none of the six" not in words.lower()


def test_learn_says_what_the_registry_says_and_leaves_out_what_nobody_wrote(service):
    page = learn_page.layout(service, QUESTION, "")
    (lesson,) = [node for node in nodes(page) if node["props"].get("id") == f"learn-{TWO_BACK.key}"]
    words = text_of(lesson)
    for part in ("Two back", TWO_BACK.sentence, TWO_BACK.definition, TWO_BACK.formula, TWO_BACK.source):
        assert part in words
    assert "A common mistake" not in words
    assert not with_class(lesson, "mini-strip")
    assert "The seven jobs" in text_of(page)


@pytest.mark.parametrize("prompt", ["Hi", "red blue green", fake_service.REPEATING])
@pytest.mark.parametrize("has_catalogue", [True, False])
def test_every_page_is_there_whatever_the_text_and_without_a_catalogue(service, monkeypatch, prompt, has_catalogue):
    if not has_catalogue:
        monkeypatch.setattr(service, "catalogue", lambda _model: None)
    question = Question(MODEL, prompt)
    stage.layout(roles_view(service, question), TWO_BACK.key)
    for page, search in (
        (roles_page, ""),
        (head_page, head_search(HEAD, prompt=prompt, role=TWO_BACK.key, view="grid")),
        (all_heads_page, search_for(prompt)),
        (all_heads_page, search_for(prompt, tab="map")),
        (learn_page, ""),
    ):
        names_roles = has_catalogue or "tab=map" not in search  # a map of heads whose jobs nobody knows names none
        assert ("Two back" in to_json(page.layout(service, question, search))) or not names_roles
