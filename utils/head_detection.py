"""The live checker: which heads of the catalogue are doing their job on this text.

Three functions are fixed, so that others can script them: `load_head_categories`, `verify_head_activation` and
`get_active_head_summary`. Formulas and reasons belong to the roles' measures (`utils/measures/`), the decision stands
in `activity.py`.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from utils.activity import decide
from utils.catalogue.schema import CataloguedHead, ModelCatalogue
from utils.catalogue.store import known_catalogues
from utils.heads import HeadId, value_at
from utils.measures.reading import Reading
from utils.measures.states import Decision, HeadFigures
from utils.reasons import (
    NOT_ANALYZED,
    NOT_READ,
    ONLY_UNREAD,
    few_rows_caution,
    no_heads_reason,
    number_word,
    too_short_reason,
)
from utils.roles import JOBS, OTHER, ROLES, Role
from utils.scoring import ScoredText, as_ids, check_patterns, evidence_for, score_text
from utils.settings import Settings
from utils.summary import HeadEntry, OtherHead, OtherSummary, RoleSummary, Status, strongest_entry
from utils.tokens import Token

MAX_EVIDENCE = 12


class ActivationData(Protocol):
    """What the checker needs of a forward pass; `forward_pass.ForwardPass` has it."""

    @property
    def tokens(self) -> tuple[Token, ...]: ...
    @property
    def reading(self) -> Reading: ...


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
    Raises: ValueError for a pattern that is not causal, whose rows do not sum to 1 or do not fit the tokens, for fewer
    than three tokens, and for a role that patterns alone cannot tell; KeyError for a category that is not a role.
    """
    pattern = np.asarray(attention_weights, dtype=np.float64)
    if pattern.ndim == 4:
        if head_info is None:
            raise ValueError("Patterns of all heads need head_info with a layer and a head.")
        pattern = pattern[head_info["layer"], head_info["head"]]
    check_patterns(pattern, len(tokens))
    reading, measure = Reading(as_ids(tokens), pattern), ROLES[category].measure
    if not measure.needs <= reading.has:
        raise ValueError(f"The role {category!r} cannot be told from attention patterns alone.")
    evidence = evidence_for(category, reading.token_ids)
    return float(np.clip(measure.row_shares(reading, evidence).mean(), 0, 1)) if len(evidence.rows) else 0.0


def get_active_head_summary(activation_data: ActivationData, model_name: str) -> dict[str, dict[str, Any]]:
    """For each role, whether it is active on this text and what each of its heads does.

    Returns the `categories` of `POST /api/analyze` (README, "The API"). A model without a catalogue has no heads in
    any role, and the reason says so.
    """
    catalogue = known_catalogues(Settings.from_environment()).get(model_name)
    scored = score_of(activation_data)
    decisions = decide(scored, catalogue)
    roles = summarise_roles(activation_data, catalogue, scored, decisions)
    return summary_json(roles, summarise_other(catalogue, scored))


def score_of(data: ActivationData) -> ScoredText | None:
    """Every head's scores on a text; None for one of fewer than three typed tokens."""
    return None if too_short_reason(data.tokens) is not None else score_text(data.reading)


def summary_json(roles: Mapping[str, RoleSummary], other: OtherSummary) -> dict[str, dict[str, Any]]:
    """The `categories` of `POST /api/analyze`."""
    return {key: summary.as_json() for key, summary in roles.items()} | {OTHER: other.as_json()}


def summarise_roles(
    data: ActivationData,
    catalogue: ModelCatalogue | None,
    scored: ScoredText | None,
    decisions: Mapping[str, Decision],
) -> dict[str, RoleSummary]:
    """What every role's card says. Args: scored: None for a text that is too short. decisions: by `activity.decide`."""
    return {key: _summarise_role(role, data, catalogue, scored, decisions.get(key)) for key, role in ROLES.items()}


def summarise_other(catalogue: ModelCatalogue | None, scored: ScoredText | None) -> OtherSummary:
    """The heads that hold no role, with the role each comes nearest to on this text."""
    heads = catalogue.shape.all() if catalogue is not None else []
    return OtherSummary(
        display_name="Other",
        sentence=f"None of the {number_word(len(JOBS)).lower()} jobs fits these heads.",
        heads=tuple(_nearest_role(head, scored) for head in heads if catalogue and not catalogue.roles_of(head)),
    )


def _summarise_role(
    role: Role,
    data: ActivationData,
    catalogue: ModelCatalogue | None,
    scored: ScoredText | None,
    decision: Decision | None,
) -> RoleSummary:
    has_start = bool(data.tokens) and data.tokens[0].is_start
    n_rows = len(scored.evidence[role.key].rows) if scored is not None and role.key in scored.evidence else 0
    heads = _head_entries(role, catalogue, scored, decision) if catalogue is not None else ()
    is_untested = catalogue is not None and role.key in catalogue.untested
    status = "not_testable" if is_untested else _status(heads, n_rows > 0, is_too_short=scored is None)
    return RoleSummary(
        role=role.key,
        display_name=role.display_name,
        sentence=role.sentence_for(has_start),
        status=status,
        is_applicable=n_rows > 0,
        is_catalogued=catalogue is not None,
        reason=_reason(role, status, heads, data, catalogue, scored),
        caution=few_rows_caution(n_rows) if heads and not role.measure.takes_best else "",
        n_evidence=n_rows,
        suggested_prompt=catalogue.categories[role.key].suggested_prompt if catalogue else None,
        n_holding=catalogue.categories[role.key].n_heads_holding if catalogue else 0,
        n_having=len(catalogue.holders_of(role.key)) if catalogue else 0,
        heads=heads,
        cut_at=_cut_at(role, status, heads, scored),
    )


