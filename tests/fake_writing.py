"""The service without a model, with heads that write: hand-made hits and pushes on top of the hand-made patterns.

`WritingHeadlight` stands in for `FakeHeadlight` where a page has to show jobs of writing. Two of its copying heads are
heads of induction, so copying is a second job there. Its other model has no head that goes on in a list, and cannot be
tested for names. The heads that only write look at names, days and numbers, and rest where a text has none.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from tests.catalogues import catalogue_from_scores
from tests.fake_service import (
    CATALOGUE_TEXT,
    MODEL,
    N_HEADS,
    N_LAYERS,
    OTHER_MODEL,
    FakeHeadlight,
    fake_forward,
    make_token,
)
from utils.catalogue.schema import Category, ModelCatalogue, SuggestedPrompt
from utils.forward_pass import ForwardPass, Prediction
from utils.heads import HeadId
from utils.measures.figures import RoleScores
from utils.measures.written import Write, Writing, Written
from utils.roles import ROLES, writing_roles
from utils.scoring import score_text
from utils.tokens import Token
from utils.writing.measured import WritingMeasured
from utils.writing.words import LISTS, NAMES

TWO_NAMES = "Then Anna and Peter had a long talk. Anna handed the letter to"
DAYS = "Monday, Tuesday, Wednesday,"
NO_NAMES_HERE = "This model does not solve the name task, so nobody can tell which of its heads do it."
N_COLUMNS = 240
PUSH = 2.5  # logits at full attention
LOOKS = 4.0  # the logit by which a head that only writes favours what it looks at

WRITERS: dict[HeadId, dict[str, float]] = {
    HeadId(2, 3): {"copying": 0.92},
    HeadId(3, 1): {"copying": 0.71},
    HeadId(3, 3): {"copying": 0.85, "name_mover": 0.80},
    HeadId(3, 4): {"name_mover": 0.55},
    HeadId(3, 7): {"copy_suppression": 0.73},
    HeadId(3, 2): {"successor": 0.88},
}
ONLY_WRITERS = (HeadId(3, 3), HeadId(3, 4), HeadId(3, 7), HeadId(3, 2))


class WritingHeadlight(FakeHeadlight):
    """`FakeHeadlight` whose heads also write."""

    def catalogue(self, model: str) -> ModelCatalogue | None:
        return writing_catalogue(model) if model in (MODEL, OTHER_MODEL) else None

    def forward(self, model: str, prompt: str) -> ForwardPass:
        return with_writing(super().forward(model, prompt))


def writers_of(model: str) -> dict[HeadId, dict[str, float]]:
    """Which head of a model writes how, with the score of its catalogue."""
    gone = ("successor", "name_mover") if model == OTHER_MODEL else ()
    return {head: {key: each for key, each in jobs.items() if key not in gone} for head, jobs in WRITERS.items()}


def with_writing(forward: ForwardPass) -> ForwardPass:
    """A hand-made forward pass with what its heads would write. The model guesses a name where names stand before a
    last "to"."""
    names = [token for token in forward.tokens if token.word in NAMES]
    guesses = forward.predictions
    if names and forward.tokens[-1].word == "to":
        guesses = (Prediction(make_token(f" {names[-1].word}"), 0.51), *guesses[1:])
    patterns = _patterns(forward)
    return replace(
        forward,
        patterns=patterns,
        predictions=guesses,
        writing=fake_writing(forward.model_name, forward.tokens, guesses[0].token),
    )


def fake_writing(model: str, tokens: tuple[Token, ...], guess: Token) -> Writing:
    """What the heads of a model would write of these tokens: every token that counts is a hit of `writers_of` it."""
    counts = np.array([place > 0 and not token.is_start for place, token in enumerate(tokens)])
    following = tuple(_next(token) for token in tokens)
    measures = writing_roles()
    ways = {}
    for write in Write:
        targets = following if write is Write.NEXT else tokens
        has_target = counts & np.array([target is not None for target in targets])
        writers = [
            head for head, jobs in writers_of(model).items() if any(measures[key].write is write for key in jobs)
        ]
        hits = np.zeros((N_LAYERS, N_HEADS, len(tokens)), dtype=bool)
        logits = np.zeros(hits.shape, dtype=np.float32)
        for head in writers:
            hits[head], logits[head] = has_target, has_target * write.sign * PUSH
        shown = tuple(target if has else None for target, has in zip(targets, has_target, strict=True))
        ways[write] = Written(has_target, shown, hits, logits)
    is_name = np.array([token.word in NAMES for token in tokens])
    scale = np.ones((N_LAYERS, len(tokens)), dtype=np.float32)
    asks = np.append((counts & is_name)[1:], guess.word in NAMES)
    return Writing(ways, scale, counts & is_name, guess, asks, N_COLUMNS)


@cache
def writing_catalogue(model: str) -> ModelCatalogue:
    """The catalogue of the fake heads, with their writing."""
    forward = with_writing(fake_forward(model, CATALOGUE_TEXT, 512))
    looking = {key: scores for key, scores in score_text(forward.reading).roles.items() if not ROLES[key].is_writing}
    untested = {"name_mover": NO_NAMES_HERE} if model == OTHER_MODEL else {}
    scores = {key: _scores(model, key) for key in writing_roles() if key not in untested}
    mean_values = np.zeros((N_LAYERS, 1, 2), dtype=np.float32)
    measured = WritingMeasured(scores, untested, {"days": scores["successor"].score}, mean_values, N_COLUMNS, 0.9)
    catalogue = catalogue_from_scores(looking, model, measured)
    texts = {"copying": TWO_NAMES, "name_mover": TWO_NAMES, "copy_suppression": TWO_NAMES, "successor": DAYS}
    categories = {
        key: _with_prompt(category, texts[key]) if texts.get(key) else category
        for key, category in catalogue.categories.items()
    }
    return catalogue.model_copy(update={"categories": categories})


def _with_prompt(category: Category, text: str) -> Category:
    of = len(category.top_heads)
    prompts = [SuggestedPrompt(text=text, lights=of, of=of)] if of else []
    first = prompts[0] if prompts else None
    return category.model_copy(update={"suggested_prompt": first, "suggested_prompts": prompts})


def _scores(model: str, role: str) -> RoleScores:
    score = np.zeros((N_LAYERS, N_HEADS))
    for head, jobs in writers_of(model).items():
        score[head] = jobs.get(role, 0.0)
    scores = RoleScores.of(30, score, 1 / N_COLUMNS)
    return replace(scores, backwards=np.zeros_like(score)) if role == "successor" else scores


def _patterns(forward: ForwardPass) -> np.ndarray:
    """Heads that only write look at names and at items of lists, most at the last that stands there once, and rest
    where there is none."""
    words = [token.word for token in forward.tokens]
    wanted = [LOOKS + 2 * (words.count(token.word) == 1) for token in forward.tokens]
    counts = [token.word in NAMES or _next(token) is not None for token in forward.tokens]
    logits = np.where(counts, np.array(wanted) + 0.3 * np.arange(len(words)), -LOOKS)
    logits[0] = LOOKS - 1
    row = np.tril(np.broadcast_to(np.exp(logits), (len(logits), len(logits))))
    patterns = forward.patterns.copy()
    for head in ONLY_WRITERS:
        patterns[head] = row / row.sum(axis=1, keepdims=True)
    patterns.setflags(write=False)
    return patterns


def _next(token: Token) -> Token | None:
    """What follows a token in an ordered list."""
    for each in LISTS:
        if token.word in each.items[:-1]:
            return make_token(f" {each.items[each.items.index(token.word) + 1]}")
    return None
