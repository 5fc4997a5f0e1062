"""What a student does on the toy page, in a real browser, with the two models that ship."""

from __future__ import annotations

import time

import pytest
from selenium.webdriver.common.keys import Keys

from app import create_app
from tests.test_browser_heads import HeadsPages
from utils.models.completeness import missing_files
from utils.service import Headlight
from utils.settings import SHIPPED_MODELS_DIR, Settings
from utils.toy.pair import ONE_LAYER, TWO_LAYERS

PATH = "/circuits/toy"
TWO = f'.toy-card[data-model="{TWO_LAYERS}"]'
FINISHED = "return [...document.querySelectorAll('.toy-finished')].map(e => getComputedStyle(e).display)"
HEIGHT = "return document.querySelector('.toy-guesses').getBoundingClientRect().height"
SPOKEN = "return document.getElementById('toy-step').getAttribute('aria-valuetext')"
ROLES_OF_TWO = f"return [...document.querySelectorAll('{TWO} .toy-cell')].map(cell => cell.textContent)"


@pytest.fixture
def pages(dash_duo) -> HeadsPages:
    if any(missing_files(SHIPPED_MODELS_DIR / name) for name in (ONE_LAYER, TWO_LAYERS)):
        pytest.skip("models/classroom-attn-1l and -2l ARE NOT HERE: the toy page was NOT driven")
    return HeadsPages(dash_duo, create_app(Headlight(Settings(offline=True))))


def open_page(pages: HeadsPages, **parameters: object) -> None:
    pages.open(PATH, **parameters)
    pages.until(lambda: pages.run(SPOKEN))


class TestTraining:
    def test_keys_move_the_training_and_both_cards_follow(self, pages):
        open_page(pages)
        last = pages.run(SPOKEN)
        in_the_end = pages.run(ROLES_OF_TWO)
        height = pages.run(HEIGHT)
        assert sum("induction" in cell for cell in in_the_end) >= 1
        pages.run("document.getElementById('toy-step').focus()")
        pages.keys(Keys.ARROW_LEFT)
        pages.until(lambda: pages.run(SPOKEN) not in (last, None))
        one_back = pages.run("return Number(document.getElementById('toy-step').value)")
        pages.keys(Keys.PAGE_DOWN)
        pages.until(lambda: pages.run("return Number(document.getElementById('toy-step').value)") == one_back - 5)
        assert pages.find(f"{TWO} .toy-then").is_displayed()
        assert not pages.find(f"{TWO} .toy-now").is_displayed()
        pages.keys(Keys.HOME)
        pages.until(lambda: pages.run(SPOKEN).startswith("step 0, two layers 0.0"))
        assert pages.texts("#toy-step-said") == ["Step 0"]
        assert not any("induction" in cell for cell in pages.run(ROLES_OF_TWO))
        assert pages.texts(f"{TWO} .toy-sentence")[0].startswith("L0H")  # the strip stays as it is
        assert pages.run(FINISHED) == ["block"] * 4
        assert abs(pages.run(HEIGHT) - height) <= 2  # the slider stays under the pointer
        assert pages.run(f"return getComputedStyle(document.querySelector('{TWO} .guesses')).opacity") == "0.4"
        pages.keys(Keys.END)
        pages.until(lambda: pages.run(SPOKEN) == last)
        assert pages.run(ROLES_OF_TWO) == in_the_end
        assert pages.run(FINISHED) == ["none"] * 4
        assert pages.find(f"{TWO} .toy-now").is_displayed()
        assert pages.errors() == []

    def test_play_runs_only_when_pressed_and_shows_five_steps_where_motion_is_reduced(self, pages):
        media = {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]}
        pages.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        open_page(pages)
        last = pages.run(SPOKEN)
        time.sleep(0.5)
        assert pages.run(SPOKEN) == last
        pages.run(
            "window.seen = new Set(); new MutationObserver(() =>"
            " window.seen.add(document.getElementById('toy-step').getAttribute('aria-valuetext')))"
            ".observe(document.getElementById('toy-step'), {attributes: true})"
        )
        pages.press("#toy-play")
        pages.until(lambda: pages.run(SPOKEN).startswith("step 0,"))
        assert pages.texts("#toy-play") == ["Stop"]
        pages.until(lambda: pages.texts("#toy-play") == ["Play the training"])
        assert pages.run(SPOKEN) == last
        assert pages.run("return window.seen.size") == 5
        assert pages.errors() == []

    def test_the_plots_are_drawn_in_the_theme(self, pages):
        open_page(pages)
        colour = "return document.querySelector('.toy-plot .scatterlayer path.js-line').style.stroke"
        pages.until(lambda: len(pages.texts(".toy-plot .scatterlayer path.js-line")) == 4)
        light = pages.run(colour)
        pages.run("window.headlightTheme.toggle()")
        pages.until(lambda: pages.run(colour) != light)
        pages.run("window.headlightTheme.toggle()")
        assert pages.errors() == []


class TestText:
    def test_a_bare_address_opens_on_the_example_of_the_page(self, pages):
        pages.driver.get(pages.driver.current_url.split("?")[0].rstrip("/") + PATH)
        pages.until(lambda: pages.run(SPOKEN))
        king = "The old king lost his ring in the river. The old king lost his ring in the"
        pages.until(lambda: pages.find("#ask-text").get_attribute("value") == king)
        assert pages.texts(f"{TWO} .guess-word")[0].strip() == "river"
        assert pages.texts(".header .model-toggle strong") == ["Classroom toy pair"]
        assert pages.errors() == []

    def test_a_new_text_keeps_the_page_and_its_pair(self, pages):
        open_page(pages)
        assert "river" in pages.texts(f"{TWO} .guess-word")[0]
        field = pages.find("#ask-text")
        assert field.is_displayed()
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys("green lamp stone green lamp", Keys.ENTER)
        pages.until(lambda: "lamp" in pages.texts(f"{TWO} .toy-sentence")[0])
        assert pages.run("return location.pathname") == PATH
        assert pages.errors() == []

    def test_detectors_follow_the_threshold_and_the_fit_arrives(self, pages):
        open_page(pages)
        pages.until(lambda: "K-composition from L0H" in pages.texts("#toy-composition")[0])
        heads = "return document.querySelectorAll('.detector-head').length"
        pages.until(lambda: pages.run(heads) > 0)
        at_start = pages.run(heads)
        pages.run("document.getElementById('detector-threshold').focus()")
        pages.keys(Keys.END)
        pages.until(lambda: pages.run(heads) == 0)
        pages.keys(Keys.HOME)
        pages.until(lambda: pages.run(heads) > at_start)
        assert pages.texts("#detector-threshold-said") == ["Over 0.00"]
        threshold = "return document.getElementById('detector-threshold').getAttribute('aria-valuetext')"
        pages.until(lambda: pages.run(threshold) == "over 0.00")
        assert pages.errors() == []

    @pytest.mark.parametrize("width", [390, 800])
    def test_narrow_windows_never_scroll_sideways(self, pages, width):
        metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
        pages.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        open_page(pages)
        assert pages.run("return document.documentElement.scrollWidth <= window.innerWidth")
