"""Claims about experiments on the page of one head: address, what it writes, heads that are off, what that shows."""

from __future__ import annotations

import contextvars
import json
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from dash import Dash, html, no_update
from dash._callback_context import context_value
from dash._utils import AttributeDict, to_json

from components import run_line, themed_graph
from components.address import Question
from components.head import (
    head_page,
    head_position,
    head_scan,
    head_set,
    head_switch_off,
    head_writes,
    second_text,
    switch_off_more,
    switch_off_plot,
    switch_off_result,
)
from components.head import switch_off_words as words
from components.head.head_view import off_text, view_of_search
from components.head.switch_off_plot import DotPlot
from tests.fake_experiments import COST, FIRST_PROB
from tests.fake_service import MODEL, OTHER_MODEL, REPEATING
from tests.test_components_heads import (
    HOSTILE,
    INDUCTION_HEAD,
    NO_JOB_HEAD,
    head_search,
    head_view_of,
    nodes,
    text_of,
    with_class,
)
from utils.errors import Notice, UserError
from utils.experiments import runs
from utils.experiments.controls import ControlLayers
from utils.experiments.questions import Method
from utils.experiments.switch_off import ControlDraw
from utils.experiments.verdict import Kind
from utils.heads import HeadId
from utils.numbers_in_text import signed
from utils.roles import OTHER

LAST = 17
LIKELIEST = " is then the likeliest, with 50 %."


@pytest.fixture
def page(service) -> Dash:
    """An app with the callbacks of the head page alone."""
    app = Dash("experiments")
    head_page.register(app, service)
    return app


def callback_of(app: Dash, input_id: str, output: str = ""):
    """The Python function that runs when this component changes, and writes to that output."""
    known = [entry for name, entry in app.callback_map.items() if output in name]
    entries = [entry for entry in known if input_id in [each["id"] for each in entry["inputs"]]]
    (function,) = [entry["callback"].__wrapped__ for entry in entries if "callback" in entry]
    return function


def switched_off(page: Dash, asked: dict | None) -> tuple:
    """What the card shows of what a page asks: result, sentence, and the place of further questions."""
    follow = callback_of(page, head_switch_off.Line.asked, head_switch_off.Ids.result)

    def run() -> tuple:
        context_value.set(AttributeDict(triggered_inputs=[{"prop_id": f"{head_switch_off.Line.asked}.data"}]))
        return follow(None, None, asked)

    said, shown, more, *_line = contextvars.copy_context().run(run)
    return shown, said, more


def pressed_more(page: Dash, service, line, presses: int | None = 1, **others):
    """What stands below one of the further questions after a press on its button."""
    button = line.name
    view = head_view_of(service, off="2.3", **others)
    stores = [node["props"] for node in nodes(switch_off_more.layout(view)) if node["props"].get("id") == line.asked]
    follow = callback_of(page, button, f"{button}-result")

    def run() -> tuple:
        context_value.set(AttributeDict(triggered_inputs=[{"prop_id": f"{button}.n_clicks"}]))
        return follow(presses, None, stores[0]["data"])

    return contextvars.copy_context().run(run)[0]


def is_question(node) -> bool:
    return node["type"] == "Store" and "question" in (node["props"].get("data") or {})


def parts_of(href: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(href).query, keep_blank_values=True).items()}


def off(service, heads=(INDUCTION_HEAD,), **others):
    """The view whose address asks for these heads, and the experiment's result."""
    view = head_view_of(service, off=off_text(heads), **others)
    result = service.experiments.switch_off(MODEL, REPEATING, view.off, view.method, view.position)
    return view, result


