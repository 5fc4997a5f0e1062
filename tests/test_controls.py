"""What an experiment is compared with: as many other heads of the same layers, and what is said of where they are."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.deep_service import DEEP_MODEL, DeepHeadlight, deep_catalogue
from tests.deep_service import SHAPE as DEEP
from tests.fake_service import MODEL, N_HEADS, N_LAYERS, REPEATING, fake_catalogue
from utils.catalogue.schema import ModelCatalogue
from utils.experiments.controls import FEWEST, ControlLayers, draw_controls, layers_name, role_holders
from utils.heads import HeadId, Shape
from utils.roles import ROLES

SHAPE = Shape(N_LAYERS, N_HEADS)


def of_layer(layer: int, *heads: int) -> tuple[HeadId, ...]:
    return tuple(HeadId(layer, head) for head in heads)


def layers_of(draw) -> Counter:
    return Counter(head.layer for head in draw)


class TestOneHead:
    def test_every_other_head_of_its_layer_is_drawn_once(self):
        control = draw_controls(SHAPE, (HeadId(1, 2),), {HeadId(1, 3), HeadId(0, 0)})
        assert control.draws == tuple((HeadId(1, head),) for head in (0, 1, 4, 5, 6, 7))
        assert control.layers == ControlLayers((1,), (1,), ())
        assert (control.layers.words, control.layers.reason) == ("from the same layer", "")

    @pytest.mark.parametrize("n_left", [FEWEST, FEWEST - 1])
    def test_neighbouring_layers_join_where_fewer_than_five_others_are_left(self, n_left):
        excluded = of_layer(18, *range(1, 9 - n_left))
        control = draw_controls(DEEP, (HeadId(18, 0),), excluded)
        drawn = {head for draw in control.draws for head in draw}
        if n_left == FEWEST:
            assert {head.layer for head in drawn} == {18}
            return
        assert len(control.draws) == 12
        assert {head.layer for head in drawn} <= {17, 18, 19}
        assert control.layers == ControlLayers((18,), (17, 18, 19), (18,))
        assert control.layers.words == "from layers 17 to 19"
        assert control.layers.reason == "layer 18 alone has too few"

    def test_they_join_one_on_each_side_at_a_time_until_there_are_five(self):
        """Layers of two heads: 1 other at home, 5 with the next layers on both sides."""
        control = draw_controls(Shape(9, 2), (HeadId(4, 0),))
        assert {head.layer for draw in control.draws for head in draw} == {3, 4, 5}
        assert len(control.draws) == 5
        without = draw_controls(Shape(9, 2), (HeadId(4, 0),), {HeadId(3, 0)})
        assert without.layers.drawn == (2, 3, 4, 5, 6)

    def test_at_the_first_layer_they_join_on_the_one_side_there_is(self):
        assert draw_controls(Shape(18, 4), (HeadId(0, 3),)).layers.drawn == (0, 1)
        assert draw_controls(Shape(18, 4), (HeadId(17, 3),)).layers.drawn == (16, 17)

    def test_a_layer_without_any_head_to_draw_is_not_named(self):
        control = draw_controls(DEEP, (HeadId(18, 0),), of_layer(18, *range(1, 9)))
        assert control.layers.words == "from layers 17 and 19"


class TestSeveralHeads:
    def test_a_draw_has_as_many_heads_of_each_layer_as_the_tested_set(self):
        chosen = (*of_layer(3, 0, 1), *of_layer(17, 4), *of_layer(20, 2, 5, 8))
        control = draw_controls(DEEP, chosen)
        assert len(set(control.draws)) == 12
        assert all(layers_of(draw) == {3: 2, 17: 1, 20: 3} for draw in control.draws)
        assert all(draw == tuple(sorted(set(draw))) and not set(draw) & set(chosen) for draw in control.draws)
        assert control.layers == ControlLayers((3, 17, 20), (3, 17, 20), ())
        assert control.layers.words == "from the same layers"

    def test_only_the_layer_that_is_too_small_takes_in_its_neighbours(self):
        chosen = (HeadId(3, 0), *of_layer(18, 0, 1))
        control = draw_controls(DEEP, chosen, of_layer(18, 2, 3, 4, 5))
        assert all(layers_of(draw)[3] == 1 for draw in control.draws)
        assert all(sum(layers_of(draw)[layer] for layer in (17, 18, 19)) == 2 for draw in control.draws)
        assert control.layers.words == "from layers 3 and 17 to 19"
        assert control.layers.reason == "layer 18 alone has too few"

    def test_layers_that_are_large_enough_keep_their_share_beside_one_that_is_not(self):
        """Layer 2 has four others for four tested heads: one way to take them, so layers 1 and 3 lend it some."""
        chosen = (*of_layer(1, 1, 2, 5), *of_layer(2, 2, 3, 5, 7), *of_layer(3, 5, 7))
        control = draw_controls(SHAPE, chosen, chosen, 20)
        assert len(set(control.draws)) == 20
        assert all(len(draw) == 9 and set(layers_of(draw)) <= {1, 2, 3} for draw in control.draws)
        assert all(layers_of(draw)[1] >= 3 and layers_of(draw)[3] >= 2 for draw in control.draws)
        assert control.layers == ControlLayers((1, 2, 3), (1, 2, 3), (2,))
        assert (control.layers.words, control.layers.reason) == ("from the same layers", "")

    def test_too_few_ways_to_draw_are_too_few_as_well(self):
        chosen = of_layer(0, 0, 1, 2, 3, 4)
        alone = draw_controls(Shape(1, 10), chosen)
        assert alone.draws == (of_layer(0, 5, 6, 7, 8, 9),), "nowhere else to go"
        assert alone.layers.words == "from the same layer"
        assert draw_controls(Shape(2, 10), chosen).layers == ControlLayers((0,), (0, 1), (0,))

    def test_there_is_no_control_where_too_few_heads_are_left(self):
        control = draw_controls(Shape(2, 3), (*of_layer(0, 0, 1), *of_layer(1, 1, 2)))
        assert control.draws == ()
        assert (control.layers.words, control.layers.reason) == ("", "")
        assert draw_controls(Shape(1, 2), of_layer(0, 0), of_layer(0, 1)).draws == ()
        assert draw_controls(DEEP, tuple(DEEP.all()[:181])).draws == ()

    def test_half_of_all_heads_are_compared_with_the_other_half(self):
        chosen = tuple(head for head in Shape(20, 2).all() if head.head == 0)
        assert draw_controls(Shape(20, 2), chosen).draws == (tuple(HeadId(layer, 1) for layer in range(20)),)
        assert len(draw_controls(DEEP, tuple(DEEP.all()[:120])).draws) == 12

    def test_a_question_has_the_same_draws_whenever_it_is_asked(self):
        chosen = (HeadId(3, 0), *of_layer(18, 0, 1))
        assert draw_controls(DEEP, chosen) == draw_controls(DEEP, chosen)


class TestWhoIsLeftOut:
    def test_informative_roles_are_those_that_neither_rest_nor_spread(self):
        assert [key for key, role in ROLES.items() if not role.is_informative] == ["diffuse", "positional"]

    @pytest.mark.parametrize("role", ["induction", "previous_token", "positional", None])
    def test_nobody_who_holds_the_informative_role_nor_a_chosen_head_is_drawn(self, role):
        catalogue, chosen = fake_catalogue(MODEL), (HeadId(2, 3), HeadId(3, 1))
        assert {key for head in chosen for key in catalogue.roles_of(head)} == {"induction"}
        holders = role_holders(catalogue, chosen, role)
        expected = {None: "induction", "positional": ""}.get(role, role)
        assert holders == set(catalogue.holders_of(expected) if expected else ())
        control = draw_controls(SHAPE, chosen, holders)
        drawn = {head for draw in control.draws for head in draw}
        assert len(control.draws) == 12
        assert not drawn & {*chosen, *holders}
        assert all(layers_of(draw) == {2: 1, 3: 1} for draw in control.draws)

    def test_heads_that_hold_nothing_informative_leave_out_nobody_else(self):
        catalogue = fake_catalogue(MODEL)
        for head in (HeadId(3, 5), HeadId(0, 3), HeadId(2, 2)):
            assert role_holders(catalogue, (head,)) == frozenset()

    def test_without_a_catalogue_nobody_holds_a_role(self):
        assert role_holders(None, (HeadId(0, 0),)) == frozenset()

    def test_resting_heads_of_a_deep_model_are_compared_with(self):
        """An induction head that also rests: its control used to leave out all resting heads, and so its own layer."""
        head, other, resting = HeadId(18, 6), HeadId(18, 7), HeadId(18, 0)
        catalogue = deep({head: ["induction", "positional"], other: ["induction"]})
        control = draw_controls(DEEP, (head,), role_holders(catalogue, (head,)))
        assert [draw[0] for draw in control.draws] == [*of_layer(18, 0, 1, 2, 3, 4, 5, 8)]
        control = draw_controls(DEEP, (resting,), role_holders(catalogue, (resting,)))
        assert [draw[0] for draw in control.draws] == [*of_layer(18, 1, 2, 3, 4, 5, 6, 7, 8)]
        both = role_holders(catalogue, (head,), "positional")
        assert draw_controls(DEEP, (head,), both).draws == tuple(
            (each,) for each in of_layer(18, 0, 1, 2, 3, 4, 5, 7, 8)
        )

    def test_every_informative_role_of_a_tested_head_counts(self):
        catalogue = deep(
            {HeadId(4, 0): ["induction", "diffuse"], HeadId(4, 1): ["current_token"], HeadId(5, 0): ["diffuse"]}
        )
        assert role_holders(catalogue, (HeadId(4, 0),)) == {HeadId(4, 0)}
        assert role_holders(catalogue, (HeadId(4, 0), HeadId(4, 1))) == {HeadId(4, 0), HeadId(4, 1)}
        assert role_holders(catalogue, (HeadId(5, 0),)) == frozenset()


def deep(jobs: dict[HeadId, list[str]]) -> ModelCatalogue:
    """30 layers of 9 heads, which rest but for these."""
    roles = [[jobs.get(HeadId(layer, head), ["positional"]) for head in range(9)] for layer in range(30)]
    return deep_catalogue().model_copy(update={"head_roles": roles})


@pytest.mark.parametrize(
    ("layers", "name"),
    [
        ([3], "layer 3"),
        ([4, 3], "layers 3 and 4"),
        (range(16, 21), "layers 16 to 20"),
        ([5, 17, 18, 19], "layers 5 and 17 to 19"),
        ([1, 3, 4, 8], "layers 1, 3, 4 and 8"),
    ],
)
def test_layers_are_named_as_briefly_as_can_be(layers, name):
    assert layers_name(layers) == name


def test_the_results_say_where_their_controls_are_from():
    service, head = DeepHeadlight(), HeadId(18, 1)
    for ask in (service.experiments.switch_off, service.experiments.second_copy, service.experiments.later_patterns):
        assert ask(DEEP_MODEL, REPEATING, [head]).control_layers.words == "from the same layer"
