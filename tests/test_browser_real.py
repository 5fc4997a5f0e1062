"""A real language model in a real browser: the first page, a question, the pages behind it. One server for all."""

from __future__ import annotations

import pytest

from app import create_app
from tests.real_models import SMOLLM2, settings_with
from tests.test_browser_roles import Page
from utils.example_texts import DEFAULT_PROMPT
from utils.service import Headlight

FRIENDS = "When Mary and John went to the store, John gave a drink to"
N_HEADS = 270
WIDTHS = (1280, 768, 390)


@pytest.fixture
def page(dash_duo, tmp_path) -> Page:
    return Page(dash_duo, create_app(Headlight(settings_with(SMOLLM2, tmp_path))))


def has_no_sideways_scroll(page: Page) -> bool:
    return page.run("return document.documentElement.scrollWidth <= document.documentElement.clientWidth + 1")


def test_a_student_opens_headlight_on_a_real_model_and_looks_around(page):
    page.open()
    assert page.prompt() == DEFAULT_PROMPT
    assert page.text_of("#headline").endswith("on your text.")
    assert page.status("induction").startswith("Active: ")
    page.type_prompt(FRIENDS)
    page.until(lambda: page.find(".guesses") and "Mary" in page.text_of(".guesses"))
    assert page.run("return document.querySelectorAll('.head-map button, .head-map a, .head-map [data-head]').length")
    for path in ("/", "/heads", "/head", "/circuits", "/learn", "/models"):
        for width in WIDTHS:
            page.resize(width)
            page.open(path, model=SMOLLM2, prompt=FRIENDS, layer="18", head="6")
            assert has_no_sideways_scroll(page), (path, width)
            assert "went wrong" not in page.text_of("#content")
    assert page.errors() == []
