"""Tunes for training the model that does not read text: made-up melodies in which phrases return.

A token is a note, its pitch and its length: `C4` is a short C in octave 4, `C4_` a long one. A tune has a key and a
form such as A A B A, whose letters are phrases of 3 to 12 notes that walk up and down the scale. Nothing here was
composed by anybody; the rules are all in this file. Rows with random notes said twice are mixed in, as for the
classroom models, so that a phrase can only be foreseen by looking it up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

START_LABEL = "start"
PITCH_NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B")
LOWEST, HIGHEST = 57, 86  # MIDI numbers: A3 to D6
SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10))  # major, natural minor
FORMS = ("AABA", "ABAB", "AAB", "ABAC", "AABB", "ABA")
STEPS = (-2, -1, -1, 0, 1, 1, 2)
LONG_SHARE = 0.3


def note_labels() -> list[str]:
    """The vocabulary: the start mark, then every pitch short and long."""
    names = [f"{PITCH_NAMES[pitch % 12]}{pitch // 12 - 1}" for pitch in range(LOWEST, HIGHEST + 1)]
    return [START_LABEL, *(f"{name}{length}" for name in names for length in ("", "_"))]


def make_tune(rng: np.random.Generator) -> list[int]:
    """Ids of one tune: a key, a form, and phrases that return exactly."""
    tonic, scale = int(rng.integers(12)), SCALES[int(rng.integers(len(SCALES)))]
    ladder = [pitch for pitch in range(LOWEST, HIGHEST + 1) if (pitch - tonic) % 12 in scale]
    form = FORMS[int(rng.integers(len(FORMS)))]
    phrases = {letter: _phrase(rng, ladder) for letter in sorted(set(form))}
    return [note for letter in form for note in phrases[letter]]


def _phrase(rng: np.random.Generator, ladder: Sequence[int]) -> list[int]:
    rung = int(rng.integers(3, len(ladder) - 3))
    notes = []
    for _ in range(int(rng.integers(3, 13))):
        is_long = rng.random() < LONG_SHARE
        notes.append(1 + 2 * (ladder[rung] - LOWEST) + int(is_long))
        step = int(rng.choice(STEPS))
        rung += step if 0 <= rung + step < len(ladder) else -step
    return notes


class TuneSampler:
    """Draws training rows of tunes; the same generator state gives the same rows."""

    def __init__(self, rng: np.random.Generator):
        self.rng = rng
        self._vocab_size = len(note_labels())

    def batch(self, rows: int, length: int, shares: Mapping[str, float]) -> np.ndarray:
        """Note ids [rows, length]; column 0 is the start mark. shares: of `natural` rows; the others are `repeat`."""
        is_tune = self.rng.random(rows) < shares["natural"]
        bodies = [self._tunes(length - 1) if tune else self._repeats(length - 1) for tune in is_tune]
        return np.stack([np.concatenate(([0], body)) for body in bodies])

    def _tunes(self, length: int) -> np.ndarray:
        notes: list[int] = []
        while len(notes) < length:
            notes += make_tune(self.rng)
        return np.array(notes[:length], dtype=np.int64)

    def _repeats(self, length: int) -> np.ndarray:
        """Random notes, said twice or more, with lengths that vary."""
        parts: list[np.ndarray] = [self._random(int(self.rng.integers(0, 20)))]
        while sum(map(len, parts)) < length:
            parts += [self._random(int(self.rng.integers(4, 41)))] * int(self.rng.integers(2, 4))
        return np.concatenate(parts)[:length]

    def _random(self, length: int) -> np.ndarray:
        """Random notes, none twice, so that one note tells which one comes next."""
        return 1 + self.rng.permutation(self._vocab_size - 1)[:length]


def held_out_tunes(n_notes: int, seed: int) -> np.ndarray:
    """Note ids of tunes that no training row came from, one long array."""
    rng = np.random.default_rng([seed, 1])
    notes: list[int] = []
    while len(notes) < n_notes:
        notes += make_tune(rng)
    return np.array(notes[:n_notes], dtype=np.int64)


def tune_texts(n_texts: int, seed: int) -> list[str]:
    """Tunes as a person writes them, `C4 D4_ E4`, for the model's `adapter.json`."""
    rng, labels = np.random.default_rng([seed, 2]), note_labels()
    return [" ".join(labels[note] for note in make_tune(rng)) for _ in range(n_texts)]
