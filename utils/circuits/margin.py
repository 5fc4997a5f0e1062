"""Who writes what a head goes by: the margin of its right keys over all others, shared out among earlier parts.

On random tokens said twice, a head that looks at earlier copies scores its right keys T(q) higher than the rest. By how
much, in logits before the softmax, is its **margin**: the mean over rows q of the second copy of

    query(q) · (mean key at T(q) - mean key at 1 … q)

Position 0 is left out, since heads rest there. The query is the model's own. A key is linear in the stream once all
norms are frozen at the scale they have on the text (`frozen_reading.py`), and the stream is a sum of what embedding,
heads, MLPs and biases wrote. So each part has its share, and **the shares add up to the margin**. That tells what a
head does read on such texts, where weights alone (`composition.py`) tell what it could; what breaks without a writer
only switching it off can tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from utils.heads import HeadId
from utils.roles import ROLES

if TYPE_CHECKING:
    from utils.circuits.composition import Composition

MOSTLY = 0.5  # of a margin; where MLPs write more than that, no pair of heads tells the story


@dataclass(frozen=True)
class Written:
    """What one writer brings to a reader's margin. logits: below 0 where it speaks against the right keys. share: of
    the margin, None where the reader has none."""

    writer: HeadId
    reader: HeadId
    logits: float
    share: float | None


@dataclass(frozen=True, eq=False)
class ReaderMargin:
    """One head that has a job with copies, all in logits.

    Args: role: the job, by key. margin: by how much it prefers its right keys. writers: [layer, head] of all earlier
    layers, what each head writes of it. embedding: tokens and learned positions. mlps: all MLPs of earlier layers.
    other: biases. writers, embedding, mlps and other add up to the margin, but for rounding.
    """

    reader: HeadId
    role: str
    margin: float
    writers: np.ndarray
    embedding: float
    mlps: float
    other: float

    def written_by(self, writer: tuple[int, int]) -> Written:
        """One writer's part. Raises: IndexError for a head that is not in an earlier layer."""
        logits = float(self.writers[tuple(writer)])
        return Written(HeadId(*writer), self.reader, logits, logits / self.margin if self.margin > 0 else None)

    def ranked(self) -> list[Written]:
        """All earlier heads, the one that writes most first; empty for a reader of the first layer."""
        n_heads = self.writers.shape[1]
        order = np.argsort(-self.writers, axis=None, kind="stable").tolist()
        return [self.written_by(divmod(index, n_heads)) for index in order]

    def as_json(self, weights: Composition) -> dict[str, object]:
        """The API's answer, but for the model's name. Args: weights: all K-pairs of the model."""
        return {
            "layer": self.reader.layer,
            "head": self.reader.head,
            "role": self.role,
            "margin": self.margin,
            "writers": [
                {
                    "layer": part.writer.layer,
                    "head": part.writer.head,
                    "logits": part.logits,
                    "share": part.share,
                    "weight_score": fit.score,
                    "breadth": fit.breadth,
                }
                for part in self.ranked()
                for fit in [weights.fit(part.writer, self.reader)]
            ],
            "embedding": self.embedding,
            "mlps": self.mlps,
            "other": self.other,
            "sentence": self.sentence(),
        }

    def sentence(self) -> str:
        """Who writes most of what the head goes by. A share is no cause, so none is claimed."""
        first, whole = self.first, f"of {self.margin:.1f} logits"
        if self.margin <= 0:
            return f"On random tokens said twice, {self.reader} prefers other keys than those of its job."
        sources = (("through MLPs", self.mlps), ("from the tokens themselves", self.embedding))
        for source, logits in sources:
            if logits > MOSTLY * self.margin:
                most = f" Of the heads, {first.writer} writes most: {first.logits:.1f}." if first is not None else ""
                return f"{self.reader}’s preference comes mostly {source}: {logits:.1f} {whole}.{most}"
        if first is None:
            return f"No earlier head writes {self.reader}’s preference."
        if first.logits > self.margin:
            rest = f"others take it down to {self.margin:.1f}"
            return f"{first.writer} writes {first.logits:.1f} logits of {self.reader}’s preference; {rest}."
        return f"{first.writer} writes {first.logits:.1f} {whole} of {self.reader}’s preference."

    @property
    def first(self) -> Written | None:
        """The head that writes most of the margin; None where no earlier head writes any."""
        ranked = self.ranked()
        return ranked[0] if self.margin > 0 and ranked and ranked[0].logits > 0 else None


@dataclass(frozen=True, eq=False)
class Margins:
    """The margins of the heads that have a job with copies, on n_texts texts of n_tokens random tokens, said twice."""

    readers: Mapping[HeadId, ReaderMargin]
    n_texts: int
    n_tokens: int


def copying_job(roles: Iterable[str]) -> str | None:
    """The first of a head's jobs that is about earlier copies, by key: the one that has a margin. None without any."""
    return next((role for role in roles if ROLES[role].measure.copy_offset is not None), None)


def copying_readers(roles: Mapping[HeadId, tuple[str, ...]]) -> dict[HeadId, str]:
    """The heads with a margin, and the job it is of, by layer and head. Args: roles: of each head, main one first."""
    found = ((head, copying_job(held)) for head, held in sorted(roles.items()))
    return {head: job for head, job in found if job is not None}
