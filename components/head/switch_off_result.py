"""The result of Switch it off: its dot plot below the answer, what it is worth, and all figures as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import html

from components import messages
from components.head import head_set, switch_off_more
from components.head.switch_off_plot import DotPlot, dot_plot_figure
from components.head.switch_off_words import (
    ONE_TEXT,
    Quoting,
    control_range,
    control_words,
    heads_mark,
    heads_name,
    nats,
    new_first_words,
    off_means,
    outlier_words,
    result_words,
)
from components.numbers import percent, with_minus
from components.themed_graph import themed_graph
from components.word_help import word_help

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from components.head.head_view import HeadView
    from utils.experiments.controls import HeadSet
    from utils.experiments.switch_off import SwitchOff

LEAST_PROB_SPAN = 0.1


def content(view: HeadView, result: SwitchOff) -> list[Component]:
    """Below the answer: its picture, what it is worth, and all figures as a table."""
    known = {notice.sentence for notice in view.analysis.notices}
    plot = dot_plot(view, result)
    new_first = new_first_words(result)
    n_heads, draws = len(result.heads), result.controls
    return [
        *(messages.notice(notice, view.question) for notice in result.notices if notice.sentence not in known),
        themed_graph("switch-off", dot_plot_figure(plot), f"{''.join(first_words(view, result))} {_range(result)}"),
        *([switch_off_more.control_legend(len(draws), n_heads, result.control_layers)] if draws else []),
        html.P([html.Strong(result.verdict.sentence), *(f" {words}" for words in (outlier_words(result),) if words)]),
        *([html.P(quoting(new_first))] if new_first else []),
        html.P(_small_print(view, result), className="panel-note"),
        _table(result),
    ]


def dot_plot(view: HeadView, result: SwitchOff) -> DotPlot:
    """What the picture shows: the probability of the first guess."""
    return DotPlot(
        before=result.before[0].prob,
        after=result.after[0].prob,
        controls=tuple((draw_name(draw.heads), draw.first_prob) for draw in result.controls),
        role=head_set.shown_role(view),
        off_name=heads_mark(result.heads),
        title=f"probability of “{result.before[0].token.word}” as the next token",
        is_share=True,
        least_span=LEAST_PROB_SPAN,
    )


def draw_name(heads: HeadSet) -> str:
    """A control draw, all its heads named: `L2H1 + L3H0`."""
    return " + ".join(map(str, heads))


def first_words(view: HeadView, result: SwitchOff) -> Quoting:
    """The answer."""
    return result_words(result, heads_name(result.heads, head_set.chosen_role(view)))


def quoting(words: Quoting) -> list[Any]:
    """A sentence with its token marked up."""
    before, token, after = words
    return [before, html.Strong(html.Bdi(token)), after]


def _range(result: SwitchOff) -> str:
    values = [draw.first_prob for draw in result.controls]
    return control_range(values, len(result.heads), result.control_layers.words)


def _small_print(view: HeadView, result: SwitchOff) -> list[Any]:
    change = ["All guesses together change by ", nats(result.kl_nats).removesuffix("nats")]
    help_words = word_help("nats", "nats", view.question)
    before = f"{_range(result)} {ONE_TEXT} {off_means(result.method, len(result.heads), bool(view.second))} ".lstrip()
    return [before, *change, *help_words, "."]


def _table(result: SwitchOff) -> html.Details:
    """The ten tokens before and after, and every control draw."""
    names = ("Token", "All on", f"{heads_mark(result.heads)} off")
    head = [
        html.Tr(
            [html.Th(names[0], scope="col", rowSpan=2)]
            + [html.Th(name, scope="colgroup", colSpan=2) for name in names[1:]]
        ),
        html.Tr([html.Th(name, scope="col") for name in ("probability", "logit") * 2]),
    ]
    rows = [
        html.Tr(
            [
                html.Th(html.Bdi(before.token.label), scope="row"),
                *(
                    html.Td(text)
                    for guess in (before, after)
                    for text in (percent(guess.prob, 1), with_minus(f"{guess.logit:.2f}"))
                ),
            ]
        )
        for before, after in zip(result.before, result.after, strict=True)
    ]
    table = html.Table(
        [
            html.Caption("The ten likeliest next tokens with all heads on; “·” is a space."),
            html.Thead(head),
            html.Tbody(rows),
        ],
        className="off-table",
    )
    draws = [
        html.Li(f"{draw_name(draw.heads)}: {percent(draw.first_prob, 1)}, {nats(draw.kl_nats)}")
        for draw in result.controls
    ]
    control = control_words(len(draws), len(result.heads), result.control_layers)
    controls = [
        html.P(f"{control}: first guess, change of all guesses"),
        html.Ul(draws, className="off-controls"),
    ]
    return html.Details(
        [
            html.Summary("Show as table", className="text-button"),
            html.Div(table, className="table-scroll"),
            *(controls if draws else []),
        ]
    )
