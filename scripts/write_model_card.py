#!/usr/bin/env python3
"""Measure a trained classroom model and write its model card, `models/NAME/README.md`.

    python scripts/write_model_card.py --model models/classroom-gpt2 --work training

Every number on the card is measured here, from the weights as they ship (half precision on disk): the loss on held-out
text beside that of a bigram model on the very same tokens, how well a random segment is continued when it comes a
second time, and what the model says to five prompts. Head roles are read from the catalogue. `--work` is the
directory of `train_classroom_model.py`, which holds the tokens.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.measure_model import N_NEW_TOKENS, SEGMENT, WINDOW, Measurement, measure
from scripts.training_tunes import held_out_tunes
from utils.catalogue.file import CATALOGUE_PATH, load_catalogues
from utils.catalogue.schema import Category, ModelCatalogue
from utils.errors import UserError
from utils.model_config import MODELS, display_name_of
from utils.models.loader import LoadedModel, load_model_from
from utils.reasons import number_word
from utils.roles import JOBS, Role


@dataclass(frozen=True)
class Source:
    """Where a training file comes from, and under which licence; facts of the corpus' own manifest."""

    title: str
    origin: str
    licence: str


SOURCES = {
    "tinystories_2k.txt": Source(
        "TinyStories, the first 2,316 training stories (Eldan and Li 2023)",
        "roneneldan/TinyStories, by way of github.com/gusjengis/toy-RNN",
        "CDLA-Sharing-1.0",
    ),
    "fairytaleqa.txt": Source(
        "FairytaleQA, 278 tales (Xu et al. 2022)",
        "github.com/uci-soe/FairytaleQAData",
        "Apache-2.0; the tales are in the public domain",
    ),
    "gutenberg_children.txt": Source(
        "53 children's classics",
        "github.com/mlschmitt/classic-books-markdown",
        "public domain in the United States",
    ),
    "gutenberg_fiction.txt": Source(
        "125 works of fiction by 15 authors",
        "github.com/mlschmitt/classic-books-markdown",
        "public domain in the United States",
    ),
    "tinyshakespeare.txt": Source(
        "Tiny Shakespeare", "github.com/karpathy/char-rnn", "public domain in the United States"
    ),
}


N_BIGRAM_TOKENS, N_HELD_OUT = 1_000_000, 50_000
MADE_BY = "made_by"  # in training.json, for a model that learnt made-up sequences

ROW_KINDS_IN_WORDS = {
    "natural": "natural text",
    "repeat": "segments said again",
    "mirror": "segments said again backwards",
    "names": "sentences with two names",
}


def write_card(loaded: LoadedModel, training: dict[str, Any], found: Measurement, catalogue: ModelCatalogue) -> str:
    """The whole card, as Markdown. For a model of made-up sequences it names the script that made them."""
    spec = MODELS.get(loaded.name)
    licence = spec.licence if spec else "MIT"
    language = "" if MADE_BY in training else "language: en\n"
    sections = [
        f"---\nlicense: {licence.lower()}\n{language}library_name: transformers\n---",
        f"# {display_name_of(loaded.name)}\n\n{_shape(loaded, found)}",
        f"## What it was trained on\n\n{_training(training)}",
        f"## How well it reads\n\n{_losses(found)}",
        f"## What it says\n\nAlways the likeliest next token, {N_NEW_TOKENS} tokens:\n\n{_continuations(found)}",
        f"## Which head roles it has grown\n\n{_roles(catalogue)}",
        f"## Limits\n\n{_limits(training)}",
        f"## Licence\n\n{_licence(licence, training)}",
    ]
    return "\n\n".join(sections) + "\n"


def _shape(loaded: LoadedModel, found: Measurement) -> str:
    mark = ""
    if loaded.start_mark_id is not None:
        name = loaded.tokenizer.convert_ids_to_tokens(loaded.start_mark_id)
        mark = f" Every text begins with one start mark (`{name}`), in training and in use."
    return (
        f"A small {_reads(loaded)} model of the {loaded.family.display_name} family, made to be looked into: "
        f"{loaded.n_layers} layers of {loaded.n_heads} attention heads, {found.n_parameters / 1e6:.1f} million "
        f"parameters, a vocabulary of {loaded.config.vocab_size:,} tokens, texts of up to {loaded.max_positions} "
        f"tokens.{mark} It ships with Headlight, which shows which of its heads do a known job on a text."
    )


