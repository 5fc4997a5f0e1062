#!/usr/bin/env python3
"""How much Headlight adds to the bare model, as ratios measured in the same run.

    python scripts/benchmark.py [--json]

The model has the shape of GPT-2 small (12 layers x 12 heads, d_model 768) and random weights: speed does not depend
on what the weights say. Bare forward pass and measured step take turns, and medians are compared, so that a busy
machine slows both alike.
"""

from __future__ import annotations

import argparse
import datetime
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from transformers import GPT2Config, GPT2LMHeadModel

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from utils.analysis import analyze
from utils.catalogue.building import build_catalogue, describe_inputs
from utils.catalogue.schema import ModelCatalogue, Provenance
from utils.circuits.composition import compute_composition
from utils.circuits.pair_products import KINDS
from utils.circuits.weights import model_weights
from utils.experiments.scan import TOKENS_AT_ONCE, measure_effects
from utils.forward_pass import ForwardPass
from utils.measures.measure import RoleScores
from utils.model_config import FAMILIES, StartMark
from utils.models.loader import LoadedModel
from utils.pyvene_engine import capture_patterns
from utils.roles import ROLES
from utils.tokens import Token

N_LAYERS, N_HEADS, N_TOKENS = 12, 12, 64
N_SCAN_TOKENS = 32


def gpt2_shaped_model() -> LoadedModel:
    """GPT-2 small's shape with random weights, eager attention, no tokenizer."""
    torch.manual_seed(0)
    config = GPT2Config(n_layer=N_LAYERS, n_head=N_HEADS)
    model = GPT2LMHeadModel(config).eval()
    model.set_attn_implementation("eager")
    return LoadedModel("benchmark", FAMILIES["gpt2"], model, None, config, None)  # type: ignore[arg-type]