class TestAddress:
    def test_without_any_it_is_about_the_last_token_this_head_and_its_average(self, service):
        view = head_view_of(service)
        assert (view.position, view.off, view.method) == (LAST, (INDUCTION_HEAD,), Method.MEAN)
        assert not view.asks_off

    def test_what_is_asked_stays_in_the_address_of_everything_else(self, service):
        view = head_view_of(service, at=8, off="3.1,2.3,2.3", method="zero")
        assert (view.position, view.off, view.method) == (8, (HeadId(2, 3), HeadId(3, 1)), Method.ZERO)
        assert view.asks_off
        other = parts_of(view.href(drawing="grid"))
        assert (other["at"], other["off"], other["method"], other["view"]) == ("8", "2.3,3.1", "zero", "grid")
        again = view_of_search(service, view.search)
        assert (again.position, again.off, again.method, again.asks_off) == (8, view.off, Method.ZERO, True)

    def test_a_choice_replaces_only_its_own_part(self, service):
        view = head_view_of(service, role="positional", at=8)
        parts = parts_of(view.href(position=LAST, off=[NO_JOB_HEAD], method="resample"))
        assert "at" not in parts
        assert (parts["role"], parts["off"], parts["method"]) == ("positional", "2.2", "resample")

    def test_a_second_text_stays_in_the_address_beside_the_method_that_reads_it(self, service):
        view = head_view_of(service, off="2.3", method="resample", other=HOSTILE)
        assert view.second == HOSTILE
        assert parts_of(view.href(position=8))["other"] == HOSTILE
        assert view_of_search(service, view.search).second == HOSTILE
        assert "other" not in parts_of(view.href(method="zero"))
        assert "other" not in parts_of(view.href(second=" "))
        assert head_view_of(service, off="2.3", method="mean", other="A dog").second == ""

    def test_a_page_that_asks_for_nothing_has_a_short_address(self, service):
        assert set(parts_of(head_view_of(service).href())) == {"model", "prompt", "layer", "head"}

    def test_a_position_is_counted_from_the_end_too(self, service):
        assert head_view_of(service, at=-1).position == LAST
        assert head_view_of(service, at=-18).position == 0

    def test_an_empty_set_stays_empty(self, service):
        view = head_view_of(service, off="")
        assert view.off == ()
        assert parts_of(view.href())["off"] == ""

    @pytest.mark.parametrize(
        ("others", "sentence"),
        [
            ({"at": 18}, "This text has 18 tokens. There is no position 18."),
            ({"at": -19}, "There is no position -19."),
            ({"at": "x"}, "The link names no position."),
            ({"off": "L2H3,cat"}, "something that is no head"),
            ({"method": "half"}, "replaces the output of a head by “half”"),
        ],
    )
    def test_a_bad_link_keeps_the_page_and_the_card_says_a_next_step(self, service, others, sentence):
        view = head_view_of(service, **{"off": "2.2", **others})
        card = head_switch_off.layout(view)
        assert sentence in text_of(card)
        assert all(refusal.hint for refusal in view.bad.values())
        store = next(node for node in nodes(card) if node["props"].get("id") == head_switch_off.Line.asked)
        assert store["props"].get("data") is None
        ((name, _refusal),) = view.bad.items()
        (link,) = [node["props"] for node in nodes(with_class(card, "bad-link")) if node["type"] == "Link"]
        assert not view_of_search(service, link["href"].removeprefix("/head")).bad
        kept = parts_of(link["href"])
        assert kept["off"] == ("2.3" if name == "off" else "2.2")
        assert (kept["method"] if name != "at" else "mean") == "mean"

    def test_a_bad_position_is_told_by_what_it_writes_too(self, service, page):
        card = head_writes.layout(head_view_of(service, at=99))
        assert "There is no position 99." in text_of(card)
        store = next(node for node in nodes(card) if node["type"] == "Store")
        assert callback_of(page, head_writes.Ids.asked)(store["props"].get("data")) is no_update
        assert "no position" not in text_of(head_writes.layout(head_view_of(service, method="half")))

    def test_a_method_is_named_as_the_page_names_it(self, service):
        view = head_view_of(service, method="half")
        assert view.bad["method"].hint == "Choose its average, zeros or another text’s."
        assert "Show with its average" in text_of(head_switch_off.layout(view))


class TestPosition:
    def test_every_token_can_be_chosen_and_the_chosen_one_is_shown(self, service):
        select = next(
            node for node in nodes(head_position.layout(head_view_of(service, at=8))) if node["type"] == "Select"
        )
        assert len(select["props"]["options"]) == 18
        assert select["props"]["options"][8] == {"label": "8: river", "value": "8"}
        assert select["props"]["value"] == "8"

    def test_a_choice_writes_the_address_and_the_same_choice_does_not(self, page):
        change = callback_of(page, head_position.Ids.position)
        search = head_search(INDUCTION_HEAD, off="2.3")
        assert parts_of(change("8", search))["at"] == "8"
        assert parts_of(change("8", search))["off"] == "2.3"
        assert change(str(LAST), search) is no_update


