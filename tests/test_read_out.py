import pytest
import torch
from conftest import tiny_model

from modeling_aullm.facs import AU_SETS
from modeling_aullm.other_units import for_units
from modeling_aullm.prompt import unit_name, unit_positions

UNITS = list(AU_SETS["cd6me"])


class Letters:
    """A tokenizer of letters, as far as prompts need one."""

    bos_token_id = 1

    def __call__(self, text, add_special_tokens):
        return {"input_ids": [2 + ord(letter) % 250 for letter in text]}


@pytest.fixture
def named():
    """A model whose prompt names its units."""
    model = tiny_model()
    model.set_prompt(model.config.prompt, Letters())
    return model


def test_the_correction_starts_from_nothing(clips):
    model = tiny_model()
    model.head.reset_parameters()
    out = model(clips)
    reader = model.reader(out.content_token, out.instruction_token, out.node_states)
    torch.testing.assert_close(out.logits, reader)


@pytest.mark.parametrize("read_out", ["by_name", "correction"])
def test_the_llm_corrects_the_reader(read_out, clips):
    model = tiny_model(read_out=read_out)
    out = model(clips)
    reader = model.reader(out.content_token, out.instruction_token, out.node_states)
    assert (out.logits - reader).abs().min() > 1e-6


def test_a_name_ends_where_its_position_says(named):
    prompt, ids = named.config.prompt, named.config.prompt_token_ids
    for unit, position in zip(UNITS, named.config.unit_positions, strict=True):
        end = prompt.index(unit_name(unit)) + len(unit_name(unit))
        assert ids[: position + 1] == [1, *Letters()(prompt[:end], add_special_tokens=False)["input_ids"]]


def test_a_prompt_without_the_names_leaves_the_reader_as_it_is(named, clips):
    named.set_prompt("How do they combine? {instruction} What moved? {content}", Letters())
    assert unit_positions(named.config.prompt, UNITS, Letters()) is None
    out = named(clips)
    torch.testing.assert_close(out.logits, named.reader(out.content_token, out.instruction_token, out.node_states))


def test_units_in_another_order_get_the_same_logits(named, clips):
    order = UNITS[::-1]
    other = named.for_action_units(order, Letters())
    torch.testing.assert_close(other(clips).logits, named(clips).logits.flip(1), atol=1e-4, rtol=1e-4)
    assert other.config.action_units == order and other.config.id2label[0] == "AU17"


def test_without_relations_a_part_of_the_units_is_read_as_among_all(clips):
    """Nodes hear of each other by relations alone, so the reader's part of their logits is the same."""
    model = tiny_model(relations=[])
    part = for_units(model, ["AU12", "AU4"], Letters())
    whole = model.structure.nodes.region.motion(torch.ones(1, 5, 5, 64, 64))
    torch.testing.assert_close(
        part.structure.nodes.region.motion(torch.ones(1, 5, 5, 64, 64)), whole[:, [UNITS.index("AU12"), 2]]
    )
    x_att, motion = model.motion_encoder(clips)
    torch.testing.assert_close(
        part.structure.nodes(x_att, motion), model.structure.nodes(x_att, motion)[:, [UNITS.index("AU12"), 2]]
    )


def test_an_unseen_unit_is_read_by_its_own_region(clips):
    """AU9 of a model that knows two others: what moves at the nose moves its node, what moves at the chin does not."""
    model = for_units(tiny_model(action_units=["AU1", "AU12"]), ["AU1", "AU9", "AU12"], Letters())
    x_att, still = torch.zeros(1, 64, 4, 18, 18), torch.zeros(1, 5, 5, 64, 64)
    nose, chin = still.clone(), still.clone()
    nose[..., 26:34, 26:38], chin[..., 52:58, 28:36] = 0.5, 0.5
    node = {name: model.structure.nodes(x_att, motion)[0, 1] for name, motion in
            (("still", still), ("nose", nose), ("chin", chin))}  # fmt: skip
    assert (node["nose"] - node["still"]).abs().max() > 1e-3
    torch.testing.assert_close(node["chin"], node["still"])
    assert model(clips).logits.shape == (3, 3)


@pytest.mark.parametrize(
    ("settings", "units", "message"),
    [
        ({}, ["AU12", "AU99"], "unknown action unit 'AU99'"),
        ({}, ["AU12", "AU12"], "each once"),
        ({"read_out": "last_position"}, ["AU12"], "only a model with read_out='by_name'"),
    ],
)
def test_units_that_cannot_be_asked_for(settings, units, message):
    with pytest.raises(ValueError, match=message):
        for_units(tiny_model(**settings), units, Letters())
