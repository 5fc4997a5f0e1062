"""Why a role is grey on this text, or weaker than usual: one sentence made from the text itself.

Sentences name tokens as the page shows them, and every number in them is measured on this text. Which of them holds for
a role is for its measure to say (`utils/measures/`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from utils.measures.copies import after_earlier_copies, earlier_copies
from utils.measures.luck import luck_limit
from utils.measures.reading import MIN_TOKENS
from utils.measures.states import HeadFigures

if TYPE_CHECKING:
    from utils.roles import Role
    from utils.tokens import Token

_NUMBER_WORDS = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten")
FEW_ROWS = 2
MOSTLY_FROM = 0.3  # of a head's attention, from which it is said to go to one place
MOSTLY_LUCK = 2 / 3
TOO_SHORT_TO_TELL = "This text is too short to tell. Add a few words."
AMBIGUOUS_REPEATS = "Tokens come again here, but in no place that could tell this job from another one."
ONLY_UNREAD = "Every place that could tell holds parts of a character, and what heads do there tells nothing."
NOT_READ = "What heads write of this text was not read with it."
NOT_ANALYZED = "This model has no catalogue yet. Analyze it once to see which of its heads do this job."


def number_word(number: int) -> str:
    """ "Two" for 2, up to ten; digits above."""
    return _NUMBER_WORDS[number] if number < len(_NUMBER_WORDS) else str(number)


def count_typed(tokens: Sequence[Token]) -> int:
    """Tokens that the student typed: all but a start mark and a chat template."""
    return sum(token.is_typed for token in tokens)


def too_short_reason(tokens: Sequence[Token]) -> str | None:
    """The reason that holds for every role when fewer than three tokens were typed, else None."""
    n_typed = count_typed(tokens)
    if n_typed >= MIN_TOKENS:
        return None
    verb = "token is" if n_typed == 1 else "tokens are"
    return f"{number_word(n_typed)} {verb} too few to tell. Add a few words."


def has_copies(token_ids: np.ndarray) -> bool:
    """Whether any token of a text comes again."""
    return bool(earlier_copies(token_ids).any())


def nothing_repeats(tokens: Sequence[Token], lacks: str) -> str:
    """Why a role that needs repetition has nothing to work with: no token comes again, though perhaps a word does.

    Args: lacks: what the role needs, in words.
    """
    look_alike = look_alikes(tokens)
    if look_alike:
        first, second, times = look_alike
        return (
            f"“{first.word}” comes {times}, but {_distinct_labels(first, second)} are two different tokens to the "
            "model. Try: repeat it with the same spelling."
        )
    return f"{lacks}. All {count_typed(tokens)} tokens here are different."


def look_alikes(tokens: Sequence[Token]) -> tuple[Token, Token, str] | None:
    """The first word that comes again in another spelling (case, leading space), with "twice" or "3 times"."""
    seen: dict[str, list[Token]] = {}
    for token in tokens:
        word = token.word.strip().casefold()
        if token.is_typed and word and word[0].isalnum():
            seen.setdefault(word, []).append(token)
    for same in seen.values():
        if len(same) > 1:
            return same[0], same[1], "twice" if len(same) == 2 else f"{len(same)} times"
    return None


def _distinct_labels(first: Token, second: Token) -> str:
    return f"“{first.label}” and “{second.label}”"


def ambiguous_followers(token_ids: np.ndarray) -> str:
    """Why no place of a text that repeats can tell a look at what followed an earlier copy from another look."""
    distances = _distances(token_ids)
    if distances == {1}:
        return "The only repeats are neighbours. There, what came next is the current token itself."
    if distances == {2}:
        return "The only repeats are two steps apart. There, what came next is also the previous token."
    return (
        "What repeats stands too close together to tell: what followed the earlier copy is the token itself, the "
        "previous token or another copy. Let a few other words come between."
    )


def ambiguous_copies(token_ids: np.ndarray) -> str:
    """Why no place of a text that repeats can tell a look at an earlier copy from another look."""
    copies = earlier_copies(token_ids)
    if _distances(token_ids) == {1}:
        return "The only repeats are neighbours. There, the earlier copy is also the previous token."
    if set(np.nonzero(copies)[1].tolist()) == {0}:
        return "The only earlier copy is the first token, where many heads rest anyway. Repeat a later word."
    if (copies & after_earlier_copies(token_ids)).any():
        return (
            "What repeats stands too close together to tell: an earlier copy here also follows another copy. "
            "Let other words come between."
        )
    return "The earlier copies here are all the first token or the previous token, where other jobs look too."


def _distances(token_ids: np.ndarray) -> set[int]:
    """How many steps apart equal tokens stand."""
    queries, keys = np.nonzero(earlier_copies(token_ids))
    return set((queries - keys).tolist())


def few_rows_caution(n_rows: int) -> str:
    """A caution for a result that stands on one or two rows, else an empty string."""
    if not 0 < n_rows <= FEW_ROWS:
        return ""
    places = "1 place" if n_rows == 1 else f"{n_rows} places"
    return f"Only {places} to judge by. Treat this score with care."


def no_heads_reason(role: Role, n_heads: int) -> str:
    """What to say where a catalogued model has no head for a role; n_heads: of the whole model."""
    habit = f"looks mostly{role.habit.removeprefix('looks')}" if role.habit.startswith("looks") else role.habit
    return f"None of this model’s {n_heads} heads {habit}. That is normal: not every model grows every kind."


def here_and_there(figures: HeadFigures) -> str:
    """More hits than luck explains, and less in sum than usual."""
    places = "place" if figures.chances == 1 else "places"
    return (
        f"{figures.name} does it at {figures.hits} of {figures.chances} {places}, more than a blind look would. Over "
        f"all places it scores {figures.score:.2f} when it looks, usually {figures.usual:.2f}, and counts as active "
        f"from {figures.threshold:.2f}."
    )


def could_be_luck(figures: HeadFigures) -> str:
    """Hits that a blind look might have made as well, and what would have to be rarer.

    Example: "One chance in this text; a blind look lands there 1 time in 12."
    """
    once = f"1 time in {one_in(figures.luck)}"
    if figures.chances == 1:
        sentence = f"One chance in this text, and {figures.name} took it; a blind look lands there {once}."
    elif figures.luck >= MOSTLY_LUCK:
        sentence = f"{figures.name} hits {_of_places(figures)}; a blind look mostly does as well."
    else:
        sentence = f"{figures.name} hits {_of_places(figures)}; a blind look does as well {once}."
    return f"{sentence} {what_would_tell(figures.luck, figures.n_beside)}"


def how_lucky(chances: int, hits: int, luck: float) -> str:
    """The same of one row among others, without the head's name: "One chance in this text; a blind look lands there 1
    time in 12."."""
    once = f"1 time in {one_in(luck)}"
    if chances == 1:
        return f"One chance in this text; a blind look lands there {once}."
    blind = "mostly does as well" if luck >= MOSTLY_LUCK else f"does as well {once}"
    return f"{hits} of {chances} places; a blind look {blind}."


