"""The page of one head: where it looks, the evidence token by token, and every job on this text."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from dash import Dash, Input, Output, State, dcc, html, no_update

from components import csv_download, messages, prompt_bar
from components.address import Ids as AddressIds
from components.address import Question, asked, head_href, roles_href
from components.cause_words import cause_sentence
from components.head import (
    head_attribution,
    head_cause,
    head_evidence,
    head_jobs,
    head_natural,
    head_position,
    head_scan,
    head_switch_off,
    head_writes,
    lens_strip,
    pattern_grid,
    pipeline_line,
    recent_prompts,
)
from components.head.head_view import GRID, LINES, HeadView, head_view, view_of_search
from components.job_words import jobs_sentence
from components.lamp import lamp, sign
from components.literature_badge import badges
from components.markup import aria
from components.switch import switch
from utils.heads import HeadId
from utils.reasons import NOT_ANALYZED

if TYPE_CHECKING:
    from utils.service import Headlight
    from utils.tokens import Token

CSV = "head"
FRAME_ROW_PX = 22.5  # height of one token in BertViz's drawing
FRAME_MARGIN_PX = 90
FRAME_MOST_PX = 640  # a longer drawing scrolls in its frame
QUOTED_TOKENS = 6
PARTS = (
    pipeline_line,
    head_position,
    head_writes,
    head_switch_off,
    head_cause,
    head_natural,
    lens_strip,
    head_attribution,
    head_scan,
    recent_prompts,
)  # each fills itself once the page stands
NO_WORDS = f"{string.punctuation}{string.whitespace}…”’»"


class Ids:
    drawing = "head-drawing"


def layout(service: Headlight, question: Question, search: str) -> html.Div:
    """The page for one address. Raises UserError as `head_view`."""
    view = head_view(service, question, search)
    return html.Div(
        [
            prompt_bar.read_size(view.analysis, service.settings.max_tokens),
            _path(view),
            _title(view),
            *(messages.notice(replace(notice, fix=None), question) for notice in view.analysis.notices),
            pipeline_line.layout(view),
            html.Div(
                [_where_it_looks(view), _side(view)],
                className="head-columns",
            ),
            head_position.layout(view),
            html.Div([head_writes.layout(view), head_switch_off.layout(view)], className="head-experiments"),
            head_switch_off.more(),
            *head_cause.layout(view),
            head_natural.layout(view),
            lens_strip.layout(view),
            head_attribution.layout(view),
            head_scan.layout(view),
            recent_prompts.layout(view),
            _foot(view),
        ],
        className=f"head-page role-{view.levels.main_job}",
    )


def skeleton() -> html.Div:
    """The ids that callbacks name, before any question is asked."""
    return html.Div(
        [
            _switch(LINES),
            *csv_download.parts(CSV),
            pattern_grid.skeleton(),
            *(part.skeleton() for part in PARTS),
        ]
    )


def register(app: Dash, service: Headlight) -> None:
    """The switch writes the address; the numbers are made when they are asked for."""
    pattern_grid.register(app)
    for part in PARTS:
        part.register(app, service)

    @app.callback(
        Output(AddressIds.location, "href", allow_duplicate=True),
        Input(Ids.drawing, "value"),
        State(AddressIds.location, "search"),
        prevent_initial_call=True,
    )
    def change_drawing(drawing: str, search: str | None) -> Any:
        view = view_of_search(service, search)
        return no_update if drawing == view.drawing else view.href(drawing=drawing)

    def pattern(search: str) -> tuple[str, str]:
        view = view_of_search(service, search)
        table = pattern_grid.pattern_csv(view.pattern, view.tokens, pattern_grid.expected_cells(view))
        return table, csv_download.file_name(str(view.head))

    csv_download.register(app, CSV, pattern)


def heatmap_href(question: Question, head: HeadId) -> str:
    """The address of BertViz's own page of a head."""
    question_and_head = {**asked(question.model, question.prompt), "layer": head.layer, "head": head.head}
    return f"/heatmap?{urlencode(question_and_head)}"


