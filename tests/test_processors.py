"""What ships says the same on every processor: no figure, role or lamp hangs on float32's last digits.

Other instruction sets and other numbers of threads add the same numbers in another order. Measured under the settings
of `make processors` on the shipped models: figures of a catalogue move by 2e-7, scores on one prompt by 1e-5. What is
decided has to stand clear of its limit by far more than that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from utils.activity import decide
from utils.catalogue.building import card_heads, roles_of_heads
from utils.catalogue.engines import PyVeneEngine
from utils.catalogue.file import load_catalogues
from utils.catalogue.run import score_model, texts_for
from utils.measures import luck
from utils.measures.evenness import MAX_PEAK
from utils.measures.figures import RoleScores
from utils.measures.states import State
from utils.models.loader import load_model_from
from utils.roles import ROLES
from utils.service import Headlight
from utils.settings import SHIPPED_MODELS_DIR, Settings
from utils.summary import RoleSummary
from utils.writing.measuring import measure_writing

SHIPPED = sorted(path.name for path in SHIPPED_MODELS_DIR.iterdir() if path.is_dir())
CATALOGUES = load_catalogues()
LAST_DECIMAL = 0.5e-4  # a catalogue keeps four decimals
MOVES_BY = 2e-6  # at most: 10 times what was measured of a catalogue's figures
SHIFT = 5e-5  # of each figure, so that two may come nearer by 1e-4: 250 times what they move by
CLEAR = 1e-4  # of a lamp from its limit: 10 times what scores on one prompt move by


@pytest.fixture(scope="module")
def service() -> Headlight:
    return Headlight(Settings(offline=True))


@pytest.fixture(scope="module", params=SHIPPED)
def measured(request) -> tuple[str, dict[str, RoleScores]]:
    """A shipped model's name, and its figures as this processor gives them, before they are rounded."""
    name = request.param
    loaded = load_model_from(SHIPPED_MODELS_DIR / name, name)
    inputs = texts_for(loaded, CATALOGUES[name].provenance.seed).inputs
    writing = measure_writing(loaded, CATALOGUES[name].provenance.seed)
    untested = {role: CATALOGUES[name].usual(role) for role in writing.untested}
    measured = score_model(PyVeneEngine(loaded), inputs, lambda _read: None).with_writing(writing)
    return name, {**measured.scores, **untested}


def shifted(scores: RoleScores, rng: np.random.Generator) -> RoleScores:
    """The same figures, each a little higher or a little lower by chance."""

    def shift(figures: np.ndarray) -> np.ndarray:
        return np.minimum(np.abs(figures + SHIFT * rng.choice([-1, 1], figures.shape)), 1)

    moved = replace(scores, score=shift(scores.score))
    if scores.excess is not None:
        moved = replace(moved, excess=np.minimum(scores.excess + SHIFT * rng.choice([-1, 1], scores.excess.shape), 1))
    if scores.looking is not None:
        excess = scores.looking.excess + SHIFT * rng.choice([-1, 1], scores.looking.excess.shape)
        look = shift(scores.looking.look)
        moved = replace(moved, looking=replace(scores.looking, excess=np.minimum(excess, 1), look=look))
    return moved if scores.peak is None else replace(moved, peak=shift(scores.peak))


def decisions(figures: dict[str, RoleScores]) -> tuple[list, dict[str, list]]:
    """Every head's roles, main one first, and the heads of every card, strongest first, with the weak ones marked."""
    cards = {role: [(head.id, head.weak) for head in card_heads(role, figures[role])] for role in ROLES}
    return roles_of_heads(figures), cards


def test_every_figure_of_a_catalogue_is_what_this_processor_measures(measured):
    name, figures = measured
    catalogue = CATALOGUES[name]
    for role, scores in figures.items():
        assert np.abs(scores.score - catalogue.usual(role).score).max() < LAST_DECIMAL + MOVES_BY
        if scores.excess is not None:
            assert np.abs(scores.excess - catalogue.usual(role).excess).max() < LAST_DECIMAL + MOVES_BY
        if scores.looking is not None:
            usual = catalogue.usual(role).looking
            for name_of in ("score", "excess", "look"):
                difference = np.abs(getattr(scores.looking, name_of) - getattr(usual, name_of)).max()
                assert difference < LAST_DECIMAL + MOVES_BY, (role, name_of)


def test_roles_and_cards_stay_the_same_when_every_figure_moves_a_little(measured):
    name, figures = measured
    head_roles, cards = decisions(figures)
    assert head_roles == CATALOGUES[name].head_roles
    for role, card in cards.items():
        assert card == [(head.id, head.weak) for head in CATALOGUES[name].heads_of(role)]
    rng = np.random.default_rng(0)
    for _ in range(40):  # a pair moves together in the worst way in one draw of four
        moved = {key: each if ROLES[key].is_writing else shifted(each, rng) for key, each in figures.items()}
        assert decisions(moved) == (head_roles, cards)


def room_of_lamps(summary: RoleSummary) -> Iterator[float]:
    """For each head of a role's card, how far it stands on a text from where its lamp goes on or off; where luck is not
    ruled out, that is decided by counts alone."""
    for head in summary.heads:
        is_counted_out = head.luck is not None and head.state not in (State.ACTIVE, State.HERE_AND_THERE)
        if head.threshold is not None and not is_counted_out:
            rooms = [head.bar_score - head.threshold]
            rooms += [] if head.peak is None else [MAX_PEAK - head.peak]
            yield abs(min(rooms))  # both limits of diffuse must hold, so the one that is furthest from holding decides


@pytest.mark.parametrize("name", SHIPPED)
def test_every_lamp_of_every_prompt_that_was_tried_stands_clear_of_its_limit(service, name):
    """Those of the suggested prompts, and of the others too: which ones are suggested is decided by what they light."""
    loaded = load_model_from(SHIPPED_MODELS_DIR / name, name)
    texts = texts_for(loaded, CATALOGUES[name].provenance.seed)
    tried = {role: {candidate.text for candidate in texts.candidates[role]} for role in ROLES}
    for role in ROLES:
        assert {prompt.text for prompt in CATALOGUES[name].categories[role].suggested_prompts} <= tried[role]
    for text in sorted(texts.prompts):
        analysis = service.analyze(name, text)
        for role in ROLES:
            if text in tried[role]:
                assert min(room_of_lamps(analysis.roles[role]), default=1) > CLEAR, (role, text)


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("by", [-CLEAR, CLEAR])
def test_no_place_of_a_prompt_that_is_suggested_stands_so_near_its_limit_that_a_lamp_would_change(
    service, monkeypatch, name, by
):
    """Hits are counted: a place just over half of the looking, or just looked at enough, could be lost elsewhere."""
    catalogue = CATALOGUES[name]
    suggested = sorted({prompt.text for each in catalogue.categories.values() for prompt in each.suggested_prompts})
    for text in suggested:
        analysis = service.analyze(name, text)
        monkeypatch.setattr(luck, "HIT_SHARE", luck.HIT_SHARE + by)
        monkeypatch.setattr(luck, "LEAST_LOOK", luck.LEAST_LOOK + by)
        moved = decide(analysis.scored, catalogue)
        monkeypatch.undo()
        for role, decision in analysis.decisions.items():
            for head in catalogue.heads_of(role):
                assert moved[role].state[head.id] is decision.state[head.id], (text, role, head.id)
