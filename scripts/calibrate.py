#!/usr/bin/env python3
"""How often does luck look like a job, and how often is a job seen? Known patterns, judged by the live decision.

    python scripts/calibrate.py            # writes docs/calibration.json and docs/calibration.svg

**False lamps.** Cards of eight heads that know nothing of the text: independent random logits (standard deviation 3 and
6), heads that prefer certain keys whatever the query (the same), and such heads that also rest. A card is lit when one
of its eight is active or here and there. Read are made-up texts in which one token comes again, and natural passages.
The rate must stay at or under 5 %. Even heads are none of that, and must never be lit.

**Jobs seen.** Ideal heads, which put all their looking on T(q) and rest with 0, half or 90 %: on made-up texts of n
different tokens that come twice. Luck cannot be ruled out on the shortest, so the figure shows from where on a card of
eight is lit.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from utils.activity import decide_role
from utils.catalogue.inputs import read_sentences
from utils.catalogue.suggestions import PLAIN_PROSE, REPEATING_LISTS, REPEATING_PROSE
from utils.measures.figures import RoleScores
from utils.measures.reading import Reading
from utils.measures.states import State
from utils.roles import ROLES, looking_roles
from utils.scoring import ScoredText, as_ids, score_text

LENGTHS = (6, 9, 20, 40, 100)
ON_CARD = 8
RESTS = (0.0, 0.5, 0.9)
LIMIT = 0.05
NATURAL = "natural"
DOCS = Path(__file__).resolve().parent.parent / "docs"
Draw = Callable[[np.random.Generator, int, int], np.ndarray]


def causal_pattern(logits: np.ndarray) -> np.ndarray:
    """Softmax over the keys that each query can see: [..., query_pos, key_pos]."""
    n = logits.shape[-1]
    masked = np.where(np.tril(np.ones((n, n), dtype=bool)), logits, -np.inf)
    weights = np.exp(masked - masked.max(axis=-1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


def independent(std: float) -> Draw:
    """Every cell has a normal random logit of its own."""
    return lambda rng, n_heads, n: causal_pattern(std * rng.standard_normal((n_heads, n, n)))


def key_driven(std: float) -> Draw:
    """A head has one normal random logit for every key, whatever the query."""

    def draw(rng: np.random.Generator, n_heads: int, n: int) -> np.ndarray:
        return causal_pattern(np.broadcast_to(std * rng.standard_normal((n_heads, 1, n)), (n_heads, n, n)))

    return draw


def resting(patterns: np.ndarray, share: float) -> np.ndarray:
    """The same looks, in the same proportions, with this share of every row left on the first token; a row that looks
    nowhere else leaves all there."""
    looks = patterns.copy()
    looks[..., 0] = 0
    total = looks.sum(axis=-1, keepdims=True)
    looks = np.divide((1 - share) * looks, total, out=looks, where=total > 0)
    looks[..., 0] = np.maximum(0.0, 1 - looks.sum(axis=-1))
    return looks


DRAWS: dict[str, Draw] = {
    "independent, sd 3": independent(3),
    "independent, sd 6": independent(6),
    "by key, sd 3": key_driven(3),
    "by key, sd 6": key_driven(6),
    "rests .7, by key, sd 3": lambda rng, n_heads, n: resting(key_driven(3)(rng, n_heads, n), 0.7),
}


def text_with_one_repeat(n: int, seed: int) -> np.ndarray:
    """Different token ids but for one that comes again, three tokens later or more and not at the first place."""
    token_ids = np.arange(n)
    rng = np.random.default_rng(seed)
    earlier = int(rng.integers(1, n - 4)) if n > 6 else 1
    later = int(rng.integers(earlier + 3, n))
    token_ids[later] = token_ids[earlier]
    return token_ids


def natural_texts() -> list[np.ndarray]:
    """The project's own prose, word by word: sentences, repeating texts, and passages of five sentences."""
    sentences = read_sentences()
    passages = [" ".join(sentences[first : first + 5]) for first in range(0, len(sentences) - 4, 2)]
    candidates = (*PLAIN_PROSE, *REPEATING_PROSE, *REPEATING_LISTS)
    texts = [*passages, *(candidate.text for candidate in candidates), *sentences]
    return [as_ids(text.lower().split()) for text in texts[:60]]


def unknown(n_heads: int, excess: float) -> RoleScores:
    """Heads that are catalogued at this excess."""
    catalogued = np.full((n_heads, 1), excess)
    return RoleScores(1, catalogued, 0.0, catalogued)


def states(scored: ScoredText, role: str, catalogued_excess: float = 0.0, on_card: int = ON_CARD) -> np.ndarray:
    """What the live decision says of heads [head, 1] on one text, object [head]."""
    usual = unknown(len(scored.reading.patterns), catalogued_excess)
    return decide_role(scored, role, usual, on_card).state[:, 0]


def lit_cards(state: np.ndarray) -> float:
    """Share of cards, eight heads each, on which one is lit."""
    is_lit = (state == State.ACTIVE) | (state == State.HERE_AND_THERE)
    return float(is_lit.reshape(-1, ON_CARD).any(axis=1).mean())


