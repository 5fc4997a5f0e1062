"""Characters that a vocabulary does not have: the model reads their bytes, one token for one byte or a few.

A student sees four tokens where one emoji stands, and heads look among them as among any tokens. That says little of a
job: the pieces mean nothing by themselves, and a model that hardly met the character never learnt what to do with them.
So they are no evidence, neither as the token that looks nor as the one that is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from utils.errors import Notice
from utils.measures.reading import LeftOut
from utils.tokens import PART_MARKS

if TYPE_CHECKING:
    from utils.tokens import Token

NAMED = 3  # as many characters as a sentence can take


def places_left_out(tokens: Sequence[Token]) -> LeftOut | None:
    """The places of a text that are no evidence. None without one.

    A token that holds only a part of a character is none as query or key; one of a chat template is, like a start mark,
    none as query: where it looks says nothing of the text, but the text may look at it. Where more than half of what
    was typed is pieces, nothing is evidence: the spaces between them would be all that is left to judge by.
    """
    is_piece = np.array([bool(token.broken) for token in tokens], dtype=bool)
    is_template = np.array([token.is_template for token in tokens], dtype=bool)
    left_out = LeftOut(queries=is_piece | is_template | is_mostly_pieces(tokens), keys=is_piece)
    return left_out if left_out.queries.any() else None


def is_mostly_pieces(tokens: Sequence[Token]) -> bool:
    """Whether more than half of the typed tokens hold only parts of characters."""
    typed = [token for token in tokens if not token.is_start and not token.is_template]
    return 2 * sum(bool(token.broken) for token in typed) > len(typed)


def notices_about(tokens: Sequence[Token]) -> tuple[Notice, ...]:
    """What a reader should know of characters that the model has no token for; empty where it has one for each."""
    pieces = pieces_of_characters(tokens)
    if not pieces:
        return ()
    names = [f"“{character}”" for character in pieces]
    hint = "What heads do at such pieces says little, so no job counts them. Other words are read as usual."
    if len(names) == 1:
        count = next(iter(pieces.values()))
        return (Notice(f"This model has no token for {names[0]}. It reads it as {count} byte pieces.", hint),)
    more = len(names) - NAMED
    named = f"{', '.join(names[:NAMED])} and {more} more" if more > 0 else f"{', '.join(names[:-1])} and {names[-1]}"
    sentence = f"This model has no tokens for {named}. It reads each as up to {max(pieces.values())} byte pieces."
    return (Notice(sentence, hint),)


def pieces_of_characters(tokens: Sequence[Token]) -> dict[str, int]:
    """Every character that is spread over several tokens, as the page shows it, in the order of the text, and over how
    many."""
    pieces: dict[str, int] = {}
    for part in (part for token in tokens for part in token.broken if part[-1] in PART_MARKS):
        character, number = part[:-1], PART_MARKS.index(part[-1]) + 1
        pieces[character] = max(pieces.get(character, 0), number)
    return pieces
