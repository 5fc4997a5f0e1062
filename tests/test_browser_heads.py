"""What a student does on All heads and on the page of one head, in a real browser."""

from __future__ import annotations

import csv
import time
from urllib.parse import urlencode

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from app import create_app
from tests.deep_service import DEEP_MODEL
from tests.fake_service import MISSING_MODEL, MODEL, REPEATING, FakeHeadlight
from utils.roles import ROLES

WAIT_S = 15
ROWS = ".heads-row .row-link"


class HeadsPages:
    """All heads and the page of one head as a student drives them."""

    def __init__(self, duo, app):
        self.duo = duo
        self.driver = duo.driver
        duo.start_server(app)

    def open(self, path: str, **parameters: object) -> None:
        query = urlencode({"model": MODEL, "prompt": REPEATING, **parameters})
        self.driver.get(f"{self.duo.server_url}{path}?{query}")
        self.until(lambda: self.find("#_pages_content h1"))

    def until(self, condition, message: str = ""):
        wait = WebDriverWait(self.driver, WAIT_S, ignored_exceptions=[Exception])
        return wait.until(lambda _driver: condition(), message)

    def find(self, selector: str):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def run(self, script: str, *arguments):
        return self.driver.execute_script(script, *arguments)

    def texts(self, selector: str) -> list[str]:
        return self.run("return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)", selector)

    def press(self, selector: str) -> None:
        self.until(lambda: self.find(selector)).click()

    def search(self) -> str:
        return self.run("return location.search")

    def keys(self, *keys: str) -> None:
        ActionChains(self.driver).send_keys(*keys).perform()

    def focused(self) -> str:
        return self.run("return document.activeElement.textContent")

    def errors(self) -> list[str]:
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]


@pytest.fixture
def pages(dash_duo, app) -> HeadsPages:
    return HeadsPages(dash_duo, app)


def column(role: str) -> str:
    return f".column-sort:has(.role-{role})"


