"""The moment it learns: how induction score and loss of both models went along, with one slider through the training.

The slider also sets the heads and best scores of both cards (assets/toy.js); the strips stay those of the finished
models, and say so. The shaded phase change is measured (`utils.toy.dynamics.phase_change`), never drawn by eye.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dash_bootstrap_components as dbc
import numpy as np
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html

from components.folded_table import folded_table
from components.markup import aria
from components.numbers import plural
from components.score_bar import two_decimals
from components.themed_graph import themed_graph
from components.toy.toy_card import job_name
from components.toy.toy_view import ToyView
from components.toy.training_figure import Line, training_figure
from utils.roles import ROLES
from utils.toy.dynamics import TrainingDynamics, phase_change
from utils.toy.growth import best_at_steps, roles_at_steps
from utils.toy.pair import INDUCTION, ToyModel

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from dash.development.base_component import Component

SCORE, LOSS = "toy-score", "toy-loss"
TITLES = {
    SCORE: ("Induction score of the best head", "plain, from 0 to 1"),
    LOSS: ("Loss on the second copy of a repeated text", "lower is better, in nats"),
}
NO_DYNAMICS = "How these two learned is not kept on this computer, so there is no training to look at."


class Ids:
    slider = "toy-step"
    data = "toy-training"
    said = "toy-step-said"
    play = "toy-play"


def layout(view: ToyView) -> html.Section:
    """Plots, slider and tables; without kept copies of both models a sentence in their place."""
    one, two = view.one.dynamics, view.two.dynamics
    parts: list[Component] = [html.P(NO_DYNAMICS)]
    if one is not None and two is not None and len(view.steps()) > 1:
        parts = _plots(view, one, two)
    return html.Section(
        [html.H2("The moment it learns", id="moment-title"), *parts],
        className="surface panel",
        **aria(labelledby="moment-title"),
    )


def skeleton() -> html.Div:
    """The ids that callbacks name."""
    return html.Div([_slider(1), html.Span(id=Ids.said), _play(), dcc.Store(id=Ids.data)])


def register(app: Dash) -> None:
    """Slider and play act in the browser alone (assets/toy.js): all steps are in a small store."""
    app.clientside_callback(
        ClientsideFunction("headlightToy", "showStep"),
        Output(Ids.said, "children"),
        Input(Ids.slider, "value"),
        Input(Ids.data, "data"),
    )
    app.clientside_callback(
        ClientsideFunction("headlightToy", "play"),
        Output(Ids.play, "data-presses"),
        Input(Ids.play, "n_clicks"),
        State(Ids.data, "data"),
        prevent_initial_call=True,
    )


def change_sentence(two: TrainingDynamics, one: TrainingDynamics) -> str:
    """When the two-layer model learned, and what repeated text cost before and after; all of it measured."""
    change = phase_change(two.best(INDUCTION), two.steps)
    if change is None:
        return "In this training no induction score rises by 0.3 or more, so there is no moment to shade."
    first, last = change
    before, after = (two.second_copy_loss[two.place_of(step)] for step in (first, two.steps[-1]))
    never = "; the one-layer model never does" if phase_change(one.best(INDUCTION), one.steps) is None else ""
    grows = f"Within {last - first:,} steps, from step {first:,} on, the two-layer model grows its induction heads"
    loss = (
        f"On the second copy of a repeated text the two-layer model’s loss falls from {before:.1f} to {after:.1f} nats."
    )
    return f"{grows}{never}. {loss}"


def step_data(view: ToyView) -> dict[str, Any]:
    """What the browser needs for every kept step.

    cards: per model its best head and score, and per step the index into `roles` of every head's main role, layer by
    layer. jobs: what a cell says and shows for each role.
    """
    steps = view.steps()
    jobs = [*ROLES, "other"]
    return {
        "steps": steps,
        "jobs": [{"role": job, "name": job_name(job), "sign": ROLES[job].sign if job in ROLES else ""} for job in jobs],
        "cards": [_card_data(model, steps, jobs) for model in view.models],
    }


def _card_data(model: ToyModel, steps: list[int], jobs: list[str]) -> dict[str, Any]:
    if model.dynamics is None:
        return {}
    return {
        "model": model.name,
        "chance": round(model.dynamics.induction_chance, 4),
        "title": model.title.lower(),
        "best": [[str(head), round(score, 3)] for head, score in best_at_steps(model.dynamics, steps)],
        "roles": [[jobs.index(role) for role in roles] for roles in roles_at_steps(model, steps)],
        "names": [str(entry.id) for entry in model.levels],
    }


def _plots(view: ToyView, one: TrainingDynamics, two: TrainingDynamics) -> list[Component]:
    steps = view.steps()
    change = phase_change(two.best(INDUCTION), two.steps)
    scores = _lines(*(dynamics.best(INDUCTION)[np.isin(dynamics.steps, steps)] for dynamics in (one, two)))
    losses = _lines(*(dynamics.second_copy_loss[np.isin(dynamics.steps, steps)] for dynamics in (one, two)))
    score_figure = training_figure(scores, steps, 1.05, change=change, chance=two.induction_chance, name_below=True)
    highest = max(float(line.values.max()) for line in losses)
    loss_figure = training_figure(losses, steps, 1.08 * highest, change=change)
    return [
        html.P(change_sentence(two, one), className="section-lead"),
        html.Div(
            [_plot(SCORE, score_figure, scores, steps), _plot(LOSS, loss_figure, losses, steps)],
            className="toy-plots",
        ),
        html.Div(
            [
                html.Div([html.Label("Training step", htmlFor=Ids.slider), html.Span(id=Ids.said)]),
                _slider(len(steps)),
                _play(),
            ],
            className="toy-time",
        ),
        html.P(
            "Drag to an earlier step: both models above show their heads as they were then. Earlier jobs are told by "
            "plain scores, in which rest counts; those of the last step by what heads do when they look. Tokens, arcs "
            f"and guesses stay those of the finished models. {plural(len(steps), 'checkpoint')} of each are kept.",
            className="panel-note",
        ),
        dcc.Store(id=Ids.data, data=step_data(view)),
    ]


def _lines(one: np.ndarray, two: np.ndarray) -> tuple[Line, ...]:
    return Line("one layer", one, False), Line("two layers", two, True)


def _plot(name: str, figure: go.Figure, lines: tuple[Line, ...], steps: list[int]) -> html.Div:
    title, unit = TITLES[name]
    ends = " and ".join(f"{line.name} {two_decimals(line.last)}" for line in reversed(lines))
    label = f"{title} along the training, from step {steps[0]:,} to {steps[-1]:,}. In the end {ends}."
    return html.Div(
        [
            html.H3([title, " ", html.Span(unit, className="toy-unit")]),
            html.Div(
                [themed_graph(name, figure, label), html.Span(className="toy-cursor", **aria(hidden=True))],
                className="toy-plot-box",
            ),
            _table(title, lines, steps),
        ],
        className="toy-plot",
    )


def _table(title: str, lines: tuple[Line, ...], steps: list[int]) -> html.Details:
    names = ["Step", *(line.name.capitalize() for line in lines)]
    rows = [[f"{step:,}", *(two_decimals(float(line.values[at])) for line in lines)] for at, step in enumerate(steps)]
    return folded_table(names, rows, caption=title, box="toy-table")


def _slider(n_steps: int) -> dbc.Input:
    """A native range; assets/toy.js lets the Page keys move five steps and says the step in words."""
    return dbc.Input(
        id=Ids.slider, type="range", min=0, max=n_steps - 1, step=1, value=n_steps - 1, className="toy-slider"
    )


def _play() -> html.Button:
    return html.Button("Play the training", id=Ids.play, type="button", className="btn btn-quiet toy-play")