class TestWhatItWrites:
    def content(self, service, head=INDUCTION_HEAD, prompt=REPEATING, **others):
        view = head_view_of(service, head, prompt, **others)
        return head_writes.content(view, service.experiments.direct_logits(MODEL, prompt, head, view.position))

    def test_it_stands_with_placeholders_and_asks_once_it_stands(self, service, page):
        card = head_writes.layout(head_view_of(service, at=8))
        assert not with_class(card, "push")
        store = next(node for node in nodes(card) if node["type"] == "Store")
        filled = callback_of(page, head_writes.Ids.asked)(store["props"]["data"])
        assert len(with_class(filled, "push")) == 6

    def test_figures_are_signed_with_a_real_minus(self, service):
        figures = [node["props"]["children"] for node in with_class(self.content(service), "push-logit")]
        assert figures == ["+3.1", "+1.6", "+0.8", "−0.9", "−0.6", "−0.4"]

    def test_the_strongest_push_has_the_longest_bar(self, service):
        shares = [float(node["props"]["style"]["--share"]) for node in with_class(self.content(service), "push-fill")]
        assert shares[0] == 1
        assert shares[3] == pytest.approx(0.9 / 3.1, abs=1e-4)

    def test_it_says_which_token_the_head_looks_at_most_from_the_chosen_position(self, service):
        view = head_view_of(service)
        shown = text_of(self.content(service))
        assert f"Looking most at  river 8  ( {round(100 * view.pattern[LAST, 8])} %" in shown
        assert "Looking most at  The 0  (" in text_of(self.content(service, at=0))

    def test_a_head_that_pushes_up_what_it_looks_at_copies(self, service):
        content = self.content(service)
        assert "It copies: it pushes up  river , the very token it looks at." in text_of(content)
        assert len(with_class(content, "is-looked-at")) == 1
        assert "does not copy" in text_of(self.content(service, NO_JOB_HEAD))

    def test_a_token_that_only_reads_alike_is_no_copy(self, service):
        view = head_view_of(service)
        result = service.experiments.direct_logits(MODEL, REPEATING, INDUCTION_HEAD)
        alike = replace(result.up[0].token, id=result.up[0].token.id + 1)
        result = replace(result, up=(replace(result.up[0], token=alike), *result.up[1:]))
        assert "does not copy" in "".join(map(str, head_writes.copy_words(view, result)))
        assert not with_class(head_writes.content(view, result), "is-looked-at")

    def test_a_head_that_pushes_down_what_it_looks_at_holds_back(self, service):
        view = head_view_of(service)
        result = service.experiments.direct_logits(MODEL, REPEATING, INDUCTION_HEAD)
        turned = replace(result, up=result.down, down=result.up)
        words = text_of(html.P(head_writes.copy_words(view, turned)))
        assert "It holds back: it pushes down  river , the very token it looks at." in words

    def test_a_start_mark_cannot_be_copied(self, service):
        view = head_view_of(service)
        tokens = [replace(token, is_start=position == 8) for position, token in enumerate(view.tokens)]
        forward = replace(view.analysis.forward, tokens=tuple(tokens))
        view = replace(view, analysis=replace(view.analysis, forward=forward))
        result = service.experiments.direct_logits(MODEL, REPEATING, INDUCTION_HEAD)
        assert "nothing to copy" in head_writes.copy_words(view, result)[0]

    def test_it_tells_what_the_first_guess_gets_and_that_all_parts_add_up(self, service):
        shown = text_of(self.content(service))
        assert "own first guess,  river , gets +3.1 from it." in shown
        assert "within 0.0001." in shown

    @pytest.mark.parametrize(
        ("error", "bound"), [(3e-5, "0.0001."), (1e-4, "0.0001."), (0.0, "0.000001."), (0.004, "0.01.")]
    )
    def test_the_error_of_the_identity_is_rounded_up(self, error, bound):
        assert head_writes.identity_words(error).endswith(f"within {bound}")

    def test_a_model_that_cannot_be_taken_apart_says_so(self, service, page, monkeypatch):
        def refuse(*_asked):
            raise UserError("No part's share can be told.", "Choose another model.")

        monkeypatch.setattr(service.experiments, "direct_logits", refuse)
        shown = callback_of(page, head_writes.Ids.asked)(head_search(INDUCTION_HEAD))
        assert "No part's share can be told." in text_of(shown)
        assert "Choose another model." in text_of(shown)


class TestWhichHeads:
    def test_the_choices_are_this_head_each_job_of_the_model_and_a_set_of_ones_own(self, service):
        select = next(node for node in nodes(head_set.layout(head_view_of(service))) if node["type"] == "Select")
        labels = [option["label"] for option in select["props"]["options"]]
        assert labels[:3] == ["L2H3 alone", "All 3 induction heads", "All 3 previous token heads"]
        assert labels[-1] == "Heads picked on a map"

    def test_a_job_of_which_it_is_the_only_head_is_no_choice_of_its_own(self, service, monkeypatch):
        view = head_view_of(service)
        catalogue = view.catalogue.model_copy(deep=True)
        for layer in catalogue.head_roles:
            for roles in layer:
                roles[:] = [role for role in roles if role != "induction"]
        catalogue.head_roles[2][3].append("induction")
        assert "induction" not in head_set.role_sets(replace(view, catalogue=catalogue))

    def test_without_a_catalogue_there_are_no_jobs_to_choose(self, service, monkeypatch):
        monkeypatch.setattr(service, "catalogue", lambda _model: None)
        assert head_set.role_sets(head_view_of(service)) == {}
        assert to_json(head_set.layout(head_view_of(service)))

    @pytest.mark.parametrize(
        ("address", "choice"),
        [(None, "this"), ("2.3", "this"), ("2.3,2.6,3.1", "induction"), ("0.0,2.3", "picked"), ("", "picked")],
    )
    def test_an_address_shows_as_the_choice_that_made_it(self, service, address, choice):
        view = head_view_of(service, **({} if address is None else {"off": address}))
        assert head_set.chosen(view) == choice
        boxes = next(node for node in nodes(head_set.layout(view)) if node["type"] == "Checklist")
        assert boxes["props"]["value"] == [off_text([head]) for head in view.off]
        assert head_set.heads_of_choice(view, choice, boxes["props"]["value"]) == view.off

    def test_the_map_is_there_only_for_a_set_of_ones_own(self, page):
        show_map = callback_of(page, head_set.Ids.choice, head_set.Ids.map_box)
        assert (show_map("this"), show_map("induction"), show_map("picked")) == (True, True, False)

    def test_every_head_is_one_box_that_says_its_name_and_job(self, service):
        boxes = next(node for node in nodes(head_set.layout(head_view_of(service))) if node["type"] == "Checklist")
        options = boxes["props"]["options"]
        assert [option["value"] for option in options[:9]] == [f"0.{head}" for head in range(8)] + ["1.0"]
        assert text_of(options[19]["label"]).endswith("L2H3 , induction")

    def test_the_colour_is_that_of_a_role_which_all_of_them_hold(self, service):
        assert head_set.shown_role(head_view_of(service)) == "induction"
        assert head_set.shown_role(head_view_of(service, NO_JOB_HEAD, off="2.3,3.1")) == "induction"
        assert head_set.shown_role(head_view_of(service, off="2.2,2.3")) == OTHER


