"""What an instructor does on the Models page, in a real browser, with a real model in a directory of its own."""

from __future__ import annotations

import time

import pytest

from app import create_app
from tests.model_folders import service_on_few_texts
from tests.test_browser_roles import Page
from utils.catalogue.engines import PyVeneEngine
from utils.service import Headlight

MODEL = "school-model"


class ModelsPage(Page):
    """The Models page as an instructor sees and drives it."""

    def row(self, name: str = MODEL):
        rows = self.find_all(".models-row")
        return next((row for row in rows if row.find_element("css selector", ".models-name").text == name), None)

    def press(self, words: str, within=None) -> None:
        place = within if within is not None else self.find("#content")
        buttons = place.find_elements("css selector", "button, a.btn")
        matching = (b for b in buttons if b.text.startswith(words) or b.get_attribute("title") == words)
        next(matching).click()

    def says(self, text: str) -> bool:
        return text in self.text_of("#content")


@pytest.fixture
def service(tmp_path) -> Headlight:
    return service_on_few_texts(tmp_path, MODEL)


@pytest.fixture
def page(dash_duo, service) -> ModelsPage:
    return ModelsPage(dash_duo, create_app(service))


@pytest.fixture
def slowly(monkeypatch):
    """Each text takes long enough to be seen."""
    read = PyVeneEngine.read_batch

    def slow(engine, input_ids, needs):
        time.sleep(0.5)
        return read(engine, input_ids, needs)

    monkeypatch.setattr(PyVeneEngine, "read_batch", slow)


def test_analyze_shows_progress_and_then_the_model_is_ready(page, slowly):
    page.open("/models")
    page.press("Analyze", page.row())
    page.until(lambda: page.find("[role=progressbar]"))
    assert page.text_of(".models-running h2") == f"Analyzing {MODEL}"
    page.until(lambda: int(page.find("[role=progressbar]").get_attribute("aria-valuenow")) > 0)
    page.until(lambda: page.says(f"{MODEL} is ready: "))
    assert "Catalogued" in page.row().text
    assert page.find_all("[role=progressbar]") == []
    assert page.text_of("#announcer").startswith(f"{MODEL} is ready: ")
    page.press("Use", page.row())
    page.until(lambda: page.status("induction").startswith("Active: "))
    assert page.errors() == []


def test_stop_keeps_nothing_and_the_focus_returns_to_the_row(page, slowly, service):
    page.open("/models")
    page.press("Analyze", page.row())
    page.until(lambda: page.find(".models-running"))
    page.press("Stop")
    page.until(lambda: page.says("Stopped. Nothing was kept."))
    assert service.catalogue(MODEL) is None
    assert "Not yet analyzed" in page.row().text
    assert page.run("return document.activeElement.textContent") == MODEL
    page.press("Start again")
    page.until(lambda: page.find("[role=progressbar]"))
    assert page.errors() == []
    service.stop_catalogue_job(MODEL)
    service.jobs.wait(30)


def test_a_model_without_a_catalogue_leads_from_the_roles_page_to_its_row(page):
    page.open("/", model=MODEL)
    page.find(".analyze-offer").click()
    page.until(lambda: page.row() is not None)
    assert page.run("return location.pathname") == "/models"
    assert page.row().find_element("css selector", ".models-name").get_attribute("aria-expanded") == "true"


def test_the_model_menu_leads_to_all_models_and_keeps_the_text(page):
    page.open("/", prompt="pearl lamp frog stone")
    page.find(".header .model-toggle").click()
    page.until(lambda: page.find(".menu-all").is_displayed())
    page.find(".menu-all").click()
    page.until(lambda: page.row() is not None)
    assert "pearl lamp frog stone" in page.search()


def test_removing_asks_once_and_can_be_undone(page, service):
    page.open("/models")
    page.press("Remove", page.row())
    page.until(lambda: page.says(f"Remove {MODEL} from this computer?"))
    page.press("Remove", page.find(".models-card"))
    page.until(lambda: page.row() is None)
    assert not (service.settings.models_dir / MODEL).exists()
    page.until(lambda: page.find("#toast-undo").is_displayed())
    page.find("#toast-undo").click()
    page.until(lambda: page.row() is not None)
    assert (service.settings.models_dir / MODEL / "model.safetensors").is_file()
    assert page.errors() == []


def remove(page):
    page.open("/models")
    page.press("Remove", page.row())
    page.until(lambda: page.says(f"Remove {MODEL} from this computer?"))
    page.press("Remove", page.find(".models-card"))
    page.until(lambda: page.find_all("#toast-undo") and page.find("#toast-undo").is_displayed())


def test_a_removal_can_be_undone_from_another_page(page, service):
    remove(page)
    page.find(".header .nav-link[href^='/learn']").click()
    page.until(lambda: page.run("return location.pathname") == "/learn" and page.find("#content h1"))
    page.find("#toast-undo").click()
    page.until(lambda: (service.settings.models_dir / MODEL / "model.safetensors").is_file())
    page.until(lambda: not any(toast.is_displayed() for toast in page.find_all("#toast")))
    assert page.errors() == []


def test_after_another_toast_undo_no_longer_brings_a_model_back(page, service):
    remove(page)
    page.run("headlightToast.show('Text replaced by an example.', location.href)")
    page.until(lambda: page.text_of("#toast-text") == "Text replaced by an example.")
    page.find("#toast-undo").click()
    time.sleep(0.5)
    assert not (service.settings.models_dir / MODEL).exists()
    assert page.errors() == []
    service.undo_removal(MODEL)


def test_what_is_told_twice_in_the_same_words_is_shown_twice(page, service):
    (service.settings.models_dir / MODEL / "model.safetensors").unlink()
    page.open("/models")
    page.run("headlightToast.openMs = 500")
    for _ in range(2):
        page.press("Look again", page.row())
        page.until(lambda: page.text_of("#toast-text") == "Still missing: 1 file.")
        assert not page.find("#toast-undo").is_displayed()
        page.until(lambda: not any(toast.is_displayed() for toast in page.find_all("#toast")))
    assert page.errors() == []


def test_look_again_finds_files_that_were_added_meanwhile(page, service):
    weights = service.settings.models_dir / MODEL / "model.safetensors"
    aside = weights.rename(weights.with_suffix(".aside"))
    page.open("/models")
    assert "Found config.json and tokenizer.json. Still missing: model.safetensors." in page.row().text
    aside.rename(weights)
    page.press("Look again", page.row())
    page.until(lambda: "Not yet analyzed" in page.row().text)


def test_one_row_is_open_at_a_time_and_the_address_remembers_it(page):
    page.open("/models")
    page.press("Classroom GPT-2")
    page.until(lambda: page.says("Full provenance (JSON)"))
    page.press("How to add it", page.row("GPT-2"))
    page.until(lambda: page.says("To add it without a network"))
    assert len(page.find_all(".models-open")) == 1
    page.driver.refresh()
    page.until(lambda: page.says("To add it without a network"))
    page.press("Show")
    page.until(lambda: page.row("BLOOM 560M") is not None)
    assert page.errors() == []


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_the_page_never_scrolls_sideways(page, width):
    page.driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    page.open("/models", open="classroom-gpt2", show="all")
    page.until(lambda: page.find(".models-open"))
    assert page.run("return document.documentElement.scrollWidth") <= width
