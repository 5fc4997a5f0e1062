"""Switch heads off on one text and see what becomes of the next token; beside it, the same for other heads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from utils.errors import Notice, UserError
from utils.experiments.controls import ControlLayers, HeadSet
from utils.experiments.distribution import Guess, guesses, kl_nats, top_ids
from utils.experiments.questions import Method
from utils.experiments.residual_parts import ResidualParts, has_final_norm, parts_at_the_end
from utils.experiments.scan import TOKENS_AT_ONCE
from utils.experiments.verdict import Measured, Verdict, judge
from utils.models.loader import LoadedModel
from utils.pyvene_engine import ResidualStream, ablate_beside_residual, ablate_heads
from utils.result_cache import Progress, nobody_asks

N_GUESSES = 10


@dataclass(frozen=True)
class ControlDraw:
    """Other heads, off in the same way. first_prob: what is left of the probability of the first guess."""

    heads: HeadSet
    kl_nats: float
    first_prob: float


@dataclass(frozen=True, eq=False)
class SwitchOff:
    """What comes after one token with heads on and off.

    Args: position: of that token, from the front. before: the ten likeliest next tokens; after: the same tokens, in
    the same order. kl_nats: KL(before || after). direct_kl_nats: the same if only what these heads write themselves
    changed and no later part noticed, the scale of the final norm included; None where that cannot be told.
    control_layers: where the heads of `controls` come from.
    """

    heads: HeadSet
    method: Method
    position: int
    before: tuple[Guess, ...]
    after: tuple[Guess, ...]
    kl_nats: float
    controls: tuple[ControlDraw, ...]
    direct_kl_nats: float | None
    notices: tuple[Notice, ...] = field(default=())
    control_layers: ControlLayers = field(default_factory=ControlLayers)

    @property
    def verdict(self) -> Verdict:
        """What it means, in one sentence."""
        return judge(
            Measured(
                n_heads=len(self.heads),
                kl_nats=self.kl_nats,
                direct_kl_nats=self.direct_kl_nats,
                first_prob=self.after[0].prob,
                control_kl_nats=tuple(draw.kl_nats for draw in self.controls),
                control_first_probs=tuple(draw.first_prob for draw in self.controls),
                control_words=self.control_layers.words,
            )
        )

    def as_json(self) -> dict[str, Any]:
        """The answer of `POST /api/ablate`."""
        return {
            "before": [_guess_json(guess) for guess in self.before],
            "after": [_guess_json(guess) for guess in self.after],
            "kl_nats": self.kl_nats,
            "controls": [
                {"heads": [list(head) for head in draw.heads], "kl_nats": draw.kl_nats} for draw in self.controls
            ],
            "controls_from": list(self.control_layers.drawn),
            "meaning": self.verdict.sentence,
            "notices": [{"sentence": notice.sentence, "hint": notice.hint} for notice in self.notices],
        }


def switch_off(
    loaded: LoadedModel,
    ids: Sequence[int],
    heads: HeadSet,
    draws: Sequence[HeadSet],
    method: Method,
    replacement: torch.Tensor | None,
    progress: Progress | None = None,
) -> SwitchOff:
    """What comes after the last of these tokens; all heads on, the heads off, and every draw off in one batched pass.

    Tokens after it could not change the answer, since attention looks back only. What the heads write directly is told
    from the same pass; a long text takes more than one.
    Args: heads, draws: checked. replacement: [layer, head, position, d_head] for these positions, None for zeros.
    progress: called with rows read and rows in all; an exception of its own ends the experiment.
    """
    logits, residual = read_without(loaded, ids, [(), heads, *draws], replacement, progress or nobody_asks)
    likeliest = top_ids(logits[0], N_GUESSES)
    divergences = kl_nats(logits[0], logits[1:]).tolist()
    others = logits[2:].double()
    first_probs = (others[:, likeliest[0]] - others.logsumexp(dim=-1)).exp().tolist()
    return SwitchOff(
        heads=heads,
        method=method,
        position=len(ids) - 1,
        before=guesses(loaded, logits[0], likeliest),
        after=guesses(loaded, logits[1], likeliest),
        kl_nats=divergences[0],
        controls=tuple(map(ControlDraw, draws, divergences[1:], first_probs)),
        direct_kl_nats=_direct_kl(loaded, residual, heads, replacement),
    )


def read_without(
    loaded: LoadedModel,
    ids: Sequence[int],
    rows: Sequence[HeadSet],
    replacement: torch.Tensor | None,
    progress: Progress,
) -> tuple[torch.Tensor, ResidualStream | None]:
    """The logits after the last token with each of these heads off, [row, vocabulary], and the residual stream of the
    first row; None for a model without a final norm. Args: rows: the first two go into one batch."""
    text = torch.tensor([list(ids)])
    n_at_once = max(2, TOKENS_AT_ONCE // len(ids))
    logits, residual = [], None
    for begin in range(0, len(rows), n_at_once):
        off = rows[begin : begin + n_at_once]
        batch = text.expand(len(off), -1)
        if begin == 0 and has_final_norm(loaded):
            found, residual = ablate_beside_residual(loaded, batch, off, replacement)
        else:
            found = ablate_heads(loaded, batch, off, replacement, only_last_logits=True).logits[:, -1]
        logits.append(found)
        progress(begin + len(off), len(rows))
    return torch.cat(logits), residual


def parts_or_none(loaded: LoadedModel, residual: ResidualStream | None) -> ResidualParts | None:
    """The last token's residual, taken apart; None where that cannot be done."""
    try:
        return None if residual is None else parts_at_the_end(loaded, residual)
    except UserError:
        return None


def _direct_kl(
    loaded: LoadedModel, residual: ResidualStream | None, heads: HeadSet, replacement: torch.Tensor | None
) -> float | None:
    parts = parts_or_none(loaded, residual)
    if parts is None:
        return None
    here = None if replacement is None else replacement[:, :, -1]
    return float(kl_nats(parts.logits, parts.logits_without(heads, here)))


def _guess_json(guess: Guess) -> dict[str, Any]:
    return {"token": guess.token.label, "token_id": guess.token.id, "prob": guess.prob, "logit": guess.logit}