class TestPress:
    def press(self, page, choice="this", picked=(), method="mean", second="", **others):
        return callback_of(page, head_switch_off.Ids.run)(
            1, choice, list(picked), method, second, head_search(INDUCTION_HEAD, **others)
        )

    def test_a_press_writes_heads_and_method_into_the_address(self, page):
        href, again = self.press(page, "induction", method="zero", at=8)
        assert again is no_update
        parts = parts_of(href)
        assert (parts["off"], parts["method"], parts["at"]) == ("2.3,2.6,3.1", "zero", "8")

    def test_picked_heads_count_only_where_picking_was_chosen(self, page):
        assert parts_of(self.press(page, "picked", ["3.0", "0.1"])[0])["off"] == "0.1,3.0"
        assert parts_of(self.press(page, "this", ["3.0", "0.1"])[0])["off"] == "2.3"

    def test_a_press_writes_the_second_text_only_where_another_text_s_values_stand_in(self, page):
        assert parts_of(self.press(page, method="resample", second="A dog")[0])["other"] == "A dog"
        for method, second in (("zero", "A dog"), ("resample", "  "), ("resample", None)):
            assert "other" not in parts_of(self.press(page, method=method, second=second)[0])
        taken_away = self.press(page, method="resample", second="", off="2.3", other="A dog")[0]
        assert "other" not in parts_of(taken_away)

    def test_the_field_of_the_second_text_comes_with_its_method(self, service, page):
        show = callback_of(page, head_switch_off.Ids.method, second_text.Ids.box)
        assert [show(method) for method in Method] == [True, True, False]
        for method, hidden in (("mean", True), ("resample", False)):
            card = head_switch_off.layout(head_view_of(service, off="2.3", method=method, other="A dog"))
            (box,) = [node["props"] for node in nodes(card) if node["props"].get("id") == second_text.Ids.box]
            (field,) = [node["props"] for node in nodes(card) if node["props"].get("id") == second_text.Ids.text]
            assert (box["hidden"], field["value"]) == (hidden, "" if hidden else "A dog")

    def test_the_second_text_goes_with_every_question_that_reads_it(self, service):
        view = head_view_of(service, off="2.3", method="resample", other="A dog")
        parts = (head_switch_off.layout(view), switch_off_more.layout(view), head_scan.layout(view))
        stores = [node["props"]["data"]["question"] for part in parts for node in nodes(part) if is_question(node)]
        sent = {store["kind"]: store["second"] for store in stores}
        assert sent == {"switch_off": "A dog", "later_patterns": "A dog", "scan": "A dog", "second_copy": ""}

    def test_a_result_whose_second_text_changed_says_what_it_is_for(self, page):
        note = callback_of(page, head_switch_off.Ids.method, head_switch_off.Ids.old)
        search = head_search(INDUCTION_HEAD, off="2.3", method="resample", other="A dog")
        assert note("this", [], "resample", "A dog", search) == ""
        for second in ("A cat", "", None):
            told = note("this", [], "resample", second, search)
            assert told == "This is for L2H3, replaced by your second text’s. Run again."

    def test_a_press_that_changes_nothing_asks_again(self, page):
        href, again = self.press(page, off="2.3", method="mean")
        assert href is no_update
        assert again == 1

    def test_a_button_that_has_only_appeared_asks_nothing(self, page):
        answer = callback_of(page, head_switch_off.Ids.run)(None, "this", [], "mean", "", head_search(INDUCTION_HEAD))
        assert answer == (no_update, no_update)

    def test_a_page_runs_on_load_only_what_its_address_asks_for(self, service, page):
        stores = {}
        for name, others in (("plain", {}), ("asking", {"off": "2.3"})):
            card = head_switch_off.layout(head_view_of(service, **others))
            stores[name] = next(n for n in nodes(card) if n["props"].get("id") == head_switch_off.Line.asked)
        assert switched_off(page, stores["plain"]["props"].get("data")) == (no_update,) * 3
        shown, said, more = switched_off(page, stores["asking"]["props"]["data"])
        assert text_of(said) == "Without L2H3, the probability of  river  falls from 58 % to 37 %."
        assert "Without L2H3" not in text_of(shown), "the sentence stands once"
        assert text_of(more).startswith("Two more questions, with L2H3 off")

    @pytest.mark.parametrize(
        ("choice", "picked", "method", "words"),
        [
            ("this", [], "zero", ""),
            ("picked", ["2.3"], "zero", ""),
            ("this", [], "mean", "This is for L2H3, replaced by zeros. Run again."),
            ("induction", [], "zero", "This is for L2H3, replaced by zeros. Run again."),
            ("picked", [], "zero", "This is for L2H3, replaced by zeros. Run again."),
        ],
    )
    def test_a_result_whose_question_changed_says_what_it_is_for(self, page, choice, picked, method, words):
        note = callback_of(page, head_switch_off.Ids.method, head_switch_off.Ids.old)
        assert note(choice, picked, method, "", head_search(INDUCTION_HEAD, off="2.3", method="zero")) == words
        assert note(choice, picked, method, "", head_search(INDUCTION_HEAD)) == "", "no result, nothing to say"

    def test_the_button_says_what_a_press_will_do(self, service):
        for others, words_on_it in (({}, "Switch it off"), ({"method": "zero"}, "Run again")):
            card = head_switch_off.layout(head_view_of(service, **others))
            assert text_of(with_class(card, "run-idle")[0]) == words_on_it

    @pytest.mark.parametrize(
        ("heads", "sentence"),
        [
            ((), "No head was chosen"),
            (tuple((layer, head) for layer in range(4) for head in range(8)), "These are all 32 heads"),
            (((9, 0),), "This model has layers 0 to 3, each with heads 0 to 7. There is no layer 9, head 0."),
        ],
    )
    def test_a_refusal_is_a_sentence_on_the_card(self, page, heads, sentence):
        asked = run_line.question(
            runs.Kind.SWITCH_OFF, Question(MODEL, REPEATING), head_search(INDUCTION_HEAD), heads=heads
        )
        shown, said, more = switched_off(page, asked)
        assert sentence in text_of(shown)
        assert (said, more) == ([], [])


