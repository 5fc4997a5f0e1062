"""Everything that one prompt shows: the forward pass, the roles on it, and what stands out beyond the roles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from utils.activity import decide
from utils.catalogue.schema import ModelCatalogue
from utils.errors import Notice
from utils.forward_pass import ForwardPass
from utils.head_detection import score_of, summarise_other, summarise_roles, summary_json
from utils.heads import HeadId, Shape
from utils.measures.measure import Decision, Evidence, LeftOut, Look, RoleScores
from utils.scoring import ScoredText
from utils.summary import OtherSummary, RoleSummary, StandingOut, Unexplained

MAX_RIGHT_NOW = 6
UNEXPLAINED_MIN_WEIGHT = 0.3


@dataclass(frozen=True, eq=False)
class Analysis:
    """The answer to one question (model, prompt).

    roles: what every role's card says, by key; other: the heads without one. scored: every role's evidence rows and
    scores of every head on this text, None for fewer than three typed tokens. decisions: which heads do a role, for
    roles with evidence. right_now: the heads that do any job most strongly, catalogued for it or not. unexplained: the
    heads whose strongest looks no role predicts.
    """

    forward: ForwardPass
    roles: Mapping[str, RoleSummary]
    other: OtherSummary
    scored: ScoredText | None
    decisions: Mapping[str, Decision]
    right_now: tuple[StandingOut, ...] = ()
    unexplained: tuple[Unexplained, ...] = ()

    @property
    def notices(self) -> tuple[Notice, ...]:
        return self.forward.notices

    @property
    def evidence(self) -> Mapping[str, Evidence]:
        """Evidence rows by role; empty for a text that is too short."""
        return self.scored.evidence if self.scored is not None else {}

    @property
    def live(self) -> Mapping[str, RoleScores]:
        """Scores of every head on this text by role; empty for a text that is too short."""
        return self.scored.roles if self.scored is not None else {}

    def as_json(self) -> dict[str, Any]:
        """The answer of `POST /api/analyze`."""
        forward = self.forward
        return {
            "model": forward.model_name,
            "tokens": [token.label for token in forward.tokens],
            "token_ids": [token.id for token in forward.tokens],
            "categories": summary_json(self.roles, self.other),
            "predictions": [
                {"token": prediction.token.label, "prob": prediction.prob} for prediction in forward.predictions
            ],
            "right_now": [entry.as_json() for entry in self.right_now],
            "unexplained": [entry.as_json() for entry in self.unexplained],
            "notices": [{"sentence": notice.sentence, "hint": notice.hint} for notice in self.notices],
        }


def analyze(forward: ForwardPass, catalogue: ModelCatalogue | None) -> Analysis:
    """Score every head for every role on one forward pass, decide, and find what stands out."""
    scored = score_of(forward)
    decisions = decide(scored, catalogue)
    return Analysis(
        forward=forward,
        roles=summarise_roles(forward, catalogue, scored, decisions),
        other=summarise_other(catalogue, scored),
        scored=scored,
        decisions=decisions,
        right_now=strongest_heads(scored.roles, catalogue) if scored is not None else (),
        unexplained=_unexplained(scored) if scored is not None else (),
    )


def strongest_heads(live: Mapping[str, RoleScores], catalogue: ModelCatalogue | None) -> tuple[StandingOut, ...]:
    """For each role with a chance level its strongest heads on this text, by excess, whatever the catalogue says; at
    most six in all. One head enters once, with the role in which it is strongest.
    """
    excess = {key: scores.excess for key, scores in live.items() if scores.excess is not None and scores.n_rows}
    if not excess:
        return ()
    keys, stacked = list(excess), np.stack(list(excess.values()))
    best_role, best = stacked.argmax(axis=0), stacked.max(axis=0)

    def standing_out(head: HeadId) -> StandingOut:
        role = keys[best_role[head]]
        is_catalogued = catalogue is not None and role in catalogue.roles_of(head)
        return StandingOut(head, role, float(live[role].score[head]), float(best[head]), is_catalogued)

    return tuple(standing_out(head) for head in Shape(*best.shape).ranked(best)[:MAX_RIGHT_NOW])


def _unexplained(scored: ScoredText) -> tuple[Unexplained, ...]:
    return unexplained_heads(scored.reading.patterns, scored.evidence.values(), scored.reading.left_out)


def unexplained_heads(
    patterns: np.ndarray, evidences: Iterable[Evidence], left_out: LeftOut | None = None
) -> tuple[Unexplained, ...]:
    """Heads with a strong look (30 % or more) that no role predicts, strongest first, at most six.

    Looks at the first token, at the previous one and at itself are never surprising, whether or not they are evidence;
    so rows 0 and 1, which see no other, are left out. Nor is what a head does at places that are no evidence.
    """
    n = patterns.shape[-1]
    predicted = np.eye(n, dtype=bool) | np.eye(n, k=-1, dtype=bool)
    predicted[:, 0] = True
    for evidence in evidences:
        predicted |= evidence.targets
    if left_out is not None:
        predicted |= left_out.queries[:, None] | left_out.keys
    surprising = np.where(predicted, 0, patterns).reshape(*patterns.shape[:2], -1)
    cell = surprising.argmax(axis=-1)
    weight = np.take_along_axis(surprising, cell[..., None], axis=-1)[..., 0]
    heads = Shape(*weight.shape).ranked(weight)[:MAX_RIGHT_NOW]
    return tuple(
        Unexplained(head, Look(int(cell[head] // n), int(cell[head] % n), float(weight[head]), is_evidence=False))
        for head in heads
        if weight[head] >= UNEXPLAINED_MIN_WEIGHT
    )
