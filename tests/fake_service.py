"""A service without a model: heads that do their jobs by hand-made patterns, for tests of pages and callbacks.

Its heads are those of the design's pictures: three previous-token heads, three induction heads, and so on; none looks
at its own token. Everything from the patterns on (scores, decision, sentences) is the real code.
"""

from __future__ import annotations

import re
import zlib
from functools import cache

import numpy as np

from tests.catalogues import catalogue_from_scores
from tests.fake_experiments import as_experiments
from tests.patterns import causal_pattern
from utils.analysis import Analysis, analyze
from utils.catalogue.schema import ModelCatalogue, SuggestedPrompt
from utils.errors import Fix, Notice, UserError
from utils.forward_pass import ForwardPass, Prediction
from utils.heads import HeadId
from utils.measures.attention_to import AttentionTo
from utils.model_config import display_name_of, kind_of
from utils.models.loading import Loading
from utils.roles import ROLES
from utils.scoring import score_text
from utils.service import Headlight, ModelChoice
from utils.settings import Settings
from utils.tokens import Token

MODEL, OTHER_MODEL, MISSING_MODEL = "classroom-gpt2", "classroom-neox", "gpt2"
N_LAYERS, N_HEADS, D_HEAD = 4, 8, 16
HALF_WRITER = HeadId(0, 5)
REPEATING = "The old king lost his ring in the river. The old king lost his ring in the"
PLAIN = "A lonely sailor watched dark clouds gather over his boat"
CATALOGUE_TEXT = f"{REPEATING} river. {PLAIN}. One day {REPEATING} river again"

JOBS: dict[HeadId, dict[str, float]] = {
    HeadId(1, 4): {"previous_token": 6.0},
    HeadId(0, 6): {"previous_token": 4.2},
    HeadId(2, 6): {"induction": 5.0, "previous_token": 3.4},
    HeadId(2, 3): {"induction": 6.4, "positional": 3.2},
    HeadId(3, 1): {"induction": 5.6, "positional": 3.0},
    HeadId(0, 2): {"duplicate_token": 5.0},
    HeadId(1, 7): {"duplicate_token": 3.2},
    HeadId(3, 5): {"positional": 5.5},
    HeadId(2, 1): {"positional": 4.8},
    HeadId(3, 6): {"positional": 4.0},
    HeadId(2, 7): {"positional": 3.6},
    HeadId(0, 3): {"diffuse": 1.0},
    HeadId(1, 0): {"diffuse": 1.0},
}


class FakeHeadlight(Headlight):
    """`Headlight` with hand-made patterns in place of a model; everything else is its own."""

    def __init__(self, settings: Settings | None = None):
        self.settings = settings or Settings()
        self.asked: list[tuple[str, str]] = []
        self.experiments = as_experiments(self, make_token)

    def models(self) -> list[ModelChoice]:
        def choice(name: str, available: bool) -> ModelChoice:
            return ModelChoice(name, display_name_of(name), kind_of(name), available=available, catalogued=True)

        return [choice(MODEL, True), choice(OTHER_MODEL, True), choice(MISSING_MODEL, False)]

    def catalogue(self, model: str) -> ModelCatalogue | None:
        return fake_catalogue(model) if model in (MODEL, OTHER_MODEL) else None

    def forward(self, model: str, prompt: str) -> ForwardPass:
        self.asked.append((model, prompt))
        if model == MISSING_MODEL:
            fix = Fix("Use Classroom GPT-2", model=MODEL)
            raise UserError(
                "GPT-2 is not on this computer.", "It could not be downloaded either. Your text is safe.", 503, fix
            )
        if not prompt.strip():
            fix = Fix("Use an example", prompt=REPEATING)
            raise UserError("Type something to read.", "A sentence said twice lights the most heads.", fix=fix)
        return fake_forward(model, prompt, self.settings.max_tokens)

    def loading(self, model: str) -> Loading | None:
        return None

    def has_to_load(self, model: str) -> bool:
        return False

    def analyze(self, model: str, prompt: str) -> Analysis:
        return analyze(self.forward(model, prompt), self.catalogue(model))


