"""Claims about the circuits page: its state, its sentences, graph, map, bars, head up close, and the path test."""

from __future__ import annotations

import csv
import io
import json
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
    path_experiment,
)
from components.circuits.circuits_view import circuits_view
from tests.fake_circuits import BASELINE, NARROW, READER, WRITER, CircuitsService
from tests.fake_service import MISSING_MODEL, MODEL, PLAIN, REPEATING
from tests.test_components_frame import ask, open_page
from tests.test_components_heads import nodes, text_of, with_class
from tests.together import WAIT_S, Gate
from utils.circuits.readers import best_named_pair
from utils.errors import UserError
from utils.example_texts import DEFAULT_PROMPT
from utils.heads import HeadId


@pytest.fixture
def service() -> CircuitsService:
    return CircuitsService()


def search_for(prompt: str = REPEATING, model: str = MODEL, **choices: str) -> str:
    return "?" + urlencode({"model": model, "prompt": prompt, **choices})


def view_of(service, prompt: str = REPEATING, model: str = MODEL, **choices: str):
    return circuits_view(service, Question(model, prompt), search_for(prompt, model, **choices))


def title_of(view) -> str:
    pair = best_named_pair(view.fits, view.jobs, view.broad_only) if view.fits is not None else None
    return circuits_words.title(view, pair)


def lead_of(view) -> str:
    pair = best_named_pair(view.fits, view.jobs, view.broad_only) if view.fits is not None else None
    return circuits_words.lead(view, pair)


def heads_of(search: str, *names: str) -> list[str | None]:
    parameters = parse_qs(search.lstrip("?"))
    return [parameters.get(name, [None])[0] for name in names]


class TestState:
    def test_it_opens_on_the_best_broad_pair_of_two_named_heads(self, service):
        view = view_of(service)
        assert (view.writer, view.head) == (WRITER, READER)
        assert view.layers == (1, 2)
        assert view.kind == "K"
        assert view.reader_role == "induction"

    def test_a_narrow_fit_is_drawn_only_among_all_fits(self, service):
        broad, every = view_of(service), view_of(service, fits="all")
        assert NARROW not in circuit_graph.drawing_of(broad, broad.fits).drawn
        assert next(iter(every.fits.best(1, every.broad_only))).breadth < every.fits.broad_from
        assert NARROW in circuit_graph.drawing_of(every, every.fits).drawn

    def test_a_writer_opens_its_best_named_reader_and_a_reader_its_best_writer(self, service):
        assert view_of(service, writer="1.2").head == READER
        assert view_of(service, head="3.1").writer == WRITER
        assert view_of(service, writer="0.1", head="3.7").through == NARROW[0]

    def test_a_head_of_the_last_layer_is_chosen_as_the_reader(self, service):
        view = view_of(service)
        assert view.choosing(HeadId(3, 1))["head"] == "3.1"
        assert view.choosing(HeadId(3, 1))["writer"] is None
        assert view.choosing(HeadId(0, 1))["writer"] == "0.1"

    def test_choices_that_mean_nothing_are_left_out(self, service):
        odd = view_of(service, kind="Z", fits="x", writer="abc", head="", to="-1", looks="?", **{"from": "99"})
        assert (odd.kind, odd.broad_only, odd.writer, odd.head) == ("K", True, WRITER, READER)
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
        view = view_of(service, kind="Q", fits="all", writer="0.2", looks="alone")
        again = circuits_view(service, view.question, view.search())
        assert again.search() == view.search()
        assert (again.kind, again.broad_only, again.writer, again.is_alone) == ("Q", False, HeadId(0, 2), True)


