"""Every head off, one at a time: a map of which ones the guess depends on.

The scan runs in the background (`components/run_line.py`). Shades are ink, since
colour means role, and each cell leads to its head.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dash import Dash, dcc, html

from components import head_map_grid, run_line
from components.folded_table import folded_table
from components.head import experiment_card
from components.head.experiment_card import Answer, CardIds, Children, chip_at
from components.lamp import role_sign
from components.markup import aria, classes, data
from components.numbers import percent
from utils.experiments.questions import off_means
from utils.experiments.runs import Kind
from utils.heads import HeadId
from utils.levels import HeadLevels, head_levels
from utils.roles import ROLES

if TYPE_CHECKING:
    from components.head.head_view import HeadView
    from utils.experiments.scan import Scan
    from utils.service import Headlight

Card = CardIds("scan")
Line = run_line.RunIds("scan")
PRESS = "Try every head"
STEPS = "heads tried"
SMALL_KL = 0.01  # nats; below, no head is called strong
N_NAMED = 3
CAUTION = (
    "A head that others can replace looks unimportant here, and so do heads that only matter together. It is one text "
    "and one token, not a law."
)


def layout(view: HeadView) -> html.Section:
    """The card before its press; a scan of the same question that is known already appears by itself."""
    lead = ["Which heads does the guess after ", chip_at(view), " depend on? Each head is switched off by itself."]
    wanted = {"method": view.method.value, "position": view.position, "second": view.second}
    asked = run_line.question(Kind.SCAN, view.question, view.search, **wanted)
    return experiment_card.card(Card, "Every head, one at a time", lead, PRESS, run_line.layout(Line, asked))


def skeleton() -> html.Div:
    """The ids that callbacks name."""
    return html.Div([experiment_card.skeleton(Card), run_line.layout(Line), head_map_grid.skeleton()])


def register(app: Dash, service: Headlight) -> None:
    """The press starts a scan; the clock asks how far it is."""

    def draw(view: HeadView, scan: Scan) -> Answer:
        return answer(scan), evidence(view, head_levels(view.analysis, view.catalogue), scan)

    experiment_card.register_run(app, service, Card, draw, STEPS)


def answer(scan: Scan) -> Children:
    """The strongest heads in one sentence."""
    order = scan.strongest
    best = order[0]
    guess = html.Bdi(scan.first_guess.token.word, className="guess-name")
    if scan.kl_nats[best] < SMALL_KL:
        return [f"No head alone matters much here: the strongest, {best}, moves the guesses by {nats(scan, best)}."]
    first = [f"{best} matters most: without it the guesses move by {nats(scan, best)}, and ", guess, _moved(scan, best)]
    others = [f"{head} ({scan.kl_nats[head]:.2f})" for head in order[1:N_NAMED] if scan.kl_nats[head] >= SMALL_KL]
    if not others:
        return [*first, " No other head moves them much."]
    return [*first, f" Next {'come' if len(others) > 1 else 'comes'} {' and '.join(others)}."]


def nats(scan: Scan, head: HeadId) -> str:
    """Example: `0.42 nats`; three decimals below 0.01."""
    value = float(scan.kl_nats[head])
    return f"{value:.3f} nats" if value < SMALL_KL else f"{value:.2f} nats"


def evidence(view: HeadView, levels: list[HeadLevels], scan: Scan) -> Children:
    """The map, how to read it, what off means, and all of it as a table."""
    return [
        _map(view, levels, scan),
        _legend(scan),
        html.P(CAUTION, className="panel-note"),
        html.P(off_means(scan.method, bool(view.second)), className="panel-note"),
        _table(view, levels, scan),
    ]


def shade(kl_nats: float, largest: float) -> float:
    """How strong a cell's shade is, 0 to 1: the root of its share of the largest effect, so that one hides no other."""
    return (kl_nats / largest) ** 0.5


def _moved(scan: Scan, head: HeadId) -> str:
    before = scan.first_guess.prob
    after = before + float(scan.prob_change[head])
    verb = "falls" if after < before else "rises"
    return f" {verb} from {percent(before)} to {percent(max(0.0, after))}."


def _map(view: HeadView, levels: list[HeadLevels], scan: Scan) -> html.Div:
    largest = float(scan.kl_nats.max()) or 1.0
    cells = {entry.id: _cell(view, entry, scan, largest) for entry in levels}
    state = f"scan {view.question.model} {scan.position} {scan.method}"
    return head_map_grid.grid(cells, "Effect of each head", state)


def _cell(view: HeadView, entry: HeadLevels, scan: Scan, largest: float) -> html.Div:
    share = shade(float(scan.kl_nats[entry.id]), largest)
    label = html.Span(f"{entry.id}, {_job(entry)}, {nats(scan, entry.id)}", className="visually-hidden")
    sign = html.Span(role_sign(entry.main_job), className="head-cell-sign", **aria(hidden=True))
    is_here = entry.id == view.head
    return html.Div(
        dcc.Link(
            [label, sign],
            href=_href(view, entry),
            className="head-cell-link",
            title=f"{entry.id}: {nats(scan, entry.id)}",
        ),
        role="gridcell",
        className=classes("head-cell scan-cell", share > 0.5 and "is-strong", is_here and "is-here"),
        style={"--share": f"{share:.3f}"},
        **data(head=str(entry.id), page=entry.id.layer // head_map_grid.PAGE),
    )


def _href(view: HeadView, entry: HeadLevels) -> str:
    """That head's page, about the same token."""
    return replace(view, levels=entry, role=entry.main_job, asks_off=False).href()


def _job(entry: HeadLevels) -> str:
    return ROLES[entry.main_job].display_name.lower() if entry.main_job in ROLES else "no known job"


def _legend(scan: Scan) -> html.P:
    largest = float(scan.kl_nats.max())
    scale: Children = ["0", html.Span(className="scale-bar", **aria(hidden=True)), f"{largest:.2f} nats"]
    return html.P(
        [
            html.Span(scale),
            html.Span(f"half as strong: a quarter, {largest / 4:.2f} nats"),
            html.Span([html.Span(className="scan-here", **aria(hidden=True)), "this head"]),
            html.Span("sign: its main job"),
        ],
        className="legend",
    )


def _table(view: HeadView, levels: list[HeadLevels], scan: Scan) -> html.Details:
    """Every head, the largest effect first."""
    by_id = {entry.id: entry for entry in levels}
    guess = html.Bdi(scan.first_guess.token.word)
    heads: Children = ["Head", "Main job", "Guesses move by", ["Probability of ", guess]]
    rows = []
    for head in scan.strongest:
        link = dcc.Link(str(head), href=_href(view, by_id[head]))
        after = percent(max(0.0, scan.first_guess.prob + float(scan.prob_change[head])))
        rows.append((link, _job(by_id[head]), nats(scan, head), after))
    return folded_table(heads, rows, box="scan-table")
