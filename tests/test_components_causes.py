"""Claims about what breaks without a head, as pages show it: words, column, map and card; and ordinary text."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from app import create_app
from components import run_line
from components.address import Question
from components.all_heads import all_heads_page, cause_map, heads_csv, heads_map_card, heads_table
from components.all_heads.all_heads_view import BREAKS, DOES, MAP, WITHOUT, Sort, heads_view
from components.cause_words import cause_sentence, rise, short_rise, spoken_rise
from components.head import head_natural, head_page
from tests.fake_service import MODEL, REPEATING, FakeHeadlight
from tests.test_components_head_more import press, search_of, view_of
from tests.test_components_heads import nodes, search_for, text_of, with_class
from utils.catalogue.causes import HeadCause
from utils.catalogue.schema import HeadCauses
from utils.experiments.natural_rise import NaturalRise
from utils.experiments.runs import Kind
from utils.heads import HeadId

LARGE, MIDDLE, SMALL, TINY, BACK, UNSURE = (HeadId(1, head) for head in range(6))
RISES = {LARGE: 5.1, MIDDLE: 1.5, SMALL: 0.4, TINY: 0.06, BACK: -0.315, UNSURE: 0.3}


class CausesHeadlight(FakeHeadlight):
    """The fake service, with a catalogue that says what breaks without each head."""

    def catalogue(self, model: str):
        catalogue = super().catalogue(model)
        if catalogue is None:
            return None
        nats, error = np.zeros((4, 8)), np.full((4, 8), 0.02)
        for head, value in RISES.items():
            nats[head] = value
        error[LARGE], error[UNSURE] = 0.3, 0.2
        causes = HeadCauses(
            second_copy_nats=nats.tolist(), standard_error=error.tolist(), n_sequences=8, n_tokens=25, seed=0
        )
        return catalogue.model_copy(update={"causes": causes})


@pytest.fixture
def service() -> CausesHeadlight:
    return CausesHeadlight()


@pytest.fixture
def client(service):
    return create_app(service).server.test_client()


def heads(service, **others):
    return heads_view(service, Question(MODEL, REPEATING), **others)


def shown_as(page) -> list[str]:
    """What the switch of the map is set to; nothing where there is no switch."""
    return [node["props"]["value"] for node in nodes(page) if node["props"].get("id") == all_heads_page.Ids.shows]


class TestWords:
    @pytest.mark.parametrize(
        ("cause", "sentence"),
        [
            (HeadCause(4.91, 0.21), "Without it the loss on a text said twice rises by 4.9 ± 0.2 nats."),
            (
                HeadCause(-0.315, 0.029),
                "Without it the loss on a text said twice falls by 0.32 ± 0.03 nats: it holds back.",
            ),
            (
                HeadCause(0.3, 0.2),
                "Without it the loss on a text said twice shows no rise that can be told from chance.",
            ),
            (
                HeadCause(-0.3, 0.2),
                "Without it the loss on a text said twice shows no rise that can be told from chance.",
            ),
        ],
    )
    def test_the_sentence_is_honest_about_falls_and_about_chance(self, cause, sentence):
        assert cause_sentence(cause) == sentence

    @pytest.mark.parametrize(
        ("nats", "error", "words"),
        [
            (5.109, 0.318, "5.1 ± 0.3"),
            (0.41, 0.05, "0.41 ± 0.05"),
            (0.4, 0.096, "0.4 ± 0.1"),
            (0.02, 0.0012, "0.020 ± 0.001"),
            (0.004, 0.0, "0.004 ± 0.001"),
            (-1.0, 0.2, "−1.0 ± 0.2"),
        ],
    )
    def test_a_rise_has_the_decimals_of_its_error(self, nats, error, words):
        assert rise(nats, error) == words

    def test_a_cell_and_what_is_read_out_say_the_same(self):
        assert [short_rise(cause) for cause in (None, HeadCause(0.1, 0.2), HeadCause(5.1, 0.3))] == [
            "–",
            "≈ 0",
            "5.1 ± 0.3",
        ]
        assert spoken_rise(HeadCause(0.1, 0.2)) == "without it no rise that can be told from chance"
        assert spoken_rise(HeadCause(5.1, 0.3)) == "without it 5.1 ± 0.3 nats dearer"
        assert spoken_rise(HeadCause(-0.3, 0.02)) == "without it 0.30 ± 0.02 nats cheaper, it holds back"


class TestTable:
    def test_it_has_a_column_that_can_be_sorted_by(self, service):
        view = heads(service, sort=WITHOUT)
        assert view.sort == Sort(WITHOUT, is_up=False)
        assert [entry.id for entry in view.rows[:3]] == [LARGE, MIDDLE, SMALL]
        assert heads(service, sort="without.up").rows[0].id == BACK
        table = heads_table.layout(view)
        first = with_class(table, "heads-without")[1]
        assert text_of(first["props"]["children"]).endswith("5.1 ± 0.3")
        assert "is-sorted" in first["props"]["className"]
        assert "Without it" in text_of(table)
        assert "≈ 0" in text_of(heads_table.layout(heads(service, sort="without.up")))
        below = text_of(all_heads_page.layout(service, Question(MODEL, REPEATING), search_for(sort=WITHOUT)))
        assert "sorted by what breaks without the head" in below

    def test_a_catalogue_made_before_has_no_such_column_and_no_other_side_of_the_map(self):
        view = heads(FakeHeadlight(), tab=MAP, shows=BREAKS)
        assert not view.has_causes
        assert view.shows == DOES
        assert with_class(heads_table.layout(view), "heads-without") == []
        page = all_heads_page.layout(FakeHeadlight(), Question(MODEL, REPEATING), search_for(tab=MAP))
        assert shown_as(page) == []

    def test_the_csv_has_the_rise_and_its_error_for_every_line_of_a_head(self, service):
        rows = list(csv.DictReader(io.StringIO(heads_csv.heads_csv(heads(service).levels))))
        found = {(row["without_it_nats"], row["without_it_standard_error"]) for row in rows if row["name"] == "L1H4"}
        assert found == {("-0.315", "0.02")}
        old = list(csv.DictReader(io.StringIO(heads_csv.heads_csv(heads(FakeHeadlight()).levels))))
        assert {row["without_it_nats"] for row in old} == {""}


class TestMap:
    def cells(self, service) -> dict[str, dict]:
        shown = cause_map.layout(heads(service, tab=MAP, shows=BREAKS))
        return {cell["props"]["data-head"]: cell["props"] for cell in with_class(shown, "cause-cell")}

    @pytest.mark.parametrize(
        ("head", "step", "number"),
        [
            (LARGE, "ink-75", "5.1"),
            (MIDDLE, "ink-50", "1.5"),
            (SMALL, "ink-25", "0.4"),
            (TINY, "ink-10", ""),
            (BACK, "ink-10", "−"),
            (UNSURE, "head-cell--none", ""),
            (HeadId(3, 3), "head-cell--none", ""),
        ],
    )
    def test_ink_goes_in_steps_and_numbers_stand_where_they_can_be_read(self, service, head, step, number):
        cell = self.cells(service)[str(head)]
        assert step in cell["className"].split()
        shown = with_class(cell["children"], "cause-number")[0]["props"]["children"]
        assert shown == number

    def test_a_head_that_holds_back_is_outlined_and_one_in_doubt_is_not(self, service):
        cells = self.cells(service)
        assert [name for name, cell in cells.items() if "is-negative" in cell["className"].split()] == [str(BACK)]
        assert "cheaper, it holds back" in text_of(cells[str(BACK)]["children"])
        assert "no rise that can be told from chance" in text_of(cells[str(UNSURE)]["children"])

    def test_a_large_fall_has_its_number(self):
        assert cause_map.number(HeadCause(-3.0, 0.1), 5.0) == "−3.0"
        assert cause_map.ink(HeadCause(-3.0, 0.1), 5.0) == 75

    def test_where_nothing_matters_no_cell_has_ink(self):
        assert cause_map.ink(HeadCause(0.0, 0.0), 0.0) == 0
        assert cause_map.ink(None, 5.0) == 0

    def test_the_address_keeps_the_choice(self, service):
        search = search_for(tab=MAP)
        changed = all_heads_page.pressed_search(all_heads_page.Ids.shows, BREAKS, search)
        assert "shows=breaks" in changed
        assert all_heads_page.pressed_search(all_heads_page.Ids.shows, DOES, search) == search
        page = all_heads_page.layout(service, Question(MODEL, REPEATING), changed)
        words = text_of(page)
        assert "A text said twice breaks most without L1H0" in words
        assert "from 2.9" in words
        assert len(with_class(page, "cause-cell")) == 32
        assert shown_as(page) == [BREAKS]

    def test_the_other_side_of_the_map_is_as_it_was(self, service):
        page = all_heads_page.layout(service, Question(MODEL, REPEATING), search_for(tab=MAP))
        assert with_class(page, "cause-cell") == []
        assert shown_as(page) == [DOES]

    def test_the_card_begins_with_the_head_without_which_most_breaks(self, service):
        assert heads_map_card.opening_head(heads(service, tab=MAP, shows=BREAKS)) == LARGE
        assert heads_map_card.opening_head(heads(service, tab=MAP)) != LARGE

    def test_the_card_beside_the_map_says_it_in_words(self, service):
        card = heads_map_card.layout(heads(service, tab=MAP), LARGE)
        assert "Without it the loss on a text said twice rises by 5.1 ± 0.3 nats." in text_of(card)


class TestHeadPage:
    def test_it_says_what_breaks_without_the_head(self, service):
        page = head_page.layout(service, Question(MODEL, REPEATING), search_of(LARGE))
        assert "Without it the loss on a text said twice rises by 5.1 ± 0.3 nats." in text_of(page)
        old = head_page.layout(FakeHeadlight(), Question(MODEL, REPEATING), search_of(LARGE))
        assert with_class(old, "head-cause") == []

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (0.123, "Without L2H3 the loss on ordinary text rises by 0.12 ± 0.02 nats per token."),
            (-0.123, "Without L2H3 the loss on ordinary text falls by 0.12 ± 0.02 nats per token."),
            (0.03, "Without L2H3 no change of the loss on ordinary text can be told from chance."),
        ],
    )
    def test_ordinary_text_is_measured_on_a_press_and_told_only_where_it_can_be(
        self, service, client, monkeypatch, change, words
    ):
        def measured(_model, _prompt, head, progress=None):
            return NaturalRise(HeadId(*head), 80, 1500, 3.25, change, 0.02)

        monkeypatch.setattr(service.experiments, "natural_rise", measured, raising=False)
        asked = run_line.question(Kind.NATURAL, Question(MODEL, REPEATING), search_of(), heads=((2, 3),))
        found = press(client, "natural", asked)
        assert text_of(found["natural-answer"]["children"]) == words
        shown = text_of(found["natural-result"]["children"])
        assert "80 test sentences, 1,500 tokens to foresee" in shown
        assert str(abs(change)) not in shown

    def test_the_card_keeps_its_head_as_the_question(self, service):
        stored = [n["props"]["data"] for n in nodes(head_natural.layout(view_of(service))) if n["type"] == "Store"]
        assert stored[0]["question"]["heads"] == [[2, 3]]
        assert stored[0]["question"]["kind"] == "natural_rise"
