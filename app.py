"""Headlight: see which attention heads light up on your text. This file assembles the app and does nothing else.

`python app.py` serves it on HOST and PORT; `gunicorn "app:create_server()"` serves it in production.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import dash
from dash import Dash, State

from components import (
    api,
    compression,
    frame,
    head_map,
    loading_line,
    messages,
    not_found_page,
    prompt_bar,
    themed_graph,
    toast,
    token_strip,
)
from components.address import Question
from components.all_heads import all_heads_page
from components.circuits import circuits_page
from components.head import head_page
from components.learn import learn_page
from components.models import models_page
from components.roles import roles_page
from components.toy import toy_page
from utils.errors import UserError
from utils.models.default import with_best_default
from utils.service import Headlight
from utils.settings import Settings

if TYPE_CHECKING:
    from flask import Flask

ROOT = Path(__file__).resolve().parent
INDEX_HTML = ROOT / "components" / "text" / "index.html"
BOOTSTRAP = "/assets/vendor/bootstrap/bootstrap.min.css"

PageLayout = Callable[..., Any]


class Page(NamedTuple):
    """One page: its name in Dash, its address, the title of its tab, and the module that shows it."""

    name: str
    path: str
    title: str
    module: Any


PAGES = (
    Page("roles", "/", "Headlight", roles_page),
    Page("head", "/head", "One head · Headlight", head_page),
    Page("heads", "/heads", "All heads · Headlight", all_heads_page),
    Page("circuits", "/circuits", "Circuits · Headlight", circuits_page),
    Page("toy", "/circuits/toy", "Toy: one layer or two · Headlight", toy_page),
    Page("learn", "/learn", "Learn · Headlight", learn_page),
    Page("models", "/models", "Models · Headlight", models_page),
    Page("not_found_404", "/not-found", "No such page · Headlight", not_found_page),  # Dash knows it by this name
)


def create_app(service: Headlight | None = None) -> Dash:
    """The app around one service. Loads no weights: the first question does."""
    service = service or create_service()
    app = Dash(
        "headlight",
        title="Headlight",
        update_title="",
        index_string=INDEX_HTML.read_text(encoding="utf-8"),
        assets_folder=str(ROOT / "assets"),
        assets_path_ignore=["^vendor$", "^first$"],
        external_stylesheets=[BOOTSTRAP],
        use_pages=True,
        pages_folder="",
        include_pages_meta=False,
        routing_callback_inputs={"search": State("_pages_location", "search")},
        on_error=messages.report_failure,
    )
    for page in PAGES:
        dash.register_page(page.name, path=page.path, title=page.title, layout=_guarded(page.module, service))
    app.layout = lambda: frame.layout(service)
    for part in (toast, prompt_bar, token_strip, head_map, themed_graph):
        part.register(app)
    for asking in (frame, loading_line, *(page.module for page in PAGES)):
        asking.register(app, service)
    api.register(app.server, service)
    compression.register(app.server)
    return app


def create_service() -> Headlight:
    """The service that the environment asks for. Its default model begins to load."""
    service = Headlight(with_best_default(Settings.from_environment()))
    service.warm_up()
    return service


def create_server() -> Flask:
    """The WSGI app for gunicorn."""
    return create_app().server


def main() -> None:
    """Serve on the address that the settings name."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    service = create_service()
    create_app(service).run(host=service.settings.host, port=service.settings.port, debug=False)


def _guarded(page: Any, service: Headlight) -> PageLayout:
    """A page whose refusals are sentences on it.

    Dash calls a layout without `search` only to learn its ids; that must not run a model, so it gets the skeleton.
    """

    def layout(search: str | None = None, **_parameters: str) -> Any:
        if search is None:
            return page.skeleton()
        question = Question.from_search(search, service.settings.default_model)
        try:
            return page.layout(service, question, search)
        except UserError as refusal:
            return messages.error_page(refusal, question)

    return layout


if __name__ == "__main__":
    main()
