"""What is happening right now: the heads that stand out on this very text, whatever the catalogue says of them.

Two lists: the heads that do any of the jobs beyond doubt, the strongest first, and the heads that look hard at a place
that no job predicts. Both are about one text, so they are observations and not jobs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import dcc, html

from components.address import head_href
from components.lamp import lamp
from components.markup import aria
from components.numbers import percent, plural
from components.score_bar import two_decimals
from components.token_chip import token_chip
from utils.roles import ROLES

if TYPE_CHECKING:
    from utils.analysis import Analysis
    from utils.heads import HeadId
    from utils.summary import StandingOut, Unexplained

NOTHING = "No head stands out on this text. Add a few words."


def layout(analysis: Analysis) -> html.Section:
    """The section, with one sentence per head."""
    strongest = [_strong_row(analysis, entry) for entry in analysis.right_now]
    surprising = [_surprising_row(analysis, entry) for entry in analysis.unexplained]
    parts = [html.Div([_strong_list(strongest), _surprising_list(surprising)], className="now-lists")]
    return html.Section(
        [
            html.H2("What is happening right now", id="now-title"),
            html.P(
                "The heads that stand out on this text, known for a job or not. It is one text: a head may do "
                "something else on the next.",
                className="section-lead",
            ),
            *(parts if strongest or surprising else [html.P(NOTHING)]),
        ],
        className="surface panel right-now",
        **aria(labelledby="now-title"),
    )


def strong_note(entry: StandingOut, n_rows: int) -> str:
    """The figures behind a sentence: "Induction, score 0.91 over 17 places. Known for this job." """
    known = "Known for this job." if entry.is_catalogued else "Not known for this job."
    name = ROLES[entry.role].display_name
    return f"{name}, score {two_decimals(entry.score)} over {plural(n_rows, 'place')}. {known}"


def looks_back_sentence(entry: StandingOut) -> str:
    """What a head does that only seems to look for copies, as completes the head's name: "looks 7 tokens back wherever
    it stands, and on a text said twice that looks like induction"."""
    name = ROLES[entry.role].display_name.lower()
    steps = plural(entry.looks_back or 0, "token")
    return f" looks {steps} back wherever it stands, and on a text said twice that looks like {name}."


def _strong_list(rows: list[html.Li]) -> html.Div:
    empty = html.P("None: on this text no head does a job much more than chance.", className="panel-note")
    return html.Div([html.H3("Doing a job beyond doubt"), html.Ul(rows, className="now-list") if rows else empty])


def _surprising_list(rows: list[html.Li]) -> html.Div:
    empty = html.P("None: every strong look on this text is one that a job predicts.", className="panel-note")
    body = html.Ul(rows, className="now-list") if rows else empty
    return html.Div([html.H3("Looking where no job says"), body])


def _strong_row(analysis: Analysis, entry: StandingOut) -> html.Li:
    role = entry.role
    does = f" {ROLES[role].habit}." if entry.looks_back is None else looks_back_sentence(entry)
    sentence = html.P([_head_link(analysis, entry.id), does])
    note = html.P(strong_note(entry, analysis.live[role].n_rows), className="now-note")
    state = "active" if entry.looks_back is None else "cannot_tell"
    return html.Li([lamp(role, state, "row"), html.Div([sentence, note])])


def _surprising_row(analysis: Analysis, entry: Unexplained) -> html.Li:
    tokens = analysis.forward.tokens
    query_pos, key_pos = entry.look.query_pos, entry.look.key_pos
    words: list[Any] = [
        "At ",
        token_chip(tokens[query_pos], query_pos, "other", "query"),
        " ",
        _head_link(analysis, entry.id),
        " looks at ",
        token_chip(tokens[key_pos], key_pos, "other", "key"),
        f" with {percent(entry.look.weight)} of its attention.",
    ]
    return html.Li([lamp("other", None, "row"), html.Span(words)])


def _head_link(analysis: Analysis, head: HeadId) -> dcc.Link:
    return dcc.Link(str(head), href=head_href(analysis.forward.model_name, analysis.forward.prompt, *head))
