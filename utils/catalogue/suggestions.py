"""Prompts that light a role: candidates, and the choice among them by measurement.

A suggestion promises "lights 3 of 3 heads", so each candidate is put to the model and judged by the live decision;
the choice is by what came out. Of texts that light as many, those are taken that the model reads in whole words:
whoever sees a first induction head should not have to wonder about half words. Candidates are plain English in small
words, so that they read well and stay short for any model. Repetition roles get texts in which tokens return: prose
first, then word lists.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from utils.catalogue.schema import SuggestedPrompt
from utils.measures.writes import Writes
from utils.measures.written import Write
from utils.roles import ROLES, Role

SUGGESTIONS_PER_ROLE = 3


@dataclass(frozen=True)
class Candidate:
    """A prompt that might light a role. Prose reads better than a bare list, and wins when both light as many."""

    text: str
    is_prose: bool = True


def _lists(*texts: str) -> tuple[Candidate, ...]:
    return tuple(Candidate(text, is_prose=False) for text in texts)


PLAIN_PROSE = tuple(
    Candidate(text)
    for text in (
        "The little girl went to the park with her friend.",
        "Once upon a time there was a small green frog.",
        "My father likes to read old books in the garden.",
        "We saw a big ship sail out to sea this morning.",
        "Every winter the birds fly south and look for a warm home.",
        "The king gave his daughter a golden ring and a white horse.",
        "After school, Ben ran down the hill and jumped into the cold river.",
        "It was raining, so we stayed inside, baked a cake and told stories.",
        "The old man opened the door, looked at the stars and began to sing a quiet song.",
        "One day a clever fox met a hungry bear near the bridge and asked him for some bread.",
        "When the sun came up, the farmer woke his sons, fed the horses and went out to cut the grass.",
    )
)

LONG_PROSE = tuple(
    Candidate(" ".join(candidate.text for candidate in texts))
    for texts in (PLAIN_PROSE[:6], PLAIN_PROSE[3:8], PLAIN_PROSE[6:], PLAIN_PROSE[8:])
)  # even spread that lasts shows on a text of sixty words

REPEATING_PROSE = tuple(
    Candidate(text)
    for text in (
        "When Mary and John went to the shop, John gave the apple to Mary.",
        "I saw the cat sit on the mat, and then the cat sit on the mat.",
        "The dog chased the cat, the cat chased the mouse, and the mouse chased the dog.",
        "Here is the house that Jack built. Here is the mouse that lived in the house that Jack built.",
        "Tell me why: brown bears love honey. He said: brown bears love honey.",
        "Now say seven silver spoons, and once more, seven silver spoons.",
        "My dog likes to run in the park every day. My dog likes to run in the park every day.",
        "Say it with me: seven brave little ducks swim over deep water. Seven brave little ducks swim over deep water.",
        "Repeat after me, four clever foxes carry purple boxes, four clever foxes carry purple boxes.",
        "Anna has seven yellow kites and Max has three green boats. Anna has seven yellow kites and Max has three "
        "green boats.",
        "She sells fresh bread at noon, and he sells cold milk at noon. She sells fresh bread at noon, and he sells "
        "cold milk at noon.",
        "First comes bread, then soup, then fish, then cake. Once more: first comes bread, then soup, then fish, then "
        "cake.",
        "If you give a mouse some bread, he asks for milk. If you give a mouse some milk, he asks for bread.",
    )
)

REPEATING_LISTS = _lists(
    "red blue green red blue green red blue green",
    "cat dog fish bird cat dog fish bird",
    "one two three four five one two three four five",
    "one two three four five four three two one",
    "bread, milk, eggs, cheese, bread, milk, eggs, cheese",
    "apple stone river lamp apple stone river lamp apple stone river lamp",
    "cloud button seven horse cloud button seven horse cloud button seven horse",
    "Monday sun Tuesday rain Wednesday snow Monday sun Tuesday rain Wednesday snow",
    "river table yellow seven horse music button winter river table yellow seven horse music button winter",
    "river table yellow seven horse music button winter castle pepper river table yellow seven horse music button "
    "winter castle pepper",
    "nine purple doors, four silver spoons, six chairs, nine purple doors, four silver spoons, six chairs",
)


OWN_TOKEN_PROSE = (
    *map(
        Candidate,
        (
            "Then Anna and Peter had a long talk. Anna handed the letter to",
            "All's fair in love and",
            "When Mary and John went to the shop, John gave the apple to Mary.",
            "The cat sat on the mat. The dog lay on the",
            "My favourite colours are red, blue, green and",
        ),
    ),
    *REPEATING_PROSE[1:4],
    *PLAIN_PROSE[:4],
)

IN_ORDER = _lists(
    "Monday, Tuesday, Wednesday,",
    "January, February, March,",
    "one, two, three,",
    "A B C D E",
    "first, second, third,",
)

ASKS_FOR_A_NAME = tuple(
    map(
        Candidate,
        (
            "Then Anna and Peter had a long talk. Anna handed the letter to",
            "When Mary and John went to the shop, John gave the milk to",
            "After Tom and Lucy came home, Tom gave the book to",
            "Then Sarah and Paul played in the park. Paul threw the ball to",
        ),
    )
)


def candidates() -> dict[str, tuple[Candidate, ...]]:
    """For every role the texts to try."""
    return {key: _candidates_for(role) for key, role in ROLES.items()}


def _candidates_for(role: Role) -> tuple[Candidate, ...]:
    if isinstance(role.measure, Writes):
        if role.measure.only_names:
            return ASKS_FOR_A_NAME
        return IN_ORDER if role.measure.write is Write.NEXT else OWN_TOKEN_PROSE
    if role.requires_repetition:
        return (*REPEATING_PROSE, *REPEATING_LISTS)
    return (*PLAIN_PROSE, *LONG_PROSE) if role.measure.is_about_rows else PLAIN_PROSE


Lights = Mapping[str, tuple[int, int]]  # per role: how many of its card's heads are active, of how many


def choose_suggestions(
    measure: Callable[[str], Lights],
    roles: Sequence[str],
    candidates: Mapping[str, Sequence[Candidate]],
    is_whole: Callable[[str], bool],
    per_role: int = SUGGESTIONS_PER_ROLE,
) -> dict[str, list[SuggestedPrompt]]:
    """The prompts that light the most of each role's heads, best first; ties go to texts in whole words, then to prose,
    then to the shortest.

    Args: measure: puts a text to the model and counts, with the live decision, the active heads of every role;
    called once per text. is_whole: whether every word of a text is one token of the model. A role that no candidate
    lights gets an empty list: nothing is promised.
    """
    measured: dict[str, Lights] = {}

    def lights_on(text: str) -> Lights:
        if text not in measured:
            measured[text] = measure(text)
        return measured[text]

    return {role: _best(role, candidates[role], lights_on, is_whole)[:per_role] for role in roles}


def _best(
    role: str, candidates: Sequence[Candidate], lights_on: Callable[[str], Lights], is_whole: Callable[[str], bool]
) -> list[SuggestedPrompt]:
    counted = [(candidate, *lights_on(candidate.text)[role]) for candidate in candidates]
    lit = [entry for entry in counted if entry[1] > 0]
    lit.sort(
        key=lambda entry: (-entry[1], not is_whole(entry[0].text), not entry[0].is_prose, len(entry[0].text)),
    )
    return [SuggestedPrompt(text=candidate.text, lights=lights, of=of) for candidate, lights, of in lit]
