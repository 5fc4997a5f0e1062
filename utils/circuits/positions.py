"""How a head looks by position alone, where positions are learned embeddings: its score at each distance back.

That is all there is to it where queries and keys read the positions themselves, and in the first layer. Further up,
earlier layers may have made something else of them: GPT-2's L4H11 looks at the previous token (0.99), and its kernel is
flat. Rotary and ALiBi positions have no embedding that a QK circuit could be put on; such models have no kernel.
"""

from __future__ import annotations

import torch

from utils.circuits.weights import HeadWeights, as_read
from utils.errors import UserError
from utils.experiments.residual_parts import find_module
from utils.model_config import Positions
from utils.models.loader import LoadedModel

LONGEST_DISTANCE = 64

NOTES = {
    Positions.LEARNED: "Positions are embeddings that are added to those of the tokens, so one circuit reads both; "
    "what earlier layers make of a position is in no circuit.",
    Positions.SHORTFORMER: "Positions are added only to what queries and keys read, so a head can look by position but "
    "not write it.",
    Positions.ROTARY: "Here position enters while the head looks, so the fit tells what it looks for, not where: the "
    "QK circuit is taken at a relative offset of 0.",
    Positions.ALIBI: "Here a penalty that grows with the distance is added to every score; it is no part of the QK "
    "circuit.",
}


def position_embeddings(loaded: LoadedModel) -> torch.Tensor | None:
    """[position, d_model], None where the model has none, or nobody has said where it keeps them.

    Raises: UserError where they are not at the family's path.
    """
    family = loaded.family
    is_learned = family.positions in (Positions.LEARNED, Positions.SHORTFORMER)
    if not is_learned or family.position_embedding_path is None:
        return None
    try:
        module = find_module(loaded.model, family.position_embedding_path)
    except AttributeError as error:
        raise UserError(
            f"This model keeps no position embeddings at {family.position_embedding_path}, so Headlight cannot tell "
            "how its heads look by position.",
            "Its adapter.json can say where they are, as position_embedding_path, or null: see docs/adapters.md.",
        ) from error
    return module.weight.detach().float()[family.n_rows_before_positions :]


def positional_kernel(loaded: LoadedModel, layer: int, heads: HeadWeights) -> torch.Tensor | None:
    """How much higher a head of one layer scores the position 0, 1, 2 … back than the average of these distances.

    Each position embedding by itself takes the place of the residual stream and passes through the layer's norm
    (positions that queries and keys read beside the stream pass as they are). The attention score, before softmax, of
    each query with each key is averaged over all queries that see every distance.
    Args: heads: the layer's. Returns: [head, distance], 64 distances or half the positions if that is fewer; None where
    positions are not learned.
    """
    embeddings = position_embeddings(loaded)
    if embeddings is None:
        return None
    read = as_read(loaded, layer, embeddings)
    queries = read @ heads.W_Q + heads.query_bias[:, None]
    keys = read @ heads.W_K + heads.key_bias[:, None]
    n_positions = len(embeddings)
    n_distances = min(LONGEST_DISTANCE, n_positions // 2)
    first = n_distances - 1
    kernel = torch.stack(
        [
            (queries[:, first:] * keys[:, first - distance : n_positions - distance]).sum(-1).mean(-1)
            for distance in range(n_distances)
        ],
        dim=1,
    )
    return heads.score_scale * (kernel - kernel.mean(dim=1, keepdim=True))
