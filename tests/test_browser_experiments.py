"""What a student finds out about one head by experiment, in a real browser; mostly on the model that ships."""

from __future__ import annotations

import threading
import time
from urllib.parse import parse_qs

import pytest
from selenium.webdriver.common.keys import Keys

from app import create_app
from tests.fake_service import MODEL, REPEATING
from tests.test_browser_heads import HeadsPages
from utils.heads import HeadId
from utils.service import Headlight
from utils.settings import Settings

ANSWER, RUN = ".off-answer:not(:empty)", "#switch-off-run"


class ExperimentPages(HeadsPages):
    """The page of one head, with its experiments."""

    def open_head(self, head: HeadId, **parameters: object) -> None:
        self.open("/head", layer=head.layer, head=head.head, **parameters)
        self.until(lambda: self.texts(".push"), "what the head writes")

    def choose(self, select: str, value: str) -> None:
        self.until(lambda: self.find(f'{select} option[value="{value}"]')).click()

    def answer(self) -> str:
        return self.until(lambda: self.texts(ANSWER), "the answer")[0]

    def parameter(self, name: str) -> str | None:
        return parse_qs(self.search().lstrip("?"), keep_blank_values=True).get(name, [None])[0]

    def is_sideways(self) -> bool:
        return self.run("return document.documentElement.scrollWidth > window.innerWidth")


@pytest.fixture(scope="module")
def real_service() -> Headlight:
    return Headlight(Settings())


@pytest.fixture
def real(dash_duo, real_service) -> ExperimentPages:
    return ExperimentPages(dash_duo, create_app(real_service))


@pytest.fixture
def fake(dash_duo, app) -> ExperimentPages:
    return ExperimentPages(dash_duo, app)


def test_a_press_switches_the_head_off_and_the_link_shows_the_same_again(real, real_service):
    real.open_head(HeadId(0, 3))
    real.find(RUN).send_keys(Keys.ENTER)
    answer = real.answer()
    result = real_service.experiments.switch_off(MODEL, REPEATING, [(0, 3)])
    assert answer.startswith("Without L0H3, the probability of river falls from 78 % to ")
    assert real.run("return document.body.innerText").count(answer) == 1, "seen and read out, in one place"
    assert real.find(ANSWER).get_attribute("role") == "status"
    assert (real.parameter("off"), real.parameter("method")) == ("0.3", "mean")
    shown = " ".join(real.texts("#switch-off-result p"))
    assert result.verdict.sentence in shown
    assert "One of the random heads, L0H1, matters more than all others" in shown
    real.until(lambda: len(real.texts("#switch-off-result .scatterlayer .trace:first-child path.point")) == 7)
    assert real.run("return document.activeElement.id") == "switch-off-run"
    real.driver.refresh()
    assert real.answer() == answer
    real.press(RUN)
    real.press(RUN)
    real.until(lambda: real.find(RUN).text == "Run again")
    assert real.answer() == answer
    assert real.errors() == []


def test_both_cards_follow_the_token_that_is_chosen(real):
    real.open_head(HeadId(2, 5), off="2.5")
    at_the_end = (real.answer(), real.texts(".writes-content p")[0])
    real.choose("#head-position", "13")
    real.until(lambda: real.parameter("at") == "13")
    real.until(lambda: real.texts(ANSWER) and real.answer() != at_the_end[0])
    real.until(lambda: "lost4" in real.texts(".writes-content p")[0])
    assert "It copies: it pushes up lost, the very token it looks at." in real.texts(".writes-content p")
    assert real.parameter("off") == "2.5"
    assert real.errors() == []


