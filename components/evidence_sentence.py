"""The sentences that prove a role with the student's own tokens; one template per role and one for any other, every
number measured here. A role of writing also says what the look pushes up or down, and how hard.

`short` stands on a card, `long` below the token strip. Both quote tokens as chips and never as markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dash import html

from components.numbers import percent, plural
from components.token_chip import next_chip, token_chip
from utils.numbers_in_text import signed
from utils.roles import ROLES

if TYPE_CHECKING:
    from utils.demonstration import Demonstration
    from utils.measures.reading import Look
    from utils.summary import HeadEntry
    from utils.tokens import Token

Words = list[Any]


def short(entry: HeadEntry, tokens: Sequence[Token]) -> html.P | None:
    """One head's strongest evidence: "At [the 17] L2H3 looks at [river 8] with 80 % of its attention."

    None where the head has no evidence.
    """
    if not entry.evidence:
        return None
    look, name = entry.evidence[0], str(entry.id)
    weight = _weight(look.weight)
    query = token_chip(tokens[look.query_pos], look.query_pos, entry.role, "query")
    if ROLES[entry.role].measure.is_about_rows:
        return html.P(["At ", query, f" {name} gives no token more than ", weight, " of its attention."])
    key = "that very token" if look.is_itself else token_chip(tokens[look.key_pos], look.key_pos, entry.role, "key")
    pushes = _pushes(look, entry.role, tokens)
    return html.P(["At ", query, f" {name} looks at ", key, " with ", weight, *_ending(" of its attention", pushes)])


def place(look: Look, role: str, tokens: Sequence[Token]) -> Words:
    """One place where a head does a role: "at [John 9] it looks at [went 4] with 82 %"."""
    query = token_chip(tokens[look.query_pos], look.query_pos, role, "query")
    key: Any = "itself" if look.is_itself else token_chip(tokens[look.key_pos], look.key_pos, role, "key")
    pushes = _pushes(look, role, tokens)
    return ["at ", query, " it looks at ", key, " with ", _weight(look.weight), *([" and ", *pushes] if pushes else [])]


def push(look: Look) -> str:
    """What a look does to a word's logit: "adds +1.8 to", "takes 1.5 from"; empty for a look of a role of looking, and
    where it comes to nothing."""
    if look.push is None or signed(look.push) == signed(0.0):
        return ""
    return f"adds {signed(look.push)} to" if look.push > 0 else f"takes {signed(-look.push).lstrip('+')} from"


def _pushes(look: Look, role: str, tokens: Sequence[Token]) -> Words:
    """ "adds +1.7 to it", or to a word that may come next; empty for a role of looking."""
    if look.push is None or look.target is None:
        return []
    is_it = look.target.id == tokens[look.key_pos].id
    does = push(look) or "adds next to nothing to"
    return [f"{does} it"] if is_it else [f"{does} ", next_chip(look.target, role)]


def _ending(words: str, pushes: Words) -> Words:
    """The end of a sentence about a look, with what it pushes, if anything."""
    if not pushes:
        return [f"{words}."]
    *most, last = pushes
    return [f"{words} and ", *most, f"{last}."] if isinstance(last, str) else [f"{words} and ", *pushes, "."]


def long(view: Demonstration, tokens: Sequence[Token]) -> html.P:
    """The focused look of the strip in words, and at how many more places the head does the same.

    Args: view: with a focus, as every strip of a role that is done at all has.
    """
    words = _TEMPLATES.get(view.role, _any_row if view.is_about_rows else _any_look)(view, tokens)
    return html.P([*words, _same_elsewhere(view)], className="strip-sentence")


def _weight(weight: float) -> html.Span:
    return html.Span(percent(weight), className="text-nowrap")


def _same_elsewhere(view: Demonstration) -> str:
    if view.n_others == 0 or not view.does_it:
        return ""
    if view.n_same == view.n_others:
        return f" Same at {plural(view.n_same, 'more place')}."
    if view.n_same == 0:
        return f" It does so at none of {plural(view.n_others, 'other place')} that would allow it."
    return f" Same at {view.n_same} of {plural(view.n_others, 'other place')}."


def _at(view: Demonstration, tokens: Sequence[Token]) -> Words:
    """ "At [the 17]", or "At the last [the 17]" where the token comes more than once and this is the last."""
    assert view.focus is not None
    position = view.focus.query_pos
    is_last_copy = view.copy_pos is not None and position == len(tokens) - 1
    return ["At the last " if is_last_copy else "At ", token_chip(tokens[position], position, view.role, "query")]


def _key(view: Demonstration, tokens: Sequence[Token]) -> html.Span:
    assert view.focus is not None
    return token_chip(tokens[view.focus.key_pos], view.focus.key_pos, view.role, "key")


def _induction(view: Demonstration, tokens: Sequence[Token]) -> Words:
    if view.copy_pos is None:
        return [*_at(view, tokens), " it looks at ", _key(view, tokens), "."]
    copy = token_chip(tokens[view.copy_pos], view.copy_pos, view.role, "copy")
    found = [" it finds the earlier ", copy, " and looks at what came next: "]
    return [*_at(view, tokens), *found, _key(view, tokens), "."]


def _duplicate(view: Demonstration, tokens: Sequence[Token]) -> Words:
    return [*_at(view, tokens), " it looks back at the earlier copy of the same token: ", _key(view, tokens), "."]


def _previous(view: Demonstration, tokens: Sequence[Token]) -> Words:
    return [*_at(view, tokens), " it looks at the token just before: ", _key(view, tokens), "."]


def _first(view: Demonstration, tokens: Sequence[Token]) -> Words:
    place = "start mark" if tokens[0].is_start else "very first token"
    return [*_at(view, tokens), f" it rests on the {place}: ", _key(view, tokens), "."]


def _any_look(view: Demonstration, tokens: Sequence[Token]) -> Words:
    """One look as it is, for a role that has no sentence of its own, and what it pushes for one of writing."""
    assert view.focus is not None
    place = "that very token," if view.focus.is_itself else _key(view, tokens)
    ending = _ending(" of its attention", _pushes(view.focus, view.role, tokens))
    return [*_at(view, tokens), " it looks at ", place, " with ", _weight(view.focus.weight), *ending]


def _any_row(view: Demonstration, tokens: Sequence[Token]) -> Words:
    """One row as it is, for a role that is about whole rows."""
    assert view.focus is not None
    seen = plural(view.focus.query_pos + 1, "token")
    shared = f" it shares its attention among {seen}. None gets more than "
    return [*_at(view, tokens), shared, _weight(view.focus.weight), "."]


_TEMPLATES = {
    "induction": _induction,
    "duplicate_token": _duplicate,
    "previous_token": _previous,
    "positional": _first,
}
