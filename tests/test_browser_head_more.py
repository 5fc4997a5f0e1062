"""What a student does with the experiments that run on a press on the page of one head, in a real browser."""

from __future__ import annotations

import threading
import time
from urllib.parse import urlencode

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from app import create_app
from tests.fake_service import MODEL, PLAIN, REPEATING, FakeHeadlight
from tests.test_browser_heads import HeadsPages
from tests.tiny_models import classroom_model
from utils.service import Headlight
from utils.settings import Settings

HEAD = {"layer": 2, "head": 3}


class SlowScans(FakeHeadlight):
    """Its scans go on, batch by batch, only when they are told to."""

    def __init__(self) -> None:
        super().__init__()
        self.may_go = threading.Semaphore(0)
        self.n_scans = self.n_ended = 0
        whole = self.experiments.scan

        def scan(model, prompt, method, position, progress, second):
            self.n_scans += 1
            try:
                for n_done in (8, 24, 32):
                    assert self.may_go.acquire(timeout=60)
                    progress(n_done, 32)
            finally:
                self.n_ended += 1
            return whole(model, prompt, method, position, second=second)

        self.experiments.scan = scan


@pytest.fixture
def slow() -> SlowScans:
    return SlowScans()


def text(pages: HeadsPages, selector: str) -> str:
    return pages.find(selector).text


class TestScan:
    def test_progress_is_real_and_the_map_leads_to_heads(self, dash_duo, slow):
        pages = HeadsPages(dash_duo, create_app(slow))
        pages.open("/head", **HEAD)
        pages.press("#scan-run")
        pages.until(lambda: "Getting ready" in text(pages, "#scan-line"))
        slow.may_go.release(2)
        pages.until(lambda: "24 of 32 heads tried" in text(pages, "#scan-line"))
        assert pages.find("#scan-line [role=progressbar]").get_attribute("aria-valuenow") == "75"
        slow.may_go.release()
        pages.until(lambda: len(pages.texts(".scan-cell a")) == 32)
        assert "matters most" in text(pages, "#scan-answer")
        pages.until(lambda: pages.run("return document.querySelectorAll('.scan-cell a[tabindex=\"0\"]').length") == 1)
        pages.run("document.querySelector('.scan-cell a').focus()")
        pages.keys(Keys.ARROW_DOWN, Keys.ARROW_RIGHT)
        assert pages.focused().startswith("L1H1")
        pages.keys(Keys.ENTER)
        pages.until(lambda: "Layer 1, head 1" in pages.texts("h1")[0])
        assert pages.errors() == []

    def test_a_slow_one_shows_percentage_and_time_left_and_stops_when_told(self, dash_duo, slow):
        pages = HeadsPages(dash_duo, create_app(slow))
        pages.open("/head", **HEAD)
        assert not pages.find("#scan-line").is_displayed()
        pages.press("#scan-run")
        slow.may_go.release(1)
        pages.until(lambda: "25 %" in text(pages, "#scan-line"))
        pages.until(lambda: "left" in text(pages, "#scan-line"))
        bar, stop = pages.find("#scan-line [role=progressbar]"), pages.find("#scan-stop")
        assert stop.rect["x"] >= bar.rect["x"] + bar.rect["width"]
        pages.press("#scan-stop")
        pages.until(lambda: "Stopped after 8 of 32 heads tried" in text(pages, "#scan-stopped"))
        assert not pages.find("#scan-line").is_displayed()
        slow.may_go.release(1)
        pages.until(lambda: slow.n_ended == 1)
        pages.press("#scan-run")
        pages.until(lambda: slow.n_scans == 2)
        slow.may_go.release(3)
        pages.until(lambda: len(pages.texts(".scan-cell a")) == 32)
        assert pages.errors() == []

    def test_a_student_who_leaves_finds_the_scan_again_and_others_join_it(self, dash_duo, slow):
        pages = HeadsPages(dash_duo, create_app(slow))
        pages.open("/head", **HEAD)
        pages.press("#scan-run")
        pages.until(lambda: slow.n_scans == 1)
        pages.open("/heads")
        slow.may_go.release(3)
        time.sleep(1)  # the scan ends while nobody looks
        assert pages.errors() == []
        pages.open("/head", layer=0, head=5)
        pages.until(lambda: len(pages.texts(".scan-cell a")) == 32)
        assert pages.run("return document.querySelector('.scan-cell.is-here').dataset.head") == "L0H5"
        assert slow.n_scans == 1


