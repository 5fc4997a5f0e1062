"""What comes next? The model's own guesses, and one plain line that claims no cause."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dash import html

from components.markup import aria, classes, data
from components.numbers import probability
from utils.roles import ROLES, SHOWCASE

if TYPE_CHECKING:
    from utils.analysis import Analysis
    from utils.forward_pass import Prediction

N_SHOWN = 5
UNSURE_BELOW = 0.15


def layout(analysis: Analysis) -> html.Section:
    """The five likeliest next tokens with bars scaled to the first."""
    guesses = analysis.forward.predictions[:N_SHOWN]
    return html.Section(
        [
            html.H2("What comes next?", id="next-title", className="panel-title"),
            rows(guesses),
            html.Button(
                f"Show {len(guesses) - 1} more guesses",
                type="button",
                className="text-button narrow-only",
                **data(toggles="is-open"),
                **aria(expanded=False),
            ),
            html.P(plain_line(analysis), className="panel-note"),
        ],
        className="panel-next",
        **aria(labelledby="next-title"),
    )


def rows(guesses: Sequence[Prediction]) -> html.Ol:
    """Guesses, likeliest first, with bars scaled to the first."""
    return html.Ol([_row(guess, guesses[0].prob, rank) for rank, guess in enumerate(guesses)], className="guesses")


def plain_line(analysis: Analysis) -> str:
    """What active heads look at beside the first guess; never that they caused it."""
    first = analysis.forward.predictions[0]
    if first.prob < UNSURE_BELOW:
        return "The model is unsure here."
    if _showcase_looks_at(analysis) == first.token.id:
        name = ROLES[SHOWCASE].display_name
        return f"The model’s own guess. {name} heads look straight at its first choice."
    return "The model’s own guess, from all its heads and layers together."


def _showcase_looks_at(analysis: Analysis) -> int | None:
    """The token that the showcase role's strongest head looks at from the last position, as an id; None unless it is
    active."""
    best = analysis.roles[SHOWCASE].strongest
    if best is None or not best.is_active:
        return None
    last_row = analysis.forward.patterns[best.id][-1]
    return analysis.forward.tokens[int(last_row.argmax())].id


def _row(guess: Prediction, largest: float, rank: int) -> html.Li:
    share = guess.prob / largest if largest else 0.0
    return html.Li(
        [
            html.Bdi(guess.token.word, className="guess-word"),
            html.Span(
                html.Span(className="guess-fill"),
                className="guess-bar",
                style={"--score": f"{share:.4f}"},
                **aria(hidden=True),
            ),
            html.Span(probability(guess.prob), className="guess-prob"),
        ],
        className=classes("guess", rank == 0 and "guess--first"),
    )
