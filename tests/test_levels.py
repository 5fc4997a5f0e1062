"""Every head's level for every role, read from the one decision."""

from __future__ import annotations

import numpy as np
import pytest

from tests.catalogues import catalogue_of
from tests.fake_service import MODEL, REPEATING, FakeHeadlight
from tests.patterns import PATTERN_ROLES, even_pattern, ideal_pattern
from utils.analysis import analyze
from utils.heads import HeadId
from utils.levels import head_levels

TEXT = list("xabcdeyzabcdefghabcde")


def test_a_level_is_active_exactly_where_the_decision_says_so():
    service = FakeHeadlight()
    analysis, catalogue = service.analyze(MODEL, REPEATING), service.catalogue(MODEL)
    statuses = set()
    for entry in head_levels(analysis, catalogue):
        for role in PATTERN_ROLES:
            level = entry.levels[role]
            decided = bool(analysis.decisions[role].is_active[entry.id])
            assert level.is_active == (decided and level.is_job)
            if level.is_job:
                statuses.add(level.status)
    assert "active" in statuses


def test_a_head_that_does_something_else_today_is_below_its_usual_level():
    service = FakeHeadlight()
    forward = service.forward(MODEL, REPEATING)
    known = catalogue_of(forward.patterns, np.array(forward.token_ids), head_values=forward.head_values)
    n = len(forward.tokens)
    idle = np.broadcast_to(ideal_pattern("positional", np.arange(n)), forward.patterns.shape).astype(np.float32)
    today = analyze(type(forward)(**{**vars(forward), "patterns": idle}), known)
    entry = next(entry for entry in head_levels(today, known) if entry.id == HeadId(2, 3))
    assert entry.levels["induction"].status == "not_seen"
    assert entry.levels["induction"].look == pytest.approx(0, abs=1e-6)
    assert entry.rests
    assert not entry.levels["induction"].is_active


def test_without_a_text_and_without_a_catalogue_there_is_nothing():
    assert head_levels(None, None) == []


def test_without_a_text_usual_levels_are_the_catalogued_scores():
    patterns = np.stack([ideal_pattern("induction", TEXT), even_pattern(len(TEXT))])[None]
    catalogue = catalogue_of(patterns, TEXT)
    for entry in head_levels(None, catalogue):
        for role in PATTERN_ROLES:
            usual = catalogue.usual(role)
            wanted = usual.score if usual.looking is None else usual.looking.score
            assert entry.levels[role].usual == wanted[entry.id]
            assert entry.levels[role].status is None


def test_a_level_stands_on_the_axis_of_its_bar_and_keeps_the_plain_score():
    service = FakeHeadlight()
    analysis, catalogue = service.analyze(MODEL, REPEATING), service.catalogue(MODEL)
    for entry in head_levels(analysis, catalogue):
        for role in PATTERN_ROLES:
            level = entry.levels[role]
            live = analysis.live[role]
            assert level.plain_score == live.score[entry.id]
            if live.looking is None:
                assert (level.score, level.look) == (live.score[entry.id], None)
            else:
                assert (level.score, level.look) == (live.looking.score[entry.id], live.looking.look[entry.id])
                assert level.chance == live.looking.chance[entry.id]
