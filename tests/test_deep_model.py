"""Claims about pages of a model of 30 layers of 9 heads, 181 of which only rest."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from dash import html
from dash._utils import to_json

from components import head_map, head_map_grid
from components.address import Question
from components.all_heads import all_heads_page, heads_table
from components.all_heads.all_heads_view import heads_view
from components.lamp import css_name
from components.roles import resting_card, role_card, roles_page, stage
from components.roles.roles_view import roles_view
from tests.deep_service import DEEP_MODEL, resting
from tests.fake_service import MODEL, REPEATING
from tests.test_components_heads import nodes, search_for, text_of, with_class
from utils.heads import HeadId
from utils.levels import head_levels
from utils.roles import JOBS, ROLES, SHOWCASE

FEW_COMPONENTS = 300  # a page that changes takes the square of its components; 9600 took minutes


def n_components(layout) -> int:
    """Components that Dash keeps a record of: what is inside a plain one is none."""
    found = 0

    def walk(value) -> None:
        nonlocal found
        if isinstance(value, list):
            for item in value:
                walk(item)
        elif isinstance(value, dict) and "props" in value:
            found += 1
            walk(value["props"].get("children"))

    walk(json.loads(to_json(layout)))
    return found


def question(prompt: str = REPEATING) -> Question:
    return Question(DEEP_MODEL, prompt)


@pytest.fixture
def view(deep_service):
    return roles_view(deep_service, question())


def cells_of(layout) -> dict[str, dict]:
    return {node["props"]["data-head"]: node["props"] for node in with_class(layout, "head-cell")}


class TestMap:
    def test_it_lies_on_its_side_and_comes_before_the_cards(self, deep_service):
        page = roles_page.layout(deep_service, question())
        (grid,) = with_class(page, "head-map--sideways")
        rows = with_class(grid, "head-map-row")
        assert [len(with_class(row, "head-cell")) for row in rows] == [0] + [30] * 9
        assert [node["props"]["data-head"] for node in with_class(rows[2], "head-cell")][:3] == ["L0H1", "L1H1", "L2H1"]
        order = [node["props"].get("className", "") for node in nodes(page)]
        assert order.index("surface panel wide-map") < order.index("jobs-head")

    def test_every_fifth_layer_and_the_last_are_named(self):
        shown = [layer for layer in range(30) if head_map_grid.is_named(layer, 29)]
        assert shown == [0, 5, 10, 15, 20, 25, 29]
        assert [layer for layer in range(32) if head_map_grid.is_named(layer, 31)][-2:] == [25, 31]

    @pytest.mark.parametrize(("layers", "deep"), [(1, False), (8, False), (9, True), (32, True), (48, True)])
    def test_from_nine_layers_on_it_lies_on_its_side_and_from_thirty_three_it_has_no_signs(self, layers, deep):
        cells = {HeadId(layer, head): html.Div() for layer in range(layers) for head in range(2)}
        drawn = head_map_grid.grid(cells, "Every head", "state")
        assert bool(with_class(drawn, "head-map--sideways")) == deep
        assert bool(with_class(drawn, "head-map--signless")) == (layers >= 33)
        (label,) = [node["props"]["aria-label"] for node in with_class(drawn, "head-map")]
        assert label.endswith("layers left to right, heads down" if deep else "layers down, heads across")

    @pytest.mark.parametrize(
        ("layers", "names"),
        [
            (30, ["Layers 0–9", "10–19", "20–29"]),
            (31, ["Layers 0–9", "10–19", "20–29", "30"]),
            (9, ["Layers 0–8"]),
            (0, []),
        ],
    )
    def test_a_narrow_window_has_pages_of_ten_layers(self, layers, names):
        assert list(head_map_grid.page_names(layers).values()) == names

    def test_heads_that_only_rest_are_quiet_and_a_head_with_another_job_shows_that(self, view):
        cells = cells_of(head_map.layout(view.analysis, view.catalogue))
        assert sum("head-cell--rests" in cell["className"] for cell in cells.values()) == len(resting())
        assert "role-duplicate_token" in cells["L2H4"]["className"]
        assert "positional" in view.catalogue.roles_of(HeadId(2, 4))
        assert "head-cell--active" in cells["L1H3"]["className"]

    def test_cells_say_that_they_rest_and_never_show_rest_as_a_second_job(self, view):
        by_id = {entry.id: entry for entry in head_levels(view.analysis, view.catalogue)}
        assert head_map.cell_label(by_id[resting()[0]]) == f"{resting()[0]}, rests"
        assert head_map.cell_label(by_id[HeadId(2, 4)]).startswith("L2H4, duplicate token, ")
        assert head_map.cell_label(by_id[HeadId(2, 4)]).endswith(", also rests")
        assert with_class(head_map.layout(view.analysis, view.catalogue), "head-cell-second") == []

    @pytest.mark.parametrize(
        ("with_rest", "role", "shows"), [(False, None, False), (True, None, True), (False, "positional", True)]
    )
    def test_resting_heads_show_it_when_asked(self, view, with_rest, role, shows):
        drawn = head_map.layout(view.analysis, view.catalogue, role, with_rest=with_rest)
        assert bool(with_class(drawn, "shows-rest")) == shows

    def test_heads_of_a_small_model_rest_as_well_and_its_map_stands_upright(self, service):
        view = roles_view(service, Question(MODEL, REPEATING))
        drawn = head_map.layout(view.analysis, view.catalogue)
        assert not with_class(drawn, "head-map--sideways")
        assert {cell["props"]["data-head"] for cell in with_class(drawn, "head-cell--rests")} == {
            "L2H1",
            "L2H7",
            "L3H5",
            "L3H6",
        }
        assert not view.is_deep
        page = roles_page.layout(service, Question(MODEL, REPEATING), "?rest=1")
        assert len(with_class(page, "shows-rest")) == 1

    def test_cards_and_map_agree_about_every_head(self, view):
        cells = cells_of(head_map.layout(view.analysis, view.catalogue))
        for role in JOBS:
            for entry in view.analysis.roles[role].heads:
                if entry.is_main:
                    assert f"head-cell--{css_name(entry.state.value)}" in cells[str(entry.id)]["className"].split()
        dashes = {head for head, cell in cells.items() if "head-cell--rests" in cell["className"]}
        rests = {str(head) for head, _share in view.analysis.most_resting}
        with_job = {str(entry.id) for entry in head_levels(view.analysis, view.catalogue) if entry.work}
        assert dashes == rests - with_job
        assert len(rests) == view.analysis.n_resting.n_heads

    def test_the_pages_of_a_deep_model_are_of_few_components(self, deep_service):
        assert n_components(roles_page.layout(deep_service, question())) < 2.5 * FEW_COMPONENTS
        page = all_heads_page.layout(deep_service, question(), search_for(model=DEEP_MODEL, tab="map"))
        assert n_components(page) < FEW_COMPONENTS


class TestCards:
    def test_resting_is_folded_and_its_heads_are_counted(self, view):
        card = role_card.layout(view, "positional")
        n_resting = view.analysis.n_resting.n_heads
        assert n_resting >= len(resting())
        assert f"{n_resting} of 270 heads mostly rest here" in text_of(card)
        (fold,) = with_class(card, "more-heads")
        assert len(with_class(fold, "head-row")) == len(with_class(card, "head-row")) == resting_card.MAX_HEADS
        assert text_of(fold).startswith("Show the 20 that rest most")

    def test_the_heads_that_rest_most_come_first(self, view):
        shares = [share for _head, share in view.analysis.most_resting]
        assert shares == sorted(shares, reverse=True)
        assert min(shares) >= 0.5

    def test_a_job_shows_three_heads_then_those_that_the_answer_holds_then_all(self, view):
        card = role_card.layout(view, "induction")
        assert "Show 5 more heads" in text_of(card)
        assert "All 10 in All heads" in text_of(card)
        assert "All 3" not in text_of(role_card.layout(view, "previous_token"))

    def test_the_address_keeps_what_is_unfolded(self, deep_service):
        view = roles_view(deep_service, question(), "?more=induction.positional.nonsense&rest=1")
        assert view.unfolded == {"induction", "positional"}
        assert view.with_rest
        (fold,) = with_class(role_card.layout(view, "induction"), "more-heads")
        assert fold["props"]["open"] is True
        assert fold["props"]["data-fold"] == "induction"

    @pytest.mark.parametrize(
        ("n_resting", "words"),
        [(181, "Show the 20 that rest most"), (20, "Show the 20 heads"), (2, "Show the 2 heads"), (1, "Show the head")],
    )
    def test_the_press_says_how_many_it_shows(self, n_resting, words):
        assert resting_card.fold_words(n_resting) == words

    def test_induction_heads_that_rest_are_named_on_the_card_of_rest(self, view):
        rests = np.zeros((30, 9))
        for head in view.analysis.roles["induction"].heads[:3]:
            rests[head.id] = 1
        scores = view.analysis.scored.roles
        scored = replace(
            view.analysis.scored, roles={**scores, "positional": replace(scores["positional"], score=rests)}
        )
        some = replace(view, analysis=replace(view.analysis, scored=scored))
        assert resting_card.a_state(some) == "A state, not a job: 3 of the 8 strongest induction heads rest here, too."
        none = replace(view, analysis=replace(view.analysis, scored=None))
        assert "may rest here" in resting_card.a_state(none)

    def test_the_stage_never_opens_on_rest(self, view):
        roles = {
            key: replace(summary, status="active" if key == "positional" else "below_usual")
            for key, summary in view.analysis.roles.items()
        }
        assert stage.opening_role(replace(view.analysis, roles=roles)) == SHOWCASE
        roles["diffuse"] = replace(roles["diffuse"], status="active")
        assert stage.opening_role(replace(view.analysis, roles=roles)) == "diffuse"


class TestAllHeads:
    @pytest.mark.parametrize("others", [{}, {"rows": "all"}, {"role": "positional", "rows": "all"}])
    def test_the_page_is_of_few_components_however_many_rows_it_has(self, deep_service, others):
        page = all_heads_page.layout(deep_service, question(), search_for(model=DEEP_MODEL, **others))
        assert n_components(page) < FEW_COMPONENTS
        assert len(nodes(page)) > 1000

    def test_it_shows_all_rows_or_fifty(self, deep_service):
        assert len(heads_view(deep_service, question()).rows) == 50
        assert len(heads_view(deep_service, question(), rows="all").rows) == 270

    @pytest.mark.parametrize(
        ("others", "kept"),
        [
            ({}, None),
            ({"sort": "main"}, None),
            ({"role": "other"}, None),
            ({"sort": "induction"}, "induction"),
            ({"role": "diffuse"}, "diffuse"),
        ],
    )
    def test_the_score_that_a_narrow_row_keeps_is_of_the_job_that_it_names(self, deep_service, others, kept):
        view = heads_view(deep_service, question(), rows="all", **others)
        for entry, row in zip(view.rows, with_class(heads_table.layout(view), "heads-row"), strict=True):
            shown = [cell for cell in with_class(row, "heads-score") if "is-kept" in cell["props"]["className"]]
            wanted = kept or (entry.main_job if entry.jobs else None)
            assert len(shown) == (wanted is not None)
            if wanted is not None:
                name = ROLES[wanted].display_name
                assert text_of(shown[0]).startswith(name.lower())
                assert (len(with_class(shown[0], "cell-role")) == 1) == (wanted != entry.main_job)

    @pytest.mark.parametrize(
        ("role", "n_rows", "words"),
        [
            ("induction", 10, "10 shown, sorted by layer and head"),
            ("diffuse", 1, "1 shown, sorted by layer and head"),
            (None, 270, "270 shown, sorted by layer and head"),
        ],
    )
    def test_lists_of_one_few_and_all(self, deep_service, role, n_rows, words):
        others = {"rows": "all"} | ({"role": role} if role else {})
        page = all_heads_page.layout(deep_service, question(), search_for(model=DEEP_MODEL, **others))
        assert len(with_class(page, "heads-row")) == n_rows
        assert words in text_of(page)

    def test_a_list_of_none_offers_the_way_back(self, deep_service):
        view = replace(heads_view(deep_service, question(), role="induction"), levels=[])
        assert view.filtered == view.rows == []
        assert "No head of this model does this job." in text_of(all_heads_page._table_tab(view))
