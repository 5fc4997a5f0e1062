"""How to read a bar: the legend above the cards, and one large bar with its parts named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dash import dcc, html

from components.address import learn_href
from components.markup import aria, classes
from components.score_bar import score_bar
from utils.roles import SHOWCASE

if TYPE_CHECKING:
    from components.address import Question

ANCHOR = "how-to-read"
TITLE = "How to read a bar"
EXAMPLE = {"score": 0.86, "chance": 0.07, "threshold": 0.48, "usual": 0.90}

LIST_ENTRIES = (
    ("score", "Bar end", "share of attention that does this job"),
    ("chance", "Line", "chance: a head that looks everywhere equally"),
    ("notch", "Notch", "counts as active from here on"),
    ("usual", "Triangle", "this head’s usual level, on its test texts"),
)


def legend(can_be_grey: bool, has_link: bool = True) -> html.Div:
    """One line that names the marks.

    Args: can_be_grey: say what a dashed ring is, in place of an open one. has_link: with the way to the section below.
    """
    link = [html.A(TITLE, href=f"#{ANCHOR}", className="text-button")] if has_link else []
    second = _mark("dashed", "cannot show on this text") if can_be_grey else _mark("below", "below its usual level")
    return html.Div(
        [
            _mark("active", "active on your text"),
            second,
            _mark("chance", "chance"),
            _mark("notch", "active from here"),
            _mark("usual", "usual level"),
            *link,
        ],
        className="legend",
    )


def folded(question: Question) -> html.Details:
    """The section behind a press, for a page that has no room beside it."""
    return html.Details([html.Summary(TITLE, className="text-button"), layout(question)], className="folded-guide")


def layout(question: Question) -> html.Section:
    """The section at the foot of the page; question: what its link to Learn carries along."""
    return html.Section(
        [
            html.H2(TITLE, id=f"{ANCHOR}-title"),
            html.P("The score runs from 0 to 1. One means: all attention goes where this job says it should."),
            _figure(),
            html.Dl([_entry(*entry) for entry in LIST_ENTRIES], className="bar-list"),
            html.P(
                [
                    "Why some lamps stay dark: a head can only show its job when the text gives it something to work "
                    "on, and many have no job we know. ",
                    dcc.Link("Read more in Learn", href=learn_href(question.model, question.prompt)),
                ]
            ),
        ],
        id=ANCHOR,
        className="surface panel bar-guide",
        **aria(labelledby=f"{ANCHOR}-title"),
    )


def _figure() -> html.Div:
    """The large bar; its notes stand at the marks they name. The list below says the same and serves as its text."""
    bar = score_bar(
        SHOWCASE,
        EXAMPLE["score"],
        name="Example bar",
        chance=EXAMPLE["chance"],
        threshold=EXAMPLE["threshold"],
        usual=EXAMPLE["usual"],
        is_active=True,
    )
    notes = [
        _note("usual", "Usual level", "this head on its test texts"),
        _note("chance", "Chance", "what a head that looks everywhere equally would get"),
        _note("threshold", "Notch", "counts as active from here on"),
        _note("score", f"Bar end: {EXAMPLE['score']}", "share of attention that does this job"),
    ]
    style = {f"--{name}": str(value) for name, value in EXAMPLE.items()}
    return html.Div([bar, *notes], className=f"bar-figure role-{SHOWCASE}", style=style, **aria(hidden=True))


def _note(mark: str, title: str, text: str) -> html.Div:
    return html.Div([html.Strong(title), html.Span(text)], className=f"bar-note bar-note--{mark}")


def _mark(kind: str, text: str) -> html.Span:
    return html.Span(
        [html.Span(className=classes("glyph", f"glyph--{kind}"), **aria(hidden=True)), text], className="legend-entry"
    )


def _entry(kind: str, term: str, text: str) -> html.Div:
    mark = html.Span(className=f"glyph glyph--{kind}", **aria(hidden=True))
    return html.Div([html.Dt([mark, term]), html.Dd(text)])
