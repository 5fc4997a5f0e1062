"""What the toy page shows: one text read by two models that differ in their number of layers only.

It is always about this pair, whatever model the address names. What the heads were during training comes from
`dynamics.json` beside the weights; jobs are held by the catalogue's own rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from utils.catalogue.building import roles_of_heads
from utils.demonstration import Demonstration, demonstrate
from utils.heads import HeadId
from utils.levels import HeadLevels, head_levels
from utils.measures.attention_to import excess_over_chance
from utils.measures.copies import after_earlier_copies, earlier_copies
from utils.measures.measure import Look as ArcLook
from utils.measures.measure import RoleScores
from utils.models.files import local_model_dir
from utils.roles import OTHER
from utils.toy.dynamics import TrainingDynamics, load_dynamics

if TYPE_CHECKING:
    from components.address import Question
    from utils.analysis import Analysis
    from utils.catalogue.schema import ModelCatalogue
    from utils.service import Headlight

ONE_LAYER, TWO_LAYERS = "classroom-attn-1l", "classroom-attn-2l"
NAMES = {ONE_LAYER: "One layer", TWO_LAYERS: "Two layers"}
LEAST_LOOK = 0.2  # of a head's attention, from which it is said to look somewhere

Roles = list[list[list[str]]]  # [layer][head] the roles held, main one first


@dataclass(frozen=True)
class Look:
    """One head at one token: where it looks.

    role: what such a look is. is_job: that is one of the head's jobs. copy_pos: the earlier copy of the token that
    reads. writer: the head of an earlier layer that looked from the key to that copy, and so could leave the note that
    the key comes after it; None without one.
    """

    head: HeadId
    role: str
    query_pos: int
    key_pos: int
    weight: float
    copy_pos: int
    is_job: bool = True
    writer: HeadId | None = None

    @property
    def colour(self) -> str:
        """The role whose colour it has: none for a head that does this by the way."""
        return self.role if self.is_job else OTHER

    @property
    def follower_pos(self) -> int:
        """What came after the earlier copy."""
        return self.copy_pos + 1


@dataclass(frozen=True, eq=False)
class ToyModel:
    """One of the two. catalogue: None until its heads are analysed. dynamics: None where no copies were kept."""

    name: str
    analysis: Analysis
    catalogue: ModelCatalogue | None
    dynamics: TrainingDynamics | None

    @property
    def title(self) -> str:
        """One layer, or Two layers."""
        return NAMES[self.name]

    @property
    def shape(self) -> tuple[int, int]:
        """Layers, heads in each."""
        return self.analysis.forward.n_layers, self.analysis.forward.n_heads

    @cached_property
    def levels(self) -> list[HeadLevels]:
        return head_levels(self.analysis, self.catalogue)

    def best_induction(self) -> HeadLevels | None:
        """The head with the best induction score on this text; None where the text has no evidence."""
        scored = [entry for entry in self.levels if entry.levels["induction"].score is not None]
        return max(scored, key=lambda entry: entry.levels["induction"].score or 0.0, default=None)

    def main_roles(self) -> list[str]:
        """The main role of every head now, layer by layer; `other` without one."""
        return [entry.main_job for entry in self.levels]

    def strip(self) -> Demonstration:
        """What its strongest induction head does on this text."""
        return demonstrate(self.analysis, "induction")


@dataclass(frozen=True, eq=False)
class ToyView:
    """The pair on one text. query_pos: the token that both cards are about, None where induction cannot show."""

    question: Question
    one: ToyModel
    two: ToyModel
    max_tokens: int

    @property
    def models(self) -> tuple[ToyModel, ToyModel]:
        return self.one, self.two

    @property
    def query_pos(self) -> int | None:
        look = induction_look(self.two)
        evidence = self.two.analysis.evidence.get("induction")
        if look is not None:
            return look.query_pos
        return int(evidence.rows[-1]) if evidence is not None and len(evidence.rows) else None

    def look(self, model: ToyModel) -> Look | None:
        """What one card draws: the induction head's look, or without one the strongest look back at this token."""
        query_pos = self.query_pos
        if query_pos is None:
            return None
        return induction_look(model) or strongest_look(model, query_pos)

    def steps(self) -> list[int]:
        """The training steps at which copies of both models were kept."""
        known = [set(model.dynamics.steps.tolist()) for model in self.models if model.dynamics is not None]
        return sorted(set.intersection(*known)) if len(known) == len(self.models) else []


def missing_models(service: Headlight) -> list[str]:
    """The models of the pair whose files are not on this computer."""
    return [name for name in NAMES if local_model_dir(name, service.settings) is None]


def toy_view(service: Headlight, question: Question) -> ToyView:
    """Both models read the text. Raises UserError as `service.analyze` does."""
    one, two = (_read(service, name, question.prompt) for name in NAMES)
    return ToyView(question, one, two, service.settings.max_tokens)


def _read(service: Headlight, name: str, prompt: str) -> ToyModel:
    folder = local_model_dir(name, service.settings)
    dynamics = load_dynamics(folder) if folder is not None else None
    return ToyModel(name, service.analyze(name, prompt), service.catalogue(name), dynamics)


def induction_look(model: ToyModel) -> Look | None:
    """The look of the strongest induction head, with the head that could have left it a note; None without one.

    At the last token, after which the model guesses, if it looks from there as induction does; else at a telling one.
    """
    strip = model.strip()
    if strip.head is None or strip.focus is None or strip.copy_pos is None:
        return None
    focus, copy_pos = strip.focus, strip.copy_pos
    last = last_look(model, strip.head)
    if last is not None:
        focus, copy_pos = last, last.key_pos - 1
    writer = note_writer(model, strip.head, copy_pos)
    return Look(strip.head, "induction", focus.query_pos, focus.key_pos, focus.weight, copy_pos, writer=writer)


