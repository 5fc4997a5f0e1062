"""Which roles does each head have? From what heads do on the catalogue's inputs to a `ModelCatalogue`.

Pure: it knows no engine and no model, only readings, so every engine's results go through it.

Which heads **hold** a role, in full or weakly, is for its measure to say (`utils/measures/`). The card lists at most 8
of them, strongest first; every head keeps all its scores, on a card or not. A head's **main role** is the one it holds
with the largest excess, but for roles that yield (first-token, and then diffuse): these are main only when no other
role is held in full, because resting on the first token or spreading out is what a head does where it finds nothing to
look at. Roles held weakly come last. Heads without a role are `other`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from utils.catalogue.schema import CataloguedHead, Category, ModelCatalogue, Provenance, SuggestedPrompt
from utils.heads import HeadId, Shape
from utils.measures.measure import Reading, RoleScores
from utils.reasons import number_word
from utils.roles import OTHER, ROLES, Role, compared_roles
from utils.scoring import ScorePool

MAX_HEADS_ON_CARD = 8


@dataclass(frozen=True, eq=False)
class RoleHolders:
    """Which heads hold one role; both bool [layer, head], and never both true."""

    full: np.ndarray
    weak: np.ndarray

    @property
    def all(self) -> np.ndarray:
        return self.full | self.weak


def measure_roles(
    repeated: Iterable[Reading],
    sentences: Iterable[Reading],
    after_each: Callable[[ScorePool, Reading], object] = lambda _pool, _reading: None,
) -> dict[str, RoleScores]:
    """Every head's scores per role, pooled over all evidence rows: roles that need repetition on the random repeated
    sequences, the others on the sentences. `after_each` sees the pool after each sequence, with what was read."""
    pool = ScorePool()
    for needs_repetition, readings in ((True, repeated), (False, sentences)):
        roles = [key for key, role in ROLES.items() if role.requires_repetition is needs_repetition]
        for reading in readings:
            pool.add(reading, roles)
            after_each(pool, reading)
    return pool.result()


def holders_of(role: str, scores: RoleScores) -> RoleHolders:
    """The heads that hold a role, in full or weakly, from its scores [layer, head]."""
    measure = ROLES[role].measure
    return RoleHolders(np.asarray(measure.holds(scores)), np.asarray(measure.holds_weakly(scores)))


def roles_of_heads(scores: Mapping[str, RoleScores]) -> list[list[list[str]]]:
    """For every [layer][head] the roles it has, main one first; an empty list means `other`."""
    holders = {role: holders_of(role, role_scores) for role, role_scores in scores.items()}
    weakest = 1 + max(role.yields for role in ROLES.values())

    def rank(role: str, head: HeadId) -> tuple[int, float]:
        yields, excess = ROLES[role].yields, scores[role].excess
        if not holders[role].full[head]:
            yields = weakest
        elif yields:
            return yields, 0.0
        return yields, 0.0 if excess is None else -float(excess[head])

    def roles(head: HeadId) -> list[str]:
        held = [role for role in scores if holders[role].all[head]]
        return sorted(held, key=lambda role: rank(role, head))

    shape = Shape(*next(iter(scores.values())).score.shape)
    return [[roles(HeadId(layer, head)) for head in range(shape.n_heads)] for layer in range(shape.n_layers)]


def card_heads(role: str, scores: RoleScores) -> list[CataloguedHead]:
    """The heads on a role's card: those that have it, strongest first, at most 8."""
    holders = holders_of(role, scores)
    ranked = Shape(*scores.score.shape).ranked(ROLES[role].measure.strength(scores))
    held = [head for head in ranked if holders.all[head]]
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
    """All heads without a role, in order, each with the role that it comes nearest to, of those with a chance level."""
    compared = {role: scores[role].excess for role in compared_roles()}
    entries = []
    for layer, row in enumerate(head_roles):
        for head in (HeadId(layer, head) for head, roles in enumerate(row) if not roles):
            best_role = max(compared, key=lambda role: compared[role][head])  # type: ignore[index]
            entries.append(_card_head(scores[best_role], head, weak=False, best_role=best_role))
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
        all_excess={key: scores[key].excess.tolist() for key in compared_roles()},  # type: ignore[union-attr]
        all_peaks={key: each.peak.tolist() for key, each in scores.items() if each.peak is not None},
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
    """What the provenance says about the inputs: evidence rows of every role, and chance of the roles that have one."""
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
        n_heads_holding=int(holders_of(role.key, scores).all.sum()),
        suggested_prompt=None,
        suggested_prompts=[],
        top_heads=card_heads(role.key, scores),
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
