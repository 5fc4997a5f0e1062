"""The test of every head of a model: what it writes of single words, and whether it passes on names.

A word's value is the head's value at that word, at the end of four neutral carriers ("They said Monday"), on average.
It comes from the stream as it is there and not from the embedding: with tied weights the raw embedding would make
copiers of heads that never see it. The mean over all tested words is the head's own mean.

- copying, holding back: the share of tested words whose own column is the largest, or the smallest;
- next in a list: the share of list items after which the next item is the largest column, the item's own left out.
  Beside it stands the same for the item before;
- passing on a name: 64 generated sentences that ask for one of two names; the attention from the last token to names
  that hit, on average. Only for a model that prefers the right name in 80 % of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch

from utils.errors import UserError
from utils.measures.figures import RoleScores
from utils.measures.reading import Reading
from utils.measures.written import Write
from utils.models.loader import LoadedModel
from utils.numbers_in_text import percent_words
from utils.pyvene_engine import capture_patterns, capture_values
from utils.roles import writing_roles
from utils.scoring import ScorePool
from utils.tokens import tokens_from_ids
from utils.writing.measured import WritingMeasured
from utils.writing.tables import WritingTables, writing_tables
from utils.writing.text_writing import hits_of, write_out
from utils.writing.values import require_told, values_of
from utils.writing.word_tokens import FEWEST_NAMES, FEWEST_WORDS, SPACED, ListTokens, WordTokens, word_tokens
from utils.writing.words import CARRIERS, N_NAME_SENTENCES, NAME_TEMPLATES, NAMES

TEXTS_AT_ONCE = 32
SOLVED_FROM = 0.8  # of the sentences
FEW_WORDS = "This model reads too few of the test words as one token, so this job cannot be tested."
FEW_ITEMS = "This model’s tokens cut days, months and numbers apart, so this job cannot be tested."
FEW_NAMES = "This model reads too few first names as one token, so this job cannot be tested."

AfterText = Callable[[int], object]


def measure_writing(loaded: LoadedModel, seed: int, after_text: AfterText = lambda _n_tokens: None) -> WritingMeasured:
    """Test every head of a model. Args: after_text: called with the tokens read, after each part; may raise to stop."""
    roles = writing_roles()
    try:
        require_told(loaded)
    except UserError as refusal:
        return WritingMeasured({}, dict.fromkeys(roles, refusal.sentence))
    words = word_tokens(loaded.tokenizer)
    if len(words.common) < FEWEST_WORDS:
        return WritingMeasured({}, dict.fromkeys(roles, FEW_WORDS))
    values = word_values(loaded, words, after_text)
    tables = writing_tables(loaded, values.mean(dim=2).numpy(), words)
    scores: dict[str, RoleScores] = {}
    untested: dict[str, str] = {}
    lists: dict[str, np.ndarray] = {}
    solved = None
    for key, measure in roles.items():
        if measure.only_names:
            passed, solved, problem = _on_names(loaded, tables, key, seed, after_text)
            scores |= {key: passed} if passed is not None else {}
            untested |= {key: problem} if problem else {}
        elif measure.write is not Write.NEXT:
            scores[key] = _on_own_tokens(tables, values, measure.write)
        elif words.testable_lists:
            scores[key], lists = _on_lists(tables, values)
        else:
            untested[key] = FEW_ITEMS
    return WritingMeasured(scores, untested, lists, tables.mean_values.numpy(), len(words.columns), solved)


def word_values(loaded: LoadedModel, words: WordTokens, after_text: AfterText) -> torch.Tensor:
    """The value of every tested word, the mean over the carriers: [layer, value_head, column, d_head]."""
    total: torch.Tensor | None = None
    for carrier in CARRIERS:
        front = _before(loaded, carrier)
        texts = torch.tensor([[*front, token_id] for token_id in words.columns])
        found = torch.cat([_last_values(loaded, part, after_text) for part in texts.split(TEXTS_AT_ONCE)], dim=2)
        total = found if total is None else total + found
    assert total is not None
    return total / len(CARRIERS)


def n_tokens_to_read(loaded: LoadedModel) -> int:
    """How many tokens the test reads; about how many of names. None where nothing can be tested."""
    words = word_tokens(loaded.tokenizer)
    if len(words.common) < FEWEST_WORDS:
        return 0
    n_names = N_NAME_SENTENCES * 16 if len(words.names) >= FEWEST_NAMES else 0
    return sum(len(words.columns) * (1 + len(_before(loaded, carrier))) for carrier in CARRIERS) + n_names


def _before(loaded: LoadedModel, carrier: str) -> list[int]:
    """What stands before a tested word."""
    return [*loaded.start_ids, *loaded.tokenizer.encode(carrier, add_special_tokens=False)]


def _last_values(loaded: LoadedModel, texts: torch.Tensor, after_text: AfterText) -> torch.Tensor:
    """The values at the last token of each text, [layer, value_head, text, d_head]."""
    made = capture_values(loaded, texts)
    found = [torch.from_numpy(values_of(loaded, made, text).values[:, :, -1]) for text in range(len(texts))]
    after_text(texts.numel())
    return torch.stack(found, dim=2)


def _centred(tables: WritingTables, values: torch.Tensor) -> Iterator[torch.Tensor]:
    """Logits of every tested word, about the head's mean: [head, word, column], a layer at a time."""
    n_each = tables.to_logits.shape[1] // values.shape[1]
    for own, mean, to_logits in zip(values, tables.mean_values, tables.to_logits, strict=True):
        yield (own - mean[:, None]).repeat_interleave(n_each, dim=0) @ to_logits


