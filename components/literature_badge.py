"""What papers call a head: a badge with the paper's own name, and a book that marks a named head on the map.

A press on a badge opens one sentence and the source. The names are published, not found by this program.
"""

from __future__ import annotations

from collections.abc import Iterable

from dash import html

from components.lamp import sign
from components.markup import aria
from utils.heads import HeadId
from utils.literature import KnownHead, known_for

NOTE = (
    "A paper’s name for a head was published, not found here. It comes from the paper’s own test and can differ from "
    "the jobs here: a name mover passes on names, and a negative name mover holds a name back."
)
UNVERIFIED = "One person’s study, which nobody has confirmed."


def badges(model: str, head: HeadId) -> list[html.Details]:
    """One badge for each name that a source gives the head; empty for a head that nobody named."""
    return [_badge(known) for known in known_for(model, head)]


def names(model: str, head: HeadId) -> str:
    """The head's names in words, for a label: "IOI paper: induction"; empty without any."""
    return ", ".join(_name(known) for known in known_for(model, head))


def has_named_heads(model: str, heads: Iterable[HeadId]) -> bool:
    """Whether any of these heads has a name, so that a column or a legend has something to show."""
    return any(known_for(model, head) for head in heads)


def book_mark() -> html.Span:
    """The mark of a named head on the map; the cell's label says the name."""
    return html.Span(sign("book"), className="book-mark", **aria(hidden=True))


def _name(known: KnownHead) -> str:
    return f"{known.source.short_name}: {known.name}"


def _badge(known: KnownHead) -> html.Details:
    source = known.source
    link = html.A(source.citation, href=source.url, target="_blank", rel="noopener noreferrer")
    doubt = [] if source.is_verified else [html.P(UNVERIFIED)]
    note = html.Div([html.P(known.sentence), *doubt, html.P(link, className="paper-source")], className="paper-note")
    return html.Details([html.Summary([sign("book"), _name(known)]), note], className="paper")
