"""Every grey state names what is special about this very text."""

import numpy as np
import pytest

from tests.patterns import even_pattern, ideal_pattern, text_tokens
from utils.measures.reading import Reading
from utils.measures.states import HeadFigures, State
from utils.reasons import few_rows_caution, too_short_reason
from utils.roles import ROLES
from utils.scoring import as_ids


def why_grey(role, tokens):
    return ROLES[role].measure.why_grey(ROLES[role], tokens)


def why_below(role, figures, pattern, tokens, has_start):
    role = ROLES[role]
    reading = Reading(as_ids(tokens), pattern)
    return role.measure.why_below(role, figures, reading, role.measure.evidence(reading.token_ids), has_start)


def words(text, start=False):
    """Tokens of a text whose words are tokens with their leading space."""
    first, *rest = text.split(" ")
    return text_tokens(first, *(f" {word}" for word in rest), start=start)


def test_nothing_repeats_counts_the_typed_tokens_and_not_the_start_mark():
    reason = why_grey("induction", words("A lonely sailor watched", start=True))
    assert reason == "an induction head needs a token it has seen before. All 4 tokens here are different."


def test_the_two_repetition_jobs_say_what_each_needs():
    reason = why_grey("duplicate_token", words("A lonely sailor watched"))
    assert reason.startswith("this job needs two equal tokens.")


def test_a_word_in_two_spellings_names_both_tokens():
    reason = why_grey("induction", words("The dog saw the bird"))
    assert "“The” comes twice" in reason
    assert "“The” and “·the” are two different tokens" in reason


def test_adjacent_repeats_only():
    reason = why_grey("induction", words("It was very very cold outside".replace("It", "it")))
    assert reason == "The only repeats are neighbours. There, what came next is the current token itself."


def test_repeats_two_steps_apart_only():
    assert "two steps apart" in why_grey("induction", words("x on and on"))


def test_doubled_copies_are_too_close_together():
    reason = why_grey("induction", words("x no no yes well no"))
    assert "too close together" in reason


def test_duplicate_of_the_first_token_only():
    assert "first token" in why_grey("duplicate_token", words("dog saw a dog".replace("dog", " dog", 1)))


@pytest.mark.parametrize(
    ("count", "sentence"),
    [
        (0, "No tokens are too few to tell. Add a few words."),
        (1, "One token is too few to tell. Add a few words."),
        (2, "Two tokens are too few to tell. Add a few words."),
    ],
)
def test_too_short(count, sentence):
    assert too_short_reason(text_tokens(*"ab"[:count])) == sentence


def test_three_tokens_are_not_too_short():
    assert too_short_reason(text_tokens("a", "b", "c")) is None


def test_few_rows_are_said_to_be_few():
    assert few_rows_caution(1) == "Only 1 place to judge by. Treat this score with care."
    assert few_rows_caution(3) == ""
    assert few_rows_caution(0) == ""


def head(score, usual, threshold, state=State.NOT_SEEN, **counted):
    return HeadFigures("L2H3", score, usual, threshold, state, **({"chances": 3} | counted))


def test_heads_that_rest_wherever_they_could_do_it_are_said_to_rest():
    tokens = list("xabcyzabc")
    reason = why_below("induction", head(0.9, 0.9, 0.5, chances=0), ideal_pattern("positional", tokens), tokens, True)
    assert reason == "Wherever this text would allow it these heads rest on the start mark; L2H3 comes nearest."


def test_not_seen_says_where_the_attention_went():
    tokens = list("xabcyzabc")
    pattern = ideal_pattern("positional", tokens)
    reason = why_below("induction", head(0.1, 0.9, 0.5), pattern, tokens, has_start=True)
    assert reason == (
        "None of these heads does it at any of three places that could show it; L2H3 comes nearest. "
        "On these tokens it puts 100 % of its attention on the start mark instead."
    )


