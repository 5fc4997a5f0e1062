"""Heads are named and counted in one place."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.errors import UserError
from utils.heads import HeadId, Shape


def test_the_order_of_heads_is_layer_after_layer():
    shape = Shape(3, 4)
    assert shape.all()[:5] == [HeadId(0, 0), HeadId(0, 1), HeadId(0, 2), HeadId(0, 3), HeadId(1, 0)]
    assert shape.index(HeadId(1, 2)) == 6
    assert shape.at(6) == HeadId(1, 2)


@given(st.integers(1, 40), st.integers(1, 40), st.data())
def test_index_and_at_are_inverse_and_agree_with_a_flat_matrix(n_layers, n_heads, data):
    shape = Shape(n_layers, n_heads)
    index = data.draw(st.integers(0, shape.n_all - 1))
    flat = np.arange(shape.n_all).reshape(shape.as_tuple)
    assert shape.index(shape.at(index)) == index == flat[shape.at(index)]


@pytest.mark.parametrize("head", [(3, 0), (0, 4), (-1, 0), (0, -1)])
def test_a_head_that_is_not_there_is_never_another_one(head):
    shape = Shape(3, 4)
    assert head not in shape
    with pytest.raises(IndexError, match="3 x 4"):
        shape.index(head)
    with pytest.raises(UserError) as refusal:
        shape.require(*head)
    assert refusal.value.status == 404
    assert refusal.value.fix is not None
    assert (refusal.value.fix.layer, refusal.value.fix.head) in shape
    assert refusal.value.sentence.startswith("This model has layers 0 to 2, each with heads 0 to 3.")
    asked = f"There is no layer {head[0]}, head {head[1]}."
    assert refusal.value.sentence.endswith(asked.replace("-", "−"))


@pytest.mark.parametrize("index", [-1, 12])
def test_a_place_beyond_either_end_has_no_head(index):
    with pytest.raises(IndexError):
        Shape(3, 4).at(index)


def test_a_model_of_one_layer_and_one_head_says_so():
    with pytest.raises(UserError, match="one layer, layer 0, with one head, head 0"):
        Shape(1, 1).require(0, 1)


def test_ranking_puts_the_largest_first_and_equal_ones_in_order():
    values = np.array([[0.1, 0.9], [0.9, 0.3]])
    assert Shape(2, 2).ranked(values) == [HeadId(0, 1), HeadId(1, 0), HeadId(1, 1), HeadId(0, 0)]


def test_a_head_in_an_address_reads_back():
    assert HeadId.parse(HeadId(11, 3).dotted) == HeadId(11, 3)
