"""The line of an experiment that takes a while: a bar, percentage and time left in words, and Stop.

A page asks by its question (`utils/experiments/runs.py`). A short run is waited for and shows no line; a longer one is
followed by a clock. Screen readers hear quarters only. Stop is for the one who presses it: whoever else waits for the
same goes on.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from dash import Dash, Input, Output, State, ctx, dcc, html, no_update

from components.progress_bar import bar, spoken
from utils.chat import ChatTurn
from utils.errors import UserError
from utils.experiments.runs import Kind, RunQuestion, RunStatus

if TYPE_CHECKING:
    from components.address import Question
    from utils.service import Headlight

Children = list[Any]
Draw = Callable[[str, Any], tuple[Any, ...]]  # from the address and a result to the outputs

PATIENCE_S = 0.7
TICK_MS = 700
LONGEST_PROMPT = 200_000  # characters, of which a model reads far fewer
LONGEST_ASKER = 64


@dataclass(frozen=True)
class RunIds:
    """The ids of one experiment's line, all beginning with its name."""

    name: str

    @property
    def asked(self) -> str:
        return f"{self.name}-asked"

    @property
    def tick(self) -> str:
        return f"{self.name}-tick"

    @property
    def line(self) -> str:
        return f"{self.name}-line"

    @property
    def progress(self) -> str:
        return f"{self.name}-progress"

    @property
    def stopped(self) -> str:
        return f"{self.name}-stopped"

    @property
    def stop(self) -> str:
        return f"{self.name}-stop"

    @property
    def go_on(self) -> str:
        return f"{self.name}-go-on"


def layout(ids: RunIds, asked: dict[str, Any] | None = None, goes_on: bool = False) -> html.Div:
    """The line, hidden until something runs, with its clock and its question.

    Args: asked: as `question` gives it. goes_on: with a button of its own that appears after a Stop, where no other
    begins the run.
    """
    stop = html.Button("Stop", id=ids.stop, type="button", className="btn btn-quiet")
    line = html.Div([html.Div(id=ids.progress), stop], id=ids.line, hidden=True, className="run-line")
    clock = dcc.Interval(id=ids.tick, interval=TICK_MS, disabled=True)
    stopped = html.P(id=ids.stopped, role="status", className="panel-note run-stopped")
    again = [html.Button("Go on", id=ids.go_on, type="button", className="btn btn-quiet run-go-on")] if goes_on else []
    return html.Div([line, stopped, *again, dcc.Store(id=ids.asked, data=asked), clock])


def question(kind: Kind, asked: Question, search: str, **others: Any) -> dict[str, Any]:
    """What a page asks, for the browser to keep: the question, its address, and who asks. Args: others: as
    `RunQuestion` has them."""
    wanted = RunQuestion(kind, asked.model, asked.prompt, **others)
    return {"question": asdict(wanted), "chat": asked.is_chat, "search": search, "asker": uuid.uuid4().hex}


def begin(service: Headlight, asked: dict[str, Any], patience_s: float) -> RunStatus:
    """Begin what a page is to follow, or join it, before the page is there. Raises UserError as `Runs.start`."""
    return service.experiments.runs.start(*_read(asked), patience_s)