def _cut_at(role: Role, status: Status, heads: Sequence[HeadEntry], scored: ScoredText | None) -> int | None:
    """Where the text could be cut so that the strongest head is active for a role that is not."""
    strongest = strongest_entry(heads)
    if status == "active" or scored is None or strongest is None or strongest.state is None:
        return None
    return role.measure.better_cut(scored.reading.of_head(strongest.id), strongest.threshold or 0.0)


def _status(heads: Sequence[HeadEntry], is_applicable: bool, is_too_short: bool) -> Status:
    if is_too_short:
        return "not_applicable"
    if not heads:
        return "no_heads"
    if not is_applicable:
        return "not_applicable"
    strongest = strongest_entry(heads)
    assert strongest is not None
    assert strongest.state is not None, "a text with evidence gives every head a state"
    return strongest.state.value


def _head_entries(
    role: Role, catalogue: ModelCatalogue, scored: ScoredText | None, decision: Decision | None
) -> tuple[HeadEntry, ...]:
    """A role's catalogued heads, with their figures where the text holds evidence for it."""
    dark = [_dark_entry(role, head, catalogue) for head in catalogue.heads_of(role.key)]
    if scored is None or decision is None:
        return tuple(dark)
    return tuple(_lit_entry(role, entry, scored, decision) for entry in dark)


def _dark_entry(role: Role, head: CataloguedHead, catalogue: ModelCatalogue) -> HeadEntry:
    """A catalogued head on a text on which its role cannot show: no live figures."""
    held, cause = catalogue.roles_of(head.id), catalogue.cause_of(head.id)
    return HeadEntry(head.id, role.key, head.score, head.weak, held, cause=cause)


def _lit_entry(role: Role, dark: HeadEntry, scored: ScoredText, decision: Decision) -> HeadEntry:
    """The same head with its score on this text, its yardsticks, the decision and the proof."""
    head, live = dark.id, scored.roles[role.key]
    looking, counts, evidence = live.looking, decision.counts, scored.evidence_of(role.key, dark.id)
    return HeadEntry(
        id=head,
        role=role.key,
        score=dark.score,
        weak=dark.weak,
        held=dark.held,
        activation_score=value_at(live.score, head) or 0.0,
        chance=live.chance_of(head),
        excess=value_at(live.excess, head),
        threshold=float(decision.threshold[head]),
        usual=value_at(decision.usual, head),
        peak=value_at(live.peak, head),
        looking_score=None if looking is None else float(looking.score[head]),
        looking_chance=None if looking is None else float(looking.chance[head]),
        look=None if looking is None else float(looking.look[head]),
        rests=value_at(scored.rests, head),
        chances=None if counts is None else int(counts.chances[head]),
        hits=None if counts is None else int(counts.hits[head]),
        luck=None if counts is None else float(counts.luck[head]),
        state=decision.state[head],
        cause=dark.cause,
        evidence=role.measure.strongest_looks(scored.reading.of_head(head), evidence, MAX_EVIDENCE),
    )


def _reason(
    role: Role,
    status: Status,
    heads: Sequence[HeadEntry],
    data: ActivationData,
    catalogue: ModelCatalogue | None,
    scored: ScoredText | None,
) -> str:
    if catalogue is not None and role.key in catalogue.untested:
        return catalogue.untested[role.key]
    too_short = too_short_reason(data.tokens)
    if too_short:
        return too_short
    if catalogue is None:
        return NOT_ANALYZED
    if status == "no_heads":
        return no_heads_reason(role, catalogue.shape.n_all)
    if status == "not_applicable" and scored is not None and role.key not in scored.evidence:
        return NOT_READ
    if status == "not_applicable" and scored is not None and scored.evidence[role.key].is_unread:
        return ONLY_UNREAD
    if status == "not_applicable":
        return role.measure.why_grey(role, [token for token in data.tokens if not token.is_template])
    strongest = strongest_entry(heads)
    if status != "active" and scored is not None and strongest is not None:
        return _why_below(role, strongest, data, scored, len(heads))
    return ""


def _why_below(role: Role, strongest: HeadEntry, data: ActivationData, scored: ScoredText, n_beside: int) -> str:
    assert strongest.state is not None
    figures = HeadFigures(
        name=str(strongest.id),
        score=strongest.bar_score,
        usual=strongest.usual or 0.0,
        threshold=strongest.threshold or 0.0,
        state=strongest.state,
        chances=strongest.chances or 0,
        hits=strongest.hits or 0,
        luck=1.0 if strongest.luck is None else strongest.luck,
        n_beside=n_beside,
    )
    reading, evidence = scored.reading.of_head(strongest.id), scored.evidence_of(role.key, strongest.id)
    return role.measure.why_below(role, figures, reading, evidence, data.tokens[0].is_start)


def _nearest_role(head: HeadId, scored: ScoredText | None) -> OtherHead:
    """A head of no role, with the role in which its excess when it looks is largest on this text; resting is none."""
    found = {
        key: scores.looking
        for key, scores in (scored.roles if scored is not None else {}).items()
        if scores.looking is not None
    }
    if not found:
        return OtherHead(head)
    best = max(found, key=lambda key: float(found[key].excess[head]))
    return OtherHead(head, best, float(found[best].score[head]))
