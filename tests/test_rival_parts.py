"""The parts of the other systems do what their papers or our own docstrings say."""

import math

import numpy as np
import pytest
import torch
from conftest import TEXT_CONFIGS, tiny_config, tiny_model
from test_baselines import shifted, texture
from transformers import AutoModelForCausalLM

from modeling_aullm.facs import ACTION_UNITS
from modeling_aullm.motion_encoder import MagnifiedFlow
from training.data.clips import Clip
from training.learning.losses import focal_loss, positive_weights
from training.learning.sentences import sentences_named_right
from training.rivals import RivalConfig, RivalForAUDetection
from training.rivals.ac4au import EXPERTS, GAIN, split_spectrum, subject_loss
from training.rivals.configuration_rivals import PARTS
from training.rivals.deft_llm import leave_one_out, separation
from training.rivals.micro_au_clip import contrast, correlation, dependency_loss
from training.rivals.prompt_row import next_token_losses, read_row
from training.rivals.region_flow import face_flow, moved_their_way, region_statistics
from training.rivals.unit_words import MOVEMENTS, present_and_absent, sentence

UNITS = RivalConfig().action_units
SENTENCES = [[20, 1], [20, 2], [20, 1, 3], [20, 4], [20, 5], [20, 6], [20, 7], [20, 8], [20, 1, 0], [9], [10, 1], [11]]


def rival(method, **settings):
    torch.manual_seed(0)
    settings |= {"text_config": TEXT_CONFIGS["llama"](), "lora_rank": 4, "case_token_ids": [5, 6, 7]}
    settings |= {"anchor_token_ids": [8, 9, 10], "sentence_token_ids": [[*ids, 12] for ids in SENTENCES]}
    model = RivalForAUDetection(RivalConfig(method=method, dropout=0.0, text_size=16, **settings)).eval()
    if method == "micro_au_clip":
        torch.nn.init.normal_(model.network.text_features)
    if method == "deft_llm":
        torch.nn.init.normal_(model.head.weight)
    return model


def test_every_unit_has_words_and_a_way():
    assert set(MOVEMENTS) == set(ACTION_UNITS)
    for code, (present, absent) in zip(ACTION_UNITS, present_and_absent(list(ACTION_UNITS))):
        assert code in present and code in absent and present != absent and sentence(code).startswith(f" {code} ")


# Micro-AU-CLIP-like


@pytest.mark.parametrize("code", ["AU1", "AU12", "AU17"])
def test_pta_sees_the_patches_of_its_own_unit_alone(code, clips):
    model = rival("micro_au_clip")
    far = torch.ones(64, 64, dtype=torch.bool)
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    for right, down in ACTION_UNITS[code].sites:
        # 9 pixels of the region, 4 of half a patch, 8 of the coarse flow's window with its slopes
        far &= ((x - 64 * right).abs() > 21) | ((y - 64 * down).abs() > 21)
    assert 800 < far.sum()
    other = torch.where(far, torch.rand_like(clips), clips)
    with torch.no_grad():
        here, there = model.network.unit_tokens(clips), model.network.unit_tokens(other)
        near = model.network.unit_tokens(torch.where(far, clips, torch.rand_like(clips)))
    unit = UNITS.index(code)
    torch.testing.assert_close(here[:, unit], there[:, unit], atol=1e-5, rtol=0)
    assert (here[:, unit] - near[:, unit]).abs().max() > 0.01
    mean = rival("micro_au_clip", without=["pta"]).network
    with torch.no_grad():
        assert (mean.unit_tokens(clips) - mean.unit_tokens(other))[:, unit].abs().max() > 1e-3


def test_gdloss_is_nothing_where_cosines_are_the_correlations():
    labels = (torch.rand(200, 5, generator=torch.Generator().manual_seed(0)) < 0.4).float()
    labels[:, 1] = torch.where(torch.rand(200) < 0.7, labels[:, 0], labels[:, 1])
    wanted = correlation(labels)
    np.testing.assert_allclose(wanted, np.corrcoef(labels.numpy().T), atol=1e-5)
    tokens = torch.linalg.cholesky(wanted)[None].expand(3, -1, -1) * torch.rand(3, 5, 1)
    assert dependency_loss(tokens, wanted).item() == pytest.approx(0, abs=1e-10)
    alike = torch.ones(3, 5, 4)
    pairs = wanted[tuple(np.triu_indices(5, 1))]
    assert dependency_loss(alike, wanted).item() == pytest.approx((1 - pairs).square().mean().item(), rel=1e-5)


