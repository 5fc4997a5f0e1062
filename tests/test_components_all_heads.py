"""Claims about the states of all heads: rows, filters, sorting and counts; rest is counted apart, and is no job."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest

from components.address import Question
from components.all_heads import all_heads_page, heads_csv, heads_filters, heads_map_card, heads_table
from components.all_heads.all_heads_view import (
    STATES,
    HeadsView,
    Sort,
    heads_view,
    lead,
    main_work,
    rest_sentence,
    title,
    told_status,
)
from tests.deep_service import DEEP_MODEL, N_INDUCTION, N_RESTING, DeepHeadlight
from tests.fake_service import MODEL, PLAIN, REPEATING
from tests.test_components_heads import nodes, search_for, text_of, with_class
from utils.heads import HeadId
from utils.levels import HeadLevels, RoleLevel
from utils.measures.states import State
from utils.roles import JOBS, OTHER, ROLES

REST = "positional"


def level(role: str, status: str | None = None, score: float | None = 0.4, **others) -> RoleLevel:
    figures = {"usual": 0.8, "chance": 0.1, "threshold": 0.5, "look": 0.61, "plain_score": 0.3} | others
    return RoleLevel(role, status is not None, score, status=status, **figures)


def head(number: int, rests: bool = False, **statuses: str) -> HeadLevels:
    """A head of layer 0 with these jobs, main one first, each in its state."""
    levels = {role: level(role, statuses.get(role)) for role in ROLES}
    return HeadLevels(HeadId(0, number), tuple(statuses), levels, rests=rests)


HEADS = [
    head(0, induction="active"),
    head(1, induction="here_and_there", previous_token="active"),
    head(2, rests=True, induction="cannot_tell", positional="active"),
    head(3, induction="below_usual"),
    head(4, previous_token="not_seen"),
    head(5, duplicate_token="not_applicable"),
    head(6, rests=True, positional="active"),
    head(7),
]


@pytest.fixture
def view(service) -> HeadsView:
    return replace(heads_view(service, Question(MODEL, REPEATING)), levels=list(HEADS))


def names(view: HeadsView) -> list[int]:
    return [entry.id.head for entry in view.filtered]


class TestStates:
    def test_of_several_jobs_the_one_that_is_done_most_is_told(self):
        assert told_status(HEADS[1].work, HEADS[1]) == "active"
        assert told_status(HEADS[2].work, HEADS[2]) == "cannot_tell"
        assert told_status((), HEADS[7]) is None

    def test_every_state_of_a_decision_has_its_button(self):
        states = {each for group in STATES.values() for each in group}
        assert states == {state.value for state in State} | {"not_applicable"}

    @pytest.mark.parametrize(
        ("state", "kept"),
        [
            ("active", [0, 1]),
            ("here_and_there", []),
            ("cannot_tell", [2]),
            ("not_seen", [3, 4]),
            ("not_applicable", [5]),
        ],
    )
    def test_a_filter_keeps_the_heads_in_a_state(self, view, state, kept):
        assert names(replace(view, state=state)) == kept
        assert view.count_state(state) == len(kept)

    def test_with_a_job_chosen_the_state_is_that_of_the_job(self, view):
        of_job = replace(view, role="induction")
        assert {state: of_job.count_state(state) for state in STATES} == {
            "active": 1,
            "here_and_there": 1,
            "cannot_tell": 1,
            "not_seen": 1,
            "not_applicable": 0,
        }
        assert names(replace(of_job, state="here_and_there")) == [1]

    def test_resting_is_a_filter_of_heads_with_and_without_a_job(self, view):
        assert names(replace(view, role=REST)) == [2, 6]
        assert names(replace(view, role=OTHER)) == [6, 7]

    def test_sorting_by_state_begins_with_what_is_done_most_and_ends_with_no_job(self, view):
        assert names(replace(view, sort=Sort.parse("state"))) == [0, 1, 2, 3, 4, 5, 6, 7]
        assert names(replace(view, sort=Sort.parse("state.up"))) == [5, 4, 3, 2, 0, 1, 6, 7]

    def test_sorting_by_the_plain_score_is_of_the_job_that_a_row_is_about(self, view):
        strong = replace(
            HEADS[3], levels=HEADS[3].levels | {"induction": level("induction", "below_usual", plain_score=0.9)}
        )
        found = replace(view, levels=[*HEADS[:3], strong, *HEADS[4:]], sort=Sort.parse("plain"))
        assert names(found)[0] == 3
        assert names(found)[-2:] == [6, 7]

    @pytest.mark.parametrize("entry", HEADS, ids=str)
    def test_a_row_says_the_state_in_words(self, view, entry):
        words = ["active", "active", "cannot tell", "below usual", "not seen", "cannot show on this text", "rests", ""]
        assert heads_table.state_words(view, entry) == words[entry.id.head]

    def test_an_address_with_a_state_that_means_nothing_shows_every_head(self, service):
        assert heads_view(service, Question(MODEL, REPEATING), state="nonsense").state is None
        assert heads_view(service, Question(MODEL, ""), state="active").state is None

    def test_a_press_on_a_state_changes_only_its_part_of_the_address(self):
        pressed = {"type": "heads-state", "state": "cannot_tell"}
        assert all_heads_page.pressed_search(pressed, 1, "?prompt=a&role=induction") == (
            "?prompt=a&role=induction&state=cannot_tell"
        )
        assert all_heads_page.pressed_search(pressed, 1, "?state=cannot_tell") == "?"

    def test_an_empty_filter_says_why_and_the_way_back_lifts_both(self, view):
        assert "in this state" in text_of(heads_filters.nothing_left(replace(view, state="here_and_there")))
        assert "No head of this model does this job." in text_of(
            heads_filters.nothing_left(replace(view, role="diffuse"))
        )
        pressed = {"type": "heads-filter", "role": "all-again"}
        assert all_heads_page.pressed_search(pressed, 1, "?prompt=a&role=diffuse&state=active") == "?prompt=a"

    def test_the_buttons_name_the_states_and_count(self, view):
        (job_buttons, state_buttons) = heads_filters.layout(view)
        words = text_of(state_buttons)
        for name, count in (("Active", 2), ("Here and there", 0), ("Cannot tell", 1), ("Not seen or below usual", 2)):
            assert f"{name} {count}" in words
        assert "Cannot show 1" in words
        assert "Resting 2 Writing:" in text_of(job_buttons)
        assert "None 2" in text_of(job_buttons)


class TestRows:
    def test_a_job_says_how_much_the_head_looks_and_any_other_score_does_not(self, view):
        cells = with_class(heads_table.layout(view), "cell-look")
        own = sum(role in JOBS for entry in HEADS for role in entry.jobs)
        assert [cell["props"]["children"] for cell in cells] == ["looks 61 %"] * own
        assert heads_table.cell_text(HEADS[0].levels["induction"]) == "induction 0.40, usual 0.80, active, looks 61 %"

    def test_the_plain_score_has_a_column(self, view):
        cells = with_class(heads_table.layout(view), "heads-plain")
        assert "Plain score" in text_of(heads_table.layout(view))
        told = [text_of(cell) for cell in cells if cell["type"] == "Td"]
        assert told[0] == "plain score for induction:  0.30"
        assert told[7] == "plain score:  –"

    def test_the_plain_score_is_of_the_column_that_is_sorted_by(self, view):
        sorted_view = replace(view, sort=Sort.parse("previous_token"))
        assert sorted_view.plain_level(HEADS[7]).role == "previous_token"

    def test_a_head_that_does_nothing_but_rest_says_so_and_has_no_lit_lamp(self, view):
        row = with_class(heads_table.layout(view), "heads-row")[6]
        assert "rests" in text_of(row)
        assert "lamp--active" not in json.dumps(row)
        assert "cell-bar--active" not in json.dumps(row)

    def test_a_head_that_rests_beside_a_job_says_it_under_also(self, view):
        also = [cell for cell in with_class(heads_table.layout(view), "heads-also") if cell["type"] == "Td"]
        assert text_of(also[2]).strip() == "rests"
        assert text_of(also[6]).strip() == ""

    def test_the_csv_has_all_of_it(self):
        lines = list(csv.DictReader(io.StringIO(heads_csv.heads_csv(HEADS))))
        found = next(line for line in lines if line["name"] == "L0H2" and line["role"] == "induction")
        assert (found["score_when_it_looks"], found["look"], found["plain_score"]) == ("0.4", "0.61", "0.3")
        assert (found["status"], found["rests"]) == ("cannot_tell", "1")
        assert len(lines) == len(HEADS) * len(ROLES)

    def test_the_card_of_the_map_says_score_usual_level_and_look(self, view):
        assert heads_map_card.level_sentence(HEADS[0].levels["induction"]) == (
            "0.40 when it looks, usually 0.80. It looks 61 % of the time."
        )
        resting = level(REST, "active", 0.61, look=None)
        assert (
            heads_map_card.level_sentence(resting) == "It leaves 61 % of its attention on the first token on your text."
        )
        assert "0.40 when it looks" in text_of(heads_map_card.layout(view, HeadId(0, 1)))
        assert main_work(HEADS[6]) == REST
        assert "It leaves 40 %" in text_of(heads_map_card.layout(view, HeadId(0, 6)))


class TestCounts:
    @pytest.mark.parametrize(
        ("n", "sentence"),
        [
            (0, "None of them mostly rests on your text."),
            (1, "1 of the 270 mostly rests on your text."),
            (181, "181 of the 270 mostly rest on your text."),
        ],
    )
    def test_resting_heads_are_counted_apart(self, view, n, sentence):
        levels = [head(number, rests=number < n) for number in range(270)]
        assert rest_sentence(replace(view, levels=levels)) == sentence

    @pytest.mark.parametrize(
        ("n", "begin"), [(0, "None of 270 heads has a"), (1, "1 of 270 heads has a"), (181, "181 of 270 heads have a")]
    )
    def test_heads_with_a_job_are_counted_without_those_that_only_rest(self, view, n, begin):
        jobs = [head(number, induction="active") for number in range(n)]
        others = [head(number, rests=True, positional="active") for number in range(n, 270)]
        assert title(replace(view, levels=[*jobs, *others])).startswith(begin)

    def test_a_deep_model_names_its_jobs_and_its_rest(self):
        view = heads_view(DeepHeadlight(), Question(DEEP_MODEL, REPEATING))
        assert title(view).startswith("17 of 270 heads have a job we can name.")
        assert view.count("induction") == N_INDUCTION
        assert view.n_resting >= N_RESTING
        assert f"{view.n_resting} of the 270 mostly rest on your text." in lead(view)
        assert len(replace(view, role=REST, shows_all=True).rows) == view.n_resting


class TestWithoutText:
    def test_the_catalogue_alone_has_usual_levels_looks_and_plain_scores_and_no_states(self, service):
        view = heads_view(service, Question(MODEL, ""), sort="plain")
        table = text_of(heads_table.layout(view))
        assert "On your text" not in table
        assert "usually rests" in table
        assert "looks " in table
        assert view.filtered[0].levels["induction"].plain_score is not None
        assert view.rows
        assert len(heads_filters.layout(view)) == 1
        assert "usually rest" in lead(view)

    def test_without_a_catalogue_there_are_live_scores_and_nothing_is_claimed(self, service, monkeypatch):
        monkeypatch.setattr(service, "catalogue", lambda _model: None)
        view = heads_view(service, Question(MODEL, PLAIN), role=REST)
        assert view.count("induction") == 0
        assert "mostly rest on your text" in lead(view)
        page = all_heads_page.layout(service, Question(MODEL, PLAIN), search_for(PLAIN))
        assert not with_class(page, "heads-filters")
        assert len([node for node in nodes(page) if "heads-row" in str(node["props"].get("className"))]) == 32
