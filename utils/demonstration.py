"""What the token strip draws for one role: which head, which arcs, which one in focus. No drawing here.

An arc goes from the token that reads (query_pos) to the token it looks at (key_pos).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from utils.heads import HeadId
from utils.roles import ROLES, earlier_copies
from utils.scoring import MIN_TOKENS, evidence_for, normalised_entropy, row_scores

if TYPE_CHECKING:
    from utils.analysis import Analysis

MAX_ARCS = 12
LOOKS_PER_TOKEN = 3
LOOK_MIN_WEIGHT = 0.05
SAME_FROM = 0.5
NEARLY = 0.9


@dataclass(frozen=True)
class Arc:
    """One look back: `weight` is the share of the query's attention that goes to the key, in [0, 1]; is_evidence:
    whether the role's score counts it."""

    query_pos: int
    key_pos: int
    weight: float
    is_evidence: bool = True


@dataclass(frozen=True)
class StripView:
    """The strip of one role.

    arcs: at most 12, strongest first. focus: the one that the sentence is about. copy_pos: the earlier copy of the
    focused query's token, for the bracket. looks: for every token the keys it gives most to, strongest first. n_same,
    n_others: on how many of the other evidence rows the head gives half of its attention or more to the job.
    """

    role: str
    head: HeadId | None = None
    is_active: bool = False
    arcs: tuple[Arc, ...] = ()
    focus: Arc | None = None
    copy_pos: int | None = None
    looks: tuple[tuple[Arc, ...], ...] = ()
    n_same: int = 0
    n_others: int = 0

    @property
    def n_hidden(self) -> int:
        """Evidence rows that have no arc because the strip is full."""
        return max(0, self.n_others + 1 - len({arc.query_pos for arc in self.arcs})) if self.focus else 0


def strip_view(analysis: Analysis, role: str) -> StripView:
    """The strip for a role, drawn from its strongest active head, else from its strongest head.

    Without a head, or without evidence on this text, there is nothing to draw.
    """
    entry = strongest_head(analysis.categories[role]["heads"])
    if entry is None or not entry["evidence"]:
        return StripView(role)
    head = HeadId(entry["layer"], entry["head"])
    pattern = analysis.forward.patterns[head]
    token_ids = np.array(analysis.forward.token_ids)
    focus = _even_row(pattern) if ROLES[role].predicts is None else _focus(entry["evidence"], len(token_ids) - 1)
    n_same, n_others = _others(role, pattern, token_ids, focus)
    return StripView(
        role,
        head=head,
        is_active=entry["is_active"],
        arcs=_arcs(role, entry["evidence"], pattern, focus),
        focus=focus,
        copy_pos=_copy_position(role, token_ids, focus),
        looks=_all_looks(role, pattern, token_ids),
        n_same=n_same,
        n_others=n_others,
    )


def strongest_head(heads: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The active head with the highest score on this text, else the head with the highest score."""
    return max(heads, key=lambda head: (head["is_active"], head["activation_score"]), default=None)


def _focus(evidence: list[dict[str, Any]], last: int) -> Arc:
    """A telling look: at the last token if that is half as strong as the strongest, since the guess is made there.

    Else the latest of the looks that are nearly as strong as the strongest: the later, the more there was to choose.
    """
    strongest = evidence[0]["weight"]
    nearly = [row for row in evidence if row["weight"] >= NEARLY * strongest]
    at_end = [row for row in evidence if row["query_pos"] == last and row["weight"] >= strongest / 2]
    chosen = at_end[0] if at_end else max(nearly, key=lambda row: row["query_pos"])
    return Arc(chosen["query_pos"], chosen["key_pos"], chosen["weight"])


def _even_row(pattern: np.ndarray) -> Arc:
    """For diffuse: the most even row in the second half of the text, with its largest weight."""
    start = max(1, len(pattern) // 2)
    query_pos = start + int(normalised_entropy(pattern)[start - 1 :].argmax())
    key_pos = int(pattern[query_pos].argmax())
    return Arc(query_pos, key_pos, float(pattern[query_pos, key_pos]))


def _arcs(role: str, evidence: list[dict[str, Any]], pattern: np.ndarray, focus: Arc) -> tuple[Arc, ...]:
    if ROLES[role].predicts is None:  # diffuse is about one whole row, not about single looks
        return _looks(pattern, focus.query_pos, limit=MAX_ARCS, min_weight=0.0)
    return tuple(Arc(row["query_pos"], row["key_pos"], row["weight"]) for row in evidence[:MAX_ARCS])


def _looks(
    pattern: np.ndarray, query_pos: int, limit: int = LOOKS_PER_TOKEN, min_weight: float = LOOK_MIN_WEIGHT
) -> tuple[Arc, ...]:
    """Where one token looks, strongest first; its strongest look always counts."""
    row = pattern[query_pos, : query_pos + 1]
    order = np.argsort(-row, kind="stable")[:limit]
    looks = (Arc(query_pos, int(key), float(row[key])) for key in order)
    return tuple(look for rank, look in enumerate(looks) if rank == 0 or look.weight >= min_weight)


def _all_looks(role: str, pattern: np.ndarray, token_ids: np.ndarray) -> tuple[tuple[Arc, ...], ...]:
    """Where every token looks, whether or not that is what the role says."""
    evidence = evidence_for(role, token_ids)
    counted = evidence.targets.copy()
    if ROLES[role].predicts is None:
        counted[evidence.rows] = True
    return tuple(
        tuple(replace(look, is_evidence=bool(counted[query_pos, look.key_pos])) for look in _looks(pattern, query_pos))
        for query_pos in range(len(token_ids))
    )


def _copy_position(role: str, token_ids: np.ndarray, focus: Arc) -> int | None:
    """The earlier copy that the focused look is about; None for roles without one."""
    candidate = {"induction": focus.key_pos - 1, "duplicate_token": focus.key_pos}.get(role)
    if candidate is None or not earlier_copies(token_ids)[focus.query_pos, candidate]:
        return None
    return candidate


def _others(role: str, pattern: np.ndarray, token_ids: np.ndarray, focus: Arc) -> tuple[int, int]:
    """On how many of the other evidence rows the head does the same, of how many."""
    if ROLES[role].predicts is None or len(token_ids) < MIN_TOKENS:
        return 0, 0
    evidence = evidence_for(role, token_ids)
    is_other = evidence.rows != focus.query_pos
    return int((row_scores(pattern, evidence)[is_other] >= SAME_FROM).sum()), int(is_other.sum())
