"""The families of models that Headlight can read, and the models it offers.

A family says where things stand inside a model (attention modules, embedding, final norm) and what its config calls
them; a model says whose it is and whether its texts begin with a start mark.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from utils.errors import UserError
from utils.heads import Shape

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


class StartMark(Enum):
    """Whether position 0 holds a mark that nobody typed. Its id comes from the model's own config (bos_token_id)."""

    NONE = "none"
    ONE = "one"
    AS_TOKENIZER = "as_tokenizer"  # one, if the model's own tokenizer puts it before every text


class Positions(Enum):
    """How a model knows the order of its tokens."""

    LEARNED = "learned"  # an embedding for each position
    SHORTFORMER = "shortformer"  # an embedding for each position that only queries and keys read
    ROTARY = "rotary"  # queries and keys are turned by an angle that grows with the position
    ALIBI = "alibi"  # attention scores fall with the distance


class Norm(Enum):
    """How the residual stream is brought to one size before it is read."""

    LAYER = "layer"  # LayerNorm: the mean is taken away, then divided by the standard deviation
    RMS = "rms"  # divided by the root mean square
    RMS_PLUS_ONE = "rms_plus_one"  # the same, and the gain is 1 + weight
    NONE = "none"  # it is read as it is


class Projections(Enum):
    """In which modules of an attention module its queries, keys and values are made."""

    SEPARATE = "separate"  # three modules: queries, keys, values; keys and values may have fewer heads
    BY_KIND = "by_kind"  # one module: all queries, then all keys, then all values
    BY_HEAD = "by_head"  # one module: query, key and value of head 0, then those of head 1, and so on


@dataclass(frozen=True)
class AttentionLayout:
    """Where a family keeps the weights of its queries, keys and values.

    Args: names: of the modules in an attention module, three for SEPARATE, else one. norm: the module of a block that
    the attention reads through, None without one. is_scaled: whether query times key is scaled by 1/sqrt(d_head), where
    the attention module does not say.
    Raises: ValueError for another number of names.
    """

    projections: Projections
    names: tuple[str, ...]
    norm: str | None
    is_scaled: bool = True

    def __post_init__(self) -> None:
        wanted = 3 if self.projections is Projections.SEPARATE else 1
        if len(self.names) != wanted:
            raise ValueError(f'"{self.projections.value}" has names: {wanted}, not {len(self.names)}')


