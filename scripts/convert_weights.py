#!/usr/bin/env python3
"""Turn a model's pickled weights (`pytorch_model.bin`, `model.pth`) into safetensors, the only kind Headlight reads.

    python scripts/convert_weights.py --model gpt2
    python scripts/convert_weights.py --model path/to/a/model
    python scripts/convert_weights.py --model callummcdougall/attn_only_2L_half

The last one is a TransformerLens file of an attention-only model: its folder, attn_only_2L_half, holds the `.pth` and
the tokenizer (tokenizer.json of EleutherAI/gpt-neox-20b), and gets a config of its own.

A pickle can run code while it is read, so it is read here once, by the operator, with PyTorch's `weights_only` reader,
which builds tensors and refuses everything else. The new files appear in the model's folder only after every tensor in
them was compared with its original and the model was loaded from them; the pickles stay where they are.
"""

from __future__ import annotations

import argparse
import json
import pickle
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from transformers import PreTrainedTokenizerFast

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.transformer_lens_toy import config_of, is_transformer_lens, renamed
from utils.errors import UserError
from utils.forward_pass import run_forward_pass
from utils.models.completeness import pickled_weights
from utils.models.files import folder_with_pickles, model_folders
from utils.models.loader import load_model_from
from utils.settings import Settings

SAFETENSORS, INDEX = "model.safetensors", "model.safetensors.index.json"
SIDE_FILES = ("*.json", "merges.txt", "vocab.txt")  # what a model needs besides its weights
WRAPPERS = ("state_dict", "model", "module")  # where a training checkpoint keeps its weights
MAX_TOKENS = 16
TOY_START_MARK = "<|endoftext|>"


@dataclass(frozen=True)
class Shard:
    """One pickle's tensors. aliases: other names of a tensor that stands there once, such as a tied unembedding."""

    tensors: Mapping[str, torch.Tensor]
    aliases: Mapping[str, str]


def convert(folder: Path) -> list[Path]:
    """Write safetensors beside the pickles of a model's folder. Returns the new files, an index last.

    Raises: UserError when there is nothing to convert, a pickle holds more than tensors, or the result does not load.
    """
    toy = _toy_of(folder)
    if toy is not None:
        return convert_toy(toy)
    pickles = [folder / name for name in pickled_weights(folder)]
    if not pickles:
        raise UserError(
            f"The folder {folder.name} holds no pickled weights that need converting.",
            "Name a folder with config.json and pytorch_model.bin, and without safetensors.",
        )
    with tempfile.TemporaryDirectory(dir=folder, prefix=".converting-") as temporary:
        work = Path(temporary) / folder.name  # of that name, so that the model loads by the rules of its own
        work.mkdir()
        _copy_side_files(folder, work)
        written = _write_shards(pickles, work, _ties_weights(folder))
        _check_loads(work)
        return [path.replace(folder / path.name) for path in written]


def convert_toy(path: Path) -> list[Path]:
    """Write config and safetensors beside a TransformerLens file of an attention-only model; its tokenizer is there.

    Raises: UserError for another kind of model, and where the result does not load.
    """
    folder = path.parent
    state = read_pickle(path, drop_aliases=False).tensors
    if not is_transformer_lens(state):
        raise UserError(
            f"{path.name} is not a TransformerLens model, and config.json is missing.",
            "Copy config.json beside the weights.",
        )
    with tempfile.TemporaryDirectory(dir=folder, prefix=".converting-") as temporary:
        work = Path(temporary) / folder.name
        work.mkdir()
        _copy_side_files(folder, work)
        start_mark_id = PreTrainedTokenizerFast.from_pretrained(folder).convert_tokens_to_ids(TOY_START_MARK)
        config_of(state, start_mark_id).save_pretrained(work)
        save_file(renamed(state), work / SAFETENSORS, metadata={"format": "pt"})
        _check_loads(work)
        return [(work / name).replace(folder / name) for name in ("config.json", SAFETENSORS)]


def _toy_of(folder: Path) -> Path | None:
    """The only `.pth` or `.pt` file of a folder with a tokenizer and no config.json."""
    pickles = [path for path in sorted(folder.iterdir()) if path.suffix in (".pth", ".pt")]
    is_bare = (folder / "tokenizer.json").is_file() and not (folder / "config.json").is_file()
    return pickles[0] if is_bare and len(pickles) == 1 else None


