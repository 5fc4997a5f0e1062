"""What a student does with what breaks without a head, in a real browser."""

from __future__ import annotations

import pytest

from app import create_app
from tests.test_browser_heads import HeadsPages
from tests.test_components_causes import CausesHeadlight

SWITCH = "#heads-shows .form-check:nth-of-type({}) label"


@pytest.fixture
def pages(dash_duo) -> HeadsPages:
    return HeadsPages(dash_duo, create_app(CausesHeadlight()))


def test_the_map_turns_to_what_breaks_and_back_and_the_address_keeps_it(pages):
    pages.open("/heads", tab="map")
    assert pages.texts(".cause-cell") == []
    pages.press(SWITCH.format(2))
    pages.until(lambda: "shows=breaks" in pages.search() and pages.texts(".cause-cell .cause-number").count("5.1") == 1)
    assert pages.find(".map-card h2").text == "Layer 1, head 0"
    pages.press(SWITCH.format(1))
    pages.until(lambda: "shows=does" in pages.search() and not pages.texts(".cause-cell"))
    assert pages.errors() == []


def test_a_press_on_the_column_brings_the_head_that_breaks_most_to_the_top(pages):
    pages.open("/heads")
    pages.press(".heads-without .column-sort")
    pages.until(lambda: "sort=without" in pages.search() and pages.texts(".heads-row .row-link")[0] == "L1H0")
    pages.press(".heads-without .column-sort")
    pages.until(lambda: pages.texts(".heads-row .row-link")[0] == "L1H4")
    assert pages.errors() == []


def test_a_narrow_window_keeps_the_sorted_column_and_never_scrolls_sideways(pages):
    pages.driver.set_window_size(390, 900)
    pages.open("/heads", sort="without")
    shown = pages.find(".heads-row .heads-without .without-figure")
    assert (shown.text, shown.is_displayed()) == ("5.1 ± 0.3", True)
    pages.open("/heads")
    assert not pages.find(".heads-row .heads-without .without-figure").is_displayed()
    for parameters in ({}, {"tab": "map", "shows": "breaks"}):
        pages.open("/heads", **parameters)
        assert pages.run("return document.documentElement.scrollWidth") <= 390
