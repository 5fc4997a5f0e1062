"""One head up close: what it looks for, what it writes, where it looks on average, and how many directions it uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dash_bootstrap_components as dbc
from dash import html

from components import messages
from components.address import models_href
from components.circuits import circuit_average, circuit_looks, circuit_spectra, circuit_writes
from components.circuits.circuits_words import named
from components.job_words import jobs_sentence
from components.lamp import lamp
from components.literature_badge import badges
from components.markup import aria
from utils.errors import UserError

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from components.circuits.circuits_view import CircuitsView
    from utils.circuits.head_circuits import HeadCircuits
    from utils.service import Headlight


class Ids:
    head = "circuits-head"


def layout(service: Headlight, view: CircuitsView, circuits: HeadCircuits) -> html.Div:
    """The head's line and its cards. What needs a model that is not here is one notice."""
    scores = service.circuits.copying_scores(view.question.model)
    copying = circuit_writes.copying_part(view, scores, circuits.ov_copying_score_through_embedding, circuits.is_tied)
    spectra = _card("For the curious", circuit_spectra.layout(circuits))
    if view.needs_model:
        parts = [_weights_only(view), _pair(_card("What it writes", copying), spectra)]
    else:
        looks, pushes = _on_text(service, view)
        if circuits.positional_kernel is None:
            looks.append(html.P(circuits.position_note, className="panel-note"))
        switch = [circuit_looks.looks_switch(view)] if view.through is not None else []
        parts = [
            _pair(_card("What it looks for", looks, *switch), _card("What it writes", [*pushes, *copying])),
            _pair(_card("Where it looks on average", circuit_average.layout(view)), spectra),
        ]
    return html.Div([_title(view), *parts], className=f"close-up role-{view.jobs.main(view.head)}")


def skeleton() -> html.Div:
    """The ids that callbacks name."""
    return html.Div([dbc.Select(id=Ids.head), dbc.RadioItems(id=circuit_looks.Ids.looks), circuit_average.skeleton()])


def _on_text(service: Headlight, view: CircuitsView) -> tuple[list[Component], list[Component]]:
    """What it looks for and what it writes on the student's text; a text that says nothing is refused in both."""
    question = view.question
    through = None if view.is_alone else view.through
    try:
        forward = service.analyze(question.model, question.prompt).forward
        circuits = service.circuits.token_circuits(question.model, question.prompt, view.head, through)
    except UserError as refusal:
        return [messages.error(refusal, question)], []
    if not circuits.tokens:
        return [html.P("The text holds no tokens to look for.")], []
    return circuit_looks.layout(view, circuits, forward), circuit_writes.pushes_part(view, circuits, forward)


def _title(view: CircuitsView) -> html.Div:
    head, jobs = view.head, view.jobs.roles.get(view.head, ())
    known = jobs_sentence(jobs) if view.jobs.source else "Its jobs are not known yet."
    through = ""
    if view.margin is not None:
        through = f" {view.margin.sentence()}"
    elif view.best_earlier is not None:
        through = f" Best earlier fit by weights: {view.best_earlier}."
    words = html.Div([html.H2(f"{head} up close"), html.P(f"{known}{through}", className="section-lead")])
    papers = html.Div(badges(view.question.model, head), className="paper-names")
    return html.Div(
        [lamp(view.jobs.main(head), "active" if jobs else None), words, papers, _menu(view)], className="close-up-title"
    )


def _menu(view: CircuitsView) -> html.Div:
    options: Any = [{"label": named(view.jobs, head), "value": head.dotted} for head in view.shape.all()]
    label = html.Label("Another head", htmlFor=Ids.head, className="visually-hidden")
    return html.Div(
        [label, dbc.Select(id=Ids.head, options=options, value=view.head.dotted, class_name="quiet-select")]
    )


def _weights_only(view: CircuitsView) -> Component:
    """What can be shown without weights, and how to get the rest."""
    hint = "Fits and copying scores come with Headlight; texts and tests need the model."
    href = models_href(view.question.model, view.question.prompt)
    return messages.offer(f"{view.model_name} itself is not on this computer.", hint, f"Add {view.model_name}", href)


def _card(title: str, body: list[Component], *switch: Component) -> html.Section:
    head = html.Div([html.H3(title), *switch], className="card-head")
    return html.Section([head, *body], className="surface panel", **aria(label=title))


def _pair(*cards: html.Section) -> html.Div:
    return html.Div(list(cards), className="circuit-pair")
