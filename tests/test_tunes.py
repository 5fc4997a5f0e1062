"""The model that reads notes: page, detectors, circuits and experiments work on it as on any other, and agree."""

from __future__ import annotations

import pytest

from app import create_app
from tests.test_browser_heads import HeadsPages
from utils.errors import UserError
from utils.models.completeness import missing_files
from utils.service import Headlight
from utils.settings import SHIPPED_MODELS_DIR, Settings
from utils.toy.detectors import PREVIOUS, detect, raw_detector_scores

TUNES = "classroom-tunes"
PROMPT = "C4 D4 E4 G4_ A4 C4 D4 E4 G4_ A4 C4"


@pytest.fixture(scope="module")
def service() -> Headlight:
    if missing_files(SHIPPED_MODELS_DIR / TUNES):
        pytest.skip("models/classroom-tunes IS NOT HERE: nothing was checked on a model without text")
    return Headlight(Settings(offline=True))


def heads_of(service, role):
    return [head.id for head in service.analyze(TUNES, PROMPT).roles[role].heads]


def test_notes_said_twice_light_the_induction_heads_which_then_foresee_the_next_note(service):
    analysis = service.analyze(TUNES, PROMPT)
    assert analysis.roles["induction"].status == "active"
    assert analysis.roles["previous_token"].status == "active"
    assert analysis.forward.predictions[0].token.word == "D4"


def test_the_plain_detector_finds_the_catalogue_s_strongest_previous_token_head(service):
    found = detect(raw_detector_scores(service.analyze(TUNES, PROMPT).forward.patterns), 0.4)[PREVIOUS]
    assert heads_of(service, "previous_token")[0] in found


def test_the_previous_token_head_writes_first_for_every_induction_head(service):
    writer, readers = heads_of(service, "previous_token")[0], heads_of(service, "induction")
    margins = service.circuits.margins(TUNES).readers
    assert set(readers) <= set(margins)
    assert {margins[reader].first.writer for reader in readers} == {writer}


def test_without_the_previous_token_head_induction_is_gone(service):
    writer, reader = heads_of(service, "previous_token")[0], heads_of(service, "induction")[0]
    changed = service.experiments.later_patterns(TUNES, PROMPT, [writer])
    assert changed.before_scores["induction"][reader] > 0.75
    assert changed.after.scores["induction"][reader] < 0.1


def test_the_heatmap_shows_notes(service):
    assert "G4_" in service.heatmap_html(TUNES, PROMPT, 2, 0)


def test_english_is_refused_with_an_example_of_notes(service):
    with pytest.raises(UserError) as refused:
        service.analyze(TUNES, "The cat sat on the mat.")
    assert "reads notes" in refused.value.sentence
    assert service.analyze(TUNES, refused.value.fix.prompt).roles["induction"].status == "active"


def test_no_text_at_all_is_refused_with_an_example_of_notes_too(service):
    with pytest.raises(UserError) as refused:
        service.analyze(TUNES, " ")
    assert service.analyze(TUNES, refused.value.fix.prompt).roles["induction"].status == "active"


def test_a_student_who_comes_with_english_gets_notes_with_one_press(dash_duo, service):
    pages = HeadsPages(dash_duo, create_app(service))
    pages.open("/", model=TUNES, prompt="The cat sat on the mat.")
    pages.until(lambda: "reads notes" in pages.run("return document.body.innerText"))
    pages.run("[...document.querySelectorAll('a, button')].find(e => e.textContent === 'Use an example').click()")
    pages.until(lambda: "jobs of looking light up" in pages.run("return document.body.innerText"))
    assert pages.errors() == []
