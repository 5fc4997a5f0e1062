"""The live checker: which heads of the catalogue are doing their job on this text.

Three functions are fixed, so that others can script them: `load_head_categories`, `verify_head_activation` and
`get_active_head_summary`. Formulas are in `scoring.py`, the decision in `activity.py`, the sentences in `reasons.py`.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from utils.activity import is_diffuse, role_thresholds, to_score
from utils.catalogue.schema import CataloguedHead, ModelCatalogue, SuggestedPrompt
from utils.catalogue.store import known_catalogues
from utils.heads import HeadId
from utils.reasons import (
    NOT_ANALYZED,
    below_usual_reason,
    few_rows_caution,
    no_heads_reason,
    not_applicable_reason,
    number_word,
    too_short_reason,
)
from utils.roles import OTHER, ROLES, Role
from utils.scoring import (
    Evidence,
    RoleScores,
    ScoredText,
    check_patterns,
    evidence_for,
    normalised_entropy,
    row_scores,
    score_text,
)
from utils.settings import Settings
from utils.tokens import Token

MAX_EVIDENCE = 12


class ActivationData(Protocol):
    """What the checker needs of a forward pass; `forward_pass.ForwardPass` has it."""

    @property
    def patterns(self) -> np.ndarray: ...
    @property
    def tokens(self) -> tuple[Token, ...]: ...


def load_head_categories(model_name: str) -> dict[str, Any] | None:
    """The catalogue of one model as it stands in `head_categories.json`, or None when it is not in there.

    A file of that name in HEADLIGHT_DATA_DIR goes before the one that ships.
    Raises: CatalogueError with the path of the bad field when a file is damaged.
    """
    catalogue = known_catalogues(Settings.from_environment()).get(model_name)
    return catalogue.model_dump(mode="json") if catalogue else None


def verify_head_activation(
    attention_weights: Any, tokens: Sequence[Hashable], head_info: Mapping[str, int] | None, category: str
) -> float:
    """How well one head does one role on one text, in [0, 1]; 0.0 where the role has no evidence row.

    Args: attention_weights: the head's pattern [query_pos, key_pos] (array, tensor or nested lists), or all heads'
    patterns [layer, head, query_pos, key_pos], of which `head_info["layer"]` and `["head"]` choose one. tokens: ids or
    strings, one per position. category: a role key.
    Raises: ValueError for a pattern that is not causal, whose rows do not sum to 1 or do not fit the tokens, and for
    fewer than three tokens; KeyError for a category that is not a role.
    """
    pattern = np.asarray(attention_weights, dtype=np.float64)
    if pattern.ndim == 4:
        if head_info is None:
            raise ValueError("Patterns of all heads need head_info with a layer and a head.")
        pattern = pattern[head_info["layer"], head_info["head"]]
    check_patterns(pattern, len(tokens))
    if ROLES[category].predicts is None:
        return float(np.clip(normalised_entropy(pattern).mean(), 0, 1))
    evidence = evidence_for(category, tokens)
    return float(np.clip(row_scores(pattern, evidence).mean(), 0, 1)) if len(evidence.rows) else 0.0


def get_active_head_summary(activation_data: ActivationData, model_name: str) -> dict[str, dict[str, Any]]:
    """For each role, whether it is active on this text and what each of its heads does.

    Returns the `categories` of `POST /api/analyze` (README, "The API"). A model without a catalogue has no heads in
    any role, and the reason says so.
    """
    return summarise_roles(activation_data, known_catalogues(Settings.from_environment()).get(model_name))


def summarise_roles(
    activation_data: ActivationData, catalogue: ModelCatalogue | None, scored: ScoredText | None = None
) -> dict[str, dict[str, Any]]:
    """The same for a catalogue at hand, saved or not. `scored`: the text's scores, when they are known already."""
    if scored is None and too_short_reason(activation_data.tokens) is None:
        scored = score_text(activation_data.patterns, token_ids_of(activation_data))
    summary = {key: _summarise_role(role, activation_data, catalogue, scored) for key, role in ROLES.items()}
    summary[OTHER] = _summarise_other(catalogue, scored)
    return summary


