#!/usr/bin/env python3
"""Measure every kept copy of a training run, and write how the heads grew: `dynamics.json`.

    python scripts/train_classroom_model.py --text DIRECTORY --model classroom-attn-2l --keep-every 100
    python scripts/measure_dynamics.py --steps training/classroom-attn-2l-steps --work training \
        --output models/classroom-attn-2l

Scores are the catalogue's own (`utils/catalogue/run.py`) on a part of its inputs, so that a look at fifty copies
takes a minute or two.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.train_classroom_model import held_out_loss
from utils.catalogue.engines import PyVeneEngine
from utils.catalogue.inputs import CatalogueInputs
from utils.catalogue.run import score_model, texts_for
from utils.errors import UserError
from utils.experiments.questions import Method
from utils.experiments.second_copy import measure_second_copy, random_segments
from utils.measures.figures import RoleScores
from utils.models.loader import LoadedModel, load_model_from
from utils.roles import INDUCTION_CIRCUIT
from utils.toy.dynamics import FILE_NAME, TrainingDynamics

N_TEXTS = 16  # of the catalogue's repeated sequences, and as many of its sentences
N_SEGMENTS, SEGMENT = 16, 40
N_WINDOWS = 64
SEED = 0


def read_copy(folder: Path) -> LoadedModel:
    """One kept copy, by the rules of the model that it is a copy of. Raises UserError for a damaged one."""
    return load_model_from(folder, folder.parent.name.removesuffix("-steps"))


def part_of_inputs(loaded: LoadedModel) -> CatalogueInputs:
    """The first of the catalogue's own inputs of either kind."""
    whole = texts_for(loaded, SEED).inputs
    return CatalogueInputs(SEED, whole.repeated[:N_TEXTS], whole.sentences[:N_TEXTS], whole.passages[:N_TEXTS])


def measure_copy(loaded: LoadedModel, held_out: np.ndarray) -> tuple[float, float, dict[str, RoleScores]]:
    """Held-out loss, loss on the second copy of random segments, and every head's scores."""
    measured = score_model(PyVeneEngine(loaded), part_of_inputs(loaded), progress=lambda _read: None)
    segments = random_segments(loaded, N_SEGMENTS, SEGMENT, SEED)
    copies = measure_second_copy(loaded, segments, (), [], Method.ZERO, None)
    return held_out_loss(loaded.model, held_out, N_WINDOWS), copies.before.second, dict(measured.scores)


def measure_run(folders: Sequence[Path], held_out: np.ndarray) -> TrainingDynamics:
    """All copies of one run. Args: folders: named by their step, `000200`, in order."""
    measured = [measure_copy(read_copy(folder), held_out) for folder in tqdm(folders, desc=folders[0].parent.name)]
    scores = [found for _plain, _second, found in measured]
    return TrainingDynamics(
        steps=np.array([int(folder.name) for folder in folders]),
        held_out_loss=np.array([plain for plain, _second, _scores in measured]),
        second_copy_loss=np.array([second for _plain, second, _scores in measured]),
        induction_chance=float(scores[0][INDUCTION_CIRCUIT.reader].chance or 0.0),
        scores={role: np.stack([found[role].score for found in scores]) for role in scores[0]},
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure one run. Returns 1 with the reason when there is nothing to measure, else 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=Path, required=True, help="directory of the kept copies")
    parser.add_argument("--work", type=Path, default=Path("training"), help="directory of the training run")
    parser.add_argument("--output", type=Path, required=True, help="the model's folder")
    args = parser.parse_args(arguments)
    folders = sorted(folder for folder in args.steps.glob("[0-9]*") if folder.is_dir())
    try:
        if not folders or not (args.work / "tokens.npz").is_file():
            raise UserError("There are no kept copies, or no tokens.npz.", "Train with --keep-every first.")
        with np.load(args.work / "tokens.npz") as tokens:
            dynamics = measure_run(folders, tokens["held_out"])
    except UserError as error:
        print(f"{error.sentence}\n{error.hint}", file=sys.stderr)
        return 1
    (args.output / FILE_NAME).write_text(json.dumps(dynamics.as_json()) + "\n", encoding="utf-8")
    best = dynamics.best(INDUCTION_CIRCUIT.reader)
    print(f"{len(folders)} copies: best induction score {best[0]:.2f} at first, {best[-1]:.2f} in the end")
    return 0


if __name__ == "__main__":
    sys.exit(main())