class TestWords:
    def test_the_title_is_about_the_best_named_pair_and_the_lead_tells_two_steps(self, service):
        view = view_of(service)
        assert title_of(view) == "In Classroom GPT-2, one head writes what the induction heads look for."
        assert lead_of(view) == (
            "L1H4 looks one token back and notes what it sees there. L2H3, L2H6 and L3H1 search for such notes. "
            "Together that is the recipe of induction."
        )

    def test_one_reader_is_told_in_the_singular(self):
        view = view_of(CircuitsService(multiples={(WRITER, READER): 2.8}))
        assert title_of(view) == "In Classroom GPT-2, one head writes what an induction head looks for."
        assert "L2H3 searches for such notes." in lead_of(view)

    def test_fits_near_random_are_not_called_a_circuit(self):
        view = view_of(CircuitsService(multiples={}))
        assert title_of(view).startswith("No two named heads of this model fit clearly better than random.")
        assert "random" in lead_of(view)
        assert "Through Q" in title_of(view_of(CircuitsService(multiples={}), kind="Q"))

    def test_one_layer_cannot_compose(self):
        view = view_of(CircuitsService(n_layers=1))
        assert title_of(view) == "This model has one layer. No head can read another's notes."
        page = circuits_page.body(CircuitsService(n_layers=1), view.question, search_for())
        assert "See why it matters" in text_of(page)
        assert "up close" in text_of(page)
        assert "Switch" not in text_of(page)

    def test_without_known_jobs_no_head_is_named(self, service, monkeypatch):
        monkeypatch.setattr(service, "catalogue", lambda _model: None)
        view = view_of(service)
        assert "not known yet" in title_of(view)
        assert "Analyze the model" in text_of(circuits_page.body(service, view.question, search_for()))

    def test_a_fit_is_never_called_a_cause(self, service):
        page = text_of(circuits_page.body(service, Question(MODEL, REPEATING), search_for()))
        assert "A fit is not a cause." in page
        assert page.count("cause") == 2  # there, and in the question of the path test

    def test_a_head_says_its_job_its_fits_and_the_best_one(self, service):
        view = view_of(service)
        drawing = circuit_graph.drawing_of(view, view.fits)
        said = circuits_words.head_sentence(view, WRITER, drawing.readers[WRITER])
        assert said == "L1H4, previous token, fits 3 later heads, best L2H3, 2.8 times random"
        last = circuits_words.head_sentence(view, HeadId(3, 7), [])
        assert last == "L3H7, no later head can read it"

    @pytest.mark.parametrize(("rank", "words"), [((1, 72), "best of 72"), ((14, 72), "14 of 72")])
    def test_ranks_are_words(self, rank, words):
        assert circuits_words.rank_words(*rank) == words

    def test_the_raw_score_stands_once_with_its_place_among_broad_fits(self, service):
        view = view_of(service)
        n_broad = 6 * 64 - 1  # pairs of 4 layers of 8 heads, less the narrow one
        assert circuits_words.pair_caption(view).endswith(f"L2H3: 0.140. The best of {n_broad} broad fits.")


class TestGraph:
    def test_the_chosen_writers_best_named_readers_are_lit_and_the_rest_grey(self, service):
        view = view_of(service)
        lines = circuit_graph.line_data(circuit_graph.drawing_of(view, view.fits))
        assert [line[:3] for line in lines["lit"]] == [
            ["L1H4", "L2H3", 2.8],
            ["L1H4", "L3H1", 2.5],
            ["L1H4", "L2H6", 2.0],
        ]
        assert lines["lit"][0][3:] == ["previous_token", "induction"]
        assert len(lines["lit"]) == 3
        pairs = [tuple(line[:2]) for line in lines["grey"] + lines["lit"]]
        assert len(set(pairs)) == len(pairs)
        assert len(json.dumps(lines)) < 20_000

    def test_every_head_is_a_link_that_chooses_it_and_keeps_the_text(self, service):
        view = view_of(service)
        graph = circuit_graph.layout(view, view.fits)
        links = with_class(graph, "circuit-head")
        assert len(links) == 32
        chosen = [link for link in links if "is-chosen" in link["props"]["className"]]
        assert [link["props"]["data-head"] for link in chosen] == ["L1H4"]
        other = next(link for link in links if link["props"]["data-head"] == "L0H2")
        assert heads_of(other["props"]["href"].split("?")[1], "writer", "prompt") == ["0.2", REPEATING]

    def test_the_table_holds_every_line_with_its_rank(self, service):
        view = view_of(service)
        drawing = circuit_graph.drawing_of(view, view.fits)
        rows = [node for node in nodes(circuit_graph.layout(view, view.fits)) if node["type"] == "Tr"]
        assert len(rows) == 1 + len(drawing.drawn)
        assert "L1H4, previous token L2H3, induction 2.8 × best of 16" in text_of(circuit_graph.layout(view, view.fits))

    def test_named_heads_that_no_line_reaches_are_counted(self, service):
        view = view_of(service)
        first = [fit for fit in view.lit if fit.reader.layer == 2]
        n_all = sum(view.jobs.has(head, view.reader_role) for head in view.jobs.roles)
        n_reached = sum(view.jobs.has(head, view.reader_role) for head in {fit.reader for fit in first})
        told = circuits_words.later_note(view, first)
        assert told.startswith(f"{n_all - n_reached} more induction head")
        assert told.endswith(("has no line here.", "have no line here."))
        every = view.lit + [fit for fit in view.fits.best(500, broad_only=False) if fit not in view.lit]
        assert circuits_words.later_note(view, every) == ""


