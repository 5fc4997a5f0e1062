"""The answer first: the result of an analysis as one sentence, and one line that says what it means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from components.numbers import in_words
from utils.reasons import has_copies, look_alikes, too_short_reason
from utils.roles import JOBS, ROLES

if TYPE_CHECKING:
    from utils.analysis import Analysis
    from utils.summary import RestingHeads

WHAT_TOKENS_ARE = (
    "A language model reads {tokens}: words, or parts of words. Its {attention heads} look back at earlier tokens, and "
)
SOME_DO_A_JOB = "some do a job we can name."
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


NEARLY_ALL = 0.9  # of the heads, from which on the lead is about rest alone
FEW_WORDS = 10


def headline(analysis: Analysis) -> str:
    """How many of the jobs light up, and how many wait for something to repeat."""
    if is_too_short(analysis):
        return "This text is too short to tell."
    start = _how_many_light(analysis)
    n_waiting = len(waiting_for_repetition(analysis))
    if n_waiting == 0:
        return f"{start} on your text."
    number = in_words(n_waiting).capitalize()
    if _repeats(analysis):
        return f"{start}. {number} cannot be told apart here."
    return f"{start}. {number} {'needs' if n_waiting == 1 else 'need'} repetition."


def _how_many_light(analysis: Analysis) -> str:
    """ "Three of five jobs of looking and one of four of writing light up".

    Jobs that cannot be tested in this model are not counted; where no job of writing can be, none is spoken of.
    """
    looking, writing = _lit(analysis, is_writing=False), _lit(analysis, is_writing=True)
    verb = "light" if sum(looking) + sum(writing) > 1 else "lights"
    n_jobs = in_words(len(looking))
    if not any(looking):
        jobs = f"None of the {n_jobs} jobs of looking{_and_writing(writing, or_none=True)}"
    elif all(looking):
        jobs = f"All {n_jobs} jobs of looking{_and_writing(writing)}"
    else:
        jobs = f"{in_words(sum(looking)).capitalize()} of {n_jobs} jobs of looking{_and_writing(writing)}"
    return f"{jobs} {verb} up"


def _and_writing(lit: list[bool], or_none: bool = False) -> str:
    """ " and one of four of writing"; empty where no such job can be tested. Args: lit: of each whether it is. or_none:
    no job of looking is lit."""
    number = in_words(len(lit))
    if not lit:
        return ""
    if not any(lit):
        if or_none:
            return f" or the {number} of writing"
        return ", but not the one of writing," if len(lit) == 1 else f" and none of the {number} of writing"
    joined = ", but" if or_none else " and"
    if all(lit):
        return f"{joined} the one of writing" if len(lit) == 1 else f"{joined} all {number} of writing"
    return f"{joined} {in_words(sum(lit))} of {number} of writing"


def _lit(analysis: Analysis, is_writing: bool) -> list[bool]:
    """Of the jobs of one kind that can be tested in this model whether each is active."""
    shown = [analysis.roles[key].status for key, role in JOBS.items() if role.is_writing == is_writing]
    return [status == "active" for status in shown if status != "not_testable"]


def _count(analysis: Analysis, status: str) -> int:
    """How many of the jobs are in a state."""
    return sum(analysis.roles[key].status == status for key in JOBS)


def lead(analysis: Analysis, has_catalogue: bool) -> str:
    """The line below the headline: the jobs that show less clearly, why some are grey, how many heads rest. Words in
    braces have word help on the page."""
    if not has_catalogue:
        return NO_CATALOGUE
    if is_too_short(analysis):
        return TOO_SHORT
    if analysis.n_resting.n_heads >= NEARLY_ALL * analysis.n_resting.of:
        return everything_rests(analysis)
    parts = [less_clearly(analysis), _why_grey(analysis)]
    if any(parts):
        return " ".join(part for part in (*parts, resting_sentence(analysis.n_resting)) if part)
    return WHAT_TOKENS_ARE + (resting_sentence(analysis.n_resting, is_start=False) or SOME_DO_A_JOB)


def less_clearly(analysis: Analysis) -> str:
    """How many jobs show here and there, and of how many it cannot be told; empty for none."""
    n_there, n_luck = _count(analysis, "here_and_there"), _count(analysis, "cannot_tell")
    more = " more" if _count(analysis, "active") else ""
    there = f"{in_words(n_there).capitalize()}{more} {'shows' if n_there == 1 else 'show'} here and there"
    luck = "cannot be told from luck"
    if n_there and n_luck:
        return f"{there}, and {in_words(n_luck)} {luck}."
    if n_luck:
        return f"{in_words(n_luck).capitalize()}{more} {luck}."
    return f"{there}." if n_there else ""


def resting_sentence(resting: RestingHeads, is_start: bool = True) -> str:
    """ "166 of the 270 {attention heads} mostly rest."; empty for none. is_start: False goes on in a sentence that has
    just named the heads: "nine of the 32 mostly rest."."""
    if resting.n_heads == 0:
        return ""
    number, verb = in_words(resting.n_heads), "rests" if resting.n_heads == 1 else "rest"
    if not is_start:
        return f"{number} of the {resting.of} mostly {verb}."
    return f"{number.capitalize()} of the {resting.of} {{attention heads}} mostly {verb}."


def everything_rests(analysis: Analysis) -> str:
    """The lead of a text on which hardly any head does anything else."""
    resting, n_words = analysis.n_resting, len(analysis.forward.prompt.split())
    words = f"{in_words(n_words).capitalize()} words give them little to look at."
    little = words if 1 < n_words <= FEW_WORDS else "They find little to look at in it."
    return f"{resting.n_heads} of {resting.of} {{attention heads}} rest on this text. {little}"


def _why_grey(analysis: Analysis) -> str:
    """What some jobs wait for; empty where none does."""
    if any(evidence.is_unread for evidence in analysis.evidence.values()):
        return PARTS_OF_CHARACTERS
    if not waiting_for_repetition(analysis):
        return ""
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
