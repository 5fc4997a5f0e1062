"""Claims about jobs of writing on the pages of heads: a student can recompute score and push, and nobody is told of a
job that was not tested."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace

import numpy as np
import pytest

from components.address import Question
from components.all_heads import all_heads_page, heads_csv, heads_filters, heads_map_tab, heads_table
from components.all_heads.all_heads_view import LOOKING, WRITING, heads_view
from components.head import head_evidence, head_jobs, head_page, pattern_grid, recent_prompts, writing_evidence
from components.head.head_view import head_view
from tests.fake_service import MODEL, OTHER_MODEL, PLAIN
from tests.fake_writing import DAYS, NO_NAMES_HERE, TWO_NAMES, WritingHeadlight
from tests.test_components_heads import head_search, nodes, search_for, text_of, with_class
from utils.heads import HeadId
from utils.levels import head_levels
from utils.measures.written import Write
from utils.roles import OTHER, ROLES, writing_roles

MOVER, SUPPRESSOR, SUCCESSOR, COPIER = HeadId(3, 3), HeadId(3, 7), HeadId(3, 2), HeadId(2, 3)
NO_WRITER = HeadId(1, 5)


@pytest.fixture(scope="module")
def service() -> WritingHeadlight:
    return WritingHeadlight()


def view_of(service, head: HeadId, role: str, prompt: str = TWO_NAMES, model: str = MODEL):
    return head_view(service, Question(model, prompt), head_search(head, role=role))


def numbers(pattern: str, text: str) -> list[float]:
    return [float(found.replace("−", "-")) for found in re.findall(pattern, text)]


def table_rows(card) -> list[list[str]]:
    """The cells of the folded table."""
    tree = with_class(card, "grid-table")[0]["props"]["children"][-1]["props"]["children"]["props"]["tree"]
    return [[text_of(cell) for cell in row["props"]["children"]] for row in tree]


class TestEvidence:
    @pytest.mark.parametrize(
        ("role", "head", "prompt"),
        [
            ("copying", MOVER, TWO_NAMES),
            ("name_mover", MOVER, TWO_NAMES),
            ("copy_suppression", SUPPRESSOR, TWO_NAMES),
            ("successor", SUCCESSOR, DAYS),
        ],
    )
    def test_the_looks_of_the_best_row_add_up_to_score_and_push(self, service, role, head, prompt):
        view = view_of(service, head, role, prompt)
        best = writing_evidence.written_rows(view)[0]
        measure = writing_roles()[role]
        assert best.share == pytest.approx(view.levels.levels[role].score, abs=1e-6)
        assert best.query_pos == measure.best_row(view.reading, view.evidence)
        push = measure.push_of_row(view.reading, view.evidence, best.query_pos) * measure.write.sign
        assert best.push == pytest.approx(push, abs=1e-5)
        assert best.push * measure.write.sign > 0

    def test_a_student_finds_the_score_from_the_figures_as_written(self, service):
        card = head_evidence.layout(view_of(service, MOVER, "copying"))
        level = view_of(service, MOVER, "copying").levels.levels["copying"]
        rows = table_rows(card)
        for _from, at, look, push in rows:
            parts = numbers(r"([\d.]+) %", at)
            assert sum(parts) == pytest.approx(numbers(r"([\d.]+) %", look)[0], abs=0.06 * max(1, len(parts)))
            assert sum(numbers(r"([+−]\d+\.\d)", at)) == pytest.approx(
                numbers(r"([+−]?\d+\.\d)", push)[0], abs=0.06 * max(1, len(parts))
            )
        largest = max(numbers(r"([\d.]+) %", row[2])[0] for row in rows)
        assert largest / 100 == pytest.approx(level.score, abs=0.0006)
        figures = text_of(with_class(card, "evidence-sum")[0]["props"]["children"])
        assert f"Its score, the best row {level.score:.2f} = {largest:.1f} %" in figures
        assert sum(numbers(r"([\d.]+) %", figures.split("Its score")[0])) == pytest.approx(largest, abs=0.3)

    def test_a_row_names_the_token_it_looks_at_the_word_the_look_and_the_push(self, service):
        view = view_of(service, SUCCESSOR, "successor", DAYS)
        card = head_evidence.layout(view)
        assert [text_of(head) for head in nodes(with_class(card, "writes-table")[0]) if head["type"] == "Th"][:5] == [
            *writing_evidence.COLUMNS
        ]
        best = writing_evidence.written_rows(view)[0]
        (row,) = with_class(card, "is-best")
        words = text_of(row)
        assert view.tokens[best.query_pos].word in words
        assert "Wednesday" in words.split("↑")[0]
        assert "up:  Thursday" in words
        assert f"{round(100 * best.share)} %" in words
        assert f"+{best.push:.1f}" in words

    def test_what_is_taken_away_has_a_minus_and_points_down(self, service):
        words = text_of(head_evidence.layout(view_of(service, SUPPRESSOR, "copy_suppression")))
        assert "↓" in words
        assert "↑" not in words
        assert re.search(r"It pushes there by −\d\.\d; active from 0\.\d\d and −0\.3\.", words)

    def test_the_best_row_is_named_with_what_it_takes(self, service):
        view = view_of(service, MOVER, "copying")
        best = writing_evidence.written_rows(view)[0]
        level, token = view.levels.levels["copying"], view.tokens[best.query_pos].word
        assert writing_evidence.best_row_sentence(view, best) == (
            f"Its best row decides: {best.share:.2f} at “{writing_evidence.isolated(token)}” ({best.query_pos}). "
            f"It pushes there by +{best.push:.1f}; active from {level.threshold:.2f} and +0.3."
        )

    def test_a_head_that_is_not_known_for_it_does_not_count_as_active(self, service):
        view = view_of(service, MOVER, "copying")
        levels = view.levels.levels | {"copying": replace(view.levels.levels["copying"], is_job=False)}
        other = replace(view, levels=replace(view.levels, levels=levels))
        best = writing_evidence.written_rows(other)[0]
        assert writing_evidence.best_row_sentence(other, best).endswith(
            "This is not a job of L3H3, so it does not count as active."
        )

    def test_where_no_name_is_asked_for_names_do_not_count(self, service):
        view = view_of(service, MOVER, "name_mover", f"{TWO_NAMES} the")
        best = writing_evidence.written_rows(view)[0]
        assert "The likeliest next token is “river”, which is none of the first names that Headlight knows." in (
            writing_evidence.best_row_sentence(view, best)
        )
        assert best.query_pos == len(view.tokens) - 1

    def test_rows_with_nothing_to_show_stand_in_the_table_only(self, service):
        view = view_of(service, NO_WRITER, "copying")
        card = head_evidence.layout(view)
        assert writing_evidence.written_rows(view) == []
        assert with_class(card, "writes-table") == []
        assert "None of the tokens that it looks at here is one that L1H5 would copy." in text_of(card)

    def test_rows_beyond_the_first_are_one_element_each(self, service):
        view = view_of(service, MOVER, "copying")
        card = head_evidence.layout(view)
        (more,) = with_class(card, "evidence-more")
        n_shown = len([row for row in nodes(with_class(card, "writes-table")[0]) if row["type"] == "Tr"]) - 1
        assert n_shown == writing_evidence.ROWS_SHOWN
        assert n_shown + len(more["props"]["children"]) == len(writing_evidence.written_rows(view))

    def test_the_sum_tells_small_looks_together(self, service):
        view = view_of(service, MOVER, "copying")
        row = writing_evidence.written_rows(view)[0]
        big = [look for look in row.looks if look.weight >= writing_evidence.TOLD_FROM]
        words = text_of(writing_evidence.all_rows(view, [row]))
        assert len(big) < len(row.looks)
        assert "smaller looks" in words

    @pytest.mark.parametrize(
        ("role", "prompt", "words"),
        [
            ("successor", PLAIN, "No item with a known next one"),
            ("name_mover", PLAIN, "None of the"),
            ("copying", "Hi there", "too few to tell"),
        ],
    )
    def test_a_text_that_cannot_tell_says_why(self, service, role, prompt, words):
        said = text_of(head_evidence.layout(view_of(service, MOVER, role, prompt)))
        assert said.count("Nothing to judge by: ") == 1
        assert words in said

    def test_what_was_not_read_says_so(self, service):
        view = view_of(service, MOVER, "copying")
        unread = replace(view, evidence=None, analysis=replace(view.analysis, scored=replace(view.analysis.scored)))
        parts = [replace(part, evidence={}) for part in view.analysis.scored.parts]
        unread.analysis.scored.__dict__["parts"] = tuple(parts)
        assert "was not read with it" in head_evidence.why_nothing(unread)
        assert "no catalogue yet" in head_evidence.why_nothing(replace(unread, catalogue=None))

    @pytest.mark.parametrize("role", [*ROLES, OTHER])
    @pytest.mark.parametrize("prompt", [DAYS, "Hi there"])
    def test_the_page_stands_for_every_job(self, service, role, prompt):
        page = head_page.layout(service, Question(OTHER_MODEL, prompt), head_search(MOVER, role=role, view="grid"))
        assert "Its jobs on this text" in text_of(page)


class TestNotTested:
    def test_the_page_of_a_head_gives_the_reason_and_no_score(self, service):
        view = view_of(service, MOVER, "name_mover", model=OTHER_MODEL)
        said = text_of(head_evidence.layout(view))
        assert f"Not tested:  {NO_NAMES_HERE}" in said
        assert view.levels.levels["name_mover"].score is None
        assert not pattern_grid.expected_cells(view).any()
        assert "cannot be tested here" in text_of(head_jobs.layout(view))

    def test_it_is_not_compared_on_other_texts(self, service):
        view = view_of(service, NO_WRITER, "name_mover", model=OTHER_MODEL)
        assert recent_prompts.compared_role(view) is None
        assert recent_prompts.compared_role(view_of(service, NO_WRITER, "name_mover")) == "name_mover"

    def test_all_heads_say_not_tested_and_never_that_there_is_none(self, service):
        view = heads_view(service, Question(OTHER_MODEL, TWO_NAMES), role="name_mover")
        assert heads_filters.why_nothing(view) == NO_NAMES_HERE
        assert "Passing on a name not tested" in text_of(heads_filters.layout(view)[0])
        assert "Passing on a name not tested" in text_of(heads_table.layout(view))
        assert "Passing on a name not tested" in text_of(heads_map_tab.layout(view))
        tested = heads_view(service, Question(OTHER_MODEL, TWO_NAMES), role="successor")
        assert heads_filters.why_nothing(tested) == "No head of this model does this job."

    def test_no_figure_of_it_reaches_the_csv(self, service):
        levels = head_levels(service.analyze(OTHER_MODEL, TWO_NAMES), service.catalogue(OTHER_MODEL))
        lines = list(csv.DictReader(io.StringIO(heads_csv.heads_csv(levels))))
        untested = [line for line in lines if line["role"] == "name_mover"]
        assert len(untested) == 32
        assert all(line["plain_score"] == line["usual"] == line["status"] == "" for line in untested)
        assert all(line["plain_score"] for line in lines if line["role"] == "copying")


class TestGrid:
    def test_the_outline_is_what_the_head_would_write_and_not_all_that_it_could_look_at(self, service):
        view = view_of(service, SUPPRESSOR, "copy_suppression")
        cells = pattern_grid.expected_cells(view)
        hits = view.reading.writing.ways[Write.SUPPRESS].hits
        assert cells.any()
        assert (cells <= hits[None, :]).all()
        assert not pattern_grid.expected_cells(view_of(service, NO_WRITER, "copy_suppression")).any()

    def test_its_note_and_its_table_speak_of_looks_that_count(self, service):
        words = text_of(pattern_grid.layout(view_of(service, MOVER, "copying")))
        assert "The outlined columns are tokens that it would copy" in words
        assert "Where a look counts" in words
        assert "where the job says to look" not in words.lower()
        without = text_of(pattern_grid.layout(view_of(service, NO_WRITER, "copying")))
        assert "outlined" not in without

    @pytest.mark.parametrize("role", list(writing_roles()))
    def test_every_job_of_writing_has_its_note(self, role):
        assert role in pattern_grid.STRIPE_NOTES


class TestJobsCard:
    def test_looking_comes_before_writing_each_with_its_own_job_first(self, service):
        card = head_jobs.layout(view_of(service, COPIER, "induction"))
        assert [text_of(name["props"]["children"]) for name in with_class(card, "job-group")] == ["Looking", "Writing"]
        bars = [node["props"]["aria-label"] for node in nodes(card) if node["props"].get("role") == "meter"]
        assert (bars[0], bars[5], bars[-1]) == ("Induction", "Copying", "Resting")
        assert len(bars) == len(ROLES)

    @pytest.mark.parametrize(
        ("head", "role", "words"),
        [
            (
                MOVER,
                "copying",
                "Tested for copying with 30 common words: 85 % of them are what it pushes up most where it looks at "
                "them. A head that writes anything would get 1 in 240.",
            ),
            (SUPPRESSOR, "copy_suppression", "73 % of them are what it pushes down most"),
            (
                SUCCESSOR,
                "successor",
                "30 items of ordered lists: after 88 % of them it pushes up the next one most, the",
            ),
            (MOVER, "name_mover", "80 % of its attention goes to names that it pushes. The model itself prefers the"),
            (SUPPRESSOR, "induction", "Tested for holding back with"),
            (NO_WRITER, "induction", ""),
        ],
    )
    def test_how_the_catalogue_tested_it(self, service, head, role, words):
        said = head_jobs.tested_sentence(view_of(service, head, role))
        assert words in said
        assert bool(words) == bool(said)

    def test_a_job_that_was_not_tested_tells_no_test(self, service):
        assert head_jobs.tested_sentence(view_of(service, NO_WRITER, "name_mover", model=OTHER_MODEL)) == ""

    def test_lists_are_told_of_a_head_that_goes_on_in_them_or_nearly(self, service):
        view = view_of(service, SUCCESSOR, "induction")
        assert head_jobs.lists_sentence(view).startswith("Next in a list by list: days 0.88")
        assert head_jobs.lists_sentence(view_of(service, MOVER, "successor")) == ""

    def test_the_item_before_is_told_beside(self, service):
        view = view_of(service, SUCCESSOR, "successor")
        writing = view.catalogue.writing.model_copy(update={"backwards": np.full((4, 8), 0.04).tolist()})
        told = replace(view, catalogue=view.catalogue.model_copy(update={"writing": writing}))
        assert head_jobs.lists_sentence(told).endswith("days 0.88; for the item before 0.04.")


class TestColumns:
    @pytest.mark.parametrize(
        ("address", "kind"),
        [
            ({}, LOOKING),
            ({"jobs": "writing"}, WRITING),
            ({"jobs": "nonsense"}, LOOKING),
            ({"role": "copying"}, WRITING),
            ({"sort": "copying"}, WRITING),
            ({"sort": "induction", "role": "copying"}, LOOKING),
            ({"role": "copying", "jobs": "looking"}, LOOKING),
            ({"role": OTHER}, LOOKING),
        ],
    )
    def test_the_table_has_columns_for_one_kind_of_jobs(self, service, address, kind):
        view = heads_view(service, Question(MODEL, TWO_NAMES), **address)
        assert view.kind_of_jobs == kind
        sorts = [node["props"].get("id") for node in nodes(heads_table.layout(view)) if node["type"] == "Button"]
        shown = {each["column"] for each in sorts} & set(ROLES)
        assert shown == {role for role in ROLES if ROLES[role].is_writing == (kind == WRITING)}

    def test_every_role_has_a_column_in_one_of_the_two(self, service):
        views = [heads_view(service, Question(MODEL, TWO_NAMES), jobs=kind) for kind in (LOOKING, WRITING)]
        assert sorted(role for view in views for role in view.columns) == sorted(ROLES)

    @pytest.mark.parametrize(
        ("pressed", "value", "before", "after"),
        [
            ("heads-jobs", "writing", "?prompt=a", "?prompt=a&jobs=writing"),
            ("heads-jobs", "looking", "?prompt=a&jobs=writing", "?prompt=a"),
            ("heads-jobs", "writing", "?role=copying", "?role=copying"),
            ("heads-jobs", "looking", "?role=copying", "?role=copying&jobs=looking"),
            ({"type": "heads-filter", "role": "copying"}, 1, "?jobs=looking", "?role=copying"),
            (
                {"type": "heads-filter", "role": "copying"},
                1,
                "?sort=induction",
                "?sort=induction&role=copying&jobs=writing",
            ),
            ({"type": "heads-filter", "role": "other"}, 1, "?jobs=writing", "?role=other&jobs=writing"),
            ({"type": "heads-sort", "column": "copying"}, 1, "?jobs=writing", "?sort=copying"),
            ({"type": "heads-sort", "column": "head"}, 1, "?sort=copying", "?sort=head&jobs=writing"),
        ],
    )
    def test_a_press_keeps_or_brings_the_columns_it_is_about(self, pressed, value, before, after):
        assert all_heads_page.pressed_search(pressed, value, before) == after

    def test_a_row_keeps_the_score_of_the_job_it_names_for_a_narrow_window(self, service):
        view = heads_view(service, Question(MODEL, TWO_NAMES), jobs=LOOKING)
        rows = with_class(heads_table.layout(view), "heads-row")
        named = {
            text_of(row["props"]["children"][0]): [
                "heads-other-kind" in cell["props"].get("className", "") for cell in with_class(row, "is-kept")
            ]
            for row in rows
        }
        assert named[str(MOVER)] == [True]
        assert named[str(COPIER)] == [False]
        assert named[str(NO_WRITER)] == []

    def test_filters_of_looking_and_writing_stand_apart(self, service):
        view = heads_view(service, Question(MODEL, TWO_NAMES))
        looking, writing = with_class(heads_filters.layout(view)[0], "heads-filters")
        assert "Looking: Previous token" in text_of(looking)
        assert "Writing: Copying 3 Holding back 1 Next in a list 1 Passing on a name 2 None" in text_of(writing)

    def test_the_legend_says_what_a_bar_of_writing_shows(self, service):
        pages = [
            text_of(all_heads_page.layout(service, Question(MODEL, TWO_NAMES), search_for(jobs=kind)))
            for kind in (LOOKING, WRITING)
        ]
        assert [all_heads_page.WRITING_BARS in page for page in pages] == [False, True]