def read_pickle(path: Path, drop_aliases: bool) -> Shard:
    """The tensors of one pickle, read without running any code of it. Raises UserError if it holds anything else."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path.name} is damaged or holds more than weights. It was not read.",
            "Ask the model's owner for safetensors. Headlight runs no code that comes with weights.",
        ) from error
    return _without_aliases(_state_dict(content, path.name), drop_aliases)


def _state_dict(content: Any, file_name: str) -> dict[str, torch.Tensor]:
    """Names and tensors, of the file itself or of the one table inside a training checkpoint."""
    for wrapper in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
            break
    if not isinstance(content, Mapping) or not content:
        raise UserError(f"{file_name} holds no table of weights.", "Headlight reads a state_dict: names and tensors.")
    for name, tensor in content.items():
        if not isinstance(name, str) or not isinstance(tensor, torch.Tensor) or tensor.layout != torch.strided:
            raise UserError(
                f"{file_name} holds more than plain weights, such as {str(name)[:80]!r}.",
                "Headlight reads a state_dict: names and tensors.",
            )
    return dict(content)


def _without_aliases(tensors: Mapping[str, torch.Tensor], drop_aliases: bool) -> Shard:
    """Every tensor in memory of its own, as safetensors wants it; the second name of the same tensor left out."""
    kept: dict[str, torch.Tensor] = {}
    aliases: dict[str, str] = {}
    first_names: dict[tuple, str] = {}
    for name, tensor in tensors.items():
        first = first_names.setdefault(_place(tensor), name)
        if first != name and drop_aliases:
            aliases[name] = first
        else:
            kept[name] = tensor.detach().clone(memory_format=torch.contiguous_format)
    return Shard(kept, aliases)


def _place(tensor: torch.Tensor) -> tuple:
    """Equal exactly for two names of the same tensor; an empty tensor, which has no memory, is like no other."""
    memory = tensor.data_ptr() if tensor.numel() else id(tensor)
    return (memory, tensor.dtype, tuple(tensor.shape), tensor.stride())


def _ties_weights(folder: Path) -> bool:
    """Whether the model makes its unembedding from its embedding when it is loaded, so that one copy is enough."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return bool(config.get("tie_word_embeddings", True))


def _write_shards(pickles: Sequence[Path], work: Path, drop_aliases: bool) -> list[Path]:
    """One safetensors file for each pickle, checked against it; for several also the index that names them."""
    names = [SAFETENSORS]
    if len(pickles) > 1:
        names = [f"model-{number + 1:05d}-of-{len(pickles):05d}.safetensors" for number in range(len(pickles))]
    places: dict[str, str] = {}
    n_bytes = 0
    for path, name in zip(pickles, names, strict=True):
        shard = read_pickle(path, drop_aliases)
        save_file(dict(shard.tensors), work / name, metadata={"format": "pt"})
        check_equal(work / name, shard, path)
        places |= dict.fromkeys(shard.tensors, name)
        n_bytes += sum(tensor.nbytes for tensor in shard.tensors.values())
    if len(pickles) > 1:
        index = {"metadata": {"total_size": n_bytes}, "weight_map": dict(sorted(places.items()))}
        (work / INDEX).write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")
        names.append(INDEX)
    return [work / name for name in names]


def check_equal(written: Path, shard: Shard, path: Path) -> None:
    """Compare a safetensors file with the pickle it was made from, which is read again. Raises UserError."""
    with safe_open(written, framework="pt") as file:
        for name, original in read_pickle(path, drop_aliases=False).tensors.items():
            copy = file.get_tensor(shard.aliases.get(name, name))
            if copy.dtype != original.dtype or not _have_same_bits(copy, original):
                raise UserError(
                    f"{name} did not survive the conversion of {path.name}. Nothing was written.",
                    "Check the disk, then try again.",
                )


def _have_same_bits(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Equality that takes NaN as equal to itself."""
    return one.shape == other.shape and torch.equal(
        one.reshape(-1).contiguous().view(torch.uint8), other.reshape(-1).contiguous().view(torch.uint8)
    )


def _copy_side_files(folder: Path, work: Path) -> None:
    for path in _side_files(folder):
        shutil.copyfile(path, work / path.name)


def _side_files(folder: Path) -> Iterator[Path]:
    for pattern in SIDE_FILES:
        yield from (path for path in folder.glob(pattern) if not path.name.endswith(".index.json"))


def _check_loads(work: Path) -> None:
    """Load the model from the new files and let it read two words. Raises UserError as the app would."""
    run_forward_pass(load_model_from(work), "Hello there", MAX_TOKENS)


def _folder_of(name_or_directory: str) -> Path:
    """A directory as it is named, or the folder of a model by its name. Raises UserError when neither is there."""
    directory = Path(name_or_directory)
    if directory.is_dir():
        return directory.resolve()
    settings = Settings.from_environment()
    folder = folder_with_pickles(name_or_directory, settings)
    toys = (path for _, path in model_folders(name_or_directory, settings) if path.is_dir() and _toy_of(path))
    folder = folder or next(toys, None)
    if folder is None:
        raise UserError(
            f"No folder of {name_or_directory} with pickled weights was found.",
            "Name the folder itself, or put it into the directory that HEADLIGHT_MODELS_DIR names.",
        )
    return folder


def main(arguments: Sequence[str] | None = None) -> int:
    """Convert one model. Returns 0, or 1 with the reason on stderr."""
    parser = argparse.ArgumentParser(description="Turn pickled weights into safetensors.")
    parser.add_argument("--model", required=True, metavar="NAME_OR_DIRECTORY")
    try:
        written = convert(_folder_of(parser.parse_args(arguments).model))
    except UserError as error:
        print(f"{error.sentence} {error.hint}", file=sys.stderr)
        return 1
    print(f"Wrote {', '.join(path.name for path in written)}. Every tensor equals its original, and the model loads.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
