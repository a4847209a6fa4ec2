import cv2
import numpy as np
import pytest
import torch
from scipy import ndimage
from torch.utils.data import DataLoader

from training.data.clips import Clip
from training.learning import augmentation
from training.learning.augmentation import (
    NOISE,
    ClipDataset,
    augment,
    drift_path,
    jittered_range,
    tone_curve,
)

SIZE = 64


def texture(seed=0, size=SIZE):
    """A smooth pattern: fractions of a pixel can be measured on it."""
    noise = np.random.default_rng(seed).random((size, size)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2)
    return np.rint(40 + 160 * (smooth - smooth.min()) / (smooth.max() - smooth.min())).astype(np.uint8)


def shifted(image, right, down=0.0):
    moved = ndimage.shift(image.astype(np.float32), (down, right), order=5, mode="mirror")
    return np.clip(np.rint(moved), 0, 255).astype(np.uint8)


def seen_shift(first, other):
    """How far a frame has moved, (right, down) in pixels; copies, for OpenCV windows its input where it lies."""
    window = cv2.createHanningWindow((SIZE, SIZE), cv2.CV_32F)
    return cv2.phaseCorrelate(first.copy(), other.copy(), window)[0]


def make_clip(number=0, frames=20, onset=4, apex=9, labels=(1.0, 0.0)):
    rng = np.random.default_rng(number)
    video = rng.integers(0, 255, (frames, 16, 16), np.uint8)
    return Clip(video, np.array(labels, np.float32), onset, apex, "d", "s", f"c{number}", str(number))


CLIPS = [make_clip(k) for k in range(5)]


def batch(dataset, **options):
    return torch.cat([b["pixel_values"] for b in DataLoader(dataset, batch_size=2, **options)])


def test_without_augmentation_frames_are_evenly_sampled_from_first_to_last():
    item = ClipDataset(CLIPS, 6)[1]
    indices = np.round(np.linspace(0, 19, 6)).astype(int)
    assert item["pixel_values"].dtype == torch.float32
    np.testing.assert_allclose(item["pixel_values"], CLIPS[1].frames[indices] / 255, atol=1e-6)
    assert item["labels"].tolist() == [1, 0]


def test_an_item_depends_on_seed_epoch_and_index_alone():
    dataset, other = ClipDataset(CLIPS, 6, augment=True, seed=3), ClipDataset(CLIPS, 6, augment=True, seed=3)
    items = [dataset[k]["pixel_values"] for k in range(5)]
    np.random.default_rng().random(7)
    torch.rand(3)
    for k in (3, 0, 4):
        torch.testing.assert_close(other[k]["pixel_values"], items[k], rtol=0, atol=0)
    torch.testing.assert_close(batch(dataset, num_workers=2), torch.stack(items), rtol=0, atol=0)
    twins = ClipDataset([CLIPS[0]] * 2, 6, augment=True, seed=3)
    assert not torch.equal(twins[0]["pixel_values"], twins[1]["pixel_values"])
    assert not torch.equal(ClipDataset(CLIPS, 6, augment=True, seed=4)[0]["pixel_values"], items[0])
    other.set_epoch(1)
    assert not torch.equal(other[0]["pixel_values"], items[0])
    other.set_epoch(0)
    assert torch.equal(other[0]["pixel_values"], items[0])


def test_flips_depend_on_seed_epoch_and_clip_alone():
    def flips(seed=3, epoch=1, clips=CLIPS, **options):
        dataset = ClipDataset([each._replace(labels=np.zeros(12, np.float32)) for each in clips], 6, seed=seed)
        dataset.set_epoch(epoch)
        return torch.cat([each["flipped_units"] for each in DataLoader(dataset, batch_size=2, **options)])

    expected = flips()
    assert expected.dtype == torch.bool and expected.shape == (5, 12) and expected.any(1).all()
    np.random.default_rng().random(7)
    torch.rand(3)
    assert torch.equal(flips(num_workers=2), expected)
    assert torch.equal(flips(clips=CLIPS[:3]), expected[:3])
    assert torch.equal(flips(clips=CLIPS[::-1]), expected)  # by place in the dataset, whatever lies there
    assert torch.equal(flips(sampler=[4, 0, 2]), expected[[4, 0, 2]])  # as a process that has a share, or a resumed one
    for others in (flips(seed=4), flips(epoch=2), expected.roll(1, 0)):
        assert not torch.equal(others, expected)
    dataset = ClipDataset(CLIPS, 6, augment=True, seed=3)
    assert torch.equal(dataset[1]["flipped_units"], ClipDataset(CLIPS, 6, seed=3)[1]["flipped_units"])


def test_workers_that_outlive_an_epoch_see_the_next_one():
    dataset, reference = (ClipDataset(CLIPS, 6, augment=True) for _ in range(2))
    loader = DataLoader(dataset, batch_size=5, num_workers=1, persistent_workers=True)
    for epoch in range(2):
        dataset.set_epoch(epoch)
        reference.set_epoch(epoch)
        (seen,) = [each["pixel_values"] for each in loader]
        torch.testing.assert_close(seen, batch(reference), rtol=0, atol=0)