class TestTable:
    def test_a_press_on_a_column_sorts_down_then_up_and_the_link_keeps_it(self, pages):
        pages.open("/heads")
        assert pages.texts(ROWS)[:2] == ["L0H0", "L0H1"]
        pages.press(column("induction"))
        pages.until(lambda: pages.texts(ROWS)[0] == "L2H3")
        assert "sort=induction" in pages.search()
        assert pages.find("th.is-sorted").get_attribute("aria-sort") == "descending"
        pages.press(column("induction"))
        pages.until(lambda: pages.texts(ROWS)[-1] == "L2H3")
        assert pages.find("th.is-sorted").get_attribute("aria-sort") == "ascending"
        pages.driver.refresh()
        pages.until(lambda: pages.texts(ROWS)[-1] == "L2H3")
        pages.driver.back()
        pages.until(lambda: pages.texts(ROWS)[0] == "L2H3")
        assert pages.errors() == []

    def test_focus_stays_on_the_column_that_was_pressed(self, pages):
        pages.open("/heads")
        pages.until(lambda: pages.find(column("diffuse"))).send_keys(Keys.ENTER)
        pages.until(lambda: pages.texts(ROWS)[0] in ("L0H3", "L1H0"))
        pages.until(lambda: "Diffuse" in pages.focused())

    def test_a_filter_keeps_the_heads_of_a_job_and_a_second_press_brings_all_back(self, pages):
        pages.open("/heads")
        button = ".filter:has(.role-duplicate_token)"
        pages.press(button)
        pages.until(lambda: sorted(pages.texts(ROWS)) == ["L0H2", "L1H7"])
        assert pages.find(button).get_attribute("aria-pressed") == "true"
        assert pages.texts(".heads-filters [role=status]") == ["2 heads"]
        pages.press(button)
        pages.until(lambda: len(pages.texts(ROWS)) == 32)
        assert pages.errors() == []

    def test_a_press_on_a_state_keeps_the_heads_in_it_and_the_link_keeps_the_choice(self, pages):
        pages.open("/heads", prompt="One lonely sailor watched dark clouds gather over his boat")
        button = ".filter:has(.lamp--not-applicable)"
        pages.press(button)
        pages.until(lambda: sorted(pages.texts(ROWS)) == ["L0H2", "L1H7", "L2H3", "L3H1"])
        assert "state=not_applicable" in pages.search()
        assert set(pages.texts(".heads-row .heads-state")) == {"cannot show on this text"}
        pages.driver.refresh()
        pages.until(lambda: pages.find(button).get_attribute("aria-pressed") == "true")
        pages.press(".filter:has(.role-diffuse)")
        pages.until(lambda: pages.texts(".filter-empty p") == ["No head is in this state on your text."])
        pages.press(".filter-empty .filter")
        pages.until(lambda: len(pages.texts(ROWS)) == 32)
        assert pages.errors() == []

    def test_a_press_on_a_column_head_sorts_by_state_and_by_the_plain_score(self, pages):
        pages.open("/heads")
        pages.press("th.heads-state .column-sort")
        pages.until(lambda: pages.texts(".heads-row .heads-state")[:9] == ["active"] * 9)
        assert "sort=state" in pages.search()
        pages.press("th.heads-plain .column-sort")
        pages.until(lambda: "sort=plain" in pages.search())
        pages.until(lambda: pages.find("th.is-sorted").get_attribute("aria-sort") == "descending")
        assert pages.errors() == []

    def test_a_row_opens_the_head_and_its_lines_are_drawn(self, pages):
        pages.open("/heads", sort="induction")
        pages.until(lambda: pages.texts(ROWS)[0] == "L2H3")
        last_cell = pages.find(".heads-row:first-child td:last-child")
        ActionChains(pages.driver).move_to_element(last_cell).click().perform()
        pages.until(lambda: "Layer 2, head 3" in pages.texts("h1")[0])
        frame = pages.until(lambda: pages.find("iframe.lines-frame"))
        pages.driver.switch_to.frame(frame)
        pages.until(lambda: len(pages.run("return document.querySelectorAll('svg line').length ? [1] : []")))
        words = pages.texts("svg text")
        assert words.count("river") == 2
        pages.driver.switch_to.default_content()
        assert pages.errors() == []

    def test_the_download_holds_every_head_with_every_score(self, pages):
        pages.open("/heads", role="induction")
        pages.press("#heads-csv-button")
        path = f"{pages.duo.download_path}/headlight-{MODEL}-heads.csv"
        lines = pages.until(lambda: read_csv(path))
        assert len(lines) == 32 * len(ROLES)
        assert {line["name"] for line in lines} == {f"L{layer}H{head}" for layer in range(4) for head in range(8)}
        tested = [line for line in lines if not ROLES[line["role"]].is_writing]
        assert all(0 <= float(line["score_when_it_looks"]) <= 1 for line in tested)
        assert all(0 <= float(line["plain_score"]) <= 1 for line in tested)

    def test_the_search_box_opens_a_head_or_names_the_range(self, pages):
        pages.open("/heads")
        pages.until(lambda: pages.find("#heads-find")).send_keys("L7H1" + Keys.ENTER)
        said = "This model has layers 0 to 3, each with heads 0 to 7. There is no layer 7, head 1."
        pages.until(lambda: pages.texts("#heads-find-answer") == [said])
        pages.find("#heads-find").send_keys(Keys.CONTROL, "a")
        pages.find("#heads-find").send_keys("l1h4" + Keys.ENTER)
        pages.until(lambda: "Layer 1, head 4" in pages.texts("h1")[0])
        assert pages.errors() == []

    def test_a_narrow_window_keeps_the_sorted_column_and_never_scrolls_sideways(self, pages):
        for width, n_shown in ((1240, 6), (820, 1), (390, 1)):
            pages.driver.execute_cdp_cmd(
                "Emulation.setDeviceMetricsOverride",
                {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False},
            )
            pages.open("/heads", sort="duplicate_token")
            pages.until(lambda: pages.texts(ROWS)[0] == "L0H2")
            shown = pages.run(
                "return [...document.querySelectorAll('.heads-row:first-child .heads-score')]"
                ".filter(cell => cell.offsetWidth).map(cell => cell.textContent)"
            )
            assert len(shown) == n_shown
            assert any("duplicate token" in text for text in shown)
            assert pages.run("return document.documentElement.scrollWidth <= window.innerWidth")


