"""The Roles page: the answer as a sentence, one role on the stage, a card per role, every head, how to read a bar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import ALL, Dash, Input, Output, State, ctx, dcc, html, no_update

from components import analyze_offer, head_map, messages, prompt_bar, token_strip
from components.address import Ids as AddressIds
from components.address import Question, heads_href
from components.markup import aria, classes
from components.numbers import in_words, plural
from components.roles import bar_guide, role_card, stage
from components.roles.headline import headline, lead, waiting_for_repetition
from components.roles.roles_view import RolesView, roles_view
from components.word_help import word_help
from utils.levels import HeadLevels, head_levels
from utils.roles import JOBS, ROLES

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from utils.service import Headlight

EXPLAINED = {"tokens": "token", "attention heads": "head", "logits": "logit"}
WHAT_WRITING_IS = (
    "What a head finds, it also writes: it makes a word likelier or less likely to come next, by so many {logits}. "
    "Lamps of these jobs are square."
)


def layout(service: Headlight, question: Question, search: str = "") -> html.Div:
    """The page for one question. Raises UserError as `service.analyze` does.

    In a deep model the map comes before the cards, since it shows at once where the heads with a job are.
    """
    view = roles_view(service, question, search)
    return html.Div(
        [
            prompt_bar.read_size(view.analysis, view.max_tokens),
            *_top(view),
            *(messages.notice(notice, question) for notice in view.analysis.notices),
            *analyze_offer.layout(question, view.catalogue is not None),
            stage.frame(view, stage.opening_role(view.analysis)),
            *(
                [_wide_map(view), _cards(view)]
                if view.is_deep
                else [_cards(view), html.Div([_every_head(view), bar_guide.layout(question)], className="two-panels")]
            ),
        ],
        className="roles-page",
    )


def skeleton() -> html.Div:
    """The ids that callbacks of this page name; what is there before any question is asked."""
    return html.Div([html.Div(id=stage.Ids.stage), token_strip.skeleton(), head_map.skeleton()])


def register(app: Dash, service: Headlight) -> None:
    """A press on a card's header puts its role on the stage."""

    @app.callback(
        Output(stage.Ids.stage, "children"),
        Output(role_card.Ids.card(ALL), "className"),
        Input(role_card.Ids.header(ALL), "n_clicks"),
        State(AddressIds.location, "search"),
        prevent_initial_call=True,
    )
    def put_on_stage(_presses: list[int | None], search: str | None) -> Any:
        if not ctx.triggered_id or not ctx.triggered[0]["value"]:
            return no_update, [no_update] * len(ctx.outputs_list[1])
        view = roles_view(service, Question.from_search(search, service.settings.default_model))
        role = ctx.triggered_id["role"]
        return stage.layout(view, role), card_classes(view, role, [card["id"]["role"] for card in ctx.outputs_list[1]])


def card_classes(view: RolesView, on_stage: str, roles: list[str]) -> list[str]:
    """The classes of the cards, in the order of `roles`, when `on_stage` is the one shown above."""
    shown = view.analysis.roles
    return [role_card.card_class(role, shown[role].status, role == on_stage) for role in roles]


def named_heads_sentence(view: RolesView) -> str:
    """How many heads have a job, and what the others show as."""
    total = view.analysis.forward.shape.n_all
    if view.catalogue is None:
        return f"This model has {total} heads. Their jobs are not known yet."
    levels = head_levels(view.analysis, view.catalogue)
    named = sum(bool(entry.work) for entry in levels)
    without = [
        *(["A dash is a head that rests."] if any(entry.only_rests for entry in levels) else []),
        *(
            [f"A dot does something these {in_words(len(JOBS))} jobs do not cover."]
            if any(map(_is_dot, levels))
            else []
        ),
    ]
    heads = f"All {total}" if named == total else f"{named or 'None'} of {total}"
    verb = "has" if named <= 1 < total else "have"
    return " ".join([f"{heads} heads {verb} a job we can name.", *without, "Open any to see what it looks at."])