class TestResult:
    def test_all_is_on_the_card(self, service):
        view, result = off(service)
        shown = text_of(switch_off_result.content(view, result))
        assert result.verdict.sentence in shown
        assert (
            "With 6 random heads from the same layer off, one at a time, the probability lies between 56 % and 60 %."
            in shown
        )
        assert "Off means: its output is replaced by its average over other texts." in shown
        assert f"All guesses together change by  {result.kl_nats:.2f}" in shown
        assert words.ONE_TEXT in shown

    def test_the_table_holds_ten_tokens_with_probability_and_logit_and_every_control(self, service):
        view, result = off(service)
        table = with_class(switch_off_result.content(view, result), "off-table")[0]
        rows = table["props"]["children"][-1]["props"]["children"]
        assert len(rows) == 10
        assert text_of(rows[0]) == "·river 58.0 % 11.46 37.0 % 11.01"
        controls = with_class(switch_off_result.content(view, result), "off-controls")[0]
        assert len(controls["props"]["children"]) == 6
        assert text_of(controls).startswith(str(result.controls[0].heads[0]))

    def test_several_heads_have_outputs(self, service):
        view, result = off(service, [HeadId(2, 3), HeadId(3, 1)])
        assert "Off means: their outputs are replaced by their averages" in text_of(
            switch_off_result.content(view, result)
        )
        assert set(words.OFF_MEANS_SEVERAL) == set(Method)

    def test_a_second_text_is_named_in_what_off_means(self, service):
        for heads, said in (([(2, 3)], "what it writes on"), ([(2, 3), (3, 1)], "what they write on")):
            chosen = [HeadId(*head) for head in heads]
            view, result = off(service, chosen, method="resample", other="A dog")
            assert f"{said} your second text, place by place." in text_of(switch_off_result.content(view, result))
            view, result = off(service, chosen, method="resample")
            assert f"{said} another text." in text_of(switch_off_result.content(view, result))

    def test_the_control_says_why_other_layers_are_in_it(self, service):
        view, result = off(service)
        layers = ControlLayers((18,), (17, 18, 19), (18,))
        shown = text_of(switch_off_result.content(view, replace(result, control_layers=layers)))
        control = "6 random heads from layers 17 to 19 off, one at a time, since layer 18 alone has too few"
        assert shown.count(control) == 2, "below the plot and above its table"
        assert "draws of other heads from layers 17 to 19." in shown

    def test_notices_are_told_once(self, service):
        view, result = off(service)
        new, known = Notice("Nobody has measured.", "Analyze."), Notice("Your text was cut.", "Shorter.")
        forward = replace(view.analysis.forward, notices=(known,))
        view = replace(view, analysis=replace(view.analysis, forward=forward))
        shown = text_of(switch_off_result.content(view, replace(result, notices=(known, new))))
        assert "Nobody has measured." in shown
        assert "Your text was cut." not in shown

    def test_a_model_without_other_heads_has_no_control_and_says_so(self, service):
        view, result = off(service)
        content = switch_off_result.content(view, replace(result, controls=()))
        assert "nobody can say" in text_of(content)
        assert not with_class(content, "off-legend")
        assert not with_class(content, "off-controls")

    def test_no_token_is_read_as_markdown_and_none_puts_markup_into_the_plot(self, service):
        view, result = off(service)
        hostile = replace(result.before[0].token, word="<b>x</b>", label="<b>x</b>")
        before = (replace(result.before[0], token=hostile), *result.before[1:])
        result = replace(result, before=before)
        content = switch_off_result.content(view, result)
        assert not [node for node in nodes(content) if node["type"] == "Markdown"]
        figure = switch_off_plot.dot_plot_figure(switch_off_result.dot_plot(view, result))
        assert "&lt;b&gt;x&lt;/b&gt;" in figure.layout.xaxis.title.text

    @pytest.mark.parametrize("model", [MODEL, OTHER_MODEL])
    @pytest.mark.parametrize("prompt", [HOSTILE, "Hi", "🙂 שלום"])
    def test_any_text_can_be_asked_about(self, service, page, model, prompt):
        search = head_search(HeadId(3, 7), prompt=prompt, off="3.7")
        search = search.replace(f"model={MODEL}", f"model={model}")
        assert to_json(switched_off(page, head_switch_off.asked(view_of_search(service, search))))
        assert to_json(callback_of(page, head_writes.Ids.asked)(search))


