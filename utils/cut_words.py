"""Words that a vocabulary does not have whole: the model reads them in pieces, and its heads look at pieces."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import compress, groupby
from typing import TYPE_CHECKING

from utils.tokens import PART_MARKS

if TYPE_CHECKING:
    from utils.tokens import Token

WITHOUT_SPACES = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN")
CHARACTER = re.compile(f"(.)([{PART_MARKS}]?)", re.DOTALL)


@dataclass(frozen=True)
class CutWord:
    """A word, and the pieces in which the model reads it, two or more, as the page shows tokens."""

    word: str
    pieces: tuple[str, ...]


def cut_words(tokens: Sequence[Token]) -> tuple[CutWord, ...]:
    """The words of a text that are several tokens, each word once, in the order of the text.

    A word is a run of letters. Numbers and signs are none, nor is writing that puts no space between words. Example:
    `the`, ` m`, `at` gives `mat` with the pieces `m` and `at`.
    """
    typed = ((owner, token) for owner, token in enumerate(tokens) if token.is_typed)
    letters = [(*character, owner) for owner, token in typed for character in _characters(token)]
    found: dict[str, CutWord] = {}
    for is_word, run in groupby(letters, key=lambda letter: _is_letter(letter[0])):
        if not is_word:
            continue
        characters, is_new, owners = zip(*run, strict=True)
        pieces = tuple(tokens[owner].word for owner in range(owners[0], owners[-1] + 1))
        if len(pieces) > 1:
            word = "".join(compress(characters, is_new))
            found.setdefault(word, CutWord(word, pieces))
    return tuple(found.values())


def _characters(token: Token) -> Iterator[tuple[str, bool]]:
    """The characters of a token, and whether they begin here: the later parts of a character add none to the text."""
    if not token.broken:
        yield from ((character, True) for character in token.text)
        return
    for character, mark in CHARACTER.findall(token.text):
        yield character, mark in ("", PART_MARKS[0])


def _is_letter(character: str) -> bool:
    if unicodedata.category(character)[0] not in "LM":
        return False
    return not unicodedata.name(character, "").startswith(WITHOUT_SPACES)
