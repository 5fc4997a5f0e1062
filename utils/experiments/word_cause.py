"""What becomes of one word without some heads; beside it, the same for other heads.

The yardstick is the word's logit above the mean of the vocabulary, after the last token of a text. The difference of
two words would not do: a head that passes on names raises both, so without it their difference hardly changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from utils.errors import Notice
from utils.experiments.controls import ControlLayers, HeadSet
from utils.experiments.questions import Method
from utils.experiments.switch_off import parts_or_none, read_without
from utils.experiments.word_verdict import NEXT_TO_NOTHING, WordMeasured, WordVerdict, judge_word
from utils.heads import HeadId, Shape
from utils.models.loader import LoadedModel
from utils.result_cache import Progress, nobody_asks
from utils.roles import writing_roles
from utils.tokens import Token, tokens_from_ids

PUSHES_FROM = 0.5  # logits
LOOKS_FROM = 0.1  # of a token's attention
MOST_BLIND = 4


@dataclass(frozen=True)
class Standing:
    """How a word stands. above: its logit above the mean of all tokens' logits. prob: in [0, 1]."""

    above: float
    prob: float


@dataclass(frozen=True)
class WordDraw:
    """Other heads, off in the same way. change: of the word's logit above the mean."""

    heads: HeadSet
    change: float
    prob: float


@dataclass(frozen=True, eq=False)
class WordCause:
    """One word after one token, with heads on and off.

    Args: position: of that token, from the front. sign: 1 for heads that should push the word up, -1 for heads that
    should hold it back. push: what these heads add to the word's logit directly, above the vocabulary's mean and beside
    what stands in for them, the final norm's scale held fixed; None where that cannot be told. pushes: what every head
    adds by itself, [layer, head]; None likewise. control_layers: where the heads of `controls` come from.
    """

    heads: HeadSet
    method: Method
    position: int
    target: Token
    sign: int
    before: Standing
    after: Standing
    controls: tuple[WordDraw, ...]
    push: float | None = None
    pushes: np.ndarray | None = None
    notices: tuple[Notice, ...] = field(default=())
    control_layers: ControlLayers = field(default_factory=ControlLayers)

    @property
    def change(self) -> float:
        """By how much the word's logit above the mean rises without the heads; negative where it falls."""
        return self.after.above - self.before.above

    @property
    def is_made_up_for(self) -> bool:
        """Whether less is lost, or less gained, than what the heads write by themselves."""
        return self.push is not None and self.sign * (self.push + self.change) >= NEXT_TO_NOTHING

    @property
    def verdict(self) -> WordVerdict:
        """What it means, in one sentence."""
        return judge_word(
            WordMeasured(
                n_heads=len(self.heads),
                sign=self.sign,
                change=self.change,
                control_changes=tuple(draw.change for draw in self.controls),
                control_words=self.control_layers.words,
            )
        )

    def blind_pushers(self, pattern: np.ndarray, tokens: Sequence[Token]) -> list[tuple[HeadId, float]]:
        """Other heads that add .5 logits or more to the word without looking at it, those that add most first, at most
        four.

        Args: pattern: of every head at `position`, [layer, head, key_pos]. tokens: of the text, of which those count
        that read like the word, with or without a space.
        """
        if self.pushes is None:
            return []
        word = self.target.text.strip()
        is_word = np.array([token.text.strip() == word for token in tokens[: pattern.shape[-1]]])
        looks = pattern[..., is_word].sum(axis=-1)
        pushes = np.where(looks < LOOKS_FROM, self.pushes, -np.inf)
        pushes[tuple(zip(*self.heads, strict=True))] = -np.inf
        ranked = Shape(*pushes.shape).ranked(pushes)[:MOST_BLIND]
        return [(head, float(pushes[head])) for head in ranked if pushes[head] >= PUSHES_FROM]

    def as_json(self) -> dict[str, Any]:
        """The part `target` of the answer of `POST /api/ablate`."""
        return {
            "token": self.target.label,
            "token_id": self.target.id,
            "before": _standing_json(self.before),
            "after": _standing_json(self.after),
            "push": self.push,
            "controls": [
                {"heads": [list(head) for head in draw.heads], "change": draw.change, "prob": draw.prob}
                for draw in self.controls
            ],
            "is_cause": self.verdict.is_cause,
            "meaning": self.verdict.sentence,
        }


def sign_of(role: str) -> int:
    """Which way a role's heads push a word: -1 for a role that holds back, else 1."""
    measure = writing_roles().get(role)
    return 1 if measure is None else measure.write.sign


def measure_word_cause(
    loaded: LoadedModel,
    ids: Sequence[int],
    target_id: int,
    heads: HeadSet,
    draws: Sequence[HeadSet],
    method: Method,
    replacement: torch.Tensor | None,
    sign: int = 1,
    progress: Progress | None = None,
) -> WordCause:
    """One word after the last of these tokens; all heads on, the heads off, and every draw off in one batched pass.

    Args: as `switch_off`; target_id: of the word. sign: as `WordCause`.
    """
    logits, residual = read_without(loaded, ids, [(), heads, *draws], replacement, progress or nobody_asks)
    before, after, *others = standings(logits, target_id)
    parts = parts_or_none(loaded, residual)
    push = pushes = None
    if parts is not None:
        here = None if replacement is None else replacement[:, :, -1]
        push = -float(parts.direct_logit(parts.change_without(heads, here), target_id))
        pushes = parts.direct_logit(parts.heads, target_id).numpy()
    return WordCause(
        heads=heads,
        method=method,
        position=len(ids) - 1,
        target=tokens_from_ids(loaded.tokenizer, [target_id])[0],
        sign=sign,
        before=before,
        after=after,
        controls=tuple(
            WordDraw(draw, other.above - before.above, other.prob) for draw, other in zip(draws, others, strict=True)
        ),
        push=push,
        pushes=pushes,
    )


def standings(logits: torch.Tensor, target_id: int) -> list[Standing]:
    """How a word stands in each row. Args: logits: [row, vocabulary]."""
    double = logits.double()
    above = double[:, target_id] - double.mean(dim=-1)
    probs = (double[:, target_id] - double.logsumexp(dim=-1)).exp()
    return [Standing(*pair) for pair in zip(above.tolist(), probs.tolist(), strict=True)]


def _standing_json(standing: Standing) -> dict[str, float]:
    return {"logit_above_mean": standing.above, "prob": standing.prob}
