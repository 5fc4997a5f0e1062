"""Why a job of writing is grey on this text, or weaker than usual: one sentence made from the text itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from utils.cut_words import cut_words
from utils.measures.states import HeadFigures
from utils.measures.written import Write
from utils.writing.words import LISTS, NAMES

if TYPE_CHECKING:
    from utils.tokens import Token

NOTHING_TO_WRITE = "No token here can be copied or held back. Add a few words."
KINDS = "No day, month, number word, digit, ordinal or capital letter stands here after the first token."
NO_NAME = "No first name that this model reads as one token stands here after the first token."


def nothing_in_order(tokens: Sequence[Token]) -> str:
    """No item of an ordered list, or only such as are cut into pieces."""
    items = {item.casefold() for each in LISTS for item in each.items}
    return _cut(tokens, items, "cannot be followed by what comes next") or KINDS


def no_name(tokens: Sequence[Token]) -> str:
    """No first name, or only such as are cut into pieces."""
    return _cut(tokens, {name.casefold() for name in NAMES}, "cannot be passed on whole") or NO_NAME


def _cut(tokens: Sequence[Token], wanted: set[str], so: str) -> str:
    for each in cut_words(tokens):
        if each.word.casefold() in wanted:
            pieces = " + ".join(f"“{piece}”" for piece in each.pieces)
            return f"This model reads “{each.word}” in {len(each.pieces)} pieces ({pieces}), so it {so}."
    return ""


def asks_for_no_name(guess: Token) -> str:
    """The model expects something else next."""
    return f"The text does not ask for a name: the likeliest next token is “{guess.word}”."


def stronger_elsewhere(name: str, position: int) -> str:
    """An earlier token at which a head does it more."""
    return f"At position {position} {name} does it more: cut the text there."


def rests_there(figures: HeadFigures, rest: float, has_start: bool) -> str:
    """It has hardly any attention to spare, even where it does most."""
    place = "start mark" if has_start else "first token"
    return f"Even where {figures.name} does most, it rests on the {place} with {_percent(rest)} of its attention."


def pushes_little(figures: HeadFigures, push: float, write: Write) -> str:
    """It looks, and next to nothing comes of it."""
    verb, preposition = ("takes", "from") if write is Write.SUPPRESS else ("adds", "to")
    return f"{figures.name} looks there, but {verb} only {abs(push):.1f} logits {preposition} the token."


def writes_little(figures: HeadFigures) -> str:
    """Too little of its attention goes to tokens that it writes so."""
    return (
        f"{figures.name} comes nearest: {_percent(figures.score)} of its attention goes to tokens that it writes so, "
        f"and it counts as active from {_percent(figures.threshold)}."
    )


def _percent(share: float) -> str:
    return f"{share:.0%}".replace("%", " %")
