"""Is it the cause? The chosen writer is switched off, and the heads that read its note are watched on the text.

Each reader's score for its own job: with all heads on, with the writer off, and with other heads off one at a time as
the control. It runs in the background (`components/run_line.py`). Only this test may speak of a cause.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dash import Dash, Input, Output, html

from components import messages, run_line
from components.address import Question, models_href
from components.circuits.circuits_view import CircuitsView, circuits_view, role_name
from components.circuits.circuits_words import NO_PROOF
from components.circuits.path_outcome import outcome
from components.lamp import sign
from components.markup import aria
from utils.errors import UserError
from utils.example_texts import DEFAULT_PROMPT
from utils.experiments.path_experiment import no_evidence, path_experiment
from utils.experiments.runs import Kind

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from utils.experiments.later_patterns import LaterPatterns
    from utils.heads import HeadId
    from utils.service import Headlight


Line = run_line.RunIds("path-test")


class Ids:
    answer = "path-test-answer"


def layout(service: Headlight, view: CircuitsView) -> html.Section:
    """The card: the question with its button, and, once pressed, a place for the answer."""
    writer, role = view.tested_writer, view.reader_role
    if writer is None or role is None:
        return _nothing_to_watch(view)
    what = (
        f"{NO_PROOF} This runs {view.model_name} on your text without {writer}, "
        "and without each of some other heads as a control."
    )
    question = f"Is it the cause? Switch {writer} off and watch the {role_name(role)} heads."
    if view.needs_model:
        question = "Is it the cause? That takes the model itself."
        what = (
            f"{NO_PROOF} The test switches {writer} off and watches the {role_name(role)} heads at "
            f"work, but {view.model_name} is not on this computer."
        )
    parts: list[Component] = [
        html.Span(sign("power"), className="path-sign"),
        html.Div([html.H2(question, id="path-test-title"), html.P(what)]),
    ]
    if not view.is_tested and not view.needs_model:
        run, press = view.href(test="1"), f"Switch {writer} off"
        parts.append(html.A(press, href=run, id="path-test-run", className="btn amber-button in-place"))
    if view.needs_model:
        add = models_href(view.question.model, view.question.prompt)
        parts.append(html.A(f"Add {view.model_name}", href=add, className="btn btn-quiet"))
    answer = _answer_place(service, view, writer, role) if view.is_tested and not view.needs_model else []
    return html.Section(
        [html.Div(parts, className="path-question"), *answer],
        className="surface panel",
        **aria(labelledby="path-test-title"),
    )


def _answer_place(service: Headlight, view: CircuitsView, writer: HeadId, role: str) -> list[Component]:
    """The place of the answer with the line that waits for it, or why this text cannot give one."""
    question = view.question
    try:
        reason = no_evidence(service.analyze(question.model, question.prompt), role)
    except UserError as refusal:
        return [messages.error(refusal, question)]
    if reason:
        return [html.Div(_cannot_show(view, reason), className="path-answer")]
    asked = run_line.question(Kind.LATER, question, view.search(), heads=(tuple(writer),))
    waiting = html.P(f"Switching {writer} off …", className="waiting")
    place = html.Div(waiting, id=Ids.answer, className="path-answer", **aria(live="polite"))
    return [run_line.layout(Line, asked, goes_on=True), place]


def _nothing_to_watch(view: CircuitsView) -> html.Section:
    """Why there is no test: without a reader of a known job there is nothing whose loss could be seen."""
    if view.writer is None:
        return html.Section()
    words = (
        f"No later head with a known job of looking reads {view.writer}, so there is no job to watch when it is off."
    )
    return html.Section(
        [html.H2("Is it the cause?", id="path-test-title"), html.P(words)],
        className="surface panel",
        **aria(labelledby="path-test-title"),
    )


def skeleton() -> html.Div:
    """The ids that callbacks name."""
    return html.Div([run_line.layout(Line, goes_on=True), html.Div(id=Ids.answer)])


def register(app: Dash, service: Headlight) -> None:
    """The test runs after the page is there."""

    def draw(search: str, result: LaterPatterns) -> tuple[list[Component]]:
        view = circuits_view(service, Question.from_search(search, service.settings.default_model), search)
        return (answer(view, result),)

    def refuse(search: str, refusal: UserError) -> tuple[list[Component]]:
        return ([messages.error(refusal, Question.from_search(search, service.settings.default_model))],)

    outputs = (Output(Ids.answer, "children"),)
    by = Input(Line.go_on, "n_clicks")
    run_line.register(app, service, Line, by, outputs, draw, refuse, starts_by_itself=True)


def answer(view: CircuitsView, result: LaterPatterns) -> list[Component]:
    """The outcome for one state of the page. Args: result: with its writer off; the state has a reader's role."""
    if view.reader_role is None:
        return []
    readers = [link.reader for link in view.readers]
    return outcome(path_experiment(result, view.reader_role, readers), view)


def _cannot_show(view: CircuitsView, reason: str) -> list[Component]:
    what = html.P(f"This text cannot show it: {reason}", className="path-verdict")
    if view.question.prompt == DEFAULT_PROMPT:
        return [what]
    href = view.href(prompt=DEFAULT_PROMPT)
    return [what, html.A("Use an example", href=href, className="btn btn-quiet in-place", id="path-test-example")]
