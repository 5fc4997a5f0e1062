"""Which roles does each head have? From attention patterns on the catalogue's inputs to a `ModelCatalogue`.

Pure: it knows no engine and no model, only patterns and token ids, so every engine's results go through it.

Selection, for each set role:

- a head **holds** the role when its excess is over 0.4;
- a layer in which none does may enter its best head when that is over 0.25: **weak**;
- the card lists at most 8 of these, strongest first. Every head keeps all its scores, on a card or not.

Diffuse is held when its score is at least 0.85 and its peak at most 0.35 (`activity.is_diffuse`, the same rule live);
strongest means most even. It has no chance level and so no excess to compare. A head's **main role** is the one it
holds with the largest excess, but for two: first-token, and then diffuse, are main only when no other role is held in
full, because resting on the first token or spreading out is what a head does where it finds nothing to look at. Roles
held weakly come last. Heads without a role are `other`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from utils.activity import is_diffuse
from utils.catalogue.schema import CataloguedHead, Category, ModelCatalogue, Provenance, SuggestedPrompt
from utils.heads import HeadId
from utils.reasons import number_word
from utils.roles import OTHER, ROLES, SET_ROLES, Role
from utils.scoring import RoleScores, ScorePool

HOLD_EXCESS = 0.4
WEAK_EXCESS = 0.25
MAX_HEADS_ON_CARD = 8
RESTING_ROLES = ("positional", "diffuse")
REPETITION_ROLES = tuple(key for key, role in ROLES.items() if role.requires_repetition)
SENTENCE_ROLES = tuple(key for key, role in ROLES.items() if not role.requires_repetition)

PatternsAndIds = tuple[np.ndarray, np.ndarray]  # [layer, head, query_pos, key_pos] and the token ids of one sequence


@dataclass(frozen=True, eq=False)
class RoleHolders:
    """Which heads hold one role; both bool [layer, head], and never both true."""

    full: np.ndarray
    weak: np.ndarray

    @property
    def all(self) -> np.ndarray:
        return self.full | self.weak


def measure_roles(
    repeated: Iterable[PatternsAndIds],
    sentences: Iterable[PatternsAndIds],
    after_each: Callable[[ScorePool, np.ndarray], object] = lambda _pool, _token_ids: None,
) -> dict[str, RoleScores]:
    """Every head's scores per role, pooled over all evidence rows: repetition roles on the random repeated
    sequences, the others on the sentences. `after_each` sees the pool after each sequence, with its ids."""
    pool = ScorePool()
    for roles, sequences in ((REPETITION_ROLES, repeated), (SENTENCE_ROLES, sentences)):
        for patterns, token_ids in sequences:
            pool.add(patterns, token_ids, roles)
            after_each(pool, token_ids)
    return pool.result()


def holders_of(scores: RoleScores) -> RoleHolders:
    """The heads that hold a role, in full or weakly, from its scores [layer, head]."""
    if scores.excess is None:
        full = np.asarray(
            is_diffuse(scores.score, scores.peak if scores.peak is not None else np.ones_like(scores.score))
        )
        return RoleHolders(full, np.zeros_like(full))
    full = scores.excess > HOLD_EXCESS
    is_best = np.arange(full.shape[1]) == scores.excess.argmax(axis=1)[:, None]
    layer_has_none = ~full.any(axis=1, keepdims=True)
    return RoleHolders(full, is_best & layer_has_none & (scores.excess > WEAK_EXCESS))


def roles_of_heads(scores: Mapping[str, RoleScores]) -> list[list[list[str]]]:
    """For every [layer][head] the roles it has, main one first; an empty list means `other`."""
    holders = {role: holders_of(role_scores) for role, role_scores in scores.items()}
    n_layers, n_heads = next(iter(scores.values())).score.shape

    def rank(role: str, layer: int, head: int) -> tuple[int, float]:
        excess = scores[role].excess
        if not holders[role].full[layer, head]:
            return len(RESTING_ROLES) + 1, 0.0 if excess is None else -float(excess[layer, head])
        if role in RESTING_ROLES:
            return RESTING_ROLES.index(role) + 1, 0.0
        return 0, 0.0 if excess is None else -float(excess[layer, head])

    def roles(layer: int, head: int) -> list[str]:
        held = [role for role in scores if holders[role].all[layer, head]]
        return sorted(held, key=lambda role: rank(role, layer, head))

    return [[roles(layer, head) for head in range(n_heads)] for layer in range(n_layers)]


def card_heads(scores: RoleScores) -> list[CataloguedHead]:
    """The heads on a role's card: those that have it, strongest first, at most 8."""
    holders = holders_of(scores)
    strength = scores.score if scores.excess is None else scores.excess
    held = [HeadId(*head) for head in np.argwhere(holders.all).tolist()]
    held.sort(key=lambda head: -strength[head])
    return [_card_head(scores, head, weak=bool(holders.weak[head])) for head in held[:MAX_HEADS_ON_CARD]]


