"""What an open row of the Models page tells: how a catalogue was made, how to add a model, whether to remove one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import html

from components.lamp import sign
from components.markup import aria
from components.model_words import as_distributed, megabytes
from components.models import models_adding, models_terms
from components.models.models_running import Ids as RunningIds
from components.models.models_view import ModelsView
from components.models.models_words import day, plain_decimal
from components.numbers import percent, plural
from utils.catalogue.schema import ModelCatalogue
from utils.models.card import read_training_facts
from utils.models.listing import ModelEntry
from utils.models.removal import Removal
from utils.roles import ROLES

if TYPE_CHECKING:
    from dash.development.base_component import Component

ENGINES = {"transformer_lens": "TransformerLens", "pyvene": "PyVene"}


class Ids:
    @staticmethod
    def json(name: Any) -> dict[str, Any]:
        return {"type": "models-json", "name": name}


def layout(view: ModelsView, entry: ModelEntry) -> html.Div:
    """The card below the open row."""
    removal = view.removals.get(entry.name)
    if view.asks and removal is not None:
        return _ask_to_remove(entry, removal)
    terms = view.terms_to_accept(entry)
    if terms is not None:
        return models_terms.layout(entry, terms)
    if entry.problem is not None:
        return html.Div([html.H3(entry.problem.sentence), html.P(entry.problem.hint)], className="models-card")
    if entry.folder is None or entry.missing:
        return models_adding.layout(view, entry)
    return _provenance(entry)


def _provenance(entry: ModelEntry) -> html.Div:
    catalogue = entry.catalogue.catalogue if entry.catalogue is not None else None
    facts = _training(entry) + _made_from(entry) + (_catalogue_facts(catalogue) if catalogue is not None else [])
    if not facts:
        return html.Div(
            html.P("Nothing is known of its training, and its heads are not analyzed."), className="models-card"
        )
    rows = [html.Div([html.Dt(name), html.Dd(value)]) for name, value in facts]
    button = html.Button(
        [sign("download"), "Full provenance (JSON)"], id=Ids.json(entry.name), type="button", className="text-button"
    )
    return html.Div(
        [
            html.Dl(rows, className="models-provenance"),
            *([button] if catalogue is not None else []),
            *_hashes(entry),
        ],
        className="models-card",
    )


def _training(entry: ModelEntry) -> list[tuple[str, str]]:
    facts = read_training_facts(entry.folder) if entry.folder is not None else None
    if facts is None:
        return []
    rows = [("Trained on", ", ".join(facts.texts)), ("Trained for", facts.length)]
    return [(name, value) for name, value in rows if value]


def _made_from(entry: ModelEntry) -> list[tuple[str, str]]:
    """What Headlight made the files from, if it made them."""
    if entry.note is None:
        return []
    lost = as_distributed(entry.note)
    stored = f"{entry.note.quantisation}: {lost}" if lost else entry.note.quantisation
    return [("Made from", entry.note.made_from), ("Weights", stored)]


def _hashes(entry: ModelEntry) -> list[Component]:
    """SHA-256 of everything that the files were made from, folded."""
    if entry.note is None:
        return []
    rows = [html.Div([html.Dt(name), html.Dd(digest)]) for name, digest in entry.note.hashes.items()]
    summary = html.Summary("Hashes of what it was made from (SHA-256)", className="text-button")
    return [html.Details([summary, html.Dl(rows, className="models-hashes")])]


def _catalogue_facts(catalogue: ModelCatalogue) -> list[tuple[str, str]]:
    facts = catalogue.provenance
    gap = facts.max_difference_to_detect_head
    return [
        ("Analyzed", f"{day(catalogue.analysis_date)}, seed {facts.seed}, with {ENGINES[facts.engine]}"),
        ("Test inputs", f"{facts.n_random_sequences} repeated random texts, {plural(facts.n_sentences, 'sentence')}"),
        *_words_tested(catalogue),
        ("Inputs", _short_hash(facts.inputs_hash)),
        ("Hash of the weights", _short_hash(facts.weights)),
        ("First token", "no start mark" if facts.start_mark_id is None else "one start mark"),
        ("Largest gap to TransformerLens", "not measured here" if gap is None else plain_decimal(gap)),
        ("Versions", ", ".join(f"{package} {version}" for package, version in facts.versions.items())),
        ("Catalogue format", f"version {facts.schema_version}"),
    ]


def _words_tested(catalogue: ModelCatalogue) -> list[tuple[str, str]]:
    """What jobs of writing were tested with, and which of them could not be."""
    writing, rows = catalogue.writing, []
    if writing is not None:
        lists = f"; lists of {', '.join(writing.lists)}" if writing.lists else ""
        rows.append(("Test words", f"{writing.n_columns} common words{lists}"))
    if writing is not None and writing.solved is not None:
        rows.append(("Names", f"prefers the right one of two in {percent(writing.solved)} of its test sentences"))
    whys: dict[str, list[str]] = {}
    for role, why in catalogue.untested.items():
        whys.setdefault(why, []).append(ROLES[role].display_name)
    return rows + [("Not tested", f"{', '.join(names)}. {why}") for why, names in whys.items()]


def _short_hash(name: str) -> str:
    """`sha256 9c41 … e07b`."""
    kind, _, digits = name.partition(":")
    return f"{kind} {digits[:4]} … {digits[-4:]}" if len(digits) > 12 else name


def _ask_to_remove(entry: ModelEntry, removal: Removal) -> html.Div:
    parts = []
    if removal.files is not None:
        parts.append(f"its files ({megabytes(entry.n_bytes)})")
    if removal.catalogue is not None:
        parts.append("the catalogue that was made here")
    buttons: list[Component] = [
        html.Button(
            "Remove", id=RunningIds.act("remove", entry.name), type="button", className="btn btn-quiet on-models-card"
        ),
        html.Button(
            "Keep", id=RunningIds.go("keep", entry.name), type="button", className="btn btn-quiet on-models-card"
        ),
    ]
    return html.Div(
        [
            html.H3(f"Remove {entry.display_name} from this computer?"),
            html.P(f"This takes away {' and '.join(parts)}. You can undo it for 8 seconds."),
            html.Div(buttons, className="models-actions"),
        ],
        role="group",
        className="models-card models-card--edge",
        **aria(label=f"Remove {entry.display_name}?"),
    )
