"""What a catalogue holds: which roles each head of a model has, and how the numbers were made.

A file holds one `ModelCatalogue` per model name (`file.py`). Matrices are [layer][head], both counted from 0. How the
numbers come about is told in `building.py`.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, model_validator

from utils.catalogue.causes import HeadCause
from utils.heads import HeadId, Shape
from utils.measures.figures import Looking, RoleScores
from utils.measures.resting import rests
from utils.roles import OTHER, REST, ROLES, compared_roles, looking_roles, steady_roles, without_rest, writing_roles

Index = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
FourDecimals = PlainSerializer(lambda number: round(number, 4) + 0.0, return_type=float, when_used="json-unless-none")
FOUR_DIGITS = PlainSerializer(lambda number: float(f"{number:.3e}"), return_type=float, when_used="json-unless-none")
ThreeDigits = PlainSerializer(lambda number: float(f"{number:.2e}"), return_type=float, when_used="json-unless-none")
Share = Annotated[float, Field(ge=0, le=1), FourDecimals]
Excess = Annotated[float, Field(le=1), FourDecimals]
Nats = Annotated[float, FourDecimals]
Reason = Annotated[str, Field(min_length=1, max_length=400)]
MeanValue = Annotated[float, Field(ge=-1e6, le=1e6), FOUR_DIGITS]
ScoreMatrix = list[list[Share]]
ExcessMatrix = list[list[Excess]]
SCHEMA_VERSION: Literal[3] = 3
MATRICES = (
    "all_scores",
    "all_excess",
    "all_peaks",
    "all_looking_scores",
    "all_looking_excess",
    "all_look",
    "on_random",
)


class FieldError(ValueError):
    """A field that has the right type and still cannot be true; carries the path to it."""

    def __init__(self, path: str, sentence: str):
        super().__init__(sentence)
        self.path = path
        self.sentence = sentence


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class CataloguedHead(_Strict):
    """One head on a role's card.

    score: in [0, 1], on the catalogue's inputs. chance: the score of an even head there, excess: how far above it;
    both null for a measure without chance. looking_score, looking_excess, look: the same when it looks, and the share
    of attention that is looking; null for a measure that is not about looks. peak: null for a measure without one.
    weak: its layer has no head that holds the role in full. best_role: under `other` only, the role that the head comes
    nearest to; the figures are then of that role.
    """

    layer: Index
    head: Index
    score: Share
    chance: Share | None = None
    excess: Excess | None = None
    looking_score: Share | None = None
    looking_excess: Excess | None = None
    look: Share | None = None
    peak: Share | None = None
    weak: bool = False
    best_role: str | None = None

    @property
    def id(self) -> HeadId:
        return HeadId(self.layer, self.head)


class SuggestedPrompt(_Strict):
    """A prompt that lights a role: `lights` of the `of` heads on its card, counted with the live decision."""

    text: Annotated[str, Field(min_length=1)]
    lights: Count
    of: Count


class Category(_Strict):
    """One role's card: its words, its heads (strongest first), and prompts that light it (best first).

    n_heads_holding: in full.
    """

    display_name: str
    description: str
    icon: str
    requires_repetition: bool
    n_heads_holding: Index
    suggested_prompt: SuggestedPrompt | None
    suggested_prompts: list[SuggestedPrompt]
    top_heads: list[CataloguedHead]


class Provenance(_Strict):
    """How the numbers were made, so that they can be made again.

    weights: the hub's revision, or a hash of the weight files. max_difference_to_detect_head: the largest difference
    between our scores and TransformerLens' `detect_head` on the same sequences; null where the engine was not
    TransformerLens. chance: per role, the score of an even head on these inputs.
    """

    schema_version: Literal[3]
    weights: Annotated[str, Field(min_length=8)]
    bos_rule: Annotated[str, Field(min_length=1)]
    start_mark_id: Index | None
    seed: int
    inputs_hash: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
    n_random_sequences: Count
    n_sentences: Count
    n_passages: Count
    evidence_rows: dict[str, Index]
    chance: dict[str, Share]
    engine: Literal["transformer_lens", "pyvene"]
    versions: dict[str, str]
    date: datetime.datetime
    max_difference_to_detect_head: Annotated[float, Field(ge=0), ThreeDigits] | None


class HeadCauses(_Strict):
    """What every head is good for on the second copy of a text, `experiments/second_copy_causes.py`.

    second_copy_nats: [layer][head], by how many nats per token the loss on the second copy rises without the head;
    negative where it falls. standard_error: [layer][head], of that mean over n_sequences texts, each n_tokens random
    tokens said twice.
    """

    second_copy_nats: list[list[Nats]]
    standard_error: list[list[Annotated[float, Field(ge=0), FourDecimals]]]
    n_sequences: Annotated[int, Field(ge=2)]
    n_tokens: Annotated[int, Field(ge=2)]
    seed: int

    def of(self, head: HeadId) -> HeadCause:
        """One head's figures. Raises IndexError for a head that the model does not have."""
        return HeadCause(self.second_copy_nats[head.layer][head.head], self.standard_error[head.layer][head.head])


