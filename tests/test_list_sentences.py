"""Sentences that are built from a list: right for an empty one, for one entry, for very many, and for a mixture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from components import right_now
from components.address import Question
from components.all_heads.all_heads_view import heads_view, title
from components.all_heads.heads_map_card import where_jobs_sit
from components.circuits import circuit_graph, circuits_words, fit_bars
from components.circuits.circuits_view import N_LINES, circuits_view
from components.job_words import jobs_sentence
from components.roles import role_card, roles_page
from components.roles.headline import headline
from components.roles.roles_view import roles_view
from tests.deep_service import DEEP_MODEL, DeepHeadlight
from tests.fake_circuits import SHARES, CircuitsService
from tests.fake_service import MODEL, REPEATING, FakeHeadlight
from tests.test_components_heads import text_of
from utils.circuits.jobs import Jobs
from utils.heads import HeadId
from utils.levels import HeadLevels, RoleLevel
from utils.roles import ROLES
from utils.summary import RestingHeads

WRITER, READER, RESTING = HeadId(1, 4), HeadId(2, 3), HeadId(3, 5)


def levels_of(*jobs: tuple[str, ...], active: int = 0) -> list[HeadLevels]:
    """One head for each tuple of jobs, the first `active` of them active in all of theirs."""

    def level(role: str, held: tuple[str, ...], index: int) -> RoleLevel:
        status = ("active" if index < active else "below_usual") if role in held else None
        return RoleLevel(role, role in held, 0.5, 0.5, status=status)

    return [
        HeadLevels(HeadId(index, 0), held, {role: level(role, held, index) for role in ROLES})
        for index, held in enumerate(jobs)
    ]


@pytest.fixture(scope="module")
def heads():
    return heads_view(FakeHeadlight(), Question(MODEL, REPEATING))


@pytest.fixture(scope="module")
def roles():
    return roles_view(FakeHeadlight(), Question(MODEL, REPEATING))


@pytest.mark.parametrize(
    ("jobs", "active", "said"),
    [
        ([()], 0, "None of 1 head has a job we can name."),
        ([("induction",)], 1, "1 of 1 head has a job we can name. 1 does it on your text."),
        ([("induction",), ()], 0, "1 of 2 heads has a job we can name. None does it on your text."),
        ([("induction",), ("diffuse",), ()], 2, "2 of 3 heads have a job we can name. 2 do it on your text."),
        ([("induction",), ("positional",), ()], 2, "1 of 3 heads has a job we can name. 1 does it on your text."),
        ([("diffuse",)] * 181 + [()] * 89, 181, "181 of 270 heads have a job we can name. 181 do it on your text."),
        ([("positional",)] * 181 + [()] * 89, 181, "None of 270 heads has a job we can name."),
    ],
)
def test_the_title_of_all_heads(heads, jobs, active, said):
    assert title(replace(heads, levels=levels_of(*jobs, active=active))) == said


@pytest.mark.parametrize(
    ("jobs", "said"),
    [
        ([], "No head of this model is known to look for repeats or for the previous token."),
        ([("positional",)] * 181, "No head of this model is known to look for repeats or for the previous token."),
        ([("induction",)], "Induction heads in layer 0."),
        ([("induction",)] * 30, "Induction heads in layers 0 to 29."),
        ([("induction",), (), ("previous_token",)], "Previous token heads in layer 2 and induction heads in layer 0."),
        ([("induction",), (), ("induction",), ("diffuse",)], "Induction heads in two layers from 0 to 2."),
    ],
)
def test_in_which_layers_jobs_sit(heads, jobs, said):
    assert where_jobs_sit(replace(heads, levels=levels_of(*jobs))) == said


@pytest.mark.parametrize(
    ("jobs", "said"),
    [
        ((), "None of the nine jobs fits this head."),
        (("induction",), "Induction."),
        (("induction", "positional"), "Induction. Where it finds nothing to do, it rests."),
        (
            ("induction", "diffuse", "positional"),
            "Mainly induction, also diffuse. Where it finds nothing to do, it rests.",
        ),
        (
            ("induction", "previous_token", "diffuse", "positional"),
            "Mainly induction, also previous token and diffuse. Where it finds nothing to do, it rests.",
        ),
    ],
)
def test_the_jobs_of_a_head(jobs, said):
    assert jobs_sentence(jobs) == said


@pytest.mark.parametrize(
    ("n_active", "said"),
    [
        (0, "None of the five jobs of looking or the four of writing lights up on your text."),
        (1, "One of five jobs of looking and none of the four of writing lights up on your text."),
        (4, "Four of five jobs of looking and none of the four of writing light up on your text."),
        (6, "All five jobs of looking and none of the four of writing light up on your text."),  # rest is no job
        (7, "All five jobs of looking and one of four of writing light up on your text."),
        (10, "All five jobs of looking and all four of writing light up on your text."),
    ],
)
def test_the_headline(roles, n_active, said):
    shown = {
        role: replace(summary, status="active" if index < n_active else "below_usual")
        for index, (role, summary) in enumerate(roles.analysis.roles.items())
    }
    assert headline(replace(roles.analysis, roles=shown)) == said


@pytest.mark.parametrize(
    ("jobs", "rests", "said"),
    [
        ([()] * 32, 0, "None of 32 heads has a job we can name. A dot does"),
        ([()] * 32, 32, "None of 32 heads has a job we can name. A dash is a head that rests. Open any"),
        ([("induction",), *[()] * 31], 0, "1 of 32 heads has a job we can name. A dot does"),
        ([*[("induction",)] * 31, ("positional",)], 32, "31 of 32 heads have a job we can name. A dash is"),
        ([("induction",), ("diffuse",), ()], 3, "2 of 3 heads have a job we can name. A dash is"),
        ([("induction",)] * 32, 32, "All 32 heads have a job we can name. Open any to see what it looks at."),
    ],
)
def test_how_many_heads_are_named_below_the_cards(roles, monkeypatch, jobs, rests, said):
    levels = [replace(entry, rests=index < rests) for index, entry in enumerate(levels_of(*jobs))]
    monkeypatch.setattr(roles_page, "head_levels", lambda _analysis, _catalogue: levels)
    analysis = replace(roles.analysis, forward=replace(roles.analysis.forward, patterns=np.zeros((len(jobs), 1, 1, 1))))
    assert roles_page.named_heads_sentence(replace(roles, analysis=analysis)).startswith(said)


@pytest.mark.parametrize(
    ("n_listed", "n_holding", "said"),
    [
        (1, 1, "Active: 1 of 1 head"),
        (3, 3, "Active: 3 of 3 heads"),
        (3, 181, "Active: 3 of the 3 strongest heads"),
        (1, 2, "Active: 1 of the 1 strongest head"),
    ],
)
def test_the_status_line_of_a_card(roles, n_listed, n_holding, said):
    summary = roles.analysis.roles["induction"]
    changed = replace(summary, heads=summary.heads[:n_listed], n_having=n_holding, status="active")
    assert role_card.status_line(changed, RestingHeads(0, 32)) == said


@pytest.mark.parametrize(
    ("n_heads", "said"),
    [
        (0, "No head mostly rests here"),
        (1, "1 of 270 heads mostly rests here"),
        (166, "166 of 270 heads mostly rest here"),
    ],
)
def test_the_status_line_of_rest_counts_the_whole_model(roles, n_heads, said):
    summary = replace(roles.analysis.roles["positional"], status="active")
    assert role_card.status_line(summary, RestingHeads(n_heads, 270)) == said


@pytest.mark.parametrize(("n_strong", "n_surprising"), [(0, 0), (0, 1), (1, 0), (6, 6)])
def test_what_happens_right_now(roles, n_strong, n_surprising):
    now, odd = roles.analysis.right_now[:n_strong], roles.analysis.unexplained[:n_surprising]
    said = text_of(right_now.layout(replace(roles.analysis, right_now=now, unexplained=odd)))
    assert (right_now.NOTHING in said) == (not now and not odd)
    assert ("no head does a job much more than chance" in said) == (not now and bool(odd))
    assert ("every strong look on this text is one that a job predicts" in said) == (bool(now) and not odd)


class TestCircuits:
    def view(self, multiples: dict | None = None, shares: dict | None = None, **choices: str):
        service = CircuitsService(multiples=multiples, shares=shares)
        search = "?" + "&".join(f"{key}={value}" for key, value in choices.items())
        return circuits_view(service, Question(MODEL, REPEATING), search)

    @pytest.mark.parametrize(
        ("n", "shares", "said"),
        [
            (1, None, "This is the best fit. Weights alone say what could be read, not what is."),
            (2, None, "These are the 2 best fits. Weights alone say what could be read, not what is."),
            (1, SHARES, "a tenth or more of what the later one goes by."),
            (N_LINES, SHARES, f"These are the {N_LINES} largest shares."),
        ],
    )
    def test_how_many_lines_are_drawn(self, n, shares, said):
        assert circuits_words.graph_lead(self.view(shares=shares), n).endswith(said)

    @pytest.mark.parametrize(
        ("heads", "said"),
        [
            ([], "none"),
            ([WRITER], "L1H4"),
            ([WRITER, READER], "L1H4 and L2H3"),
            ([WRITER, READER, RESTING], "L1H4, L2H3 and L3H5"),
        ],
    )
    def test_heads_in_a_row(self, heads, said):
        assert circuits_words.listed(heads) == said

    def test_only_the_last_layer_is_said_to_be_the_last(self):
        for writer in (WRITER, HeadId(3, 1)):
            view = self.view(writer=writer.dotted)
            assert ("last layer" in text_of(fit_bars.layout(view, view.fits))) == (writer.layer == 3)

    def test_a_head_without_a_share_is_not_said_to_be_unreadable(self):
        said = circuits_words.head_sentence(self.view(shares=SHARES), HeadId(0, 1), [])
        assert said == "L0H1, no share of a tenth measured"
        last = circuits_words.head_sentence(self.view(), HeadId(3, 1), [])
        assert last.endswith("no later head can read it")

    @pytest.mark.parametrize(
        ("multiples", "role"),
        [
            ({(WRITER, RESTING): 4.0, (WRITER, READER): 3.9}, "induction"),
            ({(WRITER, RESTING): 4.0}, "induction"),
            ({(WRITER, READER): 2.0}, "induction"),
        ],
    )
    def test_a_pair_is_told_by_the_reader_whose_job_says_much(self, multiples, role):
        view = self.view(multiples)
        assert view.reader_role == role
        assert view.jobs.main(view.reads.opening.reader) == role
        assert f"{ROLES[role].display_name.lower()} head" in circuits_words.title(view)

    def test_a_head_is_named_by_the_job_that_says_most(self):
        service = DeepHeadlight()
        view = replace(self.view(), jobs=Jobs({RESTING: ("positional",), READER: ("induction", "positional")}))
        assert view.jobs.telling == {READER}
        assert Jobs({RESTING: ("positional",)}).telling == {RESTING}
        assert Jobs().telling == frozenset()
        assert service.catalogue(DEEP_MODEL) is not None

    def test_in_a_deep_model_only_layers_with_names_are_wide(self):
        view = self.view()
        drawing = circuit_graph.drawing_of(view, view.reads)
        assert drawing.busy == {1, 2, 3}
        assert circuit_graph.columns(drawing).split(") ")[0].startswith("minmax(27px")
        assert not drawing.is_deep
        assert drawing.role(RESTING) == "positional"
