#!/usr/bin/env python3
"""How often does luck look like a job? Heads with random logits, judged by the live decision.

    python scripts/calibrate.py            # writes docs/calibration.json and docs/calibration.svg

For every set role, length and logit spread it draws random heads, judges each on a text in which one token comes
again, as if it were catalogued at an excess of 0.4, and counts how many are called active. The rate must stay at or
under 5 %. Ideal heads (all mass on T(q)) and even heads are counted too: all and none must be active.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from utils.measures.measure import Reading, RoleScores
from utils.roles import ROLES, compared_roles
from utils.scoring import ScoredText, score_text

LENGTHS = (6, 9, 20, 40, 100)
SPREADS = (1.0, 2.0, 3.0)
CATALOGUED_EXCESS = 0.4
LIMIT = 0.05
DOCS = Path(__file__).resolve().parent.parent / "docs"


def causal_pattern(logits: np.ndarray) -> np.ndarray:
    """Softmax over the keys that each query can see: [..., query_pos, key_pos]."""
    n = logits.shape[-1]
    masked = np.where(np.tril(np.ones((n, n), dtype=bool)), logits, -np.inf)
    weights = np.exp(masked - masked.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def random_patterns(n_heads: int, n: int, std: float, seed: int) -> np.ndarray:
    """Heads with normal random logits: [n_heads, n, n]."""
    return causal_pattern(std * np.random.default_rng(seed).standard_normal((n_heads, n, n)))


def text_with_one_repeat(n: int, seed: int) -> np.ndarray:
    """Different token ids but for one that comes again, three tokens later or more and not at the first place."""
    token_ids = np.arange(n)
    rng = np.random.default_rng(seed)
    earlier = int(rng.integers(1, n - 4)) if n > 6 else 1
    later = int(rng.integers(earlier + 3, n))
    token_ids[later] = token_ids[earlier]
    return token_ids


def active_share(role: str, scored: ScoredText, catalogued_excess: float = CATALOGUED_EXCESS) -> float:
    """Share of a text's heads that the live decision calls active for a role, as if catalogued with this excess."""
    live = scored.roles[role]
    excess = np.full(live.score.shape, catalogued_excess)
    decision = ROLES[role].measure.decide(live, scored.evidence[role], RoleScores(1, excess, 0.0, excess))
    return float(decision.is_active.mean())


def measure(n_texts: int, n_heads: int) -> dict[str, dict[str, dict[str, float]]]:
    """Share of random heads called active: {role: {spread: {length: share}}}, over `n_texts` x `n_heads` heads each."""
    roles = compared_roles()
    rates: dict[str, dict[str, dict[str, float]]] = {role: {f"{spread:g}": {} for spread in SPREADS} for role in roles}
    for length in (bar := tqdm(LENGTHS, desc="calibrating")):
        bar.set_postfix(tokens=length)
        for spread in SPREADS:
            shares: dict[str, list[float]] = {role: [] for role in roles}
            for seed in range(n_texts):
                patterns = random_patterns(n_heads, length, spread, seed + 1000 * length)
                scored = score_text(Reading(text_with_one_repeat(length, seed), patterns))
                for role in roles:
                    shares[role].append(active_share(role, scored))
            for role in roles:
                rates[role][f"{spread:g}"][str(length)] = round(float(np.mean(shares[role])), 4)
    return rates


def draw(rates: dict[str, dict[str, dict[str, float]]], path: Path) -> None:
    """One small panel per role: rate over length, a line per spread, and the 5 % limit."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "headlight"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(rates), figsize=(13, 2.9), sharey=True, layout="constrained")
    for axis, role in zip(axes, rates, strict=True):
        for spread, by_length in rates[role].items():
            axis.plot([int(n) for n in by_length], [100 * rate for rate in by_length.values()], "o-", label=spread)
        axis.axhline(100 * LIMIT, color="black", linestyle="--", linewidth=1)
        axis.set(title=ROLES[role].display_name, xlabel="tokens", xscale="log", ylim=(0, 8))
        axis.set_xticks(LENGTHS, [str(n) for n in LENGTHS])
        axis.minorticks_off()
    axes[0].set_ylabel("random heads called active, %")
    axes[0].legend(title="logit spread", fontsize=8)
    figure.savefig(path, metadata={"Date": None})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=int, default=40, help="texts per length")
    parser.add_argument("--heads", type=int, default=250, help="random heads per text")
    parser.add_argument("--output", type=Path, default=DOCS, help="directory for the figure and its numbers")
    args = parser.parse_args()
    rates = measure(args.texts, args.heads)
    args.output.mkdir(parents=True, exist_ok=True)
    report = {
        "what": "share of random-logit heads called active, by role, logit spread and number of tokens",
        "heads_per_cell": args.texts * args.heads,
        "catalogued_excess": CATALOGUED_EXCESS,
        "limit": LIMIT,
        "rates": rates,
    }
    (args.output / "calibration.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    draw(rates, args.output / "calibration.svg")
    worst = max(rate for role in rates.values() for spread in role.values() for rate in spread.values())
    print(f"Highest rate: {worst:.1%} (limit {LIMIT:.0%}).")
    return 0 if worst <= LIMIT else 1


if __name__ == "__main__":
    raise SystemExit(main())
