"""Claims below the evidence of a head: a student can recompute score, chance and count from what the page writes."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from components.head import head_evidence, head_jobs, head_sums
from components.head.head_sums import Counted
from tests.fake_service import PLAIN, REPEATING
from tests.test_components_heads import head_view_of, nodes, text_of, with_class
from utils.heads import HeadId
from utils.levels import RoleLevel
from utils.measures.evidence import EvidenceRow
from utils.measures.states import State
from utils.roles import JOBS, looking_roles

RESTING_HEAD = HeadId(3, 5)


def percents(text: str) -> list[float]:
    return [float(found) for found in re.findall(r"([0-9.]+) %", text)]


def counted(**others) -> Counted:
    figures = {"chances": 21, "rows_hit": 6, "hits": 6, "expected": 0.41, "luck": 1e-4, "limit": 0.05 / 8}
    return Counted(**(figures | {"state": State.ACTIVE, "threshold": 0.48} | others))


class TestSums:
    @pytest.mark.parametrize("role", list(looking_roles()))
    def test_the_sums_of_the_rows_are_the_score_of_the_page(self, service, role):
        view = head_view_of(service, HeadId(2, 6), role=role)
        rows, level = head_evidence.evidence_rows(view), view.levels.levels[role]
        assert sum(row.share for row in rows) / sum(row.look for row in rows) == pytest.approx(level.score, abs=1e-6)

    def test_a_student_finds_score_and_chance_from_the_figures_as_written(self, service):
        view = head_view_of(service, HeadId(2, 6))
        card = head_evidence.layout(view)
        rows = with_class(card, "grid-table")[0]["props"]["children"][-1]["props"]["children"]["props"]["tree"]
        cells = [[text_of(cell) for cell in row["props"]["children"]] for row in rows]
        shares, looks = (np.array([percents(row[at])[0] for row in cells]) / 100 for at in (2, 3))
        blind = np.array([float(Fraction(row[4])) for row in cells])
        lines = with_class(card, "evidence-sum")[0]["props"]["children"]
        figures = dict(map(text_of, line["props"]["children"]) for line in lines)
        assert (
            figures["Score when it looks"]
            == f"{shares.sum():.2f} / {looks.sum():.2f} = {shares.sum() / looks.sum():.2f}"
        )
        assert float(figures["Chance, for a blind look"]) == pytest.approx(
            (looks * blind).sum() / looks.sum(), abs=0.006
        )
        plain = float(figures["Plain score, rest counted in"].split(" = ")[1])
        assert plain == pytest.approx(shares.mean(), abs=0.006)
        assert [row[5] for row in cells] == [
            "hit" if 2 * m > k else "missed" for m, k in zip(shares, looks, strict=True)
        ]

    def test_of_hardly_any_looking_the_sums_have_more_decimals(self):
        rows = [EvidenceRow(q, 0.0021, 1, look=0.0042) for q in (5, 6)]
        level = RoleLevel("induction", True, 0.5, plain_score=0.0021, chance=0.1)
        assert head_sums.score_lines(rows, level, 0.1)[2][1] == "0.0042 / 0.0084 = 0.50"

    def test_a_row_says_share_looking_and_whether_it_counts(self, service):
        row = with_class(head_evidence.layout(head_view_of(service)), "evidence-row--look")[0]
        share, look = percents(text_of(row))
        assert 0 < share <= look
        assert text_of(row).strip().endswith("● hit")

    @pytest.mark.parametrize(
        ("row", "word"),
        [
            (EvidenceRow(9, 0.6, 3, look=0.9, is_chance=True, is_hit=True), "hit"),
            (EvidenceRow(9, 0.2, 3, look=0.9, is_chance=True), "missed"),
            (EvidenceRow(9, 0.0, 3, look=0.01), "no chance"),
        ],
    )
    def test_chances_and_hits_are_told_apart(self, row, word):
        assert head_sums.mark_of(row)[1] == word


class TestCount:
    def test_the_sentence_for_students(self):
        first = head_sums.count_sentences(counted())[0]
        assert first == (
            "In 21 places this text gives the head a chance; blind looking would land there about 0.4 times, this head "
            "did 6 times."
        )

    @pytest.mark.parametrize(
        ("others", "words"),
        [
            ({"chances": 1, "hits": 0, "rows_hit": 0, "state": State.NOT_SEEN}, "In 1 place"),
            ({"hits": 0, "rows_hit": 0, "state": State.NOT_SEEN}, "this head did not. Not seen on this text."),
            ({"hits": 0, "rows_hit": 0, "state": State.BELOW_USUAL}, "It hits no place"),
            ({"hits": 1, "rows_hit": 1}, "this head did once."),
            ({"expected": 0.02}, "would land there almost never,"),
            ({"rows_hit": 9}, "Each target token counts once: 9 rows hit, 6 different targets."),
            (
                {},
                "does as well 1 time in 10,000, and 1 time in 160 would be rare enough: no luck. "
                "Its score is not below the 0.48 that it needs: active.",
            ),
            ({"luck": 1e-9}, "less than 1 time in 1,000,000"),
            ({"state": State.HERE_AND_THERE}, "Its score stays below the 0.48 that it needs: here and there."),
            (
                {"state": State.CANNOT_TELL, "luck": 1 / 12},
                "does as well 1 time in 12. With the heads beside it, only 1 t",
            ),
            ({"state": State.CANNOT_TELL, "luck": 0.9}, "Blind looking mostly does as well."),
            ({"chances": 0, "hits": 0}, "No place of this text gives the head a chance"),
        ],
    )
    def test_every_case_has_its_words(self, others, words):
        assert words in " ".join(head_sums.count_sentences(counted(**others)))

    def test_the_page_tells_what_the_decision_counted(self, service):
        view = head_view_of(service)
        found = head_sums.counted(view, head_evidence.evidence_rows(view))
        counts = view.analysis.decisions["induction"].counts
        assert (found.chances, found.hits) == (counts.chances[view.head], counts.hits[view.head])
        assert found.expected == pytest.approx(blind_hits(view), abs=1e-9)
        assert f"In {found.chances} places" in text_of(head_evidence.layout(view))

    def test_a_role_that_counts_no_places_has_no_count(self, service):
        view = head_view_of(service, role="diffuse")
        assert head_sums.counted(view, []) is None


def blind_hits(view) -> float:
    """What blind looking hits, from the rows alone."""
    rows = head_evidence.evidence_rows(view)[::-1]
    return sum(chance for row, chance in zip(rows, view.evidence.looking_chance, strict=True) if row.is_chance)


class TestJobs:
    def test_five_jobs_then_rest_in_words(self, service):
        card = head_jobs.layout(head_view_of(service, RESTING_HEAD))
        bars = [node["props"]["aria-label"] for node in nodes(card) if node["props"].get("role") == "meter"]
        assert len(bars) == len(JOBS) + 1
        assert bars[-1] == "Resting"
        assert "Rests: 9" in text_of(card)
        assert "lies on the first token." in text_of(card)

    def test_a_head_that_looks_around_is_not_said_to_rest(self, service):
        assert head_jobs.rest_sentence(head_view_of(service, HeadId(1, 4))).startswith("Looks around: ")

    def test_what_comes_from_the_first_token_is_told_where_it_was_measured(self, service):
        view = head_view_of(service, RESTING_HEAD)
        assert "of what it writes" not in head_jobs.rest_sentence(view)
        shares = [[0.43] * 8 for _ in range(4)]
        told = replace(view, catalogue=view.catalogue.model_copy(update={"rests_by_output": shares}))
        assert head_jobs.rest_sentence(told).endswith("On test texts, 43 % of what it writes comes from there.")

    def test_a_text_that_is_too_short_says_so(self, service):
        assert "too short" in head_jobs.rest_sentence(head_view_of(service, prompt="Hi there"))

    def test_a_job_of_its_own_says_state_and_looking(self, service):
        view = head_view_of(service)
        look = view.levels.levels["induction"].look
        assert f"active ,  looks {round(100 * look)} %" in text_of(head_jobs.layout(view))

    def test_random_words_are_told_only_where_they_say_more_than_sentences(self, service):
        view = head_view_of(service, HeadId(1, 4), prompt=PLAIN)
        assert head_jobs.on_random_sentence(view) == ""
        on_random = {role: [[0.93] * 8 for _ in range(4)] for role in view.catalogue.on_random}
        usual = view.catalogue.all_looking_excess | {"previous_token": [[0.61] * 8 for _ in range(4)]}
        catalogue = view.catalogue.model_copy(update={"on_random": on_random, "all_looking_excess": usual})
        assert head_jobs.on_random_sentence(replace(view, catalogue=catalogue)) == (
            "On random words its score goes 93 % of the way from chance to 1, on sentences 61 %."
        )
        other = head_view_of(service, HeadId(2, 3), prompt=REPEATING)
        assert head_jobs.on_random_sentence(replace(other, catalogue=catalogue)) == ""
