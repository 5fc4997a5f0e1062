#!/usr/bin/env python3
"""What a model loses on the second copy of a random text when its induction heads are off.

    python scripts/measure_induction_ablation.py --model classroom-gpt2

Prints the table of docs/experiments.md: for each way to switch heads off the loss on both copies, with all heads on,
with all induction heads off, and with as many other heads of the same layers off, in 20 draws.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from utils.catalogue.schema import ModelCatalogue
from utils.errors import UserError
from utils.experiments.controls import HeadSet, draw_controls
from utils.experiments.questions import Method
from utils.experiments.reference_values import reference_texts, replacement_values
from utils.experiments.second_copy import SecondCopy, measure_second_copy, random_segments, said_twice
from utils.models.loader import LoadedModel, load_model
from utils.roles import INDUCTION_CIRCUIT
from utils.service import Headlight
from utils.settings import Settings

N_SEGMENTS, N_TOKENS, N_DRAWS, SEED = 8, 25, 20, 0


def induction_heads(catalogue: ModelCatalogue) -> HeadSet:
    """Every head that the catalogue gives the role. Raises: UserError for a model without any."""
    heads = catalogue.holders_of(INDUCTION_CIRCUIT.reader)
    if not heads:
        raise UserError("This model has no induction head.", "Choose another model.")
    return heads


def measure_method(loaded: LoadedModel, catalogue: ModelCatalogue, method: Method) -> SecondCopy:
    """All induction heads off, on random segments that are said twice, beside 20 draws of other heads."""
    heads = induction_heads(catalogue)
    draws = draw_controls(loaded.shape, heads, heads, N_DRAWS).draws
    segments = random_segments(loaded, N_SEGMENTS, N_TOKENS, SEED)
    n_positions = said_twice(segments, loaded.start_mark_id).shape[1]
    values = replacement_values(loaded, method, n_positions, reference_texts(loaded))
    return measure_second_copy(loaded, segments, heads, draws, method, values)


def table_row(result: SecondCopy) -> str:
    """One line of the table of docs/experiments.md."""
    figures = (
        result.before.first,
        result.before.second,
        result.after.first,
        result.after.second,
        result.rise,
        max(result.control_rises),
    )
    return f"| {result.method} | " + " | ".join(f"{figure:.3f}" for figure in figures) + " |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table for one model. Returns 1 when that could not be measured, else 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="classroom-gpt2")
    model, settings = parser.parse_args(arguments).model, Settings.from_environment()
    try:
        loaded, catalogue = load_model(model, settings), Headlight(settings).catalogue(model)
        if catalogue is None:
            raise UserError(f"The heads of {model} were not analysed.", "Run scripts/analyze_heads.py first.")
        print("induction heads: " + ", ".join(map(str, induction_heads(catalogue))))
        for method in Method:
            print(table_row(measure_method(loaded, catalogue, method)))
    except UserError as error:
        print(f"{error.sentence}\n{error.hint}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