class TestWords:
    @pytest.mark.parametrize(
        ("heads", "role", "name", "mark"),
        [
            ([(2, 3)], None, "L2H3", "L2H3"),
            ([(2, 3), (3, 1)], None, "L2H3 and L3H1", "2 heads"),
            ([(0, 1), (2, 3), (3, 1)], None, "L0H1, L2H3 and L3H1", "3 heads"),
            ([(0, head) for head in range(5)], None, "these 5 heads", "5 heads"),
            ([(2, 3), (2, 6), (3, 1)], "induction", "all 3 induction heads", "3 heads"),
        ],
    )
    def test_heads_are_named_as_briefly_as_can_be(self, heads, role, name, mark):
        chosen = tuple(HeadId(*head) for head in heads)
        assert words.heads_name(chosen, role) == name
        assert words.heads_mark(chosen) == mark

    @pytest.mark.parametrize(
        ("before", "after", "end"),
        [
            (0.58, 0.37, " falls from 58 % to 37 %."),
            (0.37, 0.58, " rises from 37 % to 58 %."),
            (0.5801, 0.5799, " stays at about 58 %."),
            (0.041, 0.022, " falls from 4.1 % to 2.2 %."),
            (0.78, 0.001, " falls from 78 % to <1 %."),
            (0.999, 0.998, " stays above 99 %."),
            (0.0001, 0.0002, " stays below 0.1 %."),
        ],
    )
    def test_the_answer_says_which_way_and_from_where_to_where(self, service, before, after, end):
        _view, result = off(service)
        result = replace(
            result,
            before=(replace(result.before[0], prob=before), *result.before[1:]),
            after=(replace(result.after[0], prob=after), *result.after[1:]),
        )
        assert words.result_words(result, "L2H3") == ("Without L2H3, the probability of ", "river", end)

    def test_another_first_guess_is_told_by_id_and_not_by_how_it_reads(self, service):
        _view, result = off(service)
        assert words.new_first_words(result) is None
        alike = replace(result.after[1], token=replace(result.after[1].token, word="river"), prob=0.5)
        changed = replace(result, after=(result.after[0], alike, *result.after[2:]))
        assert words.new_first_words(changed) == ("Of the ten first guesses, ", "river", LIKELIEST)

    def test_one_draw_far_above_all_others_is_named(self, service):
        _view, result = off(service)
        usual = [ControlDraw((HeadId(0, head),), 0.01 * head, 0.5) for head in range(2, 8)]
        outlier = ControlDraw((HeadId(0, 1),), 5.82, 0.001)
        most = replace(result, kl_nats=4.74, controls=(*usual, outlier))
        told = words.outlier_words(most)
        assert told.startswith("One of the random heads, L0H1, matters more than all others: ")
        assert "5.82 nats, without any other by at most 0.07 nats." in told
        assert told.endswith("Beside the other 6, L2H3 stands out.")
        assert most.verdict.kind is Kind.MORE_THAN_MOST
        still = tuple(replace(draw, kl_nats=0.0001) for draw in usual)
        nothing = replace(result, kl_nats=0.0005, controls=(*still, outlier))
        assert nothing.verdict.kind is Kind.NEXT_TO_NOTHING
        assert "stands out" not in words.outlier_words(nothing), "the verdict says the opposite"
        below = words.outlier_words(replace(most, kl_nats=0.05))
        assert "stands out" not in below
        assert words.outlier_words(replace(result, controls=tuple(usual))) == ""
        assert words.outlier_words(replace(result, controls=(usual[0], outlier))) == ""

    def test_an_outlying_set_names_its_heads(self, service):
        _view, result = off(service, [HeadId(2, 3), HeadId(3, 1)])
        usual = [ControlDraw((HeadId(0, head), HeadId(1, head)), 0.01, 0.5) for head in range(2, 8)]
        outlier = ControlDraw((HeadId(0, 1), HeadId(1, 0)), 2.0, 0.1)
        told = words.outlier_words(replace(result, kl_nats=0.5, controls=(*usual, outlier)))
        assert told.startswith("One of the random sets of heads, L0H1 with L1H0, matters")
        assert told.endswith("Beside the other 6, 2 heads stand out.")

    def test_the_range_of_the_controls_in_words(self):
        assert words.control_range([], 1) == ""
        assert words.control_range([0.5], 1) == "With 1 random head off, the probability lies at about 50 %."
        assert words.control_range([0.5, 0.61], 3) == (
            "With 2 random sets of 3 heads off, one set at a time, the probability lies between 50 % and 61 %."
        )

    @pytest.mark.parametrize(("value", "text"), [(3.14, "+3.1"), (-0.4, "−0.4"), (-0.04, "0.0"), (0.0, "0.0")])
    def test_a_sign_is_written_unless_nothing_is_left(self, value, text):
        assert signed(value) == text

    def test_a_small_change_is_not_written_as_none(self):
        assert (words.nats(0.001), words.nats(0.0), words.nats(0.444)) == ("<0.01 nats", "0.00 nats", "0.44 nats")


