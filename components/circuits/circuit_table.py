"""What a drawing of the circuits page shows, as a real table that opens on a press."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from dash import html


def folded_table(summary: str, heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> html.Details:
    """The table, folded. summary: what to press; rows: the first entry of each names it."""
    body = [html.Tr([html.Th(first, scope="row"), *map(html.Td, rest)]) for first, *rest in rows]
    table = html.Table(
        [html.Thead(html.Tr([html.Th(head, scope="col") for head in heads])), html.Tbody(body)], className="grid-table"
    )
    box = html.Div(table, className="circuit-scroll")
    return html.Details([html.Summary(summary, className="text-button"), box])
