"""A head's jobs, and whether they show on a text, in words."""

from __future__ import annotations

from collections.abc import Sequence

from components.numbers import in_words
from utils.roles import JOBS, ROLES

STATUS_WORDS = {
    "active": "active",
    "here_and_there": "here and there",
    "cannot_tell": "cannot tell",
    "below_usual": "below usual",
    "not_seen": "not seen",
    "not_applicable": "cannot show on this text",
    "not_testable": "cannot be tested in this model",
    None: "",
}
UNTESTED = "not tested"  # of a job that the model or its tokens do not allow to test
NO_JOB = f"None of the {in_words(len(JOBS))} jobs fits this head."


def jobs_sentence(jobs: Sequence[str]) -> str:
    """ "Mainly induction, also previous token. Where it finds nothing to do, it rests." """
    names = [JOBS[role].display_name.lower() for role in jobs if role in JOBS]
    rests = any(ROLES[role].is_rest for role in jobs)
    if not names:
        return f"It mostly rests. {NO_JOB}" if rests else NO_JOB
    does = f"{names[0].capitalize()}." if len(names) == 1 else f"Mainly {names[0]}, also {_listed(names[1:])}."
    return f"{does} Where it finds nothing to do, it rests." if rests else does


def _listed(names: Sequence[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
