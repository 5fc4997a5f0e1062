"""Why a job of writing is grey on this text, or weaker than usual: one sentence made from the text itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from utils.cut_words import cut_words
from utils.measures.states import HeadFigures
from utils.measures.written import Write
from utils.numbers_in_text import percent_words
from utils.writing.words import KNOWN_NAMES, LISTS

if TYPE_CHECKING:
    from utils.tokens import Token

NOTHING_TO_WRITE = "No token here can be copied or held back. Add a few words."
KINDS = (
    "No item with a known next one stands here after the first token. Known are Monday to Sunday, January to December, "
    "one to twelve, 0 to 9, first to tenth and A to Z."
)
NO_NAME = (
    f"None of the {len(KNOWN_NAMES)} first names that Headlight knows stands here after the first token, as one token "
    "of this model."
)


def nothing_in_order(tokens: Sequence[Token]) -> str:
    """No item of an ordered list, or only such as are cut into pieces."""
    items = {item.casefold() for each in LISTS for item in each.items}
    return _cut(tokens, items, "cannot be followed by what comes next") or KINDS


def no_name(tokens: Sequence[Token]) -> str:
    """No first name, or only such as are cut into pieces."""
    return _cut(tokens, {name.casefold() for name in KNOWN_NAMES}, "cannot be passed on whole") or NO_NAME


def _cut(tokens: Sequence[Token], wanted: set[str], so: str) -> str:
    for each in cut_words(tokens):
        if each.word.casefold() in wanted:
            pieces = " + ".join(f"“{piece}”" for piece in each.pieces)
            return f"This model reads “{each.word}” in {len(each.pieces)} pieces ({pieces}), so it {so}."
    return ""


def asks_for_no_name(guess: Token) -> str:
    """The model expects something else next."""
    return f"The likeliest next token is “{guess.word}”, which is none of the first names that Headlight knows."


def stronger_elsewhere(name: str, position: int) -> str:
    """An earlier token at which a head does it more."""
    return f"At position {position} {name} would be active: end the text there."


def rests_there(figures: HeadFigures, rest: float, has_start: bool) -> str:
    """It has too little attention to spare, wherever in the text."""
    place = "start mark" if has_start else "first token"
    return (
        f"Wherever {figures.name} stands, it rests on the {place} with {percent_words(rest)} of its attention or more."
    )


def pushes_little(figures: HeadFigures, push: float, write: Write) -> str:
    """It looks, and next to nothing comes of it."""
    if push <= 0:
        return f"{figures.name} looks there, but what it writes of these tokens together pushes the other way."
    verb, preposition = ("takes", "from") if write is Write.SUPPRESS else ("adds", "to")
    return f"{figures.name} looks there, but {verb} only {push:.2f} logits {preposition} the token."


def writes_little(figures: HeadFigures) -> str:
    """Too little of its attention goes to tokens that it writes so."""
    score, needed = percent_words(figures.score), percent_words(figures.threshold)
    if score == needed:
        score, needed = percent_words(figures.score, 1), percent_words(figures.threshold, 1)
    return (
        f"{figures.name} does most: {score} of its attention goes to tokens that it writes so, and it counts as active "
        f"from {needed}."
    )


def writes_nothing(figures: HeadFigures) -> str:
    """It looks, and at nothing that it writes so."""
    return f"{figures.name} looks at hardly any token here that it would write so; no other head does more."
