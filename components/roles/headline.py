"""The answer first: the result of an analysis as one sentence, and one line that says what it means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from components.numbers import in_words
from utils.reasons import has_copies, look_alikes, too_short_reason
from utils.roles import ROLES

if TYPE_CHECKING:
    from utils.analysis import Analysis

WHAT_TOKENS_ARE = (
    "A language model reads {tokens}: words, or parts of words. Its {attention heads} look back at earlier tokens, "
    "and some do a job we can name."
)
NOTHING_REPEATS = "A grey lamp is not a fault. These heads wait for something to repeat, and nothing in this text does."
REPEATS_TELL_NOTHING = (
    "A grey lamp is not a fault. What repeats here stands where two jobs look at the same token, "
    "so nobody could tell them apart."
)
LOOK_ALIKES = (
    "A grey lamp is not a fault. These heads wait for the same token to come again. Here only a word does, and "
    "spelled in another way it is another token."
)
PARTS_OF_CHARACTERS = (
    "A grey lamp is not a fault. This model has no tokens for some characters of this text and reads their bytes. "
    "What heads do there tells nothing about a job."
)
TOO_SHORT = "A head shows its job by where it looks back, and here is hardly anything to look back at. Add a few words."
NO_CATALOGUE = "The heads of this model were not analysed yet, so nobody knows which of them does which job."


def headline(analysis: Analysis) -> str:
    """How many of the jobs light up, and how many wait for something to repeat."""
    if is_too_short(analysis):
        return "This text is too short to tell."
    n_active = sum(role.status == "active" for role in analysis.roles.values())
    verb = "lights" if n_active == 1 else "light"
    start = f"{in_words(n_active).capitalize()} of {in_words(len(ROLES))} known jobs {verb} up"
    n_waiting = len(waiting_for_repetition(analysis))
    if n_waiting == 0:
        return f"{start} on your text."
    number = in_words(n_waiting).capitalize()
    if _repeats(analysis):
        return f"{start}. {number} cannot be told apart here."
    return f"{start}. {number} {'needs' if n_waiting == 1 else 'need'} repetition."


def lead(analysis: Analysis, has_catalogue: bool) -> str:
    """The line below the headline. Words in braces have word help on the page."""
    if not has_catalogue:
        return NO_CATALOGUE
    if is_too_short(analysis):
        return TOO_SHORT
    if any(evidence.is_unread for evidence in analysis.evidence.values()):
        return PARTS_OF_CHARACTERS
    if not waiting_for_repetition(analysis):
        return WHAT_TOKENS_ARE
    if _repeats(analysis):
        return REPEATS_TELL_NOTHING
    return LOOK_ALIKES if look_alikes(analysis.forward.tokens) else NOTHING_REPEATS


def is_too_short(analysis: Analysis) -> bool:
    """Whether no job at all can show, because there are too few tokens."""
    return too_short_reason(analysis.forward.tokens) is not None


def waiting_for_repetition(analysis: Analysis) -> list[str]:
    """The roles that cannot show because of what does not repeat, as keys."""
    return [
        key
        for key, summary in analysis.roles.items()
        if ROLES[key].requires_repetition and summary.status == "not_applicable" and not _is_unread(analysis, key)
    ]


def _is_unread(analysis: Analysis, role: str) -> bool:
    """Whether all that could show a role stands at parts of characters."""
    return role in analysis.evidence and analysis.evidence[role].is_unread


def _repeats(analysis: Analysis) -> bool:
    """Whether any token comes again."""
    return has_copies(np.array([token.id for token in analysis.forward.tokens if not token.is_template]))
