"""Claims about what fits and matches say: which heads read a writer, which pair says most, what a head looks for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.fake_circuits import BASELINE, NARROW, READER, WRITER, CircuitsService, fake_composition
from tests.fake_service import MISSING_MODEL, MODEL, N_HEADS, N_LAYERS, PLAIN, REPEATING, FakeHeadlight
from utils.circuits import readers
from utils.circuits.composition import Composition
from utils.circuits.copying import Copying, is_copied, judge_copying
from utils.circuits.jobs import Jobs, jobs_of
from utils.circuits.own_token import Place, diagonal_share, looks_for_own_token, text_place
from utils.experiments.direct_logits import Push
from utils.heads import HeadId, Shape

UNNAMED = HeadId(1, 2)  # it fits READER at 2.6 times random and has no job


@pytest.fixture(scope="module")
def fits() -> Composition:
    return CircuitsService().circuits.composition(MODEL, "K")


@pytest.fixture(scope="module")
def jobs() -> Jobs:
    return jobs_of(MODEL, FakeHeadlight().catalogue(MODEL), Shape(N_LAYERS, N_HEADS))


def composition_of(multiples: dict[tuple[HeadId, HeadId], float]) -> Composition:
    return fake_composition("K", N_LAYERS, multiples)


class TestJobs:
    def test_a_catalogue_goes_before_what_others_published(self, jobs):
        assert jobs.source == "catalogue"
        assert jobs.main(READER) == "induction"
        assert READER in jobs.roles
        assert UNNAMED not in jobs.roles
        assert jobs_of(MISSING_MODEL, FakeHeadlight().catalogue(MODEL), Shape(N_LAYERS, N_HEADS)) == jobs

    def test_the_first_job_of_a_head_is_its_main_one(self):
        two = Jobs({READER: ("induction", "positional")})
        assert two.main(READER) == "induction"
        assert two.has(READER, "induction")
        assert two.has(READER, "positional")
        assert not two.has(WRITER, "positional")

    def test_published_scores_name_heads_where_there_is_no_catalogue(self):
        known = jobs_of(MISSING_MODEL, None, Shape(12, 12))
        assert known.source == "published"
        assert known.main(HeadId(4, 11)) == "previous_token"
        assert known.main(HeadId(5, 5)) == "induction"
        assert known.main(HeadId(4, 7)) == "other"

    def test_the_highest_published_score_is_the_main_job(self, monkeypatch):
        scores = {"induction": np.array([[0.5, 0.9]]), "previous_token": np.array([[0.8, 0.4]])}
        monkeypatch.setattr("utils.circuits.jobs.published_scores", lambda _model: scores)
        known = jobs_of(MODEL, None, Shape(1, 2))
        assert known.roles == {HeadId(0, 0): ("previous_token", "induction"), HeadId(0, 1): ("induction",)}

    def test_without_either_nothing_is_known(self):
        known = jobs_of(MODEL, None, Shape(N_LAYERS, N_HEADS))
        assert (known.roles, known.source, known.main(READER)) == ({}, "", "other")

    def test_only_a_previous_token_head_notes_the_token_before(self, jobs):
        assert jobs.notes_token_before(WRITER)
        assert not jobs.notes_token_before(READER)
        assert not jobs.notes_token_before(UNNAMED)


class TestReaders:
    def test_they_are_all_later_heads_best_first(self, fits):
        found = readers.readers_of(fits, WRITER, broad_only=False)
        assert len(found) == 2 * N_HEADS
        assert [fit.reader for fit in found[:3]] == [READER, HeadId(3, 1), HeadId(2, 6)]
        assert [fit.multiple for fit in found] == sorted((fit.multiple for fit in found), reverse=True)
        assert readers.readers_of(fits, HeadId(3, 0), broad_only=False) == []

    def test_a_narrow_fit_is_left_out_where_only_broad_ones_count(self, fits):
        assert readers.readers_of(fits, NARROW[0], broad_only=False)[0].reader == NARROW[1]
        assert NARROW[1] not in [fit.reader for fit in readers.readers_of(fits, NARROW[0], broad_only=True)]

    def test_those_with_one_job_are_among_those_with_any(self, fits, jobs):
        induction = readers.readers_with_job(fits, jobs, WRITER, "induction", broad_only=False)
        assert [fit.reader for fit in induction] == [READER, HeadId(3, 1), HeadId(2, 6)]
        named = readers.named_readers(fits, jobs, WRITER, broad_only=False)
        assert [fit for fit in named if fit in induction] == induction
        assert {fit.reader for fit in named} == {head for head in jobs.roles if head.layer > WRITER.layer}

    def test_lit_are_the_best_four_named_ones_that_are_clear(self, jobs):
        heads = [HeadId(2, 3), HeadId(2, 6), HeadId(3, 1), HeadId(2, 1), HeadId(3, 5)]
        many = composition_of({(WRITER, head): 3 - 0.1 * place for place, head in enumerate(heads)})
        assert [fit.reader for fit in readers.lit_fits(many, jobs, WRITER, broad_only=True)] == heads[:4]
        few = composition_of({(WRITER, READER): 1.6, (WRITER, HeadId(2, 0)): 5.0})
        assert [fit.reader for fit in readers.lit_fits(few, jobs, WRITER, broad_only=True)] == [READER]

    def test_where_no_fit_is_clear_the_best_four_are_lit_all_the_same(self, jobs):
        lit = readers.lit_fits(composition_of({}), jobs, WRITER, broad_only=True)
        assert len(lit) == 4
        assert not any(map(readers.is_clear, lit))
        assert all(fit.reader in jobs.roles for fit in lit)

    def test_without_named_readers_all_count(self, fits):
        lit = readers.lit_fits(fits, Jobs(), WRITER, broad_only=True)
        assert [fit.reader for fit in lit] == [READER, HeadId(3, 1), HeadId(2, 6)]

    def test_a_note_is_for_the_job_of_the_head_that_reads_it_best(self, fits, jobs):
        assert readers.reader_role(fits, jobs, WRITER, broad_only=True) == "induction"
        assert readers.reader_role(fits, Jobs(), WRITER, broad_only=True) is None
        assert readers.reader_role(fits, jobs, HeadId(3, 0), broad_only=True) is None
        assert readers.reader_role(None, jobs, None, broad_only=True) is None


class TestPairs:
    def test_the_best_named_pair_has_two_jobs(self, fits, jobs):
        pair = readers.best_named_pair(fits, jobs)
        assert (pair.writer, pair.reader) == (WRITER, READER)
        without = {head: roles for head, roles in jobs.roles.items() if head != WRITER}
        other = readers.best_named_pair(fits, Jobs(without, "catalogue"))
        assert WRITER not in (other.writer, other.reader)
        assert {other.writer, other.reader} <= set(without)
        assert readers.best_named_pair(fits, Jobs()) is None

    def test_the_best_writer_is_broad_unless_all_fits_are_asked_for(self, fits):
        assert readers.best_writer(fits, NARROW[1], broad_only=False) == NARROW[0]
        assert readers.best_writer(fits, NARROW[1], broad_only=True) != NARROW[0]
        assert readers.best_writer(fits, HeadId(0, 3), broad_only=False) is None

    def test_where_no_writer_is_broad_the_best_of_all_is_taken(self, fits):
        narrow = replace(fits, breadth=np.zeros_like(fits.breadth))
        assert readers.best_writer(narrow, READER, broad_only=True) == WRITER

    @pytest.mark.parametrize(
        ("asked", "chosen"),
        [
            ((None, None), (WRITER, READER)),
            ((UNNAMED, None), (UNNAMED, READER)),
            ((None, NARROW[1]), (NARROW[0], NARROW[1])),
            ((HeadId(0, 0), HeadId(1, 1)), (HeadId(0, 0), HeadId(1, 1))),
            ((HeadId(3, 0), None), (HeadId(3, 0), HeadId(3, 0))),
        ],
    )
    def test_what_was_asked_stays_and_the_rest_is_its_best_partner(self, fits, jobs, asked, chosen):
        assert readers.chosen_pair(fits, jobs, False, *asked) == chosen

    def test_without_jobs_the_best_pair_of_all_opens(self, fits):
        assert readers.chosen_pair(fits, Jobs(), False, None, None) == NARROW
        assert readers.chosen_pair(fits, Jobs(), True, None, None) == (WRITER, READER)

    def test_one_layer_has_no_writer(self, jobs):
        assert readers.chosen_pair(None, jobs, True, HeadId(0, 1), HeadId(0, 5)) == (None, HeadId(0, 5))
        assert readers.chosen_pair(None, jobs, True, None, None) == (None, min(jobs.roles))

    def test_induction_runs_through_keys_from_a_previous_token_head(self, fits, jobs):
        pair = fits.fit(WRITER, READER)
        assert readers.is_induction(jobs, pair, "K")
        assert not readers.is_induction(jobs, pair, "Q")
        assert not readers.is_induction(jobs, fits.fit(UNNAMED, READER), "K")
        assert not readers.is_induction(jobs, fits.fit(WRITER, HeadId(3, 5)), "K")


class TestNumbers:
    def test_fits_between_two_layers_are_writers_down_and_readers_across(self, fits):
        block = readers.multiples_between(fits, 1, 2)
        assert block.shape == (N_HEADS, N_HEADS)
        assert block[WRITER.head, READER.head] == pytest.approx(2.8)
        assert block[READER.head, WRITER.head] == pytest.approx(1, abs=0.2)
        far = readers.multiples_between(fits, 0, 3)
        assert far[NARROW[0].head, NARROW[1].head] == pytest.approx(6.0)

    def test_the_best_fit_of_a_model_is_broad_unless_none_is(self, fits):
        assert readers.best_multiple(fits, broad_only=False) == pytest.approx(6.0)
        assert readers.best_multiple(fits, broad_only=True) == pytest.approx(2.8)
        narrow = replace(fits, breadth=np.zeros_like(fits.breadth))
        assert readers.best_multiple(narrow, broad_only=True) == pytest.approx(6.0)

    def test_a_fit_has_its_place_among_all_of_the_model(self, fits):
        n_pairs = 6 * N_HEADS**2
        assert readers.place_among_all(fits, fits.fit(WRITER, READER), broad_only=False) == (2, n_pairs)
        assert readers.place_among_all(fits, fits.fit(WRITER, READER), broad_only=True) == (1, n_pairs - 1)

    def test_a_fit_is_clear_from_one_and_a_half_times_random(self, fits):
        at = readers.CLEAR_FROM
        assert readers.is_clear(replace(fits.fit(WRITER, READER), multiple=at))
        assert not readers.is_clear(replace(fits.fit(WRITER, READER), multiple=at - 0.01))

    def test_a_fit_is_broad_from_the_limit_of_the_model(self, fits):
        assert readers.is_broad(fits, fits.fit(WRITER, READER))
        assert not readers.is_broad(fits, fits.fit(*NARROW))
        assert fits.fit(WRITER, READER).score == pytest.approx(2.8 * BASELINE)


class TestOwnToken:
    def test_the_example_is_a_place_in_the_students_own_text(self):
        service = FakeHeadlight()
        forward = service.forward(MODEL, REPEATING)
        assert text_place(forward) == Place(17, 8)
        assert forward.token_ids[17] == forward.token_ids[7]
        assert forward.tokens[8].word == "river"
        assert text_place(service.forward(MODEL, PLAIN)) is None

    def test_a_copy_that_is_the_token_before_shows_nothing(self):
        assert text_place(FakeHeadlight().forward(MODEL, "so ha ha now")) is None

    @pytest.mark.parametrize(
        ("matrix", "share"),
        [
            (np.eye(3), 1.0),
            (np.roll(np.eye(3), 1, axis=1), 0.0),
            (np.diag([1, 1, -1]), 2 / 3),
            ([[1, 0, 0], [5, 1, 0], [5, 0, 1]], 1 / 3),
        ],
    )
    def test_the_diagonal_share_counts_rows_whose_best_match_is_themselves(self, matrix, share):
        looks_for = np.asarray(matrix, dtype=float)
        assert diagonal_share(looks_for) == pytest.approx(share)
        assert looks_for_own_token(looks_for) == (share >= 0.5)

    def test_half_of_the_rows_are_enough(self):
        assert looks_for_own_token(np.array([[1.0, 0.0], [1.0, 0.0]]))


class TestCopying:
    scores = np.array([[0.9, 0.6, -0.7, 0.0], [0.1, 0.1, 0.1, 0.1], [0.1, 0.1, 0.1, 0.1]])

    @pytest.mark.parametrize(
        ("head", "found"),
        [
            (HeadId(0, 0), Copying.COPIES),
            (HeadId(0, 1), Copying.COPIES_AS_MANY),  # one of twelve copies more
            (HeadId(0, 2), Copying.OPPOSITE),
            (HeadId(0, 3), Copying.NEITHER),
        ],
    )
    def test_the_circuit_alone_is_compared_with_all_heads(self, head, found):
        assert judge_copying(self.scores, head) is found

    @pytest.mark.parametrize(
        ("through", "found"),
        [
            (0.5, Copying.COPIES),
            (0.49, Copying.NEITHER),
            (-0.49, Copying.NEITHER),
            (-0.5, Copying.OPPOSITE),
        ],
    )
    def test_the_score_from_token_to_logits_decides_where_it_is_known(self, through, found):
        assert all(judge_copying(self.scores, HeadId(0, head), through) is found for head in range(4))

    def test_a_token_is_copied_if_it_is_pushed_up_most_in_any_spelling(self):
        tokens = FakeHeadlight().forward(MODEL, "River river sea").tokens
        assert is_copied(tokens[0], (Push(tokens[1], 2.0), Push(tokens[2], 1.0)))
        assert not is_copied(tokens[0], (Push(tokens[2], 2.0), Push(tokens[1], 1.0)))
        assert not is_copied(tokens[0], ())