def test_heads_are_picked_on_the_map_with_the_keyboard_alone(real):
    real.open_head(HeadId(2, 5))
    assert not real.find("#head-set-map-box").is_displayed()
    real.choose("#head-set-choice", "picked")
    real.until(lambda: real.find("#head-set-map-box").is_displayed())
    real.run("document.querySelector('#head-set-map input').focus()")
    real.keys(Keys.ARROW_DOWN, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.SPACE)
    real.find(RUN).send_keys(Keys.ENTER)
    assert real.answer().startswith("Without L1H2 and L2H5, the probability of river ")
    assert real.parameter("off") == "1.2,2.5"
    for _ in range(2):
        real.until(lambda: real.find("#head-set-map input:checked")).send_keys(Keys.SPACE)
    real.find(RUN).send_keys(Keys.ENTER)
    real.until(lambda: real.texts("#switch-off-result .message-sentence"))
    assert real.texts("#switch-off-result .message-sentence")[0].startswith("No head was chosen")
    assert real.errors() == []


def test_all_heads_of_a_job_are_what_the_second_copy_needs(real):
    real.open_head(HeadId(2, 5))
    real.choose("#head-set-choice", "induction")
    real.press(RUN)
    assert real.answer().startswith("Without all 9 induction heads, ")
    real.press("#switch-off-copy")
    copy = real.until(lambda: real.texts("#switch-off-copy-result p")[0])
    assert copy.startswith("Without all 9 induction heads, the loss on the second copy rises from 0.08 to ")
    assert copy.endswith("With none of 12 random draws is it as high.")
    real.press("#switch-off-later")
    real.until(lambda: len(real.texts("#switch-off-later-result tbody tr")) == 8)
    head = real.texts("#switch-off-later-result tbody a")[0]
    real.press("#switch-off-later-result tbody a")
    real.until(lambda: head in real.texts("h1")[0])
    assert real.errors() == []


def test_the_plot_follows_the_theme_and_nothing_scrolls_sideways(fake):
    fake.open_head(HeadId(2, 3), off="2.3,2.2")
    fake.answer()
    line = "return document.querySelector('#switch-off-result .shapelayer path').style.stroke"
    light = fake.until(lambda: fake.run(line))
    fake.run("window.headlightTheme.toggle()")
    fake.until(lambda: fake.run(line) != light)
    fake.run("window.headlightTheme.toggle()")
    for width in (1440, 800, 390):
        screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        fake.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        fake.until(lambda: not fake.is_sideways(), f"{width} px")
    assert fake.errors() == []


def test_a_changed_choice_fades_the_result_and_says_what_it_is_for(fake):
    fake.open_head(HeadId(2, 3), off="2.3", method="mean")
    fake.answer()
    zeros = "//label[normalize-space()='zeros']"
    fake.driver.find_element("xpath", zeros).click()
    fake.until(lambda: fake.texts("#switch-off-old") == ["This is for L2H3, replaced by its average. Run again."])
    assert fake.find("#switch-off-result").value_of_css_property("opacity") == "0.5"
    fake.driver.find_element("xpath", zeros.replace("zeros", "its average")).click()
    fake.until(lambda: fake.texts("#switch-off-old") == [""])
    assert fake.find("#switch-off-result").value_of_css_property("opacity") == "1"
    assert fake.errors() == []


def test_a_bad_link_leaves_the_page_and_its_button_asks_for_the_usual(fake):
    fake.open_head(HeadId(2, 3), off="2.2", method="half")
    fake.until(lambda: "“half”" in fake.find("#switch-off-result").text)
    fake.press("#switch-off-result a.btn")
    assert fake.answer().startswith("Without L2H2, ")
    assert (fake.parameter("off"), fake.parameter("method")) == ("2.2", "mean")
    assert fake.errors() == []


def test_whatever_a_tab_press_reaches_has_a_ring(fake):
    fake.open_head(HeadId(2, 3), off="2.3")
    fake.answer()
    ringed, ring = set(), "const e = document.activeElement, s = getComputedStyle(e);"
    ring += "return [e.id || e.className, s.outlineStyle, s.outlineWidth, s.outlineOffset, s.boxShadow, e.className]"
    for _ in range(60):
        fake.keys(Keys.TAB)
        name, *looks, kinds = fake.run(ring)
        if {"btn", "nav-link", "form-select"} & set(kinds.split()):
            assert looks == ["solid", "3px", "3px", "none"], name
            ringed.add(name)
    assert {"lens-run", "attribution-run", "scan-run", "recent-run", "switch-off-run", "head-position"} <= ringed
    assert any("nav-link" in name for name in ringed)


