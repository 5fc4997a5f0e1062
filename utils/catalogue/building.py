"""Which roles does each head have? From what heads do on the catalogue's inputs to a `ModelCatalogue`.

Pure: it knows no engine and no model, only readings, so every engine's results go through it.

Which heads **hold** a role, in full or weakly, is for its measure to say (`utils/measures/`). The card lists at most 8
of them, strongest first; every head keeps all its scores, on a card or not. A head's **main role** is the one it holds
with the largest excess when it looks. Even spread is main only when no other job of looking is held in full, since it
is what a head does that looks for nothing; then come jobs held weakly. A job of writing is main only where a head holds
none of looking, and resting, which is a state, only where it holds nothing else. Heads without a role are `other`.

Three kinds of text are read: random repeated sequences for roles that need repetition, sentences for those that do not,
and passages of 60 tokens or more for even spread. Jobs that show on any text are measured on random tokens once more:
what a head does there it does because of the place and not because of what sentences are like.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from utils.catalogue.schema import (
    CataloguedHead,
    Category,
    ModelCatalogue,
    Provenance,
    SuggestedPrompt,
    WritingTests,
)
from utils.errors import UserError
from utils.heads import HeadId, Shape
from utils.measures.figures import RoleScores
from utils.measures.reading import Reading
from utils.reasons import number_word
from utils.roles import JOBS, OTHER, ROLES, Role, compared_roles, looking_roles, steady_roles, writing_roles
from utils.scoring import ScorePool
from utils.writing.measured import WritingMeasured

MAX_HEADS_ON_CARD = 8
NOT_TESTED = "Nobody has tested this job on this model."


@dataclass(frozen=True, eq=False)
class RoleHolders:
    """Which heads hold one role; both bool [layer, head], and never both true."""

    full: np.ndarray
    weak: np.ndarray

    @property
    def all(self) -> np.ndarray:
        return self.full | self.weak


@dataclass(frozen=True, eq=False)
class Measured:
    """What heads do on the catalogue's texts. scores: of all roles; on_random: of those that show on any text, on
    random tokens."""

    scores: Mapping[str, RoleScores]
    on_random: Mapping[str, RoleScores]

    def with_writing(self, writing: WritingMeasured) -> Measured:
        """The same with what was measured of writing."""
        return replace(self, scores={**self.scores, **writing.scores})


def measure_roles(
    repeated: Iterable[Reading],
    sentences: Iterable[Reading],
    passages: Iterable[Reading],
    after_each: Callable[[ScorePool, Reading], object] = lambda _pool, _reading: None,
) -> Measured:
    """Every head's scores per role of looking, pooled over all evidence rows of the texts that it is measured on.
    `after_each` sees the pool after each text, with what was read."""
    measured = {key: role for key, role in ROLES.items() if not role.is_writing}
    pool, on_random = ScorePool(measured), ScorePool(steady_roles())
    for roles, readings in (
        ([key for key, role in measured.items() if role.requires_repetition], repeated),
        (
            [key for key, role in measured.items() if not _needs_passages(role) and not role.requires_repetition],
            sentences,
        ),
        ([key for key, role in measured.items() if _needs_passages(role)], passages),
    ):
        for reading in readings:
            pool.add(reading, roles)
            if readings is repeated:
                on_random.add(reading)
            after_each(pool, reading)
    return Measured(pool.result(), on_random.result())


def _needs_passages(role: Role) -> bool:
    return role.measure.is_about_rows and not role.requires_repetition


def holders_of(role: str, scores: RoleScores) -> RoleHolders:
    """The heads that hold a role, in full or weakly, from its scores [layer, head]."""
    measure = ROLES[role].measure
    return RoleHolders(np.asarray(measure.holds(scores)), np.asarray(measure.holds_weakly(scores)))


def roles_of_heads(scores: Mapping[str, RoleScores]) -> list[list[list[str]]]:
    """For every [layer][head] the roles it has, main one first; an empty list means `other`."""
    holders = {role: holders_of(role, role_scores) for role, role_scores in scores.items()}
    weakest = 1 + max(role.yields for role in JOBS.values())

    def rank(role: str, head: HeadId) -> tuple[bool, bool, int, float]:
        about, is_full = ROLES[role], bool(holders[role].full[head])
        place = about.yields if is_full else weakest
        return about.is_rest, about.is_writing, place, -float(ROLES[role].measure.strength(scores[role])[head])

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
        chance=scores.chance_of(head),
        excess=None if scores.excess is None else float(scores.excess[head]),
        looking_score=None if scores.looking is None else float(scores.looking.score[head]),
        looking_excess=None if scores.looking is None else float(scores.looking.excess[head]),
        look=None if scores.looking is None else float(scores.looking.look[head]),
        peak=None if scores.peak is None else float(scores.peak[head]),
        weak=weak,
        best_role=best_role,
    )


def other_heads(scores: Mapping[str, RoleScores], head_roles: list[list[list[str]]]) -> list[CataloguedHead]:
    """All heads without a role, in order, each with the role that it comes nearest to when it looks."""
    compared = {role: ROLES[role].measure.strength(scores[role]) for role in looking_roles()}
    entries = []
    for layer, row in enumerate(head_roles):
        for head in (HeadId(layer, head) for head, roles in enumerate(row) if not roles):
            best_role = max(compared, key=lambda role: float(compared[role][head]))
            entries.append(_card_head(scores[best_role], head, weak=False, best_role=best_role))
    return entries


def build_catalogue(
    model_name: str,
    measured: Measured,
    provenance: Provenance,
    rests_by_output: np.ndarray | None = None,
    writing: WritingMeasured | None = None,
) -> ModelCatalogue:
    """The catalogue of one model, without suggested prompts: those are measured against it afterwards.

    Args: measured: every head's scores of looking, [layer, head]. rests_by_output: [layer, head], None where it is not
    known. writing: None where nobody tested it. Raises: UserError naming a role that had no evidence row.
    """
    writing = writing or WritingMeasured({}, dict.fromkeys(writing_roles(), NOT_TESTED))
    measured = measured.with_writing(writing)
    scores = {role: each.filled() for role, each in measured.scores.items()}
    for role, role_scores in scores.items():
        if role_scores.n_rows == 0:
            raise UserError(
                f"The test inputs hold no evidence for {role}.",
                "The heads of this model see too few tokens back to be tested for every job.",
            )
    n_layers, n_heads = next(iter(scores.values())).score.shape
    scores |= {role: _nothing(role, n_layers, n_heads) for role in writing.untested}
    head_roles = roles_of_heads(scores)
    categories = {key: _category(role, scores[key]) for key, role in ROLES.items()}
    categories[OTHER] = _other_category(other_heads(scores, head_roles))
    looking = {key: found for key in looking_roles() if (found := scores[key].looking) is not None}
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
        all_looking_scores={key: each.score.tolist() for key, each in looking.items()},
        all_looking_excess={key: each.excess.tolist() for key, each in looking.items()},
        all_look={key: each.look.tolist() for key, each in looking.items()},
        on_random={
            key: ROLES[key].measure.strength(measured.on_random[key].filled()).tolist() for key in steady_roles()
        },
        rests_by_output=None if rests_by_output is None else rests_by_output.tolist(),
        untested=dict(writing.untested),
        writing=_writing_tests(writing),
        provenance=provenance,
    )


def _nothing(role: str, n_layers: int, n_heads: int) -> RoleScores:
    """What stands for a role that could not be tested."""
    zeros = np.zeros((n_layers, n_heads))
    return RoleScores(0, zeros, 0.0 if ROLES[role].measure.has_chance else None, zeros)


def _writing_tests(writing: WritingMeasured) -> WritingTests | None:
    if writing.mean_values is None:
        return None
    backwards = next((each.backwards for each in writing.scores.values() if each.backwards is not None), None)
    return WritingTests(
        n_columns=writing.n_columns,
        mean_values=writing.mean_values.tolist(),
        lists={name: scores.tolist() for name, scores in writing.lists.items()},
        backwards=None if backwards is None else backwards.tolist(),
        solved=writing.solved,
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
        "chance": {
            role: float(np.nanmean(role_scores.chance))
            for role, role_scores in scores.items()
            if role_scores.chance is not None
        },
    }


def _category(role: Role, scores: RoleScores) -> Category:
    return Category(
        display_name=role.display_name,
        description=role.sentence,
        icon=role.sign,
        requires_repetition=role.requires_repetition,
        n_heads_holding=int(holders_of(role.key, scores).full.sum()),
        suggested_prompt=None,
        suggested_prompts=[],
        top_heads=card_heads(role.key, scores),
    )


def _other_category(heads: list[CataloguedHead]) -> Category:
    return Category(
        display_name="Other",
        description=f"Does none of the {number_word(len(JOBS)).lower()} known jobs well enough to be named for it.",
        icon="dots",
        requires_repetition=False,
        n_heads_holding=len(heads),
        suggested_prompt=None,
        suggested_prompts=[],
        top_heads=heads,
    )
