"""A head's jobs, and whether they show on a text, in words."""

from __future__ import annotations

from components.numbers import in_words
from utils.roles import ROLES

STATUS_WORDS = {
    "active": "active",
    "below_usual": "below usual",
    "not_applicable": "cannot show on this text",
    None: "",
}


def jobs_sentence(jobs: tuple[str, ...]) -> str:
    """ "Mainly induction, also previous token and first token." """
    names = [ROLES[role].display_name.lower() for role in jobs]
    if not names:
        return f"None of the {in_words(len(ROLES))} jobs fits this head."
    if len(names) == 1:
        return f"{names[0].capitalize()}."
    *also, last = names[1:]
    return f"Mainly {names[0]}, also {', '.join(also)} and {last}." if also else f"Mainly {names[0]}, also {last}."
