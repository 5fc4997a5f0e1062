"""The bar of something that takes a while, and what a screen reader hears of it."""

from __future__ import annotations

from dash import html

from components.markup import aria

SPOKEN_STEP = 25  # percent


def bar(share: float, label: str, text: str) -> html.Div:
    """A progressbar. `--share` is the only inline value: the bar's length. Args: share: of the work, in [0, 1].
    text: how far it is, in words; the percentage where it is empty."""
    percent = int(100 * share)
    return html.Div(
        html.Div(className="models-bar-fill", style={"--share": round(share, 3)}),
        role="progressbar",
        className="models-bar",
        **aria(valuemin=0, valuemax=100, valuenow=percent, valuetext=text or f"{percent} percent", label=label),
    )


def spoken(share: float, done: str) -> html.Span:
    """Read out when it changes, which is at 25, 50, 75 and 100 % only. Args: done: `analyzed`, `fetched`."""
    step = int(100 * share) // SPOKEN_STEP * SPOKEN_STEP
    return html.Span(f"{step} percent {done}" if step else "", role="status", className="visually-hidden")
