"""What a student does on the circuits page, in a real browser, on a shipped model and on GPT-2 without its weights."""

from __future__ import annotations

import csv

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from app import create_app
from tests.test_browser_heads import HeadsPages
from utils.service import Headlight
from utils.settings import Settings

WAIT_S = 60  # a model is loaded at the first question
SHIPPED, WITHOUT_WEIGHTS = "classroom-gpt2", "gpt2"
FITS_SIDEWAYS = "return document.documentElement.scrollWidth <= window.innerWidth"


class CircuitsPages(HeadsPages):
    """The circuits page as a student drives it."""

    def show(self, model: str = SHIPPED, **choices: str) -> None:
        self.open("/circuits", model=model, **choices)
        self.until(lambda: self.find(".circuit-head.is-chosen"))

    def until(self, condition, message: str = ""):
        wait = WebDriverWait(self.driver, WAIT_S, ignored_exceptions=[Exception])
        return wait.until(lambda _driver: condition(), message)

    def chosen(self) -> list[str]:
        return self.run("return [...document.querySelectorAll('.circuit-head.is-chosen')].map(e => e.dataset.head)")

    def lit(self) -> int:
        return len(self.driver.find_elements(By.CSS_SELECTOR, ".circuit-path.is-lit"))

    def at_width(self, width: int) -> None:
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


@pytest.fixture(scope="module")
def real_app():
    """The app with the models that ship; GPT-2's weights are nowhere."""
    return create_app(Headlight(Settings(offline=True)))


@pytest.fixture
def pages(dash_duo, real_app) -> CircuitsPages:
    return CircuitsPages(dash_duo, real_app)


class TestShippedModel:
    def test_lines_are_drawn_a_press_chooses_and_keys_walk(self, pages):
        pages.show()
        said = "In Classroom GPT-2, one head writes more than any other head of what the induction heads look for."
        assert pages.texts("h1") == [said]
        pages.until(lambda: pages.lit() == 4)
        opened_on = pages.chosen()
        stops = "return document.querySelectorAll('#circuit-graph a[tabindex=\"0\"]').length"
        assert pages.run(stops) == 1
        pages.run("document.querySelector('#circuit-graph a[tabindex=\"0\"]').focus()")
        pages.keys("n")
        assert "induction" in pages.focused()
        pages.keys(Keys.ESCAPE)
        assert pages.focused().startswith(opened_on[0])
        pages.keys(Keys.ARROW_UP)
        above = pages.run("return document.activeElement.dataset.head")
        assert above != opened_on[0]
        scrolled = pages.run("window.scrollTo(0, 120); return window.scrollY")
        pages.keys(Keys.ENTER)
        pages.until(lambda: pages.chosen() == [above])
        assert "writer=" in pages.search()
        assert pages.run("return window.scrollY") == scrolled
        pages.driver.back()
        pages.until(lambda: pages.chosen() == opened_on)
        assert pages.errors() == []

    def test_a_student_sees_who_writes_what_an_induction_head_goes_by_and_tests_it(self, pages):
        pages.show()
        assert pages.chosen() == ["L0H3"]
        assert "mostly through MLPs" in pages.texts(".lead")[0]
        opened_on = pages.texts(".close-up h2")
        assert pages.texts(".margin-rows a")[0] == "L0H3"
        pages.press("#circuit-L2H5")  # it reads, and nobody reads it
        pages.until(lambda: pages.texts(".close-up h2") == ["L2H5 up close"])
        assert pages.chosen() == ["L0H3"]
        assert pages.texts(".margin-rows a")[0] == "L0H3"
        assert "What L2H5 goes by" in pages.texts("h2")
        second = pages.texts(".margin-rows a")[1]
        pages.press(".margin-rows li:nth-child(2) a")
        pages.until(lambda: pages.chosen() == [second])
        assert pages.texts(".close-up h2") == ["L2H5 up close"]
        pages.driver.refresh()
        pages.until(lambda: pages.chosen() == [second])
        pages.driver.back()
        pages.until(lambda: pages.chosen() == ["L0H3"])
        pages.driver.back()
        pages.until(lambda: pages.texts(".close-up h2") == opened_on)
        pages.press("#path-test-run")
        pages.until(lambda: pages.texts(".path-verdict"))
        assert "cause" not in pages.texts(".path-verdict")[0]
        assert pages.errors() == []

    def test_a_cell_of_the_map_chooses_the_pair_everywhere(self, pages):
        pages.show()
        pages.until(lambda: pages.run("return !!document.querySelector('.figure-composition-map .heatmaplayer image')"))
        pages.run("document.getElementById('composition-map-box').focus()")
        pages.keys(Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
        pages.until(lambda: pages.texts("#composition-map-readout")[0].startswith("writer L0H1, reader L1H2, "))
        pages.keys(Keys.ENTER)
        pages.until(lambda: pages.chosen() == ["L0H1"])
        pages.until(lambda: pages.texts(".close-up h2") == ["L1H2 up close"])
        pages.press("#circuits-kind .form-check:last-child label")
        pages.until(lambda: "kind=V" in pages.search())
        pages.until(lambda: pages.texts("h1")[0].startswith(("Through V", "In Classroom")))
        assert pages.errors() == []

    def test_switching_the_writer_off_takes_the_induction_heads_their_stripe(self, pages):
        pages.show()
        pages.press("#path-test-run")
        pages.until(lambda: pages.texts(".path-verdict"))
        assert "the induction heads lose most of their stripe" in pages.texts(".path-verdict")[0]
        assert "test=1" in pages.search()
        pages.until(lambda: pages.run("return document.querySelectorAll('.figure-path-test .point').length > 6"))
        assert pages.errors() == []

    def test_the_page_never_scrolls_sideways(self, pages):
        for width in (1440, 800, 390):
            pages.at_width(width)
            pages.show(test="1")
            pages.until(lambda: pages.texts(".path-verdict"))
            assert pages.run(FITS_SIDEWAYS), width


class TestWithoutWeights:
    def test_gpt2_shows_its_fits_and_says_what_needs_the_model(self, pages):
        pages.show(WITHOUT_WEIGHTS)
        assert pages.texts("h1") == ["In GPT-2, one head writes what the induction heads could look for."]
        assert "Weights alone say what could be read, not what is." in pages.texts(".circuits-source")[0]
        assert pages.chosen() == ["L4H11"]
        pages.until(lambda: pages.lit() == 4)
        assert pages.texts(".fit-row a")[:2] == ["L6H9", "L5H1"]
        assert "GPT-2 itself is not on this computer." in pages.texts(".close-up .message-sentence")
        assert pages.texts("#path-test-run") == []
        pages.press("#circuits-csv-button")
        path = f"{pages.duo.download_path}/headlight-gpt2-k-composition.csv"
        lines = pages.until(lambda: read_csv(path))
        assert len(lines) == 9504
        assert pages.errors() == []


def read_csv(path: str) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
