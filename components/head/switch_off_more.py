"""Two further questions about heads that are off, each behind a press: a text said twice, and what later heads do.

Both run in the background (`components/run_line.py`); one that is known already appears by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dash import Dash, Input, Output, dcc, html

from components import messages, run_line
from components.address import head_href
from components.head import head_set
from components.head.experiment_card import run_button
from components.head.head_view import HeadView, view_of_search
from components.head.switch_off_plot import DotPlot, dot_plot_figure
from components.head.switch_off_words import control_words, copy_words, heads_mark, heads_name
from components.markup import aria
from components.numbers import percent, plural
from components.score_bar import two_decimals
from components.themed_graph import themed_graph
from utils.experiments.runs import Kind
from utils.roles import ROLES

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from utils.errors import UserError
    from utils.experiments.controls import ControlLayers
    from utils.experiments.later_patterns import LaterPatterns
    from utils.experiments.second_copy import SecondCopy
    from utils.heads import HeadId
    from utils.service import Headlight

LEAST_LOSS_SPAN = 0.5
N_MOVED = 8
NO_SECOND_TEXT = " Your second text is not said twice, so a text of Headlight’s own stands in here."
NO_LATER_HEAD = "These heads are in the last layer, so there is no later head that could look elsewhere."


CopyLine = run_line.RunIds("switch-off-copy")
LaterLine = run_line.RunIds("switch-off-later")


class Ids:
    copy, copy_result = "switch-off-copy", "switch-off-copy-result"
    later, later_result = "switch-off-later", "switch-off-later-result"


def layout(view: HeadView) -> html.Section:
    """Both questions, not asked yet. For heads of the last layer the second has its answer already."""
    is_last = min(view.off).layer == view.analysis.forward.n_layers - 1
    later = html.Div(html.P(NO_LATER_HEAD, className="panel-note"))
    if not is_last:
        later = _ask_later(_asked(Kind.LATER, view, view.second))
    name = heads_name(view.off, head_set.chosen_role(view))
    title = html.H2(f"Two more questions, with {name} off", id="off-more-title")
    return html.Section(
        [title, html.Div([_ask_copy(_asked(Kind.SECOND_COPY, view)), later], className="off-more")],
        className="surface panel",
        **aria(labelledby="off-more-title"),
    )


def skeleton() -> html.Div:
    """The ids that callbacks name."""
    return html.Div([_ask_copy(), _ask_later()])


def register(app: Dash, service: Headlight) -> None:
    """Each press asks about the heads, text and method of the address that the result stands for."""
    _register(app, service, CopyLine, (Ids.copy, Ids.copy_result), copy_content)
    _register(app, service, LaterLine, (Ids.later, Ids.later_result), later_content)


def control_legend(n_draws: int, n_heads: int, layers: ControlLayers) -> html.P:
    """What the grey points of a plot are."""
    words = control_words(n_draws, n_heads, layers)
    return html.P([html.Span(className="control-dot", **aria(hidden=True)), words], className="off-legend")


def copy_content(view: HeadView, result: SecondCopy) -> list[Component]:
    """The loss on the second copy, with all heads on, with the heads off, and with control heads off."""
    name = heads_name(result.heads, head_set.chosen_role(view))
    words = copy_words(result, name)
    plot = DotPlot(
        before=result.before.second,
        after=result.after.second,
        controls=tuple((" + ".join(map(str, draw.heads)), draw.loss.second) for draw in result.controls),
        role=head_set.shown_role(view),
        off_name=heads_mark(result.heads),
        title="loss on the second copy, in nats per token",
        is_share=False,
        least_span=LEAST_LOSS_SPAN,
    )
    return [
        html.P(words),
        *_new_notices(view, result),
        themed_graph("second-copy", dot_plot_figure(plot), words),
        *([_copy_legend(result)] if result.controls else []),
        html.P(
            f"{plural(result.n_tokens, 'token')}, said twice. The loss is high where the next token comes as a "
            f"surprise; on the first copy, where nothing can be copied, it goes from {result.before.first:.2f} to "
            f"{result.after.first:.2f}.{NO_SECOND_TEXT if view.second else ''}",
            className="panel-note",
        ),
    ]


def _copy_legend(result: SecondCopy) -> html.P:
    return control_legend(len(result.controls), len(result.heads), result.control_layers)


def later_content(view: HeadView, result: LaterPatterns) -> list[Component]:
    """The later heads that look elsewhere most, and what becomes of their jobs."""
    rows = [_later_row(view, result, head) for head in result.most_moved(N_MOVED)]
    names = ("Head", "Looks elsewhere", "Random heads off", "Its job")
    table = html.Table(
        [html.Thead(html.Tr([html.Th(name, scope="col") for name in names])), html.Tbody(rows)], className="off-table"
    )
    return [
        html.P("The later heads that move most, by the share of their attention that goes elsewhere:"),
        *_new_notices(view, result),
        html.Div(table, className="table-scroll"),
        html.P(_later_note(result), className="panel-note"),
    ]


def _later_note(result: LaterPatterns) -> str:
    """How to read the table, and what the random heads are."""
    score = "An arrow shows the head’s score for its job, before and after"
    if not result.controls:
        return f"There are too few other heads for a control. {score}."
    control = control_words(len(result.controls), len(result.after.heads), result.control_layers)
    return (
        f"Beside it the most that the same head moves with {control}. {score}, and in brackets the lowest and highest "
        "score with random heads off."
    )


def _later_row(view: HeadView, result: LaterPatterns, head: HeadId) -> html.Tr:
    question = view.question
    link = dcc.Link(str(head), href=head_href(question.model, question.prompt, *head))
    controls = [float(draw.moved[head]) for draw in result.controls]
    cells = (
        percent(float(result.after.moved[head])),
        f"at most {percent(max(controls))}" if controls else "–",
        job_change(view, result, head),
    )
    return html.Tr([html.Th(link, scope="row"), *(html.Td(cell) for cell in cells)])


def job_change(view: HeadView, result: LaterPatterns, head: HeadId) -> str:
    """ "induction 0.86 → 0.07 (0.80 to 0.88)": a head's score for its main job; "none" for a head without one."""
    roles = view.catalogue.roles_of(head) if view.catalogue is not None else ()
    if not roles:
        return "none"
    role = roles[0]
    name = ROLES[role].display_name.lower()
    if role not in result.before_scores:
        return name
    before, after = (two_decimals(float(scores[role][head])) for scores in (result.before_scores, result.after.scores))
    if not before:
        return f"{name}, cannot show on this text"
    others = [float(draw.scores[role][head]) for draw in result.controls]
    beside = f" ({two_decimals(min(others))} to {two_decimals(max(others))})" if others else ""
    return f"{name} {before} → {after}{beside}"