def _on_own_tokens(tables: WritingTables, values: torch.Tensor, write: Write) -> RoleScores:
    own = torch.arange(values.shape[2])
    hits = torch.stack([hits_of(write, logits, own, own) for logits in _centred(tables, values)])
    return _scores(tables, hits)


def _scores(tables: WritingTables, hits: torch.Tensor, backwards: np.ndarray | None = None) -> RoleScores:
    """Args: hits: bool [layer, head, word]."""
    score = hits.float().mean(dim=-1).double().numpy()
    return replace(RoleScores.of(hits.shape[-1], score, 1 / len(tables.words.columns)), backwards=backwards)


def _on_lists(tables: WritingTables, values: torch.Tensor) -> tuple[RoleScores, dict[str, np.ndarray]]:
    """Of all items of all lists, and of every list."""
    forward = {each.about.name: _hits_on(tables, values, each, True) for each in tables.words.testable_lists}
    backward = [_hits_on(tables, values, each, False) for each in tables.words.testable_lists]
    before = torch.cat(backward, dim=-1).float().mean(dim=-1).double().numpy()
    lists = {name: hits.float().mean(dim=-1).double().numpy() for name, hits in forward.items()}
    return _scores(tables, torch.cat(list(forward.values()), dim=-1), before), lists


def _hits_on(tables: WritingTables, values: torch.Tensor, each: ListTokens, forward: bool) -> torch.Tensor:
    """Whether the item after, or before, is pushed up most: bool [layer, head, item]."""
    place_of = {token_id: place for place, token_id in enumerate(tables.words.columns)}
    steps = [(place_of[item], place_of[target]) for item, target in each.steps(forward)]
    own, targets = torch.tensor([step[0] for step in steps]), torch.tensor([step[1] for step in steps])
    return torch.stack([hits_of(Write.NEXT, logits[:, own], own, targets) for logits in _centred(tables, values)])


def _on_names(
    loaded: LoadedModel, tables: WritingTables, role: str, seed: int, after_text: AfterText
) -> tuple[RoleScores | None, float | None, str]:
    """The scores, the share of sentences in which the model prefers the right name, and why there are no scores."""
    if len(tables.words.names) < FEWEST_NAMES:
        return None, None, FEW_NAMES
    pool, n_right = ScorePool([role]), 0
    sentences = name_sentences(loaded, seed)
    for ids, right, wrong in sentences:
        capture = capture_patterns(loaded, torch.tensor([ids]), only_last_logits=True, with_values=True)
        logits = capture.logits[0, -1]
        n_right += bool(logits[right] > logits[wrong])
        tokens = tokens_from_ids(loaded.tokenizer, ids, has_start_mark=loaded.start_mark_id is not None)
        guess = tokens_from_ids(loaded.tokenizer, [int(logits.argmax())])[0]
        writing = write_out(loaded, tables, tokens, values_of(loaded, capture.made), guess)
        pool.add(Reading(np.array(ids), capture.patterns[0].numpy(), windows=loaded.windows, writing=writing), [role])
        after_text(len(ids))
    solved = n_right / len(sentences)
    return (pool.result()[role], solved, "") if solved >= SOLVED_FROM else (None, solved, _not_solved(solved))


def _not_solved(solved: float) -> str:
    return (
        "This model does not solve the name task: it prefers the right one of two names in "
        f"{percent_words(solved)} of the test "
        "sentences, and 80 % are needed to tell which heads pass it on."
    )


def name_sentences(loaded: LoadedModel, seed: int) -> list[tuple[list[int], int, int]]:
    """Sentences that ask for one of two names, as ids, each with the right name and the wrong one.

    A sentence begins with a space where the model reads it in fewer tokens so.
    """
    tokenizer, rng = loaded.tokenizer, np.random.default_rng(seed)

    def encode(text: str) -> list[int]:
        return min((tokenizer.encode(before + text, add_special_tokens=False) for before in ("", SPACED)), key=len)

    whole = [name for name in NAMES if len(tokenizer.encode(SPACED + name, add_special_tokens=False)) == 1]
    found = []
    for place in range(N_NAME_SENTENCES):
        first, second = (whole[index] for index in rng.choice(len(whole), size=2, replace=False))
        subject, right = (first, second) if rng.integers(2) else (second, first)
        text = NAME_TEMPLATES[place % len(NAME_TEMPLATES)].format(a=first, b=second, s=subject)
        right_id, wrong_id = (tokenizer.encode(SPACED + name, add_special_tokens=False)[0] for name in (right, subject))
        found.append(([*loaded.start_ids, *encode(text)], right_id, wrong_id))
    return found