def last_look(model: ToyModel, head: HeadId) -> ArcLook | None:
    """Where a head looks most, from the last token, of what followed its copies; None below 20 %, or without any."""
    forward, evidence = model.analysis.forward, model.analysis.evidence.get("induction")
    query_pos = len(forward.tokens) - 1
    if evidence is None or query_pos not in evidence.rows:
        return None
    keys = np.flatnonzero(after_earlier_copies(np.array(forward.token_ids))[query_pos])
    key_pos = int(keys[forward.patterns[head][query_pos, keys].argmax()])
    weight = float(forward.patterns[head][query_pos, key_pos])
    return ArcLook(query_pos, key_pos, weight) if weight >= LEAST_LOOK else None


def note_writer(model: ToyModel, reader: HeadId, copy_pos: int) -> HeadId | None:
    """The previous-token head before a reader's layer that looks most from what followed a token to that token.

    None where no such head gives it 20 % of its attention.
    """
    patterns = model.analysis.forward.patterns
    writers = [entry.id for entry in model.levels if entry.id.layer < reader.layer and "previous_token" in entry.jobs]
    best = max(writers, key=lambda head: patterns[head][copy_pos + 1, copy_pos], default=None)
    return best if best is not None and patterns[best][copy_pos + 1, copy_pos] >= LEAST_LOOK else None


def strongest_look(model: ToyModel, query_pos: int) -> Look | None:
    """The head that looks most at an earlier copy of a token, or at what followed one; None below 20 %.

    A copy that is the token before, or what followed it where that is the token itself, proves nothing and is left
    out.
    """
    token_ids = np.array(model.analysis.forward.token_ids)
    copies, followers = earlier_copies(token_ids)[query_pos], after_earlier_copies(token_ids)[query_pos]
    looks = [
        _strongest(model, role, query_pos, keys, 1 if role == "induction" else 0)
        for role, keys in (("duplicate_token", copies), ("induction", followers))
    ]
    best = max((look for look in looks if look is not None), key=lambda look: look.weight, default=None)
    return best if best is not None and best.weight >= LEAST_LOOK else None


def _strongest(model: ToyModel, role: str, query_pos: int, is_key: np.ndarray, offset: int) -> Look | None:
    keys = np.flatnonzero(is_key)
    keys = keys[keys < query_pos - 1]
    if len(keys) == 0:
        return None
    weights = model.analysis.forward.patterns[:, :, query_pos, keys]
    layer, head, index = (int(place) for place in np.unravel_index(weights.argmax(), weights.shape))
    key_pos = int(keys[index])
    is_job = model.catalogue is not None and role in model.catalogue.roles_of(HeadId(layer, head))
    return Look(HeadId(layer, head), role, query_pos, key_pos, float(weights.max()), key_pos - offset, is_job)


def roles_at_steps(model: ToyModel, steps: list[int]) -> list[list[str]]:
    """For every kept step the main role of every head, by the catalogue's rules; `other` without one.

    The last step is the finished model, whose roles the catalogue has. Copies keep no peaks, so in them diffuse is told
    from its score alone. Without a catalogue there is no chance level and all are `other`.
    """
    if model.dynamics is None or model.catalogue is None:
        return [["other"] * (model.shape[0] * model.shape[1]) for _ in steps]
    earlier = [_main_roles(_roles_at(model.dynamics, model.catalogue, step)) for step in steps[:-1]]
    return [*earlier, model.main_roles()]


def _main_roles(held: Roles) -> list[str]:
    return [roles[0] if roles else OTHER for row in held for roles in row]


def _roles_at(dynamics: TrainingDynamics, catalogue: ModelCatalogue, step: int) -> Roles:
    index = int(np.flatnonzero(dynamics.steps == step)[0])
    chance, scores = catalogue.provenance.chance, {}
    for role, values in dynamics.scores.items():
        score = values[index]
        if role in chance:
            scores[role] = RoleScores(1, score, chance[role], excess_over_chance(score, chance[role]))
        else:
            scores[role] = RoleScores(1, score)
    return roles_of_heads(scores)


def best_at_steps(dynamics: TrainingDynamics, steps: list[int]) -> list[tuple[HeadId, float]]:
    """The head with the best induction score at every kept step, and that score."""
    found = []
    for step in steps:
        scores = dynamics.scores["induction"][int(np.flatnonzero(dynamics.steps == step)[0])]
        layer, head = (int(place) for place in np.unravel_index(scores.argmax(), scores.shape))
        found.append((HeadId(layer, head), float(scores[layer, head])))
    return found


def note_pair(model: ToyModel) -> tuple[HeadId, HeadId] | None:
    """The previous-token head and the induction head that reads it: those of the drawn look, else the strongest.

    None where the model lacks one of the two in layers that follow each other.
    """
    look = induction_look(model)
    if look is not None and look.writer is not None:
        return look.writer, look.head
    if model.catalogue is None:
        return None
    readers = [head.id for head in model.catalogue.heads_of("induction")]
    writers = [head.id for head in model.catalogue.heads_of("previous_token")]
    pairs = ((writer, reader) for reader in readers for writer in writers if writer.layer < reader.layer)
    return next(pairs, None)