def test_the_grid_frames_the_row_of_its_cursor(fake):
    fake.open_head(HeadId(2, 3), view="grid")
    fake.until(lambda: fake.find(".figure-pattern-grid .heatmaplayer image"))
    mark = fake.find(".grid-row-mark")
    assert not mark.is_displayed()
    fake.run("document.getElementById('pattern-grid-box').focus()")
    fake.keys(Keys.ARROW_DOWN, Keys.ARROW_UP)
    fake.until(lambda: mark.is_displayed())
    assert fake.run("return document.querySelector('.grid-row-mark').style.getPropertyValue('--row')") == "16"
    fake.keys(*[Keys.ARROW_LEFT] * 9)
    fake.until(lambda: fake.texts("#grid-readout")[0].endswith("%, where the job says to look"))
    assert fake.errors() == []


def test_a_slow_experiment_says_that_it_runs_and_may_be_left(dash_duo, service, app, monkeypatch):
    ask, may_go_on = service.experiments.switch_off, threading.Event()

    def slowly(*asked, **others):
        may_go_on.wait(30)
        return ask(*asked, **others)

    monkeypatch.setattr(service.experiments, "switch_off", slowly)
    slow = ExperimentPages(dash_duo, app)
    slow.open_head(HeadId(2, 3), off="2.3")
    slow.until(lambda: slow.find(".run-busy").is_displayed() and slow.find(RUN).text == "Running …")
    may_go_on.set()
    assert slow.answer().startswith("Without L2H3, ")
    slow.until(lambda: slow.find(RUN).text == "Run again")
    may_go_on.clear()
    service.experiments.runs.forget()  # a known result would be there at once
    slow.press(RUN)
    slow.until(lambda: slow.find("#switch-off-result").value_of_css_property("opacity") == "0.5")
    assert slow.texts(ANSWER), "the old result stays until the new one is there"
    slow.press(".head-path a")
    slow.until(lambda: slow.texts("#headline")[0].endswith("on your text."))
    may_go_on.set()
    time.sleep(1)
    assert slow.errors() == []


def test_a_second_text_of_ones_own_is_typed_run_and_kept_in_the_link(real):
    """The classic pair: with the names swapped inside one head the model says the other name."""
    mary = "When Mary and John went to the shop, John gave the apple to"
    john = "When John and Mary went to the shop, Mary gave the apple to"
    real.open_head(HeadId(3, 7), prompt=mary)
    field = real.find("#second-text")
    assert not field.is_displayed()
    real.driver.find_element("xpath", "//label[normalize-space()='another text’s']").click()
    real.until(lambda: field.is_displayed())
    field.send_keys("When John")
    real.press(RUN)
    real.until(lambda: "too short: it has 3 tokens" in real.find("#switch-off-result").text)
    field = real.find("#second-text")
    assert field.get_attribute("value") == "When John"
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys(john)
    real.press(RUN)
    assert real.answer() == "Without L3H7, the probability of Mary falls from 95 % to 21 %."
    assert "on your second text" in real.find("#switch-off-result").text
    assert (real.parameter("method"), real.parameter("other")) == ("resample", john)
    real.driver.refresh()
    assert real.answer() == "Without L3H7, the probability of Mary falls from 95 % to 21 %."
    real.find("#second-text").send_keys(" all")
    real.keys(Keys.TAB)
    real.until(lambda: "your second text’s. Run again." in real.find("#switch-off-old").text)
    ring = "const s = getComputedStyle(document.activeElement); return [s.outlineStyle, s.outlineWidth]"
    real.run("document.getElementById('head-position').focus()")
    for _ in range(12):
        real.keys(Keys.TAB)
        if real.run("return document.activeElement.id") == "second-text":
            break
    assert real.run("return document.activeElement.id") == "second-text"
    assert real.run(ring) == ["solid", "3px"]
    assert real.errors() == []
