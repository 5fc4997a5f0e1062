#!/usr/bin/env python3
"""Measure which roles each head of a model has, and write them to the catalogue that the app reads.

    python scripts/analyze_heads.py --model classroom-gpt2
    python scripts/analyze_heads.py --model path/to/a/model --engine pyvene --output catalogue.json

Reads random repeated sequences and varied sentences (`utils/catalogue/inputs.py`), scores every head for every role,
checks the scores against TransformerLens' `detect_head`, chooses prompts that light each role, switches every head off
to see what that costs on the second copy of a text, and only then writes.
Nothing is written when the check fails or the file there is damaged.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from huggingface_hub.errors import HFValidationError, HTTPError
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from utils.catalogue.engines import PatternEngine, PyVeneEngine
from utils.catalogue.file import CATALOGUE_PATH, load_catalogues, save_catalogue
from utils.catalogue.inputs import detector_sequences
from utils.catalogue.run import measure_catalogue, n_heads_to_test, texts_for
from utils.catalogue.schema import ModelCatalogue
from utils.errors import UserError
from utils.model_config import MODELS
from utils.models.files import find_model_dir, local_model_dir
from utils.models.loader import LoadedModel, load_model_from
from utils.models.sources.hub import download
from utils.models.weights import name_weights
from utils.roles import ROLES
from utils.settings import Settings

LARGEST_DIFFERENCE = 1e-5
N_DEAREST = 10


def find_folder(name_or_directory: str, settings: Settings) -> tuple[str, Path]:
    """The name under which a model is catalogued, and the folder with its files.

    A name of the registry means that model; otherwise a directory is taken as it is, and any other name is looked
    for in the models directories, the local cache and the hub. Raises: UserError when it is in none of them.
    """
    if name_or_directory in MODELS:
        return name_or_directory, find_model_dir(name_or_directory, settings)
    directory = Path(name_or_directory)
    if directory.is_dir():
        folder = directory.resolve()
        by_folder = {spec.folder: name for name, spec in MODELS.items()}
        return by_folder.get(folder.name, folder.name), folder
    here = local_model_dir(name_or_directory, settings)
    return name_or_directory, here or _from_hub(name_or_directory, settings)


def _from_hub(name: str, settings: Settings) -> Path:
    try:
        if not settings.offline:
            return download(name)
        problem: Exception | None = None
    except (HTTPError, HFValidationError, OSError, ValueError) as error:
        logging.getLogger(__name__).debug("No snapshot of %s: %s", name, error)
        problem = error
    raise UserError(
        f"{name} is neither a directory, nor a model on this computer, nor one that could be downloaded.",
        "Check the spelling, or pass the directory with config.json, model.safetensors and tokenizer.json.",
    ) from problem


def open_engine(engine_name: str | None, loaded: LoadedModel) -> PatternEngine:
    """The engine of that name on a model of its own; without a name TransformerLens, where it can read the model.

    It has no bridge for the project's own toys, and reads no labels. Raises: UserError when it is not installed.
    """
    is_unlike = loaded.adapter is not None and loaded.adapter.changes_reading
    is_unknown_to_it = is_unlike or loaded.family.key == "attention_only"
    if engine_name == "pyvene" or (engine_name is None and is_unknown_to_it):
        return PyVeneEngine(loaded)
    try:
        module = importlib.import_module("scripts.transformer_lens_engine")
    except ImportError as error:
        raise UserError(
            f"TransformerLens is not installed ({error}).",
            "Install requirements-analysis.txt, or analyse with --engine pyvene.",
        ) from error
    return module.TransformerLensEngine(loaded)


def check_against_detect_head(
    engine: PatternEngine, texts: Sequence[str], progress: Callable[[], object]
) -> float | None:
    """The largest difference to TransformerLens' `detect_head`; None for an engine that does not have it.

    Raises: UserError when it is more than 1e-5: the scores cannot be trusted then, and must not be written.
    """
    if engine.name != "transformer_lens":
        return None
    detector = importlib.import_module("scripts.transformer_lens_engine")
    difference = detector.difference_to_detect_head(engine, texts, progress)
    if not difference <= LARGEST_DIFFERENCE:
        raise UserError(
            f"Our scores differ from TransformerLens' detect_head by {difference:.2g}, more than "
            f"{LARGEST_DIFFERENCE:g}. Nothing was written.",
            "Compare the installed versions with requirements-analysis.txt.",
        )
    return difference


def analyze_model(name_or_directory: str, engine_name: str | None, seed: int, settings: Settings) -> ModelCatalogue:
    """Measure one model, check the measurement, and choose its prompts; writes nothing.

    Raises: UserError when the model cannot be had or read, or when the check fails.
    """
    name, folder = find_folder(name_or_directory, settings)
    engine = open_engine(engine_name, load_model_from(folder, name))
    texts = texts_for(engine.loaded, seed)
    detector_texts = detector_sequences(engine.loaded.tokenizer, seed) if engine.name == "transformer_lens" else ()
    untouched = engine.loaded if engine.name == "pyvene" else load_model_from(folder, name)
    n_steps = len(detector_texts) + texts.n_texts + n_heads_to_test(untouched, texts)
    with tqdm(total=n_steps, desc=name, unit="step") as bar:
        difference = check_against_detect_head(engine, detector_texts, bar.update)
        return measure_catalogue(
            engine,
            name_weights(folder),
            texts,
            settings.max_tokens,
            lambda _step: bar.update(),
            difference,
            untouched=untouched,
        )


def describe(catalogue: ModelCatalogue) -> str:
    """What was found, one line per role: how many heads, and the strongest ones."""
    lines = [f"{catalogue.model_name}: {catalogue.num_layers} layers of {catalogue.num_heads} heads"]
    for role in ROLES:
        category = catalogue.categories[role]
        strongest = ", ".join(f"{head.id} {head.score:.2f}" for head in category.top_heads[:4]) or "none"
        prompt = category.suggested_prompt
        lit = f"; lights {prompt.lights} of {prompt.of}: {prompt.text!r}" if prompt else ""
        lines.append(f"  {category.display_name} ({category.n_heads_holding}): {strongest}{lit}")
    lines += [f"  dearest without: {', '.join(_dearest(catalogue))}"] if catalogue.causes is not None else []
    difference = catalogue.provenance.max_difference_to_detect_head
    if difference is not None:
        lines.append(f"  largest difference to detect_head: {difference:.1e}")
    return "\n".join(lines)


def _dearest(catalogue: ModelCatalogue) -> Iterator[str]:
    """The heads that cost most on the second copy. Example: `L16H0 4.91 ± 0.21`."""
    if catalogue.causes is not None:
        for head in catalogue.shape.ranked(np.array(catalogue.causes.second_copy_nats))[:N_DEAREST]:
            cause = catalogue.causes.of(head)
            yield f"{head} {cause.second_copy_nats:.2f} ± {cause.standard_error:.2f}"


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", nargs="+", required=True, metavar="NAME_OR_DIRECTORY", help="one model or several")
    parser.add_argument(
        "--engine", choices=("transformer_lens", "pyvene"), help="default: TransformerLens where it can read the model"
    )
    parser.add_argument("--output", type=Path, default=CATALOGUE_PATH, help="catalogue to write or update")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random sequences")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Analyse the models that the command line names. Returns 1 when one of them could not be, else 0."""
    args = parse_arguments(arguments)
    failed = False
    for name_or_directory in args.model:
        try:
            load_catalogues(args.output)
            catalogue = analyze_model(name_or_directory, args.engine, args.seed, Settings.from_environment())
            save_catalogue(args.output, catalogue)
            print(describe(catalogue))
        except UserError as error:
            print(f"{error.sentence}\n{error.hint}", file=sys.stderr)
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
