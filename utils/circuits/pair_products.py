"""Products of one head's writing with another's reading, as d_head x d_head matrices.

||W_OV^A W_QK^B||_F, with W_OV = W_V W_O and W_QK = W_Q W_K^T, is that of R_V (W_O W_Q) R_K^T, where R_V and R_K are
the triangles of W_V and W_K: what is set aside is orthonormal and changes no length. So a head is reduced to one
writing factor R_V W_O and, for each kind of reading, one reading factor such as W_Q R_K^T.
"""

from __future__ import annotations

import torch

from utils.circuits.spectra import TINY, triangle
from utils.circuits.weights import HeadWeights

KINDS = ("Q", "K", "V")


def writer_factors(W_V: torch.Tensor, W_O: torch.Tensor) -> torch.Tensor:
    """[head, d_head, d_model], as large as W_V W_O in every direction that it writes."""
    return triangle(W_V) @ W_O


def reader_factors(heads: HeadWeights, kind: str) -> torch.Tensor:
    """[head, d_model, d_head], as large as the circuit's reading side: W_QK for Q, W_QK^T for K, W_OV for V."""
    reads, rest = {
        "Q": (heads.W_Q, heads.W_K),
        "K": (heads.W_K, heads.W_Q),
        "V": (heads.W_V, heads.W_O.mT),
    }[kind]
    return reads @ triangle(rest).mT


def pair_fits(writers: torch.Tensor, readers: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """How well every writer fits every reader, and over how many directions.

    With both factors scaled to length 1 and M their product, the score is the root of tr(M^T M), and the breadth, the
    `effective_rank` of M, is tr(M^T M)^2 / ||M^T M||_F^2.
    Args: writers: [writer, d_head, d_model]. readers: [reader, d_model, d_head].
    Returns: scores in [0, 1] and breadths in [0, d_head], both [writer, reader]; 0 where a factor is zero.
    """
    n_writers, n_readers = len(writers), len(readers)
    flat = _of_length_one(writers).flatten(0, 1) @ _of_length_one(readers).transpose(0, 1).flatten(1)
    products = flat.unflatten(0, (n_writers, -1)).unflatten(2, (n_readers, -1)).transpose(1, 2).flatten(0, 1)
    squares = products.mT @ products
    trace = squares.diagonal(dim1=1, dim2=2).sum(1)
    breadth = trace.pow(2) / squares.flatten(1).pow(2).sum(1).clamp_min(TINY)
    return trace.sqrt().unflatten(0, (n_writers, -1)), breadth.unflatten(0, (n_writers, -1))


def _of_length_one(factors: torch.Tensor) -> torch.Tensor:
    return factors / factors.flatten(1).norm(dim=1).clamp_min(TINY)[:, None, None]