@dataclass(frozen=True)
class Family:
    """One architecture as transformers writes it.

    Args: model_types: what config.model_type says. attention_path, block_path, output_projection_path,
    mlp_output_path, attention_norm_path: with `{layer}`; the output projection reads the values of all heads of a
    layer side by side, head 0 first; mlp_output_path leads to the module whose output is what the MLP adds to the
    residual stream, None where there are no MLPs; attention_norm_path is None unless the attention's output is normed
    before it is added. final_norm_path leads to what the unembedding reads, the identity in a family without norms.
    The `…_attr` are names of config attributes; n_kv_heads_attr is None where each head has its own keys,
    max_positions_attr where no position is too far. The other paths lead from the model to a module. start_mark: the
    rule for a model of this family that is not in MODELS. attention_layout: None where nobody has said it; circuits
    cannot be told then. position_embedding_path: where positions that are learned stand, with n_rows_before_positions
    rows at the front that belong to no position; None where they are not learned, or nobody has said where.
    embedding_norm_path: None unless token embeddings are normed before the first block.
    """

    key: str
    display_name: str
    model_types: tuple[str, ...]
    block_path: str
    attention_path: str
    output_projection_path: str
    mlp_output_path: str | None
    n_layers_attr: str
    n_heads_attr: str
    n_kv_heads_attr: str | None
    max_positions_attr: str | None
    embedding_path: str
    final_norm_path: str
    unembedding_path: str
    positions: Positions
    start_mark: StartMark = StartMark.AS_TOKENIZER
    norm: Norm = Norm.LAYER
    attention_norm_path: str | None = None
    attention_layout: AttentionLayout | None = None
    position_embedding_path: str | None = None
    n_rows_before_positions: int = 0
    embedding_norm_path: str | None = None

    def n_layers(self, config: PreTrainedConfig) -> int:
        return int(getattr(config, self.n_layers_attr))

    def n_heads(self, config: PreTrainedConfig) -> int:
        """Query heads of a layer, which is how many attention patterns it has."""
        return int(getattr(config, self.n_heads_attr))

    def d_head(self, config: PreTrainedConfig) -> int:
        """Length of one head's values. Some families set it, and then heads * d_head need not be d_model."""
        own = getattr(config, "head_dim", None)
        return int(config.hidden_size // self.n_heads(config) if own is None else own)

    def n_kv_heads(self, config: PreTrainedConfig) -> int:
        """Heads with keys and values of their own; fewer than n_heads where query heads share them."""
        own = getattr(config, self.n_kv_heads_attr, None) if self.n_kv_heads_attr else None
        return self.n_heads(config) if own is None else int(own)

    def windows(self, config: PreTrainedConfig) -> tuple[int | None, ...]:
        """How many positions back the heads of each layer see, their own among them, None for a layer that sees all;
        empty where every layer does."""
        found = tuple(_window(config, layer) for layer in range(self.n_layers(config)))
        return found if any(found) else ()

    def max_positions(self, config: PreTrainedConfig) -> int | None:
        """The longest text, in positions, that the model was built for; None where there is no such limit."""
        return int(getattr(config, self.max_positions_attr)) if self.max_positions_attr else None


def _window(config: PreTrainedConfig, layer: int) -> int | None:
    """The window of one layer, as transformers reads it: a list that names each layer's kind (Gemma 3, Qwen), GPT-Neo's
    list, or one window for all (Mistral)."""
    local = getattr(config, "attention_layers", None)
    if local is not None:
        return int(config.window_size) if local[layer] == "local" else None
    size, kinds = getattr(config, "sliding_window", None), getattr(config, "layer_types", None)
    if size is None or (kinds is not None and kinds[layer] != "sliding_attention"):
        return None
    return int(size) if kinds is not None or getattr(config, "use_sliding_window", True) else None


def _llama_like(key: str, display_name: str, start_mark: StartMark, model_types: tuple[str, ...] = ()) -> Family:
    """Llama's layout, which most newer families keep."""
    return Family(
        key=key,
        display_name=display_name,
        model_types=model_types or (key,),
        block_path="model.layers[{layer}]",
        attention_path="model.layers[{layer}].self_attn",
        output_projection_path="model.layers[{layer}].self_attn.o_proj",
        mlp_output_path="model.layers[{layer}].mlp",
        n_layers_attr="num_hidden_layers",
        n_heads_attr="num_attention_heads",
        n_kv_heads_attr="num_key_value_heads",
        max_positions_attr="max_position_embeddings",
        embedding_path="model.embed_tokens",
        final_norm_path="model.norm",
        unembedding_path="lm_head",
        positions=Positions.ROTARY,
        start_mark=start_mark,
        norm=Norm.RMS,
        attention_layout=AttentionLayout(Projections.SEPARATE, ("q_proj", "k_proj", "v_proj"), "input_layernorm"),
    )


def _gemma3() -> Family:
    """Llama's layout, with a norm also after attention and MLP."""
    return replace(
        _llama_like("gemma3", "Gemma 3", StartMark.ONE, ("gemma3_text",)),  # without <bos> Gemma's output is poor
        mlp_output_path="model.layers[{layer}].post_feedforward_layernorm",
        attention_norm_path="model.layers[{layer}].post_attention_layernorm",
        norm=Norm.RMS_PLUS_ONE,
    )


def _phi() -> Family:
    """Llama's layout under other names, with LayerNorms; attention and MLP read the same."""
    return replace(
        _llama_like("phi", "Phi", StartMark.NONE),
        output_projection_path="model.layers[{layer}].self_attn.dense",
        final_norm_path="model.final_layernorm",
        norm=Norm.LAYER,
    )


_FAMILIES = (
    Family(
        key="gpt2",
        display_name="GPT-2",
        model_types=("gpt2",),
        block_path="transformer.h[{layer}]",
        attention_path="transformer.h[{layer}].attn",
        output_projection_path="transformer.h[{layer}].attn.c_proj",
        mlp_output_path="transformer.h[{layer}].mlp",
        n_layers_attr="n_layer",
        n_heads_attr="n_head",
        n_kv_heads_attr=None,
        max_positions_attr="n_positions",
        embedding_path="transformer.wte",
        final_norm_path="transformer.ln_f",
        unembedding_path="lm_head",
        positions=Positions.LEARNED,
        attention_layout=AttentionLayout(Projections.BY_KIND, ("c_attn",), "ln_1"),
        position_embedding_path="transformer.wpe",
    ),
    Family(
        key="gpt_neo",
        display_name="GPT-Neo",
        model_types=("gpt_neo",),
        block_path="transformer.h[{layer}]",
        attention_path="transformer.h[{layer}].attn",
        output_projection_path="transformer.h[{layer}].attn.attention.out_proj",
        mlp_output_path="transformer.h[{layer}].mlp",
        n_layers_attr="num_layers",
        n_heads_attr="num_heads",
        n_kv_heads_attr=None,
        max_positions_attr="max_position_embeddings",
        embedding_path="transformer.wte",
        final_norm_path="transformer.ln_f",
        unembedding_path="lm_head",
        positions=Positions.LEARNED,
        attention_layout=AttentionLayout(
            Projections.SEPARATE,
            ("attention.q_proj", "attention.k_proj", "attention.v_proj"),
            "ln_1",
            is_scaled=False,
        ),
        position_embedding_path="transformer.wpe",
    ),
    Family(
        key="gpt_neox",
        display_name="GPT-NeoX",
        model_types=("gpt_neox",),
        block_path="gpt_neox.layers[{layer}]",
        attention_path="gpt_neox.layers[{layer}].attention",
        output_projection_path="gpt_neox.layers[{layer}].attention.dense",
        mlp_output_path="gpt_neox.layers[{layer}].mlp",
        n_layers_attr="num_hidden_layers",
        n_heads_attr="num_attention_heads",
        n_kv_heads_attr=None,
        max_positions_attr="max_position_embeddings",
        embedding_path="gpt_neox.embed_in",
        final_norm_path="gpt_neox.final_layer_norm",
        unembedding_path="lm_head",
        positions=Positions.ROTARY,
        attention_layout=AttentionLayout(Projections.BY_HEAD, ("query_key_value",), "input_layernorm"),
    ),
    Family(
        key="opt",
        display_name="OPT",
        model_types=("opt",),
        block_path="model.decoder.layers[{layer}]",
        attention_path="model.decoder.layers[{layer}].self_attn",
        output_projection_path="model.decoder.layers[{layer}].self_attn.out_proj",
        mlp_output_path="model.decoder.layers[{layer}].fc2",
        n_layers_attr="num_hidden_layers",
        n_heads_attr="num_attention_heads",
        n_kv_heads_attr=None,
        max_positions_attr="max_position_embeddings",
        embedding_path="model.decoder.embed_tokens",
        final_norm_path="model.decoder.final_layer_norm",
        unembedding_path="lm_head",
        positions=Positions.LEARNED,
        start_mark=StartMark.ONE,  # OPT was trained with one </s> before every text
        attention_layout=AttentionLayout(Projections.SEPARATE, ("q_proj", "k_proj", "v_proj"), "self_attn_layer_norm"),
        position_embedding_path="model.decoder.embed_positions",
        n_rows_before_positions=2,
    ),
    _llama_like("llama", "Llama", StartMark.AS_TOKENIZER),
    _llama_like("qwen2", "Qwen2", StartMark.NONE),  # Qwen has no bos token
    _llama_like("qwen3", "Qwen3", StartMark.NONE),
    _gemma3(),
    _llama_like("mistral", "Mistral", StartMark.AS_TOKENIZER),
    _phi(),
    Family(
        key="bloom",
        display_name="BLOOM",
        model_types=("bloom",),
        block_path="transformer.h[{layer}]",
        attention_path="transformer.h[{layer}].self_attention",
        output_projection_path="transformer.h[{layer}].self_attention.dense",
        mlp_output_path="transformer.h[{layer}].mlp.dense_4h_to_h",
        n_layers_attr="n_layer",
        n_heads_attr="n_head",
        n_kv_heads_attr=None,
        max_positions_attr=None,
        embedding_path="transformer.word_embeddings",
        final_norm_path="transformer.ln_f",
        unembedding_path="lm_head",
        positions=Positions.ALIBI,
        start_mark=StartMark.NONE,
        attention_layout=AttentionLayout(Projections.BY_HEAD, ("query_key_value",), "input_layernorm"),
        embedding_norm_path="transformer.word_embeddings_layernorm",
    ),
    Family(
        key="attention_only",
        display_name="attention only",
        model_types=("attention_only",),
        block_path="layers[{layer}]",
        attention_path="layers[{layer}].attention",
        output_projection_path="layers[{layer}].attention.output",
        mlp_output_path=None,
        n_layers_attr="num_hidden_layers",
        n_heads_attr="num_attention_heads",
        n_kv_heads_attr=None,
        max_positions_attr="max_position_embeddings",
        embedding_path="embed",
        final_norm_path="final",
        unembedding_path="unembed",
        positions=Positions.SHORTFORMER,
        start_mark=StartMark.ONE,
        norm=Norm.NONE,
        attention_layout=AttentionLayout(Projections.SEPARATE, ("query", "key", "value"), norm=None),
        position_embedding_path="positions",
    ),
)
FAMILIES: dict[str, Family] = {family.key: family for family in _FAMILIES}


def family_of(config: PreTrainedConfig) -> Family:
    """The family of a model's config. Raises UserError, naming the families that can be read, for any other."""
    return family_of_type(str(config.model_type))


def family_of_type(model_type: str) -> Family:
    """The family with that config.model_type. Raises UserError as `family_of` does."""
    for family in FAMILIES.values():
        if model_type in family.model_types:
            return family
    readable = ", ".join(family.display_name for family in FAMILIES.values())
    raise UserError(
        f'Headlight cannot read the family "{model_type}". It reads: {readable}.',
        "Choose a model of one of these families.",
    )


class Kind(Enum):
    """What a model is to a person who chooses one."""

    REAL = "real"  # a language model that others trained, with the knowledge of its size
    CLASSROOM = "classroom"  # a small language model that comes with Headlight
    TOY = "toy"  # attention alone, or no words at all
    ADDED = "added"  # whatever the operator put here; it is in no registry


@dataclass(frozen=True)
class ModelSpec:
    """A model that the picker offers.

    Args: name: as on the Hugging Face hub, or of its folder in models/. family: a key of FAMILIES, None where the
    model's own adapter describes it (utils/models/adapter.py). licence: in its owner's words. start_mark: as
    the model was trained, offline and live alike. shape, millions: layers and heads, and weights in millions, as the
    model's own config and card give them, to be shown where its files are not here; None for a model that ships.
    is_gated: its owner asks for an account before it can be fetched. is_own: it comes with Headlight and is never
    looked for on the hub, where the name could be anybody's. kind: under which heading the picker shows it.
    """

    name: str
    display_name: str
    family: str | None
    licence: str
    start_mark: StartMark
    shape: Shape | None = None
    millions: float | None = None
    is_gated: bool = False
    is_own: bool = False
    kind: Kind = Kind.REAL

    @property
    def folder(self) -> str:
        """The folder its files go into, in models/ or in HEADLIGHT_MODELS_DIR."""
        return self.name.rsplit("/", 1)[-1]


# Start marks: GPT-2, Pythia, GPT-Neo, TinyStories, SmolLM2 and BLOOM met <|endoftext|> or <s> only between documents
# and their tokenizers put none; Qwen has none at all; Llama and Gemma tokenizers put one before every text.
NONE, ONE = StartMark.NONE, StartMark.ONE
CLASSROOM, TOY = Kind.CLASSROOM, Kind.TOY
_MODELS = (
    ModelSpec("classroom-gpt2", "Classroom GPT-2", "gpt2", "MIT", ONE, is_own=True, kind=CLASSROOM),
    ModelSpec("classroom-qwen2", "Classroom Qwen2", "qwen2", "MIT", ONE, is_own=True, kind=CLASSROOM),
    ModelSpec("classroom-neox", "Classroom Pythia", "gpt_neox", "MIT", ONE, is_own=True, kind=CLASSROOM),
    ModelSpec("classroom-opt", "Classroom OPT", "opt", "MIT", ONE, is_own=True, kind=CLASSROOM),
    ModelSpec("classroom-attn-2l", "Classroom toy, two layers", "attention_only", "MIT", ONE, is_own=True, kind=TOY),
    ModelSpec("classroom-attn-1l", "Classroom toy, one layer", "attention_only", "MIT", ONE, is_own=True, kind=TOY),
    ModelSpec("classroom-tunes", "Classroom tunes", None, "MIT", ONE, is_own=True, kind=TOY),
    ModelSpec(
        "callummcdougall/attn_only_2L_half",
        "ARENA's toy",
        "attention_only",
        "none stated",
        ONE,
        Shape(2, 12),
        84,
        kind=TOY,
    ),
    ModelSpec("gpt2", "GPT-2", "gpt2", "MIT", NONE, Shape(12, 12), 124),
    ModelSpec("gpt2-medium", "GPT-2 medium", "gpt2", "MIT", NONE, Shape(24, 16), 355),
    ModelSpec("distilgpt2", "DistilGPT-2", "gpt2", "Apache 2.0", NONE, Shape(6, 12), 82),
    ModelSpec("Qwen/Qwen2.5-0.5B", "Qwen2.5 0.5B", "qwen2", "Apache 2.0", NONE, Shape(24, 14), 494),
    ModelSpec("Qwen/Qwen2.5-0.5B-Instruct", "Qwen2.5 0.5B Instruct", "qwen2", "Apache 2.0", NONE, Shape(24, 14), 494),
    ModelSpec("Qwen/Qwen3-0.6B", "Qwen3 0.6B", "qwen3", "Apache 2.0", NONE, Shape(28, 16), 596),
    ModelSpec("EleutherAI/pythia-70m", "Pythia 70M", "gpt_neox", "Apache 2.0", NONE, Shape(6, 8), 70),
    ModelSpec("EleutherAI/pythia-160m", "Pythia 160M", "gpt_neox", "Apache 2.0", NONE, Shape(12, 12), 162),
    ModelSpec("EleutherAI/pythia-410m", "Pythia 410M", "gpt_neox", "Apache 2.0", NONE, Shape(24, 16), 405),
    ModelSpec("facebook/opt-125m", "OPT 125M", "opt", "OPT-175B licence (research only)", ONE, Shape(12, 12), 125),
    ModelSpec("EleutherAI/gpt-neo-125M", "GPT-Neo 125M", "gpt_neo", "MIT", NONE, Shape(12, 12), 125),
    ModelSpec("HuggingFaceTB/SmolLM2-135M", "SmolLM2 135M", "llama", "Apache 2.0", NONE, Shape(30, 9), 135),
    ModelSpec(
        "HuggingFaceTB/SmolLM2-135M-Instruct", "SmolLM2 135M Instruct", "llama", "Apache 2.0", NONE, Shape(30, 9), 135
    ),
    ModelSpec(
        "meta-llama/Llama-3.2-1B",
        "Llama 3.2 1B",
        "llama",
        "Llama 3.2 Community License",
        ONE,
        Shape(16, 32),
        1236,
        is_gated=True,
    ),
    ModelSpec(
        "google/gemma-3-270m", "Gemma 3 270M", "gemma3", "Gemma Terms of Use", ONE, Shape(18, 4), 268, is_gated=True
    ),
    ModelSpec("roneneldan/TinyStories-33M", "TinyStories 33M", "gpt_neo", "MIT", NONE, Shape(4, 16), 68),
    ModelSpec("bigscience/bloom-560m", "BLOOM 560M", "bloom", "BigScience RAIL 1.0", NONE, Shape(24, 16), 559),
)
MODELS: dict[str, ModelSpec] = {model.name: model for model in _MODELS}

FIRST_CHOICE = "HuggingFaceTB/SmolLM2-135M-Instruct"
"""A real model that everybody can have, and that has heads of every kind."""
BEST_FIRST = (FIRST_CHOICE, "google/gemma-3-270m", "classroom-gpt2")
"""Which model a page opens on: the first of these that is on this computer."""


def display_name_of(name: str) -> str:
    """How people call a model; one that is not in MODELS is called as its folder."""
    return MODELS[name].display_name if name in MODELS else name


def kind_of(name: str) -> Kind:
    """Under which heading a model stands; one that is not in MODELS was added."""
    return MODELS[name].kind if name in MODELS else Kind.ADDED