class WritingTests(_Strict):
    """How the roles of writing were tested (`utils/writing/measuring.py`), and what a text needs to be judged likewise.

    n_columns: how many words were compared. mean_values: [layer][value head][d_head], what heads hand on of the tested
    words, on average. lists: for every ordered list that could be tested, [layer][head], the share of its items after
    which the next one came out. backwards: [layer][head], of all items the share after which the one before came out;
    null without a list. solved: in which share of the name sentences the model prefers the right name; null where it
    was not asked.
    """

    n_columns: Count
    mean_values: list[list[list[MeanValue]]]
    lists: dict[str, ScoreMatrix]
    backwards: ScoreMatrix | None
    solved: Share | None


class ModelCatalogue(_Strict):
    """Every head of one model with all its scores, and the cards that are made from them.

    all_excess has the roles whose measure has a chance level, all_peaks those whose measure has a peak. The three of
    looking have the roles that are about looks (`measures.figures.Looking`); on_random the excess when they look on
    random tokens, for those that are measured on sentences. rests_by_output: the share of what each head writes that
    comes from the first token, null in a catalogue whose engine could not tell.
    head_roles[layer][head] lists the roles that the head has, main one first; an empty list means `other`. causes: null
    where they were not measured. untested: the roles that could not be tested on this model, each with the reason as a
    sentence; their scores are 0. writing: null where no role of writing could be tested.
    """

    model_name: Annotated[str, Field(min_length=1)]
    num_layers: Count
    num_heads: Count
    analysis_date: datetime.date
    categories: dict[str, Category]
    head_roles: list[list[list[str]]]
    all_scores: dict[str, ScoreMatrix]
    all_excess: dict[str, ExcessMatrix]
    all_peaks: dict[str, ScoreMatrix]
    all_looking_scores: dict[str, ScoreMatrix]
    all_looking_excess: dict[str, ExcessMatrix]
    all_look: dict[str, ScoreMatrix]
    on_random: dict[str, ExcessMatrix]
    rests_by_output: ScoreMatrix | None = None
    untested: dict[str, Reason] = {}
    writing: WritingTests | None = None
    provenance: Provenance
    causes: Annotated[HeadCauses | None, Field(exclude_if=lambda causes: causes is None)] = None

    @property
    def shape(self) -> Shape:
        return Shape(self.num_layers, self.num_heads)

    def usual(self, role: str) -> RoleScores:
        """What every head did for a role on the catalogue's texts. Raises KeyError for a key that is not a role."""
        return RoleScores(
            n_rows=self.provenance.evidence_rows.get(role, 0),
            score=np.array(self.all_scores[role]),
            chance=self.provenance.chance.get(role),
            excess=np.array(self.all_excess[role]) if role in self.all_excess else None,
            peak=np.array(self.all_peaks[role]) if role in self.all_peaks else None,
            looking=self._looking(role) if role in self.all_looking_scores else None,
        )

    def _looking(self, role: str) -> Looking:
        score, excess = np.array(self.all_looking_scores[role]), np.array(self.all_looking_excess[role])
        chance = np.divide(score - excess, 1 - excess, out=np.zeros_like(score), where=excess < 1)
        return Looking(score, np.clip(chance, 0.0, 1.0), excess, np.array(self.all_look[role]))

    @property
    def resting(self) -> np.ndarray:
        """Which heads rest on the catalogue's sentences, bool [layer, head]."""
        return rests(np.array(self.all_scores[REST]))

    @property
    def writing_hash(self) -> str:
        """What tells these mean values from any others; empty without."""
        means = self.mean_values
        return "" if means is None else hashlib.sha256(means.tobytes()).hexdigest()[:16]

    @property
    def mean_values(self) -> np.ndarray | None:
        """[layer, value_head, d_head], float32, as `WritingTables` takes them; None where writing was not tested."""
        return None if self.writing is None else np.array(self.writing.mean_values, dtype=np.float32)

    def cause_of(self, head: HeadId) -> HeadCause | None:
        """What a head is good for; None where that was not measured. Raises: IndexError as `roles_of`."""
        self._require(head)
        return None if self.causes is None else self.causes.of(head)

    def heads_of(self, role: str) -> list[CataloguedHead]:
        """The heads on a role's card, strongest first; empty where the model has none."""
        return list(self.categories[role].top_heads)

    def roles_of(self, head: HeadId) -> tuple[str, ...]:
        """Every role that the head has, main one first, on a card or not; empty for `other`.

        Raises: IndexError for a head that the model does not have.
        """
        self._require(head)
        return tuple(self.head_roles[head.layer][head.head])

    def jobs_of(self, head: HeadId) -> tuple[str, ...]:
        """The same without rest, which is no job."""
        return without_rest(self.roles_of(head))

    @property
    def n_with_job(self) -> int:
        """How many heads have a job; a head that does nothing but rest has none."""
        return sum(bool(self.jobs_of(head)) for head in self.shape.all())

    def holders_of(self, role: str) -> tuple[HeadId, ...]:
        """Every head that holds a role, on a card or not, by layer and head; for `other` those that hold none."""
        return tuple(head for head in self.shape.all() if role in (self.roles_of(head) or (OTHER,)))

    def _require(self, head: HeadId) -> None:
        if head not in self.shape:
            raise IndexError(f"{self.model_name} has no head {head}.")

    @model_validator(mode="after")
    def _is_consistent(self) -> ModelCatalogue:
        for path, sentence in _contradictions(self):
            raise FieldError(path, sentence)
        return self


