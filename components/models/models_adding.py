"""The open row of a model that is not here: what Get it would do, and how to add it by hand, folded."""

from __future__ import annotations

from typing import Any

from dash import html

from components.lamp import sign
from components.markup import data
from components.models.models_running import Ids as RunningIds
from components.models.models_view import ASK, ModelsView
from components.models.models_words import to_fetch
from utils.models.completeness import NEEDED_FILES
from utils.models.listing import ModelEntry


def layout(view: ModelsView, entry: ModelEntry) -> html.Div:
    """The card. The steps are unfolded only for whoever has no other way, at the computer that runs Headlight."""
    by_hand = html.Details(
        [html.Summary("For whoever runs Headlight", className="text-button"), *_steps(view, entry)],
        open=view.is_operator and not entry.can_be_fetched,
    )
    return html.Div([*map(html.P, _sentences(view, entry)), by_hand], className="models-card models-card--edge")


def _sentences(view: ModelsView, entry: ModelEntry) -> list[str]:
    if not view.is_operator:
        return [ASK]
    offer = entry.offer if entry.can_be_fetched else None
    told = []
    if offer is not None and offer.needs_network:
        told.append(f"It is fetched once, checked, and kept on this computer: {to_fetch(offer)}.")
    elif offer is not None:
        told.append(f"Its GGUF file is here. It is turned once into a form that can be read: {to_fetch(offer)}.")
    if offer is not None and offer.terms is not None:
        told.append(f"The {offer.terms} have to be read and accepted first.")
    return told


def _steps(view: ModelsView, entry: ModelEntry) -> list[Any]:
    """Three steps, in words that can be copied and sent to whoever runs the server."""
    folder = entry.folder.name if entry.folder is not None else entry.name.rsplit("/", 1)[-1]
    wanted = entry.missing or NEEDED_FILES
    files = [part for name in wanted for part in (html.Code(name), " ")]
    place: list[Any] = [
        "Put them in ",
        html.Code(f"models/{folder}"),
        ", or in a folder ",
        html.Code(folder),
        " of the directory that ",
        html.Code("HEADLIGHT_MODELS_DIR"),
        " names.",
    ]
    if view.models_dir is not None:
        place += [" On this computer: ", html.Code(str(view.models_dir))]
    source = f"of {entry.name}." if entry.folder is None else "of the same model."
    ask = [html.Li("Accept the licence on the model's own page; its maker asks for an account.")]
    steps = [
        *(ask if entry.is_gated else []),
        html.Li(["On a computer with a network, get ", *files, source]),
        html.Li(place),
        html.Li("Press Look again. Nothing needs a restart."),
    ]
    target = f"models-steps-{folder}"
    return [
        html.H3("To add it without a network"),
        html.Ol(steps, id=target),
        html.Div([_look_again(entry), _copy_button(target)], className="models-actions"),
    ]


def _look_again(entry: ModelEntry) -> html.Button:
    return html.Button(
        "Look again", id=RunningIds.act("look", entry.name), type="button", className="btn btn-quiet on-models-card"
    )


def _copy_button(target: str) -> html.Button:
    return html.Button(
        [sign("link"), "Copy these steps"],
        type="button",
        className="btn btn-quiet on-models-card",
        **data(copies=target),
    )
