"""The Learn page: what tokens and heads are, how to read a bar, and what each job of looking and of writing is.

What a role is, its formula and its source come from `utils/roles.py`; the longer texts stand in text/*.md.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from dash import Dash, dcc, html

from components.address import Question, roles_href, toy_href
from components.chip import prompt_chip, suggestion_chip
from components.lamp import lamp, sign
from components.learn import learn_luck, learn_strip
from components.markup import aria
from components.numbers import in_words
from components.role_help import TEXT_DIR, role_text
from components.score_bar import score_bar
from utils.example_texts import DEFAULT_PROMPT
from utils.roles import INDUCTION_CIRCUIT, JOBS, ROLES, SHOWCASE, Role

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from utils.catalogue.schema import ModelCatalogue
    from utils.service import Headlight

BASICS = (("tokens", "What is a token?"), ("heads", "What is an attention head?"))
READING = (("bar", "How to read a bar"), ("dark", "Why some lamps stay dark"), ("know", "How we know"))
REST_TITLE = "And one state"
KINDS = (("jobs", "looking"), ("writing", "writing"))  # of jobs: the key of the text about them, and the word for it
NO_PROMISE = "So nobody can say whether the model in use has such a head."
PLAIN_WORDS, MISTAKE = "In plain words.", "A common mistake."


def layout(service: Headlight, question: Question, search: str) -> html.Div:  # noqa: ARG001 (all pages are called alike)
    """The page. The prompts that it offers are those that light a role on the model in use."""
    catalogue = service.catalogue(question.model)
    return html.Div(
        [
            _contents(),
            html.Article(
                [
                    html.H1("Learn what the lamps mean", id="headline", tabIndex=-1),
                    html.P(
                        f"From tokens to the {in_words(len(JOBS))} jobs, each with an example to try.",
                        className="lead",
                    ),
                    *(_general(key, title) for key, title in (*BASICS, *READING)),
                    *(part for key, kind in KINDS for part in _jobs(key, kind, catalogue, question)),
                    *(_role(role, catalogue, question) for role in ROLES if role not in JOBS),
                ],
                className="learn-column",
            ),
        ],
        className="learn-page",
    )


def skeleton() -> html.Div:
    """This page has no callbacks, so it names no ids."""
    return html.Div()


def register(app: Dash, service: Headlight) -> None:
    """Nothing here reacts: every press is a link."""


@lru_cache(maxsize=16)
def general_text(key: str) -> str:
    """A general text, as Markdown."""
    return (TEXT_DIR / f"learn_{key}.md").read_text(encoding="utf-8")


@lru_cache(maxsize=32)
def role_paragraph(role: str, start: str) -> str:
    """The paragraph of a role's text that begins with a bold `start`, without it. Raises KeyError if there is none."""
    for paragraph in role_text(role).split("\n\n"):
        if paragraph.startswith(f"**{start}**"):
            return paragraph.removeprefix(f"**{start}**").strip()
    raise KeyError(f"The text of {role} has no paragraph {start!r}.")


def _contents() -> html.Nav:
    """The list of lessons; each is a place on this page."""
    groups: tuple[tuple[str, list[tuple[str, str, str | None]]], ...] = (
        ("Start here", [(key, title, None) for key, title in (*BASICS, *READING)]),
        *((_title(kind), _named(jobs_of(kind))) for _, kind in KINDS),
        (REST_TITLE, _named({key: role for key, role in ROLES.items() if key not in JOBS})),
    )
    parts: list[Component] = []
    for title, entries in groups:
        parts += [html.P(title, className="lessons-title"), html.Ul([_lesson(*entry) for entry in entries])]
    return html.Nav(parts, className="lessons", **aria(label="Lessons"))


def _named(roles: dict[str, Role]) -> list[tuple[str, str, str | None]]:
    return [(key, role.display_name, key) for key, role in roles.items()]


def jobs_of(kind: str) -> dict[str, Role]:
    """The jobs of looking or those of writing, by key. Args: kind: "looking" or "writing"."""
    return {key: role for key, role in JOBS.items() if role.is_writing == (kind == "writing")}


def _jobs(key: str, kind: str, catalogue: ModelCatalogue | None, question: Question) -> list[html.Section]:
    """What jobs of one kind have in common, and then each of them; the first kind is preceded by the count of all."""
    more = known_sentence(catalogue) if kind == KINDS[0][1] else ""
    return [_general(key, _title(kind), more), *(_role(job, catalogue, question) for job in jobs_of(kind))]


def _title(kind: str) -> str:
    return f"The {in_words(len(jobs_of(kind)))} jobs of {kind}"


def known_sentence(catalogue: ModelCatalogue | None) -> str:
    """How many heads of a model have a job, how many of the others usually rest, and what could not be tested; empty
    where nobody measured it."""
    if catalogue is None:
        return ""
    total, named = catalogue.shape.n_all, catalogue.n_with_job
    rest = sum(bool(catalogue.resting[head]) for head in catalogue.shape.all() if not catalogue.jobs_of(head))
    told = f"In the model in use, {named} of {total} heads have one of the {in_words(len(JOBS))} jobs"
    others = f"Of the other {total - named}, {rest or 'none'} usually {'rests' if rest <= 1 else 'rest'}."
    untested = [f"“{ROLES[role].display_name}”" for role in JOBS if role in catalogue.untested]
    return f"{told}. {others}{_cannot_be_tested(untested)}"