def _card_head(scores: RoleScores, head: HeadId, weak: bool, best_role: str | None = None) -> CataloguedHead:
    return CataloguedHead(
        layer=head.layer,
        head=head.head,
        score=float(scores.score[head]),
        chance=scores.chance,
        excess=None if scores.excess is None else float(scores.excess[head]),
        peak=None if scores.peak is None else float(scores.peak[head]),
        weak=weak,
        best_role=best_role,
    )


def other_heads(scores: Mapping[str, RoleScores], head_roles: list[list[list[str]]]) -> list[CataloguedHead]:
    """All heads without a role, in order, each with the set role that it comes nearest to."""
    entries = []
    for layer, row in enumerate(head_roles):
        for head in (head for head, roles in enumerate(row) if not roles):
            excess = {role: scores[role].excess[layer, head] for role in SET_ROLES}  # type: ignore[index]
            best_role = max(excess, key=lambda role: excess[role])
            entries.append(_card_head(scores[best_role], HeadId(layer, head), weak=False, best_role=best_role))
    return entries


def build_catalogue(model_name: str, scores: Mapping[str, RoleScores], provenance: Provenance) -> ModelCatalogue:
    """The catalogue of one model, without suggested prompts: those are measured against it afterwards.

    Args: scores: of all roles, [layer, head]. Raises: ValueError naming a role that had no evidence row.
    """
    for role, role_scores in scores.items():
        if role_scores.n_rows == 0:
            raise ValueError(f"The test inputs hold no evidence for {role}.")
    head_roles = roles_of_heads(scores)
    categories = {key: _category(role, scores[key]) for key, role in ROLES.items()}
    categories[OTHER] = _other_category(other_heads(scores, head_roles))
    n_layers, n_heads = next(iter(scores.values())).score.shape
    return ModelCatalogue(
        model_name=model_name,
        num_layers=n_layers,
        num_heads=n_heads,
        analysis_date=provenance.date.date(),
        categories=categories,
        head_roles=head_roles,
        all_scores={key: scores[key].score.tolist() for key in ROLES},
        all_excess={key: scores[key].excess.tolist() for key in SET_ROLES},  # type: ignore[union-attr]
        all_peaks={"diffuse": scores["diffuse"].peak.tolist()},  # type: ignore[union-attr]
        provenance=provenance,
    )


def with_suggestions(catalogue: ModelCatalogue, suggestions: Mapping[str, Sequence[SuggestedPrompt]]) -> ModelCatalogue:
    """The same catalogue with these prompts on its cards, best first; roles not named keep none."""
    categories = {
        key: category.model_copy(
            update={
                "suggested_prompts": list(suggestions.get(key, ())),
                "suggested_prompt": next(iter(suggestions.get(key, ())), None),
            }
        )
        for key, category in catalogue.categories.items()
    }
    return catalogue.model_copy(update={"categories": categories})


def describe_inputs(scores: Mapping[str, RoleScores]) -> dict[str, dict]:
    """What the provenance says about the inputs: evidence rows of every role, and chance of the set roles."""
    return {
        "evidence_rows": {role: role_scores.n_rows for role, role_scores in scores.items()},
        "chance": {role: role_scores.chance for role, role_scores in scores.items() if role_scores.chance is not None},
    }


def _category(role: Role, scores: RoleScores) -> Category:
    return Category(
        display_name=role.display_name,
        description=role.sentence,
        icon=role.sign,
        requires_repetition=role.requires_repetition,
        n_heads_holding=int(holders_of(scores).all.sum()),
        suggested_prompt=None,
        suggested_prompts=[],
        top_heads=card_heads(scores),
    )


def _other_category(heads: list[CataloguedHead]) -> Category:
    return Category(
        display_name="Other",
        description=f"Does none of the {number_word(len(ROLES)).lower()} known jobs well enough to be named for it.",
        icon="dots",
        requires_repetition=False,
        n_heads_holding=len(heads),
        suggested_prompt=None,
        suggested_prompts=[],
        top_heads=heads,
    )
