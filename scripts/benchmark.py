#!/usr/bin/env python3
"""How much Headlight adds to the bare model, as ratios measured in the same run.

    python scripts/benchmark.py [--json]
    python scripts/benchmark.py --model NAME        # what experiments on that model cost beside its passes

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
from utils.catalogue.building import Measured, build_catalogue, describe_inputs
from utils.catalogue.schema import ModelCatalogue, Provenance
from utils.circuits.composition import compute_composition
from utils.circuits.head_circuits import compute_head_circuits, joined_vocabulary
from utils.circuits.margin_parts import compute_margins
from utils.circuits.pair_products import KINDS
from utils.circuits.weights import model_weights
from utils.experiments import token_attribution as attribution
from utils.experiments.controls import draw_controls
from utils.experiments.logit_lens import read_lens
from utils.experiments.questions import Method
from utils.experiments.scan import TOKENS_AT_ONCE, measure_effects
from utils.experiments.switch_off import switch_off
from utils.experiments.token_attribution import usual_embedding
from utils.forward_pass import ForwardPass, run_forward_pass
from utils.heads import HeadId
from utils.measures.figures import Looking, RoleScores
from utils.model_config import FAMILIES, StartMark
from utils.models.loader import LoadedModel, ModelStore
from utils.pyvene_engine import capture_patterns
from utils.roles import ROLES, SHOWCASE, steady_roles
from utils.settings import Settings
from utils.tokens import Token
from utils.writing.tables import writing_tables
from utils.writing.text_writing import with_writing
from utils.writing.values import can_be_told

N_LAYERS, N_HEADS, N_TOKENS = 12, 12, 64
N_SCAN_TOKENS = 32
EXPERIMENT_TEXT = "When Mary and John went to the store, John gave a drink to"


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
        key: _strong(rng, shape, role.measure.has_looking)
        if role.measure.has_chance
        else RoleScores(100, rng.uniform(0.86, 1, shape), peak=rng.uniform(0, 0.3, shape))
        for key, role in ROLES.items()
    }
    provenance = Provenance(
        schema_version=3,
        weights="random-weights",
        bos_rule=StartMark.NONE.value,
        start_mark_id=None,
        seed=0,
        inputs_hash="sha256:" + "0" * 64,
        n_random_sequences=1,
        n_sentences=1,
        n_passages=1,
        engine="pyvene",
        versions={},
        date=datetime.datetime.now(datetime.UTC),
        max_difference_to_detect_head=None,
        **describe_inputs(scores),
    )
    return build_catalogue("benchmark", Measured(scores, {key: scores[key] for key in steady_roles()}), provenance)


def _strong(rng: np.random.Generator, shape: tuple[int, int], has_looking: bool) -> RoleScores:
    excess = rng.uniform(0.5, 1, shape)
    score, chance = 0.1 + 0.9 * excess, np.full(shape, 0.1)
    looking = Looking(score, chance, excess, np.ones(shape)) if has_looking else None
    return RoleScores.of(100, score, 0.1, looking=looking)


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
        "margins_ms": round(measure_margins(loaded), 3),
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


def measure_margins(loaded: LoadedModel) -> float:
    """Milliseconds for who writes what, for all pairs of heads; pages measure the heads with a copying job only."""
    start = time.perf_counter()
    compute_margins(loaded, dict.fromkeys(loaded.shape.all(), SHOWCASE))
    return 1000 * (time.perf_counter() - start)


def measure_experiments(loaded: LoadedModel, rounds: int) -> dict[str, float]:
    """Ratios by name: what an experiment takes, as a multiple of the bare passes that are named with it."""
    ids = [*loaded.start_ids, *loaded.tokenizer.encode(EXPERIMENT_TEXT, add_special_tokens=False)]
    text, head = torch.tensor([ids]), HeadId(loaded.n_layers // 2, 0)
    draws = draw_controls(loaded.shape, (head,)).draws
    values = torch.zeros(*loaded.shape.as_tuple, len(ids), loaded.family.d_head(loaded.config))
    product = joined_vocabulary(loaded)

    def passes(n_rows: int, **options: int) -> Callable[[], None]:
        def bare() -> None:
            with torch.inference_mode():
                loaded.model(input_ids=text.expand(n_rows, -1), use_cache=False, **options)

        return bare

    pairs = {
        "switch_off_ratio_to_its_rows": (
            passes(2 + len(draws), logits_to_keep=1),
            lambda: switch_off(loaded, ids, (head,), draws, Method.MEAN, values),
        ),
        "lens_in_passes": (passes(1), lambda: read_lens(loaded, ids)),
        "one_head_s_circuits_in_passes": (passes(1), lambda: compute_head_circuits(loaded, head, product)),
    }
    if can_be_told(loaded):
        forward, tables = run_forward_pass(loaded, EXPERIMENT_TEXT, len(ids)), writing_tables(loaded)
        pairs["what_all_heads_write_in_passes"] = (passes(1), lambda: with_writing(loaded, tables, forward))
    ratios = {"n_tokens": float(len(ids))}
    for name, (bare, step) in pairs.items():
        bare_ms, step_ms = alternate(bare, step, rounds)
        ratios[name] = round(step_ms / bare_ms, 3)
    own_ms, attribution_ms = measure_attribution(loaded, ids, rounds)
    return ratios | {"attribution_ratio_to_its_passes": round(attribution_ms / own_ms, 3)}


def measure_attribution(loaded: LoadedModel, ids: list[int], rounds: int) -> tuple[float, float]:
    """Median milliseconds of the forward and backward passes of an attribution by themselves, and of all of it; both
    with the first number of steps only."""
    usual = usual_embedding(loaded)
    n_at_once = max(1, attribution.TOKENS_AT_ONCE // len(ids))
    most, attribution.MOST_TOKEN_STEPS = attribution.MOST_TOKEN_STEPS, 0

    def own() -> None:
        for n_rows in [min(n_at_once, rest) for rest in range(attribution.FIRST_STEPS, 0, -n_at_once)]:
            rows = usual.expand(n_rows, len(ids), -1).clone().requires_grad_()
            logits = loaded.model(inputs_embeds=rows, use_cache=False, logits_to_keep=1).logits[:, -1]
            torch.autograd.grad(torch.log_softmax(logits.float(), dim=-1)[:, 0].sum(), rows)

    try:
        return alternate(own, lambda: attribution.attribute_tokens(loaded, ids, usual), rounds)
    finally:
        attribution.MOST_TOKEN_STEPS = most


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON only")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--model", help="measure what experiments on this model cost, beside its own passes")
    args = parser.parse_args()
    if args.model:
        ratios = measure_experiments(ModelStore(Settings.from_environment()).get(args.model), args.rounds)
        print(
            json.dumps(ratios) if args.json else "\n".join(f"{name:34} {value:8.3f}" for name, value in ratios.items())
        )
        return
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
    print(f"  margins of all pairs         {figures['margins_ms']:8.1f} ms  (on random texts, once)")


if __name__ == "__main__":
    main()