def register(
    app: Dash,
    service: Headlight,
    ids: RunIds,
    by: Input,
    outputs: tuple[Output, ...],
    draw: Draw,
    refuse: Callable[[str, UserError], tuple[Any, ...]],
    steps: str = "",
    starts_by_itself: bool = False,
    keeps_at_stop: bool = False,
) -> None:
    """Follow runs of one kind. A run of the same question that is known is joined when the page comes.

    Args: by: the press. outputs: what `draw` fills, and `refuse` where there is no result.
    steps: what is counted, such as "heads tried"; empty where a count says nothing. starts_by_itself: as soon as the
    page has a question. keeps_at_stop: a Stop leaves the outputs as they are, and does not empty them.
    """
    runs = service.experiments.runs

    @app.callback(
        *outputs,
        Output(ids.progress, "children"),
        Output(ids.line, "hidden"),
        Output(ids.tick, "disabled"),
        Output(ids.stopped, "children"),
        by,
        Input(ids.tick, "n_intervals"),
        Input(ids.asked, "data"),
    )
    def follow(presses: Any, _ticks: int | None, asked: dict[str, Any] | None) -> Any:
        nothing = [no_update] * len(outputs)
        if asked is None:
            return (*nothing, no_update, no_update, True, no_update)
        wanted, asker = _read(asked)
        is_tick = ctx.triggered_id == ids.tick
        starts = not is_tick and (starts_by_itself or (ctx.triggered_id == by.component_id and presses))
        try:
            status = runs.start(wanted, asker, PATIENCE_S) if starts else runs.status(wanted, asker)
        except UserError as refusal:
            return (*refuse(asked["search"], refusal), [], True, True, "")
        if status is None:
            return (*nothing, no_update, True, True, no_update)
        if status.is_running:
            return (*nothing, progress(status, steps), False, False, "")
        if status.problem is not None:
            return (*refuse(asked["search"], status.problem), [], True, True, "")
        return (*draw(asked["search"], status.result), [], True, True, "")

    _register_stop(app, service, ids, () if keeps_at_stop else outputs, steps)


def _register_stop(app: Dash, service: Headlight, ids: RunIds, outputs: tuple[Output, ...], steps: str) -> None:
    """A Stop empties these outputs."""

    @app.callback(
        *(Output(each.component_id, each.component_property, allow_duplicate=True) for each in outputs),
        Output(ids.stopped, "children", allow_duplicate=True),
        Output(ids.line, "hidden", allow_duplicate=True),
        Output(ids.tick, "disabled", allow_duplicate=True),
        Input(ids.stop, "n_clicks"),
        State(ids.asked, "data"),
        prevent_initial_call=True,
    )
    def stop(presses: int | None, asked: dict[str, Any] | None) -> Any:
        if not presses or asked is None:
            return [no_update] * (len(outputs) + 3)
        words = stopped_words(service.experiments.runs.stop(*_read(asked)), steps)
        return (*([] for _ in outputs), words, True, True)


def stopped_words(status: RunStatus | None, steps: str) -> str:
    """Where it was stopped, and how to begin anew. Example: "Stopped after 42 %. Press …"."""
    if status is None or not status.n_done:
        return "Stopped before anything was done. Press the button again to begin anew."
    if steps:
        return f"Stopped after {status.n_done:,} of {status.n_all:,} {steps}. Press the button again to begin anew."
    return f"Stopped after {int(100 * status.share)} %. Press the button again to begin anew."


def progress(status: RunStatus, steps: str) -> Children:
    """The bar and its words."""
    share = int(100 * status.share)
    count, words = _count(status, steps), f"{share} %"
    left = html.Strong(status.remaining)
    told = html.Div([html.Span(words, className="run-percent"), left], className="models-bar-words")
    note = [html.P(count, className="panel-note")] if count else []
    return [
        html.Div(
            [bar(status.share, "How far it is", count or words), told, *note, spoken(status.share, "done")],
            className="scan-progress",
        )
    ]


def _count(status: RunStatus, steps: str) -> str:
    if status.n_ahead:
        return f"Many people are asking at once. Yours is number {status.n_ahead}."
    if not status.n_all:
        return "Getting ready"
    return f"{status.n_done:,} of {status.n_all:,} {steps}" if steps else ""


def _read(asked: dict[str, Any]) -> tuple[RunQuestion, str]:
    """The question that a browser sends, and who asks."""
    sent = asked["question"]
    heads = tuple((int(layer), int(head)) for layer, head in sent["heads"])
    prompt = ChatTurn(sent["prompt"]) if asked["chat"] else sent["prompt"]
    if max(len(prompt), len(sent["second"])) > LONGEST_PROMPT:
        raise UserError("This text is too long for an experiment.", "Choose a shorter one.")
    asker = str(asked["asker"])[:LONGEST_ASKER]
    return RunQuestion(**{**sent, "kind": Kind(sent["kind"]), "prompt": prompt, "heads": heads}), asker
