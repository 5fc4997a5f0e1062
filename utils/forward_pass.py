"""From a prompt to everything that a page shows of it: tokens, attention patterns, most likely next tokens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from utils.byte_pieces import notices_about, places_left_out
from utils.chat import NO_FRAME, ChatFrame, asked_like, frame_of, mark_template
from utils.errors import Fix, Notice, UserError
from utils.example_texts import DEFAULT_PROMPT
from utils.heads import Shape
from utils.measures.reading import Need, Reading
from utils.measures.written import Writing
from utils.models.loader import LoadedModel
from utils.pyvene_engine import capture_patterns
from utils.roles import needs_of_roles
from utils.scoring import ROW_SUM_TOLERANCE
from utils.tokens import Token, count_whole_tokens, tokens_from_ids
from utils.writing.values import Values, can_be_told, values_of

N_PREDICTIONS = 10
LONGEST_TEXT = 50_000  # characters; what lies beyond is left out before it is turned into tokens


@dataclass(frozen=True)
class Prediction:
    """A token that may come next, and its probability in [0, 1]."""

    token: Token
    prob: float


@dataclass(frozen=True, eq=False)
class ForwardPass:
    """One prompt read by one model.

    Args: prompt: the text that was read, after cutting. tokens: one for each position; a start mark is entry 0.
    patterns: [layer, head, query_pos, key_pos], float32, read-only, causal, rows sum to 1.
    predictions: the most likely next tokens, likeliest first. notices: what was changed about the text, and what the
    model cannot read of it.
    head_values: what each head hands on, [layer, head, position, d_head], float32; None unless some role needs it.
    n_vocabulary: how many different tokens the model knows. windows: as `Reading` has them. values: what heads hand on
    of each token, None where nobody can tell, or where `writing` is stored. writing: what they would write of each;
    None until the catalogue's figures were brought to it.
    """

    model_name: str
    prompt: str
    tokens: tuple[Token, ...]
    patterns: np.ndarray
    predictions: tuple[Prediction, ...]
    notices: tuple[Notice, ...]
    head_values: np.ndarray | None = None
    n_vocabulary: int = 0
    windows: tuple[int | None, ...] = ()
    values: Values | None = None
    writing: Writing | None = None

    @property
    def token_ids(self) -> tuple[int, ...]:
        return tuple(token.id for token in self.tokens)

    @property
    def reading(self) -> Reading:
        """What the roles' measures see of it."""
        ids = np.array(self.token_ids, dtype=np.int64)
        return Reading(ids, self.patterns, self.head_values, places_left_out(self.tokens), self.windows, self.writing)

    @property
    def has_start_mark(self) -> bool:
        return self.tokens[0].is_start

    @property
    def shape(self) -> Shape:
        return Shape(int(self.patterns.shape[0]), int(self.patterns.shape[1]))

    @property
    def n_layers(self) -> int:
        return self.shape.n_layers

    @property
    def n_heads(self) -> int:
        return self.shape.n_heads


@dataclass(frozen=True)
class EncodedPrompt:
    """A prompt turned into ids, the start mark among them, and what was left out on the way.

    frame: the chat template around the text, empty for a text that is read as it is.
    """

    text: str
    ids: list[int]
    notices: tuple[Notice, ...]
    frame: ChatFrame = NO_FRAME

    def typed_ids(self, n_start: int) -> list[int]:
        """The ids of the text alone. Args: n_start: how many ids the start mark takes."""
        return self.ids[n_start + len(self.frame.before) : len(self.ids) - len(self.frame.after)]


def run_forward_pass(loaded: LoadedModel, prompt: str, max_tokens: int) -> ForwardPass:
    """Read a prompt once. Safe to call from many threads.

    Args: prompt: as typed; nothing is stripped. max_tokens: the most positions to read, a start mark included; the
    model's own limit may be lower. Raises: UserError for a prompt with nothing to read, or a model that gives no
    usable attention.
    """
    encoded = encode_prompt(loaded, prompt, max_tokens)
    tokens = tokens_of(loaded, encoded)
    needs = needs_of_roles()
    is_told = Need.WRITING in needs and can_be_told(loaded)
    capture = capture_patterns(
        loaded,
        torch.tensor([encoded.ids]),
        only_last_logits=True,
        with_head_values=Need.HEAD_VALUES in needs,
        with_values=is_told,
    )
    patterns = capture.patterns[0].numpy()
    _check_patterns(loaded.name, patterns)
    patterns.setflags(write=False)
    values = None if capture.head_values is None else capture.head_values[0].numpy()
    predictions = _most_likely(loaded, capture.logits[0, -1])
    notices = (*encoded.notices, *notices_about(tokens))
    return ForwardPass(
        loaded.name,
        encoded.text,
        tokens,
        patterns,
        predictions,
        notices,
        values,
        n_vocabulary=len(loaded.tokenizer),
        windows=loaded.windows,
        values=values_of(loaded, capture.made) if is_told else None,
    )


