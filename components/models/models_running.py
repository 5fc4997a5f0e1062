"""The catalogue job that runs: how far it is, how long it will take, what it has found; and how the last one ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import html

from components import messages
from components.lamp import lamp
from components.markup import aria
from components.model_words import heads_of, megabytes
from components.models.models_view import ModelsView
from components.models.models_words import family_line, with_job
from components.progress_bar import bar, spoken
from utils.catalogue.jobs import CatalogueJobStatus, JobState
from utils.model_config import display_name_of
from utils.roles import JOBS

if TYPE_CHECKING:
    from dash.development.base_component import Component


class Ids:
    """progress is always on the page, empty while nothing runs."""

    progress = "models-progress"

    @staticmethod
    def act(action: Any, name: Any) -> dict[str, Any]:
        """A press that does something."""
        return {"type": "models-act", "action": action, "name": name}

    @staticmethod
    def go(action: Any, name: Any) -> dict[str, Any]:
        """A press that changes the address: open, how, ask, terms, keep, all."""
        return {"type": "models-go", "action": action, "name": name}


def layout(view: ModelsView) -> html.Section:
    """The card of the running job; only the empty place for its progress when none runs."""
    status, entry = view.running, view.analyzed_entry
    if status is None or entry is None:
        return html.Section(html.Div(id=Ids.progress), hidden=True)
    facts = [family_line(entry), heads_of(entry.shape), entry.licence, megabytes(entry.n_bytes)]
    title = [
        html.H2(f"Analyzing {entry.display_name}", id="models-running-title"),
        html.Span(", ".join(fact for fact in facts if fact), className="models-facts"),
    ]
    stop = html.Button("Stop", id=Ids.act("stop", entry.name), type="button", className="btn btn-quiet")
    leave = html.Div([stop, html.Span("You can leave this page.", className="models-facts")], className="models-stop")
    return html.Section(
        [
            html.Div(title, className="models-running-title"),
            html.Div(progress(status), id=Ids.progress, className="models-progress"),
            leave,
        ],
        className="surface panel models-running",
        **aria(labelledby="models-running-title"),
    )


def progress(status: CatalogueJobStatus) -> list[Component]:
    """The bar, the words below it, and the jobs found so far."""
    label = f"Analysis of {display_name_of(status.model)}"
    words = html.Div([_done_so_far(status), html.Strong(status.remaining)], className="models-bar-words")
    shown = html.Div([bar(status.share, label, status.remaining), words], className="models-bar-part")
    return [shown, _jobs_found(status), spoken(status.share, "analyzed")]


def outcome(view: ModelsView) -> list[Component]:
    """How the last job ended, as a message with a button where one helps; nothing while one runs."""
    status = view.status
    if status is None or status.is_running:
        return []
    problem, is_failure = status.problem, status.state is JobState.FAILED
    told = messages.message(
        "warning" if is_failure else "info",
        outcome_sentence(status),
        f"{problem.sentence} {problem.hint}" if problem is not None else "",
        _start_again(view, status),
        is_error=is_failure,
        role="status",
    )
    return [told]


def _start_again(view: ModelsView, status: CatalogueJobStatus) -> html.Button | None:
    """The button for one that gave no result, where the model's files are here."""
    words = {JobState.STOPPED: "Start again", JobState.FAILED: "Try again"}.get(status.state)
    if words is None or view.analyzed_entry is None or not view.analyzed_entry.is_here:
        return None
    return html.Button(words, id=Ids.act("again", status.model), type="button", className="btn btn-quiet")


def outcome_sentence(status: CatalogueJobStatus) -> str:
    """Example: "Pythia 70M is ready: 19 of 48 heads have a job."."""
    name = display_name_of(status.model)
    if status.state is JobState.DONE and status.catalogue is not None:
        return f"{name} is ready: {with_job(status.catalogue)}."
    if status.state is JobState.STOPPED:
        return "Stopped. Nothing was kept."
    where = "before the first text"
    if status.n_texts:
        where = f"at text {min(status.n_read + 1, status.n_texts)} of {status.n_texts}"
    if status.is_on_words:
        where = "while single words were read"
    if is_testing(status):
        where = f"with head {min(status.n_tested + 1, status.n_heads)} of {status.n_heads} off"
    kept = "The old catalogue is untouched." if status.had_catalogue else "Nothing was kept."
    return f"The analysis of {name} stopped {where}. {kept}"


def is_testing(status: CatalogueJobStatus) -> bool:
    """Whether all texts are read, and heads are switched off."""
    return status.n_read == status.n_texts and status.n_heads > 0


def _done_so_far(status: CatalogueJobStatus) -> html.Span:
    if not status.n_texts:
        return html.Span("Getting the model ready")
    if is_testing(status):
        return html.Span([html.Strong(f"{status.n_tested} of {status.n_heads} heads"), " switched off, one at a time"])
    texts = html.Strong(f"{status.n_read} of {status.n_texts} texts")
    now = ", now single words and names" if status.is_on_words else ""
    return html.Span([texts, f" read by all heads{now}"])


def _jobs_found(status: CatalogueJobStatus) -> html.Div:
    """One lamp per job, lit once some head holds it by what was read so far; its words say the same. Rest is no job."""
    lamps = [lamp(role, "active" if role in status.roles_found else "no_heads", "row") for role in JOBS]
    found = ", ".join(JOBS[role].display_name.lower() for role in status.roles_found if role in JOBS) or "none yet"
    return html.Div(
        [
            html.P("Jobs found so far", className="models-facts"),
            html.Div(lamps, className="models-lamps", **aria(hidden=True)),
            html.P(found, className="visually-hidden"),
        ],
        className="models-found",
    )
