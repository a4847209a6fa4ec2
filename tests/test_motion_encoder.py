import math

import cv2
import numpy as np
import pytest
import torch
from conftest import tiny_config, tiny_model

from modeling_aullm import AULLMConfig
from modeling_aullm.motion_encoder import SqueezeExcitation, feature_map_size


def published_matrix(num_frames, alpha, r1, r2):
    """LED's matrix by a plain loop over the published formula."""
    weights = np.zeros((num_frames, num_frames))
    for i in range(num_frames):
        for j in range(num_frames):
            b = min(1, i)
            if j > i:
                weights[i, j] = alpha * (1 - r1) ** (j - i) * r1**b - alpha * (1 - r2) ** (j - i) * r2**b
            elif j == i:
                weights[i, j] = alpha * (r1 - r2)
    return weights


@pytest.mark.parametrize("values", [(10.0, 0.4, 0.05), (3.0, 0.9, 0.2), (1.0, 1.3, 0.5)])
def test_led_matrix_is_the_published_one(values):
    led = tiny_model().motion_encoder.led
    for parameter, value in zip((led.log_alpha, led.log_r1, led.log_r2), values):
        parameter.data.fill_(math.log(value))
    np.testing.assert_allclose(led.temporal_weights(7).detach(), published_matrix(7, *values), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("dtype", "atol"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
def test_led_output_equals_a_loop_over_pixels(clips, dtype, atol):
    led = tiny_model().motion_encoder.led.to(dtype)
    led.reset_parameters()
    clips = clips.to(dtype)
    weights = published_matrix(6, 10.0, 0.4, 0.05)
    frames = clips[0, :, :5, :5].double().numpy()
    expected = np.zeros((5, 5, 5))
    for j in range(1, 6):
        for y in range(5):
            for x in range(5):
                top = sum(frames[i, y, x] * weights[i, j] for i in range(6))
                bottom = sum(abs(frames[i, y, x]) * abs(weights[i, j]) for i in range(6))
                expected[j - 1, y, x] = top / (bottom + 1 / 255)
    np.testing.assert_allclose(led(clips)[0][0, :, :5, :5].detach(), expected, atol=atol)


def test_led_starts_at_the_published_values_and_learns_them():
    led = tiny_model().motion_encoder.led
    assert [round(p.exp().item(), 5) for p in (led.log_alpha, led.log_r1, led.log_r2)] == [10.0, 0.4, 0.05]
    led(torch.rand(1, 6, 64, 64))[0].square().sum().backward()
    assert all(p.grad is not None and p.grad != 0 for p in led.parameters())


def test_led_stays_in_single_precision(clips):
    led = tiny_model().motion_encoder.led
    exact = led(clips)
    with torch.autocast("cpu", torch.bfloat16):
        assert led(clips)[0].dtype == torch.float32
        torch.testing.assert_close(led(clips), exact)


def test_the_change_is_led_s_numerator(clips):
    led = tiny_model().motion_encoder.led
    weights = published_matrix(6, 10.0, 0.4, 0.05)[:, 1:]
    expected = np.einsum("bihw,ij->bjhw", clips.double(), weights)
    np.testing.assert_allclose(led(clips)[1].detach(), expected, atol=1e-5)


def test_the_flow_solves_the_least_squares_of_each_window(clips):
    change = torch.rand(3, 5, 64, 64) - 0.5
    found = tiny_model().motion_encoder.flow(clips, change).detach().double().numpy()
    down, right = np.gradient(clips.double().numpy().mean(1), axis=(1, 2))
    for clip, frame, y, x in [(0, 0, 0, 0), (1, 4, 30, 31), (2, 2, 63, 40)]:
        for first, reach in ((0, 2), (2, 6)):
            window = np.s_[clip, max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]
            slope = np.stack([right[window].ravel(), down[window].ravel()], 1)
            grey = change.double().numpy()[:, frame][window].ravel()
            damped = slope.T @ slope + 1e-4 * len(slope) * np.eye(2)
            moved = -np.linalg.solve(damped, slope.T @ grey)
            here = found[clip, first : first + 2, frame, y, x]
            np.testing.assert_allclose(here, moved / (1 + np.abs(moved)), rtol=1e-3, atol=1e-5)


def test_the_flow_points_where_the_texture_has_gone():
    """Whatever the texture: LED's change of the same movement has another sign on every slope."""
    flow = tiny_model().motion_encoder.flow
    for seed in range(3):
        noise = np.random.default_rng(seed).random((70, 70)).astype(np.float32)
        still = cv2.GaussianBlur(noise, (0, 0), 2.0)
        moved = cv2.warpAffine(still, np.float32([[1, 0, 0.3], [0, 1, -0.2]]), (70, 70), borderMode=1)
        frames = torch.from_numpy(np.stack([still, moved])[None, :, 3:-3, 3:-3]) * 4
        found = flow(frames, frames[:, 1:] - frames[:, :1]).detach()[0, :, 0, 8:-8, 8:-8]
        for right, down in found.flatten(1).median(1).values.view(2, 2):
            assert right / (1 - right) == pytest.approx(0.3, abs=0.06)
            assert down / (1 + down) == pytest.approx(-0.2, abs=0.06)


def test_the_published_encoder_sees_led_alone(clips):
    encoder = tiny_model(motion="led").motion_encoder
    assert encoder.flow is None and encoder.low[0].in_channels == 1
    assert AULLMConfig().motion == "led_flow" and AULLMConfig.au_llm().motion == "led"


def test_encoder_shapes_are_the_published_ones(clips):
    x_att, motion = tiny_model().motion_encoder(clips)
    assert motion.shape == (3, 5, 5, 64, 64)  # LED, and two displacements
    assert x_att.shape == (3, 64, 4, 18, 18)
    assert feature_map_size(64) == 18


def test_squeeze_excitation_weighs_each_time_step_by_itself():
    module = SqueezeExcitation(32).double()
    x = torch.rand(2, 32, 3, 4, 4, dtype=torch.float64)
    expected = torch.empty_like(x)
    for clip in range(2):
        for step in range(3):
            mean = x[clip, :, step].mean((1, 2))
            weight = torch.sigmoid(module.excite(torch.relu(module.squeeze(mean))))
            expected[clip, :, step] = x[clip, :, step] * weight[:, None, None]
    torch.testing.assert_close(module(x), expected)


@pytest.mark.parametrize(("image_size", "num_frames"), [(32, 6), (64, 9), (96, 5)])
def test_other_sizes_work_through_the_whole_model(image_size, num_frames):
    model = tiny_model(image_size=image_size, num_frames=num_frames)
    assert model(torch.rand(2, num_frames, image_size, image_size)).logits.shape == (2, 12)
    assert tiny_config(image_size=image_size).image_size == image_size
