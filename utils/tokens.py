"""Tokens as a reader sees them: one entry per position, nothing invisible, no broken characters.

A byte-level vocabulary may split one character over several tokens: GPT-2 reads an emoji as up to four of them, and
none of the four is a character by itself. Such a token shows the whole character with its part in a circle, "😀①",
"😀②", and bytes that never become a character show as bytes, "⟨F0 9F⟩".
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenizers.models import WordLevel

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

START_LABEL = "start"
END_LABEL = "⟨end⟩"
SPACE_MARK = "·"
PART_MARKS = "①②③④"  # a UTF-8 character has at most four bytes, so at most four parts
CHARACTER_NAMES = {
    " ": SPACE_MARK,
    "\n": "⏎",
    "\t": "⇥",
    "\x7f": "␡",
    "\u00a0": "⟨NBSP⟩",
    "\u00ad": "⟨SHY⟩",
    "\u061c": "⟨ALM⟩",
    "\u200b": "⟨ZWSP⟩",
    "\u200c": "⟨ZWNJ⟩",
    "\u200d": "⟨ZWJ⟩",
    "\u200e": "⟨LRM⟩",
    "\u200f": "⟨RLM⟩",
    "\u202a": "⟨LRE⟩",
    "\u202b": "⟨RLE⟩",
    "\u202c": "⟨PDF⟩",
    "\u202d": "⟨LRO⟩",
    "\u202e": "⟨RLO⟩",
    "\u2066": "⟨LRI⟩",
    "\u2067": "⟨RLI⟩",
    "\u2068": "⟨FSI⟩",
    "\u2069": "⟨PDI⟩",
    "\ufeff": "⟨BOM⟩",
}
# Letters by their Unicode category, yet with nothing to see: Hangul fillers and the empty braille cell.
EMPTY_LETTERS = frozenset("\u115f\u1160\u2800\u3164\uffa0\ufffc\ufffd")
# Controls, formats, surrogates, private use, unassigned, and every kind of space or line break.
UNSEEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zs", "Zl", "Zp"})


@dataclass(frozen=True)
class Token:
    """One position of the text.

    Args: id: its number in the model's vocabulary. text: as decoded, a leading space kept (" cat"), empty for the
    start mark; a part of a split character has its label here. label: text with nothing invisible ("·cat", "⏎").
    word: label without leading spaces ("cat"), never empty. is_start: the start mark, which nobody typed. broken: the
    parts of characters in it, as the label shows them ("😀①"); empty for a token of whole characters. is_template:
    it belongs to a chat template, and nobody typed it either.
    """

    id: int
    text: str
    label: str
    word: str
    is_start: bool = False
    broken: tuple[str, ...] = ()
    is_template: bool = False

    @property
    def is_typed(self) -> bool:
        """Whether it is of the student's own text."""
        return not (self.is_start or self.is_template)


@dataclass(frozen=True)
class _Part:
    """A character inside one token: whole (total 1), one of several parts, or bytes that are no character (total 0)."""

    text: str
    number: int
    total: int


def tokens_from_ids(
    tokenizer: PreTrainedTokenizerFast, ids: Sequence[int], has_start_mark: bool = False
) -> tuple[Token, ...]:
    """One Token for each id, in order; with `has_start_mark` the first id is the start mark."""
    pieces = _piece_bytes(tokenizer, ids)
    start = [Token(ids[0], "", START_LABEL, START_LABEL, is_start=True)] if has_start_mark else []
    skipped = len(start)
    parts_by_piece = _split_into_parts(pieces[skipped:])
    typed = [
        _named_token(token_id, parts, token_id == tokenizer.eos_token_id)
        for token_id, parts in zip(ids[skipped:], parts_by_piece, strict=True)
    ]
    return tuple(start + typed)


def count_whole_tokens(offsets: Sequence[tuple[int, int]], limit: int) -> int:
    """How many of the first `limit` tokens to keep so that no character is cut in two.

    Args: offsets: for each token the characters of the text it covers; the parts of one character cover the same one.
    Returns: at least 1, at most `limit`; worked example: [(0, 1), (1, 2), (1, 2)] and 2 give 1.
    """
    keep = min(limit, len(offsets))
    if keep == len(offsets):
        return keep
    for whole in range(keep, max(keep - len(PART_MARKS), 0), -1):
        if offsets[whole][0] >= offsets[whole - 1][1]:
            return whole
    return keep


def _named_token(token_id: int, parts: list[_Part], is_end: bool) -> Token:
    text = "".join(_plain(part) for part in parts)
    if is_end:
        return Token(token_id, text, END_LABEL, END_LABEL)
    label = _visible(parts)
    n_leading_spaces = len(text) - len(text.lstrip(" "))
    word = label[n_leading_spaces:] or label or "⟨empty⟩"
    broken = tuple(_visible_part(part, is_first=False) for part in parts if part.total != 1)
    return Token(token_id, text, label or "⟨empty⟩", word, broken=broken)


