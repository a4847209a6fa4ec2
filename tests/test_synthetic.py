"""The synthetic corpus: exact labels, motion of the right kind at the right place, the same seed the same clips."""

import cv2
import numpy as np
import pytest
from datasets import disable_progress_bars

from modeling_aullm.facs import ACTION_UNITS
from training.synthetic import draw_face, move_photograph, photograph_face, synthetic_clip, synthetic_corpus
from training.synthetic.anatomy import FOLDS, PULLS
from training.synthetic.camera import CAMERA_RANGES, film, h264_round_trip
from training.synthetic.clip import sample_frames
from training.synthetic.emotions import UNITS
from training.synthetic.faces import MARGIN, TEMPLATE, landmarks_from_five
from training.synthetic.head import draw_view
from training.synthetic.motion import KERNELS, MOTION_RANGES, draw_unit
from training.synthetic.timing import draw_timing

disable_progress_bars()
SMALL = dict(num_subjects=4, clips_per_subject=4, seed=3)


@pytest.fixture(autouse=True)
def fresh_cache(tmp_path, monkeypatch):
    """Every test makes its clips itself, instead of reading those of an earlier run."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path)


@pytest.fixture(scope="module")
def average():
    """The average face's landmarks and the template's pixel grid."""
    landmarks = landmarks_from_five(TEMPLATE)
    return landmarks, draw_view(np.random.default_rng(0), landmarks, CAMERA_RANGES["A"], 64, still=True)


@pytest.fixture(scope="module")
def clips():
    faces = [draw_face(np.random.default_rng(seed)) for seed in range(4)]
    return [synthetic_clip(np.random.default_rng([1, number]), faces[number % 4]) for number in range(120)]


def test_rows(tmp_path):
    corpus = synthetic_corpus(**SMALL)
    assert corpus.column_names == [
        *("dataset", "subject", "clip_id", "onset", "apex", "offset", "fps", "emotion"),
        *("action_units", "au_codes", "frames"),
    ]
    assert corpus.features["frames"].dtype == "uint8"
    assert sorted(set(corpus["subject"])) == [f"synthetic_A_s{number:03d}" for number in range(4)]
    assert len(set(corpus["clip_id"])) == len(corpus) == 16
    assert set(corpus["dataset"]) == {"synthetic_A"}
    for frames in corpus.with_format("numpy")["frames"]:
        assert frames.ndim == 3 and frames.shape[1:] == (64, 64) and len(frames) >= 6
        assert 0 <= frames.min() and frames.max() <= 255 and frames.std() > 3


def test_the_same_seed_gives_the_same_clips_whatever_the_number_of_processes(tmp_path, monkeypatch):
    corpora = []
    for name, num_proc in (("one", None), ("two", 2)):
        monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / name)
        corpora.append(synthetic_corpus(**SMALL, num_proc=num_proc))
    first, second = corpora
    assert first.to_list() == second.to_list()
    assert synthetic_corpus(**SMALL | {"seed": 4})[0] != first[0]


def test_domains_differ():
    first, second = (synthetic_corpus(domain, **SMALL) for domain in ("A", "B"))
    assert set(second["dataset"]) == {"synthetic_B"}
    assert not set(first["subject"]) & set(second["subject"])
    assert not set(MOTION_RANGES["A"].kernels) >= set(MOTION_RANGES["B"].kernels)
    assert first[0]["frames"] != second[0]["frames"]


def test_max_frames_moves_labels_and_frame_rate_along():
    whole, thin = synthetic_corpus(**SMALL), synthetic_corpus(**SMALL, max_frames=8)
    for long, short in zip(whole.with_format("numpy"), thin.with_format("numpy"), strict=True):
        total = len(long["frames"])
        assert len(short["frames"]) == min(total, 8)
        assert np.array_equal(short["frames"][-1], long["frames"][-1])
        assert (total - 1) / long["fps"] == pytest.approx((len(short["frames"]) - 1) / short["fps"], rel=1e-4)
        if long["apex"] >= 0:
            step = (total - 1) / (len(short["frames"]) - 1)
            assert abs(short["apex"] * step - long["apex"]) <= step / 2 + 1
        else:
            assert short["onset"] == short["apex"] == short["offset"] == -1


def test_labels_agree_with_codes(clips):
    for clip in clips:
        assert [f"AU{code.strip('LRABCDE')}" for code in clip.au_codes] == clip.action_units
        assert clip.action_units == sorted(clip.action_units, key=lambda unit: int(unit[2:]))
        assert set(clip.action_units) <= set(UNITS)
        if clip.action_units:
            assert 0 <= clip.onset < clip.apex <= clip.offset < len(clip.frames)
        else:
            assert clip.emotion == "none" and (clip.onset, clip.apex, clip.offset) == (-1, -1, -1)
    assert any(not clip.action_units for clip in clips)
    assert any(code[0] in "LR" for clip in clips for code in clip.au_codes)


def test_every_unit_is_neither_rare_nor_everywhere():
    from training.synthetic.emotions import draw_action_units

    drawn = [draw_action_units(np.random.default_rng(number))[1] for number in range(4000)]
    for unit in UNITS:
        assert 0.11 <= np.mean([unit in units for units in drawn]) <= 0.3, unit
    assert 0.1 <= np.mean([not units for units in drawn]) <= 0.14


def test_the_tables_cover_the_units():
    assert set(PULLS) == set(FOLDS) == set(UNITS)


@pytest.mark.parametrize("kernel", KERNELS)
def test_kernels_fall_from_one(kernel):
    values = KERNELS[kernel](np.linspace(0, 30, 200, dtype=np.float32))
    assert values[0] == pytest.approx(1) and np.all(np.diff(values) <= 1e-6) and values[-1] < 0.05


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_moves_its_own_place_most(unit):
    inside, outside = [], []
    for seed in range(6):
        face = draw_face(np.random.default_rng(seed))
        clip = synthetic_clip(np.random.default_rng(seed), face, "A", [unit], amplitude=1.5, nuisances=False)
        change = np.abs(clip.frames[clip.apex].astype(float) - clip.frames[0 if clip.onset < 1 else clip.onset])
        y, x = (np.mgrid[:64, :64] + 0.5) / 64
        near = np.min([np.hypot(x - site_x, y - site_y) for site_x, site_y in ACTION_UNITS[unit].sites], 0) < 0.12
        inside.append(change[near].mean())
        outside.append(change[~near].mean())
    assert np.mean(inside) > 3 * np.mean(outside)


@pytest.mark.parametrize(
    ("unit", "landmark", "up"),
    [("AU1", "brow_inner", 1), ("AU2", "brow_outer", 1), ("AU4", "brow_inner", -1), ("AU12", "mouth_corner", 1),
     ("AU15", "mouth_corner", -1), ("AU17", "chin", 1), ("AU9", "nose_wing", 1), ("AU10", "lip_upper", 1)],
)  # fmt: skip
def test_direction_of_motion(average, unit, landmark, up):
    landmarks, grid = average
    for seed in range(10):
        rng = np.random.default_rng(seed)
        motion = draw_unit(rng, unit, grid, landmarks, MOTION_RANGES["AB"[seed % 2]], amplitude=1, side="")
        assert np.sqrt(np.square(motion.field).sum(0).max()) == pytest.approx(1, abs=1e-4)
        point = landmarks.point(landmark, 0) - (0, 0.05 * (unit == "AU17"))
        column, row = (point * 64).astype(int)
        around = motion.field[1, row - 4 : row + 5, column - 4 : column + 5]
        assert up * -around[np.abs(around).argmax() // 9, np.abs(around).argmax() % 9] > 0


def test_smile_pulls_the_corners_apart_and_brow_lowering_together(average):
    landmarks, grid = average
    for unit, landmark, apart in (("AU12", "mouth_corner", 1), ("AU14", "mouth_corner", 1), ("AU4", "brow_inner", -1)):
        fields = [
            draw_unit(np.random.default_rng(s), unit, grid, landmarks, MOTION_RANGES["A"], amplitude=1, side="").field
            for s in range(20)
        ]
        right, left = ((landmarks.point(landmark, side) * 64).astype(int) for side in (0, 1))
        field = np.mean(fields, 0)
        assert apart * (field[0, left[1], left[0]] - field[0, right[1], right[0]]) > 0.1


def test_one_sided_units_leave_the_other_side(average):
    landmarks, grid = average
    for side, half in (("R", slice(0, 24)), ("L", slice(40, 64))):
        motion = draw_unit(
            np.random.default_rng(0), "AU12", grid, landmarks, MOTION_RANGES["A"], amplitude=0.5, side=side
        )
        assert motion.facs_code == f"{side}12B"
        strength = np.sqrt(np.square(motion.field).sum(0))
        assert strength[:, half].max() > 5 * strength[:, ::-1][:, half].max()


def test_motion_is_exact_below_a_pixel():
    """Frames of an analytic picture agree with the picture evaluated at the moved points."""

    def picture(x, y):
        return 128 + 60 * np.sin(21 * x + 3 * y) * np.cos(17 * y - 4 * x)

    axis = (np.arange(384) + 0.5) / 384 * (1 + 2 * MARGIN) - MARGIN
    texture = picture(*np.meshgrid(axis, axis)).astype(np.float32)
    grid = np.stack(np.meshgrid(*[(np.arange(64, dtype=np.float32) + 0.5) / 64] * 2))
    field = np.exp(-0.5 * np.square((grid - 0.5) / 0.15).sum(0))[None] * np.array((0.6, -0.8))[:, None, None]
    courses = np.array([[0.0], [0.05], [0.3], [2.2]]) / 64
    frames = sample_frames(texture, grid, courses, field[None].astype(np.float32))
    for frame, course in zip(frames, courses[:, 0], strict=True):
        assert np.abs(frame - picture(*(grid - course * field))).max() < 0.15
    change = np.abs(picture(*(grid - 0.3 / 64 * field)) - picture(*grid))
    assert np.abs(np.abs(frames[2] - frames[0]) - change).max() < 0.02 * change.max()


def test_still_faces_stand_still_without_nuisances():
    face = draw_face(np.random.default_rng(0))
    clip = synthetic_clip(np.random.default_rng(0), face, "A", [], nuisances=False)
    assert clip.action_units == clip.au_codes == [] and clip.emotion == "none"
    assert not np.ptp(clip.frames, axis=0).any()


def test_durations_and_profiles():
    for seed in range(300):
        rng = np.random.default_rng(seed)
        fps = float(rng.choice((25, 30, 60, 100, 200)))
        timing = draw_timing(rng, fps)
        frames = timing.offset - timing.onset + 1
        assert frames <= max(round(0.5 * fps), 6) and 0 <= timing.onset < timing.apex <= timing.offset
        assert 6 <= timing.num_frames <= np.ceil(frames / 0.38)
        profile = timing.profile()
        assert profile.argmax() == timing.apex and profile.max() == pytest.approx(1)
        assert np.all(np.diff(profile[: timing.apex + 1]) >= 0) and np.all(np.diff(profile[timing.apex :]) <= 0)


@pytest.mark.parametrize("codec", ["h264", "jpeg", "none"])
def test_film_keeps_the_picture(codec):
    axis = np.linspace(0, 6, 96)
    frames = np.stack([100 + 50 * np.sin(axis + 0.05 * t)[:, None] * np.cos(axis) for t in range(10)])
    filmed = film(np.random.default_rng(0), frames.astype(np.float32), CAMERA_RANGES["A"], 48, codec=codec)
    assert filmed.shape == (10, 48, 48) and filmed.dtype == np.uint8
    expected = frames.reshape(10, 48, 2, 48, 2).mean((2, 4))
    assert np.abs(filmed - expected).mean() < 6


def test_h264_keeps_the_number_and_order_of_frames():
    frames = np.stack([np.full((32, 48), 20 * t, np.uint8) for t in range(9)])
    decoded = h264_round_trip(frames, crf=18, rng=np.random.default_rng(0))
    assert decoded.shape == frames.shape
    assert np.abs(decoded.mean((1, 2)) - 20 * np.arange(9)).max() < 3


@pytest.mark.parametrize("seed", range(6))
def test_h264_gives_the_same_pictures_each_time(seed):
    """For every preset; memory is used and given back between the rounds, as it is where many clips are drawn."""
    rng, decoded = np.random.default_rng(seed), set()
    smooth = cv2.GaussianBlur(rng.normal(128, 300, (88, 88)), (0, 0), 4)
    shifted = (np.roll(smooth, shift, axis=1) for shift in range(9))
    frames = np.clip(np.stack([*shifted]) + rng.normal(0, 2, (9, 88, 88)), 0, 255).astype(np.uint8)
    for round_ in range(40):
        junk = rng.integers(0, 255, 50_000 + 1000 * round_, dtype=np.uint8)
        decoded.add(h264_round_trip(frames, crf=25, rng=np.random.default_rng(seed)).tobytes())
        del junk
    assert len(decoded) == 1


def test_photographs_take_the_place_of_faces():
    rng = np.random.default_rng(0)
    photos = [rng.integers(0, 255, (80, 80, 3), dtype=np.uint8), rng.integers(0, 255, (100, 90), dtype=np.uint8)]
    corpus = synthetic_corpus(clips_per_subject=2, photographs=photos)
    assert len(corpus) == 4 and len(set(corpus["subject"])) == 2


def test_move_photograph_moves_the_face_and_nothing_else():
    rng = np.random.default_rng(0)
    photo = np.kron(rng.integers(0, 255, (60, 75, 1)), np.ones((4, 4, 3))).astype(np.uint8)
    points = np.array([[120, 90], [160, 96], [138, 120], [120, 138], [152, 142]])
    frames = move_photograph(photo, points, ["AU12"], num_frames=12, fps=30, intensity=2.0, seed=0)
    assert frames.shape == (12, *photo.shape) and frames.dtype == np.uint8
    assert np.array_equal(frames[0], photo) and np.array_equal(frames[-1], photo)
    change = np.abs(frames[5].astype(int) - photo).max((0, 1, 2))
    assert change.max() > 20
    moved = np.abs(frames[5].astype(int) - photo).max(-1)
    assert moved[120:160, 100:175].mean() > 20 * moved[:60].mean()


def test_errors_say_what_is_allowed():
    with pytest.raises(ValueError, match="unknown domain 'C'; it must be one of A, B"):
        synthetic_corpus("C")
    with pytest.raises(ValueError, match="num_subjects must be at least 1, got 0"):
        synthetic_corpus(num_subjects=0)
    with pytest.raises(ValueError, match="max_frames must be at least 2, got 1"):
        synthetic_corpus(max_frames=1)
    face = draw_face(np.random.default_rng(0))
    with pytest.raises(ValueError, match="cannot move 'AU99'; the units that can be are AU1"):
        synthetic_clip(np.random.default_rng(0), face, "A", ["AU99"])
    with pytest.raises(ValueError, match=r"uint8 of shape \(H, W, 3\), got float64"):
        move_photograph(np.zeros((9, 9, 3)), TEMPLATE, ["AU1"], num_frames=5, fps=30, intensity=1, seed=0)
    with pytest.raises(ValueError, match=r"landmarks must have shape \(5, 2\), got \(4, 2\)"):
        move_photograph(np.zeros((9, 9, 3), np.uint8), TEMPLATE[:4], ["AU1"], num_frames=5, fps=30, intensity=1, seed=0)
    with pytest.raises(ValueError, match="at least 32 pixels"):
        photograph_face(np.zeros((10, 40), np.uint8))
