"""What the head up close goes by: a bar for each earlier head, and for all that is no head, in logits of its margin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dash import html

from components.folded_table import folded_table
from components.lamp import role_sign
from components.markup import aria
from components.numbers import percent, plural, times, with_minus
from utils.numbers_in_text import signed
from utils.roles import OTHER

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from components.circuits.circuits_view import CircuitsView
    from utils.circuits.margin import ReaderMargin, Written
    from utils.circuits.readers import Reads

SHOWN = 6
IN_TABLE = 30
ROOM = 1.05  # the track is a little longer than the longest bar


def layout(view: CircuitsView, reads: Reads, margin: ReaderMargin) -> html.Section:
    """The card. Args: margin: of the head up close."""
    ranked = margin.ranked()
    rest = float(sum(part.logits for part in ranked[SHOWN:]))
    others = [("MLPs", margin.mlps), ("tokens and positions", margin.embedding), ("biases", margin.other)]
    if ranked[SHOWN:]:
        others.insert(0, (plural(len(ranked) - SHOWN, "other head"), rest))
    end = ROOM * max([*(part.logits for part in ranked[:1]), *(logits for _, logits in others), 0.1])
    rows = [_writer_row(view, reads, part, end) for part in ranked[:SHOWN]]
    rows += [_other_row(name, logits, end) for name, logits in others if abs(logits) >= 0.05]
    return html.Section(
        [
            html.H2(f"What {margin.reader} goes by"),
            html.P(margin.sentence()),
            html.Ul(rows, className="fit-rows margin-rows"),
            html.P(_caption(reads, margin), className="panel-note"),
            *([_table(reads, margin, ranked)] if ranked else []),
        ],
        className="surface panel",
        **aria(label=f"What {margin.reader} goes by"),
    )


def _caption(reads: Reads, margin: ReaderMargin) -> str:
    texts = reads.margins
    where = f" of {plural(texts.n_texts, 'text')} of {texts.n_tokens} random tokens said twice" if texts else ""
    return (
        f"In logits before the softmax, the mean{where}. All rows add up to {margin.margin:.1f}. "
        "Right: how well the weights alone fit, beside two random heads, and in how many kinds of note."
    )


def _writer_row(view: CircuitsView, reads: Reads, part: Written, end: float) -> html.Li:
    fit, role = reads.fits.fit(part.writer, part.reader), view.jobs.main(part.writer)
    choose = view.href(writer=part.writer.dotted, head=part.reader.dotted, **{"from": None, "to": None, "test": None})
    name = html.A(str(part.writer), href=choose, className="in-place", id=f"writes-{part.writer}")
    weights = f"{times(fit.multiple)}, {plural(round(fit.breadth), 'kind')}"
    return _row(name, part.logits, end, role, weights)


def _other_row(name: str, logits: float, end: float) -> html.Li:
    return _row(html.Span(name), logits, end, OTHER, "")


def _row(name: Component, logits: float, end: float, role: str, weights: str) -> html.Li:
    fill = {"--fit": f"{max(0.0, logits) / end:.4f}"}
    bar = html.Span(html.Span(className="fit-fill"), className="fit-bar", style=fill, **aria(hidden=True))
    sign = html.Span(role_sign(role) if role != OTHER else "", className="circuit-disc" if role != OTHER else "")
    parts = [sign, html.Span(name), bar, html.Strong(signed(logits)), html.Span(weights, className="fit-rank")]
    return html.Li(parts, className=f"fit-row role-{role}")


def _table(reads: Reads, margin: ReaderMargin, ranked: list[Written]) -> html.Details:
    """The writers with their shares and what their weights alone say."""
    rows = []
    for part in ranked[:IN_TABLE]:
        fit = reads.fits.fit(part.writer, part.reader)
        share = with_minus(percent(part.share)) if part.share is not None else ""
        weights = [f"{fit.score:.3f}", times(fit.multiple), plural(round(fit.breadth), "kind")]
        rows.append([str(part.writer), signed(part.logits), share, *weights])
    heads = ("Writer", "Logits", f"Of {margin.margin:.1f}", "Score of weights", "Beside random", "Kinds of note")
    return folded_table(heads, rows)
