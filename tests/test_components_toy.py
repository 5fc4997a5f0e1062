"""Claims about the toy page: what each card says of the student's text, the training, the detectors, the fit."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from app import create_app
from components import frame, model_menu
from components.address import TOY_PROMPT, Question
from components.learn import learn_page
from components.toy import detector_lists, toy_card, toy_page, toy_strip, training_plot, why_two_layers
from components.toy.toy_view import ToyView, toy_view
from components.toy.training_figure import Line, training_figure
from tests.fake_service import MODEL, PLAIN, REPEATING, FakeHeadlight
from tests.fake_toy import ANCHOR, COPY, QUERY, READER, RIVER, STEPS, WRITER, toy_model
from tests.test_components_heads import nodes, text_of, with_class
from utils.circuits.composition import Composition
from utils.heads import HeadId
from utils.measures.states import State
from utils.models.completeness import missing_files
from utils.service import Headlight
from utils.settings import SHIPPED_MODELS_DIR, Settings
from utils.toy.dynamics import TrainingDynamics
from utils.toy.looks import HeadLook, note_pair
from utils.toy.pair import ONE_LAYER, TWO_LAYERS, ToyModel

HOSTILE = "<b>x</b> & <script> said, <b>x</b> & <script> said, <b>x</b>"


def toy_pair(prompt: str = REPEATING, kept: bool = True, **jobs: dict[HeadId, str]) -> ToyView:
    one = toy_model(ONE_LAYER, prompt, jobs.get("one"), kept)
    two = toy_model(TWO_LAYERS, prompt, jobs.get("two"), kept)
    return ToyView(Question(MODEL, prompt), one, two, 128)


def sentence_of(view: ToyView, model: ToyModel) -> str:
    return text_of(toy_card.sentence(view, model, view.look(model)))


@pytest.fixture(scope="module")
def view() -> ToyView:
    return toy_pair()


class TestLook:
    @pytest.mark.parametrize("prompt", [PLAIN, "one two two two two", "Hi"])
    def test_both_cards_give_the_reason_where_induction_cannot_show(self, prompt):
        view = toy_pair(prompt)
        reason = view.two.analysis.roles["induction"].reason
        assert view.query_pos is None
        assert [sentence_of(view, model).lower() for model in view.models] == [reason.lower()] * 2

    def test_a_text_without_repeats_has_no_token_to_be_about(self):
        view = toy_pair(PLAIN)
        assert view.query_pos is None
        assert all(view.look(model) is None for model in view.models)

    def test_without_an_induction_head_both_cards_are_still_about_one_token(self):
        view = toy_pair(two={WRITER: "previous_token"})
        assert view.query_pos == QUERY
        assert view.look(view.two) is None


class TestSentences:
    def test_two_layers_leave_a_note_and_find_it(self, view):
        words = sentence_of(view, view.two)
        assert words.startswith("L0H1 left a note on  river 8 : “I come after  the .”")
        assert words.endswith("At the last  the 17  L1H2 finds it, with 100 % of its attention.")

    def test_one_layer_without_a_duplicate_token_head_claims_none(self, view):
        words = sentence_of(view, view.one)
        assert "no head gives an earlier" in words
        assert "stops there" not in words

    def test_one_layer_with_one_finds_the_copy_and_stops(self):
        view = toy_pair(one={HeadId(0, 2): "duplicate_token"})
        assert "L0H2 finds the earlier  the 7  and stops there." in sentence_of(view, view.one)

    def test_a_text_without_repeats_gives_the_same_reason_twice_and_a_way_out(self):
        view = toy_pair(PLAIN)
        reasons = {sentence_of(view, model) for model in view.models}
        assert len(reasons) == 1
        assert "All 10 tokens here are different" in reasons.pop()
        assert "Say it twice" in text_of(toy_page._say_it_twice(view))

    def test_the_caption_counts_the_heads_that_do_it_and_says_chance(self, view):
        assert toy_card.best_caption(view.two, view.two.best_induction()).startswith("One head in layer 1 does it.")
        assert toy_card.best_caption(view.one, view.one.best_induction()).startswith(
            "No head of this model does this job."
        )

    @pytest.mark.parametrize(
        ("state", "words"),
        [
            (State.HERE_AND_THERE, "L1H2 does it here and there, below its usual level."),
            (State.CANNOT_TELL, "L1H2 hits it, but so might a blind look"),
            (State.BELOW_USUAL, "No head does it here."),
            (State.NOT_SEEN, "No head does it here."),
        ],
    )
    def test_a_model_whose_heads_are_not_active_says_in_which_state_they_are(self, view, state, words):
        summary = view.two.analysis.roles["induction"]
        heads = tuple(replace(head, state=state) for head in summary.heads)
        roles = {**view.two.analysis.roles, "induction": replace(summary, heads=heads)}
        two = replace(view.two, analysis=replace(view.two.analysis, roles=roles))
        best = view.two.best_induction()
        levels = best.levels | {"induction": replace(best.levels["induction"], status=state.value)}
        assert toy_card.best_caption(two, replace(best, levels=levels)).startswith(words)

    def test_plain_scores_are_named_where_they_stand(self, view):
        page = text_of(training_plot.layout(view))
        assert "plain, from 0 to 1" in page
        assert "told by plain scores, in which rest counts" in page
        assert "The plain score, rest counted in" in text_of(toy_card.layout(view, view.two))
        assert "counts against it here" in detector_lists.why_apart(10)

    def test_what_was_typed_is_never_markup(self):
        view = toy_pair(HOSTILE)
        for model in view.models:
            card = toy_card.layout(view, model)
            assert not {"Markdown", "DangerouslySetInnerHTML"} & {node["type"] for node in nodes(card)}


class TestCards:
    def test_equal_parts_stand_in_equal_order(self, view):
        def outline(model: ToyModel) -> list[str]:
            parts = nodes(toy_card.layout(view, model))[0]["props"]["children"]
            return [str(part["props"].get("className", "")).split(" ")[0] for part in parts]

        assert outline(view.one) == outline(view.two)
        assert len(outline(view.one)) == 5

    def test_heads_show_the_sign_of_their_job_and_open_their_own_page(self, view):
        cells = with_class(toy_card.layout(view, view.two), "toy-cell")
        assert len(cells) == 8
        assert [str(HeadId(*divmod(at, 4))) for at, cell in enumerate(cells) if "role-induction" in str(cell)] == [
            str(READER)
        ]
        assert "model=classroom-attn-2l" in cells[6]["props"]["href"]
        assert "layer=1&head=2" in cells[6]["props"]["href"]

    def test_the_strip_leaves_out_the_middle_and_keeps_what_the_sentence_names(self):
        look = HeadLook(READER, "induction", QUERY, RIVER, 0.9, COPY, writer=WRITER)
        places = toy_strip.shown_places(18, look)
        assert places == [6, 7, 8, 9, 10, 11, 12, None, 16, 17]
        assert toy_strip.shown_places(5, replace(look, query_pos=4, key_pos=2, copy_pos=1)) == [0, 1, 2, 3, 4]
        assert toy_strip.shown_places(18, None) == list(range(11, 18))

    @pytest.mark.parametrize(("writer", "class_name"), [(WRITER, "toy-back"), (None, "toy-note--none")])
    def test_the_note_stands_there_only_if_somebody_left_it(self, view, writer, class_name):
        look = HeadLook(READER, "induction", QUERY, RIVER, 0.9, COPY, writer=writer)
        strip = toy_strip.layout(view.two.analysis.forward.tokens, look)
        found = {name: bool(with_class(strip, name)) for name in ("toy-back", "toy-note--none")}
        assert found == {"toy-back": class_name == "toy-back", "toy-note--none": class_name == "toy-note--none"}

    def test_three_guesses_each(self, view):
        assert all(len(with_class(toy_card.layout(view, model), "guess")) == 3 for model in view.models)

    def test_the_guesses_name_the_token_that_they_follow(self, view):
        assert "What comes next, after  the 17 ?" in text_of(toy_card.layout(view, view.two))

    def test_what_stays_of_the_finished_model_can_be_titled_so(self, view):
        card = toy_card.layout(view, view.two)
        titled = [box for name in ("toy-piece", "toy-guesses") for box in with_class(card, name)]
        assert [len(with_class(box, "toy-finished")) for box in titled] == [1, 1]


class TestTraining:
    def test_the_sentence_is_measured(self, view):
        words = training_plot.change_sentence(view.two.dynamics, view.one.dynamics)
        assert words == (
            "Within 100 steps, from step 200 on, the two-layer model grows its induction heads; the one-layer model "
            "never does. On the second copy of a repeated text the two-layer model’s loss falls from 3.0 to 0.1 nats."
        )

    def test_without_a_rise_nothing_is_shaded_and_no_growth_is_claimed(self, view):
        flat = view.one.dynamics
        assert "no moment to shade" in training_plot.change_sentence(flat, flat)
        lines = (Line("one layer", flat.best("induction"), False), Line("two layers", flat.best("induction"), True))
        figure = training_figure(lines, STEPS.tolist(), 1.05, change=None)
        assert not figure.layout.shapes
        assert "phase change" not in str(figure.layout.annotations)

    def test_the_shaded_steps_are_those_of_the_phase_change(self):
        lines = (Line("one layer", np.zeros(4), False), Line("two layers", np.arange(4.0), True))
        shapes = training_figure(lines, STEPS.tolist(), 1.05, change=(100, 300), chance=0.1).layout.shapes
        assert (shapes[0].x0, shapes[0].x1) == (100, 300)
        assert shapes[1].y0 == shapes[1].y1 == 0.1

    def test_no_line_has_the_colour_of_a_role(self):
        lines = (Line("one layer", np.zeros(4), False), Line("two layers", np.arange(4.0), True))
        assert "--role" not in training_figure(lines, STEPS.tolist(), 1, change=(100, 300)).to_json()

    def test_the_browser_gets_every_step_of_both_models(self, view):
        data = training_plot.step_data(view)
        assert data["steps"] == STEPS.tolist()
        assert [card["title"] for card in data["cards"]] == ["one layer", "two layers"]
        for card, model in zip(data["cards"], view.models, strict=True):
            assert len(card["best"]) == len(card["roles"]) == 4
            assert len(card["names"]) == len(card["roles"][0]) == model.shape.n_all
        assert len(str(training_plot.step_data(view))) < 5000

    def test_only_steps_that_both_have_are_offered(self, view):
        shorter = TrainingDynamics(STEPS[:2], np.zeros(2), np.zeros(2), 0.01, {"induction": np.zeros((2, 1, 4))})
        half = replace(view, one=replace(view.one, dynamics=shorter))
        assert half.steps() == [0, 100]
        assert training_plot.step_data(half)["steps"] == [0, 100]

    def test_both_plots_have_their_table(self, view):
        section = training_plot.layout(view)
        rows = [node for node in nodes(section) if node["type"] == "Tr"]
        assert len(rows) == 2 * (1 + len(STEPS))
        assert "200 0.00 0.60" in text_of(section)

    def test_without_kept_copies_a_sentence_says_so(self):
        section = training_plot.layout(toy_pair(kept=False))
        assert training_plot.NO_DYNAMICS in text_of(section)
        assert not [node for node in nodes(section) if node["props"].get("id") == training_plot.Ids.slider]


class TestDetectors:
    def test_lists_stand_side_by_side_and_follow_the_threshold(self, view):
        cells = [text_of(node) for node in nodes(detector_lists.lists(view, 0.4)) if node["type"] == "Td"]
        assert cells[0] == "none"
        assert "L0H1" in cells[1]
        highest = [text_of(node) for node in nodes(detector_lists.lists(view, 1.0)) if node["type"] == "Td"]
        assert highest == ["none"] * 6

    def test_the_page_says_why_they_are_kept_apart(self):
        words = detector_lists.why_apart(5)
        assert "of 5 tokens that alone gives every head 0.20" in words
        assert "chance" in words


class TestWhy:
    def composition(self, score: float) -> Composition:
        scores = np.full((8, 8), np.nan)
        scores[:4, 4:] = 0.02
        scores[1, 6] = score
        return Composition("K", 2, 4, scores, 0.05, 0.001, np.full((8, 8), 20.0), 25.0, 8.0)

    def test_without_a_pair_the_page_says_so(self):
        section = why_two_layers.layout(toy_pair(two={ANCHOR: "positional"}))
        assert why_two_layers.NO_PAIR in text_of(section)

    def test_a_fit_is_a_multiple_of_random_with_its_rank_and_no_cause(self):
        words = text_of(why_two_layers.link_words(self.composition(0.2), WRITER, READER, REPEATING))
        assert "4.0 × random, the best of 4 heads" in words
        assert "A fit is no cause." in words

    def test_a_poor_fit_is_told_by_its_rank(self):
        words = text_of(why_two_layers.link_words(self.composition(0.01), WRITER, READER, REPEATING))
        assert "0.2 × random, number 4 of 4 heads that" in words

    def test_the_first_guess_is_named_only_if_it_is_what_was_found(self, view):
        assert "river , the model’s first guess here (58 %)." in text_of(why_two_layers.layout(view))
        other = toy_pair(f"{REPEATING} river and his ring in the")
        assert "first guess" in text_of(why_two_layers.layout(other))
        unlike = toy_pair("my cat and my")
        assert "first guess" not in text_of(why_two_layers.layout(unlike))


class TestPage:
    def test_a_missing_pair_is_told_with_what_to_do(self, monkeypatch, tmp_path):
        monkeypatch.setattr("utils.settings.SHIPPED_MODELS_DIR", tmp_path)
        page = toy_page.layout(FakeHeadlight(), Question(MODEL, REPEATING))
        words = text_of(page)
        assert "The toy pair is not complete on this computer." in words
        assert "models/classroom-attn-1l and models/classroom-attn-2l" in words
        assert toy_page.TITLE in words

    def test_all_parts_stand_in_order(self, view, monkeypatch):
        monkeypatch.setattr(toy_page, "missing_models", lambda _settings: [])
        monkeypatch.setattr(toy_page, "toy_view", lambda _service, _question: view)
        page = toy_page.layout(SimpleNamespace(settings=Settings()), view.question)
        titles = [text_of(node) for node in nodes(page) if node["type"] in ("H1", "H2")]
        assert titles == [
            toy_page.TITLE,
            "One layer",
            "Two layers",
            "The moment it learns",
            "Why two layers",
            "Detectors in one line",
        ]
        assert toy_page.SAME in text_of(page)
        assert any("/circuits?model=gpt2" in str(node["props"].get("href")) for node in nodes(page))

    def test_an_address_without_a_text_opens_on_the_example_that_shows_the_title(self, service):
        client = create_app(service).server.test_client()
        answer = client.get("/circuits/toy?model=gpt2")
        assert answer.status_code == 302
        asked = parse_qs(urlsplit(answer.location).query)
        assert asked == {"model": ["gpt2"], "prompt": [TOY_PROMPT]}
        assert client.get("/circuits/toy?prompt=").status_code == 200
        assert client.get("/circuits").status_code == 200

    def test_the_header_names_the_pair(self, service):
        menu = model_menu.layout(frame.HEADER, service.models(), Question(MODEL, REPEATING), MODEL, frame.TOY_PAIR)
        assert "Classroom toy pair" in text_of(menu.label)

    def test_slider_names_stay_and_their_values_are_beside_them(self, view):
        for part, name in ((training_plot, "Training step"), (detector_lists, "Threshold")):
            labels = [text_of(node) for node in nodes(part.layout(view)) if node["type"] == "Label"]
            assert labels == [name]

    def test_a_pair_that_did_not_grow_one_is_told(self):
        view = toy_pair(two={ANCHOR: "positional"})
        assert toy_page.NOT_GROWN in toy_page.lead(view)

    def test_the_induction_lesson_leads_here(self, service):
        lesson = learn_page.layout(service, Question(MODEL, REPEATING), "")
        links = [node for node in nodes(lesson) if "/circuits/toy?" in str(node["props"].get("href"))]
        assert len(links) == 1


@pytest.fixture(scope="module")
def shipped() -> ToyView:
    if any(missing_files(SHIPPED_MODELS_DIR / name) for name in (ONE_LAYER, TWO_LAYERS)):
        pytest.skip("models/classroom-attn-1l and -2l ARE NOT HERE: what the toy page says was NOT checked")
    return toy_view(Headlight(Settings(offline=True)), Question(MODEL, REPEATING))


class TestShippedPair:
    """The page's claims on the models that ship."""

    def test_only_the_two_layer_model_has_induction_heads(self, shipped):
        assert shipped.one.catalogue is not None
        assert shipped.two.catalogue is not None
        assert not shipped.one.catalogue.heads_of("induction")
        assert shipped.two.catalogue.heads_of("induction")[0].score > 0.8

    def test_two_layers_guess_what_followed_and_one_layer_does_not(self, shipped):
        guesses = [model.analysis.forward.predictions[0].token.word for model in shipped.models]
        assert guesses[1] == "river"
        assert guesses[0] != "river"

    def test_the_induction_head_finds_a_note_from_layer_0(self, shipped):
        look = shipped.look(shipped.two)
        assert look is not None
        assert look.writer is not None
        assert (look.head.layer, look.writer.layer) == (1, 0)

    def test_the_pair_fits_clearly_better_than_random(self, shipped):
        pair = note_pair(shipped.two)
        assert pair is not None
        assert Headlight(Settings(offline=True)).circuits.composition(TWO_LAYERS, "K").multiple(*pair) > 1.5
