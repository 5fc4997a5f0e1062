"""A catalogue of hand-made heads, for tests that need one without a model."""

from __future__ import annotations

import datetime

import numpy as np

from utils.catalogue.building import Measured, build_catalogue, describe_inputs
from utils.catalogue.schema import SCHEMA_VERSION, ModelCatalogue, Provenance
from utils.measures.figures import RoleScores
from utils.measures.reading import Reading
from utils.roles import steady_roles
from utils.scoring import as_ids, score_text
from utils.writing.measured import WritingMeasured


def catalogue_of(
    patterns: np.ndarray, tokens, name: str = "hand-made", head_values: np.ndarray | None = None
) -> ModelCatalogue:
    """The catalogue of heads [layer, head, query_pos, key_pos] as measured on one text with evidence for every role."""
    return catalogue_from_scores(score_text(Reading(as_ids(tokens), patterns, head_values)).roles, name)


def catalogue_from_scores(
    scores: dict[str, RoleScores], name: str = "hand-made", writing: WritingMeasured | None = None
) -> ModelCatalogue:
    """The catalogue of heads with these scores of looking. Args: writing: what was measured of their writing."""
    provenance = Provenance(
        schema_version=SCHEMA_VERSION,
        weights="hand-made-patterns",
        bos_rule="none",
        start_mark_id=None,
        seed=0,
        inputs_hash="sha256:" + "0" * 64,
        n_random_sequences=1,
        n_sentences=1,
        n_passages=1,
        engine="pyvene",
        versions={},
        date=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
        max_difference_to_detect_head=None,
        **describe_inputs({**scores, **(writing.scores if writing else {})}),
    )
    measured = Measured(scores, {key: scores[key] for key in steady_roles()})
    return build_catalogue(name, measured, provenance, writing=writing)