def test_a_unit_that_never_varies_goes_with_none():
    labels = torch.tensor([[1.0, 0, 1], [0, 0, 0], [1, 0, 1]])
    assert torch.allclose(correlation(labels), torch.tensor([[1.0, 0, 1], [0, 1, 0], [1, 0, 1]]))


def test_miaucl_is_infonce_over_all_sentences():
    torch.manual_seed(0)
    visual = torch.nn.functional.normalize(torch.randn(2, 3, 8), dim=-1)
    text = torch.nn.functional.normalize(torch.randn(3, 2, 8), dim=-1)
    labels = torch.tensor([[1, 0, 0], [0, 1, 1]])
    losses = []
    for clip in range(2):
        for unit in range(3):
            scores = {(u, s): math.exp(visual[clip, unit] @ text[u, s] / 0.1) for u in range(3) for s in (0, 1)}
            own = (unit, 0 if labels[clip, unit] else 1)
            losses.append(-math.log(scores[own] / sum(scores.values())))
    assert contrast(visual, text, labels).item() == pytest.approx(np.mean(losses), rel=1e-4)


def test_the_head_is_a_difference_of_cosines(clips):
    model = rival("micro_au_clip").double()
    network = model.network
    with torch.no_grad():
        tokens = network.dependency(network.unit_tokens(clips.double()))
        seen, told = network.to_shared(tokens), network.text_to_shared(network.text_features)
        cosine = torch.nn.functional.cosine_similarity
        present, absent = (cosine(seen, told[:, state], dim=-1) for state in (0, 1))
        logits = network(clips.double()).logits
    torch.testing.assert_close(logits.double(), 10 * (present - absent), atol=1e-4, rtol=0)


# AC4AU-like


def test_the_temporal_mean_is_taken_out_and_nothing_else():
    features = torch.randn(2, 6, 4)
    mean, changes = split_spectrum(features)
    torch.testing.assert_close(mean, features.mean(1))
    torch.testing.assert_close(changes, features - features.mean(1, keepdim=True), atol=1e-6, rtol=0)
    torch.testing.assert_close(split_spectrum(features + torch.randn(2, 1, 4))[1], changes, atol=1e-5, rtol=0)


def test_what_a_still_clip_shows_changes_no_answer(clips):
    still = clips[:, :1].expand(-1, 6, -1, -1)
    with torch.no_grad():
        answers = rival("ac4au")(still).logits
        kept = rival("ac4au", without=["mean_removal"])(still).logits
        moving = rival("ac4au")(clips).logits
    torch.testing.assert_close(answers[0], answers[1], atol=1e-5, rtol=0)
    assert (kept[0] - kept[1]).abs().max() > 1e-4 and (moving[0] - moving[1]).abs().max() > 1e-4


def test_every_unit_mixes_the_experts_its_own_way():
    network, changes = rival("ac4au").network, torch.randn(2, 6, 128)
    with torch.no_grad():
        seen = network.temporal(GAIN * changes + network.moments).mean(1)
        told = [expert(seen) for expert in network.experts]
        for unit in range(12):
            gate = network.gate(seen)[:, unit * EXPERTS : (unit + 1) * EXPERTS].softmax(-1)
            mixed = sum(gate[:, k, None] * told[k] for k in range(EXPERTS))
            expected = mixed @ network.head.weight[unit] + network.head.bias[unit]
            torch.testing.assert_close(network.read(changes)[:, unit], expected, atol=1e-5, rtol=0)


def test_the_subject_loss_has_arcfaces_margin():
    torch.manual_seed(0)
    means, subjects, person = torch.randn(4, 8), torch.randn(3, 8), torch.tensor([0, 2, 1, 2])
    losses = []
    for mean, own in zip(means, person.tolist()):
        angles = [math.acos(float(torch.cosine_similarity(mean, subject, dim=0))) for subject in subjects]
        scores = [math.exp(32 * math.cos(angle + 0.5 * (k == own))) for k, angle in enumerate(angles)]
        losses.append(-math.log(scores[own] / sum(scores)))
    assert subject_loss(means, subjects, person).item() == pytest.approx(np.mean(losses), rel=1e-3)


