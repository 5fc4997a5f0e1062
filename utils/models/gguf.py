"""GGUF files, in which models are distributed with few bits a weight, turned into safetensors of 16.

    python -m utils.models.gguf weights.gguf folder

does the work. `convert` runs it as a process of its own: it takes a minute and a gigabyte or two, can be stopped at any
moment, and gives all of its memory back. Reading a GGUF file runs no code of its owner.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from utils.errors import UserError
from utils.settings import PROJECT_ROOT

LOG = logging.getLogger(__name__)
READING, WEIGHTS, WRITING, VOCABULARY = range(4)
STEPS = ("Reading the file", "Reading its weights", "Writing them as safetensors", "Writing its vocabulary")
SHARES = (0.0, 0.35, 0.6, 0.75, 1.0)  # of the time that is gone when a step begins, measured for SmolLM2 and Gemma 3
# How a byte-level vocabulary splits a text first, by the names that llama.cpp gave these ways.
SPLIT_FIELDS = ("tokenizer.ggml.model", "tokenizer.ggml.pre")
SPLIT_AS_READ = ("", "default", "gpt-2", "qwen2")  # GPT-2's regular expression, or Qwen2's, which transformers takes
SPLIT_DIGITS_FIRST = ("smollm",)  # each digit by itself, then as GPT-2
STEP_FILE, REFUSAL_FILE = ".step", ".refusal"
POLL_S = 0.2


@dataclass(frozen=True)
class Quantisation:
    """How the weights of a file are stored. bits: about how many for each of them, after the file's own name for it."""

    name: str
    bits: int


def read_quantisation(weights: Path) -> Quantisation:
    """What a GGUF file says about itself. Raises UserError for one that cannot be read."""
    from gguf import GGUFReader, LlamaFileType  # takes a second, and only those who fetch a model need it

    try:
        fields = GGUFReader(weights).fields
        kind = LlamaFileType(fields["general.file_type"].contents()).name.removeprefix("MOSTLY_")
    except Exception as error:
        raise _damaged(weights) from error
    digits = re.search(r"\d+", kind)
    return Quantisation(kind.removeprefix("ALL_"), int(digits[0]) if digits else 16)


def convert(weights: Path, folder: Path, progress: Any) -> None:
    """Write config, tokenizer and half-precision safetensors of a GGUF file into an existing, empty folder.

    Args: progress: called several times a second with the share that is done and the step; what it raises ends the
    work. Raises: UserError for a file that is damaged, or of a family that Headlight cannot read; OSError for a disk
    that takes no more.
    """
    command = [sys.executable, "-m", "utils.models.gguf", str(weights.resolve()), str(folder.resolve())]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, cwd=PROJECT_ROOT, stdout=log, stderr=log)
        try:
            while process.poll() is None:
                step, share = _step_of(folder / STEP_FILE)
                progress(SHARES[step] + share * (SHARES[step + 1] - SHARES[step]), STEPS[step])
                time.sleep(POLL_S)
        finally:
            process.kill()
            process.wait()
        if process.returncode:
            log.seek(0)
            said = log.read()[-4000:].decode(errors="replace")
            LOG.warning("Could not convert %s: %s", weights.name, said)
            raise OSError(errno.ENOSPC, said) if os.strerror(errno.ENOSPC) in said else _refusal(weights, folder)
    (folder / STEP_FILE).unlink(missing_ok=True)


def _step_of(path: Path) -> tuple[int, float]:
    """Which step it is, and how much of it is done."""
    try:
        step, share = path.read_text(encoding="utf-8").split()
        return int(step), float(share)
    except (OSError, ValueError):  # not begun, or being written
        return READING, 0.0


def _refusal(weights: Path, folder: Path) -> UserError:
    try:
        sentence, hint = (folder / REFUSAL_FILE).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return _damaged(weights)
    return UserError(sentence, hint, status=503)


def _damaged(weights: Path) -> UserError:
    return UserError(
        f"{weights.name} is damaged, or no GGUF file of a model that can be read.",
        "Copy or download it again.",
        status=503,
    )


def _convert_here(weights: Path, folder: Path) -> None:
    """As `convert`, in this process. Raises: whatever gguf and transformers raise; UserError for an unknown family."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, modeling_gguf_pytorch_utils

    from utils.model_config import family_of

    tell = _Steps(folder)
    tell(READING)
    modeling_gguf_pytorch_utils.tqdm = tell.each_tensor  # it shows a bar there; nothing else tells how far it is
    source: dict[str, Any] = {"gguf_file": weights.name, "local_files_only": True, "trust_remote_code": False}
    read: Any = AutoModelForCausalLM.from_pretrained(weights.parent, dtype=torch.float32, **source)
    family_of(read.config)
    tell(WRITING)
    del read.config.quantization_config  # transformers saves no model that says it is quantised
    with torch.device("meta"):
        written = type(read)(read.config)
    written.load_state_dict({name: tensor.half() for name, tensor in read.state_dict().items()}, assign=True)
    written.tie_weights()
    if not all(torch.isfinite(tensor).all() for tensor in written.state_dict().values()):
        raise ValueError("a weight is too large for half precision")
    written.config.dtype = torch.float16
    written.save_pretrained(folder)
    tell(VOCABULARY)
    tokenizer: Any = AutoTokenizer.from_pretrained(weights.parent, **source)
    _split_as_the_file_says(tokenizer, weights)
    tokenizer.save_pretrained(folder)


def _split_as_the_file_says(tokenizer: Any, weights: Path) -> None:
    """Let a byte-level tokenizer split a text before it joins pieces as the file names it; transformers does not ask.

    Raises: UserError for a way that is not known, since other tokens than in training would come out.
    """
    from gguf import GGUFReader
    from tokenizers import pre_tokenizers

    fields = GGUFReader(weights).fields
    kind, way = (fields[key].contents() if key in fields else "" for key in SPLIT_FIELDS)
    if kind != "gpt2" or way in SPLIT_AS_READ:
        return
    if way not in SPLIT_DIGITS_FIRST:
        raise UserError(
            f"{weights.name} splits texts in a way ({way[:40]}) that Headlight does not know.",
            "Use the model's own safetensors.",
            status=503,
        )
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )


class _Steps:
    """Tells the process that waits which step it is, and how much of it is done."""

    def __init__(self, folder: Path):
        self._file = folder / STEP_FILE

    def __call__(self, step: int, share: float = 0.0) -> None:
        self._file.write_text(f"{step} {share:.3f}", encoding="utf-8")

    def each_tensor(self, tensors: Sequence[Any], **_shown: Any) -> Iterator[Any]:
        """The tensors one by one, counted, in place of a progress bar."""
        for number, tensor in enumerate(tensors):
            self(WEIGHTS, number / len(tensors))
            yield tensor


def main() -> int:
    """Convert the file that the command line names. Returns 1, with a refusal for the caller, where it cannot."""
    weights, folder = Path(sys.argv[1]), Path(sys.argv[2])
    try:
        _convert_here(weights, folder)
    except UserError as error:
        (folder / REFUSAL_FILE).write_text(f"{error.sentence}\n{error.hint}", encoding="utf-8")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