def _plain(part: _Part) -> str:
    return part.text if part.total <= 1 else _visible_part(part, is_first=False)


def _visible(parts: list[_Part]) -> str:
    """The parts with a mark for everything that cannot be seen; a lone accent sits on a dotted circle."""
    return "".join(_visible_part(part, is_first=index == 0) for index, part in enumerate(parts))


def _visible_part(part: _Part, is_first: bool) -> str:
    if part.total == 0:
        return part.text
    mark = PART_MARKS[part.number] if part.total > 1 else ""
    return _visible_character(part.text, is_first) + mark


def _visible_character(character: str, is_first: bool) -> str:
    if character in CHARACTER_NAMES:
        return CHARACTER_NAMES[character]
    if character < " ":
        return chr(0x2400 + ord(character))  # ␀ to ␟, Unicode's pictures of the control characters
    category = unicodedata.category(character)
    if category in UNSEEN_CATEGORIES or character in EMPTY_LETTERS:
        return f"⟨U+{ord(character):04X}⟩"
    if is_first and _is_variation_selector(character):
        return f"⟨U+{ord(character):04X}⟩"
    return "◌" + character if is_first and category.startswith("M") else character


def _is_variation_selector(character: str) -> bool:
    return "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"


def _split_into_parts(pieces: Sequence[bytes]) -> list[list[_Part]]:
    """For each piece the characters in it, where a character may be spread over several pieces."""
    stream = b"".join(pieces)
    owners = [index for index, piece in enumerate(pieces) for _ in piece]
    parts: list[list[_Part]] = [[] for _ in pieces]
    position = 0
    while position < len(stream):
        character, n_bytes = _character_at(stream, position)
        if character is None:
            _add_byte(parts[owners[position]], stream[position])
        else:
            holders = sorted(set(owners[position : position + n_bytes]))
            for number, owner in enumerate(holders):
                parts[owner].append(_Part(character, number, len(holders)))
        position += n_bytes
    return parts


def _character_at(stream: bytes, position: int) -> tuple[str | None, int]:
    """The UTF-8 character that begins at a position and its length in bytes; (None, 1) where none does."""
    lead = stream[position]
    n_bytes = 1 if lead < 0x80 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
    try:
        return stream[position : position + n_bytes].decode("utf-8"), n_bytes
    except UnicodeDecodeError:
        return None, 1


def _add_byte(parts: list[_Part], byte: int) -> None:
    """Show a byte as "⟨F0⟩"; neighbours share the brackets, "⟨F0 9F⟩"."""
    if parts and parts[-1].total == 0:
        parts[-1] = _Part(f"{parts[-1].text[:-1]} {byte:02X}⟩", 0, 0)
    else:
        parts.append(_Part(f"⟨{byte:02X}⟩", 0, 0))


def _piece_bytes(tokenizer: PreTrainedTokenizerFast, ids: Sequence[int]) -> list[bytes]:
    """The UTF-8 bytes behind each id, by the way this tokenizer writes its vocabulary."""
    backend = tokenizer.backend_tokenizer
    added = {token_id: added.content for token_id, added in tokenizer.added_tokens_decoder.items()}
    is_byte_level = backend.decoder is not None and b'"ByteLevel"' in backend.decoder.__getstate__()
    others = _label_bytes if isinstance(backend.model, WordLevel) else _metaspace_bytes
    decode = _byte_level_bytes if is_byte_level else others
    pieces = []
    for token_id in ids:
        piece = backend.id_to_token(token_id)
        if piece is None:  # a row of the embedding that pads the vocabulary
            pieces.append(f"⟨#{token_id}⟩".encode())
        else:
            pieces.append(added[token_id].encode() if token_id in added else decode(piece))
    return pieces


def _label_bytes(piece: str) -> bytes:
    """A label of an adapter: spaces stand between labels, and belong to the one that they precede."""
    return f" {piece}".encode()


def _metaspace_bytes(piece: str) -> bytes:
    """SentencePiece: "▁" is a space, "<0xE4>" is one byte."""
    if len(piece) == 6 and piece.startswith("<0x") and piece.endswith(">"):
        return bytes([int(piece[3:5], 16)])
    return piece.replace("▁", " ").encode()


def _byte_level_bytes(piece: str) -> bytes:
    return b"".join(
        bytes([_BYTE_OF_CHARACTER[char]]) if char in _BYTE_OF_CHARACTER else char.encode() for char in piece
    )


def _byte_characters() -> Iterator[tuple[str, int]]:
    """GPT-2's table: bytes that print stand for themselves, the others for characters from U+0100 on ("Ġ" is space)."""
    shifted = 0
    for byte in range(256):
        if 0x21 <= byte <= 0x7E or 0xA1 <= byte <= 0xAC or 0xAE <= byte <= 0xFF:
            yield chr(byte), byte
        else:
            yield chr(0x100 + shifted), byte
            shifted += 1


_BYTE_OF_CHARACTER = dict(_byte_characters())
