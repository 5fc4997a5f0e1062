"""Claims about the card that asks whether a word needs the head that writes it."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlencode

import numpy as np
import pytest

from components.address import Question
from components.head import head_cause, head_page
from components.head.head_view import head_view
from tests.test_components_heads import nodes, text_of, with_class
from tests.test_word_cause import DRAWS, HEADS, PROMPT, ids_of
from tests.tiny_models import classroom_model
from utils.experiments.controls import ControlLayers
from utils.experiments.questions import Method
from utils.experiments.word_cause import Standing, WordCause, WordDraw, measure_word_cause
from utils.heads import HeadId
from utils.measures.written import Write
from utils.service import Headlight
from utils.settings import Settings
from utils.tokens import Token

MODEL = "classroom-gpt2"
HOSTILE = Token(7, " <b>x</b>", "·<b>x</b>", "<b>x</b>")


@pytest.fixture(scope="module")
def service():
    classroom_model()  # skips where it is absent
    return Headlight(Settings())


@pytest.fixture(scope="module")
def copier(service):
    """The view of the strongest copying head."""
    return view_of(service, service.catalogue(MODEL).heads_of("copying")[0].id, role="copying")


def view_of(service, head: HeadId, prompt: str = PROMPT, **others):
    search = "?" + urlencode({"layer": head.layer, "head": head.head, **others})
    return head_view(service, Question(MODEL, prompt), search)


def result_of(change: float = -1.1, controls=(0.1,) * 5, sign: int = 1, push: float | None = 2.0) -> WordCause:
    draws = tuple(WordDraw((HeadId(2, index),), each, 0.9) for index, each in enumerate(controls))
    layers = ControlLayers((2,), (2,)) if controls else ControlLayers()
    before, after = Standing(14.2, 0.92), Standing(14.2 + change, 0.85)
    return WordCause((HeadId(2, 5),), Method.MEAN, 3, HOSTILE, sign, before, after, draws, push, None, (), layers)


def spaced(component) -> str:
    """Its words with one space between them."""
    return " ".join(text_of(component).split())


def words_of(children) -> str:
    return "".join(map(text_of, children))


def test_the_answer_names_logit_and_probability_before_and_after():
    assert words_of(head_cause.answer(result_of())) == (
        "Without L2H5, <b>x</b>’s logit falls from 14.2 to 13.1 above the average token (92 % → 85 %)."
    )
    assert "rises from 14.2 to 16.2" in words_of(head_cause.answer(result_of(2.0)))
    assert "stays at 14.2 above" in words_of(head_cause.answer(result_of(0.01)))


def signs_of(result: WordCause) -> list[str]:
    line = head_cause.verdict_line(result)
    return [name for name in ("sign-check", "sign-close") if f"sign {name}" in str(line)]


def test_a_tick_is_a_cause_a_cross_is_none_and_without_a_control_there_is_no_mark():
    assert signs_of(result_of()) == ["sign-check"]
    assert signs_of(result_of(controls=(-2.0,) * 5)) == ["sign-close"]
    assert signs_of(result_of(controls=())) == []


def test_what_is_written_directly_stands_beside_what_is_lost():
    assert words_of(head_cause.direct_words(result_of())) == (
        "Directly, L2H5 adds +2.0 to <b>x</b>. Only 1.1 of it is lost without it: later heads may make up for a loss."
    )
    assert "make up" not in words_of(head_cause.direct_words(result_of(push=1.1)))
    assert "Only 1.1 of it comes back" in words_of(head_cause.direct_words(result_of(1.1, sign=-1, push=-2.0)))
    assert "Nothing of it is lost" in words_of(head_cause.direct_words(result_of(0.3)))


def test_the_card_asks_about_the_word_where_the_head_writes_it_most(copier):
    (card,) = head_cause.layout(copier)
    about = head_cause.at_stake(copier)
    assert f"{copier.head} gives " in text_of(card)
    assert f"Does {about.target.word} need that?" in spaced(card)
    asks = next(each["props"] for each in nodes(card) if each["props"].get("id") == head_cause.ASKS)["data"]
    asked = {choice: each["question"] for choice, each in asks.items()}
    assert asked["this"]["heads"] == [list(copier.head)]
    assert asked["all"]["heads"] == list(map(list, about.heads))
    for question in asked.values():
        assert (question["position"], question["target_id"]) == (about.position, about.target.id)
        assert question["role"] == "copying"


def test_a_head_that_writes_nothing_has_no_card(service, copier):
    holders = set(service.catalogue(MODEL).holders_of("copying"))
    other = next(head for head in service.catalogue(MODEL).shape.all() if head not in holders)
    assert head_cause.layout(view_of(service, other)) == []
    assert head_cause in head_page.PARTS
    assert "word-cause-run" in str(head_page.layout(service, copier.question, copier.search))


def test_heads_that_push_without_looking_are_named_for_copying_alone(copier):
    pushes = np.full(copier.analysis.forward.shape.as_tuple, 0.0)
    pushes[3, 0] = 1.25
    result = replace(result_of(), pushes=pushes)
    shown = words_of(head_cause.evidence(copier, result))
    assert "One more head pushes the word without looking at it: L3H0 +1.2" in " ".join(shown.split())
    assert head_cause.way_of("copy_suppression") is Write.SUPPRESS
    assert "without looking" not in words_of(head_cause.evidence(copier, result_of()))


def test_every_draw_stands_in_the_table(copier):
    result = measured()
    tables = [each for child in head_cause.evidence(copier, result) for each in with_class(child, "grid-table")]
    assert [" + ".join(map(str, draw)) in text_of(tables[0]) for draw in DRAWS] == [True, True]


def measured() -> WordCause:
    return measure_word_cause(classroom_model(), ids_of(), 300, HEADS, DRAWS, Method.ZERO, None)
