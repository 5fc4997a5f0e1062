"""Everything that one prompt shows: the forward pass, the roles on it, and what stands out beyond the roles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from utils.catalogue.schema import ModelCatalogue
from utils.errors import Notice
from utils.forward_pass import ForwardPass
from utils.head_detection import summarise_roles, token_ids_of
from utils.heads import HeadId
from utils.reasons import too_short_reason
from utils.scoring import Evidence, RoleScores, score_text

MAX_RIGHT_NOW = 6
UNEXPLAINED_MIN_WEIGHT = 0.3


@dataclass(frozen=True, eq=False)
class Analysis:
    """The answer to one question (model, prompt).

    evidence, live: every role's evidence rows and scores of every head on this text, both empty for fewer than three
    typed tokens.
    categories: per role what the page's card says (README, "The API"). right_now: the heads that do any job most
    strongly, catalogued for it or not. unexplained: the heads whose strongest cells no role predicts.
    """

    forward: ForwardPass
    categories: dict[str, dict[str, Any]]
    evidence: Mapping[str, Evidence]
    live: Mapping[str, RoleScores]
    right_now: list[dict[str, Any]]
    unexplained: list[dict[str, Any]]

    @property
    def notices(self) -> tuple[Notice, ...]:
        return self.forward.notices

    @property
    def live_scores(self) -> dict[str, np.ndarray]:
        """role -> score of every head on this text, [layer, head]; NaN where the text holds no evidence."""
        return {role: scores.score for role, scores in self.live.items()}

    def as_json(self) -> dict[str, Any]:
        """The answer of `POST /api/analyze`."""
        forward = self.forward
        return {
            "model": forward.model_name,
            "tokens": [token.label for token in forward.tokens],
            "token_ids": [token.id for token in forward.tokens],
            "categories": self.categories,
            "predictions": [
                {"token": prediction.token.label, "prob": prediction.prob} for prediction in forward.predictions
            ],
            "right_now": self.right_now,
            "unexplained": self.unexplained,
            "notices": [{"sentence": notice.sentence, "hint": notice.hint} for notice in self.notices],
        }


def analyze(forward: ForwardPass, catalogue: ModelCatalogue | None) -> Analysis:
    """Score every head for every role on one forward pass, decide, and find what stands out."""
    if too_short_reason(forward.tokens) is not None:
        return Analysis(forward, summarise_roles(forward, catalogue), {}, {}, [], [])
    scored = score_text(forward.patterns, token_ids_of(forward))
    return Analysis(
        forward=forward,
        categories=summarise_roles(forward, catalogue, scored),
        evidence=scored.evidence,
        live=scored.roles,
        right_now=strongest_heads(scored.roles, catalogue),
        unexplained=unexplained_heads(forward.patterns, scored.evidence.values()),
    )


def strongest_heads(live: Mapping[str, RoleScores], catalogue: ModelCatalogue | None) -> list[dict[str, Any]]:
    """For each set role its strongest heads on this text, by excess, whatever the catalogue says; at most six in all.

    One head enters once, with the role in which it is strongest.
    """
    excess = {key: scores.excess for key, scores in live.items() if scores.excess is not None and scores.n_rows}
    if not excess:
        return []
    keys = list(excess)
    stacked = np.stack([excess[key] for key in keys])
    best_role = stacked.argmax(axis=0)
    order = np.argsort(-stacked.max(axis=0), axis=None, kind="stable")[:MAX_RIGHT_NOW]
    return [
        _standing_out(HeadId(*map(int, np.unravel_index(index, best_role.shape))), keys, best_role, live, catalogue)
        for index in order
    ]


def _standing_out(
    head: HeadId,
    keys: list[str],
    best_role: np.ndarray,
    live: Mapping[str, RoleScores],
    catalogue: ModelCatalogue | None,
) -> dict[str, Any]:
    role = keys[best_role[head]]
    excess = live[role].excess
    return {
        "layer": head.layer,
        "head": head.head,
        "role": role,
        "score": float(live[role].score[head]),
        "excess": float(excess[head]) if excess is not None else None,
        "catalogued": catalogue is not None and role in catalogue.roles_of(head),
    }


def unexplained_heads(patterns: np.ndarray, evidences: Iterable[Evidence]) -> list[dict[str, Any]]:
    """Heads with a strong cell (30 % or more) that no role predicts, strongest first, at most six.

    Rows 0 and 1 see too little to surprise anyone and are left out.
    """
    n = patterns.shape[-1]
    predicted = np.eye(n, dtype=bool) | np.eye(n, k=-1, dtype=bool)
    predicted[:, 0] = True
    predicted[:2] = True
    for evidence in evidences:
        predicted |= evidence.targets
    surprising = np.where(predicted, 0, patterns).reshape(*patterns.shape[:2], -1)
    cell = surprising.argmax(axis=-1)
    weight = np.take_along_axis(surprising, cell[..., None], axis=-1)[..., 0]
    order = np.argsort(-weight, axis=None, kind="stable")[:MAX_RIGHT_NOW]
    heads = [np.unravel_index(index, weight.shape) for index in order]
    return [
        {
            "layer": int(head[0]),
            "head": int(head[1]),
            "query_pos": int(cell[head] // n),
            "key_pos": int(cell[head] % n),
            "weight": float(weight[head]),
        }
        for head in heads
        if weight[head] >= UNEXPLAINED_MIN_WEIGHT
    ]
