"""The frame of every page: header, prompt bar, messages, footer, toast. The page itself stands in the middle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dash
import dash_bootstrap_components as dbc
from dash import ClientsideFunction, Dash, Input, Output, dcc, html

from components import address, loading_line, messages, model_menu, prompt_bar, toast
from components.address import Question, circuits_href, heads_href, learn_href, roles_href
from components.lamp import sign
from components.markup import aria, classes
from components.model_words import as_distributed
from utils.model_config import display_name_of

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from utils.service import Headlight, ModelChoice

THIS_COMPUTER = ("127.0.0.1", "localhost", "::1")
HEADER, DRAWER = "header", "drawer"
TOY_PAIR = "Classroom toy pair"


class Ids:
    home = "frame-home"
    menu = "frame-menu"
    drawer = "frame-drawer"
    announcer = "announcer"
    facts = "frame-model-facts"

    @staticmethod
    def nav(place: str) -> str:
        return f"nav-{place}"

    @staticmethod
    def models(place: str) -> str:
        return f"models-{place}"


def layout(service: Headlight) -> html.Div:
    """The whole document around the page."""
    return html.Div(
        [
            dcc.Location(id=address.Ids.location, refresh="callback-nav"),
            html.A("Skip to the result", href="#content", className="skip-link"),
            _header(),
            prompt_bar.layout(service.settings.default_model),
            messages.region(),
            loading_line.layout(),
            _skeleton(),
            html.Main(dash.page_container, id="content", tabIndex=-1),
            _footer(is_here=service.settings.host in THIS_COMPUTER),
            html.Div(id=Ids.announcer, role="status", className="visually-hidden"),
            toast.layout(),
        ],
        className="frame",
    )


def register(app: Dash, service: Headlight) -> None:
    """Header and drawer follow the address."""

    @app.callback(
        Output(Ids.home, "href"),
        Output(Ids.nav(HEADER), "children"),
        Output(Ids.nav(DRAWER), "children"),
        Output(Ids.models(HEADER), "children"),
        Output(Ids.models(DRAWER), "children"),
        Output(prompt_bar.Ids.chat, "hidden"),
        Output(prompt_bar.Ids.chat, "aria-checked"),
        Output(Ids.facts, "children"),
        Input(address.Ids.location, "pathname"),
        Input(address.Ids.location, "search"),
    )
    def follow_address(path: str | None, search: str | None) -> tuple[Any, ...]:
        question = Question.from_search(search, service.settings.default_model)
        links, models = nav_links(path or "/", question), service.models()
        shown = TOY_PAIR if path == address.TOY_PATH else None
        default = service.settings.default_model
        menus = (model_menu.layout(place, models, question, default, shown) for place in (HEADER, DRAWER))
        can_chat = service.reads_chat(question.model) and path != address.TOY_PATH
        is_chat = "true" if question.is_chat else "false"
        home = roles_href(question.model, question.prompt)
        return home, links, links, *menus, not can_chat, is_chat, model_facts(models, question.model)

    app.clientside_callback(
        ClientsideFunction("headlight", "toggleDrawer"),
        Output(Ids.drawer, "is_open"),
        Input(Ids.menu, "n_clicks"),
        Input(address.Ids.location, "href"),
        prevent_initial_call=True,
    )
    app.clientside_callback(ClientsideFunction("headlight", "followPath"), Input(address.Ids.location, "pathname"))


def nav_links(path: str, question: Question) -> list[Component]:
    """Roles, All heads, Circuits, Learn; each carries the question along. The current one is marked."""
    pages = (
        ("Roles", roles_href(question.model, question.prompt), path in ("/", "/head")),
        ("All heads", heads_href(question.model, question.prompt), path == "/heads"),
        ("Circuits", circuits_href(question.model, question.prompt), path.startswith(address.CIRCUITS_PATH)),
        ("Learn", learn_href(question.model, question.prompt), path == "/learn"),
    )
    return [
        html.Li(dcc.Link(name, href=href, className=classes("nav-link", is_here and "is-here")))
        for name, href, is_here in pages
    ]


def model_facts(models: list[ModelChoice], current: str) -> str:
    """What a reader of this model's figures should know: `SmolLM2 135M Instruct: 4-bit weights, as distributed.`."""
    words = next((as_distributed(choice.note) for choice in models if choice.name == current), "")
    return f"{display_name_of(current)}: {words}." if words else ""


def _header() -> html.Header:
    home = dcc.Link(
        [html.Span(sign("lamp-beam"), className="logo-mark"), html.Span("Headlight")],
        id=Ids.home,
        href="/",
        className="logo",
    )
    menu = html.Button(
        sign("menu"), id=Ids.menu, type="button", className="icon-button drawer-button", **aria(label="Menu")
    )
    drawer = dbc.Offcanvas(_tools(DRAWER), id=Ids.drawer, is_open=False, title="Menu", placement="end")
    return html.Header([home, html.Div(_tools(HEADER), className="header-tools"), menu, drawer], className="header")


def _tools(place: str) -> list[Component]:
    return [
        html.Nav(
            html.Ul(id=Ids.nav(place), className="nav-list"),
            **aria(label="Pages" if place == HEADER else "Pages, in the menu"),
        ),
        html.Div(id=Ids.models(place), className="model-menu"),
        html.Button([sign("link"), html.Span("Copy link")], type="button", className="tool copy-link"),
        html.Button(
            [sign("moon"), sign("sun"), html.Span("Switch between light and dark", className="theme-words")],
            type="button",
            className="tool theme-switch",
        ),
    ]


def _footer(is_here: bool) -> html.Footer:
    where = (
        "Runs on this computer. Nothing you type leaves it."
        if is_here
        else "Runs on your school’s server. Your text is not stored."
    )
    scores = (
        "Scores count when a head looks, and compare with a blind look on the same text. "
        "All heads are listed under All heads."
    )
    return html.Footer([html.P(scores), html.P(id=Ids.facts), html.P(where)], className="footer")


def _skeleton() -> html.Div:
    """Shapes in place of a first result that is late; shown by CSS only while the page is empty."""
    lines = [dbc.Placeholder(xs=width, className="skeleton-line") for width in (11, 8, 6)]
    cards = [html.Div(lines, className="job skeleton-card") for _ in range(6)]
    return html.Div(
        [html.P("Reading your text …", className="skeleton-title"), html.Div(cards, className="jobs")],
        className="skeleton",
        **aria(hidden=True),
    )