def what_would_tell(luck: float, n_beside: int) -> str:
    """What hits that may be luck would need to be none."""
    if luck > luck_limit(1):
        return "A longer text gives it more chances."
    return f"With {n_beside} heads side by side only 1 time in {one_in(luck_limit(n_beside))} is no luck."


def one_in(luck: float) -> str:
    """How rare something is: "12" for .08; at least 2."""
    return f"{max(2, round(1 / max(luck, 1e-6))):,}"


def _of_places(figures: HeadFigures) -> str:
    return f"{figures.hits} of {figures.chances} places"


def no_chance(figures: HeadFigures, has_start: bool) -> str:
    """Why nothing can be seen of heads that rest wherever the text would give them something to do."""
    place = "start mark" if has_start else "first token"
    return f"Wherever this text would allow it these heads rest on the {place}; {figures.name} comes nearest."


def in_no_place(figures: HeadFigures) -> str:
    """A score above chance to which no single place contributes most of its looking."""
    return (
        f"{figures.name} scores {figures.score:.2f} when it looks, usually {figures.usual:.2f}, and in no place does "
        "more than half of its looking go there."
    )


def not_seen(figures: HeadFigures, n_rows: int) -> str:
    """No hit at all."""
    places = "the one place" if n_rows == 1 else f"any of {number_word(n_rows).lower()} places"
    return f"None of these heads does it at {places} that could show it; {figures.name} comes nearest."


def what_it_does_instead(pattern: np.ndarray, rows: np.ndarray, has_start: bool) -> str:
    """Where a head's attention goes on the rows that could tell. Args: pattern: [query_pos, key_pos]."""
    first = "start mark" if has_start else "first token"
    masses = {
        f"on the {first}": pattern[rows, 0].mean(),
        "on the previous token": pattern[rows, rows - 1].mean(),
        "on the token itself": pattern[rows, rows].mean(),
    }
    place, mass = max(masses.items(), key=lambda item: item[1])
    if mass < MOSTLY_FROM:
        return "On these tokens it spreads its attention over several others."
    return f"On these tokens it puts {mass:.0%} of its attention {place} instead.".replace("%", " %")