def test_the_focal_loss_weighs_by_the_rate_of_positives():
    labels = torch.zeros(20, 2)
    labels[:4, 0] = labels[:10, 1] = 1  # rates 0.2 and 0.5
    logits = torch.linspace(-2, 2, 40).view(20, 2)
    expected = []
    for logit, label, rate in zip(logits.flatten().tolist(), labels.flatten().tolist(), [0.2, 0.5] * 20):
        p = 1 / (1 + math.exp(-logit))
        loss = (1 - rate) * (1 - p) ** 2 * math.log(p) if label else rate * p**2 * math.log(1 - p)
        expected.append(-loss)
    found = focal_loss(logits, labels, positive_weights(labels))
    assert found.item() == pytest.approx(np.mean(expected), rel=1e-5)


def test_no_persons_face_is_kept(clips):
    model = rival("ac4au").train()
    model.network.learn_from(torch.ones(2, 12), 7)
    model(clips, labels=torch.ones(3, 12), person=torch.tensor([0, 6, 3])).loss.backward()
    assert model.network.subjects.grad.abs().sum() > 0
    model.network.forget_subjects()
    assert not [name for name in model.state_dict() if "subjects" in name]


# DEFT-LLM-like


def at_site(code, right, down, others=0.01):
    """Flow of a face that moves by so much at one site of a unit, and hardly elsewhere."""
    moved = torch.full((1, 2, 64, 64), others)
    x, y = (int(64 * part) for part in ACTION_UNITS[code].sites[0])
    moved[0, :, y - 4 : y + 5, x - 4 : x + 5] = torch.tensor([right, down])[:, None, None]
    return moved


@pytest.mark.parametrize("code", UNITS)
def test_flow_agrees_where_it_is_above_the_noise_and_points_the_units_way(code):
    right, down = MOVEMENTS[code].direction

    def agrees(*where, **noise):
        return moved_their_way(at_site(code, *where, **noise), [code]).item()

    assert agrees(right, down)
    assert not agrees(-right, -down), "the other way"
    assert not agrees(-down, right), "across"
    assert not agrees(0.2 * right, 0.2 * down, others=1.0), "below the noise"
    mirrored = at_site(code, right, down).flip(-1) * torch.tensor([-1.0, 1.0])[:, None, None]
    assert moved_their_way(mirrored, [code]).item(), "the other side"


def test_sentences_are_kept_where_label_and_flow_agree_alone():
    network, code = rival("deft_llm").network, "AU12"
    moved = torch.cat([at_site(code, *MOVEMENTS[code].direction)] * 8)
    moved[4:] *= -1
    labels = torch.zeros(8, 12)
    labels[:, UNITS.index(code)] = 1
    texts = network._texts(labels, moved)
    wanted = [*SENTENCES[UNITS.index(code)], 12]
    assert texts == [wanted] + [[]] * 7, "one of four is spoken of, and the flow of the fifth clip is against it"
    assert network._texts(torch.zeros(8, 12), moved) == [[]] * 8


def test_regions_tell_where_the_skin_went_and_the_heads_motion_is_none():
    moved = at_site("AU12", -0.6, -0.8, others=0.0)
    statistics = region_statistics(moved)
    assert statistics.shape == (1, 29, 4)
    corner = statistics[0, 18]  # the right corner of the mouth
    assert corner[1].item() == pytest.approx(1, abs=1e-4) and 0.5 < corner[0] <= 1
    torch.testing.assert_close(corner[2:], torch.tensor([-0.6, -0.8]), atol=1e-4, rtol=0)
    assert not statistics[0, 19].abs().gt(1e-4).any(), "the left one is at rest"
    flow, still = MagnifiedFlow(), texture(3, 64)
    flow.reset_parameters()
    head = torch.from_numpy(np.stack([still] * 3 + [shifted(still, 0.4, 0.2)] * 3))[None].float()
    face = head.clone()
    face[0, 3:, 40:, :30] = torch.from_numpy(shifted(still, 0, -0.8)).float()[40:, :30]
    with torch.no_grad():
        assert face_flow(flow, head)[..., 10:-10, 10:-10].abs().median() < 0.03
        seen = face_flow(flow, face)[0, :, 46:58, 8:24].mean((1, 2))
    torch.testing.assert_close(seen, torch.tensor([-0.4, -1.0]), atol=0.25, rtol=0)


@pytest.mark.parametrize("llm", ["llama", "qwen3"])
def test_clips_in_one_row_are_read_as_if_each_were_alone(llm):
    model, prefix = tiny_model(llm).llm, torch.randn(5, 32)
    clips = [torch.randn(length, 32) for length in (3, 7, 3)]
    with torch.no_grad():
        found = read_row(model, prefix, clips)
        for clip, states in zip(clips, found):
            alone = model(inputs_embeds=torch.cat([prefix, clip])[None]).last_hidden_state[0, 5:]
            torch.testing.assert_close(states, alone, atol=1e-4, rtol=0)


