"""Luck as a small table that a student can recompute: chances after so many tokens, and whether all hit is luck."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from dash import dcc, html

from utils.measures.luck import luck_limit, tail

if TYPE_CHECKING:
    from dash.development.base_component import Component

EXAMPLES = ((13, 14), (12, 13), (20,))  # chances with one right token each, after so many tokens; all of them hit
ON_CARD = (1, 8)  # heads side by side


def layout(below: str) -> list[Component]:
    """The table, and what is said below it. Args: below: Markdown."""
    heads = ("Chances, all hit", "Blind looking hits all", *map(_head, ON_CARD))
    table = html.Table(
        [html.Thead(html.Tr([html.Th(head, scope="col") for head in heads])), html.Tbody([*map(_row, EXAMPLES)])],
        className="luck-table",
    )
    return [html.Div(table, className="surface luck-box"), dcc.Markdown(below, className="learn-text")]


def luck_of(places: tuple[int, ...]) -> float:
    """How likely blind looking hits all of some chances. Example: 1/182 for those after 13 and 14 tokens."""
    return float(tail(np.array([[1 / place for place in places]]), np.array([len(places)]))[0])


def is_no_luck(places: tuple[int, ...], n_beside: int) -> bool:
    """Whether hits at all of them are rare enough for one of so many heads."""
    return luck_of(places) <= luck_limit(n_beside) * (1 + 1e-6)


def figure(probability: float) -> str:
    """`.00549`, as the text writes it."""
    return f"{probability:.3g}".removeprefix("0")


def _head(n_beside: int) -> str:
    who = "One head alone" if n_beside == 1 else f"{n_beside} heads on a card"
    return f"{who}, from {figure(luck_limit(n_beside))} down"


def _row(places: tuple[int, ...]) -> html.Tr:
    name = f"after {' and '.join(map(str, places))} tokens"
    sum_ = " × ".join(f"1/{place}" for place in places)
    verdicts = ["no luck" if is_no_luck(places, n_beside) else "cannot tell" for n_beside in ON_CARD]
    return html.Tr(
        [html.Th(name, scope="row"), html.Td(f"{sum_} = {figure(luck_of(places))}"), *map(html.Td, verdicts)]
    )