def _reads(loaded: LoadedModel) -> str:
    """What kind of model it is by what it reads."""
    is_text = loaded.adapter is None or not loaded.adapter.labels
    return "language" if is_text else f"sequence ({loaded.adapter.tokens_are})"  # type: ignore[union-attr]


def _training(training: dict[str, Any]) -> str:
    recipe = training["recipe"]
    if MADE_BY in training:
        return (
            f"{training['tokens_trained_on'] / 1e6:.1f} million tokens in {recipe['steps']:,} steps, with seed "
            f"{recipe['seed']}, of sequences that `{training[MADE_BY]}` makes up by rules; nobody composed them. Part "
            "of the training rows are random tokens said again; `training.json` has the settings."
        )
    rows = [f"| {source.title} | {source.origin} | {source.licence} |" for source in _sources(training)]
    length = (
        f"{training['tokens_trained_on'] / 1e6:.1f} million tokens in {recipe['steps']:,} steps, drawn from "
        f"{training['corpus_tokens'] / 1e6:.1f} million tokens of text, with seed {recipe['seed']}; the simplest file "
        "is read several times and counts as often. Every 50th document was held out. Part of the training rows are "
        "not natural text; `scripts/training_text.py` makes them, `training.json` has the settings."
    )
    if {"fairytaleqa.txt", "gutenberg_children.txt"} <= set(training["corpus_files"]):
        length += " Some tales stand in two of the files, so a few held-out passages may have been read after all."
    phases = [f"| {first:,} | {_shares(shares)} |" for first, _planned, shares in training["phases"]]
    mixture = ["", "| from step | training rows |", "|---:|---|", *phases] if phases else []
    return "\n".join(["| text | from | licence |", "|---|---|---|", *rows, "", length, *mixture])


def _shares(shares: dict[str, float]) -> str:
    return ", ".join(f"{100 * share:.0f} % {ROW_KINDS_IN_WORDS[kind]}" for kind, share in shares.items() if share)


def _sources(training: dict[str, Any]) -> list[Source]:
    """Raises: UserError for a training file whose origin and licence are not known."""
    unknown = [file for file in training["corpus_files"] if file not in SOURCES]
    if unknown:
        raise UserError(
            f"No origin and licence are known for {', '.join(unknown)}.", "Add them to SOURCES in this script."
        )
    return [SOURCES[file] for file in training["corpus_files"]]


def _losses(found: Measurement) -> str:
    return "\n".join(
        [
            f"Loss in nats per token on the same {found.n_tokens:,} held-out tokens (lower is better), each predicted "
            f"from at most {WINDOW} tokens before it:",
            "",
            "| | loss |",
            "|---|---:|",
            f"| this model | {found.loss:.2f} |",
            f"| a bigram model of the same text, its weight chosen on the held-out text itself | {found.bigram:.2f} |",
            "",
            f"On segments of {SEGMENT} random tokens said twice, the loss is {found.first_loss:.2f} on the first copy "
            f"and {found.second_loss:.2f} on the second, where its likeliest token is right "
            f"{100 * found.second_right:.0f} % of the time.",
        ]
    )


def _continuations(found: Measurement) -> str:
    return "\n".join(f"- {prompt} **{_plain_line(added)}**" for prompt, added in found.continuations)


def _plain_line(text: str) -> str:
    """One line that Markdown shows as it is."""
    escaped = "".join(f"\\{character}" if character in "\\`*_[]<>#" else character for character in text)
    return escaped.replace("\n", " ⏎ ").strip() or "(nothing)"


def _roles(catalogue: ModelCatalogue) -> str:
    rows = [
        "| job | heads | strongest | score when it looks | it looks | plain score | its chance |",
        "|---|---:|---|---:|---:|---:|---:|",
    ]
    missing, untested = [], []
    for key, role in JOBS.items():
        category = catalogue.categories[key]
        if key in catalogue.untested:
            untested.append(role.display_name.lower())
        elif not category.top_heads:
            missing.append(role.display_name.lower())
        else:
            rows.append(_job_row(role, category))
    lines = [*rows, ""]
    if missing:
        lines.append(f"No heads: {', '.join(missing)}. That is normal: not every model grows every kind.")
    if untested:
        reason = next(iter(catalogue.untested.values()))
        lines.append(f"Not tested: {', '.join(untested)}. {reason}")
    facts, n_all = catalogue.provenance, catalogue.shape.n_all
    lines.append(
        f"{n_all - catalogue.n_with_job} of {n_all} heads have none of the {number_word(len(JOBS)).lower()} jobs. "
        f"{int(catalogue.resting.sum())} of {n_all} heads mostly rest: they leave half of their attention or more on "
        f"the first token. Measured on {facts.n_random_sequences} random repeated sequences, {facts.n_sentences} "
        f"sentences and {facts.n_passages} passages, {catalogue.analysis_date.isoformat()}."
    )
    return "\n".join(lines)


