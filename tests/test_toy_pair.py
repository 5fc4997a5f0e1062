"""Claims about the toy pair: who looks where and by whose note, and which jobs heads had while they were trained."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.fake_service import PLAIN
from tests.fake_toy import ANCHOR, COPY, QUERY, READER, RIVER, STEPS, WRITER, toy_dynamics, toy_model
from utils.analysis import analyze
from utils.heads import HeadId, Shape
from utils.settings import Settings
from utils.toy.dynamics import TrainingDynamics
from utils.toy.growth import best_at_steps, common_steps, roles_at_steps
from utils.toy.looks import (
    LEAST_LOOK,
    HeadLook,
    induction_look,
    last_look,
    look_at,
    note_pair,
    note_writer,
    strongest_look,
    told_position,
)
from utils.toy.pair import ONE_LAYER, TWO_LAYERS, ToyModel, missing_models


@pytest.fixture(scope="module")
def one() -> ToyModel:
    return toy_model(ONE_LAYER)


@pytest.fixture(scope="module")
def two() -> ToyModel:
    return toy_model(TWO_LAYERS)


def with_row(model: ToyModel, head: HeadId, query_pos: int, weights: dict[int, float]) -> ToyModel:
    """The model with one row of one head changed. Args: weights: by key position."""
    patterns = model.analysis.forward.patterns.copy()
    patterns[head][query_pos] = 0
    for key_pos, weight in weights.items():
        patterns[head][query_pos, key_pos] = weight
    forward = replace(model.analysis.forward, patterns=patterns)
    return replace(model, analysis=analyze(forward, model.catalogue))


class TestInductionLook:
    def test_the_induction_head_reads_the_note_of_the_head_one_layer_before(self, two):
        assert induction_look(two) == HeadLook(READER, "induction", QUERY, RIVER, 1.0, COPY, writer=WRITER)

    @pytest.mark.parametrize("others", [{}, {HeadId(1, 0): "previous_token"}])
    def test_without_a_previous_token_head_in_an_earlier_layer_there_is_no_note(self, others):
        look = induction_look(toy_model(TWO_LAYERS, jobs={READER: "induction", **others}))
        assert look is not None
        assert look.writer is None

    def test_a_previous_token_head_that_looks_elsewhere_left_no_note(self, two):
        assert note_writer(two, READER, COPY) == WRITER
        at_the_limit = with_row(two, WRITER, RIVER, {COPY: LEAST_LOOK, 0: 0.8})
        assert note_writer(at_the_limit, READER, COPY) == WRITER
        elsewhere = with_row(two, WRITER, RIVER, {COPY: LEAST_LOOK - 0.01, 0: 0.81})
        assert note_writer(elsewhere, READER, COPY) is None

    def test_a_head_without_the_job_that_looks_there_by_the_way_is_not_said_to_have_left_one(self):
        without = toy_model(TWO_LAYERS, jobs={READER: "induction"})
        assert note_writer(with_row(without, HeadId(0, 0), RIVER, {COPY: 1.0}), READER, COPY) is None

    def test_the_last_token_goes_before_a_stronger_look_elsewhere(self, two):
        look = induction_look(with_row(two, READER, QUERY, {0: 0.7, RIVER: 0.3}))
        assert (look.query_pos, look.key_pos, look.copy_pos) == (QUERY, RIVER, COPY)

    def test_hardly_a_look_from_the_last_token_leaves_it_at_a_telling_one(self, two):
        weak = with_row(two, READER, QUERY, {0: 0.9, RIVER: 0.1})
        assert last_look(weak, READER) is None
        assert induction_look(weak).query_pos < QUERY

    def test_a_model_without_an_induction_head_has_none(self, one):
        assert induction_look(one) is None


class TestStrongestLook:
    def test_even_heads_look_nowhere(self, one):
        assert strongest_look(one, QUERY) is None

    def test_a_look_at_the_copy_is_that_of_a_duplicate_token_head(self):
        model = toy_model(ONE_LAYER, jobs={HeadId(0, 2): "duplicate_token"})
        look = strongest_look(model, QUERY)
        assert look == HeadLook(HeadId(0, 2), "duplicate_token", QUERY, COPY, 1.0, COPY)
        assert look.colour == "duplicate_token"
        assert look.follower_pos == RIVER

    def test_a_look_that_is_no_job_of_the_head_has_no_roles_colour(self, one):
        look = strongest_look(with_row(one, HeadId(0, 0), QUERY, {RIVER: 1.0}), QUERY)
        assert look is not None
        assert (look.head, look.key_pos, look.copy_pos, look.role) == (HeadId(0, 0), RIVER, COPY, "induction")
        assert look.colour == "other"

    def test_the_token_before_proves_nothing(self):
        model = toy_model(ONE_LAYER, "one two two", {HeadId(0, 1): "previous_token"})
        assert strongest_look(model, 2) is None


class TestToldToken:
    def test_it_is_the_one_that_the_induction_head_looks_from(self, two):
        assert told_position(two) == QUERY
        weak = with_row(two, READER, QUERY, {0: 0.9, RIVER: 0.1})
        assert told_position(weak) == induction_look(weak).query_pos < QUERY

    def test_without_an_induction_head_it_is_the_last_that_could_show_induction(self):
        assert told_position(toy_model(TWO_LAYERS, jobs={WRITER: "previous_token"})) == QUERY

    def test_a_text_without_repeats_has_none(self):
        assert told_position(toy_model(TWO_LAYERS, PLAIN)) is None

    def test_the_induction_head_s_look_goes_before_the_strongest_one(self, two):
        stronger = toy_model(TWO_LAYERS, jobs={READER: "induction", HeadId(0, 2): "duplicate_token"})
        assert look_at(stronger, QUERY).head == READER
        assert look_at(toy_model(ONE_LAYER, jobs={HeadId(0, 2): "duplicate_token"}), QUERY).head == HeadId(0, 2)


class TestNotePair:
    def test_it_is_the_one_of_the_induction_look(self, two):
        assert note_pair(two) == (WRITER, READER)

    def test_on_a_text_without_repeats_it_is_the_strongest_of_the_catalogue(self):
        assert note_pair(toy_model(TWO_LAYERS, PLAIN)) == (WRITER, READER)

    def test_a_writer_of_the_same_layer_is_no_partner(self):
        model = toy_model(TWO_LAYERS, PLAIN, {READER: "induction", HeadId(1, 0): "previous_token"})
        assert note_pair(model) is None

    def test_without_catalogue_and_repeats_nothing_is_known(self):
        assert note_pair(replace(toy_model(TWO_LAYERS, PLAIN), catalogue=None)) is None


class TestGrowth:
    def test_heads_have_the_jobs_that_they_had_then(self, two):
        roles = roles_at_steps(two, STEPS.tolist())
        writer, reader = (two.shape.index(head) for head in (WRITER, READER))
        assert [held[reader] for held in roles] == ["other", "other", "induction", "induction"]
        assert [held[writer] for held in roles] == ["other", "previous_token", "previous_token", "previous_token"]

    def test_the_last_step_is_the_finished_model_as_the_catalogue_has_it(self, two):
        assert roles_at_steps(two, STEPS.tolist())[-1] == two.main_roles()
        assert two.main_roles()[ANCHOR.head] == "positional"  # which these dynamics do not say

    def test_without_a_catalogue_no_job_is_known(self, two):
        assert roles_at_steps(replace(two, catalogue=None), [0, 100]) == [["other"] * 8] * 2

    def test_the_best_head_and_its_score_at_every_step(self):
        best = best_at_steps(toy_dynamics(TWO_LAYERS), STEPS.tolist())
        assert best == [(READER, 0.01), (READER, 0.02), (READER, 0.6), (READER, 0.9)]

    def test_only_steps_that_all_have_are_common(self, one, two):
        shorter = TrainingDynamics(STEPS[:2], np.zeros(2), np.zeros(2), 0.01, {"induction": np.zeros((2, 1, 4))})
        assert common_steps([one, two]) == STEPS.tolist()
        assert common_steps([replace(one, dynamics=shorter), two]) == [0, 100]
        assert common_steps([replace(one, dynamics=None), two]) == []
        assert common_steps([]) == []

    def test_a_kept_step_has_its_row(self):
        kept = toy_dynamics(TWO_LAYERS)
        assert [kept.place_of(step) for step in (0, 200, 300)] == [0, 2, 3]
        with pytest.raises(IndexError):
            kept.place_of(150)


class TestModel:
    def test_it_counts_its_heads(self, one, two):
        assert (one.shape, two.shape) == (Shape(1, 4), Shape(2, 4))
        assert [entry.id for entry in two.levels] == two.shape.all()

    def test_the_best_induction_head_is_that_of_the_text(self, two):
        assert two.best_induction().id == READER
        assert toy_model(TWO_LAYERS, PLAIN).best_induction() is None

    def test_a_head_that_hardly_looks_is_not_the_best_however_its_little_look_falls(self):
        model = toy_model(TWO_LAYERS, jobs={})
        for entry, score, look in zip(model.levels, (0.3, 1.0), (0.5, 0.01), strict=False):
            entry.levels["induction"] = replace(entry.levels["induction"], score=score, look=look, status=None)
        for entry in model.levels[2:]:
            entry.levels["induction"] = replace(entry.levels["induction"], score=0.1, look=0.5, status=None)
        assert model.best_induction().id == HeadId(0, 0)

    def test_what_is_not_on_this_computer_is_missing(self, tmp_path, monkeypatch):
        monkeypatch.setattr("utils.settings.SHIPPED_MODELS_DIR", tmp_path)
        assert missing_models(Settings()) == [ONE_LAYER, TWO_LAYERS]