class TestMapAndBars:
    def test_numbers_stand_from_twice_random_on_and_lit_pairs_are_ringed(self, service):
        view = view_of(service)
        figure = composition_map.map_figure(view, view.fits)
        text = np.array(figure.data[0].text)
        assert text[WRITER.head, READER.head] == "2.8"
        assert text[2, READER.head] == "2.6"
        assert (text != "").sum() == 3
        assert len(figure.layout.shapes) == 2  # the third lit line ends in another layer
        assert figure.data[0].zmax == pytest.approx(2.8)

    def test_lit_pairs_have_their_number_below_twice_random_and_the_key_says_so(self):
        view = view_of(CircuitsService(multiples={(WRITER, READER): 1.8, (HeadId(1, 2), HeadId(2, 2)): 1.9}))
        text = np.array(composition_map.map_figure(view, view.fits).data[0].text)
        assert text[WRITER.head, READER.head] == "1.8"
        assert text[2, 2] == ""
        assert "numbers from 2.0 on, and on the lit lines" in text_of(composition_map.layout(view, view.fits))

    def test_the_scale_ends_at_the_narrow_fit_among_all_fits(self, service):
        view = view_of(service, fits="all")
        assert composition_map.most(view, view.fits) == pytest.approx(6.0)

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

    def test_a_narrow_fit_says_on_how_few_kinds_it_rests(self, service, monkeypatch):
        view = view_of(service, writer="0.1", head="3.7", fits="all")
        assert "narrow: 2 kinds of note" not in text_of(fit_bars.layout(view, view.fits))
        monkeypatch.setattr(service, "catalogue", lambda _model: None)
        view = view_of(service, writer="0.1", head="3.7", fits="all")
        assert "narrow: 2 kinds of note" in text_of(fit_bars.layout(view, view.fits))

    def test_the_download_can_be_recomputed(self, service):
        lines = list(csv.DictReader(io.StringIO(circuits_csv.fits_csv(view_of(service).fits))))
        assert len(lines) == 6 * 64
        line = next(line for line in lines if (line["writer"], line["reader"]) == ("L1H4", "L2H3"))
        assert float(line["score"]) / BASELINE == pytest.approx(float(line["times_random"]), rel=1e-3)
        assert [line["is_broad"] for line in lines].count("0") == 1


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
        assert f"Alone 0.01 From token to logits {through:.2f}".replace("-", "−") in said
        assert words in said
        assert "Its two copying scores" not in text_of(circuit_writes.copying_part(view_of(service), scores, None))
        three = {"mostly copies", "writes the opposite of what it looks", "neither copies nor"} - {words}
        assert not any(other in said for other in three)

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
        assert "one of 7 other heads of layer 1 off" in words
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
        assert heads_of(change("fits", "broad", shown | {"fits": "all"}, search_for(fits="all")), "fits") == [None]
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
        assert "one head writes what the induction heads look for" in answer
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
        service.circuits.knows, service.circuits.comparing = False, compare
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
        assert "96 of 384 pairs of heads compared" in words
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
        assert run_line.stopped_words(stopped, circuits_page.STEPS).startswith("Stopped after 96 of 384 pairs of heads")
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
        service.circuits.knows = False
        page = circuits_page.layout(service, Question(MODEL, REPEATING), search_for())
        assert "one head writes what the induction heads look for" in text_of(page)
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

        service.circuits.knows, service.circuits.comparing = False, refuse
        with pytest.raises(UserError, match="No"):
            circuits_page.layout(service, Question(MODEL, REPEATING), search_for())

    def test_a_refusal_after_the_page_is_there_is_a_sentence_on_it(self, service, halfway):
        search = search_for(writer="9.9")
        asked = self.asked_by(circuits_page.layout(service, Question(MODEL, REPEATING), search))
        client = create_app(service).server.test_client()
        halfway.let_go()
        done = self.follow(client, asked, "compare-go-on.n_clicks", presses=1)
        assert "There is no layer 9, head 9." in text_of(done["circuits-body"]["children"])
