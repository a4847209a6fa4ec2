import math

import cv2
import numpy as np
import pytest
import torch
from scipy import ndimage

from training.learning.baselines import all_negative, prior
from training.rivals import RivalConfig, RivalForAUDetection
from training.rivals.optical_flow import flow_channels, optical_flow, optical_strain


def texture(seed=0, size=64):
    noise = np.random.default_rng(seed).random((size, size)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 1.5)
    return 0.15 + 0.7 * (smooth - smooth.min()) / (smooth.max() - smooth.min())


def shifted(image, right, down):
    return ndimage.shift(image, (down, right), order=5, mode="nearest")


@pytest.mark.parametrize(("right", "down"), [(0.5, 0.0), (0.0, 0.5), (-1.0, 0.4), (1.3, -0.7)])
def test_flow_of_a_known_shift_is_that_shift(right, down):
    first = texture()
    u, v = optical_flow(first, shifted(first, right, down))[:, 8:-8, 8:-8]
    assert np.median(u) == pytest.approx(right, abs=0.06) and np.median(v) == pytest.approx(down, abs=0.06)
    assert np.abs(u - right).mean() < 0.12 and np.abs(v - down).mean() < 0.12


@pytest.mark.parametrize("seed", range(4))
def test_a_still_clip_has_no_flow(seed):
    rough = np.random.default_rng(seed).random((64, 64)).astype(np.float32)
    rough[40 + seed :, :30] = 0.1  # an edge that meets the border
    for picture in (rough, texture(seed), texture(seed, 40)[:, :30]):
        assert np.abs(flow_channels(np.stack([picture] * 6))).max() < 0.01


@pytest.mark.parametrize(("right", "down"), [(0.4, 0.0), (-0.4, 0.0), (0.0, 0.4), (0.0, -0.4)])
def test_a_shift_is_found_at_the_borders(right, down):
    """The picture goes on beyond its borders: what enters it is not made up."""
    found, rim = [], np.pad(np.zeros((52, 52), bool), 6, constant_values=True)
    for seed in range(4):
        wide = texture(seed, 96)
        flow = optical_flow(wide[16:80, 16:80], shifted(wide, right, down)[16:80, 16:80])[:, rim]
        found.append(np.median(flow, axis=1))
    np.testing.assert_allclose(np.median(found, axis=0), (right, down), atol=0.06)


def test_strain_is_what_is_no_rigid_motion():
    y, x = np.mgrid[:20, :20].astype(np.float32)
    one = np.ones_like(x)
    assert not optical_strain(np.stack([0.7 * one, -0.2 * one])).any()
    np.testing.assert_allclose(optical_strain(np.stack([-0.1 * y, 0.1 * x])), 0, atol=1e-6)
    np.testing.assert_allclose(optical_strain(np.stack([0.1 * x, 0 * y])), 0.1, atol=1e-6)
    np.testing.assert_allclose(optical_strain(np.stack([0.1 * y, 0.1 * x])), 0.2 / math.sqrt(2), atol=1e-6)


def test_flow_is_read_between_the_first_and_the_middle_frame():
    still = texture()
    frames = np.stack([still] * 3 + [shifted(still, 1, 0)] + [still] * 2)
    u, v, strain = flow_channels(frames)[:, 8:-8, 8:-8]
    assert np.median(u) == pytest.approx(1, abs=0.06) and np.abs(np.median(v)) < 0.05
    assert np.median(strain) < 0.1
    assert flow_channels(frames).dtype == np.float32


def toy_clips(amplitudes, size=32):
    """Clips of one texture whose upper half moves (unit 0), or its lower half (unit 1), or both, or neither."""
    still, rows, labels = texture(0, size), [slice(0, size // 2), slice(size // 2, size)], []
    clips = []
    for amplitude in amplitudes:
        for active in ((0, 0), (0, 1), (1, 0), (1, 1)):
            clip = np.repeat(still[None], 6, 0)
            for half in (rows[k] for k in (0, 1) if active[k]):
                for frame, moment in zip(clip, np.sin(np.linspace(0, np.pi, 6))):
                    frame[half] = shifted(still, 0, -amplitude * moment)[half]
            clips.append(clip)
            labels.append(active)
    return torch.from_numpy(np.stack(clips)), torch.tensor(labels, dtype=torch.float32)


@pytest.mark.parametrize("method", ["led_head", "flow_sssnet"])
def test_a_network_learns_where_something_moves(method):
    torch.manual_seed(0)
    config = RivalConfig(method=method, action_units=["AU1", "AU12"], image_size=32, dropout=0.1)
    model = RivalForAUDetection(config).train()
    clips, labels = toy_clips([1.0, 1.4])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for _ in range(80):
        logits = model(pixel_values=clips, labels=labels).logits
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    unseen, truth = toy_clips([1.2])
    with torch.no_grad():
        found = model.eval()(pixel_values=unseen).logits
    assert torch.equal(found > 0, truth.bool())


def test_led_starts_where_the_configuration_says():
    model = RivalForAUDetection(RivalConfig(method="led_head", action_units=["AU1"]))
    assert model.network.motion_encoder.led.log_alpha.item() == pytest.approx(math.log(10))
    assert model(torch.rand(2, 6, 64, 64)).logits.shape == (2, 1)


@pytest.mark.parametrize("method", ["led_head", "flow_sssnet"])
def test_no_weight_starts_as_memory_was_left(method):
    torch.use_deterministic_algorithms(True)  # then fresh memory holds NaN
    try:
        model = RivalForAUDetection(RivalConfig(method=method, action_units=["AU1"]))
    finally:
        torch.use_deterministic_algorithms(False)
    assert all(weight.isfinite().all() for weight in model.parameters())


def test_sssnet_has_the_published_layers():
    model = RivalForAUDetection(RivalConfig(method="flow_sssnet"))
    shapes = [tuple(parameter.shape) for name, parameter in model.named_parameters() if parameter.ndim > 1]
    assert shapes == [(32, 3, 5, 5), (64, 32, 3, 3), (256, 9 * 9 * 64), (12, 256)]
    assert model(torch.rand(2, 6, 64, 64)).logits.shape == (2, 12)


def test_predictors_that_look_at_nothing():
    labels = np.array([[1, 0], [0, 0], [1, 1], [1, 0]])
    np.testing.assert_array_equal(all_negative(3, labels), np.zeros((3, 2), np.float32))
    np.testing.assert_array_equal(prior(3, labels), np.float32([[0.75, 0.25]] * 3))
    assert prior(3, labels).dtype == all_negative(3, labels).dtype == np.float32
