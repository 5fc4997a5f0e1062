"""Resting is a state: what heads do when they look, whatever they leave on the first token."""

from __future__ import annotations

import numpy as np
import pytest

from scripts.calibrate import independent, resting
from tests.catalogues import catalogue_of
from tests.fake_service import MODEL, REPEATING, FakeHeadlight
from tests.patterns import even_pattern, ideal_pattern, score_heads
from utils.analysis import Analysis, analyze
from utils.heads import HeadId
from utils.levels import head_levels
from utils.measures.figures import Looking, RowSums
from utils.measures.resting import rests
from utils.roles import JOBS, ROLES, looking_roles

TEXT = list("xabcdeyzabcdefghabcde")
LOOKING = tuple(looking_roles())


def two_looks(rest_on_first: float, rest_on_second: float) -> np.ndarray:
    """On `x a b c a b` the induction rows are 4 and 5; the head looks right on the first and wrong on the second."""
    pattern = np.zeros((6, 6))
    pattern[:, 0] = 1
    pattern[4, [0, 2]] = rest_on_first, 1 - rest_on_first
    pattern[5, [0, 4]] = rest_on_second, 1 - rest_on_second
    return pattern


class TestWhenItLooks:
    def test_the_score_is_a_ratio_of_sums_and_not_a_mean_of_ratios(self):
        scores = score_heads(two_looks(0.2, 0.9)[None, None], list("xabcab"))["induction"]
        looking = scores.looking
        assert looking.score[0, 0] == pytest.approx(0.8 / 0.9)
        assert looking.chance[0, 0] == pytest.approx((0.8 / 4 + 0.1 / 5) / 0.9)
        assert looking.look[0, 0] == pytest.approx(0.45)
        assert looking.excess[0, 0] == pytest.approx((0.8 / 0.9 - 0.22 / 0.9) / (1 - 0.22 / 0.9))
        assert scores.score[0, 0] == pytest.approx(0.4)  # the plain score counts rest as looking elsewhere

    def test_resting_changes_nothing_about_what_a_head_does_when_it_looks(self):
        rng = np.random.default_rng(0)
        pattern = independent(2)(rng, 6, len(TEXT))
        some, much = (score_heads(resting(pattern, share)[None], TEXT) for share in (0.2, 0.9))
        for role in LOOKING:
            assert some[role].looking.excess == pytest.approx(much[role].looking.excess, abs=1e-6)
            assert some[role].looking.look == pytest.approx(0.8)
            assert much[role].looking.look == pytest.approx(0.1)

    @pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
    def test_an_even_head_with_any_sink_has_no_excess(self, share):
        scores = score_heads(resting(even_pattern(21), share)[None, None], TEXT)
        for role in LOOKING:
            assert abs(scores[role].looking.excess[0, 0]) < 1e-6

    def test_a_head_that_never_looks_has_excess_zero_and_no_number_is_missing(self):
        scores = score_heads(ideal_pattern("positional", TEXT)[None, None], TEXT)
        for role in LOOKING:
            assert scores[role].looking.excess[0, 0] == 0
            assert scores[role].looking.look[0, 0] == pytest.approx(0, abs=1e-9)
            assert not ROLES[role].measure.holds(scores[role]).any()

    def test_a_head_that_looks_with_less_than_a_tenth_holds_nothing(self):
        for share, holds in ((0.91, False), (0.89, True)):
            pattern = resting(ideal_pattern("previous_token", np.arange(30)), share)
            scores = score_heads(pattern[None, None], np.arange(30))["previous_token"]
            assert bool(ROLES["previous_token"].measure.holds(scores)[0, 0]) is holds

    def test_no_job_about_looks_ever_predicts_the_first_token(self):
        rng = np.random.default_rng(3)
        for _ in range(50):
            ids = rng.integers(0, 6, size=20)
            for role in LOOKING:
                evidence = ROLES[role].measure.evidence(ids)
                assert not evidence.targets[:, 0].any()
                assert evidence.can_rest.all()
                assert evidence.looking_chance == pytest.approx(evidence.n_targets / evidence.rows)

    def test_sums_of_two_texts_give_what_one_text_of_both_rows_would(self):
        one, other = (
            RowSums(2, np.array([shares]), look=np.array([look]), looking_chance=np.array([chance]))
            for shares, look, chance in ((0.8, 1.0, 0.2), (0.1, 0.5, 0.1))
        )
        looking = Looking.of(one.plus(other))
        assert looking.score[0] == pytest.approx(0.9 / 1.5)
        assert looking.chance[0] == pytest.approx(0.3 / 1.5)
        assert looking.look[0] == pytest.approx(1.5 / 4)


class TestState:
    @pytest.mark.parametrize(("share", "is_resting"), [(0.49, False), (0.5, True), (0.9, True)])
    def test_a_head_rests_from_half_of_its_attention_on(self, share, is_resting):
        pattern = resting(ideal_pattern("current_token", np.arange(12)), share)
        scores = score_heads(pattern[None, None], np.arange(12))["positional"]
        assert scores.score[0, 0] == pytest.approx(share)
        assert bool(rests(scores.score)[0, 0]) is is_resting
        assert bool(ROLES["positional"].measure.holds(scores)[0, 0]) is is_resting

    def test_nothing_to_tell_is_not_resting(self):
        assert not rests(np.array([np.nan]))[0]

    def test_it_is_no_job(self):
        assert [key for key in ROLES if key not in JOBS] == ["positional"]
        assert not ROLES["positional"].is_informative
        assert not ROLES["diffuse"].is_informative

    def test_it_is_main_only_where_a_head_holds_nothing_else(self):
        jobs = 0.3 * ideal_pattern("induction", TEXT) + 0.7 * ideal_pattern("positional", TEXT)
        catalogue = catalogue_of(np.stack([jobs, ideal_pattern("positional", TEXT)])[None], TEXT)
        assert catalogue.roles_of(HeadId(0, 0))[0] == "induction"
        assert "positional" in catalogue.roles_of(HeadId(0, 0))
        assert catalogue.roles_of(HeadId(0, 1)) == ("positional",)
        assert catalogue.resting.tolist() == [[True, True]]


class TestOnAText:
    @staticmethod
    def everything_rests() -> Analysis:
        service = FakeHeadlight()
        forward = service.forward(MODEL, REPEATING)
        idle = np.broadcast_to(
            ideal_pattern("positional", np.arange(len(forward.tokens))), forward.patterns.shape
        ).astype(np.float32)
        return analyze(type(forward)(**{**vars(forward), "patterns": idle}), service.catalogue(MODEL))

    def test_resting_heads_are_counted_over_the_whole_model(self):
        analysis = self.everything_rests()
        n_all = analysis.forward.shape.n_all
        assert analysis.as_json()["resting"] == {"n_heads": n_all, "of": n_all}
        assert all(entry.rests for entry in head_levels(analysis, FakeHeadlight().catalogue(MODEL)))

    def test_it_stands_out_nowhere(self):
        assert self.everything_rests().right_now == ()
