"""What a tokenizer makes of the words that heads are tested with: only those that are one token can be tested."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from utils.writing.words import COMMON, KNOWN_NAMES, LISTS, NAMES, OrderedList

FEWEST_IN_LIST = 5  # one-token items, below which a list tells nothing
FEWEST_WORDS = 100  # of the common words, below which copying cannot be tested
FEWEST_NAMES = 8
SPACED = " "


@dataclass(frozen=True)
class ListTokens:
    """An ordered list as one model reads it. ids: one for each item, None for one that is cut into pieces."""

    about: OrderedList
    ids: tuple[int | None, ...]

    @property
    def whole(self) -> tuple[int, ...]:
        """The items that are one token."""
        return tuple(token_id for token_id in self.ids if token_id is not None)

    @property
    def is_testable(self) -> bool:
        return len(self.whole) >= FEWEST_IN_LIST

    def steps(self, forward: bool = True) -> Iterator[tuple[int, int]]:
        """Every item with the one after it, or with the one before; where both are one token."""
        follows = zip(self.ids, (*self.ids[1:], self.ids[0] if self.about.is_cyclic else None), strict=True)
        for item, after in follows:
            if item is not None and after is not None:
                yield (item, after) if forward else (after, item)


@dataclass(frozen=True)
class WordTokens:
    """The tested words of one tokenizer.

    common, names: ids of those that are one token after a space. lists: with a space before every item where an item
    is one token so, else without. also: the same lists, as they are written where no space is before them; they are
    found in texts and not tested. known_names: more names that are told in texts, with a space before them or without.
    """

    common: tuple[int, ...]
    names: tuple[int, ...]
    lists: tuple[ListTokens, ...]
    also: tuple[ListTokens, ...]
    known_names: frozenset[int]

    @cached_property
    def columns(self) -> tuple[int, ...]:
        """The ids whose logits are compared, each once: common words, then list items."""
        items = (token_id for each in self.lists for token_id in each.whole)
        return tuple(dict.fromkeys((*self.common, *items)))

    @cached_property
    def next_ids(self) -> Mapping[int, int]:
        """What follows a list item, in whatever way it is written; of lists that can be tested."""
        return {
            item: after
            for each in reversed((*self.lists, *self.also))
            if each.is_testable
            for item, after in each.steps()
        }

    @property
    def testable_lists(self) -> tuple[ListTokens, ...]:
        return tuple(each for each in self.lists if each.is_testable)


def word_tokens(tokenizer: Any) -> WordTokens:
    """What a tokenizer makes of the words. Args: tokenizer: a Hugging Face tokenizer."""

    def one_token(word: str) -> int | None:
        try:
            ids = tokenizer.encode(word, add_special_tokens=False)
        except Exception:  # noqa: BLE001  # of tokenizers, for a vocabulary without a token for the unknown
            return None
        return ids[0] if len(ids) == 1 and tokenizer.decode(ids).strip() == word.strip() else None

    def ids_of(words: tuple[str, ...], before: str) -> tuple[int, ...]:
        found = (one_token(before + word) for word in words)
        return tuple(dict.fromkeys(token_id for token_id in found if token_id is not None))

    def as_tested(each: OrderedList) -> ListTokens:
        spaced = (one_token(SPACED + item) for item in each.items)
        both = zip(spaced, map(one_token, each.items), strict=True)
        return ListTokens(each, tuple(bare if with_space is None else with_space for with_space, bare in both))

    return WordTokens(
        common=ids_of(COMMON, SPACED),
        names=ids_of(NAMES, SPACED),
        lists=tuple(map(as_tested, LISTS)),
        also=tuple(ListTokens(each, tuple(map(one_token, each.items))) for each in LISTS),
        known_names=frozenset((*ids_of(KNOWN_NAMES, SPACED), *ids_of(KNOWN_NAMES, ""))),
    )
