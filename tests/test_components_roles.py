"""The parts of the Roles page as pure functions of an analysis: states, sentences, promises."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import plotly.utils
import pytest

from components import cut_word_help, evidence_sentence, predictions, role_help, token_strip
from components.address import Question, fix_href, head_href, heads_href, roles_href
from components.chip import said_twice, shortened
from components.lamp import lamp, state_mark
from components.numbers import in_words, percent, probability
from components.prompt_bar import EXAMPLES
from components.roles import bar_guide, head_rows, resting_card, role_card, roles_page, stage
from components.roles.headline import headline, lead, less_clearly, resting_sentence
from components.roles.roles_view import roles_view
from components.score_bar import bar_text, score_bar
from components.token_chip import token_chip
from tests.fake_service import MODEL, OTHER_MODEL, PLAIN, REPEATING, FakeHeadlight
from tests.fake_writing import DAYS, TWO_NAMES, WritingHeadlight
from utils.analysis import analyze
from utils.catalogue.causes import HeadCause
from utils.demonstration import MAX_ARCS, demonstrate
from utils.errors import Fix
from utils.example_texts import DEFAULT_PROMPT
from utils.heads import HeadId
from utils.measures.reading import Look
from utils.measures.states import State
from utils.reasons import how_lucky, what_would_tell
from utils.roles import JOBS, ROLES
from utils.summary import HeadEntry, RestingHeads, strongest_entry
from utils.tokens import Token

BELOW = "It was dark"
LARGEST_ANSWER_BYTES = 130_000


def inside(component):
    """What a component holds; a plain one holds a tree."""
    return getattr(component, "tree", None) or getattr(component, "children", None)


def words(component) -> str:
    """All text of a component, as a reader sees it."""
    if component is None or isinstance(component, str | int | float):
        return "" if component is None else str(component)
    if isinstance(component, list | tuple):
        return "".join(words(child) for child in component)
    return words(inside(component))


def every(component, class_name: str) -> list:
    """All components in a tree that carry a class."""
    if isinstance(component, list | tuple):
        return [found for child in component for found in every(child, class_name)]
    if not hasattr(component, "to_plotly_json"):
        return []
    names = (getattr(component, "className", None) or "").split()
    found = [component] if class_name in names else []
    return found + every(inside(component), class_name)


def view_of(prompt: str, model: str = MODEL, service: FakeHeadlight | None = None):
    return roles_view(service or FakeHeadlight(), Question(model, prompt))


def with_status(view, role: str, **changes):
    """The same view with other facts about one role."""
    roles = {**view.analysis.roles, role: replace(view.analysis.roles[role], **changes)}
    return replace(view, analysis=replace(view.analysis, roles=roles))


def all_with(view, status: str):
    """The same view with every role in one state."""
    for role in ROLES:
        view = with_status(view, role, status=status)
    return view


A, T, L, B, N = State  # active, here and there, cannot tell, below usual, not seen


def with_heads(view, states, scores=None, n_having: int | None = None, **figures):
    """The same view with heads of these states on the induction card, each a copy of L2H3 with another score."""
    (one,) = [head for head in view.analysis.roles["induction"].heads if head.id == HeadId(2, 3)]
    scores = scores or [one.looking_score] * len(states)
    heads = tuple(
        replace(one, state=state, looking_score=score, **figures) for state, score in zip(states, scores, strict=True)
    )
    status = max(states, key=lambda state: state.rank).value if states else "no_heads"
    n_having = len(heads) if n_having is None else n_having
    return with_status(view, "induction", status=status, heads=heads, n_having=n_having)


@pytest.fixture
def repeating():
    return view_of(REPEATING)


@pytest.fixture
def plain():
    return view_of(PLAIN)


class TestHeadline:
    def test_counts_the_jobs_that_light_up(self, repeating):
        assert headline(repeating.analysis) == "Four of five jobs of looking light up on your text."

    def test_says_how_many_jobs_wait_for_repetition(self, plain):
        assert headline(plain.analysis) == "Two of five jobs of looking light up. Two need repetition."

    def test_one_job_lights_up_in_the_singular(self, plain):
        view = with_status(plain, "diffuse", status="below_usual")
        assert headline(view.analysis) == "One of five jobs of looking lights up. Two need repetition."

    @pytest.mark.parametrize(
        ("status", "said"),
        [
            ("not_seen", "None of the five jobs of looking or the four of writing lights up on your text."),
            ("here_and_there", "None of the five jobs of looking or the four of writing lights up on your text."),
            ("active", "All five jobs of looking and all four of writing light up on your text."),
        ],
    )
    def test_none_and_all_of_the_jobs(self, repeating, status, said):
        assert headline(all_with(repeating, status).analysis) == said

    def test_rest_is_no_job_and_is_never_counted(self, repeating):
        view = with_status(all_with(repeating, "not_seen"), "positional", status="active")
        assert headline(view.analysis).startswith("None of the five")

    @pytest.mark.parametrize("prompt", ["Hi", "Hi there"])
    def test_a_text_too_short_does_not_speak_of_repetition(self, prompt):
        view = view_of(prompt)
        assert headline(view.analysis) == "This text is too short to tell."
        assert "repeat" not in lead(view.analysis, True)

    def test_grey_for_want_of_repetition_is_no_fault(self, plain):
        assert "nothing in this text does." in lead(plain.analysis, True)

    @pytest.mark.parametrize(
        ("others", "said"),
        [
            ({}, ""),
            ({"induction": "here_and_there"}, "One more shows here and there."),
            ({"induction": "here_and_there", "diffuse": "here_and_there"}, "Two more show here and there."),
            ({"induction": "cannot_tell"}, "One more cannot be told from luck."),
            (
                {"induction": "here_and_there", "current_token": "cannot_tell", "diffuse": "cannot_tell"},
                "One more shows here and there, and two cannot be told from luck.",
            ),
        ],
    )
    def test_jobs_that_show_less_clearly_are_counted_below(self, repeating, others, said):
        view = all_with(repeating, "not_seen")
        for role, status in ({"previous_token": "active"} | others).items():
            view = with_status(view, role, status=status)
        assert less_clearly(view.analysis) == said

    def test_here_and_there_is_not_more_than_nothing(self, repeating):
        view = with_status(all_with(repeating, "not_seen"), "induction", status="here_and_there")
        assert less_clearly(view.analysis) == "One shows here and there."

    @pytest.mark.parametrize(
        ("n_heads", "said", "going_on"),
        [
            (0, "", ""),
            (1, "One of the 270 {attention heads} mostly rests.", "one of the 270 mostly rests."),
            (9, "Nine of the 270 {attention heads} mostly rest.", "nine of the 270 mostly rest."),
            (166, "166 of the 270 {attention heads} mostly rest.", "166 of the 270 mostly rest."),
        ],
    )
    def test_resting_heads_are_counted(self, n_heads, said, going_on):
        assert resting_sentence(RestingHeads(n_heads, 270)) == said
        assert resting_sentence(RestingHeads(n_heads, 270), is_start=False) == going_on

    def test_the_lead_says_what_tokens_are_and_how_many_heads_rest(self, repeating):
        n_resting = repeating.analysis.n_resting.n_heads
        assert 0 < n_resting < 10
        assert lead(repeating.analysis, True).endswith(f"and {in_words(n_resting)} of the 32 mostly rest.")

    @pytest.mark.parametrize(
        ("prompt", "said"),
        [
            ("one two three", "Three words give them little to look at."),
            ("one two three four five six seven eight nine ten eleven", "They find little to look at in it."),
        ],
    )
    def test_a_text_on_which_everything_rests_says_so(self, prompt, said):
        analysis = view_of(prompt).analysis
        patterns = np.zeros_like(analysis.forward.patterns)
        patterns[..., 0] = 1
        rested = analyze(replace(analysis.forward, patterns=patterns), FakeHeadlight().catalogue(MODEL))
        assert lead(rested, True) == f"32 of 32 {{attention heads}} rest on this text. {said}"

    def test_it_never_says_that_nothing_repeats_when_something_does(self):
        view = view_of("go go go")
        assert "nothing in this text does" not in lead(view.analysis, True)

    @pytest.mark.parametrize("prompt", ["no no no no", "a b a b a b"])
    def test_a_text_made_of_repetition_is_not_said_to_need_repetition(self, prompt):
        said = headline(view_of(prompt).analysis)
        assert "repetition" not in said
        assert said.endswith("cannot be told apart here.")

    def test_a_word_in_another_spelling_is_not_said_to_be_nothing(self):
        said = lead(view_of("The fox saw the bear").analysis, True)
        assert "nothing in this text does" not in said
        assert "another token" in said

    def test_a_model_without_catalogue_says_so(self, repeating):
        assert "not analysed yet" in lead(repeating.analysis, False)


class TestCard:
    def test_active_counts_its_heads_and_proves_itself(self, repeating):
        card = role_card.layout(repeating, "induction")
        assert "Active: 3 of 3 heads" in words(card)
        assert "L2H3 looks at" in words(card)
        assert len(every(card, "head-row")) == 3

    def test_not_applicable_has_a_reason_and_no_bars(self, plain):
        card = role_card.layout(plain, "induction")
        assert "Cannot show on this text" in words(card)
        assert "Why it is grey: an induction head needs a token it has seen before." in words(card)
        assert every(card, "bar") == []

    @pytest.mark.parametrize(
        ("reason", "said"),
        [
            ("The only repeats are neighbours. There, it ends.", "the only repeats are neighbours. There, it ends."),
            ("“The” comes twice.", "“The” comes twice."),
            ("12 tokens.", "12 tokens."),
        ],
    )
    def test_a_reason_goes_on_after_its_colon(self, reason, said):
        assert role_card.after_colon(reason) == said

    def test_no_heads_offers_a_model_that_has_some(self, repeating):
        card = role_card.layout(repeating, "current_token")
        assert "No head in this model" in words(card)
        assert "Ask a model that has oneClassroom Pythia: 1 head does this" in words(card)
        assert every(card, "chip")[0].href == roles_href(OTHER_MODEL, REPEATING)

    def test_below_usual_outlines_its_bars_and_says_what_the_heads_do(self, repeating):
        heads = tuple(replace(head, state=State.BELOW_USUAL) for head in repeating.analysis.roles["diffuse"].heads)
        view = with_status(repeating, "diffuse", status="below_usual", heads=heads, reason="Here they look elsewhere.")
        card = role_card.layout(view, "diffuse")
        assert "Below usual: 0 of 2 heads" in words(card)
        assert "Here they look elsewhere." in words(card)
        assert every(card, "bar--active") == []
        assert len(every(card, "bar--below")) == 2
        assert "lights 2 of 2 heads" in words(every(card, "chip"))
        assert "Try a text without repeats" in words(every(card, "chip"))

    def test_the_shape_of_the_lamp_alone_tells_the_state(self):
        states = ("active", "here_and_there", "cannot_tell", "not_seen", "not_applicable", None)
        assert len({lamp("induction", status).className.split()[1] for status in states}) == len(states)
        assert len({state_mark(status).className for status in states}) == len(states)

    def test_rest_never_lights(self):
        assert {lamp("positional", state.value).className.split()[1] for state in State} == {"lamp--rests"}
        assert "lamp--not-applicable" in lamp("positional", "not_applicable").className

    @pytest.mark.parametrize(
        ("states", "said"),
        [
            ([A, A, T, L], "Active: 2 of 4 heads"),
            ([T, L, L, N], "Here and there: 1 of 4 heads"),
            ([L, L, N], "Cannot tell: 2 of 3 heads"),
            ([B, N], "Below usual: 0 of 2 heads"),
            ([N], "Not seen: 0 of 1 head"),
            ([], "No head in this model"),
        ],
    )
    def test_a_card_counts_the_heads_of_its_state(self, repeating, states, said):
        view = with_heads(repeating, states)
        assert words(every(role_card.layout(view, "induction"), "job-status")) == said

    @pytest.mark.parametrize(("n_having", "said"), [(8, "8 heads"), (181, "the 8 strongest heads")])
    def test_a_card_of_some_heads_says_that_they_are_the_strongest(self, repeating, n_having, said):
        view = with_heads(repeating, [A] * 8, n_having=n_having)
        card = role_card.layout(view, "induction")
        assert f"Active: 8 of {said}" in words(card)
        assert ("All 181 in All heads" in words(card)) == (n_having == 181)
        assert "Show 5 more heads" in words(card)
        assert len(every(card, "head-row")) == 8

    def test_heads_stand_in_the_order_of_what_they_do(self, repeating):
        view = with_heads(repeating, [N, L, A, T, A, B], [0.9, 0.8, 0.3, 0.7, 0.5, 0.95])
        marks = [row.children[0].className for row in every(role_card.layout(view, "induction"), "head-row")]
        assert marks == [
            "dot dot--active",
            "dot dot--active",
            "dot dot--here-and-there",
            "dot dot--cannot-tell",
            "dot dot--below-usual",
            "dot dot--not-seen",
        ]
        scores = [words(score) for score in every(role_card.layout(view, "induction"), "head-score")]
        assert scores == ["0.50", "0.30", "0.70", "0.80", "0.95", "0.90"]

    def test_a_bar_is_the_score_when_it_looks_and_how_much_it_looks_stands_below(self, repeating):
        entry = repeating.analysis.roles["induction"].heads[0]
        row = every(role_card.layout(repeating, "induction"), "head-row")[0]
        assert words(every(row, "head-score")) == f"{entry.looking_score:.2f}" != f"{entry.activation_score:.2f}"
        assert every(row, "bar")[0].style["--chance"] == f"{entry.looking_chance:.4f}"
        assert words(every(row, "head-jobs")) == f"looks {percent(entry.look)} of the time"

    @pytest.mark.parametrize(
        ("look", "said"),
        [(None, ""), (0.61, "looks 61 % of the time"), (0.001, "looks <1 % of the time"), (1.0, "looks all the time")],
    )
    def test_how_much_a_head_looks(self, look, said):
        assert head_rows.looks_line(HeadEntry(HeadId(0, 0), "induction", 0.9, False, (), look=look)) == said

    def test_a_head_here_and_there_names_its_strongest_place(self, repeating):
        row = every(role_card.layout(with_heads(repeating, [T]), "induction"), "head-place")[0]
        assert words(row) == "at his14 it looks at ring5 with 95 %"

    def test_a_head_that_may_be_lucky_names_the_place_and_how_lucky_that_would_be(self, repeating):
        view = with_heads(repeating, [L], chances=1, hits=1, luck=1 / 12)
        card = role_card.layout(view, "induction")
        assert words(every(card, "head-place")).endswith(
            " with 95 %. One chance in this text; a blind look lands there 1 time in 12."
        )
        assert "A longer text gives it more chances." in words(card)

    @pytest.mark.parametrize(
        ("chances", "hits", "luck", "said"),
        [
            (1, 1, 1 / 12, "One chance in this text; a blind look lands there 1 time in 12."),
            (9, 2, 0.2, "2 of 9 places; a blind look does as well 1 time in 5."),
            (40, 1, 0.9, "1 of 40 places; a blind look mostly does as well."),
        ],
    )
    def test_luck_in_words(self, chances, hits, luck, said):
        assert how_lucky(chances, hits, luck) == said

    def test_what_would_be_no_luck_depends_on_how_many_heads_stand_side_by_side(self):
        assert what_would_tell(0.03, 8) == "With 8 heads side by side only 1 time in 160 is no luck."

    def test_an_active_head_names_no_place_in_its_row(self, repeating):
        assert every(role_card.layout(repeating, "induction"), "head-place") == []

    @pytest.mark.parametrize("status", ["here_and_there", "cannot_tell", "below_usual", "not_seen"])
    def test_a_card_that_is_not_active_offers_a_text_that_lights_it(self, plain, status):
        view = with_status(plain, "induction", status=status)
        assert "Try a text that lights it" in words(every(role_card.layout(view, "induction"), "chip"))

    def test_more_than_three_heads_are_behind_one_press(self, repeating):
        card = role_card.layout(with_heads(repeating, [A] * 4), "induction")
        assert "Show 1 more head" in words(card)
        assert len(every(card, "head-row")) == 4

    def test_rest_is_counted_over_the_whole_model_and_folded(self, repeating):
        card = role_card.layout(repeating, "positional")
        resting = repeating.analysis.n_resting
        assert words(every(card, "job-status")) == f"{resting.n_heads} of 32 heads mostly rest here"
        assert len(every(every(card, "more-heads"), "head-row")) == len(every(card, "head-row")) == resting.n_heads
        assert f"Show the {resting.n_heads} heads" in words(card)
        assert "A state, not a job" in words(card)

    def test_without_a_text_to_judge_by_rest_is_as_dark_as_the_jobs(self):
        card = role_card.layout(view_of("Hi there"), "positional")
        assert "Cannot show on this text" in words(card)
        assert "Why it is grey" in words(card)

    @pytest.mark.parametrize(
        ("n_heads", "said"), [(0, "No head mostly rests here"), (1, "1 of 270 heads mostly rests here")]
    )
    def test_no_head_or_one_that_rests(self, n_heads, said):
        assert resting_card.status_line(RestingHeads(n_heads, 270)) == said

    def test_a_head_of_several_jobs_says_which_is_its_main_one(self, repeating):
        assert "mainly induction" in words(role_card.layout(repeating, "previous_token"))
        assert "also previous token" in words(role_card.layout(repeating, "induction"))

    def test_a_head_row_is_one_link_to_the_head_on_the_same_question(self, repeating):
        row = every(role_card.layout(repeating, "induction"), "head-row")[0]
        assert row.href == head_href(MODEL, REPEATING, 2, 3)

    def test_a_caution_about_few_places_is_passed_on(self, repeating):
        view = with_status(repeating, "induction", caution="Only 2 places to judge by. Treat this score with care.")
        assert "Only 2 places to judge by." in words(role_card.layout(view, "induction"))

    def test_every_text_of_a_role_has_example_mistake_and_source(self):
        for path in role_help.TEXT_DIR.glob("role_*.md"):
            text = role_help.role_text(path.stem.removeprefix("role_"))
            for part in ("In plain words", "An example", "A common mistake", "Source"):
                assert f"**{part}.**" in text


class TestSuggestions:
    def test_a_grey_repetition_role_offers_the_text_twice_and_a_measured_prompt(self, plain):
        chips = every(role_card.layout(plain, "duplicate_token"), "chip")
        assert [chip.href for chip in chips] == [
            roles_href(MODEL, f"{PLAIN}. {PLAIN}."),
            roles_href(MODEL, REPEATING),
        ]

    def test_the_text_twice_promises_nothing(self, plain):
        assert "lights" not in words(every(role_card.layout(plain, "induction"), "chip")[0]).lower()

    def test_the_text_said_twice_gives_repetition_roles_something_to_work_with(self):
        for text in ("red fox ran", PLAIN, "Is it true?"):
            analysis = FakeHeadlight().analyze(MODEL, said_twice(text))
            assert analysis.roles["induction"].is_applicable

    def test_a_text_that_would_be_cut_is_not_offered_twice(self):
        view = view_of(" ".join(f"word{n}" for n in range(80)))
        assert "Say it twice" not in words(role_card.layout(view, "induction"))

    def test_the_prompt_that_is_shown_is_not_suggested(self):
        view = view_of(REPEATING)
        assert REPEATING not in [prompt.text for prompt in view.suggested_prompts("induction")]

    def test_a_long_prompt_is_shortened_at_a_word(self):
        assert shortened(REPEATING) == "The old king lost his\u00a0…"
        assert shortened("short") == "short"


class TestStage:
    def test_it_opens_on_induction_when_that_is_active(self, repeating):
        assert stage.opening_role(repeating.analysis) == "induction"

    @pytest.mark.parametrize(
        ("statuses", "role"),
        [
            (dict.fromkeys(JOBS, "active"), "induction"),
            ({"duplicate_token": "active", "previous_token": "active"}, "duplicate_token"),
            ({"previous_token": "active", "current_token": "active", "diffuse": "active"}, "previous_token"),
            ({"current_token": "active", "diffuse": "active", "induction": "here_and_there"}, "current_token"),
            ({"diffuse": "active"}, "diffuse"),
            ({"previous_token": "here_and_there", "duplicate_token": "here_and_there"}, "duplicate_token"),
            ({"previous_token": "cannot_tell", "induction": "not_applicable"}, "induction"),
            ({"positional": "active"}, "induction"),
        ],
    )
    def test_it_opens_on_the_first_active_job_then_the_first_here_and_there_and_never_on_rest(
        self, repeating, statuses, role
    ):
        view = all_with(repeating, "not_seen")
        for key, status in statuses.items():
            view = with_status(view, key, status=status)
        assert stage.opening_role(view.analysis) == role

    @pytest.mark.parametrize(
        ("state", "said"),
        [
            (A, "Induction, as head L2H3 does it"),
            (T, "Induction, here and there: head L2H3"),
            (L, "Induction: head L2H3 may do it, or it is luck"),
            (B, "Induction: head L2H3 does less of it than usual"),
            (N, "Induction is not seen here"),
        ],
    )
    def test_its_title_says_the_state(self, repeating, state, said):
        shown = stage.layout(with_heads(repeating, [state]), "induction")
        assert words(shown).startswith(said)

    def test_here_and_there_is_shown_with_its_sentence_and_its_reason(self, repeating):
        view = with_status(with_heads(repeating, [T]), "induction", reason="L2H3 does it at 3 of 7 places.")
        shown = words(stage.layout(view, "induction"))
        assert "it finds the earlier the7 and looks at what came next: river8." in shown
        assert "L2H3 does it at 3 of 7 places." in shown
        assert "lights 3 of 3 heads" in shown.lower()

    def test_a_grey_role_stands_there_with_its_reason(self, plain):
        shown = stage.layout(plain, "induction")
        assert "Induction has nothing to work with here" in words(shown)
        assert "An induction head needs a token it has seen before." in words(shown)
        assert len(every(shown, "chip")) == 3

    def test_it_opens_on_a_job_that_needs_repetition_before_others_when_induction_is_below_usual(self, repeating):
        view = with_status(repeating, "induction", status="below_usual")
        assert view.analysis.roles["previous_token"].status == "active"
        assert stage.opening_role(view.analysis) == "duplicate_token"
        view = with_status(view, "duplicate_token", status="below_usual")
        assert stage.opening_role(view.analysis) == "previous_token"

    def test_the_sentence_names_the_copy_and_what_came_next(self, repeating):
        shown = words(stage.layout(repeating, "induction"))
        assert "At the last the17 it finds the earlier the7 and looks at what came next: river8." in shown
        assert "Same at 6 more places." in shown

    @pytest.mark.parametrize("role", list(ROLES))
    @pytest.mark.parametrize("prompt", [REPEATING, PLAIN, "Hi", "one two three", "go go go go", "a b " * 60])
    def test_every_role_can_be_staged_on_every_text(self, role, prompt):
        for model in (MODEL, OTHER_MODEL):
            assert words(stage.layout(view_of(prompt, model), role))


class TestCutWords:
    def staged(self, *texts: str, n_vocabulary: int = 0):
        """The stage on a text of these tokens, whatever the fake service would make of it."""
        view = view_of("x " * len(texts))
        tokens = tuple(Token(at, text, text.replace(" ", "·"), text.strip()) for at, text in enumerate(texts))
        forward = replace(view.analysis.forward, tokens=tokens, n_vocabulary=n_vocabulary)
        return cut_word_help.layout(forward, view.question)

    def test_a_text_of_whole_words_asks_nothing(self):
        assert self.staged("The", " cat", " sat", ".") == []
        assert every(stage.layout(view_of(REPEATING), "induction"), "cut-help") == []

    def test_a_cut_word_is_named_with_its_pieces_and_the_reason(self):
        said = words(self.staged("The", " m", "at", n_vocabulary=4096))
        assert said.startswith(
            "Why is my word cut?“mat” is read as m | at. This model has a vocabulary of 4,096 pieces"
        )
        assert "frequent words are one piece" in said
        assert said.endswith("More in Learn")

    def test_many_cut_words_are_counted_and_pieces_that_nobody_counted_are_not(self):
        said = words(self.staged("H", "ello", " m", "at", " fro", "g", " sail", "or", " pe", "arl"))
        assert said.startswith("Why are my words cut?“Hello” is read as H | ello; “mat” is read as m | at; “frog” is")
        assert "fro | g, and 2 more. This model has a vocabulary of pieces, learnt" in said

    def test_it_stands_beside_the_strip(self, repeating, monkeypatch):
        tokens = (*repeating.analysis.forward.tokens[:-1], Token(7, "the", "the", "the"))
        view = replace(
            repeating, analysis=replace(repeating.analysis, forward=replace(repeating.analysis.forward, tokens=tokens))
        )
        strip, help_line = stage.layout(view, "induction")[0].children[1:3]
        assert strip.id == token_strip.Ids.strip
        assert help_line.className == "cut-help"


class TestStrip:
    def test_the_focus_is_the_last_token_whose_guess_is_shown(self, repeating):
        view = demonstrate(repeating.analysis, "induction")
        assert (view.focus.query_pos, view.focus.key_pos, view.copy_pos) == (17, 8, 7)

    def test_an_induction_bracket_joins_equal_tokens_and_not_the_key(self, repeating):
        view = demonstrate(repeating.analysis, "induction")
        ids = repeating.analysis.forward.token_ids
        assert ids[view.copy_pos] == ids[view.focus.query_pos]
        assert view.focus.key_pos == view.copy_pos + 1

    def test_at_most_twelve_arcs_are_drawn_and_the_rest_is_counted(self):
        view = demonstrate(view_of("one two three four five six " * 8).analysis, "previous_token")
        assert len(view.arcs) == MAX_ARCS
        assert view.n_hidden == view.n_others + 1 - MAX_ARCS

    def test_looks_are_where_the_token_looks_most(self, repeating):
        view = demonstrate(repeating.analysis, "induction")
        pattern = repeating.analysis.forward.patterns[view.head]
        assert [looks[0].key_pos for looks in view.looks] == list(np.tril(pattern).argmax(axis=1))

    def test_only_looks_that_the_score_counts_are_evidence(self, repeating):
        looks = demonstrate(repeating.analysis, "induction").looks
        assert (looks[17][0].key_pos, looks[17][0].is_evidence) == (8, True)
        assert not any(look.is_evidence for token_looks in looks[:10] for look in token_looks)  # nothing repeats yet

    @pytest.mark.parametrize("role", [role for role in ROLES if role != "current_token"])
    def test_what_is_drawn_at_rest_is_all_evidence(self, role):
        text = {"successor": DAYS, "name_mover": TWO_NAMES, "copy_suppression": TWO_NAMES}.get(role, REPEATING)
        view = demonstrate(WritingHeadlight().analyze(MODEL, text), role)
        counted = {(look.query_pos, look.key_pos) for looks in view.looks for look in looks if look.is_evidence}
        assert (view.focus.query_pos, view.focus.key_pos) in counted

    def test_a_weight_below_one_is_never_sent_as_a_whole_one(self, repeating):
        view = demonstrate(repeating.analysis, "induction")
        nearly = replace(view, focus=replace(view.focus, weight=0.9999))
        assert token_strip.arc_data(nearly)["focus"][2] < 1

    def test_a_dark_role_has_plain_tokens(self, plain):
        strip = token_strip.layout(plain.analysis.forward.tokens, demonstrate(plain.analysis, "induction"))
        assert "strip--plain" in strip.className

    def test_a_token_says_in_words_where_it_looks(self, repeating):
        view = demonstrate(repeating.analysis, "induction")
        tokens = repeating.analysis.forward.tokens
        label = token_strip.token_label(tokens[17], 17, view.looks[17], tokens)
        assert label.startswith("the, position 17, looks at river, position 8, ")
        assert label.endswith(" percent")

    def test_the_strongest_head_is_an_active_one_even_when_another_scores_more(self):
        idle = HeadEntry(HeadId(0, 0), "induction", 0.9, False, ("induction",), activation_score=0.9, state=N)
        busy = HeadEntry(HeadId(0, 1), "induction", 0.9, False, ("induction",), activation_score=0.5, state=A)
        assert strongest_entry([idle, busy]) is busy
        assert strongest_entry([]) is None

    def test_hostile_tokens_are_text(self):
        hostile = "</script><img src=x onerror=alert(1)>"
        page = roles_page.layout(FakeHeadlight(), Question(MODEL, hostile))
        assert "onerror" in words(every(page, "token"))
        assert all(type(token.children) is str for token in every(page, "token"))
        assert every(page, "dash-dangerously-set-inner-html") == []


class TestSentences:
    def test_a_weight_is_a_percent_and_never_a_false_zero(self):
        assert percent(0.8) == "80 %"
        assert percent(0.001) == "<1 %"
        assert percent(0.0) == "0 %"
        assert percent(0.0004, decimals=1) == "<0.1 %"

    def test_a_guess_of_less_than_one_percent_is_never_one(self):
        assert [probability(share) for share in (0.006, 0.01, 0.0)] == ["<1 %", "1 %", "0 %"]

    def test_a_weight_is_never_a_false_whole(self):
        assert percent(0.9999) == ">99 %"
        assert percent(1.0) == "100 %"
        assert percent(0.9583, decimals=1) == "95.8 %"
        assert percent(0.99999, decimals=1) == ">99.9 %"

    def test_diffuse_says_how_little_a_token_gets_at_most(self, repeating):
        entry = repeating.analysis.roles["diffuse"].heads[0]
        sentence = words(evidence_sentence.short(entry, repeating.analysis.forward.tokens))
        assert "gives no token more than" in sentence

    def test_a_head_without_evidence_has_no_sentence(self):
        assert evidence_sentence.short(HeadEntry(HeadId(0, 0), "induction", 0.9, False, ()), ()) is None

    def test_a_quoted_token_carries_its_position(self):
        assert words(token_chip(Token(1, " the", "·the", "the"), 17)) == "the17"


class TestPredictions:
    def test_five_guesses_scaled_to_the_first(self, repeating):
        rows = every(predictions.layout(repeating.analysis), "guess")
        assert len(rows) == 5
        assert every(rows[0], "guess-bar")[0].style == {"--score": "1.0000"}
        assert words(rows[0]) == "river58 %"

    def test_induction_heads_looking_at_the_first_choice_are_no_cause(self, repeating):
        line = predictions.plain_line(repeating.analysis)
        assert line == "The model’s own guess. Induction heads look straight at its first choice."

    def test_an_unsure_model_is_said_to_be_unsure(self, repeating):
        forward = repeating.analysis.forward
        unsure = replace(forward, predictions=tuple(replace(guess, prob=0.1) for guess in forward.predictions))
        assert predictions.plain_line(replace(repeating.analysis, forward=unsure)) == "The model is unsure here."


class TestBar:
    def test_it_reads_with_every_yardstick(self):
        bar = score_bar("induction", 0.86, name="L2H3", chance=0.07, threshold=0.48, usual=0.9, status="active")
        props = bar.to_plotly_json()["props"]
        assert props["role"] == "meter"
        assert props["aria-label"] == "L2H3"
        assert props["aria-valuetext"] == "score 0.86, chance 0.07, active from 0.48, usually 0.90, active"

    def test_it_ends_in_the_state(self):
        assert bar_text(0.41, chance=0.1, status="here_and_there") == "score 0.41, chance 0.10, here and there"

    def test_diffuse_has_no_line_of_chance(self):
        bar = score_bar("diffuse", 0.74, name="L0H3", chance=None, threshold=0.85, usual=0.9)
        assert "--chance" not in bar.style
        assert "chance" not in bar.to_plotly_json()["props"]["aria-valuetext"]

    def test_only_the_values_are_inline(self):
        bar = score_bar("induction", 0.86, name="L2H3", chance=0.07, threshold=0.48, usual=0.9)
        assert all(name.startswith("--") for name in bar.style)

    def test_a_score_that_is_no_number_is_not_drawn_as_one(self):
        assert bar_text(float("nan"), is_job=False) == "no score on this text"
        assert score_bar("induction", float("nan"), name="L0H0", is_job=False).style["--score"] == "0.0000"

    def test_the_guide_names_every_mark(self):
        assert all(
            term in words(bar_guide.layout(Question(MODEL, PLAIN)))
            for term in ("Chance", "Notch", "Usual level", "Bar end")
        )


class TestAddress:
    def test_an_address_without_a_prompt_asks_about_the_default_one(self):
        assert Question.from_search("", MODEL) == Question(MODEL, DEFAULT_PROMPT)
        assert Question.from_search(None, MODEL) == Question(MODEL, DEFAULT_PROMPT)

    def test_an_empty_prompt_stays_empty(self):
        assert Question.from_search("?prompt=", MODEL).prompt == ""

    @pytest.mark.parametrize("prompt", ["a & b = c?", "50 % + 1", "😀 ünï", "line\nbreak", "</script>", "  spaces  "])
    def test_a_question_survives_its_address(self, prompt):
        address = roles_href(MODEL, prompt)
        assert Question.from_search(address[address.index("?") :], "other") == Question(MODEL, prompt)

    def test_a_fix_keeps_what_it_does_not_change(self):
        assert fix_href(Fix("", layer=3, head=0), MODEL, "text") == head_href(MODEL, "text", 3, 0)
        assert fix_href(Fix("", model=OTHER_MODEL), MODEL, "text") == roles_href(OTHER_MODEL, "text")

    def test_what_is_not_asked_is_not_in_the_address(self):
        assert "role" not in heads_href(MODEL, "text", role=None)


class TestExamples:
    def test_each_shows_what_its_name_promises(self):
        texts = dict(EXAMPLES)
        ids = view_of(texts["A shopping list"]).analysis.forward.token_ids
        assert ids[-1] in ids[:-1]
        assert headline(view_of(texts["Nothing repeats"]).analysis).endswith("need repetition.")
        assert len(set(texts.values())) == len(EXAMPLES)


class TestPage:
    def test_cards_stand_in_the_same_order_whatever_the_scores(self, repeating, plain):
        for prompt in (REPEATING, PLAIN):
            page = roles_page.layout(FakeHeadlight(), Question(MODEL, prompt))
            assert [card.id["role"] for card in every(page, "job")] == list(ROLES)

    def test_exactly_one_card_is_shown_above(self):
        page = roles_page.layout(FakeHeadlight(), Question(MODEL, REPEATING))
        assert len(every(page, "is-on-stage")) == 1

    def test_classes_of_cards_follow_the_stage(self, repeating):
        names = roles_page.card_classes(repeating, "diffuse", list(ROLES))
        assert [("is-on-stage" in name) for name in names] == [role == "diffuse" for role in ROLES]

    def test_heads_with_a_job_are_counted(self, repeating):
        assert roles_page.named_heads_sentence(repeating).startswith("9 of 32 heads have a job we can name. A dash")

    def test_a_page_stays_small(self):
        page = roles_page.layout(FakeHeadlight(), Question(MODEL, REPEATING))
        answer = json.dumps(page, cls=plotly.utils.PlotlyJSONEncoder)
        assert len(answer) < LARGEST_ANSWER_BYTES

    def test_what_the_strip_sends_is_a_few_kilobytes_for_the_longest_text(self):
        view = view_of("one two three four five six seven eight " * 20)
        data = token_strip.arc_data(demonstrate(view.analysis, "induction"))
        assert len(json.dumps(data)) < 8_000


def test_a_weight_is_rounded_once_so_that_arc_and_sentence_say_the_same():
    (_, _, sent) = token_strip._numbers(Look(13, 13, 0.8848687))
    assert (round(100 * sent), percent(0.8848687)) == (88, "88 %")


def test_the_strip_counts_the_same_places_as_the_page_of_a_head():
    """Hits of the places that give the head a chance, not rows with half of all attention."""
    from utils.demonstration import demonstrate

    analysis = FakeHeadlight().analyze(MODEL, REPEATING)
    view = demonstrate(analysis, "induction")
    entry = analysis.roles["induction"].strongest
    rows = ROLES["induction"].measure.evidence_rows(
        analysis.scored.reading.of_head(entry.id), analysis.scored.evidence_of("induction", entry.id)
    )
    others = [row for row in rows if row.query_pos != view.focus.query_pos]
    assert (view.n_same, view.n_others) == (sum(row.is_hit for row in others), sum(row.is_chance for row in others))


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        (HeadCause(4.93, 0.2), "without it a repeat costs 4.9 ± 0.2 nats more"),
        (HeadCause(-0.32, 0.03), "without it a repeat costs 0.32 ± 0.03 nats less"),
        (HeadCause(0.3, 0.2), ""),  # less than two errors
        (HeadCause(0.05, 0.001), ""),  # too little for a card
        (None, ""),
    ],
)
def test_a_row_says_what_breaks_without_its_head_where_that_is_much_and_sure(cause, said):
    analysis = FakeHeadlight().analyze(MODEL, REPEATING)
    entry = replace(analysis.roles["induction"].heads[0], cause=cause)
    assert head_rows.cause_line(entry) == said
