"""The circuits page: which head reads which, and a test of whether it matters on a text.

Comparing all pairs of heads, and measuring what heads go by, can take a while the first time. The page waits a moment
for it and shows the result at once; where it takes longer, the page appears with a line that says how far it is
(`components/run_line.py`), and is filled when the numbers are there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from dash import Dash, Input, Output, State, dcc, html, no_update

from components import circuits_tabs, csv_download, messages, run_line
from components.address import CIRCUITS_PATH, Question, models_href, roles_href, toy_href
from components.address import Ids as AddressIds
from components.circuits import (
    circuit_average,
    circuit_close_up,
    circuit_graph,
    circuit_looks,
    circuits_csv,
    composition_map,
    fit_bars,
    margin_bars,
    path_experiment,
)
from components.circuits.circuits_view import (
    ALONE,
    DEFAULT_KIND,
    THROUGH,
    CircuitsView,
    circuits_view,
    kind_of_search,
)
from components.circuits.circuits_words import WEIGHTS_ALONE, footer, lead, title
from components.lamp import sign
from components.markup import aria
from components.themed_graph import Ids as GraphIds
from utils.errors import UserError
from utils.experiments.runs import Kind

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from utils.circuits.composition import Composition
    from utils.circuits.readers import Reads
    from utils.service import Headlight

Line = run_line.RunIds("compare")
CSV = "circuits"
PATIENCE_S = 1.5
DEFAULTS = {"kind": DEFAULT_KIND, "looks": THROUGH}
DEPENDENTS = {"from": {"to"}, "head": {"test"}}


class Ids:
    body = "circuits-body"
    shown = "circuits-shown"


CONTROLS = {
    composition_map.Ids.kind: "kind",
    composition_map.Ids.from_layer: "from",
    composition_map.Ids.to_layer: "to",
    circuit_looks.Ids.looks: "looks",
    circuit_close_up.Ids.head: "head",
}


def layout(service: Headlight, question: Question, search: str) -> html.Div:
    """The page for one address: whole where that is quick, else a line that says how far it is.

    Raises: UserError as the view, and as `Runs.start`.
    """
    asked = asked_of(question, search)
    is_there = service.circuits.knows(question.model, kind_of_search(search)) or _is_soon(service, asked)
    return html.Div(
        [
            circuits_tabs.layout(question, CIRCUITS_PATH),
            html.Div(body(service, question, search) if is_there else _waiting(), id=Ids.body),
            run_line.layout(Line, None if is_there else asked, goes_on=True),
        ],
        className="circuits-page",
    )


def asked_of(question: Question, search: str) -> dict[str, Any]:
    """What a run has to answer before the page of an address can be built. The text does not matter to it."""
    return run_line.question(Kind.COMPOSITION, replace(question, prompt=""), search, method=kind_of_search(search))


def _is_soon(service: Headlight, asked: dict[str, Any]) -> bool:
    """Whether the comparison ends before a reader has waited long; it goes on where it does not. Raises its refusal."""
    status = run_line.begin(service, asked, PATIENCE_S)
    if status.problem is not None:
        raise status.problem.again()
    return not status.is_running


def skeleton() -> html.Div:
    """The ids that callbacks name, before any question is asked."""
    return html.Div(
        [
            dcc.Store(id=Ids.shown),
            html.Div(id=Ids.body),
            run_line.layout(Line, goes_on=True),
            *csv_download.parts(CSV),
            *(part.skeleton() for part in (circuit_graph, composition_map, circuit_close_up, path_experiment)),
        ]
    )


def register(app: Dash, service: Headlight) -> None:
    """Presses write the address; slow parts are filled after the page is there."""
    for part in (circuit_graph, composition_map):
        part.register(app)
    for asking in (circuit_average, path_experiment):
        asking.register(app, service)

    for control, parameter in CONTROLS.items():
        _follow(app, control, parameter)

    _register_line(app, service)

    @app.callback(
        Output(AddressIds.location, "search", allow_duplicate=True),
        Input(GraphIds.graph(composition_map.FIGURE), "clickData"),
        State(AddressIds.location, "search"),
        prevent_initial_call=True,
    )
    def choose_pair(click: dict[str, Any] | None, search: str | None) -> Any:
        if not click:
            return no_update
        question = Question.from_search(search, service.settings.default_model)
        view = circuits_view(service, question, search or "")
        return view.search(**composition_map.pressed_pair(view, click))

    def all_pairs(search: str) -> tuple[str, str] | None:
        view = circuits_view(service, Question.from_search(search, service.settings.default_model), search)
        name = csv_download.file_name(view.question.model, view.kind.lower(), "composition")
        return (circuits_csv.pairs_csv(view.reads), name) if view.reads is not None else None

    csv_download.register(app, CSV, all_pairs)


def _register_line(app: Dash, service: Headlight) -> None:
    """The page is filled once all pairs are compared."""

    def draw(search: str, _fits: Composition) -> tuple[Any]:
        try:
            return (body(service, Question.from_search(search, service.settings.default_model), search),)
        except UserError as refusal:
            return refuse(search, refusal)

    def refuse(search: str, refusal: UserError) -> tuple[Any]:
        question = Question.from_search(search, service.settings.default_model)
        return (messages.error(refusal, question, heading=True),)

    run_line.register(
        app,
        service,
        Line,
        Input(Line.go_on, "n_clicks"),
        (Output(Ids.body, "children"),),
        draw,
        refuse,
        keeps_at_stop=True,
    )


def _follow(app: Dash, control: str, parameter: str) -> None:
    """A switch or menu writes the address. One callback each, since not every page has all of them."""

    @app.callback(
        Output(AddressIds.location, "search", allow_duplicate=True),
        Input(control, "value"),
        State(Ids.shown, "data"),
        State(AddressIds.location, "search"),
        prevent_initial_call=True,
    )
    def change(value: str | None, shown: dict[str, str] | None, search: str | None) -> Any:
        return changed_search(parameter, value, shown, search or "")


def changed_search(name: str, value: str | None, shown: dict[str, str] | None, search: str) -> Any:
    """The address after a switch or menu was changed; no update where it shows what it already did.

    Args: name: of the parameter. shown: the values that the page was built with.
    """
    if not value or shown is None or value == shown.get(name):
        return no_update
    parameters = dict(parse_qsl(search.lstrip("?"), keep_blank_values=True))
    dropped = {name, *DEPENDENTS.get(name, ())}
    kept = {key: each for key, each in parameters.items() if key not in dropped}
    return "?" + urlencode(kept if DEFAULTS.get(name) == value else kept | {name: value})


def body(service: Headlight, question: Question, search: str) -> list[Component]:
    """Everything below the tabs. Raises UserError as `circuits_view`."""
    view = circuits_view(service, question, search)
    parts = _circuit_parts(view, view.reads) if view.reads is not None else [_one_layer(view)]
    circuits = service.circuits.of_head(question.model, view.head)
    return [
        _title(view),
        *([_no_jobs(view)] if not view.jobs.roles else []),
        *parts,
        circuit_close_up.layout(service, view, circuits),
        path_experiment.layout(service, view),
        _foot(view, circuits.norm_note),
        dcc.Store(id=Ids.shown, data=shown_values(view)),
    ]


def shown_values(view: CircuitsView) -> dict[str, str]:
    """What each switch and menu shows."""
    return {
        "kind": view.kind,
        "from": str(view.layers[0]),
        "to": str(view.layers[1]),
        "looks": ALONE if view.is_alone else THROUGH,
        "head": view.head.dotted,
    }


def _waiting() -> list[Component]:
    """What stands there while all pairs of heads are compared for the first time."""
    return [
        html.H1("Comparing every pair of heads", id="headline", tabIndex=-1),
        html.P("Large models take a while the first time.", className="lead circuits-waiting"),
    ]


def _title(view: CircuitsView) -> html.Div:
    return html.Div(
        [
            html.P(_source(view), className="circuits-source"),
            html.H1(title(view), id="headline", tabIndex=-1),
            html.P(lead(view), className="lead"),
            *([] if view.needs_model else [_text_line(view)]),
        ]
    )


def _source(view: CircuitsView) -> str:
    if view.reads is not None and view.reads.is_measured:
        return f"Measured in {view.model_name}, on random tokens said twice."
    why = f" {view.why_unmeasured}" if view.why_unmeasured else ""
    return f"Read from the weights of {view.model_name}, without any text. {WEIGHTS_ALONE}{why}"


def _text_line(view: CircuitsView) -> html.P:
    question = view.question
    return html.P(
        [
            "Text below: “",
            html.Bdi(question.prompt),
            "” ",
            dcc.Link("Edit the text", href=roles_href(question.model, question.prompt)),
        ],
        className="circuits-text",
    )


def _no_jobs(view: CircuitsView) -> Component:
    return messages.offer(
        f"Nobody has measured yet which jobs the heads of {view.model_name} have.",
        "Fits of weights are here all the same; names, colours and what is measured come with the jobs.",
        "Analyze the model, under Models",
        models_href(view.question.model, view.question.prompt),
    )


def _one_layer(view: CircuitsView) -> html.P:
    toy = toy_href(view.question.model, view.question.prompt)
    return html.P(dcc.Link("See why it matters", href=toy, className="btn btn-quiet"), className="one-layer")


def _circuit_parts(view: CircuitsView, reads: Reads) -> list[Component]:
    bars = fit_bars.layout(view, reads.fits) if view.margin is None else margin_bars.layout(view, reads, view.margin)
    return [
        circuit_graph.layout(view, reads),
        html.Div(
            [
                composition_map.layout(view, reads.fits),
                html.Div([bars, _how_to_read()], className="circuits-side"),
            ],
            className="circuit-pair",
        ),
    ]


def _how_to_read() -> html.Section:
    return html.Section(
        [
            html.H2("How to read it"),
            html.P(
                [
                    html.Strong("A share is measured."),
                    " On random tokens said twice, a head with a copying job prefers the right place by some logits. "
                    "What every earlier part wrote of that adds up to all of it.",
                ]
            ),
            html.P(
                [
                    html.Strong("A fit is read from weights."),
                    " It says what a head could read, not what it does read. Where it rests on few kinds of note, many "
                    "pairs may share it.",
                ]
            ),
            html.P(
                [
                    html.Strong("Q, K, V"),
                    " say where the later head uses the note: in what it asks (Q), in what it can find (K), or in what "
                    "it passes on (V). Induction runs through K, and only K is measured.",
                ]
            ),
            html.P(
                [
                    html.Strong("A copying score"),
                    " from token to logits is taken after the mean of the vocabulary is off: what raises all tokens "
                    "alike changes no guess. Without that L18H6 of SmolLM2 would score 0.28, with it 0.59. Where one "
                    "table of embeddings reads and writes, no score of that kind is a job.",
                ]
            ),
            html.P([html.Strong("Neither is a cause."), " Only switching a head off can show one."]),
        ],
        className="surface panel how-to-read",
        **aria(label="How to read it"),
    )


def _foot(view: CircuitsView, norm_note: str) -> html.Div:
    words = [sign("download"), "Download numbers (CSV)"]
    download = csv_download.parts(CSV, words, "text-button", hidden=view.reads is None)
    return html.Div([html.P(footer(view, norm_note)), *download], className="page-foot")
