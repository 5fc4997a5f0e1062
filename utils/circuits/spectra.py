"""The two circuits of a head in numbers, from their factors.

The QK circuit W_Q W_K^T says what the head looks for, the OV circuit W_V W_O what it writes when it looks at a token.
Both are d_model x d_model matrices of rank d_head at most: their singular values are those of a d_head x d_head
matrix, and so are their nonzero eigenvalues.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch

TINY = torch.finfo(torch.float32).tiny


def singular_values(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Singular values of left @ right, largest first: [..., d_head].

    With the orthonormal parts of both factors set aside, what is left is small. Args: left: [..., d_model, d_head].
    right: [..., d_head, d_model].
    """
    return torch.linalg.svdvals(triangle(left) @ triangle(right.mT).mT)


def triangle(tall: torch.Tensor) -> torch.Tensor:
    """R of tall = Q R with orthonormal Q: [..., d_head, d_head], as good as `tall` for lengths and angles."""
    return torch.linalg.qr(tall, mode="r").R


def effective_rank(values: torch.Tensor) -> torch.Tensor:
    """How many directions a matrix really uses: the participation ratio of its squared singular values.

    (sum of v^2)^2 / sum of v^4: n for n equal singular values, 1 for a single one, 0 for a zero matrix.
    Args: values: singular values [..., n].
    """
    squares = values.double().pow(2)
    total = squares.sum(-1)
    return (total.pow(2) / squares.pow(2).sum(-1).clamp_min(torch.finfo(torch.float64).tiny)).float()


def copying_score(small: torch.Tensor) -> torch.Tensor:
    """Sum of the eigenvalues over the sum of their absolute values, in [-1, 1]; 0 for a zero matrix.

    1: every direction that the head reads, it writes in the same direction, so it copies; -1: it writes the opposite
    (Elhage et al. 2021). Args: small: [..., d_head, d_head] with the circuit's nonzero eigenvalues, W_O W_V for the OV
    circuit W_V W_O.
    """
    eigenvalues = torch.linalg.eigvals(small)
    return eigenvalues.sum(-1).real / eigenvalues.abs().sum(-1).clamp_min(TINY)


def vocabulary_product(vocabulary: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> torch.Tensor:
    """W_U W_E, [d_model, d_model]: what the vocabulary does between one head's writing and its reading.

    Args: vocabulary: W_E [part, d_model] and W_U [d_model, part] of all its parts, at least one.
    """
    product: torch.Tensor = sum(W_U @ W_E for W_E, W_U in vocabulary)  # type: ignore[assignment]
    return product


def copying_score_through(W_V: torch.Tensor, W_O: torch.Tensor, product: torch.Tensor) -> float:
    """The copying score of the full OV circuit W_E W_V W_O W_U, from tokens to logits.

    That matrix is vocabulary x vocabulary; W_O W_U W_E W_V has the same nonzero eigenvalues.
    Args: W_V, W_O: of one head. product: `vocabulary_product` of its model.
    """
    return float(copying_score(W_O @ product @ W_V))
