"""How much of what a head writes comes from the first token, where many heads rest.

A head that leaves nearly all its attention there may still write mostly what it finds elsewhere: the value that deep
models keep at their resting place is next to nothing. So how a head looks and what it writes are told apart
(Sandoval-Segura et al. 2025: the norm of the output says more than the sink).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from utils.circuits.weights import HeadWeights, as_read, layer_weights
from utils.experiments.residual_parts import require_final_norm
from utils.models.loader import LoadedModel
from utils.pyvene_engine import capture_patterns, capture_residual


def output_share_of_first(
    loaded: LoadedModel, texts: Sequence[np.ndarray], after_each: Callable[[np.ndarray], object] = lambda _ids: None
) -> np.ndarray:
    """Of everything that a head writes on these texts, measured in norms, the share that it takes from position 0.

    sum A[q, 0] |v_0 W_O| / sum A[q, k] |v_k W_O| over all q >= 1 and k <= q, with v_k the head's value at k. A norm
    after the attention (Gemma 3) counts with its gain, since its scale is one number per row and cancels.
    Args: texts: ids. after_each: called after each text, with its ids. Returns: [layer, head] in [0, 1]; 0 for a head
    that writes nothing. Raises: UserError for a model whose weights Headlight cannot read.
    """
    require_final_norm(loaded)
    layers = [layer_weights(loaded, layer) for layer in range(loaded.n_layers)]
    first, whole = (np.zeros(loaded.shape.as_tuple) for _ in range(2))
    for ids in texts:
        token_ids = torch.from_numpy(np.asarray(ids))
        patterns = capture_patterns(loaded, token_ids[None], only_last_logits=True).patterns[0]
        stream = capture_residual(loaded, token_ids, only_last_logits=True).stream
        for layer, weights in enumerate(layers):
            written = patterns[layer, :, 1:] * _norms(weights, as_read(loaded, layer, stream[layer]))[:, None]
            first[layer] += written[..., 0].sum(dim=-1, dtype=torch.float64).numpy()
            whole[layer] += written.sum(dim=(-2, -1), dtype=torch.float64).numpy()
        after_each(ids)
    return np.divide(first, whole, out=np.zeros_like(first), where=whole > 0)


def _norms(weights: HeadWeights, read: torch.Tensor) -> torch.Tensor:
    """The norm of what each head would write of each token, [head, position]. Args: read: [position, d_model]."""
    values = torch.einsum("pd,hde->hpe", read, weights.W_V) + weights.value_bias[:, None]
    return (values @ weights.W_O).norm(dim=-1)