def test_below_usual_says_that_no_place_has_most_of_the_looking():
    figures = head(0.4, 0.9, 0.5, State.BELOW_USUAL)
    reason = why_below("induction", figures, even_pattern(9), list("xabcyzabc"), has_start=False)
    assert reason.startswith(
        "L2H3 scores 0.40 when it looks, usually 0.90, and in no place does more than half of its looking go there."
    )


def test_here_and_there_says_how_often_and_how_much_in_all():
    figures = head(0.3, 0.9, 0.46, State.HERE_AND_THERE, chances=12, hits=3, luck=0.001, n_beside=8)
    assert why_below("induction", figures, even_pattern(9), list("xabcyzabc"), has_start=False) == (
        "L2H3 does it at 3 of 12 places, more than a blind look would. Over all places it scores 0.30 when it looks, "
        "usually 0.90, and counts as active from 0.46."
    )


@pytest.mark.parametrize(
    ("counted", "sentence"),
    [
        (
            {"chances": 1, "hits": 1, "luck": 1 / 12},
            "One chance in this text, and L2H3 took it; a blind look lands there 1 time in 12. "
            "A longer text gives it more chances.",
        ),
        (
            {"chances": 4, "hits": 2, "luck": 0.041, "n_beside": 8},
            "L2H3 hits 2 of 4 places; a blind look does as well 1 time in 24. "
            "With 8 heads side by side only 1 time in 160 is no luck.",
        ),
        (
            {"chances": 20, "hits": 1, "luck": 0.9, "n_beside": 8},
            "L2H3 hits 1 of 20 places; a blind look mostly does as well. A longer text gives it more chances.",
        ),
    ],
)
def test_what_could_be_luck_is_said_with_its_odds(counted, sentence):
    figures = head(0.6, 0.6, 0.8, State.CANNOT_TELL, **counted)
    assert why_below("induction", figures, np.eye(6), list("abcxya"), has_start=False) == sentence


def test_not_seen_says_when_the_attention_is_spread():
    tokens = list("xabcyzabc")
    reason = why_below("induction", head(0.1, 0.9, 0.5), even_pattern(9), tokens, has_start=False)
    assert "spreads its attention" in reason


@pytest.mark.parametrize(
    ("steps_back", "place"), [(1, "on the previous token"), (0, "on the token itself"), (None, "on the first token")]
)
def test_what_a_head_does_instead_is_where_most_of_its_attention_goes(steps_back, place):
    tokens = list("xabcyzabc")
    pattern = ideal_pattern("positional", tokens) if steps_back is None else np.eye(9, k=-steps_back)
    pattern[0, 0] = 1
    said = why_below("induction", head(0.1, 0.9, 0.5), pattern, tokens, has_start=False)
    assert said.endswith(f"On these tokens it puts 100 % of its attention {place} instead.")


def test_spread_attention_is_said_in_a_sentence():
    said = why_below("induction", head(0.1, 0.9, 0.5), even_pattern(9), list("xabcyzabc"), has_start=False)
    assert said.endswith("nearest. On these tokens it spreads its attention over several others.")


def test_copies_that_follow_copies_are_told_apart_from_neighbours():
    assert why_grey("duplicate_token", words("x no no")) == (
        "The only repeats are neighbours. There, the earlier copy is also the previous token."
    )
    assert "also follows another copy" in why_grey("duplicate_token", words("x no no yes no"))


def test_a_diffuse_head_below_its_usual_level_gives_both_figures():
    said = why_below("diffuse", head(0.6, 0.9, 0.85), np.eye(5), list("abcde"), has_start=False)
    assert said.endswith("L2H3 scores 0.60, usually 0.90.")


@pytest.mark.parametrize("role", ["previous_token", "positional", "current_token", "diffuse"])
def test_a_job_that_needs_no_repetition_is_grey_only_for_want_of_words(role):
    assert why_grey(role, words("a b c")) == "This text is too short to tell. Add a few words."
