"""What a drawing shows, as a real table that opens on a press: for everyone who cannot see it, or wants the numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from dash import html

from components.plain import plain


def folded_table(
    heads: Sequence[Any],
    rows: Iterable[Sequence[Any]],
    *,
    summary: str = "Show as table",
    caption: str = "",
    box: str = "table-scroll",
) -> html.Details:
    """The table, folded.

    Args: rows: the first entry of each names it. summary: what to press. caption: read out only. box: the class of what
    scrolls around it.
    """
    named = [html.Caption(caption, className="visually-hidden")] if caption else []
    head = html.Thead(html.Tr([html.Th(name, scope="col") for name in heads]))
    body = html.Tbody(plain(*(html.Tr([html.Th(first, scope="row"), *map(html.Td, rest)]) for first, *rest in rows)))
    table = html.Table([*named, head, body], className="grid-table")
    return html.Details([html.Summary(summary, className="text-button"), html.Div(table, className=box)])
