import sys

import pytest
import torch
from conftest import tiny_model

from modeling_aullm.facs import ACTION_UNITS


@pytest.fixture
def structure():
    return tiny_model().structure


@pytest.fixture
def x_att():
    return torch.rand(3, 64, 4, 18, 18, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def motion():
    return torch.randn(3, 5, 5, 64, 64, generator=torch.Generator().manual_seed(1))


def test_shapes_and_ranges(structure, x_att, motion):
    token, nodes, strengths = structure(x_att, motion)
    assert token.shape == (3, 32) and nodes.shape == (3, 12, 64)
    assert strengths.shape == (3, structure.pairs.shape[1])
    assert (strengths > 0).all() and (strengths < 1).all()


def test_no_code_is_generated_into_the_temporary_folder(structure, x_att, motion):
    structure(x_att, motion)
    assert not [name for name in sys.modules if "RelationalReasoning" in name]


def test_a_batch_is_its_clips_one_by_one(structure, x_att, motion):
    together = structure(x_att, motion)
    for index in range(3):
        for whole, single in zip(
            together, structure(*(maps[index : index + 1] for maps in (x_att, motion))), strict=True
        ):
            torch.testing.assert_close(whole[index : index + 1], single, atol=1e-5, rtol=1e-4)


def test_message_passing_equals_a_loop_over_edges(structure, x_att, motion):
    layer, nodes = structure.reasoning[0], structure.nodes(x_att, motion)
    out, strengths = layer(nodes, structure.pairs, structure.types)
    expected = torch.zeros_like(nodes)
    for clip in range(3):
        for edge in range(structure.pairs.shape[1]):
            first, second = structure.pairs[:, edge].tolist()
            value = layer.value[structure.types[edge]]
            for source, target in ((first, second), (second, first)):
                expected[clip, target] += strengths[clip, edge] * value(nodes[clip, source])
    update = torch.relu(layer.update_node(torch.cat([nodes, expected], -1)))
    torch.testing.assert_close(out, layer.norm(nodes + update), atol=1e-5, rtol=1e-4)


def test_nodes_look_at_the_sites_of_their_units(structure):
    where = structure.nodes.site_logits.softmax(-1).view(-1, 18, 18)
    for index, code in enumerate(structure.nodes.units):
        x, y = ACTION_UNITS[code].sites[0]
        assert where[index, int(y * 18), int(x * 18)] > 4 / 18**2


def test_units_that_no_relation_joins_do_not_hear_each_other(x_att, motion):
    structure = tiny_model(relations=[["AU1", "AU2", "co-occurring"]]).structure
    nodes = structure.nodes(x_att, motion)
    changed = nodes.clone()
    changed[:, 0] += 1.0
    before, _ = structure.reasoning[0](nodes, structure.pairs, structure.types)
    after, _ = structure.reasoning[0](changed, structure.pairs, structure.types)
    moved = (before - after).abs().amax((0, 2)) > 1e-6
    assert moved.tolist() == [True, True] + [False] * 10


def test_a_graph_without_edges_works(x_att, motion):
    structure = tiny_model(relations=[]).structure
    assert structure(x_att, motion).relation_strengths.shape == (3, 0)


def test_the_type_of_a_relation_matters(structure, x_att, motion):
    before = structure(x_att, motion).instruction_token
    structure.types[0] = 1 - structure.types[0]
    assert not torch.allclose(structure(x_att, motion).instruction_token, before)


def test_a_node_sees_the_motion_of_its_own_region_in_its_own_terms(structure):
    """Skin at the lip corners that moves up and out speaks for AU12, along its direction on both sides alike."""
    motion = torch.zeros(1, 5, 5, 64, 64)
    x, y = ACTION_UNITS["AU12"].sites[0]
    row, left, right = int(y * 64), int(x * 64), int((1 - x) * 64)
    motion[0, 1, :, row, [left, right]] = torch.tensor([-0.7, 0.7]).repeat(5, 1)  # out, on either side
    motion[0, 2, :, row, [left, right]] = -0.7  # up
    seen = structure.nodes.region.motion(motion).view(12, 2, 5, 3, 5, 5)  # channel, across, down, time
    of_unit = seen[structure.nodes.units.index("AU12"), :, :, 1, 2, 0]
    assert of_unit[0, 1] > 0.001 and of_unit[0, 1] > 10 * of_unit[0, 2].abs()
    torch.testing.assert_close(of_unit[0], of_unit[1], rtol=0.2, atol=1e-4)
    assert seen[structure.nodes.units.index("AU1")].abs().max() < 1e-6