def repeated_ids() -> np.ndarray:
    """64 ids of which half repeat, so that every role has evidence."""
    half = np.random.default_rng(0).integers(100, 20_000, size=N_TOKENS // 2)
    return np.concatenate([half, half])


def full_catalogue() -> ModelCatalogue:
    """A catalogue in which every role's card is full (8 heads): the most work the checker can have."""
    rng = np.random.default_rng(0)
    shape = (N_LAYERS, N_HEADS)
    scores = {
        key: RoleScores(100, *_strong(rng, shape))
        if role.measure.has_chance
        else RoleScores(100, rng.uniform(0.86, 1, shape), peak=rng.uniform(0, 0.3, shape))
        for key, role in ROLES.items()
    }
    provenance = Provenance(
        schema_version=1,
        weights="random-weights",
        bos_rule=StartMark.NONE.value,
        start_mark_id=None,
        seed=0,
        inputs_hash="sha256:" + "0" * 64,
        n_random_sequences=1,
        n_sentences=1,
        engine="pyvene",
        versions={},
        date=datetime.datetime.now(datetime.UTC),
        max_difference_to_detect_head=None,
        **describe_inputs(scores),
    )
    return build_catalogue("benchmark", {key: scores[key] for key in ROLES}, provenance)


def _strong(rng: np.random.Generator, shape: tuple[int, int]) -> tuple[np.ndarray, float, np.ndarray]:
    excess = rng.uniform(0.5, 1, shape)
    return 0.1 + 0.9 * excess, 0.1, excess


def seen_by(ids: np.ndarray, patterns: np.ndarray) -> ForwardPass:
    """A forward pass as the checker gets it."""
    tokens = tuple(Token(int(token_id), f" t{token_id}", f"·t{token_id}", f"t{token_id}", False) for token_id in ids)
    return ForwardPass("benchmark", "", tokens, patterns, (), ())


def alternate(first: Callable[[], object], second: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Median milliseconds of two steps that take turns, after one round that does not count."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds + 1):
        for step, kept in zip((first, second), times, strict=True):
            start = time.perf_counter()
            step()
            kept.append(1000 * (time.perf_counter() - start))
    return statistics.median(times[0][1:]), statistics.median(times[1][1:])


def measure(rounds: int) -> dict[str, float]:
    """The figures by name; `…_ms` are medians of this run, `…_ratio` are shares of the bare forward pass."""
    loaded, ids = gpt2_shaped_model(), repeated_ids()
    batch = torch.from_numpy(ids)[None]
    patterns = capture_patterns(loaded, batch).patterns[0].numpy()
    forward, catalogue = seen_by(ids, patterns), full_catalogue()

    def bare() -> None:
        with torch.inference_mode():
            loaded.model(input_ids=batch, use_cache=False)

    bare_ms, capture_ms = alternate(bare, lambda: capture_patterns(loaded, batch), rounds)
    beside_ms, scoring_ms = alternate(bare, lambda: analyze(forward, catalogue), rounds)
    rows_ms, scan_ms = measure_scan(loaded, ids[:N_SCAN_TOKENS], max(1, rounds // 7))
    return {
        "bare_forward_ms": round(bare_ms, 3),
        "capture_ms": round(capture_ms, 3),
        "capture_ratio": round(capture_ms / bare_ms, 4),
        "scoring_ms": round(scoring_ms, 3),
        "scoring_ratio": round(scoring_ms / beside_ms, 4),
        "scan_rows_ms": round(rows_ms, 3),
        "scan_ms": round(scan_ms, 3),
        "scan_ratio": round(scan_ms / rows_ms, 4),
        "composition_ms": round(measure_composition(loaded), 3),
    }


def measure_scan(loaded: LoadedModel, ids: np.ndarray, rounds: int) -> tuple[float, float]:
    """Median milliseconds of as many bare rows as there are heads, and of a scan of all heads (mean ablation).

    Both go through the model in batches of the same size, and both unembed the last position only.
    """
    n_rows, n_at_once = N_LAYERS * N_HEADS, TOKENS_AT_ONCE // len(ids)
    rows = torch.from_numpy(ids)[None].expand(n_rows, -1)
    values = torch.zeros(N_LAYERS, N_HEADS, len(ids), loaded.family.d_head(loaded.config))

    def bare() -> None:
        with torch.inference_mode():
            for batch in rows.split(n_at_once):
                loaded.model(input_ids=batch, use_cache=False, logits_to_keep=1)

    return alternate(bare, lambda: measure_effects(loaded, ids.tolist(), values, lambda *_: None), rounds)


def measure_composition(loaded: LoadedModel) -> float:
    """Milliseconds for the Q-, K- and V-composition scores of all pairs of heads, with folding and random baseline."""
    start = time.perf_counter()
    heads = model_weights(loaded)
    for kind in KINDS:
        compute_composition(heads, loaded.shape, kind)
    return 1000 * (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON only")
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args()
    figures = measure(args.rounds)
    if args.json:
        print(json.dumps(figures))
        return
    print(f"GPT-2's shape, {N_TOKENS} tokens, {torch.get_num_threads()} threads, medians of {args.rounds} rounds")
    print(f"  bare forward pass            {figures['bare_forward_ms']:8.1f} ms")
    print(f"  with patterns through PyVene {figures['capture_ms']:8.1f} ms  ({figures['capture_ratio']:.3f} of bare)")
    print(f"  all heads, roles, evidence   {figures['scoring_ms']:8.1f} ms  ({figures['scoring_ratio']:.3f} of bare)")
    print(f"  bare rows, one for each head {figures['scan_rows_ms']:8.1f} ms  ({N_SCAN_TOKENS} tokens)")
    print(f"  every head off, one by one   {figures['scan_ms']:8.1f} ms  ({figures['scan_ratio']:.3f} of bare rows)")
    print(f"  Q-, K-, V-fits of all pairs  {figures['composition_ms']:8.1f} ms  (from the weights, once)")


if __name__ == "__main__":
    main()
