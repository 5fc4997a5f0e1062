"""A choice between two or three ways to look at the same thing, all in sight."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dash_bootstrap_components as dbc
from dash import html

from components.markup import aria


def switch(name: str, ways: Mapping[Any, str], chosen: str, label: str) -> html.Div:
    """Radio buttons side by side. Args: name: their id; ways: value -> words; label: for a screen reader."""
    return html.Div(radio_buttons(name, ways, chosen), role="group", **aria(label=label))


def radio_buttons(name: str, ways: Mapping[Any, str], chosen: str) -> dbc.RadioItems:
    """The buttons alone, for a place that labels them in sight. Args: as `switch`."""
    options = [{"label": words, "value": value} for value, words in ways.items()]
    return dbc.RadioItems(id=name, options=options, value=chosen, inline=True, className="switch")