class TestDeepModel:
    """A model of 270 heads."""

    @pytest.fixture
    def pages(self, dash_duo, deep_service) -> HeadsPages:
        return HeadsPages(dash_duo, create_app(deep_service))

    def test_a_press_shows_all_rows_and_their_links_still_lead_on(self, pages):
        pages.open("/heads", model=DEEP_MODEL)
        pages.until(lambda: len(pages.texts(ROWS)) == 50)
        pages.press(".heads-below button")
        pages.until(lambda: len(pages.texts(ROWS)) == 270)
        assert "rows=all" in pages.search()
        pages.press(".heads-row:last-child .row-link")
        pages.until(lambda: "Layer 29, head 8" in pages.texts("h1")[0])
        pages.driver.back()
        pages.until(lambda: len(pages.texts(ROWS)) == 270)
        assert pages.errors() == []

    def test_arrows_go_where_they_point_j_goes_to_the_next_job_and_the_address_keeps_the_switch(self, pages):
        pages.open("/", model=DEEP_MODEL)
        pages.until(lambda: pages.run("return document.querySelectorAll('#head-map a[tabindex=\"0\"]').length") == 1)
        pages.run("document.querySelector('[data-head=L1H2] a').focus()")
        pages.keys(Keys.ARROW_DOWN)
        assert pages.focused().startswith("L1H3, previous token, active, score ")
        pages.keys(Keys.ARROW_RIGHT)
        assert pages.focused().startswith("L2H3, previous token, active, score ")
        pages.keys("j")
        assert pages.focused().startswith("L2H4, duplicate token, ")
        pages.keys("j")
        assert pages.focused().startswith("L8H0, duplicate token, ")
        pages.press(".wide-map .switch .form-check:last-child label")
        pages.until(lambda: "rest=1" in pages.search() and pages.find("#head-map.shows-rest"))
        pages.press("[data-fold=induction] summary")
        pages.until(lambda: "more=induction" in pages.search())
        pages.driver.refresh()
        pages.until(lambda: pages.find("#head-map.shows-rest") and pages.find("[data-fold=induction][open]"))
        assert pages.errors() == []

    def test_a_narrow_window_turns_pages_and_names_the_pressed_head_below(self, pages):
        size = {"width": 390, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        pages.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        pages.open("/", model=DEEP_MODEL)
        shown = "return [...document.querySelectorAll('.head-cell')].filter(cell => cell.offsetWidth).length"
        pages.until(lambda: pages.run(shown) == 90)
        pages.press(".head-map-pages .form-check:last-child label")
        pages.until(lambda: pages.run("return document.querySelector('[data-head=L25H2]').offsetWidth > 20"))
        assert pages.run(shown) == 90
        pages.press("[data-head=L25H8] a")
        pages.until(lambda: pages.texts(".map-pressed-words")[0].startswith("L25H8, induction, "))
        assert pages.find(".map-pressed a").size["height"] >= 44
        assert pages.run("return document.documentElement.scrollWidth <= window.innerWidth")
        pages.press(".map-pressed a")
        pages.until(lambda: "Layer 25, head 8" in pages.texts("h1")[0])
        assert pages.errors() == []


class TestMap:
    def test_one_tab_stop_arrows_move_and_enter_opens(self, pages):
        pages.open("/heads", tab="map")
        stops = "return document.querySelectorAll('#head-map a[tabindex=\"0\"]').length"
        pages.until(lambda: pages.run(stops) == 1)
        pages.run("document.querySelector('#head-map a[tabindex=\"0\"]').focus()")
        pages.keys(Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
        assert pages.focused().startswith("L2H3, induction, active, score 0.")
        assert pages.run(stops) == 1
        pages.until(lambda: pages.texts("#heads-card h2") == ["Layer 2, head 3"])
        pages.keys(Keys.HOME)
        assert pages.focused().startswith("L2H0")
        pages.keys(Keys.END, Keys.ARROW_RIGHT)
        assert pages.focused().startswith("L2H7")
        pages.keys(Keys.ENTER)
        pages.until(lambda: "Layer 2, head 7" in pages.texts("h1")[0])
        assert pages.errors() == []

    def test_a_press_keeps_the_head_on_the_card(self, pages):
        pages.open("/heads", tab="map")
        pages.press('[data-head="L0H2"] a')
        pages.until(lambda: pages.texts("#heads-card h2") == ["Layer 0, head 2"])
        ActionChains(pages.driver).move_to_element(pages.find('[data-head="L1H4"]')).perform()
        time.sleep(0.5)
        assert pages.texts("#heads-card h2") == ["Layer 0, head 2"]
        pages.press("#heads-card a")
        pages.until(lambda: "Layer 0, head 2" in pages.texts("h1")[0])
        assert pages.errors() == []

    def test_a_job_dims_the_rest_and_the_table_keeps_it(self, pages):
        pages.open("/heads", tab="map")
        pages.press(".job-row:has(.role-induction)")
        pages.until(lambda: len(pages.texts(".head-cell.is-dimmed")) == 29)
        pages.press(".switch label")
        pages.until(lambda: len(pages.texts(ROWS)) == 3)
        assert pages.errors() == []

    def test_the_small_map_opens_a_head_with_one_press(self, pages):
        pages.open("/")
        pages.press('[data-head="L1H4"] a')
        pages.until(lambda: "Layer 1, head 4" in pages.texts("h1")[0])


class TestHeadPage:
    def test_the_grid_is_drawn_in_the_theme_and_read_out_by_arrow_keys(self, pages):
        pages.open("/head", layer=2, head=3, view="grid")
        pages.until(
            lambda: pages.run("return document.querySelector('.figure-pattern-grid .heatmaplayer image') !== null")
        )
        pages.run("document.getElementById('pattern-grid-box').focus()")
        pages.keys(Keys.ARROW_DOWN)
        pages.until(lambda: pages.texts("#grid-readout")[0].startswith("the, position 17, looks at the, position 17, "))
        pages.keys(*[Keys.ARROW_LEFT] * 9)
        pages.until(lambda: "the, position 17, looks at river, position 8, 9" in pages.texts("#grid-readout")[0])
        outline = "return document.querySelector('.figure-pattern-grid .shapelayer path').style.stroke"
        light = pages.run(outline)
        pages.run("window.headlightTheme.toggle()")
        pages.until(lambda: pages.run(outline) != light)
        pages.run("window.headlightTheme.toggle()")
        assert pages.errors() == []

    def test_the_switch_goes_from_lines_to_grid_and_back_by_the_address(self, pages):
        pages.open("/head", layer=1, head=4)
        pages.until(lambda: pages.find("iframe.lines-frame"))
        pages.press(".switch .form-check:first-child label")
        pages.until(lambda: pages.find(".figure-pattern-grid .heatmaplayer image"))
        assert "view=grid" in pages.search()
        pages.driver.back()
        pages.until(lambda: pages.find("iframe.lines-frame"))
        assert pages.errors() == []

    def test_a_press_on_a_job_shows_its_evidence(self, pages):
        pages.open("/head", layer=2, head=6)
        pages.until(lambda: "Seven tokens appeared before" in pages.texts(".section-lead")[0])
        pages.press(".job-level.role-previous_token")
        pages.until(lambda: "looks at the previous token" in pages.texts(".section-lead")[0])
        assert "role=previous_token" in pages.search()
        assert pages.errors() == []

    def test_a_press_opens_the_table_that_makes_the_score_and_nothing_scrolls_sideways_in_a_narrow_window(self, pages):
        size = {"width": 390, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        pages.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        pages.open("/head", layer=2, head=3)
        summary = pages.until(lambda: pages.find(".evidence-count + details > summary"))
        pages.run("arguments[0].scrollIntoView({block: 'center'})", summary)
        summary.click()
        pages.until(lambda: len(pages.texts(".evidence-count + details tbody tr")) == 7)
        assert pages.texts(".evidence-count")[0].startswith("In 7 places this text gives the head a chance")
        assert pages.run("return document.documentElement.scrollWidth <= window.innerWidth")
        assert pages.errors() == []

    def test_how_we_know_has_an_address_and_fits_a_narrow_window(self, pages):
        size = {"width": 390, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        pages.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        pages.open("/learn")
        pages.press(".lessons a[href='#learn-know']")
        pages.until(lambda: pages.run("return location.hash") == "#learn-know")
        assert pages.texts("#learn-know h2") == ["How we know"]
        assert pages.find("#learn-know h2").is_displayed()
        assert len(pages.texts(".luck-table tbody tr")) == 3
        assert pages.run("return document.documentElement.scrollWidth <= window.innerWidth")
        assert pages.errors() == []

    def test_a_link_to_a_layer_that_does_not_exist_leads_to_one_that_does(self, pages):
        pages.open("/head", layer=7, head=2)
        (title,) = pages.texts("h1")
        assert title == "This model has layers 0 to 3, each with heads 0 to 7. There is no layer 7, head 2."
        pages.press(".message .btn")
        pages.until(lambda: "Layer 3, head 2" in pages.texts("h1")[0])

    def test_next_and_previous_walk_through_the_heads(self, pages):
        pages.open("/head", layer=0, head=7)
        pages.press(".head-steps a:last-child")
        pages.until(lambda: "Layer 1, head 0" in pages.texts("h1")[0])
        pages.press(".head-steps a:first-child")
        pages.until(lambda: "Layer 0, head 7" in pages.texts("h1")[0])


class TestWithoutTextOrCatalogue:
    def test_an_empty_prompt_still_shows_every_head_with_its_usual_level(self, pages):
        pages.open("/heads", prompt="")
        assert pages.texts("h1") == ["9 of 32 heads have a job we can name."]
        assert len(pages.texts(ROWS)) == 32
        assert "Type something to read." in pages.texts(".message")[0]

    def test_a_model_that_is_nowhere_is_told_in_a_sentence(self, pages):
        pages.open("/heads", model=MISSING_MODEL)
        assert pages.texts("h1") == ["GPT-2 is not on this computer."]

    def test_a_model_without_a_catalogue_shows_scores_and_no_jobs(self, dash_duo, monkeypatch):
        service = FakeHeadlight()
        monkeypatch.setattr(service, "catalogue", lambda _model: None)
        pages = HeadsPages(dash_duo, create_app(service))
        pages.open("/heads")
        assert len(pages.texts(ROWS)) == 32
        assert "were not analysed" in pages.texts(".lead")[0]
        assert pages.errors() == []


def read_csv(path: str) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