def false_lamps(n_texts: int, n_cards: int) -> dict[str, dict[str, dict[str, float]]]:
    """Share of cards of random heads that are lit: {role: {kind of head: {length or "natural": share}}}."""
    rates: dict[str, dict[str, dict[str, float]]] = {role: {kind: {} for kind in DRAWS} for role in looking_roles()}
    groups: dict[str, list[np.ndarray]] = {
        str(length): [text_with_one_repeat(length, seed) for seed in range(n_texts)] for length in LENGTHS
    } | {NATURAL: natural_texts()}
    for group, texts in (bar := tqdm(groups.items(), desc="false lamps")):
        bar.set_postfix(tokens=group)
        for kind, draw in DRAWS.items():
            rng = np.random.default_rng(len(group) + len(kind))
            found: dict[str, list[float]] = {role: [] for role in rates}
            for ids in texts:
                scored = score_text(Reading(ids, draw(rng, n_cards * ON_CARD, len(ids))[:, None]))
                for role in rates:
                    if scored.roles[role].n_rows:
                        found[role].append(lit_cards(states(scored, role)))
            for role, shares in found.items():
                rates[role][kind][group] = round(float(np.mean(shares)), 4)
    return rates


def ideal_pattern(targets: np.ndarray, rest: float) -> np.ndarray:
    """A head that puts all its looking on the targets, evenly, rests with the given share there, and looks nowhere
    else: [query_pos, key_pos]."""
    n = len(targets)
    n_targets = targets.sum(axis=1, keepdims=True)
    pattern = np.where(n_targets > 0, (1 - rest) * targets / np.maximum(n_targets, 1), 0.0)
    pattern[:, 0] += 1 - pattern.sum(axis=1)
    return pattern.reshape(n, n)


def said_twice(n: int) -> np.ndarray:
    """n different tokens, then the same once more."""
    return np.tile(np.arange(n), 2)


def jobs_seen() -> dict[str, dict[str, int]]:
    """How many tokens a text needs before an ideal head of a card of eight is active: {role: {rest: tokens}}."""
    return {
        role: {f"{rest:g}": next(n for n in _tokens_needed(role, rest)) for rest in RESTS} for role in looking_roles()
    }


def _tokens_needed(role: str, rest: float) -> Iterator[int]:
    repeats = ROLES[role].requires_repetition
    for n in range(3, 60):
        ids = said_twice(n)[: n + n // 2 + 1] if repeats else np.arange(n)
        reading = Reading(ids, ideal_pattern(ROLES[role].measure.evidence(ids).targets, rest)[None, None])
        scored = score_text(reading)
        if scored.roles[role].n_rows and states(scored, role, 1.0)[0] is State.ACTIVE:
            yield len(ids)


def draw_figure(rates: dict[str, dict[str, dict[str, float]]], seen: dict[str, dict[str, int]], path: Path) -> None:
    """One panel per role: share of lit cards of random heads over length, a line per kind, the 5 % limit, and from how
    many tokens on an ideal head is active."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "headlight"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(rates), figsize=(13, 3.4), sharey=True, layout="constrained")
    for axis, role in zip(axes, rates, strict=True):
        for kind, by_length in rates[role].items():
            axis.plot(LENGTHS, [100 * by_length[str(length)] for length in LENGTHS], "o-", label=kind, markersize=3)
        axis.axhline(100 * LIMIT, color="black", linestyle="--", linewidth=1)
        axis.axvline(seen[role]["0"], color="green", linewidth=1)
        axis.text(seen[role]["0"], 5.6, f" an ideal head is\n active from {seen[role]['0']}", color="green", fontsize=7)
        axis.set(title=ROLES[role].display_name, xlabel="tokens", xscale="log", ylim=(0, 7))
        axis.set_xticks(LENGTHS, [str(n) for n in LENGTHS])
        axis.minorticks_off()
    axes[0].set_ylabel("cards of 8 random heads that are lit, %")
    axes[0].legend(fontsize=6)
    figure.savefig(path, metadata={"Date": None})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=int, default=12, help="made-up texts per length")
    parser.add_argument("--cards", type=int, default=100, help="cards of eight random heads per text")
    parser.add_argument("--output", type=Path, default=DOCS, help="directory for the figure and its numbers")
    args = parser.parse_args()
    rates, seen = false_lamps(args.texts, args.cards), jobs_seen()
    args.output.mkdir(parents=True, exist_ok=True)
    report = {
        "what": "share of cards of eight random heads with a lit lamp, by role, kind of head and number of tokens; and "
        "the number of tokens from which an ideal head on such a card is active, by how much it rests",
        "cards_per_cell": args.texts * args.cards,
        "limit": LIMIT,
        "false_lamps": rates,
        "tokens_needed": seen,
    }
    (args.output / "calibration.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    draw_figure(rates, seen, args.output / "calibration.svg")
    worst = max(rate for role in rates.values() for kind in role.values() for rate in kind.values())
    print(f"Highest rate: {worst:.1%} (limit {LIMIT:.0%}). Tokens needed: {seen}")
    return 0 if worst <= LIMIT else 1


if __name__ == "__main__":
    raise SystemExit(main())
