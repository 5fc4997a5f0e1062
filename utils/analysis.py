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
from utils.measures.attention_to import active_from, states
from utils.measures.evidence import Evidence
from utils.measures.figures import RoleScores
from utils.measures.reading import LeftOut, Look
from utils.measures.resting import rests
from utils.measures.states import Decision, State
from utils.roles import ROLES, looking_roles
from utils.scoring import ScoredText
from utils.summary import OtherSummary, RestingHeads, RoleSummary, StandingOut, Unexplained

MAX_RIGHT_NOW = 6
UNEXPLAINED_MIN_WEIGHT = 0.3
LEAST_ELSEWHERE = 3  # places without a copy, from which on it can be told whether a head looks back as far there


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
    def resting(self) -> np.ndarray | None:
        """Which heads rest on this text, bool [layer, head]; None for a text that is too short to say."""
        return None if self.scored is None else rests(self.scored.rests)

    @property
    def n_resting(self) -> RestingHeads:
        """How many heads rest on this text; none where it is too short to say."""
        return RestingHeads(0 if self.resting is None else int(self.resting.sum()), self.forward.shape.n_all)

    @property
    def most_resting(self) -> tuple[tuple[HeadId, float], ...]:
        """The heads that rest on this text, with the share of attention they leave on the first token, most first."""
        if self.scored is None or self.resting is None:
            return ()
        shares, resting = np.nan_to_num(self.scored.rests), self.resting
        return tuple((head, float(shares[head])) for head in self.forward.shape.ranked(shares) if resting[head])

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
            "resting": self.n_resting.as_json(),
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
        right_now=strongest_heads(scored, catalogue, decisions) if scored is not None else (),
        unexplained=_unexplained(scored) if scored is not None else (),
    )


def strongest_heads(
    scored: ScoredText, catalogue: ModelCatalogue | None, decisions: Mapping[str, Decision]
) -> tuple[StandingOut, ...]:
    """The heads that do a job most strongly on this text when they look, whatever the catalogue says; at most six.

    One head enters once, with the job in which it is strongest. Only those enter whose hits are no luck although all
    heads of the model and all jobs were asked. Args: decisions: on this text, of `activity.decide`.
    """
    keys = [key for key in looking_roles() if key in decisions]
    if not keys:
        return ()
    n_asked = len(keys) * scored.roles[keys[0]].score.size
    excess = np.stack([_excess_where_active(scored.roles[key], decisions[key], n_asked) for key in keys])
    best_role, best = excess.argmax(axis=0), excess.max(axis=0)

    def standing_out(head: HeadId) -> StandingOut:
        role = keys[best_role[head]]
        looking = scored.roles[role].looking
        assert looking is not None
        is_catalogued = catalogue is not None and role in catalogue.roles_of(head)
        steps = None if is_catalogued else fixed_look_back(scored, role, head)
        return StandingOut(head, role, float(looking.score[head]), float(best[head]), is_catalogued, steps)

    ranked = Shape(*best.shape).ranked(best)[:MAX_RIGHT_NOW]
    return tuple(standing_out(head) for head in ranked if best[head] > 0)


def _excess_where_active(scores: RoleScores, decision: Decision, n_asked: int) -> np.ndarray:
    """The excess of heads that would be active if nobody knew them and all were shown together, 0 for others."""
    assert scores.looking is not None
    assert decision.counts is not None
    state = states(scores.looking.excess, active_from(0.0), decision.counts, n_asked)
    return np.where(state == State.ACTIVE, scores.looking.excess, 0.0)


def fixed_look_back(scored: ScoredText, role: str, head: HeadId) -> int | None:
    """How many tokens back a head looks wherever it stands, where that alone explains its score for a role that is
    about earlier copies; None where it does not.

    On a text said twice, the place that an earlier copy points to is the same number of steps back for every token. A
    head that always looks so far back is right there and knows nothing of copies: it looks as far back where nothing
    is repeated, too.
    """
    if ROLES[role].measure.copy_offset is None:
        return None
    evidence, pattern = scored.evidence_of(role, head), scored.reading.patterns[head]
    queries, keys = np.nonzero(evidence.targets)
    distances = queries - keys
    mass = np.bincount(distances, weights=pattern[queries, keys])
    steps = int(mass.argmax())
    elsewhere = np.setdiff1d(np.arange(steps + 1, len(pattern)), evidence.rows)
    if len(elsewhere) < LEAST_ELSEWHERE:
        return None
    there = float(pattern[elsewhere, elsewhere - steps].sum() / max(1e-6, (1 - pattern[elsewhere, 0]).sum()))
    looking = scored.roles[role].looking
    assert looking is not None
    return steps if there >= float(looking.score[head]) / 2 else None


def _unexplained(scored: ScoredText) -> tuple[Unexplained, ...]:
    looking = [evidence for role, evidence in scored.evidence.items() if not ROLES[role].is_writing]
    return unexplained_heads(scored.reading.patterns, looking, scored.reading.left_out)


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
