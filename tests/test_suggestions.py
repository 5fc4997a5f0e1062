"""Suggested prompts: chosen by what the live decision counted, and by nothing else."""

from __future__ import annotations

from collections import Counter

from utils.catalogue.suggestions import Candidate, candidates, choose_suggestions
from utils.roles import ROLES


def choose(counts: dict[str, int], candidates: list[Candidate], of: int = 3, cut: tuple[str, ...] = ()):
    """The choice for one role, where each text lights as many of its heads as `counts` says.

    Args: cut: the texts that hold a word of several tokens.
    """
    chosen = choose_suggestions(
        lambda text: {"induction": (counts[text], of)},
        ["induction"],
        {"induction": candidates},
        is_whole=lambda text: text not in cut,
    )
    return chosen["induction"]


def test_the_prompt_that_lights_most_heads_comes_first_and_says_how_many():
    chosen = choose({"a": 1, "bb": 3, "ccc": 2}, [Candidate("a"), Candidate("bb"), Candidate("ccc")])
    assert [(prompt.text, prompt.lights, prompt.of) for prompt in chosen] == [("bb", 3, 3), ("ccc", 2, 3), ("a", 1, 3)]


def test_on_ties_prose_goes_before_lists_and_then_the_shortest():
    candidates = [Candidate("x", is_prose=False), Candidate("a long one"), Candidate("short")]
    chosen = choose({"x": 2, "a long one": 2, "short": 2}, candidates)
    assert [prompt.text for prompt in chosen] == ["short", "a long one", "x"]


def test_on_ties_a_text_in_whole_words_goes_before_one_with_cut_words_be_it_prose_or_not():
    candidates = [Candidate("cut prose"), Candidate("whole list", is_prose=False), Candidate("whole prose, longer")]
    counts = {"cut prose": 2, "whole list": 2, "whole prose, longer": 2}
    chosen = [prompt.text for prompt in choose(counts, candidates, cut=("cut prose",))]
    assert chosen == ["whole prose, longer", "whole list", "cut prose"]
    chosen = [prompt.text for prompt in choose(counts | {"cut prose": 3}, candidates, cut=("cut prose",))]
    assert chosen[0] == "cut prose"


def test_a_list_that_lights_more_beats_prose():
    chosen = choose({"x": 3, "prose": 2}, [Candidate("prose"), Candidate("x", is_prose=False)])
    assert chosen[0].text == "x"


def test_a_prompt_that_lights_nothing_is_never_suggested():
    assert choose({"a": 0}, [Candidate("a")]) == []


def test_each_text_is_measured_once_for_all_roles():
    calls: Counter[str] = Counter()

    def measure(text: str) -> dict[str, tuple[int, int]]:
        calls[text] += 1
        return dict.fromkeys(ROLES, (1, 1))

    choose_suggestions(measure, list(ROLES), candidates(), is_whole=lambda _text: True)
    assert set(calls.values()) == {1}


def test_every_role_has_some_different_candidates():
    for role in ROLES:
        texts = [candidate.text for candidate in candidates()[role]]
        assert len(set(texts)) == len(texts) >= (4 if ROLES[role].is_writing else 8)


def test_repetition_roles_have_prose_and_lists_in_which_words_return():
    for role in ("induction", "duplicate_token"):
        assert {candidate.is_prose for candidate in candidates()[role]} == {True, False}
        for candidate in candidates()[role]:
            words = candidate.text.replace(",", "").replace(".", "").split()
            assert len(set(words)) < len(words), candidate.text