def token_ids_of(activation_data: ActivationData) -> np.ndarray:
    """Token ids as integers, [seq]."""
    return np.array([token.id for token in activation_data.tokens], dtype=np.int64)


def _summarise_role(
    role: Role, data: ActivationData, catalogue: ModelCatalogue | None, scored: ScoredText | None
) -> dict[str, Any]:
    has_start = bool(data.tokens) and data.tokens[0].is_start
    evidence = scored.evidence[role.key] if scored else None
    n_rows = len(evidence.rows) if evidence else 0
    heads: list[dict[str, Any]] = []
    if catalogue is not None and scored is not None and n_rows:
        heads = _head_entries(role.key, catalogue, scored, data.patterns)
    elif catalogue is not None:
        heads = [_dark_head_entry(role.key, head, catalogue) for head in catalogue.heads_of(role.key)]
    status = _status(heads, n_rows > 0, too_short=scored is None)
    return {
        "display_name": role.display_name,
        "sentence": _sentence(role, has_start),
        "status": status,
        "is_applicable": n_rows > 0,
        "is_catalogued": catalogue is not None,
        "reason": _reason(role, status, heads, data, catalogue, evidence),
        "caution": few_rows_caution(n_rows) if heads else "",
        "n_evidence": n_rows,
        "suggested_prompt": _suggestion(role.key, catalogue),
        "n_holding": catalogue.categories[role.key].n_heads_holding if catalogue else 0,
        "heads": heads,
    }


def _status(heads: Sequence[Mapping[str, Any]], applicable: bool, too_short: bool) -> str:
    if too_short:
        return "not_applicable"
    if not heads:
        return "no_heads"
    if not applicable:
        return "not_applicable"
    return "active" if any(head["is_active"] for head in heads) else "below_usual"


def _sentence(role: Role, has_start: bool) -> str:
    """What the role does; a model with a start mark has that in the place of the first word."""
    if role.key == "positional" and has_start:
        return "Rests its gaze on the start mark, which stands before the first word."
    return role.sentence


def _suggestion(role_key: str, catalogue: ModelCatalogue | None) -> dict[str, Any] | None:
    suggestion: SuggestedPrompt | None = catalogue.categories[role_key].suggested_prompt if catalogue else None
    return suggestion.model_dump() if suggestion else None


def _common_fields(role_key: str, head: CataloguedHead, catalogue: ModelCatalogue) -> dict[str, Any]:
    roles = catalogue.roles_of(HeadId(head.layer, head.head))
    main_role = roles[0] if roles else role_key
    return {
        "layer": head.layer,
        "head": head.head,
        "score": head.score,
        "weak": head.weak,
        "is_main": main_role == role_key,
        "main_role": main_role,
        "also": [key for key in roles if key != role_key],
    }


def _dark_head_entry(role_key: str, head: CataloguedHead, catalogue: ModelCatalogue) -> dict[str, Any]:
    """A catalogued head on a text on which its role cannot show: no live figures."""
    return _common_fields(role_key, head, catalogue) | {
        "activation_score": 0.0,
        "chance": None,
        "excess": None,
        "threshold": None,
        "usual": None,
        "peak": None,
        "is_active": False,
        "evidence": [],
    }


def _head_entries(
    role_key: str, catalogue: ModelCatalogue, scored: ScoredText, patterns: np.ndarray
) -> list[dict[str, Any]]:
    """A role's catalogued heads with their figures on a text that holds evidence for it."""
    heads, evidence = catalogue.heads_of(role_key), scored.evidence[role_key]
    thresholds = role_thresholds(role_key, evidence, np.array([head.excess or 0.0 for head in heads]))
    cells = np.nonzero(evidence.targets)
    return [
        _common_fields(role_key, head, catalogue)
        | _live_figures(head, scored.roles[role_key], float(threshold))
        | {"evidence": _strongest_cells(role_key, patterns[head.layer, head.head], *cells)}
        for head, threshold in zip(heads, thresholds, strict=True)
    ]