class TestPlot:
    plot = DotPlot(0.58, 0.37, (("L0H0", 0.57), ("L0H1", 0.57), ("L0H2", 0.6)), "induction", "L2H3", "p", True, 0.1)

    def test_equal_points_are_stacked_and_distant_ones_are_not(self):
        assert switch_off_plot.stacked([0.5, 0.5, 0.9, 0.5], 0.03) == [0, 1, 0, 2]
        assert switch_off_plot.stacked([0.50, 0.52, 0.54], 0.03) == [0, 1, 0]
        assert switch_off_plot.stacked([], 0.03) == []

    def test_each_figure_stands_where_it_was_measured(self):
        figure = switch_off_plot.dot_plot_figure(self.plot)
        controls, point = figure.data
        assert list(controls.x) == [0.57, 0.57, 0.6]
        assert controls.y[0] < controls.y[1]
        assert list(point.x) == [0.37]
        assert point.marker.color == "var(--role-induction, var(--ink-2))"
        assert figure.layout.shapes[0].x0 == figure.layout.shapes[0].x1 == 0.58
        texts = [annotation.text for annotation in figure.layout.annotations]
        assert texts == ["", "<b>L2H3 off: 37 %</b>", "<b>all heads on: 58 %</b>"]

    def test_a_point_on_the_line_has_no_arrow(self):
        figure = switch_off_plot.dot_plot_figure(replace(self.plot, after=0.58))
        assert not [annotation for annotation in figure.layout.annotations if annotation.showarrow]

    def test_the_axis_holds_all_points_and_never_looks_closer_than_it_should(self):
        low, high = switch_off_plot.axis_range(self.plot)
        assert low < 0.37
        assert high > 0.6
        low, high = switch_off_plot.axis_range(DotPlot(0.5, 0.501, (), "other", "L0H0", "p", True, 0.1))
        assert high - low == pytest.approx(0.1)
        low, high = switch_off_plot.axis_range(DotPlot(0.001, 0.002, (), "other", "L0H0", "p", True, 0.1))
        assert (low, high) == (0, pytest.approx(0.1))
        low, high = switch_off_plot.axis_range(DotPlot(0.999, 0.4, (), "other", "L0H0", "p", True, 0.1))
        assert high == 1

    @pytest.mark.parametrize(("low", "high"), [(0.3, 0.7), (-0.02, 1.02), (0.0, 0.01), (0, 9.3), (-0.1, 0.4)])
    def test_ticks_are_round_and_few(self, low, high):
        places = themed_graph.ticks(low, high)
        assert 3 <= len(places) <= 8
        assert all(low <= place <= high for place in places)

    def test_losses_are_written_as_they_are(self):
        plot = DotPlot(0.4, 2.53, (), "other", "L0H0", "loss", False, 0.5)
        assert plot.figure_text(2.53) == "2.53"
        assert set(switch_off_plot.dot_plot_figure(plot).layout.xaxis.ticktext) >= {"0.5", "1"}

    def test_it_is_an_image_with_its_answer_as_words(self, service):
        view, result = off(service)
        image = next(
            node for node in nodes(switch_off_result.content(view, result)) if node["props"].get("role") == "img"
        )
        assert image["props"]["aria-label"].startswith("Without L2H3, the probability of river falls from 58 % to 37 %")


