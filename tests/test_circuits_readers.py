"""Claims about what fits and matches say: which heads read a writer, which pair says most, what a head looks for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.fake_circuits import (
    BASELINE,
    NARROW,
    READER,
    SHARES,
    WRITER,
    CircuitsService,
    fake_composition,
    fake_margins,
)
from tests.fake_service import MISSING_MODEL, MODEL, N_HEADS, N_LAYERS, PLAIN, REPEATING, FakeHeadlight
from utils.circuits import readers
from utils.circuits.composition import Composition
from utils.circuits.copying import Copying, is_copied, judge_copying
from utils.circuits.jobs import Jobs, jobs_of
from utils.circuits.own_token import Place, diagonal_share, looks_for_own_token, text_place
from utils.circuits.readers import Reads
from utils.experiments.direct_logits import Push
from utils.heads import HeadId, Shape

UNNAMED = HeadId(1, 2)  # it fits READER at 2.6 times random and has no job


@pytest.fixture(scope="module")
def fits() -> Composition:
    return CircuitsService().circuits.composition(MODEL, "K")


@pytest.fixture(scope="module")
def jobs() -> Jobs:
    return jobs_of(MODEL, FakeHeadlight().catalogue(MODEL), Shape(N_LAYERS, N_HEADS))


def test_readers_are_named_by_a_job_of_looking_alone(fits):
    known = Jobs({READER: ("copying",), HeadId(3, 1): ("induction",)})
    links = Reads(fits, known, None).readers_of(WRITER)
    assert {link.reader for link in links} == set(known.roles)
    assert readers.reader_role(links, known) == "induction"
    writing = Jobs({READER: ("copying",), HeadId(3, 1): ("name_mover",)})
    assert readers.reader_role(Reads(fits, writing, None).readers_of(WRITER), writing) is None


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

    def test_jobs_of_looking_name_a_head_before_jobs_of_writing_and_rest_comes_last(self, monkeypatch):
        catalogue = FakeHeadlight().catalogue(MODEL)
        held = ["positional", "copying", "diffuse", "induction"]
        matrix = [[held if (layer, head) == READER else [] for head in range(N_HEADS)] for layer in range(N_LAYERS)]
        known = jobs_of(MODEL, catalogue.model_copy(update={"head_roles": matrix}), Shape(N_LAYERS, N_HEADS))
        assert known.roles == {READER: ("induction", "diffuse", "copying", "positional")}

    def test_heads_that_only_write_say_nothing_of_what_is_read(self):
        both = Jobs({READER: ("induction",), WRITER: ("copying",), UNNAMED: ("diffuse", "copying")})
        assert both.telling == {READER}
        assert Jobs({WRITER: ("copying",)}).telling == {WRITER}

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


class TestByWeights:
    """Where nothing is measured."""

    @pytest.fixture(scope="class")
    def reads(self, fits, jobs) -> Reads:
        return Reads(fits, jobs, None)

    def test_the_readers_of_a_head_are_later_heads_with_a_job_best_first(self, reads, jobs):
        found = reads.readers_of(WRITER)
        assert [link.reader for link in found[:3]] == [READER, HeadId(3, 1), HeadId(2, 6)]
        telling = [link for link in found if link.reader in jobs.telling]
        assert found[: len(telling)] == telling
        assert [link.strength for link in telling] == sorted((link.strength for link in telling), reverse=True)
        assert {link.reader for link in found} == {head for head in jobs.roles if head.layer > WRITER.layer}
        assert not any(link.is_measured for link in found)
        assert reads.readers_of(HeadId(3, 0)) == []

    def test_without_known_jobs_all_later_heads_count(self, fits):
        found = Reads(fits, Jobs(), None).readers_of(WRITER)
        assert len(found) == 2 * N_HEADS
        assert [link.reader for link in found[:3]] == [READER, HeadId(3, 1), HeadId(2, 6)]

    def test_those_with_one_job_are_among_those_with_any(self, reads, jobs):
        found = reads.readers_of(WRITER)
        induction = readers.with_role(found, jobs, "induction")
        assert [link.reader for link in induction] == [READER, HeadId(3, 1), HeadId(2, 6)]
        assert readers.reader_role(found, jobs) == "induction"
        assert readers.reader_role([], jobs) is None
        assert readers.reader_role(found, Jobs()) is None

    def test_a_page_opens_on_the_textbook_pair_and_not_on_the_best_fit_of_all(self, fits, jobs, reads):
        assert fits.best(1)[0].writer == NARROW[0]
        assert reads.opening.pair == (WRITER, READER)
        without = {head: roles for head, roles in jobs.roles.items() if head != WRITER}
        other = Reads(fits, Jobs(without, "catalogue"), None).opening
        assert WRITER not in other.pair
        assert set(other.pair) <= set(without)
        assert Reads(fits, Jobs(), None).opening.pair == NARROW

    def test_lines_join_heads_whose_jobs_say_much(self, fits, jobs, reads):
        lines = reads.lines(24)
        assert lines[0].pair == (WRITER, READER)
        assert all(set(link.pair) <= jobs.telling for link in lines)
        assert Reads(fits, Jobs(), None).lines(24)[0].pair == NARROW
        assert len(Reads(fits, Jobs(), None).lines(24)) == 24

    def test_the_best_writer_is_the_best_fit(self, reads):
        assert reads.best_writer(NARROW[1]) == NARROW[0]
        assert reads.best_writer(HeadId(0, 3)) is None

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
    def test_what_was_asked_stays_and_the_rest_is_its_best_partner(self, reads, asked, chosen):
        assert reads.chosen(*asked) == chosen

    def test_induction_runs_through_keys_from_a_previous_token_head(self, jobs, reads):
        assert reads.is_textbook(WRITER, READER)
        assert not Reads(fake_composition("Q", N_LAYERS, {}), jobs, None).is_textbook(WRITER, READER)
        assert not reads.is_textbook(UNNAMED, READER)
        assert not reads.is_textbook(WRITER, HeadId(3, 5))


class TestMeasured:
    """Where readers have margins: `SHARES` of `fake_circuits.py`."""

    @pytest.fixture(scope="class")
    def reads(self, fits, jobs) -> Reads:
        return Reads(fits, jobs, fake_margins(SHARES))

    def test_a_writer_counts_from_a_tenth_of_the_margin_on(self, reads):
        assert [(*link.pair, link.strength) for link in reads.measured] == [
            (WRITER, HeadId(2, 6), pytest.approx(0.9)),
            (WRITER, READER, pytest.approx(0.7)),
            (WRITER, HeadId(3, 1), pytest.approx(0.3)),
            (HeadId(0, 2), READER, pytest.approx(0.2)),
        ]
        assert reads.lines(2) == reads.measured[:2]

    def test_a_page_opens_on_the_largest_share_of_an_induction_head(self, fits, jobs, reads):
        assert reads.opening.pair == (WRITER, HeadId(2, 6))
        margins = fake_margins(SHARES)
        other = replace(margins.readers[HeadId(2, 6)], role="duplicate_token")
        changed = replace(margins, readers={**margins.readers, HeadId(2, 6): other})
        assert Reads(fits, jobs, changed).opening.pair == (WRITER, READER)

    def test_a_reader_goes_by_its_measured_writer_whatever_its_weights_fit(self, reads, fits):
        assert reads.best_writer(READER) == WRITER
        assert reads.told_writers(READER) == [reads.measured[1], reads.measured[3]]
        assert reads.best_writer(NARROW[1]) == NARROW[0], "without a margin, by weights"

    def test_a_writer_with_no_share_is_told_by_its_weights_where_it_is_chosen_and_nowhere_else(self, reads):
        assert reads.told_readers(UNNAMED) == []
        assert [link.is_measured for link in reads.readers_of(UNNAMED)][:1] == [False]
        assert [link.pair for link in reads.readers_of(WRITER)] == [
            (WRITER, HeadId(2, 6)),
            (WRITER, READER),
            (WRITER, HeadId(3, 1)),
        ]
        assert reads.chosen(WRITER, None) == (WRITER, HeadId(2, 6))
        assert reads.chosen(None, HeadId(3, 1)) == (WRITER, HeadId(3, 1))

    def test_the_chosen_reader_is_lit_even_where_four_others_read_more(self, fits, jobs):
        heads = [HeadId(3, head) for head in range(6)]
        shares = {(WRITER, head): 0.9 - 0.1 * place for place, head in enumerate(heads)}
        reads = Reads(fits, jobs, fake_margins(shares))
        assert [link.reader for link in readers.lit_links(reads, WRITER, heads[0])] == heads[:4]
        assert [link.reader for link in readers.lit_links(reads, WRITER, heads[5])] == [*heads[:3], heads[5]]

    def test_no_readers_leave_the_weights(self, fits, jobs):
        assert not Reads(fits, jobs, fake_margins({})).is_measured
        assert Reads(fits, jobs, fake_margins({})).opening.pair == (WRITER, READER)


class TestNumbers:
    def test_fits_between_two_layers_are_writers_down_and_readers_across(self, fits):
        block = readers.multiples_between(fits, 1, 2)
        assert block.shape == (N_HEADS, N_HEADS)
        assert block[WRITER.head, READER.head] == pytest.approx(2.8)
        assert block[READER.head, WRITER.head] == pytest.approx(1, abs=0.2)
        far = readers.multiples_between(fits, 0, 3)
        assert far[NARROW[0].head, NARROW[1].head] == pytest.approx(6.0)

    def test_a_fit_has_its_place_among_all_of_the_model(self, fits):
        assert readers.place_among_all(fits, fits.fit(WRITER, READER)) == (2, 6 * N_HEADS**2)
        assert readers.place_among_all(fits, fits.fit(*NARROW)) == (1, 6 * N_HEADS**2)
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