def tokens_of(loaded: LoadedModel, encoded: EncodedPrompt) -> tuple[Token, ...]:
    """One token for each id of a prompt; start mark and chat template are marked."""
    tokens = tokens_from_ids(loaded.tokenizer, encoded.ids, has_start_mark=loaded.start_mark_id is not None)
    frame = encoded.frame
    return mark_template(tokens, len(loaded.start_ids) + len(frame.before), len(frame.after)) if len(frame) else tokens


def encode_prompt(loaded: LoadedModel, prompt: str, max_tokens: int) -> EncodedPrompt:
    """Ids of a prompt, with the model's start mark exactly once, and with the chat template around a `ChatTurn`, of
    which nothing is ever cut; see `run_forward_pass`."""
    text, notices = _readable_text(str(prompt))
    if not text.strip():
        own = loaded.adapter.prompts if loaded.adapter is not None else ()
        raise UserError(
            "Type something to read.",
            "A sentence said twice lights the most heads.",
            fix=Fix("Use an example", prompt=asked_like(prompt, next(iter(own), DEFAULT_PROMPT))),
        )
    if loaded.adapter is not None:
        loaded.adapter.check_prompt(text)
    frame = frame_of(loaded, prompt)
    start = [*loaded.start_ids, *frame.before]
    read, is_too_long = text[:LONGEST_TEXT], len(text) > LONGEST_TEXT
    encoding = loaded.tokenizer.backend_tokenizer.encode(read, add_special_tokens=False)
    _check_ids(loaded, encoding.ids)
    limit = min(max_tokens, loaded.max_positions or max_tokens)
    room = limit - len(start) - len(frame.after)
    if room < 1:
        raise UserError(
            f"The chat template alone has {len(frame)} tokens, and at most {limit} are read here.",
            "HEADLIGHT_MAX_TOKENS sets how many.",
            fix=Fix("Read it as plain text", prompt=str(prompt)),
        )
    n_kept = count_whole_tokens(encoding.offsets, room)
    n_left_out = len(encoding.ids) - n_kept
    ids = [*start, *encoding.ids[:n_kept], *frame.after]
    if n_left_out:
        read = read[: encoding.offsets[n_kept - 1][1]]
    if n_left_out or is_too_long:
        notices += (_cut_notice(len(ids), n_left_out, is_too_long),)
    return EncodedPrompt(asked_like(prompt, read), ids, notices, frame)


def _readable_text(prompt: str) -> tuple[str, tuple[Notice, ...]]:
    """The prompt without what no tokenizer can read: halves of characters (lone surrogates) and NUL.

    Both halves of a character that arrive one after the other are joined.
    """
    joined = prompt.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if joined == prompt and "\0" not in prompt:
        return prompt, ()
    text = prompt.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore").replace("\0", "")
    n_left_out = len(joined) - len(text)
    if n_left_out == 0:
        return text, ()
    sentence = "One character could not be read and was left out."
    if n_left_out > 1:
        sentence = f"{n_left_out} characters could not be read and were left out."
    return text, (Notice(sentence, "Half characters and NUL have no meaning in a text."),)


def _cut_notice(n_kept: int, n_left_out: int, is_too_long: bool) -> Notice:
    left_out = f"The last {n_left_out} tokens were left out."
    if n_left_out == 1:
        left_out = "The last token was left out."
    if is_too_long:
        left_out = "The rest was left out."
    return Notice(
        f"Your text was cut at {n_kept} tokens. {left_out}", "A shorter text is read whole.", Fix("Edit the text")
    )


def _check_ids(loaded: LoadedModel, ids: list[int]) -> None:
    """A tokenizer and weights that belong to different models would fail deep inside the forward pass."""
    if ids and max(ids) >= loaded.config.vocab_size:
        raise UserError(
            f"The tokenizer of {loaded.name} does not fit its weights.", "Copy the model's files again.", status=503
        )


def _check_patterns(name: str, patterns: np.ndarray) -> None:
    """Refuse attention that leaks to later positions or whose rows do not sum to 1, as damaged weights give."""
    is_causal = not np.triu(patterns, k=1).any()
    sums_to_one = np.abs(patterns.sum(axis=-1) - 1).max() <= ROW_SUM_TOLERANCE
    if not (is_causal and sums_to_one):  # NaN fails both
        raise UserError(
            f"The weights of {name} give no usable attention.", "Copy or download the model's files again.", status=503
        )


def _most_likely(loaded: LoadedModel, logits: torch.Tensor) -> tuple[Prediction, ...]:
    """The likeliest next tokens. Args: logits: [vocabulary], at the last position."""
    top = torch.softmax(logits, dim=-1).topk(min(N_PREDICTIONS, logits.shape[-1]))
    return tuple(
        Prediction(tokens_from_ids(loaded.tokenizer, [int(token_id)])[0], float(prob))
        for prob, token_id in zip(top.values, top.indices, strict=True)
    )
