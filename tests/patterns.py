"""Hand-made attention patterns with known answers, for tests: every one is causal and its rows sum to 1."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from scripts.calibrate import causal_pattern, independent
from utils.measures.attention_to import AttentionTo
from utils.measures.figures import RoleScores
from utils.measures.reading import Need, Reading
from utils.roles import ROLES, compared_roles
from utils.scoring import as_ids, check_patterns, evidence_for, score_text
from utils.tokens import Token

SET_ROLES = tuple(key for key, role in compared_roles().items() if role.measure.needs == {Need.PATTERNS})
PATTERN_ROLES = {key: role for key, role in ROLES.items() if role.measure.needs == {Need.PATTERNS}}


def score_heads(patterns: np.ndarray, tokens) -> Mapping[str, RoleScores]:
    """The scores of every head on one text for every role that patterns can tell, the patterns checked first."""
    check_patterns(patterns, len(tokens))
    return score_text(Reading(as_ids(tokens), patterns)).roles


def random_patterns(n_heads: int, n: int, std: float, seed: int) -> np.ndarray:
    """Heads with independent normal random logits: [n_heads, n, n]."""
    return independent(std)(np.random.default_rng(seed), n_heads, n)


def even_pattern(n: int) -> np.ndarray:
    """A head that gives every key in sight the same weight."""
    return causal_pattern(np.zeros((n, n)))


def ideal_pattern(role_key: str, tokens, split: bool = True) -> np.ndarray:
    """A head that does one set role perfectly where it can, and attends evenly elsewhere.

    split: share a row's mass among all its targets; otherwise give it all to the latest one.
    """
    measure = ROLES[role_key].measure
    assert isinstance(measure, AttentionTo)
    pattern = even_pattern(len(tokens))
    targets = measure.predicts(np.asarray(tokens)).targets if split else evidence_for(role_key, tokens).targets
    for query_pos, row in enumerate(targets):
        keys = np.flatnonzero(row) if split else np.flatnonzero(row)[-1:]
        if len(keys):
            pattern[query_pos] = 0
            pattern[query_pos, keys] = 1 / len(keys)
    return pattern


def text_tokens(*words: str, start: bool = False) -> tuple[Token, ...]:
    """Tokens with an id per distinct text; a leading space belongs to the token, as in GPT-2."""
    texts = [*(["<start>"] if start else []), *words]
    ids = {text: index for index, text in enumerate(dict.fromkeys(texts))}
    return tuple(
        Token(
            id=ids[text],
            text=text,
            label="start" if start and position == 0 else text.replace(" ", "·"),
            word="start" if start and position == 0 else text.strip() or "·",
            is_start=start and position == 0,
        )
        for position, text in enumerate(texts)
    )