class TestFurtherQuestions:
    def test_the_text_said_twice_is_told_beside_the_controls(self, page, service):
        assert pressed_more(page, service, switch_off_more.CopyLine, presses=None) is no_update
        shown = text_of(pressed_more(page, service, switch_off_more.CopyLine))
        assert "Without L2H3, the loss on the second copy rises from 0.40 to 2.50 nats per token." in shown
        assert "With none of 6 random draws is it as high." in shown
        assert "6 random heads from the same layer off, one at a time" in shown
        assert "second text" not in shown
        own = text_of(pressed_more(page, service, switch_off_more.CopyLine, method="resample", other="A dog"))
        assert "Your second text is not said twice, so a text of Headlight’s own stands in here." in own
        assert "18 tokens, said twice." in shown

    def test_a_text_too_short_to_be_said_twice_is_refused_in_words(self, page, service):
        assert "too little to say twice" in text_of(pressed_more(page, service, switch_off_more.CopyLine, prompt="Hi"))

    def test_they_ask_about_heads_method_and_role_of_the_page(self, service):
        layout = switch_off_more.layout(head_view_of(service, off="2.3,2.6", method="zero"))
        for line, kind in ((switch_off_more.CopyLine, "second_copy"), (switch_off_more.LaterLine, "later_patterns")):
            (store,) = [node["props"] for node in nodes(layout) if node["props"].get("id") == line.asked]
            wanted = store["data"]["question"]
            assert (wanted["kind"], wanted["method"]) == (kind, "zero")
            assert [tuple(head) for head in wanted["heads"]] == [(2, 3), (2, 6)]
            assert wanted["position"] == -1, "the token of the page does not matter to them"

    def test_a_control_that_costs_as_much_is_counted(self, service):
        result = service.experiments.second_copy(MODEL, REPEATING, [NO_JOB_HEAD])
        told = words.copy_words(result, "L2H2")
        assert "With 6 of 7 random draws it is as high or higher." in told

    def test_the_most_moved_later_heads_are_links_with_their_job_before_and_after(self, page, service):
        shown = pressed_more(page, service, switch_off_more.LaterLine)
        links = [node["props"] for node in nodes(shown) if node["type"] == "Link"]
        assert [link["children"] for link in links] == [f"L3H{head}" for head in reversed(range(8))]
        assert "layer=3&head=7" in links[0]["href"]
        table = text_of(shown)
        assert "80 %" in table
        assert "at most 10 %" in table
        assert "moves with 6 random heads from the same layer off, one at a time." in table
        assert "resting" in table
        assert "→" in table

    def test_without_a_control_the_table_of_later_heads_says_so(self, service):
        view = head_view_of(service, off="0.0")
        result = replace(service.experiments.later_patterns(MODEL, REPEATING, [(0, 0)]), controls=())
        shown = text_of(switch_off_more.later_content(view, result))
        assert "There are too few other heads for a control." in shown
        assert "random heads off." not in shown

    def test_a_later_head_whose_job_cannot_show_says_so(self, service):
        view = head_view_of(service, prompt="A lonely sailor watched dark clouds", off="0.0")
        result = service.experiments.later_patterns(MODEL, view.question.prompt, [(0, 0)])
        assert switch_off_more.job_change(view, result, HeadId(3, 1)).startswith("induction, cannot show")
        assert switch_off_more.job_change(view, result, NO_JOB_HEAD) == "none"

    def test_for_the_last_layer_there_is_no_later_head_to_ask_about(self, service):
        last, earlier = (switch_off_more.layout(head_view_of(service, off=heads)) for heads in ("3.1,3.2", "2.3,3.1"))
        assert "no later head" in text_of(last)
        assert "no later head" not in text_of(earlier)
        ids = {str(node["props"].get("id")) for node in nodes(last)}
        assert switch_off_more.Ids.later not in ids


class TestWiring:
    def test_the_page_appears_without_any_experiment(self, service, monkeypatch):
        for name in ("switch_off", "second_copy", "later_patterns", "direct_logits", "scan", "logit_lens"):
            monkeypatch.setattr(service.experiments, name, lambda *_asked, **_more: pytest.fail("in a layout"))
        search = head_search(INDUCTION_HEAD, off="2.3", method="zero", at=8)
        assert to_json(head_page.layout(service, Question(MODEL, REPEATING), search))

    def test_every_fixed_id_of_the_parts_is_in_their_skeletons(self, service):
        view, _result = off(service, [NO_JOB_HEAD])
        pairs = [
            (head_position.skeleton(), head_position.layout(view)),
            (head_writes.skeleton(), head_writes.layout(view)),
            (
                head_switch_off.skeleton(),
                html.Div([head_switch_off.layout(view), switch_off_more.layout(view)]),
            ),
        ]
        for skeleton, layout in pairs:
            known = {json.dumps(node["props"].get("id")) for node in nodes(skeleton)}
            for node in nodes(layout):
                is_input = node["type"] in ("RadioItems", "Select", "Checklist", "Store", "Button")
                own = str(node["props"].get("id", "")).startswith(("head-", "switch-off"))
                if is_input and own:
                    assert json.dumps(node["props"]["id"]) in known

    def test_a_figure_and_its_graph_share_a_name(self, service):
        view, result = off(service)
        ids = [node["props"].get("id") for node in nodes(switch_off_result.content(view, result))]
        assert themed_graph.Ids.graph("switch-off") in ids
        assert themed_graph.Ids.figure("switch-off") in ids

    def test_the_fake_costs_what_its_documentation_says(self, service):
        _view, result = off(service)
        assert result.after[0].prob == pytest.approx(FIRST_PROB - COST)
        assert result.kl_nats > max(draw.kl_nats for draw in result.controls)
