"""Claims about what runs on a press on the page of one head: scan, lens, attribution, last texts; and the pipeline."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

import numpy as np
import pytest

from components import run_line
from components.address import Question
from components.head import head_attribution, head_page, head_scan, lens_strip, pipeline_line, recent_prompts
from components.head.head_view import head_view
from tests.fake_service import MODEL, PLAIN, REPEATING, FakeHeadlight
from tests.test_components_heads import nodes, text_of, with_class
from utils.errors import UserError
from utils.experiments import runs as background
from utils.experiments.questions import Method
from utils.experiments.runs import Kind, RunQuestion, Runs, RunStatus
from utils.experiments.scan import Scan
from utils.experiments.token_attribution import TokenAttribution
from utils.heads import HeadId
from utils.levels import head_levels
from utils.model_config import Positions
from utils.models.anatomy import Anatomy, anatomy_of
from utils.settings import Settings

HEAD, NO_JOB_HEAD = HeadId(2, 3), HeadId(2, 2)
HOSTILE = "<b>bold</b> & <img src=x> again <b>bold</b> & <img src=x>"
QUESTION = RunQuestion(Kind.SCAN, MODEL, REPEATING, "mean", -1)
OTHER_QUESTION = RunQuestion(Kind.SCAN, MODEL, PLAIN, "mean", -1)
WAIT_S = 10


def view_of(service, head: HeadId = HEAD, prompt: str = REPEATING, **others):
    search = "?" + urlencode({"layer": head.layer, "head": head.head, **others})
    return head_view(service, Question(MODEL, prompt), search)


def search_of(head: HeadId = HEAD, prompt: str = REPEATING, **others) -> str:
    return "?" + urlencode({"model": MODEL, "prompt": prompt, "layer": head.layer, "head": head.head, **others})


def call(client, outputs: list[str], inputs: list[tuple[str, Any]], search: str | None, triggered: str) -> dict:
    """What a callback answers over HTTP. Args: outputs, inputs: `id.property`."""

    def part(name: str) -> dict:
        component_id, prop = name.split(".")
        return {"id": component_id, "property": prop}

    asked = {
        "output": f"..{'...'.join(outputs)}..",
        "outputs": [part(name) for name in outputs],
        "inputs": [{**part(name), "value": value} for name, value in inputs],
        "state": [] if search is None else [{"id": "address", "property": "search", "value": search}],
        "changedPropIds": [triggered],
    }
    answer = client.post("/_dash-update-component", json=asked)
    return json.loads(answer.data)["response"] if answer.status_code == 200 else {}


def run_outputs(name: str) -> list[str]:
    """The outputs of an experiment that is followed, answer first."""
    drawn = [f"{name}-{part}.children" for part in ("answer", "result", "progress")]
    return [*drawn, f"{name}-line.hidden", f"{name}-tick.disabled", f"{name}-stopped.children"]


def press(client, name: str, asked: dict[str, Any]) -> dict:
    """The answer to a press on the button of an experiment that is followed."""
    button = f"{name}-run.n_clicks"
    inputs = [(button, 1), (f"{name}-tick.n_intervals", 0), (f"{name}-asked.data", asked)]
    return call(client, run_outputs(name), inputs, None, button)


def attribution_of(contributions: list[float], error: float = 0.0, gain: float | None = None) -> TokenAttribution:
    service = FakeHeadlight()
    guess = service.experiments.scan(MODEL, REPEATING).first_guess
    values = np.array(contributions, dtype=np.float32)
    gain = float(values.sum()) - error if gain is None else gain
    return TokenAttribution(len(values) - 1, guess, values, -0.3, -0.3 - gain, error, 64)


class Gate:
    """A scan that goes on only when it is told to, so that tests see it on its way."""

    def __init__(self, n_batches: int = 4):
        self.asked: list[str] = []
        self.n_running, self.most_running = 0, 0
        self._n_batches = n_batches
        self._may_go = threading.Semaphore(0)
        self.moved = threading.Semaphore(0)

    def let_go(self, n: int = 1) -> None:
        self._may_go.release(n)

    def scan(self, question: RunQuestion, progress: Any) -> Scan:
        self.asked.append(question.prompt)
        self.n_running += 1
        self.most_running = max(self.most_running, self.n_running)
        try:
            for batch in range(1, self._n_batches + 1):
                assert self._may_go.acquire(timeout=WAIT_S)
                progress(8 * batch, 8 * self._n_batches)
                self.moved.release()
        finally:
            self.n_running -= 1
            self.moved.release()
        return FakeHeadlight().experiments.scan(MODEL, question.prompt, question.method, question.position)

    def wait_until_moved(self) -> None:
        assert self.moved.acquire(timeout=WAIT_S)


def until(condition) -> None:
    """Wait for what another thread is about to do."""
    waiting = threading.Event()
    for _ in range(100 * WAIT_S):
        if condition():
            return
        waiting.wait(0.01)
    raise AssertionError("It did not happen.")


class TestRuns:
    def test_progress_is_what_the_scan_says_and_then_its_result(self):
        gate = Gate()
        runs = Runs(gate.scan)
        assert runs.status(QUESTION) is None
        assert runs.start(QUESTION).n_all == 0
        gate.let_go()
        gate.wait_until_moved()
        halfway = runs.status(QUESTION)
        assert halfway is not None
        assert (halfway.n_done, halfway.n_all, halfway.share) == (8, 32, 0.25)
        assert halfway.is_running
        gate.let_go(3)
        until(lambda: not runs.status(QUESTION).is_running)
        assert runs.status(QUESTION).result.kl_nats.shape == (4, 8)

    def test_the_same_question_is_scanned_once_for_everyone(self):
        gate = Gate()
        runs = Runs(gate.scan)
        for _ in range(5):
            runs.start(QUESTION)
        gate.let_go(4)
        until(lambda: not runs.status(QUESTION).is_running)
        runs.start(QUESTION)
        assert gate.asked == [REPEATING]

    def test_a_few_at_once_and_the_others_know_their_place(self):
        gate = Gate(1)
        runs = Runs(gate.scan)
        questions = [replace(QUESTION, position=position) for position in range(5)]
        for question in questions:
            runs.start(question)
        until(lambda: gate.n_running == 2)
        assert [runs.status(question).n_ahead for question in questions] == [0, 0, 1, 2, 3]
        gate.let_go(5)
        until(lambda: all(runs.status(question).result for question in questions))
        assert gate.most_running == background.MOST_AT_ONCE == 2

    def test_too_many_waiting_is_refused_with_a_sentence(self, monkeypatch):
        monkeypatch.setattr(background, "MOST_WAITING", 1)
        gate = Gate(1)
        runs = Runs(gate.scan)
        for position in range(2):
            runs.start(replace(QUESTION, position=position))
            until(lambda n=position + 1: gate.n_running == n)
        runs.start(replace(QUESTION, position=2))
        with pytest.raises(UserError, match="Many people") as refusal:
            runs.start(replace(QUESTION, position=3))
        assert refusal.value.status == 503
        gate.let_go(3)

    def test_a_scan_that_nobody_asks_for_any_more_ends_and_the_next_one_runs(self):
        now = [0.0]
        gate = Gate()
        runs = Runs(gate.scan, clock=lambda: now[0])
        runs.start(QUESTION)
        gate.let_go()
        gate.wait_until_moved()
        now[0] = background.LEFT_AFTER_S + 1
        gate.let_go()
        gate.wait_until_moved()
        until(lambda: runs.status(QUESTION) is None)
        runs.start(OTHER_QUESTION)
        gate.let_go(4)
        until(lambda: not runs.status(OTHER_QUESTION).is_running)
        assert runs.status(OTHER_QUESTION).result is not None

    def test_whoever_still_asks_keeps_it_running(self):
        now = [0.0]
        gate = Gate()
        runs = Runs(gate.scan, clock=lambda: now[0])
        runs.start(QUESTION)
        for _ in range(4):
            now[0] += 0.9 * background.LEFT_AFTER_S
            assert runs.status(QUESTION).is_running
            gate.let_go()
            gate.wait_until_moved()
        until(lambda: runs.status(QUESTION).result is not None)

    def test_results_are_forgotten_after_a_while(self):
        now = [0.0]
        gate = Gate(1)
        runs = Runs(gate.scan, clock=lambda: now[0])
        runs.start(QUESTION)
        gate.let_go()
        until(lambda: runs.status(QUESTION).result is not None)
        now[0] = background.KEPT_S + 1
        assert runs.status(QUESTION) is None

    def test_forgotten_scans_begin_again_before_those_that_wait_and_old_results_are_gone(self):
        gate = Gate(1)
        runs = Runs(gate.scan)
        runs.start(OTHER_QUESTION)
        gate.let_go()
        until(lambda: runs.status(OTHER_QUESTION).result is not None)
        questions = [replace(QUESTION, position=position) for position in range(4)]
        for question in questions:
            runs.start(question)
        until(lambda: gate.n_running == 2)
        runs.forget()
        assert runs.status(OTHER_QUESTION) is None
        assert [runs.status(question).n_ahead for question in questions] == [1, 2, 3, 4]
        gate.let_go()
        until(lambda: len(gate.asked) == 1 + 2 + 1)
        assert [runs.status(question).is_running for question in questions] == [True] * 4
        gate.let_go(5)
        until(lambda: all(runs.status(question).result for question in questions))
        assert len(gate.asked) == 1 + 2 + 4
        assert gate.most_running == 2

    def test_a_forgotten_scan_goes_no_further_than_the_batch_that_it_is_in(self):
        gate = Gate(4)
        runs = Runs(gate.scan)
        runs.start(QUESTION)
        until(lambda: gate.n_running == 1)
        runs.forget()
        gate.let_go(2)  # one batch of the old scan, and the first one of the new
        until(lambda: runs.status(QUESTION).n_done == 8)
        assert len(gate.asked) == 2
        gate.let_go(3)
        until(lambda: runs.status(QUESTION).result is not None)

    def test_one_who_stops_leaves_the_run_to_the_other_who_asked_the_same(self):
        gate = Gate()
        runs = Runs(gate.scan)
        for asker in ("first", "second"):
            runs.start(QUESTION, asker)
        until(lambda: gate.n_running == 1)
        assert runs.stop(QUESTION, "first").is_running
        gate.let_go(4)
        until(lambda: runs.status(QUESTION, "second").result is not None)
        assert gate.asked == [REPEATING]

    def test_once_all_have_stopped_it_ends_at_its_next_step_and_can_begin_again(self):
        gate = Gate()
        runs = Runs(gate.scan)
        for asker in ("first", "second"):
            runs.start(QUESTION, asker)
        gate.let_go()
        gate.wait_until_moved()
        for asker in ("first", "second"):
            assert runs.stop(QUESTION, asker).n_done == 8
        assert runs.status(QUESTION, "third") is None
        gate.let_go()
        until(lambda: gate.n_running == 0)
        assert runs.start(QUESTION, "first").n_done == 0
        gate.let_go(4)
        until(lambda: runs.status(QUESTION, "first").result is not None)
        assert len(gate.asked) == 2

    def test_one_that_waits_is_not_even_begun_when_it_is_stopped(self):
        gate = Gate(1)
        runs = Runs(gate.scan)
        questions = [replace(QUESTION, position=position) for position in range(3)]
        for question in questions:
            runs.start(question, "one")
        until(lambda: gate.n_running == 2)
        assert runs.stop(questions[2], "one").n_ahead == 1
        gate.let_go(2)
        until(lambda: all(runs.status(question).result for question in questions[:2]))
        assert runs.stop(questions[2], "one") is None
        assert len(gate.asked) == 2

    def test_a_quick_run_is_waited_for_and_a_slow_one_is_not(self):
        gate = Gate(1)
        runs = Runs(gate.scan)
        gate.let_go()
        assert runs.start(QUESTION, patience_s=WAIT_S).result is not None
        assert runs.start(OTHER_QUESTION, patience_s=0.01).is_running
        gate.let_go()

    def test_the_time_left_is_said_once_it_can_be_told(self):
        now = [0.0]
        gate = Gate()
        runs = Runs(gate.scan, clock=lambda: now[0])
        assert runs.start(QUESTION).remaining == ""
        gate.let_go()
        gate.wait_until_moved()
        now[0] = 60.0
        assert runs.status(QUESTION).remaining == "About 3 minutes left"
        gate.let_go(3)

    def test_loading_a_model_first_does_not_count_for_the_time_left(self):
        now, told = [0.0], threading.Event()

        def compare(_asked: RunQuestion, progress: Any) -> str:
            now[0] = 60.0  # the model is loaded
            progress(0, 100)
            now[0] = 66.0
            progress(10, 100)
            told.set()
            gate.acquire(timeout=WAIT_S)
            return "done"

        gate = threading.Semaphore(0)
        runs = Runs(compare, clock=lambda: now[0])
        runs.start(QUESTION)
        assert told.wait(WAIT_S)
        assert runs.status(QUESTION).remaining == "Less than a minute left"
        gate.release()

    def test_a_failure_is_a_sentence_and_a_second_press_tries_again(self):
        attempts: list[int] = []

        def scan(_asked: RunQuestion, _progress: Any) -> Scan:
            attempts.append(1)
            if len(attempts) == 1:
                raise RuntimeError("out of memory")
            if len(attempts) == 2:
                raise UserError("Type something to read.", "Any text will do.")
            return FakeHeadlight().experiments.scan(MODEL, REPEATING)

        runs = Runs(scan)
        for expected in ("Something went wrong on our side.", "Type something to read."):
            runs.start(QUESTION)
            until(lambda: not runs.status(QUESTION).is_running)
            assert runs.status(QUESTION).problem.sentence == expected
        runs.start(QUESTION)
        until(lambda: runs.status(QUESTION).result is not None)


class TestScanCard:
    @pytest.fixture
    def scan(self, service):
        return service.experiments.scan(MODEL, REPEATING)

    @pytest.fixture
    def evidence(self, service, scan):
        view = view_of(service)
        return head_scan.evidence(view, head_levels(view.analysis, view.catalogue), scan)

    def test_the_sentence_names_the_strongest_heads_by_what_they_change(self):
        service = FakeHeadlight()
        scan = service.experiments.scan(MODEL, REPEATING)
        kl, change = np.zeros((4, 8)), np.zeros((4, 8))
        kl[2, 3], kl[1, 4], kl[3, 1], kl[0, 0] = 0.42, 0.21, 0.1, 0.09
        change[2, 3] = -0.21
        words = text_of(head_scan.answer(replace(scan, kl_nats=kl, prob_change=change)))
        assert words.startswith(
            "L2H3 matters most: without it the guesses move by 0.42 nats, and  river  falls from 58 %"
        )
        assert words.endswith("to 37 %.  Next come L1H4 (0.21) and L3H1 (0.10).")
        kl[1, 4] = kl[3, 1] = kl[0, 0] = 0.001
        assert "No other head" in text_of(head_scan.answer(replace(scan, kl_nats=kl, prob_change=change)))
        nothing = text_of(head_scan.answer(replace(scan, kl_nats=kl / 100, prob_change=change)))
        assert nothing == "No head alone matters much here: the strongest, L2H3, moves the guesses by 0.004 nats."

    def test_every_cell_leads_to_its_head_and_says_its_effect(self, service, evidence, scan):
        links = [node["props"] for node in nodes(evidence) if "head-cell-link" in str(node["props"].get("className"))]
        assert len(links) == 32
        asked = [dict(parse_qsl(link["href"].split("?")[1])) for link in links]
        assert [(int(part["layer"]), int(part["head"])) for part in asked] == [tuple(i) for i in np.ndindex(4, 8)]
        assert text_of(links[19]["children"]).startswith(f"L2H3, induction, {scan.kl_nats[2, 3]:.2f} nats")

    def test_shades_go_from_none_to_the_largest_effect_and_are_no_role_colour(self, evidence, scan):
        cells = with_class(evidence, "scan-cell")
        shares = np.array([float(cell["props"]["style"]["--share"]) for cell in cells]).reshape(4, 8)
        assert shares == pytest.approx(np.sqrt(scan.kl_nats / scan.kl_nats.max()), abs=1e-3)
        assert not any("role-" in cell["props"]["className"] for cell in cells)
        here = [cell["props"]["data-head"] for cell in cells if "is-here" in cell["props"]["className"]]
        assert here == ["L2H3"]

    def test_another_heads_page_is_about_the_same_token(self, service, scan):
        view = view_of(service, at=3, method="zero", off="1.4", view="grid")
        parts = head_scan.evidence(view, head_levels(view.analysis, view.catalogue), replace(scan, position=3))
        href = next(node["props"]["href"] for node in nodes(parts) if node["type"] == "Link")
        asked = dict(parse_qsl(href.split("?")[1]))
        assert (asked["layer"], asked["head"], asked["at"], asked["view"]) == ("0", "0", "3", "grid")
        assert "off" not in asked

    def test_it_says_whose_values_stand_in(self, service):
        scan = service.experiments.scan(MODEL, REPEATING, "resample")
        for second, words in (("A dog", "on your second text, place by place."), ("", "on another text.")):
            view = view_of(service, off="2.3", method="resample", other=second)
            shown = head_scan.evidence(view, head_levels(view.analysis, view.catalogue), scan)
            assert f"replaced by what it writes {words}" in text_of(shown)

    def test_the_table_has_every_head_strongest_first(self, evidence, scan):
        rows = [node for node in nodes(evidence) if node["type"] == "Th" and node["props"].get("scope") == "row"]
        assert len(rows) == 32
        assert text_of(rows[0]["props"]["children"]) == str(scan.strongest[0])

    def test_it_warns_of_heads_that_can_be_replaced_and_says_what_off_means(self, evidence):
        words = text_of(evidence)
        assert "others can replace looks unimportant" in words
        assert "average over other texts" in words

    def test_progress_says_how_many_heads_and_speaks_in_quarters(self):
        status = RunStatus(n_done=18, n_all=32)
        words = run_line.progress(status, head_scan.STEPS)
        bar = next(node["props"] for node in nodes(words) if node["props"].get("role") == "progressbar")
        assert bar["aria-valuetext"] == "18 of 32 heads tried"
        assert bar["aria-valuenow"] == "56"
        assert "50 percent done" in text_of(words)
        assert "number 3" in text_of(run_line.progress(RunStatus(n_ahead=3), head_scan.STEPS))

    def test_a_stop_says_how_far_it_was_and_how_to_go_on(self):
        status = RunStatus(n_done=18, n_all=32)
        again = "Press the button again to begin anew."
        assert run_line.stopped_words(status, head_scan.STEPS) == f"Stopped after 18 of 32 heads tried. {again}"
        assert run_line.stopped_words(status, "") == f"Stopped after 56 %. {again}"
        assert run_line.stopped_words(None, "") == f"Stopped before anything was done. {again}"

    def test_a_press_starts_it_a_tick_follows_it_and_a_page_that_comes_back_finds_it(self, service, client):
        asked = next(
            node["props"]["data"]
            for node in nodes(head_scan.layout(view_of(service, at=5)))
            if node["props"].get("id") == head_scan.Line.asked
        )
        expected = RunQuestion(Kind.SCAN, MODEL, REPEATING, "mean", 5)
        assert asked["question"] == json.loads(json.dumps(asdict(expected)))
        outputs = run_outputs("scan")

        def ask(presses: int | None, triggered: str) -> dict:
            inputs = [("scan-run.n_clicks", presses), ("scan-tick.n_intervals", 0), ("scan-asked.data", asked)]
            return call(client, outputs, inputs, None, triggered)

        before = ask(None, "scan-asked.data")
        assert "scan-result" not in before
        assert before["scan-tick"]["disabled"] is True
        ask(1, "scan-run.n_clicks")
        until(lambda: ask(1, "scan-tick.n_intervals")["scan-tick"]["disabled"])
        back = ask(None, "scan-asked.data")
        assert len(with_class(back["scan-result"]["children"], "scan-cell")) == 32
        assert "matters most" in text_of(back["scan-answer"]["children"])


class TestLens:
    def test_the_guess_settles_at_the_first_layer_from_which_it_stays(self, service):
        lens = service.experiments.logit_lens(MODEL, REPEATING)  # rows: river, sea, castle, river, sea
        sea = lens.tokens[1][0][0]
        assert lens_strip.settling(lens, 0) == lens_strip.Settling(3, pytest.approx(0.58))
        rows = list(lens.tokens)
        rows[3] = tuple((sea,) for _ in rows[3])
        assert lens_strip.settling(replace(lens, tokens=tuple(rows)), 0).layer == 2
        same = replace(lens, tokens=tuple(tuple((sea,) for _ in row) for row in lens.tokens))
        assert lens_strip.settling(same, 0).layer == -1

    def test_a_real_table_with_a_row_for_the_embedding_and_each_layer(self, service):
        view = view_of(service, at=4)
        lens = service.experiments.logit_lens(MODEL, REPEATING)
        strip = lens_strip.strip(view, lens)
        heads = [node["props"] for node in nodes(strip) if node["type"] == "Th"]
        rows = [text_of(head["children"]) for head in heads if head["scope"] == "row"]
        assert rows == ["embedding", "layer 0", "layer 1", "layer 2", "layer 3 the answer"]
        columns = [head for head in heads if head["scope"] == "col"][1:]
        assert len(columns) == len(view.tokens)
        assert [at for at, head in enumerate(columns) if head.get("className") == "is-chosen"] == [4]
        cells = with_class(strip, "lens-cell")
        assert len(cells) == 5 * len(view.tokens)
        assert cells[-1]["props"]["style"]["--share"] == "0.580"
        assert (text_of(cells[-1]), cells[-1]["props"]["data-prob"]) == ("sea", "58 %")

    @pytest.mark.parametrize(("at", "first", "last"), [(99, 60, 99), (10, 0, 39), (70, 31, 70)])
    def test_a_long_text_shows_the_columns_around_the_chosen_token(self, service, at, first, last):
        view = view_of(service, prompt=" ".join(["word"] * 100), at=at)
        shown = lens_strip.columns(view)
        assert (shown[0], shown[-1]) == (first, last)
        lens = service.experiments.logit_lens(MODEL, view.question.prompt)
        strip = lens_strip.strip(view, lens)
        assert f"tokens {first} to {last} of 100. Choose another token" in text_of(strip)
        assert len(nodes(strip)) < 300, "Dash draws each element at a cost that a student can feel"

    def test_a_model_that_cannot_be_read_says_so(self, service, client, monkeypatch):
        def refuse(*_asked: Any, progress: Any) -> None:
            raise UserError("What the parts of this model write does not add up.", "Choose another model.")

        monkeypatch.setattr(service.experiments, "logit_lens", refuse)
        answer = press(client, "lens", run_line.question(Kind.LENS, Question(MODEL, REPEATING), search_of()))
        assert answer["lens-answer"]["children"].endswith("does not add up. Choose another model.")
        assert answer["lens-result"]["children"] == []


class TestAttribution:
    def test_chips_are_filled_or_outlined_and_shaded_by_size(self, service):
        view = view_of(service, at=3)
        chips = with_class(head_attribution.evidence(view, attribution_of([0.0, 2.0, -1.0, 0.5])), "share-chip")
        kinds = [chip["props"]["className"].split()[1] for chip in chips]
        assert kinds == ["share-chip--none", "share-chip--up", "share-chip--down", "share-chip--up"]
        assert [chip["props"]["style"]["--share"] for chip in chips] == ["0.000", "1.000", "0.500", "0.250"]
        assert (chips[2]["props"]["title"], chips[2]["props"]["data-at"]) == ("−1.00 nats", "2")
        assert not any("role-" in chip["props"]["className"] for chip in chips)

    def test_a_long_text_has_few_elements_and_says_that_its_table_is_cut(self, service):
        view = view_of(service, prompt=" ".join(["word"] * 120))
        shown = head_attribution.evidence(view, attribution_of([0.01 * at for at in range(120)]))
        assert len(nodes(shown)) < 300
        assert f"Show the {head_attribution.MOST_ROWS} that weigh most as a table" in text_of(shown)

    def test_the_sentence_names_the_strongest_token_and_the_whole(self, service):
        words = text_of(head_attribution.answer(view_of(service, at=2), attribution_of([1.0, 6.0, 1.07])))
        assert "old" in words
        assert "+6.00 nats" in words
        assert "After all tokens together (+8.07 nats) it is 3,200 times likelier than after average tokens." in words
        none = text_of(head_attribution.answer(view_of(service, at=1), attribution_of([-1.0, -0.1])))
        assert none.startswith("No token makes")

    @pytest.mark.parametrize(
        ("gain", "words"),
        [
            (8.07, "3,200 times likelier than"),
            (-0.7, "2.0 times less likely than"),
            (0.01, "about as likely as"),
            (40.0, "over a million times likelier than"),
            (3.0, "20 times likelier than"),
        ],
    )
    def test_a_gain_is_said_as_a_factor(self, gain, words):
        assert head_attribution.times(gain) == words

    def test_completeness_is_said_in_words_and_number(self):
        good = head_attribution.completeness(attribution_of([4.0, 4.0], error=0.02))
        assert good == (
            "The tokens’ shares add up to +8.00 nats; the whole text really gains +7.98 nats. What is lost by counting "
            "in 64 steps: 0.02 nats, 0.2 % of all shares."
        )
        assert "settle nothing" in head_attribution.completeness(attribution_of([4.0, -4.0], error=0.9))

    def test_the_baseline_and_the_start_mark_are_stated(self, service):
        view = view_of(service)
        words = text_of(head_attribution.evidence(view, attribution_of([1.0])))
        assert "mean of all the model’s embeddings" in words
        assert "start mark" not in words
        marked = replace(view.analysis.forward, tokens=(replace(view.tokens[0], is_start=True), *view.tokens[1:]))
        view = replace(view, analysis=replace(view.analysis, forward=marked))
        assert "start mark stays as it is" in text_of(head_attribution.evidence(view, attribution_of([1.0])))

    def test_a_press_asks_about_the_chosen_token(self, service, client, monkeypatch):
        asked: list[tuple] = []

        def answer(*question: Any, progress: Any) -> TokenAttribution:
            asked.append(question)
            return attribution_of([1.0, 2.0, 3.0])

        monkeypatch.setattr(service.experiments, "token_attribution", answer, raising=False)
        question = run_line.question(Kind.ATTRIBUTION, Question(MODEL, REPEATING), search_of(at=2), position=2)
        result = press(client, "attribution", question)
        assert asked == [(MODEL, REPEATING, 2)]
        assert len(with_class(result["attribution-result"]["children"], "share-chip")) == 3


class TestPipeline:
    def test_the_stages_have_this_texts_numbers(self, service):
        view = view_of(service)
        line = pipeline_line.layout(view)
        names = [text_of(node) for node in with_class(line, "stage-name")]
        assert names == ["Tokens", "Embedding", "Heads", "MLPs", "Next token"]
        figures = [text_of(node) for node in with_class(line, "stage-figure")]
        assert figures[0] == f"{len(view.tokens)} tokens"
        assert figures[2] == "4 layers of 8 heads"
        assert figures[4] == "river  58 %"
        assert "L2H3 has two layers before it and one after it." in text_of(line)
        dots = with_class(line, "pipeline-dot")
        assert [place for place, dot in enumerate(dots) if "is-here" in dot["props"]["className"]] == [19]

    def test_sizes_come_from_the_models_files(self):
        anatomy = anatomy_of("classroom-gpt2", Settings())
        assert anatomy == Anatomy(256, 4096, True, Positions.LEARNED)
        assert pipeline_line.embedding_size(anatomy) == "256 numbers each"
        assert "table of 4,096 rows and becomes 256 numbers" in pipeline_line.embedding_words(anatomy)
        assert anatomy_of("gpt2-medium", Settings(offline=True)) is None
        assert pipeline_line.embedding_size(None) == "numbers"
        assert all(positions in pipeline_line.HOW_ORDER_ENTERS for positions in Positions)

    def test_a_model_without_mlps_shows_no_such_stage(self, client, monkeypatch):
        def toy(_model: str, _settings: Settings) -> Anatomy:
            return Anatomy(64, 4096, False, Positions.SHORTFORMER)

        outputs = ["pipeline-size.children", "pipeline-embedding.children", "pipeline-mlps.hidden"]
        inputs = [("pipeline-model.data", MODEL)]
        assert call(client, outputs, inputs, None, "pipeline-model.data")["pipeline-mlps"]["hidden"] is False
        monkeypatch.setattr(pipeline_line, "anatomy_of", toy)
        toy_answer = call(client, outputs, inputs, None, "pipeline-model.data")
        assert toy_answer["pipeline-mlps"]["hidden"] is True
        assert toy_answer["pipeline-size"]["children"] == "64 numbers each"


class TestLastTexts:
    def test_each_text_has_the_heads_score_and_a_link_to_the_head_on_it(self, service):
        view = view_of(service)
        rows = [recent_prompts.row_of(service, view, "induction", text) for text in (REPEATING, PLAIN)]
        assert rows[0].level.score == pytest.approx(view.levels.levels["induction"].score)
        assert rows[1].level.score is None
        table = recent_prompts.table(view, "induction", rows)
        links = [
            dict(parse_qsl(node["props"]["href"].split("?")[1])) for node in nodes(table) if node["type"] == "Link"
        ]
        assert links == [{"model": MODEL, "prompt": PLAIN, "layer": "2", "head": "3"}]
        words = text_of(table)
        assert "active" in words
        assert "cannot show on this text" in words
        assert len([node for node in nodes(table) if node["props"].get("role") == "meter"]) == 1
        sentence = recent_prompts.answer(view, "induction", rows)
        assert sentence == "As a head for “induction”, L2H3 is active on 1 of these 2 texts."

    def test_a_head_without_a_job_is_compared_by_the_job_that_is_looked_at(self, service):
        assert recent_prompts.compared_role(view_of(service, NO_JOB_HEAD)) is None
        view = view_of(service, NO_JOB_HEAD, role="diffuse")
        assert recent_prompts.compared_role(view) == "diffuse"
        rows = [recent_prompts.row_of(service, view, "diffuse", REPEATING)]
        assert "it is not a job of this head" in recent_prompts.answer(view, "diffuse", rows)

    def test_states_and_looking_are_told_text_by_text(self, service):
        view = view_of(service)
        level = view.levels.levels["induction"]
        states = ("active", "here_and_there", "cannot_tell", "below_usual", "not_seen")
        rows = [recent_prompts.Row(state, replace(level, status=state, look=0.61)) for state in states]
        words = text_of(recent_prompts.table(view, "induction", rows))
        for told in ("active", "here and there", "cannot tell", "below usual", "not seen"):
            assert f"{told}, looks 61 %" in words
        assert recent_prompts.answer(view, "induction", rows) == (
            "As a head for “induction”, L2H3 is active on 1 of these 5 texts, and does it here and there on 1."
        )

    def test_a_head_that_only_rests_is_compared_by_how_much_it_rests(self, service):
        view = view_of(service, HeadId(3, 5))
        assert recent_prompts.compared_role(view) == "positional"
        rows = [recent_prompts.row_of(service, view, "positional", text) for text in (REPEATING, PLAIN)]
        assert recent_prompts.answer(view, "positional", rows) == "L3H5 rests on 2 of these 2 texts."
        assert "rests" in text_of(recent_prompts.table(view, "positional", rows))

    def test_what_a_browser_sends_is_checked(self):
        kept = ["a", "b", "a", 7, None, "  ", "shown", "x" * 3000, *"cdefgh"]
        texts = recent_prompts.other_texts(kept, "shown")
        assert texts == ["a", "b", "x" * 2000, "c", "d", "e"]
        assert recent_prompts.other_texts({"not": "a list"}, "shown") == []
        assert recent_prompts.other_texts(None, "shown") == []

    def test_a_text_that_cannot_be_read_stops_no_other(self, service, client):
        view = view_of(service)
        row = recent_prompts.row_of(service, view, "induction", " \t")
        assert row.refusal == "Type something to read."
        assert "Type something to read." in text_of(recent_prompts.table(view, "induction", [row]))

    def test_a_press_compares_and_without_other_texts_says_where_to_type_one(self, client):
        def press(texts: list[str], head: HeadId = HEAD) -> dict:
            outputs = ["recent-answer.children", "recent-result.children"]
            inputs = [("recent-texts.data", {"texts": texts, "press": 1})]
            return call(client, outputs, inputs, search_of(head), "recent-texts.data")

        found = press([REPEATING, PLAIN, HOSTILE])
        assert found["recent-answer"]["children"].endswith("of these 3 texts.")
        assert "<b>bold</b>" in text_of(found["recent-result"]["children"])
        assert "No other text" in text_of(press([REPEATING])["recent-answer"]["children"])
        assert "no job to compare" in press([PLAIN], NO_JOB_HEAD)["recent-answer"]["children"]


class TestPage:
    def test_every_part_is_there_before_any_press_and_costs_nothing(self, service, monkeypatch):
        def too_early(*_asked: Any, **_others: Any) -> None:
            raise AssertionError("Nothing may be computed while a page is laid out.")

        for name in ("scan", "logit_lens", "token_attribution"):
            monkeypatch.setattr(service.experiments, name, too_early, raising=False)
        page = head_page.layout(service, Question(MODEL, REPEATING), search_of())
        buttons = [text_of(label) for label in with_class(page, "run-idle")]
        presses = (lens_strip.PRESS, head_attribution.PRESS, head_scan.PRESS, recent_prompts.PRESS)
        assert [press for press in presses if press not in buttons] == []

    def test_hostile_tokens_are_text(self, service):
        view = view_of(service, prompt=HOSTILE)
        lens = service.experiments.logit_lens(MODEL, HOSTILE)
        parts = [pipeline_line.layout(view), lens_strip.strip(view, lens), head_scan.layout(view)]
        types = {node["type"] for part in parts for node in nodes(part)}
        assert types.isdisjoint({"Markdown", "DangerouslySetInnerHTML", "Iframe"})
        assert "img" in text_of(parts[1])

    def test_every_method_can_be_scanned(self, service):
        view = view_of(service, method="zero")
        stored = [node["props"]["data"] for node in nodes(head_scan.layout(view)) if node["type"] == "Store"]
        assert stored[0]["question"]["method"] == Method.ZERO