def test_jitter_always_keeps_the_rise_to_the_apex():
    ranges = {jittered_range(make_clip(), np.random.default_rng(seed)) for seed in range(200)}
    assert len(ranges) > 20
    assert all(first <= 4 and last >= 10 for first, last in ranges)
    late = {jittered_range(make_clip(onset=15, apex=19), np.random.default_rng(seed)) for seed in range(50)}
    assert all(first <= 10 and last == 19 for first, last in late)
    without_onset = {jittered_range(make_clip(onset=-1), np.random.default_rng(seed)) for seed in range(50)}
    assert {first for first, _ in without_onset} == {0}


def test_still_clips_are_cut_freely_and_clips_of_unknown_apex_not_at_all():
    def ranges(clip):
        return {jittered_range(clip, np.random.default_rng(seed)) for seed in range(100)}

    still = ranges(make_clip(onset=-1, apex=-1, labels=(0.0, 0.0)))
    assert len(still) > 20 and all(last - first >= 6 for first, last in still)
    assert ranges(make_clip(onset=-1, apex=-1)) == {(0, 19)}
    assert ranges(make_clip(frames=7, onset=1, apex=3)) == {(0, 6)}


@pytest.fixture
def no_drift(monkeypatch):
    monkeypatch.setattr(augmentation, "drift_path", lambda frames, rng: np.zeros((frames, 4)))


def test_but_for_drift_and_noise_all_frames_change_alike(no_drift):
    still = np.repeat(texture()[None], 6, 0)
    changed = 0
    for seed in range(40):
        out = augment(still, np.random.default_rng(seed))
        assert out.shape == still.shape and out.dtype == np.float32 and out.min() >= 0 and out.max() <= 1
        apart = (out - out[0])[1:]
        assert apart.std() < 1.5 * NOISE and np.abs(apart).max() < 8 * NOISE
        changed += np.abs(out[0] - still[0] / 255).mean() > 0.02
    assert changed > 30


def test_noise_is_never_above_a_sensors(no_drift):
    flat = np.full((6, SIZE, SIZE), 120, np.uint8)
    spreads = [augment(flat, np.random.default_rng(seed)).std((1, 2)).max() for seed in range(60)]
    assert max(spreads) <= 0.0082 and min(spreads) < 1e-6


def test_remaining_drift_is_small_smooth_and_not_always_there():
    still = np.repeat(texture(3)[None], 6, 0)
    far = []
    for seed in range(80):
        first, *others = augment(still, np.random.default_rng(seed))
        far.append(max(np.hypot(*seen_shift(first, other)) for other in others))
    assert max(far) < 1.2 and np.median(far) < 0.4
    assert 15 < sum(d > 0.1 for d in far) < 60


def test_a_drift_path_starts_from_nothing_and_keeps_its_limits():
    paths = np.stack([drift_path(6, np.random.default_rng(seed)) for seed in range(300)])
    assert not paths[:, 0].any()
    size = np.sqrt((paths**2).mean(1))
    assert (size[:, :2] * 64 <= 0.3 + 1e-9).all() and (size[:, 2:] <= 0.005 + 1e-9).all()
    assert size[:, :2].max() * 64 > 0.28
    long = drift_path(200, np.random.default_rng(1))
    steps = np.abs(np.diff(long, axis=0)).max(0)
    assert (steps < 0.1 * np.sqrt((long**2).mean(0))).all()  # no shaking from frame to frame


def test_motion_survives_and_mirroring_turns_it_round():
    """A texture that moves right by a pixel moves right or, mirrored, left by about as much."""
    moving = np.stack([shifted(texture(5), k / 5) for k in range(6)])
    seen = []
    for seed in range(60):
        out = augment(moving, np.random.default_rng(seed))
        seen.append(seen_shift(out[0], out[-1])[0])
    seen = np.array(seen)
    assert (np.abs(np.abs(seen) - 1) < 0.8).all() and np.median(np.abs(np.abs(seen) - 1)) < 0.2
    assert 15 < (seen < 0).sum() < 45


def test_a_tone_curve_rises_and_varies():
    frames = np.repeat(texture()[None], 2, 0)
    curves = np.stack([tone_curve(frames, np.random.default_rng(seed)) for seed in range(50)])
    assert (np.diff(curves, axis=1) >= 0).all() and curves.min() >= 0 and curves.max() <= 1
    assert curves[:, 128].std() > 0.05


def test_labels_have_no_side_and_stay():
    dataset = ClipDataset(CLIPS, 6, augment=True)
    for epoch in range(5):
        dataset.set_epoch(epoch)
        assert dataset[0]["labels"].tolist() == [1, 0]