def quote(tokens: Sequence[Token]) -> str:
    """The end of the text that was typed: "… The cat sat on the". After the dots it begins with a word."""
    typed = [token for token in tokens if token.is_typed]
    end = "".join(token.text for token in typed[-QUOTED_TOKENS:]).strip()
    if len(typed) <= QUOTED_TOKENS:
        return end
    return f"… {end.lstrip(NO_WORDS) or end}"


def _path(view: HeadView) -> html.Nav:
    """Back to the roles, and the heads before and after."""
    question = view.question
    back = dcc.Link([sign("chevron-left"), "Back to all roles"], href=roles_href(question.model, question.prompt))
    before, after = view.neighbour(-1), view.neighbour(1)
    steps = [
        *([_step(question, before, [sign("chevron-left"), str(before)], "Previous head: ")] if before else []),
        *([_step(question, after, [str(after), sign("chevron-right")], "Next head: ")] if after else []),
    ]
    return html.Nav([back, html.Span(steps, className="head-steps")], className="head-path", **aria(label="Heads"))


def _step(question: Question, head: HeadId, words: list[Any], hint: str) -> dcc.Link:
    hidden = html.Span(hint, className="visually-hidden")
    return dcc.Link([hidden, *words], href=head_href(question.model, question.prompt, *head))


def _title(view: HeadView) -> html.Div:
    head = view.head
    papers = badges(view.question.model, head)
    names = html.Div(
        [
            html.H1(
                [f"Layer {head.layer}, head {head.head} ", html.Span(str(head), className="head-short")],
                id="headline",
                tabIndex=-1,
            ),
            html.P(jobs_sentence(view.levels.jobs) if view.catalogue is not None else NOT_ANALYZED, className="lead"),
            *([html.P(cause_sentence(view.levels.cause), className="head-cause")] if view.levels.cause else []),
            *([html.Div(papers, className="paper-names")] if papers else []),
        ]
    )
    about = html.Div(
        [
            html.P(["on “", html.Bdi(quote(view.tokens)), "”"]),
            dcc.Link("Edit the text", href=roles_href(view.question.model, view.question.prompt)),
        ],
        className="head-about",
    )
    return html.Div([lamp(view.levels.main_job, view.levels.status, "page"), names, about], className="head-title")


def _where_it_looks(view: HeadView) -> html.Section:
    top = html.Div([html.H2("Where it looks", id="looks-title"), _switch(view.drawing)], className="card-head")
    drawing = pattern_grid.layout(view) if view.drawing == GRID else _lines(view)
    return html.Section([top, drawing], className="surface panel looks-panel", **aria(labelledby="looks-title"))


def _side(view: HeadView) -> html.Div:
    return html.Div([head_evidence.layout(view), head_jobs.layout(view)], className="head-side")


def _switch(drawing: str) -> html.Div:
    return switch(Ids.drawing, {GRID: "Grid", LINES: "Lines (BertViz)"}, drawing, "Draw where it looks as")


def _lines(view: HeadView) -> html.Div:
    """BertViz in a frame of its own: its scripts cannot reach this page."""
    address = heatmap_href(view.question, view.head)
    frame = html.Iframe(
        src=address,
        title=f"Where {view.head} looks, drawn by BertViz",
        sandbox="allow-scripts",
        className="lines-frame",
        height=str(min(FRAME_MOST_PX, round(FRAME_MARGIN_PX + FRAME_ROW_PX * len(view.tokens)))),
    )
    hint = "Left: the token that reads. Right: what it looks at. Point at a token to see only its lines."
    alone = html.A(
        "Open on its own",
        href=address,
        target="_blank",
        rel="noopener",
        title="Opens the drawing in a new tab",
        className="text-button",
    )
    return html.Div([html.P(hint), frame, html.P(alone)], className="lines")


def _foot(view: HeadView) -> html.Div:
    usual = " Usual levels come from the model’s catalogue." if view.catalogue is not None else ""
    return html.Div(
        [
            html.P(f"Scores on this text come from one forward pass.{usual}"),
            *csv_download.parts(CSV, "Download numbers (CSV)", "text-button"),
        ],
        className="page-foot",
    )