def _contradictions(catalogue: ModelCatalogue) -> Iterator[tuple[str, str]]:
    """Fields that disagree with one another, as (path, sentence)."""
    for name, found, wanted in (
        ("categories", catalogue.categories, {*ROLES, OTHER}),
        ("all_scores", catalogue.all_scores, set(ROLES)),
        ("all_excess", catalogue.all_excess, set(compared_roles())),
        ("all_peaks", catalogue.all_peaks, {key for key, role in ROLES.items() if role.measure.has_peak}),
        ("all_looking_scores", catalogue.all_looking_scores, set(looking_roles())),
        ("all_looking_excess", catalogue.all_looking_excess, set(looking_roles())),
        ("all_look", catalogue.all_look, set(looking_roles())),
        ("on_random", catalogue.on_random, set(steady_roles())),
    ):
        if set(found) != wanted:
            differing = sorted(set(found) ^ wanted)
            yield f"{name}.{differing[0]}", "this role is missing" if differing[0] in wanted else "not a role"
    yield from _wrong_shapes(catalogue)
    yield from _wrong_heads(catalogue)
    for role in catalogue.untested:
        if role not in writing_roles():
            yield f"untested.{role}", "not a role of writing"
        elif catalogue.holders_of(role):
            yield f"untested.{role}", "some head holds this role, so it was tested"


def _wrong_shapes(catalogue: ModelCatalogue) -> Iterator[tuple[str, str]]:
    shape = f"{catalogue.num_layers} layers of {catalogue.num_heads} heads"
    matrices: dict[str, list[list[Any]]] = {"head_roles": catalogue.head_roles}
    if catalogue.rests_by_output is not None:
        matrices["rests_by_output"] = catalogue.rests_by_output
    for name in MATRICES:
        matrices |= {f"{name}.{role}": matrix for role, matrix in getattr(catalogue, name).items()}
    if catalogue.writing is not None:
        matrices |= {f"writing.lists.{name}": matrix for name, matrix in catalogue.writing.lists.items()}
        if catalogue.writing.backwards is not None:
            matrices["writing.backwards"] = catalogue.writing.backwards
        rows = catalogue.writing.mean_values
        if len({len(row) for row in rows}) != 1 or len({len(means) for row in rows for means in row} - {0}) != 1:
            yield "writing.mean_values", "its rows are empty or of different lengths"
        if len(catalogue.writing.mean_values) != catalogue.num_layers:
            yield "writing.mean_values", f"holds {len(catalogue.writing.mean_values)} rows, and the model has {shape}"
    if catalogue.causes is not None:
        matrices["causes.second_copy_nats"] = catalogue.causes.second_copy_nats
        matrices["causes.standard_error"] = catalogue.causes.standard_error
    for path, matrix in matrices.items():
        if len(matrix) != catalogue.num_layers:
            yield path, f"holds {len(matrix)} rows, and the model has {shape}"
        for layer, row in enumerate(matrix):
            if len(row) != catalogue.num_heads:
                yield f"{path}[{layer}]", f"holds {len(row)} heads, and the model has {shape}"


def _wrong_heads(catalogue: ModelCatalogue) -> Iterator[tuple[str, str]]:
    for layer, row in enumerate(catalogue.head_roles):
        for head, roles in enumerate(row):
            if not set(roles) <= set(ROLES):
                yield f"head_roles[{layer}][{head}]", "names something that is not a role"
    for role, category in catalogue.categories.items():
        for index, entry in enumerate(category.top_heads):
            path = f"categories.{role}.top_heads[{index}]"
            if entry.id not in catalogue.shape:
                yield path, f"{entry.id} is not a head of this model"
                continue
            if role not in (catalogue.roles_of(entry.id) or (OTHER,)):
                yield path, f"head_roles does not list {entry.id} under this role"
