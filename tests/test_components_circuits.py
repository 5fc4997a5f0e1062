"""Claims about the circuits page: its state, its sentences, graph, map, bars, head up close, and the path test."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from urllib.parse import parse_qs, urlencode

import numpy as np
import pytest
from dash import no_update

from app import create_app
from components import circuits_tabs, run_line
from components.address import CIRCUITS_PATH, Question, circuits_href, toy_href
from components.circuits import (
    circuit_average,
    circuit_close_up,
    circuit_graph,
    circuit_looks,
    circuit_writes,
    circuits_csv,
    circuits_page,
    circuits_words,
    composition_map,
    fit_bars,
    margin_bars,
    path_experiment,
)
from components.circuits.circuits_view import circuits_view
from tests.fake_circuits import BASELINE, NARROW, READER, SHARES, WRITER, CircuitsService
from tests.fake_service import MISSING_MODEL, MODEL, PLAIN, REPEATING
from tests.test_components_frame import ask, open_page
from tests.test_components_heads import nodes, text_of, with_class
from tests.together import WAIT_S, Gate
from utils.circuits.jobs import CATALOGUE, UNKNOWN, Jobs
from utils.errors import UserError
from utils.example_texts import DEFAULT_PROMPT
from utils.heads import HeadId
from utils.roles import ROLES


@pytest.fixture
def service() -> CircuitsService:
    return CircuitsService()


def search_for(prompt: str = REPEATING, model: str = MODEL, **choices: str) -> str:
    return "?" + urlencode({"model": model, "prompt": prompt, **choices})


def view_of(service, prompt: str = REPEATING, model: str = MODEL, **choices: str):
    return circuits_view(service, Question(model, prompt), search_for(prompt, model, **choices))


@pytest.fixture
def measured() -> CircuitsService:
    """As `service`, where the margins of three induction heads are measured."""
    return CircuitsService(shares=SHARES)


def heads_of(search: str, *names: str) -> list[str | None]:
    parameters = parse_qs(search.lstrip("?"))
    return [parameters.get(name, [None])[0] for name in names]


class TestState:
    def test_by_weights_it_opens_on_the_best_textbook_pair(self, service):
        view = view_of(service)
        assert (view.writer, view.head) == (WRITER, READER)
        assert view.layers == (1, 2)
        assert view.kind == "K"
        assert view.reader_role == "induction"
        assert view.margin is None

    def test_measured_it_opens_on_the_largest_share_of_an_induction_head(self, measured):
        view = view_of(measured)
        assert (view.writer, view.head, view.layers) == (WRITER, HeadId(2, 6), (1, 2))
        assert view.margin.margin == 10
        assert [link.reader for link in view.readers] == [HeadId(2, 6), READER, HeadId(3, 1)]
        assert view.tested_writer == WRITER

    def test_only_keys_are_measured_and_only_where_the_model_is(self, measured):
        for kind in "QV":
            assert not view_of(measured, kind=kind).reads.is_measured
        assert not view_of(measured, model=MISSING_MODEL).reads.is_measured
        assert view_of(measured, kind="K").reads.is_measured

    def test_a_model_whose_margins_cannot_be_told_says_why_and_shows_its_weights(self, measured, monkeypatch):
        def refuse(*_asked):
            raise UserError("What the parts write does not add up.", "Choose another.")

        monkeypatch.setattr(measured.circuits, "margins", refuse)
        page = text_of(circuits_page.body(measured, Question(MODEL, REPEATING), search_for()))
        assert "Weights alone say what could be read, not what is. What the parts write does not add up." in page
        assert "How well L1H4 fits each later induction head" in page

    def test_a_writer_opens_its_first_reader_and_a_reader_its_best_writer(self, service, measured):
        assert view_of(service, writer="1.2").head == READER
        assert view_of(service, head="3.1").writer == WRITER
        assert view_of(service, writer="0.1", head="3.7").through == NARROW[0]
        assert view_of(measured, head="3.1").writer == WRITER
        assert view_of(measured, writer="0.2").head == READER

    def test_a_head_that_reads_and_is_not_read_is_chosen_as_the_reader(self, measured):
        view = view_of(measured)
        assert view.choosing(HeadId(2, 6))["head"] == "2.6"
        assert view.choosing(WRITER)["writer"] == "1.4"

    def test_a_head_of_the_last_layer_is_chosen_as_the_reader(self, service):
        view = view_of(service)
        assert view.choosing(HeadId(3, 1))["head"] == "3.1"
        assert view.choosing(HeadId(3, 1))["writer"] is None
        assert view.choosing(HeadId(0, 1))["writer"] == "0.1"

    def test_choices_that_mean_nothing_are_left_out(self, service):
        odd = view_of(service, kind="Z", fits="all", writer="abc", head="", to="-1", looks="?", **{"from": "99"})
        assert (odd.kind, odd.writer, odd.head) == ("K", WRITER, READER)
        assert "fits" not in odd.search()
        assert odd.layers == (2, 3)

    def test_a_head_that_is_not_there_is_refused_with_the_range(self, service):
        with pytest.raises(UserError, match="layers 0 to 3, each with heads 0 to 7") as refused:
            view_of(service, writer="4.0")
        assert refused.value.status == 404
        assert refused.value.sentence.endswith("There is no layer 4, head 0.")

    def test_the_second_layer_of_the_map_is_always_the_later_one(self, service):
        assert view_of(service, **{"from": "2", "to": "1"}).layers == (2, 3)
        assert view_of(service, **{"from": "0", "to": "3"}).layers == (0, 3)

    def test_an_address_brings_back_the_same_state(self, service):
        view = view_of(service, kind="Q", writer="0.2", looks="alone")
        again = circuits_view(service, view.question, view.search())
        assert again.search() == view.search()
        assert (again.kind, again.writer, again.is_alone) == ("Q", HeadId(0, 2), True)


class TestWords:
    def test_by_weights_the_title_says_what_could_be_read(self, service):
        view = view_of(service)
        assert (
            circuits_words.title(view) == "In Classroom GPT-2, one head writes what the induction heads could look for."
        )
        assert circuits_words.lead(view) == (
            "L1H4 looks one token back and notes what it sees there. L2H3, L2H6 and L3H1 could look for such notes, by "
            "their weights."
        )
        assert "could ask with" in circuits_words.title(view_of(service, kind="Q"))

    def test_measured_the_lead_says_who_writes_how_much_and_for_whom_it_comes_first(self, measured):
        view = view_of(measured)
        assert (
            circuits_words.title(view)
            == "In Classroom GPT-2, one head writes most of what the induction heads look for."
        )
        assert circuits_words.lead(view) == (
            "L1H4 looks one token back and notes what it sees there. "
            "L1H4 writes 9.0 of 10.0 logits of L2H6’s preference. It comes first for L2H3 and L3H1 too. "
            "Together that is the recipe of induction."
        )

    def test_one_reader_is_told_in_the_singular(self):
        view = view_of(CircuitsService(shares={(WRITER, READER): 0.7}))
        assert (
            circuits_words.title(view)
            == "In Classroom GPT-2, one head writes most of what an induction head looks for."
        )
        assert "too" not in circuits_words.lead(view)

    def test_where_mlps_carry_over_half_the_words_say_so(self):
        view = view_of(CircuitsService(shares={(WRITER, READER): 0.3, (WRITER, HeadId(3, 1)): 0.2}))
        assert circuits_words.title(view) == (
            "In Classroom GPT-2, one head writes more than any other head of what the induction heads look for."
        )
        said = "L2H3’s preference comes mostly through MLPs: 7.0 of 10.0 logits. Of the heads, L1H4 writes most: 3.0."
        assert said in circuits_words.lead(view)

    @pytest.mark.parametrize("role", list(ROLES))
    def test_heads_of_every_job_can_be_named(self, role):
        one, many = (circuits_words.heads_for(role, is_one) for is_one in (True, False))
        assert re.match(r"(a|an) .*head", one)
        assert re.match(r"the .*heads", many)
        assert circuits_words.heads_for("copy_suppression", True) == "a head for “holding back”"
        assert circuits_words.heads_for("induction", True) == "an induction head"

    def test_a_model_whose_heads_only_write_still_has_a_title_a_legend_and_a_way_out(self, monkeypatch):
        service = CircuitsService()
        held = {READER: ("copying",), WRITER: ("name_mover",), HeadId(3, 1): ("copy_suppression", "positional")}
        monkeypatch.setattr(service.circuits, "jobs", lambda _model: Jobs(held, CATALOGUE))
        page = text_of(circuits_page.body(service, Question(MODEL, REPEATING), search_for()))
        assert "one head writes what a head for “" in page or "one head writes what the heads for “" in page
        assert "passing on a name" in page
        assert "there is no job to watch when it is off" in page

    def test_one_layer_cannot_compose(self):
        view = view_of(CircuitsService(n_layers=1))
        assert circuits_words.title(view) == "This model has one layer. No head can read another's notes."
        page = circuits_page.body(CircuitsService(n_layers=1), view.question, search_for())
        assert "See why it matters" in text_of(page)
        assert "up close" in text_of(page)
        assert "Switch" not in text_of(page)

    def test_without_known_jobs_no_head_is_named(self, service, monkeypatch):
        monkeypatch.setattr(service, "catalogue", lambda _model: None)
        view = view_of(service)
        assert "not known yet" in circuits_words.title(view)
        assert "Analyze the model" in text_of(circuits_page.body(service, view.question, search_for()))

    def test_neither_a_share_nor_a_fit_is_called_a_cause(self, service, measured):
        for each in (service, measured):
            page = text_of(circuits_page.body(each, Question(MODEL, REPEATING), search_for()))
            assert "Neither is a cause." in page
            assert page.count("cause") == 2  # there, and in the question of the path test

    def test_a_head_says_its_job_and_whom_it_reads_or_writes_for(self, service, measured):
        view = view_of(service)
        said = circuits_words.head_sentence(view, WRITER, view.reads.told_readers(WRITER))
        assert said == "L1H4, previous token, best fit L2H3, 2.8 times random"
        assert circuits_words.head_sentence(view, HeadId(3, 7), []) == "L3H7, no later head can read it"
        view = view_of(measured)
        said = circuits_words.head_sentence(view, WRITER, view.reads.told_readers(WRITER))
        assert said == "L1H4, previous token, writes for 3 later heads, most for L2H6, 90 % of what it goes by"
        said = circuits_words.head_sentence(view, READER, [])
        assert said == "L2H3, induction, reads L1H4 most, 70 % of what it goes by"

    @pytest.mark.parametrize(("rank", "words"), [((1, 72), "best of 72"), ((14, 72), "14 of 72")])
    def test_ranks_are_words(self, rank, words):
        assert circuits_words.rank_words(*rank) == words

    def test_the_raw_score_stands_once_with_its_place(self, service):
        view = view_of(service)
        assert circuits_words.pair_caption(view).endswith(f"L2H3: 0.140. Number 2 of {6 * 64} fits.")


class TestGraph:
    def test_the_chosen_writers_best_named_readers_are_lit_and_the_rest_grey(self, service):
        view = view_of(service)
        lines = circuit_graph.line_data(circuit_graph.drawing_of(view, view.reads))
        assert [line[:3] for line in lines["lit"][:3]] == [
            ["L1H4", "L2H3", 2.8],
            ["L1H4", "L3H1", 2.5],
            ["L1H4", "L2H6", 2.0],
        ]
        assert lines["lit"][0][3:] == ["previous_token", "induction"]
        assert len(lines["lit"]) == 4
        pairs = [tuple(line[:2]) for line in lines["grey"] + lines["lit"]]
        assert len(set(pairs)) == len(pairs)
        assert len(json.dumps(lines)) < 20_000

    def test_measured_lines_are_as_wide_as_their_share_and_say_it(self, measured):
        view = view_of(measured)
        lines = circuit_graph.line_data(circuit_graph.drawing_of(view, view.reads))
        assert [line[:3] for line in lines["lit"]] == [
            ["L1H4", "L2H6", 2.7],
            ["L1H4", "L2H3", 2.1],
            ["L1H4", "L3H1", 0.9],
        ]
        assert [line[:2] for line in lines["grey"]] == [["L0H2", "L2H3"]]
        assert sorted(lines["previews"]) == ["L0H2", "L1H4"]
        words = " ".join(text_of(circuit_graph.layout(view, view.reads)).split())
        assert "the chosen head’s share: 90 % of what L2H6 goes by" in words
        assert "L1H4, previous token L2H6, induction 90 %: 9.0 of 10.0 logits 2.0 × best of 16 20 kinds" in words

    def test_every_head_is_a_link_that_chooses_it_and_keeps_the_text(self, service):
        view = view_of(service)
        graph = circuit_graph.layout(view, view.reads)
        links = with_class(graph, "circuit-head")
        assert len(links) == 32
        chosen = [link for link in links if "is-chosen" in link["props"]["className"]]
        assert [link["props"]["data-head"] for link in chosen] == ["L1H4"]
        other = next(link for link in links if link["props"]["data-head"] == "L0H2")
        assert heads_of(other["props"]["href"].split("?")[1], "writer", "prompt") == ["0.2", REPEATING]

    def test_the_table_holds_every_line_with_its_rank(self, service):
        view = view_of(service)
        drawing = circuit_graph.drawing_of(view, view.reads)
        rows = [node for node in nodes(circuit_graph.layout(view, view.reads)) if node["type"] == "Tr"]
        assert len(rows) == 1 + len(drawing.drawn)
        assert "L1H4, previous token L2H3, induction 2.8 × best of 16" in text_of(
            circuit_graph.layout(view, view.reads)
        )

    def test_named_heads_that_no_line_reaches_are_counted(self, service):
        view = view_of(service)
        first = [link for link in view.lit if link.reader.layer == 2]
        n_all = sum(view.jobs.has(head, view.reader_role) for head in view.jobs.roles)
        n_reached = sum(view.jobs.has(head, view.reader_role) for head in {link.reader for link in first})
        told = circuits_words.later_note(view, first)
        assert told.startswith(f"{n_all - n_reached} more induction head")
        assert told.endswith(("has no line here.", "have no line here."))
        assert circuits_words.later_note(view, view.reads.lines(500)) == ""


class TestMapAndBars:
    def test_numbers_stand_from_twice_random_on_and_lit_pairs_are_ringed(self, service):
        view = view_of(service)
        figure = composition_map.map_figure(view, view.fits)
        text = np.array(figure.data[0].text)
        assert text[WRITER.head, READER.head] == "2.8"
        assert text[2, READER.head] == "2.6"
        assert (text != "").sum() == 4  # the fourth lit line is near random
        assert len(figure.layout.shapes) == 3  # the second lit line ends in another layer
        assert figure.data[0].zmax == pytest.approx(2.8)

    def test_lit_pairs_have_their_number_below_twice_random_and_the_key_says_so(self):
        view = view_of(CircuitsService(multiples={(WRITER, READER): 1.8, (HeadId(1, 2), HeadId(2, 2)): 1.9}))
        text = np.array(composition_map.map_figure(view, view.fits).data[0].text)
        assert text[WRITER.head, READER.head] == "1.8"
        assert text[2, 2] == ""
        assert "numbers from 2.0 on, and on the lit lines" in text_of(composition_map.layout(view, view.fits))

    def test_the_scale_ends_at_the_best_fit_of_the_two_layers(self, service):
        view = view_of(service, **{"from": "0", "to": "3"})
        assert composition_map.most(view, view.fits) == pytest.approx(6.0)
        assert composition_map.most(view_of(service), view.fits) == pytest.approx(2.8)

    def test_the_map_says_that_weights_are_all_it_is_made_of(self, measured):
        view = view_of(measured)
        assert "Weights alone say what could be read" in text_of(composition_map.layout(view, view.fits))

    def test_a_press_on_a_cell_chooses_the_pair_everywhere(self, service):
        view = view_of(service, **{"from": "0", "to": "3"})
        pressed = composition_map.pressed_pair(view, {"points": [{"x": 7, "y": 1, "z": 6.0}]})
        again = circuits_view(service, view.question, view.search(**pressed))
        assert (again.writer, again.head, again.layers) == (*NARROW, (0, 3))

    def test_layers_that_cannot_come_later_are_not_offered(self, service):
        layout = composition_map.layout(view_of(service), view_of(service).fits)
        menus = [node for node in nodes(layout) if node["type"] == "Select"]
        assert [option["value"] for option in menus[0]["props"]["options"]] == ["0", "1", "2"]
        assert [option["value"] for option in menus[1]["props"]["options"]] == ["2", "3"]

    def test_every_reader_of_the_job_has_a_bar_with_random_as_its_line(self, service):
        view = view_of(service)
        rows = with_class(fit_bars.layout(view, view.fits), "fit-row")
        assert [text_of(row["props"]["children"][1]).split()[0] for row in rows] == ["L2H3", "L3H1", "L2H6"]
        assert [text_of(row["props"]["children"][4]) for row in rows] == ["best of 16", "best of 24", "best of 16"]
        bar = with_class(rows[0], "fit-bar")[0]["props"]["style"]
        assert float(bar["--fit"]) / float(bar["--random"]) == pytest.approx(2.8, rel=1e-3)

    def test_every_fit_says_on_how_many_kinds_it_rests(self, service, monkeypatch):
        assert text_of(fit_bars.layout(view_of(service), view_of(service).fits)).count("20 kinds of note") == 3
        monkeypatch.setattr(service, "catalogue", lambda _model: None)
        view = view_of(service, writer="0.1", head="3.7")
        assert "2 kinds of note" in text_of(fit_bars.layout(view, view.fits))

    def test_measured_the_writers_of_the_reader_stand_first_to_last_with_their_weights_beside(self, measured):
        view = view_of(measured, head="2.3")
        card = margin_bars.layout(view, view.reads, view.margin)
        assert "L1H4 writes 7.0 of 10.0 logits of L2H3’s preference." in text_of(card)
        rows = with_class(card, "fit-row")
        assert [text_of(row["props"]["children"][1]) for row in rows[:2]] == ["L1H4", "L0H2"]
        assert [text_of(row["props"]["children"][1]) for row in rows[-1:]] == ["MLPs"]
        assert [text_of(row["props"]["children"][3]) for row in (rows[0], rows[1], rows[-1])] == [
            "+7.0",
            "+2.0",
            "+1.0",
        ]
        assert text_of(rows[0]["props"]["children"][4]) == "2.8 ×, 20 kinds"
        assert "8 texts of 40 random tokens said twice. All rows add up to 10.0." in text_of(card)
        link = next(node for node in nodes(card) if node["props"].get("id") == "writes-L0H2")
        assert heads_of(link["props"]["href"].split("?")[1], "writer", "head") == ["0.2", "2.3"]

    def test_a_reader_without_the_job_has_bars_of_weights(self, measured):
        page = text_of(circuits_page.body(measured, Question(MODEL, REPEATING), search_for(head="3.7")))
        assert "How well L0H1 fits" in page
        assert "What L3H7 goes by" not in page

    def test_the_download_can_be_recomputed(self, service, measured):
        lines = list(csv.DictReader(io.StringIO(circuits_csv.pairs_csv(view_of(service).reads))))
        assert len(lines) == 6 * 64
        line = next(line for line in lines if (line["writer"], line["reader"]) == ("L1H4", "L2H3"))
        assert float(line["score"]) / BASELINE == pytest.approx(float(line["times_random"]), rel=1e-3)
        assert {line["margin_logits"] for line in lines} == {""}
        lines = list(csv.DictReader(io.StringIO(circuits_csv.pairs_csv(view_of(measured).reads))))
        line = next(line for line in lines if (line["writer"], line["reader"]) == ("L1H4", "L2H3"))
        assert [line[name] for name in ("margin_logits", "margin_share", "reader_margin")] == ["7.0", "0.7", "10.0"]
        assert sum(line["margin_logits"] != "" for line in lines) == 16 + 16 + 24


class TestUpClose:
    def test_the_diagonal_is_called_induction_only_where_it_is_measured(self, service):
        through = text_of(circuit_close_up.layout(service, view_of(service), service.circuits.of_head(MODEL, READER)))
        alone = view_of(service, looks="alone")
        alone_text = text_of(circuit_close_up.layout(service, alone, service.circuits.of_head(MODEL, READER)))
        assert "The diagonal is induction." in through
        assert "follows its own token" in through
        assert "The diagonal is induction." not in alone_text
        assert "In 1 of" in alone_text

    def test_equal_copying_scores_are_stacked(self):
        x, y = circuit_writes.stacked(np.array([0.5, -1.0, 0.5, 0.5, 1.0]))
        assert y.tolist() == [0, 0, 1, 2, 0]
        assert x[1] == -1
        assert x[4] == 1
        assert x[0] == x[2] == pytest.approx(0.5)

    def test_copying_is_said_as_measured(self):
        scores = np.array([[0.9, 0.6, -0.7, 0.0]])
        assert "so do many heads" in circuit_writes.copying_words(scores, HeadId(0, 1))
        assert "opposite of what" in circuit_writes.copying_words(scores, HeadId(0, 2))
        assert "neither" in circuit_writes.copying_words(scores, HeadId(0, 3))

    @pytest.mark.parametrize(
        ("through", "words"),
        [(1.0, "mostly copies"), (-0.9, "writes the opposite of what it looks"), (0.1, "neither copies nor")],
    )
    def test_the_score_from_token_to_logits_decides_and_stands_beside_the_other(self, service, through, words):
        scores = np.full((4, 8), 0.01)
        said = text_of(circuit_writes.copying_part(view_of(service), scores, through))
        assert "one table of embeddings" not in said
        assert f"Alone 0.01 From token to logits {through:.2f}".replace("-", "−") in said
        assert words in said
        assert "Its two copying scores" not in text_of(circuit_writes.copying_part(view_of(service), scores, None))
        three = {"mostly copies", "writes the opposite of what it looks", "neither copies nor"} - {words}
        assert not any(other in said for other in three)

    @pytest.mark.parametrize(
        ("held", "source", "words"),
        [
            (("copying",), CATALOGUE, "It holds the job Copying."),
            (("induction",), CATALOGUE, "It does not hold the job Copying."),
            ((), UNKNOWN, "Whether it holds the job Copying is not known yet."),
        ],
    )
    def test_where_embeddings_are_tied_no_score_is_a_verdict_and_the_job_has_the_word(
        self, service, held, source, words
    ):
        view = replace(view_of(service), jobs=Jobs({READER: held} if held else {}, source))
        part = circuit_writes.copying_part(view, np.full((4, 8), 0.9), 0.9, is_tied=True)
        said = text_of(part)
        assert "one table of embeddings" in said
        assert "mostly copies" not in said
        assert words in said
        (link,) = [node["props"]["href"] for node in nodes(part) if node["type"] == "Link"]
        assert link.startswith("/head?")
        assert link.endswith("layer=2&head=3&role=copying")

    def test_without_a_score_from_token_to_logits_nothing_is_said_of_tied_embeddings(self, service):
        said = text_of(circuit_writes.copying_part(view_of(service), np.full((4, 8), 0.9), None, is_tied=True))
        assert "one table of embeddings" not in said

    def test_what_only_few_want_is_closed(self, service):
        spectra = circuit_close_up.layout(service, view_of(service), service.circuits.of_head(MODEL, READER))
        card = next(node for node in nodes(spectra) if node["props"].get("aria-label") == "For the curious")
        (details,) = card["props"]["children"][1:]
        assert details["type"] == "Details"
        assert "open" not in details["props"]
        assert "By position alone" in text_of(details)

    def test_hostile_tokens_stay_text(self, service):
        hostile = "<b>x</b> and <b>x</b> again"
        circuits = service.circuits.token_circuits(MODEL, hostile, READER, None)
        labels = circuit_looks.looks_figure(circuits, "induction").layout.xaxis.ticktext
        assert "&lt;" in labels
        assert not any("<" in label for label in labels)

    def test_an_empty_text_keeps_the_fits_and_asks_for_one(self, service):
        page = text_of(circuits_page.body(service, Question(MODEL, ""), search_for("")))
        assert "Type something to read." in page
        assert "Which head reads which" in page
        assert "Copying score of all 32 heads" in page

    def test_rotating_positions_are_told_where_it_looks_for_something(self, service, monkeypatch):
        circuits = service.circuits.of_head(MODEL, READER)
        rotary = replace(circuits, positional_kernel=None, position_note="Here position enters while the head looks.")
        assert "while the head looks" in text_of(circuit_close_up.layout(service, view_of(service), rotary))
        assert "while the head looks" not in text_of(circuit_close_up.layout(service, view_of(service), circuits))
        assert "By position alone" not in text_of(circuit_close_up.layout(service, view_of(service), rotary))

    def test_the_average_pattern_is_told_with_its_texts(self, service):
        answer = circuit_average.answer(service, MODEL, READER)
        assert "The mean over 20 texts" in text_of(answer)

    def test_a_model_that_cannot_be_averaged_says_why(self, service, monkeypatch):
        def refuse(*_asked):
            raise UserError("Too short.", "Take another model.")

        monkeypatch.setattr(service.circuits, "average_pattern", refuse)
        assert text_of(circuit_average.answer(service, MODEL, READER)) == "Too short. Take another model."

    def test_weights_that_are_not_here_leave_fits_and_one_notice(self, service):
        page = circuits_page.body(service, Question(MISSING_MODEL, REPEATING), search_for(model=MISSING_MODEL))
        words = text_of(page)
        assert "GPT-2 itself is not on this computer." in words
        assert words.count("texts and tests need the model") == 1
        assert "Copying score of all 32 heads" in words
        assert "What it looks for" not in words
        assert with_class(page, "amber-button") == []
        assert service.asked == []
        card = path_experiment.layout(service, view_of(service, model=MISSING_MODEL, writer="1.4"))
        assert "Switch L1H4 off" not in text_of(card)
        assert "Add GPT-2" in text_of(card)


class TestPathTest:
    def test_the_answer_is_a_sentence_a_plot_and_a_table(self, service):
        view = view_of(service, test="1")
        answer = path_experiment.answer(view, service.experiments.later_patterns(MODEL, REPEATING, [view.writer]))
        words = text_of(answer)
        assert "lose most of their stripe; a random head changes little." in words
        assert "one of 7 other heads from the same layer off" in words
        assert "Reader All heads on L1H4 off Another head off L2H3" in words

    def test_a_text_without_repetition_says_why_and_offers_one(self, service):
        answer = path_experiment.layout(service, view_of(service, PLAIN, test="1"))
        assert "This text cannot show it: an induction head needs a token it has seen before" in text_of(answer)
        link = next(node for node in nodes(answer) if node["props"].get("id") == "path-test-example")
        assert "The+girl+found" in link["props"]["href"]
        assert not [node for node in nodes(answer) if node["props"].get("id") == path_experiment.Line.asked]

    def test_an_empty_text_is_refused_in_words(self, service):
        assert "Type something to read." in text_of(path_experiment.layout(service, view_of(service, "", test="1")))

    def test_it_begins_by_itself_as_a_run_and_is_answered_when_that_has_ended(self, service):
        before, card = (path_experiment.layout(service, view_of(service, **more)) for more in ({}, {"test": "1"}))
        assert not [node for node in nodes(before) if node["props"].get("id") == path_experiment.Line.asked]
        stores = [node for node in nodes(card) if node["props"].get("id") == path_experiment.Line.asked]
        asked = stores[0]["props"]["data"]
        assert (asked["question"]["kind"], asked["question"]["heads"]) == ("later_patterns", [[1, 4]])
        inputs = {"path-test-go-on.n_clicks": None, "path-test-tick.n_intervals": None, "path-test-asked.data": asked}
        places = ["path-test-progress.children", "path-test-line.hidden", "path-test-tick.disabled"]
        names = ["path-test-answer.children", *places, "path-test-stopped.children"]
        answer = ask(
            create_app(service).server.test_client(),
            f"..{'...'.join(names)}..",
            [dict(zip(("id", "property"), name.split("."), strict=True), value=inputs[name]) for name in inputs],
            outputs=[dict(zip(("id", "property"), name.split("."), strict=True)) for name in names],
            changedPropIds=["path-test-asked.data"],
        ).get_json()["response"]
        assert "lose most of their stripe" in text_of(answer["path-test-answer"]["children"])
        assert answer["path-test-line"]["hidden"]

    def test_without_a_named_reader_there_is_nothing_to_watch(self, service, monkeypatch):
        monkeypatch.setattr(service, "catalogue", lambda _model: None)
        card = path_experiment.layout(service, view_of(service))
        assert "there is no job to watch" in text_of(card)
        assert with_class(card, "amber-button") == []


class TestPage:
    def test_switches_write_the_address_and_what_is_shown_already_does_not(self, service):
        shown = circuits_page.shown_values(view_of(service))
        change = circuits_page.changed_search
        assert change("kind", "K", shown, search_for()) is no_update
        assert heads_of(change("kind", "Q", shown, search_for()), "kind", "prompt") == ["Q", REPEATING]
        alone = change("looks", "through", shown | {"looks": "alone"}, search_for(looks="alone"))
        assert heads_of(alone, "looks") == [None]
        moved = change("from", "0", shown, search_for(**{"from": "1", "to": "2"}))
        assert heads_of(moved, "from", "to") == ["0", None]
        assert change("head", None, shown, search_for()) is no_update

    def test_both_tabs_carry_the_question(self):
        tabs = circuits_tabs.layout(Question(MODEL, "a & b"), CIRCUITS_PATH)
        links = with_class(tabs, "circuits-tab")
        assert [link["props"]["href"] for link in links] == [
            f"/circuits?model={MODEL}&prompt=a+%26+b",
            f"/circuits/toy?model={MODEL}&prompt=a+%26+b",
        ]
        assert ["is-here" in link["props"]["className"] for link in links] == [True, False]

    def test_the_toy_has_its_own_example_and_keeps_a_text_that_was_typed(self):
        assert "The+old+king" in toy_href(MODEL, DEFAULT_PROMPT)
        assert "The+girl" in circuits_href(MODEL, DEFAULT_PROMPT)
        assert "my+own" in toy_href(MODEL, "my own")

    def test_the_router_shows_the_page_and_the_header_marks_it(self, service):
        client = create_app(service).server.test_client()
        answer = open_page(client, "/circuits", search_for()).get_data(as_text=True)
        assert "one head writes what the induction heads could look for" in answer
        assert len(answer) < 150_000

    def test_the_download_is_made_when_it_is_asked_for(self, service):
        client = create_app(service).server.test_client()
        answer = ask(
            client,
            "circuits-csv.data",
            [{"id": "circuits-csv-button", "property": "n_clicks", "value": 1}],
            [{"id": "address", "property": "search", "value": search_for(kind="V")}],
            outputs={"id": "circuits-csv", "property": "data"},
            changedPropIds=["circuits-csv-button.n_clicks"],
        )
        data = answer.get_json()["response"]["circuits-csv"]["data"]
        assert data["filename"] == f"headlight-{MODEL}-v-composition.csv"
        assert data["content"].startswith("kind,writer,reader,score")


class TestComparison:
    """While all pairs of heads are compared for the first time."""

    @pytest.fixture
    def halfway(self, service, monkeypatch):
        """A comparison that has done 96 of 384 pairs and waits for the gate."""
        gate = Gate(lambda: None)

        def compare(progress):
            progress(96, 384)
            gate()
            progress(96, 384)

        monkeypatch.setattr(circuits_page, "PATIENCE_S", 0.05)
        service.circuits.is_known, service.circuits.comparing = False, compare
        yield gate
        gate.let_go()

    def follow(self, client, asked, changed: str = "compare-tick.n_intervals", presses=None):
        outputs = ["compare-progress.children", "compare-line.hidden", "compare-tick.disabled"]
        inputs = {"compare-go-on.n_clicks": presses, "compare-tick.n_intervals": 1, "compare-asked.data": asked}
        return ask(
            client,
            f"..circuits-body.children...{'...'.join(outputs)}...compare-stopped.children..",
            [dict(zip(("id", "property"), name.split("."), strict=True), value=inputs[name]) for name in inputs],
            outputs=[
                dict(zip(("id", "property"), name.split("."), strict=True))
                for name in ("circuits-body.children", *outputs, "compare-stopped.children")
            ],
            changedPropIds=[changed],
        ).get_json()["response"]

    def asked_by(self, page):
        return next(node for node in nodes(page) if node["props"].get("id") == "compare-asked")["props"]["data"]

    def test_the_page_waits_with_a_line_and_is_filled_when_all_pairs_are_compared(self, service, halfway):
        page = circuits_page.layout(service, Question(MODEL, REPEATING), search_for(kind="Q"))
        assert "Comparing every pair of heads" in text_of(page)
        assert "Which head reads which" not in text_of(page)
        halfway.wait_until_begun()
        asked, client = self.asked_by(page), create_app(service).server.test_client()
        line = self.follow(client, asked)
        assert "circuits-body" not in line
        assert (line["compare-line"]["hidden"], line["compare-tick"]["disabled"]) == (False, False)
        words = text_of(line["compare-progress"]["children"])
        assert "25 %" in words
        halfway.let_go()
        assert service.experiments.runs.start(run_line._read(asked)[0], asked["asker"], WAIT_S).result.kind == "Q"
        done = self.follow(client, asked)
        assert "Which head reads which" in text_of(done["circuits-body"]["children"])
        assert done["compare-line"]["hidden"]

    def test_after_a_stop_stand_title_and_a_sentence_and_the_button_goes_on(self, service, halfway):
        page = circuits_page.layout(service, Question(MODEL, REPEATING), search_for())
        halfway.wait_until_begun()
        asked, client = self.asked_by(page), create_app(service).server.test_client()
        stopped = service.experiments.runs.stop(*run_line._read(asked))
        assert run_line.stopped_words(stopped, "").startswith("Stopped")
        assert service.experiments.runs.status(*run_line._read(asked)) is None
        halfway.let_go()
        done = self.follow(client, asked, "compare-go-on.n_clicks", presses=1)
        assert "Which head reads which" in text_of(done["circuits-body"]["children"])

    def test_a_stop_takes_nothing_from_the_page(self, service):
        app = create_app(service)
        (stop,) = [name for name, entry in app.callback_map.items() if "compare-stop" in str(entry["inputs"])]
        assert "compare-stopped.children" in stop
        assert "circuits-body" not in stop

    def test_what_is_there_in_a_moment_is_shown_at_once_and_asks_nothing_more(self, service):
        service.circuits.is_known = False
        page = circuits_page.layout(service, Question(MODEL, REPEATING), search_for())
        assert "one head writes what the induction heads could look for" in text_of(page)
        assert self.asked_by(page) is None

    def test_what_is_known_begins_no_run(self, service, monkeypatch):
        monkeypatch.setattr(service.experiments.runs, "start", lambda *_asked: pytest.fail("a run began"))
        assert "Which head reads which" in text_of(
            circuits_page.layout(service, Question(MODEL, REPEATING), search_for())
        )

    def test_every_text_asks_for_the_same_comparison_and_every_kind_for_its_own(self):
        def wanted(prompt, **choices):
            return circuits_page.asked_of(Question(MODEL, prompt), search_for(prompt, **choices))["question"]

        assert wanted(REPEATING) == wanted(PLAIN) == wanted(PLAIN, kind="no such")
        assert wanted(REPEATING) != wanted(REPEATING, kind="V")

    def test_a_refusal_while_waiting_is_still_a_refusal(self, service):
        def refuse(_progress):
            raise UserError("No.", "Do this.")

        service.circuits.is_known, service.circuits.comparing = False, refuse
        with pytest.raises(UserError, match="No"):
            circuits_page.layout(service, Question(MODEL, REPEATING), search_for())

    def test_a_refusal_after_the_page_is_there_is_a_sentence_on_it(self, service, halfway):
        search = search_for(writer="9.9")
        asked = self.asked_by(circuits_page.layout(service, Question(MODEL, REPEATING), search))
        client = create_app(service).server.test_client()
        halfway.let_go()
        done = self.follow(client, asked, "compare-go-on.n_clicks", presses=1)
        assert "There is no layer 9, head 9." in text_of(done["circuits-body"]["children"])