@cache
def fake_forward(model: str, prompt: str, max_tokens: int) -> ForwardPass:
    """A forward pass over words, not word pieces, with the patterns of `JOBS`."""
    words = re.findall(r" ?\w+| ?[^\w\s]|\s", prompt)
    notices: tuple[Notice, ...] = ()
    if len(words) > max_tokens:
        left_out = f"The last {len(words) - max_tokens} tokens were left out."
        notices = (
            Notice(
                f"Your text was cut at {max_tokens} tokens. {left_out}",
                "A shorter text is read whole.",
                Fix("Edit the text"),
            ),
        )
        words = words[:max_tokens]
    tokens = tuple(make_token(word) for word in words)
    patterns = fake_patterns(np.array([token.id for token in tokens]), has_current=model == OTHER_MODEL)
    guesses = zip(
        (" river", " sea", " castle", " water", " forest", " hill"), (0.58, 0.09, 0.06, 0.05, 0.03, 0.002), strict=True
    )
    predictions = tuple(Prediction(make_token(word), prob) for word, prob in guesses)
    return ForwardPass(model, "".join(words), tokens, patterns, predictions, notices, fake_head_values(len(tokens)))


def fake_head_values(n: int) -> np.ndarray:
    """[layer, head, position, d_head] without meaning, but that one head writes into the first half of its numbers."""
    values = np.random.default_rng(3).standard_normal((N_LAYERS, N_HEADS, n, D_HEAD)).astype(np.float32)
    values[HALF_WRITER][:, D_HEAD // 2 :] *= 0.1
    return values


def fake_patterns(token_ids: np.ndarray, has_current: bool = False) -> np.ndarray:
    """[layer, head, query_pos, key_pos]: each head of `JOBS` favours the targets of its roles, the others wander."""
    jobs = JOBS | ({HeadId(1, 1): {"current_token": 6.0}} if has_current else {})
    return patterns_of(jobs, (N_LAYERS, N_HEADS), token_ids)


def patterns_of(jobs: dict[HeadId, dict[str, float]], shape: tuple[int, int], token_ids: np.ndarray) -> np.ndarray:
    """The same for any heads: a role's strength is the logit by which a head favours its targets."""
    n = len(token_ids)
    logits = 1.6 * np.random.default_rng(7).standard_normal((*shape, n, n))
    for head, strengths in jobs.items():
        logits[head] *= 0.05 if "diffuse" in strengths else 0.4
        for role, strength in strengths.items():
            measure = ROLES[role].measure
            if isinstance(measure, AttentionTo):
                logits[head] += strength * measure.predicts(token_ids).targets
    patterns = causal_pattern(logits).astype(np.float32)
    patterns.setflags(write=False)
    return patterns


@cache
def fake_catalogue(model: str) -> ModelCatalogue:
    """The catalogue of the fake heads, with two prompts per repetition role and one for the others."""
    forward = fake_forward(model, CATALOGUE_TEXT, 512)
    measured = catalogue_from_scores(score_text(forward.reading).roles, model)
    categories = {}
    for role, category in measured.categories.items():
        of = len(category.top_heads)
        texts = (REPEATING, "pearl lamp frog stone pearl lamp frog stone") if category.requires_repetition else (PLAIN,)
        prompts = [SuggestedPrompt(text=text, lights=of, of=of) for text in texts if of and role in ROLES]
        first = prompts[0] if prompts else None
        categories[role] = category.model_copy(update={"suggested_prompt": first, "suggested_prompts": prompts})
    return measured.model_copy(update={"categories": categories})


def make_token(text: str) -> Token:
    """A word of the hand-made model, a leading space kept."""
    word = text.strip(" ") or "·"
    names = {"\n": "⏎", "\t": "⇥"}
    return Token(
        zlib.crc32(text.encode()) % 50_000, text, names.get(text, text.replace(" ", "·")), names.get(word, word)
    )
