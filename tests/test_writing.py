"""What heads write, on hand-made heads with known answers, and held against the model's own parts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.tiny_models import TINY_CONFIGS, readable_tiny_model
from utils.activity import decide_role
from utils.experiments.residual_parts import split_residual
from utils.forward_pass import run_forward_pass
from utils.measures.figures import RoleScores
from utils.measures.reading import LeftOut, Reading
from utils.measures.states import State
from utils.measures.written import Write, Writing, Written
from utils.models.loader import load_model_from
from utils.pyvene_engine import capture_patterns
from utils.roles import ROLES
from utils.scoring import score_text
from utils.settings import SHIPPED_MODELS_DIR
from utils.tokens import Token
from utils.writing.tables import writing_tables
from utils.writing.text_writing import hits_of, with_writing
from utils.writing.values import can_be_told

TEXT = ["Then", "Anna", "and", "Peter", "had", "a", "talk"]
RNG = np.random.default_rng(0)


def token(word: str, token_id: int, **more) -> Token:
    return Token(token_id, word, word, word, **more)


def writing_of(
    patterns: np.ndarray,
    hits: dict[Write, list[int]],
    logit: float = 2.0,
    names: tuple[int, ...] = (1, 3),
    asks: bool = True,
    targets: dict[Write, list[int]] | None = None,
) -> Reading:
    """A reading of one head [1, 1, n, n] that hits at some keys, with the same logit at every key that has a target."""
    n = patterns.shape[-1]
    tokens = tuple(token(f"w{place}", place) for place in range(n))
    ways = {}
    for write in Write:
        has = np.isin(np.arange(n), (targets or {}).get(write, range(1, n)))
        hit = np.isin(np.arange(n), hits.get(write, [])) & has
        logits = np.where(has, write.sign * logit, 0.0)[None, None]
        ways[write] = Written(
            has, tuple(t if h else None for t, h in zip(tokens, has, strict=True)), hit[None, None], logits
        )
    is_name = np.isin(np.arange(n), names)
    writing = Writing(
        ways, np.ones((1, n)), is_name, tokens[-1], np.append(np.isin(np.arange(1, n), names), asks), n_columns=200
    )
    return Reading(np.arange(n), patterns, writing=writing)


def row_to(n: int, key: int, weight: float, row: int | None = None) -> np.ndarray:
    """A head that rests on the first token, but for one row, or all, that looks at one key with so much."""
    pattern = np.zeros((n, n))
    pattern[:, 0] = 1.0
    for query in range(key, n) if row is None else [row]:
        pattern[query] = 0.0
        pattern[query, key], pattern[query, 0] = weight, 1 - weight
    return pattern[None, None]


def decided(reading: Reading, role: str, usual: float | None = None):
    scored = score_text(reading)
    known = None if usual is None else RoleScores(1, np.array([[usual]]))
    return scored, decide_role(scored, role, known, 1)


class TestOnAText:
    def test_the_score_is_the_best_row_and_no_mean(self):
        reading = writing_of(row_to(7, 3, 0.8, row=5), {Write.COPY: [3]})
        scored, decision = decided(reading, "copying")
        assert scored.roles["copying"].score[0, 0] == pytest.approx(0.8)
        assert decision.state[0, 0] is State.ACTIVE

    @pytest.mark.parametrize(
        ("weight", "logit", "usual", "state"),
        [
            (0.3, 2.0, None, State.ACTIVE),
            (0.29, 2.0, None, State.BELOW_USUAL),
            (0.8, 0.37, None, State.BELOW_USUAL),  # a push of .296
            (0.8, 0.38, None, State.ACTIVE),
            (0.44, 2.0, 0.9, State.BELOW_USUAL),
            (0.45, 2.0, 0.9, State.ACTIVE),
            (0.09, 9.0, None, State.NOT_SEEN),
        ],
    )
    def test_it_is_active_from_a_score_of_its_own_and_a_push(self, weight, logit, usual, state):
        reading = writing_of(row_to(7, 3, weight), {Write.COPY: [3]}, logit=logit)
        _, decision = decided(reading, "copying", usual)
        assert decision.state[0, 0] is state

    def test_what_it_looks_at_and_does_not_hit_counts_nothing(self):
        scored, decision = decided(writing_of(row_to(7, 3, 0.9), {Write.COPY: [2]}), "copying")
        assert scored.roles["copying"].score[0, 0] == 0
        assert decision.state[0, 0] is State.NOT_SEEN

    def test_the_first_position_never_counts(self):
        scored = score_text(writing_of(row_to(7, 3, 0.0), {Write.COPY: [0]}))
        assert scored.roles["copying"].score[0, 0] == 0

    def test_suppression_pushes_down_and_is_proved_so(self):
        reading = writing_of(row_to(7, 3, 0.9), {Write.SUPPRESS: [3]})
        _, decision = decided(reading, "copy_suppression")
        assert decision.state[0, 0] is State.ACTIVE
        measure, one = ROLES["copy_suppression"].measure, reading.of_head((0, 0))
        look = measure.strongest_looks(one, measure.evidence_in(one), 3)[0]
        assert (look.key_pos, look.push, look.target.word) == (3, pytest.approx(-1.8), "w3")

    def test_names_count_at_the_last_token_alone_and_only_where_one_is_asked_for(self):
        name, other = row_to(7, 3, 0.9), row_to(7, 2, 0.9)
        assert decided(writing_of(name, {Write.COPY: [3]}), "name_mover")[1].state[0, 0] is State.ACTIVE
        assert decided(writing_of(other, {Write.COPY: [2]}), "name_mover")[1].state[0, 0] is State.NOT_SEEN
        unasked = decided(writing_of(name, {Write.COPY: [3]}, asks=False), "name_mover")[1]
        assert unasked.state[0, 0] is State.BELOW_USUAL
        scored = score_text(writing_of(name, {Write.COPY: [3]}))
        assert scored.evidence["name_mover"].rows.tolist() == [6]

    def test_a_text_could_be_cut_where_a_name_is_given_most(self):
        reading = writing_of(row_to(7, 1, 0.9, row=2), {Write.COPY: [1]}, asks=False).of_head((0, 0))
        assert ROLES["name_mover"].measure.better_cut(reading, 0.3) == 2
        assert ROLES["copying"].measure.better_cut(reading, 0.3) is None

    def test_without_a_target_there_is_no_evidence(self):
        scored = score_text(writing_of(row_to(7, 3, 0.9), {}, targets={Write.NEXT: []}, names=()))
        assert len(scored.evidence["successor"].rows) == len(scored.evidence["name_mover"].rows) == 0
        assert len(scored.evidence["copying"].rows) == 6

    def test_places_that_were_not_read_are_left_out(self):
        pieces = np.array([False, False, False, True, False, False, False])
        reading = replace(writing_of(row_to(7, 3, 0.9), {Write.COPY: [3]}), left_out=LeftOut(pieces, pieces))
        scored = score_text(reading)
        assert scored.roles["copying"].score[0, 0] == 0
        assert 3 not in scored.evidence["copying"].rows

    def test_a_row_s_pushes_are_those_of_its_looks(self):
        pattern = np.zeros((1, 1, 5, 5))
        pattern[..., :, 0] = 1.0
        pattern[0, 0, 4] = [0.1, 0.3, 0.2, 0.4, 0.0]
        reading = writing_of(pattern, {Write.COPY: [1, 3]}).of_head((0, 0))
        measure = ROLES["copying"].measure
        evidence = measure.evidence_in(reading)
        row = next(each for each in measure.evidence_rows(reading, evidence) if each.query_pos == 4)
        assert (row.share, row.key_pos, row.n_more_keys) == (pytest.approx(0.7), 3, 1)
        assert measure.push_of_row(reading, evidence, 4) == pytest.approx(0.7 * 2.0)
        looks = measure.strongest_looks(reading, evidence, 9)
        assert sum(look.push for look in looks if look.query_pos == 4) == pytest.approx(1.4)


class TestHits:
    CENTRED = torch.tensor([[3.0, 2.0, -1.0, 0.0]])  # one key whose own column is 0 and whose next is 1

    def test_copying_is_the_largest_column_and_suppression_the_smallest(self):
        own = torch.tensor([0])
        assert hits_of(Write.COPY, self.CENTRED, own, own).item()
        assert not hits_of(Write.SUPPRESS, self.CENTRED, own, own).item()
        assert hits_of(Write.SUPPRESS, -self.CENTRED, own, own).item()

    def test_what_comes_next_is_told_without_the_own_token(self):
        assert hits_of(Write.NEXT, self.CENTRED, torch.tensor([0]), torch.tensor([1])).item()
        assert not hits_of(Write.NEXT, self.CENTRED, torch.tensor([2]), torch.tensor([1])).item()
        assert not hits_of(Write.NEXT, self.CENTRED, torch.tensor([0]), torch.tensor([-1])).item()


@pytest.fixture(scope="module")
def gpt2():
    return load_model_from(SHIPPED_MODELS_DIR / "classroom-gpt2")


@pytest.mark.parametrize("family", TINY_CONFIGS)
def test_values_and_patterns_make_what_every_head_hands_on(family):
    loaded = readable_tiny_model(family)
    if not can_be_told(loaded):
        pytest.skip(f"{family} has no layout or no final norm, so its writing is not told")
    forward = run_forward_pass(loaded, "the cat sat. the cat sat on the mat", 32)
    values = np.repeat(forward.values.values, loaded.n_heads // forward.values.values.shape[1], axis=1)
    ids = torch.tensor([forward.token_ids])
    handed_on = capture_patterns(loaded, ids, with_head_values=True).head_values[0].numpy()
    assert np.abs(forward.patterns @ values - handed_on).max() < 2e-6


def test_pushes_of_all_keys_add_up_to_what_the_head_does_to_the_logit(gpt2):
    """Held against the parts of the residual stream: direct logit attribution of the whole head at the last token."""
    forward = run_forward_pass(gpt2, "The dog saw the cat and the cat saw the dog", 32)
    tables = writing_tables(gpt2)
    writing = with_writing(gpt2, tables, forward).writing
    parts = split_residual(gpt2, list(forward.token_ids))
    n_last, words = len(forward.tokens) - 1, writing.ways[Write.COPY]
    target = forward.token_ids[-2]
    for layer, head in ((1, 2), (2, 5), (3, 7)):
        whole = parts.direct_logits(parts.heads[layer, head])
        expected = float(whole[target] - whole.mean())
        values = torch.tensor(forward.values.values[layer, head])
        to_target = _logits_of(gpt2, values, target, layer, head)
        pushed = float((forward.patterns[layer, head, n_last] * to_target).sum() * writing.scale[layer, n_last])
        assert pushed == pytest.approx(expected, abs=2e-5)
        places = [place for place, each in enumerate(forward.token_ids) if each == target and place > 0]
        for place in places:  # and the logits that a text's keys get are these
            assert words.logits[layer, head, place] == pytest.approx(float(to_target[place]), abs=2e-4)


def _logits_of(loaded, values: torch.Tensor, target: int, layer: int, head: int) -> np.ndarray:
    """What a head's values [key, d_head] do to one token's logit above the vocabulary's mean, before the final norm's
    scale; from the model's own modules."""
    module = loaded.model.transformer
    W_O = module.h[layer].attn.c_proj.weight.detach().unflatten(0, (loaded.n_heads, -1))[head]
    written = values @ W_O
    centred = (written - written.mean(dim=-1, keepdim=True)) * module.ln_f.weight.detach()
    W_U = loaded.model.lm_head.weight.detach()
    return (centred @ (W_U[target] - W_U.mean(dim=0))).numpy()