class TestPresses:
    def test_lens_attribution_and_pipeline_on_the_model_that_ships(self, dash_duo):
        classroom_model()  # skips where it is absent
        pages = HeadsPages(dash_duo, create_app(Headlight(Settings(offline=True))))
        pages.driver.set_window_size(500, 900)
        pages.open("/head", **HEAD)
        pages.until(lambda: "256 numbers each" in text(pages, "#pipeline-size"))
        summary = pages.find(".pipeline-stage summary")
        summary.send_keys(Keys.ENTER)
        assert pages.find(".pipeline-stage details").get_attribute("open") is not None
        pages.run("document.getElementById('lens-run').focus()")
        pages.keys(Keys.ENTER)
        pages.until(lambda: "first guess" in text(pages, "#lens-answer"))
        rows = pages.texts(".lens-table tbody th")
        assert rows == ["embedding", "layer 0", "layer 1", "layer 2", "layer 3the answer"]
        seen = "const b = document.querySelector('.lens-box').getBoundingClientRect();"
        seen += "const c = document.querySelector('.lens-table thead .is-chosen').getBoundingClientRect();"
        pages.until(lambda: pages.run(f"{seen} return c.left >= b.left && c.right <= b.right + 1"))
        pages.press("#attribution-run")
        pages.until(lambda: "adds most" in text(pages, "#attribution-answer"))
        assert len(pages.texts(".share-chip")) == len(pages.texts(".lens-table thead th")) - 1
        assert pages.run("return document.documentElement.scrollWidth <= window.innerWidth")
        assert pages.errors() == []

    def test_a_press_says_that_it_runs_and_may_be_left(self, pages, service, monkeypatch):
        ask, may_go_on = service.experiments.logit_lens, threading.Event()
        monkeypatch.setattr(
            service.experiments, "logit_lens", lambda *asked, **others: may_go_on.wait(30) and ask(*asked, **others)
        )
        pages.open("/head", **HEAD)
        pages.press("#lens-run")
        pages.until(lambda: text(pages, "#lens-run") == "Running …")
        assert text(pages, "#attribution-run") == "Trace the guess"
        pages.press(".head-path a")
        pages.until(lambda: pages.texts("#headline")[0].endswith("on your text."))
        may_go_on.set()
        time.sleep(1)
        assert pages.errors() == []

    def test_last_texts_are_those_of_this_tab_and_lead_to_the_head_on_them(self, pages):
        pages.open("/head", **HEAD)
        pages.press("#recent-run")
        pages.until(lambda: "No other text" in text(pages, "#recent-answer"))
        pages.open("/", prompt=PLAIN)
        pages.open("/head", prompt="   ", **HEAD)
        pages.open("/head", **HEAD)
        pages.press("#recent-run")
        pages.until(lambda: len(pages.texts(".recent-table tbody tr")) == 2)
        assert "active on 1 of these 2 texts" in text(pages, "#recent-answer")
        link = pages.find(".recent-table a")
        ActionChains(pages.driver).move_to_element(link).click().perform()
        pages.until(lambda: urlencode({"prompt": PLAIN}) in pages.search())
        assert urlencode({"prompt": REPEATING}) not in pages.search()
        assert "layer=2" in pages.search()
        assert f"model={MODEL}" in pages.search()
        assert pages.errors() == []


@pytest.fixture
def pages(dash_duo, app) -> HeadsPages:
    return HeadsPages(dash_duo, app)
