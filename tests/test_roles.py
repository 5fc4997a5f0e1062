"""Where each role says that attention should go, on texts short enough to do by hand."""

import numpy as np
import pytest

from tests.patterns import SET_ROLES
from utils.roles import ROLES
from utils.scoring import evidence_for


def targets_by_row(role_key, text):
    """{query_pos: [key_pos, ...]} on evidence rows; each letter of the text is one token."""
    evidence = evidence_for(role_key, list(text))
    return {int(row): np.flatnonzero(evidence.targets[row]).tolist() for row in evidence.rows}


def test_previous_token_predicts_one_step_back_and_leaves_out_row_one():
    assert targets_by_row("previous_token", "abcd") == {2: [1], 3: [2]}


def test_induction_predicts_what_followed_the_earlier_copy():
    assert targets_by_row("induction", "abcxab") == {4: [1], 5: [2]}


def test_induction_predicts_every_follower_when_a_token_came_twice_before():
    assert targets_by_row("induction", "abcadea") == {3: [1], 6: [1, 4]}


def test_induction_is_not_attention_to_the_earlier_copy_itself():
    assert targets_by_row("induction", "abcxyb")[5] == [2]
    assert targets_by_row("duplicate_token", "abcxyb")[5] == [1]


def test_adjacent_repeat_is_no_evidence_for_induction_because_the_follower_is_the_token_itself():
    assert targets_by_row("induction", "xyaa") == {}


def test_period_two_text_is_no_evidence_for_induction_because_it_looks_like_previous_token():
    assert targets_by_row("induction", "abababab") == {}


def test_a_row_with_one_ambiguous_target_is_left_out_as_a_whole():
    assert 6 not in targets_by_row("induction", "abcdbab")  # the latest copy's follower is q - 1


def test_doubled_earlier_copy_is_ambiguous_between_induction_and_duplicate():
    assert targets_by_row("induction", "xaabca") == {}
    assert targets_by_row("duplicate_token", "xaabca") == {}


def test_duplicate_token_predicts_every_earlier_copy():
    assert targets_by_row("duplicate_token", "xabcadea") == {4: [1], 7: [1, 4]}


def test_duplicate_of_the_first_token_is_ambiguous_because_heads_rest_there():
    assert targets_by_row("duplicate_token", "abcda") == {}


def test_duplicate_of_the_previous_token_is_ambiguous():
    assert targets_by_row("duplicate_token", "xyzz") == {}


def test_first_and_current_token_count_every_row_but_row_zero():
    assert targets_by_row("positional", "abc") == {1: [0], 2: [0]}
    assert targets_by_row("current_token", "abc") == {1: [1], 2: [2]}


def test_a_row_that_can_see_nothing_but_its_targets_is_no_evidence():
    for role in SET_ROLES:
        assert 0 not in targets_by_row(role, "abcabc")


def test_chance_is_the_share_of_keys_that_are_targets():
    assert evidence_for("induction", list("abcadea")).chance == pytest.approx([1 / 4, 2 / 7])


def test_every_role_says_what_it_is_and_where_it_comes_from():
    assert list(ROLES) == [
        *("previous_token", "induction", "duplicate_token", "current_token", "diffuse", "positional"),
        *("copying", "copy_suppression", "successor", "name_mover"),
    ]
    for role in ROLES.values():
        assert all((role.display_name, role.sentence, role.definition, role.formula, role.source, role.trigger))
    assert len({role.sign for role in ROLES.values()}) == len(ROLES)
