"""Claims about how heads grew: the file, the best head, and where the change lies."""

from __future__ import annotations

import json

import numpy as np
import pytest

from utils.errors import UserError
from utils.settings import SHIPPED_MODELS_DIR
from utils.toy.dynamics import FILE_NAME, TrainingDynamics, load_dynamics, phase_change


def dynamics() -> TrainingDynamics:
    """Three steps of two layers with two heads; at step 20 the best induction head is L1H0."""
    return TrainingDynamics(
        steps=np.array([0, 10, 20]),
        held_out_loss=np.array([8.3, 6.0, 4.5]),
        second_copy_loss=np.array([8.4, 8.3, 0.1]),
        induction_chance=0.0117,
        scores={"induction": np.array([[[0.0, 0.1], [0.0, 0.0]], [[0.1, 0.3], [0.2, 0.1]], [[0.0, 0.2], [0.9, 0.5]]])},
    )


def written(folder, **changes: object):
    record = dynamics().as_json() | changes
    (folder / FILE_NAME).write_text(json.dumps(record), encoding="utf-8")
    return folder


class TestFile:
    def test_what_is_written_is_read_again(self, tmp_path):
        read = load_dynamics(written(tmp_path))
        assert read is not None
        assert read.as_json() == dynamics().as_json()
        assert read.scores["induction"].shape == (3, 2, 2)

    def test_a_folder_without_copies_has_none(self, tmp_path):
        assert load_dynamics(tmp_path) is None

    @pytest.mark.parametrize(
        "changes",
        [
            {"steps": [0, 10]},
            {"held_out_loss": []},
            {"steps": []},
            {"unknown": 1},
            {"scores": {"induction": [[[0.1]]]}},
        ],
    )
    def test_columns_that_do_not_fit_are_refused(self, tmp_path, changes):
        with pytest.raises(UserError, match="damaged"):
            load_dynamics(written(tmp_path, **changes))

    def test_heads_that_are_not_the_same_at_every_step_are_refused(self, tmp_path):
        ragged = [[[0.0, 0.1]], [[0.1]], [[0.2, 0.3]]]
        with pytest.raises(UserError, match="damaged"):
            load_dynamics(written(tmp_path, scores={"induction": ragged}))

    def test_a_file_that_is_no_json_is_refused(self, tmp_path):
        (tmp_path / FILE_NAME).write_text("{", encoding="utf-8")
        with pytest.raises(UserError, match="damaged"):
            load_dynamics(tmp_path)

    def test_the_best_head_may_be_another_at_every_step(self):
        assert dynamics().best("induction").tolist() == [0.1, 0.3, 0.9]


class TestPhaseChange:
    def test_the_worked_example(self):
        assert phase_change(np.array([0, 0.1, 0.5, 1, 1]), [0, 1, 2, 3, 4]) == (1, 3)

    def test_it_names_steps_and_not_places(self):
        assert phase_change(np.array([0, 0.1, 0.5, 1, 1]), [0, 100, 200, 300, 400]) == (100, 300)

    @pytest.mark.parametrize(("last", "is_one"), [(0.29, False), (0.31, True)])
    def test_a_rise_of_less_than_three_tenths_is_none(self, last, is_one):
        assert (phase_change(np.array([0.0, 0.1, last]), [0, 1, 2]) is not None) == is_one

    def test_a_fall_is_none(self):
        assert phase_change(np.array([1.0, 0.5, 0.0]), [0, 1, 2]) is None

    def test_the_rise_counts_from_the_first_value(self):
        values = np.array([0.2, 0.2, 0.65, 0.7])
        assert phase_change(values, [0, 1, 2, 3]) == phase_change(values - 0.2, [0, 1, 2, 3]) == (2, 2)


class TestShippedPair:
    """The claim of the toy page, on the models that ship."""

    def of(self, name: str) -> TrainingDynamics:
        read = load_dynamics(SHIPPED_MODELS_DIR / name)
        if read is None:
            pytest.skip(f"models/{name} IS NOT HERE: how the toy pair grew was NOT checked")
        return read

    def test_only_two_layers_go_through_a_phase_change(self):
        one, two = self.of("classroom-attn-1l"), self.of("classroom-attn-2l")
        assert phase_change(one.best("induction"), one.steps) is None
        change = phase_change(two.best("induction"), two.steps)
        assert change is not None
        assert change[1] - change[0] < (two.steps[-1] - two.steps[0]) / 4

    def test_the_loss_on_repeated_text_falls_with_it(self):
        one, two = self.of("classroom-attn-1l"), self.of("classroom-attn-2l")
        assert two.second_copy_loss[-1] < 1 < 6 < one.second_copy_loss[-1]

    def test_both_were_kept_at_the_same_steps(self):
        assert self.of("classroom-attn-1l").steps.tolist() == self.of("classroom-attn-2l").steps.tolist()