def _job_row(role: Role, category: Category) -> str:
    """One job's strongest head; figures that its measure does not have stay empty."""
    best = category.top_heads[0]
    looking, look, chance = (
        "" if figure is None else f"{figure:.2f}" for figure in (best.looking_score, best.look, best.chance)
    )
    return (
        f"| {role.display_name} | {category.n_heads_holding} | {best.id} | {looking} | {look} | {best.score:.2f} | "
        f"{chance} |"
    )


def _limits(training: dict[str, Any]) -> str:
    if MADE_BY in training:
        return "It knows nothing but the rules of that script. It is for looking at attention heads."
    return (
        "It knows only simple English from stories and old books, says things that are not true, and repeats the views "
        "of its sources, some of them more than a century old. It is for looking at attention heads, not for answers. "
        "What its heads do need not hold for larger models."
    )


def _licence(licence: str, training: dict[str, Any]) -> str:
    if MADE_BY in training:
        return f"The weights: {licence}."
    text_licences = "; ".join(f"{source.title}: {source.licence}" for source in _sources(training))
    return f"The weights: {licence}. The text they were trained on does not ship with them. {text_licences}."


def read_training_facts(folder: Path) -> dict[str, Any]:
    """`training.json` of a trained model. Raises: UserError when it is not there."""
    path = folder / "training.json"
    if not path.is_file():
        raise UserError(f"{path.name} is missing in {folder.name}.", "Train it with scripts/train_classroom_model.py.")
    facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return facts


def read_tokens(work: Path, loaded: LoadedModel) -> tuple[np.ndarray, np.ndarray]:
    """Train and held-out ids. Raises: UserError when they are missing, or made with another tokenizer."""
    if not (work / "tokens.npz").is_file() or not (work / "tokenizer.json").is_file():
        raise UserError(f"{work} holds no tokens.npz and tokenizer.json.", "Pass the directory of the training run.")
    vocabulary = json.loads((work / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    if vocabulary != loaded.tokenizer.get_vocab():
        raise UserError(f"The tokens in {work} were made with another tokenizer.", "Pass the run that made this model.")
    with np.load(work / "tokens.npz") as tokens:
        return tokens["train"], tokens["held_out"]


def made_up_tokens(training: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Tunes for the bigram model, as many as a bigram model can use, and the held-out ones."""
    seed = training["recipe"]["seed"]
    return held_out_tunes(N_BIGRAM_TOKENS, seed + 1), held_out_tunes(N_HELD_OUT, seed)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the card of one model. Returns 1 when something that it needs is missing, else 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="directory of the trained model")
    parser.add_argument("--work", type=Path, default=Path("training"), help="directory of the training run")
    parser.add_argument("--catalogue", type=Path, default=CATALOGUE_PATH)
    args = parser.parse_args(arguments)
    try:
        folder = args.model.resolve()
        training = read_training_facts(folder)
        catalogue = load_catalogues(args.catalogue).get(folder.name)
        if catalogue is None:
            raise UserError(f"{folder.name} is not in the catalogue.", "Run scripts/analyze_heads.py for it first.")
        loaded = load_model_from(folder)
        tokens = made_up_tokens(training) if MADE_BY in training else read_tokens(args.work, loaded)
        found = measure(loaded, *tokens)
        (folder / "README.md").write_text(write_card(loaded, training, found, catalogue), encoding="utf-8")
    except UserError as error:
        print(f"{error.sentence}\n{error.hint}", file=sys.stderr)
        return 1
    print(
        f"{folder.name}: loss {found.loss:.3f}, bigram {found.bigram:.3f}, second copy {found.second_right:.0%} right"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