def test_the_loss_of_words_is_transformers_own():
    torch.manual_seed(0)
    reference = AutoModelForCausalLM.from_config(tiny_config().text_config).eval()
    ids = torch.tensor([[5, 6, 7, 8, 9]])
    with torch.no_grad():
        wanted = reference(ids, labels=torch.where(ids > 6, ids, -100)).loss
        states = reference.model(ids).last_hidden_state[0]
        found = next_token_losses(reference.model, [states[:0], states[1:4]], [[], [7, 8, 9]])
    assert found[0] == 0 and found[1].item() == pytest.approx(wanted.item(), rel=1e-4)


def test_a_sentence_is_written_word_by_word(clips):
    """Against a plain reading: of all beginnings that go on to a unit's sentence, the likeliest token each time."""
    model = rival("deft_llm")
    network, table = model.network, model.llm.get_input_embeddings().weight
    with torch.no_grad():
        tokens = network.experts(clips)[1]
        named = network.name_units(model.llm, clips)
        for clip, unit in zip(tokens, named.tolist()):
            said, sentences = [], network.config.sentence_token_ids
            while True:
                words = table[[5, 6, 7]], clip + table[[8, 9, 10]], table[said]
                scores = model.llm(inputs_embeds=torch.cat(words)[None]).last_hidden_state[0, -1] @ table.T
                left = [k for k, ids in enumerate(sentences) if ids[: len(said)] == said]
                if len(left) == 1:
                    break
                said.append(max({sentences[k][len(said)] for k in left}, key=lambda token: scores[token].item()))
            assert left == [unit]


def test_the_share_of_right_sentences_is_counted_on_clips_with_units(monkeypatch):
    model = rival("deft_llm")
    labels = np.zeros((5, 12), np.float32)
    labels[[0, 1, 1, 3, 4], [2, 2, 5, 2, 7]] = 1
    frames = np.zeros((8, 64, 64), np.uint8)
    clips = [Clip(frames, row, 0, 4, "toy", "s", str(k), str(k)) for k, row in enumerate(labels)]
    answers = {"named": torch.tensor([2, 5, 3, 7])}  # of clips 0, 1, 3 and 4: right, right, wrong, right
    monkeypatch.setattr(model.network, "name_units", lambda llm, pixel_values: answers["named"])
    found = sentences_named_right(model, clips)
    assert found == {"sentences": 4, "named_right": 0.75, "by_chance": 0.75}
    assert sentences_named_right(model, clips[2:3])["named_right"] is None


def test_one_expert_at_a_time_is_left_out_in_training_and_they_are_kept_apart():
    torch.manual_seed(0)
    out = (leave_one_out(torch.ones(2000, 3, 4)) == 0).all(-1)
    assert out.sum(1).max() == 1 and out.any(1).float().mean().item() == pytest.approx(0.3, abs=0.04)
    assert out.sum(0).min() > 150
    assert (leave_one_out(torch.ones(9, 1, 4)) == 1).all()
    config = rival("deft_llm").config
    apart = torch.eye(3)[None].expand(2, -1, -1)
    assert separation(apart, config)["loss_decorrelation"].item() == pytest.approx(0, abs=1e-9)
    assert separation(torch.ones(2, 3, 4), config)["loss_decorrelation"].item() == pytest.approx(0.1)


@pytest.mark.parametrize(("method", "part"), [(method, part) for method, parts in PARTS.items() for part in parts])
def test_a_part_that_is_left_out_is_gone(method, part, clips):
    if part == "focal":
        return  # L_main, see test_rivals
    models = [rival(method), rival(method, without=[part])]
    torch.manual_seed(1)
    labels, told = (torch.rand(3, 12) < 0.5).float(), []
    for model in models:
        model.train().network.learn_from(labels, 2)
        torch.manual_seed(2)
        output = model(clips, labels=labels, person=torch.tensor([0, 1, 1]))
        output.loss.backward()
        unused = [name for name, weight in model.named_parameters() if weight.requires_grad and weight.grad is None]
        assert unused == [], "several processes wait for every weight's gradient"
        told.append((set(output.auxiliary or {}), {name for name, _ in model.named_parameters()}, output.logits))
    (losses, weights, logits), (fewer_losses, fewer_weights, other) = told
    changed = not torch.equal(logits, other)
    assert fewer_losses < losses or fewer_weights < weights or changed
    assert fewer_losses <= losses and fewer_weights <= weights
