"""Beside the large map: the card of the head in focus, and what the map shows in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dash_bootstrap_components as dbc
from dash import html

from components.address import head_href
from components.all_heads.all_heads_view import BREAKS, WITHOUT, Sort, main_work, told_status
from components.cause_words import cause_sentence
from components.job_words import jobs_sentence
from components.lamp import lamp
from components.literature_badge import badges
from components.numbers import in_words, percent
from components.score_bar import level_bar, two_decimals
from utils.heads import HeadId
from utils.levels import HeadLevels, RoleLevel
from utils.roles import OTHER, ROLES, SHOWCASE

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from components.all_heads.all_heads_view import HeadsView

COMMON_FROM = 0.3  # share of all heads from which a job wants an explanation


def layout(view: HeadsView, head: HeadId) -> list[Component]:
    """One head in short: lamp, jobs, level, and the way to its page; empty for a head the model does not have."""
    entry = next((entry for entry in view.levels if entry.id == head), None)
    if entry is None:
        return []
    words = html.Div(
        [html.H2(f"Layer {head.layer}, head {head.head}"), html.P(jobs_sentence(entry.jobs))],
        className="map-card-words",
    )
    href = head_href(view.question.model, view.question.prompt, *head)
    papers = badges(view.question.model, head)
    return [
        html.Div([lamp(main_work(entry), told_status(entry.work, entry)), words], className="map-card-head"),
        *_level(entry),
        *([html.P(cause_sentence(entry.cause), className="map-card-cause")] if entry.cause is not None else []),
        *([html.Div(papers, className="paper-names")] if papers else []),
        dbc.Button("Open this head", href=href, className="btn-quiet"),
    ]


def opening_head(view: HeadsView) -> HeadId | None:
    """The head that the card shows first: an active head of the showcase role, else the strongest active head; on the
    map of what breaks the head without which most does."""
    if not view.levels:
        return None
    if view.shows == BREAKS:
        return view.in_order(view.levels, Sort(WITHOUT, is_up=False))[0].id
    return max(view.filtered or view.levels, key=_strength).id


def where_jobs_sit(view: HeadsView) -> str:
    """In which layers each job has its heads, counted from the catalogue."""
    layers = {role: sorted({entry.id.layer for entry in view.levels if role in entry.jobs}) for role in ROLES}
    places = [
        f"{ROLES[role].display_name.lower()} heads in {_layer_range(found)}"
        for role, found in layers.items()
        if found and ROLES[role].tells_depth
    ]
    if not places:
        return "No head of this model is known to look for repeats or for the previous token."
    sentence = f"{', '.join(places[:-1])} and {places[-1]}" if len(places) > 1 else places[0]
    return f"{sentence[0].upper()}{sentence[1:]}."


def job_lamp(role: str, n_heads: int, is_tested: bool = True) -> Component:
    """The lamp that stands for a job, whatever the text; flat where no head has it, and for rest; dashed where it could
    not be tested."""
    status = "active" if role != OTHER and n_heads else "no_heads"
    return lamp(role, status if is_tested else "not_testable", "row")


def why_so_common(view: HeadsView) -> list[html.P]:
    """For each job that a third of the heads or more have the question that such a map raises, answered."""
    if not view.levels:
        return []
    asked = [
        role.when_common
        for key, role in ROLES.items()
        if role.when_common is not None and view.count(key) >= COMMON_FROM * len(view.levels)
    ]
    return [html.P([html.Strong(f"{question} "), answer], className="map-why") for question, answer in asked]


def _level(entry: HeadLevels) -> list[Component]:
    """Bar and sentence of the main job; of a head that does nothing else, how much it rests."""
    role = main_work(entry)
    if role == OTHER:
        return []
    level = entry.levels[role]
    bar = [level_bar(level, str(entry.id))] if level.score is not None and entry.work else []
    return [*bar, html.P(level_sentence(level))]


def level_sentence(level: RoleLevel) -> str:
    """One level in words: "0.97 when it looks, usually 0.99. It looks 61 % of the time." """
    if ROLES[level.role].is_rest:
        share = level.usual if level.score is None else level.score
        where = "on its test texts" if level.score is None else "on your text"
        return f"It leaves {percent(share or 0.0)} of its attention on the first token {where}."
    usual = two_decimals(level.usual)
    if level.score is None and level.status == "not_applicable":
        return "This job cannot show on your text."
    if level.score is None:
        return f"Score on its test texts: {usual}."
    if level.look is None:
        return f"{two_decimals(level.score)} on your text, usually {usual}."
    return f"{two_decimals(level.score)} when it looks, usually {usual}. It looks {percent(level.look)} of the time."


def _strength(entry: HeadLevels) -> tuple[bool, bool, bool, float]:
    """Active heads first, the showcase role first among them, as on the stage of the Roles page, and those that only
    rest last; then by score."""
    role = main_work(entry)
    level = entry.levels.get(role)
    figure = (level.score if level.score is not None else level.usual) if level else None
    return told_status(entry.work, entry) == "active", bool(entry.work), role == SHOWCASE, figure or 0.0


def _layer_range(layers: list[int]) -> str:
    if len(layers) == 1:
        return f"layer {layers[0]}"
    if layers == list(range(layers[0], layers[-1] + 1)):
        return f"layers {layers[0]} to {layers[-1]}"
    return f"{in_words(len(layers))} layers from {layers[0]} to {layers[-1]}"
