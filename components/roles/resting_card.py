"""What the card of rest says: how many heads rest on this text, and which. Rest is a state and no job, so no lamp."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dash import html

from components.lamp import state_mark
from components.markup import aria
from components.numbers import percent
from components.roles import head_rows
from components.score_bar import score_bar
from utils.roles import ROLES, SHOWCASE

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from components.roles.roles_view import RolesView
    from utils.heads import HeadId
    from utils.summary import RestingHeads, RoleSummary

MAX_HEADS = 20
WHAT_RESTS = "Resting means: half of its attention or more, averaged over your text, lies there."


def status_line(resting: RestingHeads) -> str:
    """ "166 of 270 heads mostly rest here"."""
    number = "No head" if resting.n_heads == 0 else f"{resting.n_heads} of {resting.of} heads"
    return f"{number} mostly {'rests' if resting.n_heads <= 1 else 'rest'} here"


def parts(view: RolesView, summary: RoleSummary) -> list[Component]:
    """The heads that rest most, folded, and that rest is a state."""
    found = view.analysis.most_resting
    rows = [_row(view, summary.role, head, share) for head, share in found[:MAX_HEADS]]
    shown = [html.Div(head_rows.folded(view, summary.role, fold_words(len(found)), rows), className="head-rows")]
    return [html.P(WHAT_RESTS), *(shown if rows else []), html.P(a_state(view))]


def fold_words(n_resting: int) -> str:
    """What opens the folded heads: "Show the 12 heads", "Show the 20 that rest most"."""
    if n_resting > MAX_HEADS:
        return f"Show the {MAX_HEADS} that rest most"
    return f"Show the {n_resting} heads" if n_resting > 1 else "Show the head"


def a_state(view: RolesView) -> str:
    """That rest is no job, with the heads of the showcase job that rest here."""
    resting, heads = view.analysis.resting, view.analysis.roles[SHOWCASE].heads
    n_resting = 0 if resting is None else sum(bool(resting[head.id]) for head in heads)
    if n_resting == 0:
        return "A state, not a job: a head may rest here and work on another text."
    name, of = ROLES[SHOWCASE].display_name.lower(), len(heads)
    if of == 1:
        return f"A state, not a job: the one {name} head rests here, too."
    is_all = view.analysis.roles[SHOWCASE].n_having <= of
    listed = f"{of}" if is_all else f"{of} strongest"
    which = f"all {listed}" if n_resting == of and is_all else f"{n_resting} of the {listed}"
    return f"A state, not a job: {which} {name} heads {'rests' if n_resting == 1 else 'rest'} here, too."


def _row(view: RolesView, role: str, head: HeadId, share: float) -> Component:
    bar = score_bar(role, share, name=str(head), is_job=False)
    words = html.Span(percent(share), className="head-score", **aria(hidden=True))
    return head_rows.row_link(
        view, head, [state_mark("rests"), html.Span(str(head), className="head-name"), bar, words]
    )