def _live_figures(head: CataloguedHead, live: RoleScores, threshold: float) -> dict[str, Any]:
    """One head's score on this text with its yardsticks, and the decision."""
    at = (head.layer, head.head)
    score, chance = float(live.score[at]), live.chance
    figures: dict[str, Any] = {"activation_score": score, "chance": chance, "threshold": threshold}
    if live.excess is None or chance is None:
        peak = float(live.peak[at]) if live.peak is not None else 0.0
        return figures | {"excess": None, "peak": peak, "usual": head.score, "is_active": bool(is_diffuse(score, peak))}
    return figures | {
        "excess": float(live.excess[at]),
        "peak": None,
        "usual": float(to_score(head.excess or 0.0, chance)),
        "is_active": score >= threshold - 1e-9,  # an ideal head passes even where luck can be ideal too
    }


def strongest_pairs(role_key: str, pattern: np.ndarray, evidence: Evidence) -> list[dict[str, Any]]:
    """The cells of one head's pattern that prove its role on this text, strongest first, at most 12.

    For a set role, predicted query-key pairs. For diffuse, the most even row with its largest weight.
    """
    return _strongest_cells(role_key, pattern, *np.nonzero(evidence.targets)) if len(evidence.rows) else []


def _strongest_cells(role_key: str, pattern: np.ndarray, queries: np.ndarray, keys: np.ndarray) -> list[dict[str, Any]]:
    if ROLES[role_key].predicts is None:
        query_pos = int(normalised_entropy(pattern).argmax()) + 1
        cells = [(query_pos, int(pattern[query_pos].argmax()))]
    else:
        order = np.argsort(-pattern[queries, keys], kind="stable")[:MAX_EVIDENCE]
        cells = list(zip(queries[order].tolist(), keys[order].tolist(), strict=True))
    return [{"query_pos": q, "key_pos": k, "weight": float(pattern[q, k])} for q, k in cells]


def _reason(
    role: Role,
    status: str,
    heads: Sequence[dict[str, Any]],
    data: ActivationData,
    catalogue: ModelCatalogue | None,
    evidence: Evidence | None,
) -> str:
    too_short = too_short_reason(data.tokens)
    if too_short:
        return too_short
    if catalogue is None:
        return NOT_ANALYZED
    if status == "no_heads":
        return no_heads_reason(role.key, catalogue.n_layers * catalogue.n_heads)
    if status == "not_applicable":
        return not_applicable_reason(role.key, data.tokens)
    if status == "below_usual" and evidence is not None:
        strongest = max(heads, key=lambda head: head["activation_score"])
        pattern = data.patterns[strongest["layer"], strongest["head"]]
        return below_usual_reason(role.key, strongest, pattern, evidence, data.tokens[0].is_start)
    return ""


def _summarise_other(catalogue: ModelCatalogue | None, scored: ScoredText | None) -> dict[str, Any]:
    """The heads that hold no role, with the role each comes nearest to on this text."""
    heads: list[dict[str, Any]] = []
    if catalogue is not None:
        heads = [
            _nearest_role(HeadId(layer, head), scored)
            for layer in range(catalogue.n_layers)
            for head in range(catalogue.n_heads)
            if not catalogue.roles_of(HeadId(layer, head))
        ]
    return {
        "display_name": "Other",
        "sentence": f"None of the {number_word(len(ROLES)).lower()} jobs fits these heads.",
        "status": None,
        "is_applicable": True,
        "reason": "",
        "suggested_prompt": None,
        "heads": heads,
    }


def _nearest_role(head: HeadId, scored: ScoredText | None) -> dict[str, Any]:
    """A head of no role, with the set role in which its excess is largest on this text."""
    entry: dict[str, Any] = {"layer": head.layer, "head": head.head, "best_role": None, "best_score": None}
    if scored is None:
        return entry
    excesses = {
        key: scores.excess[head] for key, scores in scored.roles.items() if scores.excess is not None and scores.n_rows
    }
    if not excesses:
        return entry
    best = max(excesses, key=lambda key: excesses[key])
    return entry | {"best_role": best, "best_score": float(scored.roles[best].score[head])}
