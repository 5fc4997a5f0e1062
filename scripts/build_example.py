#!/usr/bin/env python3
"""Store the answer that a page opens on, so that it is there before the weights are in memory.

    python scripts/build_example.py                  # of the model that Headlight opens on, if it is here
    python scripts/build_example.py --model NAME --prompt TEXT

Run it again when the model's weights or the default text change; a test says so.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from utils.catalogue.schema import ModelCatalogue
from utils.catalogue.store import find_catalogue
from utils.errors import UserError
from utils.example_texts import DEFAULT_PROMPT
from utils.forward_pass import run_forward_pass
from utils.model_config import FIRST_CHOICE, MODELS
from utils.models.files import find_model_dir
from utils.models.loader import LoadedModel, load_model_from
from utils.models.weights import name_weights
from utils.settings import Settings
from utils.stored_example import example_path, save_example
from utils.writing.tables import writing_tables
from utils.writing.text_writing import with_writing


def catalogue_of(loaded: LoadedModel, model: str, settings: Settings) -> ModelCatalogue:
    """What tells how the heads write. Raises UserError without a catalogue that has tested that."""
    found = find_catalogue(model, loaded.folder, settings)
    if found is None or found.is_stale or found.catalogue.writing is None:
        raise UserError("The catalogue does not say how the heads of this model write.", "Analyze the model first.")
    return found.catalogue


def main(arguments: Sequence[str] | None = None) -> int:
    """Store one example. Returns 0, or 1 with the reason on stderr."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default=FIRST_CHOICE, choices=MODELS)
    parser.add_argument("--prompt", default=DEFAULT_PROMPT)
    args = parser.parse_args(arguments)
    settings = Settings.from_environment()
    try:
        folder = find_model_dir(args.model, settings)
        loaded = load_model_from(folder, args.model)
        forward = run_forward_pass(loaded, args.prompt, settings.max_tokens)
        catalogue = catalogue_of(loaded, args.model, settings)
        forward = with_writing(loaded, writing_tables(loaded, catalogue.mean_values), forward)
    except UserError as error:
        print(f"{error.sentence} {error.hint}", file=sys.stderr)
        return 1
    path = example_path(args.model)
    save_example(path, forward, name_weights(folder), catalogue.writing_hash)
    print(f"{len(forward.tokens)} tokens, {path.stat().st_size / 1000:.0f} kB in {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
