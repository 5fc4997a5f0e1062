"""What a student sees of the states of lamps, of folds and of quiet heads on the Roles page, in a real browser."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from selenium.webdriver.common.keys import Keys

from app import create_app
from tests.fake_service import MODEL, REPEATING, FakeHeadlight
from tests.test_browser_roles import Page
from utils.forward_pass import ForwardPass
from utils.heads import HeadId
from utils.scoring import evidence_for
from utils.service import Headlight
from utils.settings import Settings

FRIENDS = "When Mary and John went to the store, John gave a drink to"
INDUCTION_HEADS = (HeadId(2, 3), HeadId(2, 6), HeadId(3, 1))
HIT_WEIGHT = 0.55
BADGE = "return getComputedStyle(document.querySelector(arguments[0]), '::after').content"


class SomeHits(FakeHeadlight):
    """Induction heads that look evenly, but for so many places where most of their attention goes where it should."""

    n_hits = 0

    def forward(self, model: str, prompt: str) -> ForwardPass:
        forward = super().forward(model, prompt)
        evidence = evidence_for("induction", np.array(forward.token_ids))
        patterns = forward.patterns.copy()
        for head in INDUCTION_HEADS:
            for row in evidence.rows:
                weight = HIT_WEIGHT if row in evidence.rows[: self.n_hits] else 0.0
                target = np.flatnonzero(evidence.targets[row])[-1]
                patterns[head][row, : row + 1] = (1 - weight) / row
                patterns[head][row, target] = weight
        return replace(forward, patterns=patterns)


@pytest.mark.parametrize(
    ("n_hits", "status", "badge"),
    [
        (5, "Here and there: 3 of 3 heads", '""'),
        (1, "Cannot tell: 3 of 3 heads", '"?"'),
        (0, "Not seen: 0 of 3 heads", "none"),
    ],
)
def test_a_lamp_its_card_the_map_and_the_stage_say_one_state(dash_duo, n_hits, status, badge):
    service = SomeHits()
    service.n_hits = n_hits
    page = Page(dash_duo, create_app(service))
    page.open(model=MODEL, prompt=REPEATING)
    assert page.status("induction") == status
    name = status.split(":")[0].lower().replace(" ", "-")
    card = page.card("induction")
    for shape in (f"{card} .lamp--{name}", f"{card} .dot--{name}", f".head-cell--{name} .head-cell-link"):
        assert page.find(shape)
    for selector in (f"{card} .lamp--{name}", f'.head-cell--{name}[data-head="L2H3"] .head-cell-link'):
        assert page.run(BADGE, selector).split(" / ")[0] == badge
    assert len(page.find_all(f"{card} .head-place")) == (3 if n_hits else 0)
    page.find(f"{card} .job-header").send_keys(Keys.ENTER)
    page.until(lambda: page.text_of("#stage-title").startswith("Induction"))
    assert page.find(f".stage .lamp--{name}")
    assert page.errors() == []


def test_a_chip_lights_what_could_not_be_told(dash_duo):
    page = Page(dash_duo, create_app(Headlight(Settings())))
    page.open(model=MODEL, prompt=FRIENDS)
    assert page.status("induction").startswith("Cannot tell: ")
    assert page.text_of("#stage-title").startswith("Previous token, as head ")
    assert "One chance in this text; a blind look lands there 1 time in" in page.text_of(page.card("induction"))
    page.find(f"{page.card('induction')} .chip").click()
    page.until(lambda: page.status("induction").startswith("Active: "))


def test_the_heads_that_rest_are_folded_and_the_address_keeps_what_is_open(dash_duo, app):
    page = Page(dash_duo, app)
    page.open(prompt=REPEATING)
    fold = f"{page.card('positional')} .more-heads"
    assert not page.find(f"{fold} .head-row").is_displayed()
    page.find(f"{fold} summary").send_keys(Keys.ENTER)
    page.until(lambda: "more=positional" in page.search())
    page.driver.refresh()
    page.until(lambda: page.find(f"{fold} .head-row").is_displayed())


def test_quiet_heads_of_a_small_model_show_that_they_rest_when_asked_and_the_keyboard_skips_them(dash_duo, app):
    page = Page(dash_duo, app)
    page.open(prompt=REPEATING)
    cell = ".head-cell--rests .head-cell-sign"
    assert not page.find(cell).is_displayed()
    page.find(".switch input[value='1']").send_keys(Keys.SPACE)
    page.until(lambda: page.find(cell).is_displayed())
    page.until(lambda: "rest=1" in page.search())
    page.find(".switch input[value='jobs']").send_keys(Keys.SPACE)
    page.until(lambda: not page.find(cell).is_displayed())
    page.run("document.querySelector('[data-head=\"L2H0\"] a').focus()")
    where = "return document.activeElement.closest('.head-cell').dataset.head"
    for head in ("L2H3", "L2H6", "L3H1"):  # L2H1 rests, and so does L2H7
        page.driver.switch_to.active_element.send_keys("j")
        assert page.run(where) == head
    page.driver.switch_to.active_element.send_keys(Keys.ENTER)
    page.until(lambda: page.run("return location.pathname") == "/head")
    assert "layer=3" in page.search()
