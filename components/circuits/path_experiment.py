"""Is it the cause? The chosen writer is switched off, and the heads that read its note are watched on the text.

Each reader's score for its own job: with all heads on, with the writer off, and with other heads off one at a time as
the control. Only this test may speak of a cause.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from dash import Dash, Input, Output, dcc, html

from components import messages
from components.address import DEFAULT_PROMPT, Question, models_href
from components.circuits.circuits_view import CircuitsView, circuits_view, role_name
from components.circuits.path_outcome import outcome, path_experiment
from components.lamp import sign
from components.markup import aria
from utils.errors import UserError
from utils.reasons import too_short_reason
from utils.roles import ROLES

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from utils.service import Headlight


class Ids:
    ask = "path-test-ask"
    answer = "path-test-answer"


def layout(view: CircuitsView) -> html.Section:
    """The card: the question with its button, and, once pressed, a place for the answer."""
    writer, role = view.tested_writer, view.reader_role
    if writer is None or role is None:
        return _nothing_to_watch(view)
    what = (
        f"A good fit is not yet proof. This runs {view.model_name} on your text without {writer}, "
        "and without each of some other heads as a control."
    )
    question = f"Is it the cause? Switch {writer} off and watch the {role_name(role)} heads."
    if view.needs_model:
        question = "Is it the cause? That takes the model itself."
        what = (
            f"A good fit is not yet proof. The test switches {writer} off and watches the {role_name(role)} heads at "
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
    is_running = view.is_tested and not view.needs_model
    return html.Section(
        [html.Div(parts, className="path-question"), *(_answer_place(view) if is_running else [])],
        className="surface panel",
        **aria(labelledby="path-test-title"),
    )


def _answer_place(view: CircuitsView) -> list[Component]:
    waiting = html.P(f"Switching {view.writer} off …", className="waiting")
    answer_place = html.Div(waiting, id=Ids.answer, className="path-answer", **aria(live="polite"))
    return [dcc.Store(id=Ids.ask, data=view.search()), answer_place]


def _nothing_to_watch(view: CircuitsView) -> html.Section:
    """Why there is no test: without a reader of a known job there is nothing whose loss could be seen."""
    if view.writer is None:
        return html.Section()
    words = f"No later head with a known job reads {view.writer}, so there is no job to watch when it is off."
    return html.Section(
        [html.H2("Is it the cause?", id="path-test-title"), html.P(words)],
        className="surface panel",
        **aria(labelledby="path-test-title"),
    )


def skeleton() -> html.Div:
    """The ids that callbacks name."""
    return html.Div([dcc.Store(id=Ids.ask), html.Div(id=Ids.answer)])


def register(app: Dash, service: Headlight) -> None:
    """The test runs after the page is there."""

    @app.callback(Output(Ids.answer, "children"), Input(Ids.ask, "data"))
    def run_test(asked: str | None) -> Any:
        return answer(service, asked) if asked else None


def answer(service: Headlight, search: str) -> list[Component]:
    """The outcome for one address, or a sentence that says why there is none."""
    question = Question.from_search(search, service.settings.default_model)
    try:
        view = circuits_view(service, question, search)
        reason = no_evidence(service, view)
        if reason:
            return _cannot_show(view, reason)
        if view.writer is None or view.reader_role is None:
            return []
        result = service.experiments.later_patterns(question.model, question.prompt, [view.writer])
    except UserError as refusal:
        return [messages.error(refusal, question)]
    return outcome(path_experiment(result, view.reader_role, view.readers), view)


def no_evidence(service: Headlight, view: CircuitsView) -> str:
    """Why the text cannot show the readers' job; empty where it can. Raises UserError as `service.analyze`."""
    role = view.reader_role
    if role is None:
        return "No head with a known job reads this one."
    tokens = service.analyze(view.question.model, view.question.prompt).forward.tokens
    reason = too_short_reason(tokens)
    if reason:
        return reason
    if np.isfinite(live_scores(service, view, role)).any():
        return ""
    return ROLES[role].measure.why_grey(ROLES[role], tokens)


def live_scores(service: Headlight, view: CircuitsView, role: str) -> np.ndarray:
    """Scores [layer, head] of a role on the text; NaN where it holds no evidence."""
    analysis = service.analyze(view.question.model, view.question.prompt)
    return np.asarray(analysis.live[role].score) if role in analysis.live else np.full(view.shape, np.nan)


def _cannot_show(view: CircuitsView, reason: str) -> list[Component]:
    role = view.reader_role or ""
    example = Question(view.question.model, DEFAULT_PROMPT)
    href = view.href(prompt=example.prompt)
    link = [html.A("Use an example", href=href, className="btn btn-quiet in-place", id="path-test-example")]
    what = f"This text cannot show it: {reason}" if role in ROLES else reason
    return [html.P(what, className="path-verdict"), *(link if view.question.prompt != DEFAULT_PROMPT else [])]