def _is_dot(entry: HeadLevels) -> bool:
    return not entry.work and not entry.rests


def _top(view: RolesView) -> list[Component]:
    return [
        html.H1(headline(view.analysis), id="headline", tabIndex=-1),
        html.P(_with_word_help(lead(view.analysis, view.catalogue is not None), view.question), className="lead"),
    ]


def _with_word_help(sentence: str, question: Question) -> list[Any]:
    """A sentence in which the words in braces explain themselves."""
    before, *helped = sentence.split("{")
    words: list[Any] = [before]
    for part in helped:
        word, after = part.split("}")
        words += [*word_help(EXPLAINED[word], word, question), after]
    return words


def _cards(view: RolesView) -> html.Section:
    """Always in the same order, whatever the scores, so that a class learns the places: jobs of looking, rest, and jobs
    of writing."""
    on_stage = stage.opening_role(view.analysis)
    looking = sorted((key for key, role in ROLES.items() if not role.is_writing), key=lambda key: ROLES[key].is_rest)
    writing = [key for key, role in ROLES.items() if role.is_writing]
    return html.Section(
        [
            html.Div(
                [
                    html.H2(f"{in_words(len(JOBS)).capitalize()} jobs, and the heads that do them", id="jobs-title"),
                    bar_guide.legend(
                        can_be_grey=bool(waiting_for_repetition(view.analysis)), has_link=not view.is_deep
                    ),
                    *([bar_guide.folded(view.question)] if view.is_deep else []),
                ],
                className="jobs-head",
            ),
            html.H3("Jobs of looking", className="jobs-group"),
            _grid(view, looking, on_stage),
            html.H3("Jobs of writing", className="jobs-group"),
            html.P(_with_word_help(WHAT_WRITING_IS, view.question), className="jobs-about"),
            _grid(view, writing, on_stage, "jobs--writing"),
        ],
        **aria(labelledby="jobs-title"),
    )


def _grid(view: RolesView, roles: list[str], on_stage: str, name: str = "") -> html.Div:
    cards = [role_card.layout(view, role, role == on_stage) for role in roles]
    return html.Div(cards, className=classes("jobs", name))


def _every_head(view: RolesView) -> html.Section:
    last = view.analysis.forward.n_layers - 1
    flow = f"Text enters at layer 0 (L0) and leaves at layer {last}." if last else "This model has one layer."
    levels = head_levels(view.analysis, view.catalogue)
    return html.Section(
        [
            html.H2("Every head in this model", id="map-title"),
            html.P(f"{named_heads_sentence(view)} {flow}"),
            head_map.rest_switch(view.with_rest),
            head_map.map_of(levels, view.question.model, view.question.prompt, with_rest=view.with_rest),
            head_map.legend(levels),
        ],
        className="surface panel",
        **aria(labelledby="map-title"),
    )


def _wide_map(view: RolesView) -> html.Section:
    """The map of a deep model, over the whole width."""
    shape, question = view.analysis.forward.shape, view.question
    size = f"{shape.n_layers} layers of {plural(shape.n_heads, 'head')}"
    levels = head_levels(view.analysis, view.catalogue)
    writes = " Squares: heads that write." if any(map(head_map.is_tile, levels)) else ""
    known = f"Coloured: heads that do a job.{writes}" if view.catalogue is not None else "Their jobs are not known yet."
    flow = f"Text enters on the left and leaves on the right: {size}. {known}"
    words = html.Div([html.H2("Every head in this model", id="map-title"), html.P(flow)])
    way_on = dcc.Link("Open All heads", href=heads_href(question.model, question.prompt), className="text-button")
    return html.Section(
        [
            html.Div([words, head_map.rest_switch(view.with_rest)], className="card-head"),
            head_map.map_of(levels, question.model, question.prompt, with_rest=view.with_rest),
            html.Div([head_map.legend(levels), way_on], className="map-foot"),
        ],
        className="surface panel wide-map",
        **aria(labelledby="map-title"),
    )
