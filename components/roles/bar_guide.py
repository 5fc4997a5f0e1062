"""How to read a bar: the legend above the cards, and one large bar with its parts named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dash import dcc, html

from components.address import learn_href
from components.lamp import state_mark
from components.markup import aria
from components.score_bar import score_bar
from utils.roles import SHOWCASE, writing_roles

if TYPE_CHECKING:
    from components.address import Question

ANCHOR = "how-to-read"
TITLE = "How to read a bar"
EXAMPLE = {"score": 0.86, "chance": 0.07, "threshold": 0.48, "usual": 0.90}
HOW_IT_COUNTS = (
    "The score runs from 0 to 1 and counts only when the head looks. One means: whenever it looks, it looks where this "
    "job says it should. “Looks 61 % of the time”: at the places "
    "that can show the job, the other 39 % of its attention rests on the first token."
)
OF_WRITING = (
    "For a job of writing the score is the share of its attention that goes to words it would write so, at the token "
    "where that is most."
)

LIST_ENTRIES = (
    ("score", "Bar end", "share of its looking that does this job"),
    ("chance", "Line", "chance: what a blind look would get"),
    ("notch", "Notch", "counts as active from here on"),
    ("usual", "Triangle", "this head’s usual level, on its test texts"),
)
LAMPS = (
    ("active", "active", "it does its job, at its usual level, and that is no luck"),
    ("here_and_there", "here and there", "at more places than a blind look would hit, yet below its usual level"),
    ("cannot_tell", "cannot tell", "it hit some places, but a blind look might hit as many"),
    ("not_seen", "not seen", "in no place, or less than usual"),
)
CANNOT_SHOW = ("not_applicable", "cannot show", "this text gives the job nothing to work on")
SQUARE = ("active", "square", "a job of writing, in the same states; round is a job of looking")
SQUARE_EXAMPLE = next(iter(writing_roles()))


def legend(can_be_grey: bool, has_link: bool = True) -> html.Div:
    """One line that names the marks.

    Args: can_be_grey: say what a dashed ring is, too. has_link: with the way to the section below.
    """
    link = [html.A(TITLE, href=f"#{ANCHOR}", className="text-button")] if has_link else []
    states = (*LAMPS, CANNOT_SHOW) if can_be_grey else LAMPS
    return html.Div(
        [
            *(html.Span([state_mark(status), words], className="legend-entry") for status, words, _ in states),
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
            html.P(HOW_IT_COUNTS),
            html.P(OF_WRITING),
            _figure(),
            html.Dl([_entry(*entry) for entry in LIST_ENTRIES], className="bar-list"),
            html.Dl(
                [*(_state(*entry) for entry in (*LAMPS, CANNOT_SHOW)), _state(*SQUARE, SQUARE_EXAMPLE)],
                className="state-list",
            ),
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
        status="active",
    )
    notes = [
        _note("usual", "Usual level", "this head on its test texts"),
        _note("chance", "Chance", "what a blind look would get"),
        _note("threshold", "Notch", "counts as active from here on"),
        _note("score", f"Bar end: {EXAMPLE['score']}", "share of its looking that does this job"),
    ]
    style = {f"--{name}": str(value) for name, value in EXAMPLE.items()}
    return html.Div([bar, *notes], className=f"bar-figure role-{SHOWCASE}", style=style, **aria(hidden=True))


def _note(mark: str, title: str, text: str) -> html.Div:
    return html.Div([html.Strong(title), html.Span(text)], className=f"bar-note bar-note--{mark}")


def _mark(kind: str, text: str) -> html.Span:
    return html.Span([_glyph(kind), text], className="legend-entry")


def _glyph(kind: str) -> html.Span:
    return html.Span(className=f"glyph glyph--{kind}", **aria(hidden=True))


def _state(status: str, term: str, text: str, role: str = "") -> html.Div:
    return html.Div([html.Dt([state_mark(status, role), term]), html.Dd(text)])


def _entry(kind: str, term: str, text: str) -> html.Div:
    return html.Div([html.Dt([_glyph(kind), term]), html.Dd(text)])
