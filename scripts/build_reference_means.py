#!/usr/bin/env python3
"""Store what every head of a model hands on by average, for mean ablation.

    python scripts/build_reference_means.py --model classroom-gpt2

Reads the reference sentences (`utils/catalogue/sentences.txt`) and writes one small file into HEADLIGHT_DATA_DIR. The
app uses it as long as the model's weights are the same; without it the means are computed at the first question.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from utils.catalogue.store import require_writable
from utils.errors import UserError
from utils.experiments.reference_values import mean_values, means_path, reference_texts, save_means
from utils.models.files import find_model_dir
from utils.models.loader import load_model_from
from utils.models.weights import name_weights
from utils.settings import Settings


def build_means(model: str, settings: Settings) -> Path:
    """Compute and store the means of one model. Raises: UserError when it cannot be had, or nothing can be written."""
    require_writable(settings)
    folder = find_model_dir(model, settings)
    loaded = load_model_from(folder, model)
    texts, path = reference_texts(loaded), means_path(model, settings)
    save_means(path, mean_values(loaded, texts), name_weights(folder), texts)
    return path


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the means of the models that the command line names. Returns 1 when one of them could not be, else 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", nargs="+", required=True, metavar="NAME", help="one model or several")
    failed = False
    for model in parser.parse_args(arguments).model:
        try:
            print(f"{model}: {build_means(model, Settings.from_environment())}")
        except UserError as error:
            print(f"{error.sentence}\n{error.hint}", file=sys.stderr)
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