def _ask_copy(asked: dict[str, Any] | None = None) -> html.Div:
    words = "Say the text twice", "Does the model still copy what it has read?"
    return _ask(Ids.copy, Ids.copy_result, words, run_line.layout(CopyLine, asked))


def _ask_later(asked: dict[str, Any] | None = None) -> html.Div:
    words = "Look at later heads", "Do later heads look elsewhere then?"
    return _ask(Ids.later, Ids.later_result, words, run_line.layout(LaterLine, asked))


def _ask(button: str, result: str, words: tuple[str, str], line: html.Div) -> html.Div:
    press, question = words
    return html.Div(
        [
            html.P(question),
            run_button(button, press, "btn btn-quiet"),
            line,
            html.Div(id=result, className="off-answer-more", **aria(live="polite")),
        ],
        className="asks",
    )


def _asked(kind: Kind, view: HeadView, second: str = "") -> dict[str, Any]:
    """What a press asks, for the browser to keep."""
    return run_line.question(
        kind,
        view.question,
        view.search,
        method=view.method.value,
        heads=tuple(map(tuple, view.off)),
        role=head_set.chosen_role(view),
        second=second,
    )


def _register(
    app: Dash,
    service: Headlight,
    line: run_line.RunIds,
    ids: tuple[str, str],
    content: Callable[[HeadView, Any], list[Component]],
) -> None:
    button, place = ids

    def draw(search: str, result: Any) -> tuple[list[Component]]:
        return (content(view_of_search(service, search), result),)

    def refuse(search: str, refusal: UserError) -> tuple[list[Component]]:
        return ([messages.error(refusal, view_of_search(service, search).question)],)

    run_line.register(app, service, line, Input(button, "n_clicks"), (Output(place, "children"),), draw, refuse)


def _new_notices(view: HeadView, result: SecondCopy | LaterPatterns) -> list[Component]:
    """What the page does not tell already."""
    known = {notice.sentence for notice in view.analysis.notices}
    return [messages.notice(notice, view.question) for notice in result.notices if notice.sentence not in known]
