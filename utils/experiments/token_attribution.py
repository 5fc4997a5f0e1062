"""Which tokens a guess leans on: integrated gradients from a text of average tokens to the real one.

Sundararajan et al. 2017, "Axiomatic Attribution for Deep Networks", by Captum. The embeddings of all typed tokens are
moved in a straight line from a baseline to what they are; on the way each token collects what the log-probability of
the first guess gains with it. What the tokens collect adds up to the whole gain (*completeness*), up to the error of
counting in steps, which is measured each time.

- **Log-probability** and not logit: adding the same to every logit changes no guess, and would change a logit.
- **The baseline** is, for every typed token, the mean of all embeddings of the vocabulary: a token of the usual kind
  that is no token in particular. Zeros are no such thing: where nothing but tokens is in the stream, as with rotary
  positions, the first norm jumps at zero, and the sum then misses by more than the whole gain.
- **A start mark** stays as it is in both texts, since nobody typed it, and so gets nothing. **Learned positions** are
  added inside the model, alike in both texts, and get nothing either.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from captum.attr import IntegratedGradients

from utils.errors import Notice
from utils.experiments.distribution import Guess, guesses, top_ids
from utils.experiments.residual_parts import find_module
from utils.models.loader import LoadedModel
from utils.result_cache import Progress, nobody_asks

FIRST_STEPS = 64
MOST_TOKEN_STEPS = 8192  # steps x tokens: 256 steps of 32 tokens
TOKENS_AT_ONCE = 1024  # of one pass; others who use the model wait for one pass at most
VOCABULARY_PART = 8192  # tokens whose embeddings are read at once
GOOD_ERROR = 0.01  # of all contributions without their signs


@dataclass(frozen=True, eq=False)
class TokenAttribution:
    """What each token up to a position adds to the log-probability of the first guess after it.

    Args: position: of the last token that was read, from the front. first_guess: the likeliest next token.
    contributions: [position + 1] in nats, negative where a token makes the guess less likely; 0 at a start mark.
    log_prob, baseline_log_prob: of the first guess after the text, and after the baseline; natural logarithms.
    completeness_error: sum of the contributions less the difference of these two, in nats. n_steps: on the way.
    """

    position: int
    first_guess: Guess
    contributions: np.ndarray
    log_prob: float
    baseline_log_prob: float
    completeness_error: float
    n_steps: int
    notices: tuple[Notice, ...] = field(default=())

    @property
    def gain(self) -> float:
        """What the text adds to the log-probability of the guess, in nats."""
        return self.log_prob - self.baseline_log_prob

    @property
    def relative_error(self) -> float:
        """Size of the completeness error as a share of all contributions without their signs; 0 where all are 0."""
        return _share(self.completeness_error, self.contributions)


def attribute_tokens(
    loaded: LoadedModel,
    ids: Sequence[int],
    usual: torch.Tensor | None = None,
    progress: Progress | None = None,
) -> TokenAttribution:
    """The attribution of the first guess after the last of these tokens.

    Steps are doubled until the completeness error is below 1 % of what the tokens collect, or the text is too long
    for more. The model keeps no hook and no gradient of it, and is locked for one pass at a time.
    Args: usual: `usual_embedding` of the model, where it is known. progress: called with steps done and steps in all
    after each pass; all are those of the largest number of steps, until fewer have been enough.
    Raises: what `progress` raises.
    """
    text, baseline = _embeddings(loaded, ids, usual_embedding(loaded) if usual is None else usual)
    with torch.no_grad():
        ends = _logits(loaded, torch.cat([text, baseline]))
    target = top_ids(ends[0], 1)[0]
    log_prob, baseline_log_prob = torch.log_softmax(ends, dim=-1)[:, target].tolist()
    steps = _StepCount(len(ids), progress or nobody_asks)

    def function(embeddings: torch.Tensor) -> torch.Tensor:
        steps.begin(len(embeddings))
        return torch.log_softmax(_logits(loaded, embeddings), dim=-1)[:, target]

    for n_steps in steps.tried:
        contributions = _contributions(function, text, baseline, n_steps, max(1, TOKENS_AT_ONCE // len(ids)))
        error = float(contributions.sum()) - (log_prob - baseline_log_prob)
        if _share(error, contributions) <= GOOD_ERROR:
            break
    steps.end()
    return TokenAttribution(
        position=len(ids) - 1,
        first_guess=guesses(loaded, ends[0], [target])[0],
        contributions=contributions,
        log_prob=log_prob,
        baseline_log_prob=baseline_log_prob,
        completeness_error=error,
        n_steps=n_steps,
    )


class _StepCount:
    """How far an attribution is, told before each pass. tried: the numbers of steps, each twice the one before."""

    def __init__(self, n_tokens: int, progress: Progress):
        self.tried = [FIRST_STEPS]
        while 2 * self.tried[-1] * n_tokens <= MOST_TOKEN_STEPS:
            self.tried.append(2 * self.tried[-1])
        self._progress = progress
        self._n_all = sum(self.tried)
        self._n_begun = 0

    def begin(self, n_steps: int) -> None:
        self._progress(self._n_begun, self._n_all)
        self._n_begun += n_steps

    def end(self) -> None:
        self._progress(self._n_all, self._n_all)


def usual_embedding(loaded: LoadedModel) -> torch.Tensor:
    """The mean of all embeddings of the vocabulary, [d_model], as the model's own module gives them.

    The module is asked and not its weights read, because Gemma's scales what it reads.
    """
    module = find_module(loaded.model, loaded.family.embedding_path)
    with torch.no_grad():
        parts = [module(ids).sum(0) for ids in torch.arange(loaded.config.vocab_size).split(VOCABULARY_PART)]
        return torch.stack(parts).sum(0) / loaded.config.vocab_size


def _embeddings(loaded: LoadedModel, ids: Sequence[int], usual: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The embeddings of the text and the baseline, [1, position, d_model] each."""
    module = find_module(loaded.model, loaded.family.embedding_path)
    with loaded.lock, torch.no_grad():
        text = module(torch.tensor([list(ids)]))
    baseline = usual.expand_as(text).clone()
    if loaded.start_mark_id is not None:
        baseline[:, 0] = text[:, 0]
    return text, baseline


def _logits(loaded: LoadedModel, embeddings: torch.Tensor) -> torch.Tensor:
    """The logits after the last position, [batch, vocabulary]. Args: embeddings: [batch, position, d_model]."""
    with loaded.lock:
        outputs = loaded.model(inputs_embeds=embeddings, use_cache=False, logits_to_keep=1)
    return outputs.logits[:, -1].float()


def _contributions(
    function: Callable[[torch.Tensor], torch.Tensor],
    text: torch.Tensor,
    baseline: torch.Tensor,
    n_steps: int,
    n_at_once: int,
) -> np.ndarray:
    """What each position collects, [position]."""
    with torch.enable_grad():
        attributions = IntegratedGradients(function).attribute(
            text, baseline, n_steps=n_steps, internal_batch_size=n_at_once
        )
    collected: np.ndarray = attributions.sum(-1)[0].detach().numpy()
    return collected


def _share(error: float, contributions: np.ndarray) -> float:
    whole = float(np.abs(contributions).sum())
    return abs(error) / whole if whole else 0.0