def _cannot_be_tested(names: list[str]) -> str:
    if not names:
        return ""
    listed = " and ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)
    return f" {listed} cannot be tested on it."


def _lesson(key: str, title: str, role: str | None) -> html.Li:
    icon = [lamp(role, "active", "row")] if role is not None else []
    return html.Li(html.A([*icon, html.Span(title)], href=f"#learn-{key}"))


def _general(key: str, title: str, more: str = "") -> html.Section:
    """One general lesson. Args: more: a last sentence about the model in use."""
    figure = [_bar_figure()] if key == "bar" else [_dark_figure()] if key == "dark" else []
    body = [dcc.Markdown(general_text(key), className="learn-text")]
    by_hand = _know_more() if key == "know" else []
    last = [html.P(more, className="learn-text")] if more else []
    return html.Section([html.H2(title), *figure, *body, *by_hand, *last], id=f"learn-{key}", className="lesson")


def _know_more() -> list[Component]:
    """Luck by hand, how writing is measured, and where the formulas stand."""
    writing = dcc.Markdown(general_text("know_writing"), className="learn-text")
    return [
        *learn_luck.layout(general_text("know_more")),
        html.H3("How writing is measured"),
        writing,
        dcc.Markdown(general_text("know_last"), className="learn-text"),
    ]


def _bar_figure() -> html.Div:
    bar = score_bar(SHOWCASE, 0.86, name="Example bar", chance=0.07, threshold=0.48, usual=0.9, status="active")
    return html.Div([html.Span("L2H3", className="head-name"), bar, html.Span("0.86")], className="surface example-bar")


def _dark_figure() -> html.Div:
    """The states of a lamp side by side."""
    states = (
        ("active", "active"),
        ("here_and_there", "here and there"),
        ("cannot_tell", "cannot tell"),
        ("not_seen", "not seen"),
        ("not_applicable", "cannot show here"),
        ("no_heads", "no such head"),
        ("not_testable", "cannot be tested"),
    )
    lamps = [html.Span([lamp(SHOWCASE, status, "card"), words]) for status, words in states]
    return html.Div(lamps, className="surface example-lamps")


def _role(key: str, catalogue: ModelCatalogue | None, question: Question) -> html.Section:
    role = ROLES[key]
    names = html.Div([html.H2(role.display_name), html.P(role.sentence)])
    return html.Section(
        [
            html.Div([lamp(key, "active", "card"), names], className="lesson-head"),
            *_plain_words(key),
            *_why_two_layers(key, question),
            *learn_strip.layout(key),
            html.H3("What exactly it does"),
            html.Blockquote(
                [
                    html.P(role.definition),
                    html.P(["As a formula: ", html.Code(role.formula)], className="learn-formula"),
                    html.P(_source(key), className="learn-source"),
                ],
                className="learn-definition",
            ),
            *_mistake(key),
            html.H3("Try it"),
            _try_it(key, catalogue, question),
        ],
        id=f"learn-{key}",
        className=f"lesson role-{key}",
    )


def _plain_words(key: str) -> list[Component]:
    """The role for a beginner; nothing for a role without a text."""
    return [dcc.Markdown(role_paragraph(key, PLAIN_WORDS), className="learn-text")] if role_text(key) else []


def _why_two_layers(key: str, question: Question) -> list[Component]:
    """What a job that reads another head's notes takes, with the page that shows it."""
    if key != INDUCTION_CIRCUIT.reader:
        return []
    words = (
        "One layer cannot do this: its heads all read at the same time, so none can leave a note for another. With "
        "two, a head of the first layer notes on every token what stood before it, and a head of the second finds "
        "that note. "
    )
    link = dcc.Link("See the moment two layers learn it", href=toy_href(question.model, question.prompt))
    return [html.P([words, link], className="learn-text")]


def _mistake(key: str) -> list[Component]:
    """What people mix it up with; nothing for a role without a text."""
    if not role_text(key):
        return []
    text = dcc.Markdown(role_paragraph(key, MISTAKE), className="learn-text")
    body = html.Div([html.H3("A common mistake"), text])
    return [html.Div([sign("warning"), body], className="surface learn-mistake")]


def _source(key: str) -> str:
    role = ROLES[key]
    own = " The formula is Headlight’s own." if role.is_writing else ""
    return f"{role.source}{'' if role.source.endswith('?') else '.'}{own} Our score is {role.measure.score_means}."


def _try_it(key: str, catalogue: ModelCatalogue | None, question: Question) -> Component:
    """A prompt that lights the role, with the measured count; without one, a text that gives it something to do. Of a
    job that cannot be tested on the model, only why."""
    if catalogue is not None and key in catalogue.untested:
        return html.P(f"{catalogue.untested[key]} {NO_PROMISE}")
    prompt = catalogue.categories[key].suggested_prompt if catalogue is not None else None
    if catalogue is not None and not catalogue.heads_of(key) and ROLES[key].is_rest:
        return html.P("No head of the model in use rests. That is normal for a small one.")
    if catalogue is not None and not catalogue.heads_of(key):
        return html.P("The model in use has no head for this job. That is normal: not every model grows every kind.")
    if prompt is not None:
        return prompt_chip("Light it", prompt, question.model)
    return suggestion_chip("See it on a text", ROLES[key].trigger, roles_href(question.model, DEFAULT_PROMPT))
