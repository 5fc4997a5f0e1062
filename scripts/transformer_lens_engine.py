"""Everything that needs TransformerLens: patterns through its bridge, and the check against its `detect_head`.

`detect_head` with `error_measure="mul"` is the share of all attention that lies on a role's targets: the mass on
T(q), summed over ALL rows and divided by all rows, with nothing left out as ambiguous. Our formula does the same when
every row counts, so the two must agree on the same sequences (`difference_to_detect_head`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from transformer_lens import ActivationCache
from transformer_lens.head_detector import detect_head
from transformer_lens.model_bridge import TransformerBridge

from utils.catalogue.engines import Batch, EngineName
from utils.errors import UserError
from utils.measures.attention_to import AttentionTo
from utils.measures.evidence import Evidence
from utils.measures.reading import Need, Reading
from utils.models.loader import LoadedModel
from utils.roles import ROLES

HOOKS = {Need.PATTERNS: "attn.hook_pattern", Need.HEAD_VALUES: "attn.hook_z"}


class TransformerLensEngine:
    """Patterns through a TransformerBridge. The bridge changes the model handed in, so give it a copy of its own."""

    name: EngineName = "transformer_lens"
    packages: tuple[str, ...] = ("transformer-lens",)

    def __init__(self, loaded: LoadedModel):
        self.loaded = loaded
        self.bridge = TransformerBridge.boot_transformers(
            str(loaded.tokenizer.name_or_path), hf_model=loaded.model, tokenizer=loaded.tokenizer, device="cpu"
        )
        self.bridge.cfg.default_prepend_bos = loaded.start_mark_id is not None

    def read_batch(self, input_ids: torch.Tensor, needs: frozenset[Need]) -> Batch:
        endings = tuple(HOOKS[need] for need in needs)
        with torch.inference_mode():
            _, cache = self.bridge.run_with_cache(input_ids, names_filter=lambda name: name.endswith(endings))

        def stacked(name: str) -> torch.Tensor:
            return torch.stack([cache[name, layer] for layer in range(self.loaded.n_layers)], dim=1).float()

        values = stacked("z").transpose(2, 3).numpy() if Need.HEAD_VALUES in needs else None
        return Batch(stacked("pattern").numpy(), values)

    def ids_of(self, text: str) -> np.ndarray:
        """The ids that `detect_head` reads for a text. Raises: UserError when they are not the text's own ids."""
        ids = self.bridge.to_tokens(text)[0].numpy()
        own = self.loaded.tokenizer.encode(text, add_special_tokens=False)
        if ids.tolist() != [*self.loaded.start_ids, *own]:
            raise UserError(
                f"TransformerLens reads other tokens than {self.loaded.name}'s tokenizer gives, so its scores cannot "
                "be compared.",
                "Analyse the model with --engine pyvene.",
            )
        return ids


def detected_roles() -> list[str]:
    """The roles, as keys, that `detect_head` knows under some name."""
    return [key for key, role in ROLES.items() if role.detector]


def share_on_targets(patterns: np.ndarray, token_ids: np.ndarray, role: str) -> np.ndarray:
    """Our score with every row counted and nothing left out: what `detect_head` calls `mul`.

    Args: patterns: [layer, head, query_pos, key_pos]. Returns: [layer, head], in [0, 1].
    """
    measure = ROLES[role].measure
    if not isinstance(measure, AttentionTo):
        raise ValueError(f"{role} has no targets.")
    n = len(token_ids)
    every_row = Evidence(measure.predicts(token_ids).targets, np.arange(n), np.zeros(n))
    return measure.row_shares(Reading(token_ids, patterns), every_row).mean(axis=-1)


def difference_to_detect_head(
    engine: TransformerLensEngine, texts: Sequence[str], progress: Callable[[], object] = lambda: None
) -> float:
    """The largest difference, over texts, roles and heads, between our formula and `detect_head`.

    progress: called after each text. Raises: UserError when TransformerLens reads other tokens.
    """
    largest = 0.0
    for text in texts:
        token_ids = engine.ids_of(text)
        with torch.inference_mode():
            _, cache = engine.bridge.run_with_cache(torch.from_numpy(token_ids)[None], remove_batch_dim=True)
        patterns = np.stack([cache["pattern", layer].numpy() for layer in range(engine.loaded.n_layers)])
        for role in detected_roles():
            difference = np.abs(
                share_on_targets(patterns, token_ids, role) - detector_scores(engine, text, role, cache)
            )
            largest = max(largest, float(np.nan_to_num(difference, nan=np.inf).max()))
        progress()
    return largest


def detector_scores(
    engine: TransformerLensEngine, text: str, role: str, cache: ActivationCache | None = None
) -> np.ndarray:
    """TransformerLens' own `mul` score of every head for one role on one text: [layer, head].

    cache: of a forward pass on this text, to save another one.
    """
    name: Any = ROLES[role].detector
    return detect_head(engine.bridge, text, name, cache=cache, error_measure="mul").numpy()
