import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from tempfile import TemporaryDirectory

import cv2
import datasets
import numpy as np
import pytest
from datasets import Array3D, Array4D, Dataset, DatasetDict, Features, Image, List, Value
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PIL

from modeling_aullm.head_stabilization import stabilize_crops
from training.data import preparation
from training.data.clips import MAX_FRAMES, load_clips
from training.errors import InputError
from training.options import DataOptions
from training.synthetic import synthetic_corpus

UNITS = ["AU1", "AU4", "AU12"]
STRINGS = List(Value("string"))
BASE = {name: Value("string") for name in ("dataset", "subject", "clip_id")}
BASE |= {"onset": Value("int32"), "apex": Value("int32"), "action_units": STRINGS}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    return tmp_path / "cache" / "aullm_clips"


def texture(seed=0, size=48):
    noise = np.random.default_rng(seed).random((size, size)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 1.5)
    smooth = (smooth - smooth.min()) / (smooth.max() - smooth.min())
    return np.rint(30 + 190 * smooth).astype(np.uint8)


def row(number=0, **changes):
    frames = np.stack([texture(10 * number + k) for k in range(4)])
    return {
        "dataset": "d", "subject": "s", "clip_id": f"c{number}", "onset": 0, "apex": 2,
        "action_units": ["AU1", "AU12"], "frames": frames,
    } | changes  # fmt: skip


def saved(folder, rows, frames=None):
    frames = frames or Array3D(shape=(None, 48, 48), dtype="uint8")
    columns = {key: [each[key] for each in rows] for key in rows[0]}
    features = Features({key: frames if key == "frames" else BASE[key] for key in columns})
    Dataset.from_dict(columns, features=features).save_to_disk(folder)
    return str(folder)


def load(name, units=UNITS, size=48, **options):
    return load_clips(name, DataOptions(**options), units, size)


def test_a_row_becomes_a_clip(tmp_path):
    name = saved(tmp_path / "data", [row(0), row(1, action_units=[], onset=-1, apex=-1, subject="t")])
    first, second = load(name, stabilize=False).clips
    np.testing.assert_array_equal(first.frames, row(0)["frames"])
    assert first.frames.dtype == np.uint8
    assert first.labels.tolist() == [1, 0, 1] and first.labels.dtype == np.float32 and not second.labels.any()
    assert (first.onset, first.apex, second.onset, second.apex) == (0, 2, -1, -1)
    assert (first.person, first.clip_id, second.person) == ("d/s", "c0", "d/t")


def test_a_folder_of_parquet_files(tmp_path):
    name = saved(tmp_path / "data", [row(0), row(1, subject="t")])
    (tmp_path / "parquet").mkdir()
    for shard in range(2):
        part = Dataset.load_from_disk(name).shard(2, shard)
        part.to_parquet(tmp_path / "parquet" / f"{shard}.parquet")
    parquet, saved_clips = (load(folder).clips for folder in (str(tmp_path / "parquet"), name))
    assert [clip.digest for clip in parquet] == [clip.digest for clip in saved_clips]
    assert [clip.person for clip in parquet] == ["d/s", "d/t"]
    (tmp_path / "parquet" / "1.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        load(str(tmp_path / "parquet"))


def test_synthetic_clips_come_as_the_generator_makes_them():
    options = DataOptions(max_subjects=1, clips_per_subject=2, data_seed=3, stabilize=False, ignore_other_units=True)
    clips = load_clips("synthetic:B", options, UNITS, 64).clips
    corpus = synthetic_corpus("B", num_subjects=1, clips_per_subject=2, seed=3, max_frames=MAX_FRAMES)
    for clip, made in zip(clips, corpus.with_format("numpy"), strict=True):
        np.testing.assert_array_equal(clip.frames, made["frames"])
        assert clip.labels.tolist() == [float(unit in made["action_units"]) for unit in UNITS]
        assert (clip.dataset, clip.subject, clip.clip_id) == (made["dataset"], made["subject"], made["clip_id"])
        assert (clip.onset, clip.apex) == (made["onset"], made["apex"])


def test_head_drift_is_taken_out_once_by_the_processors_own_method(tmp_path):
    still = texture(size=64)
    shifts = [0.0, 0.6, 1.1, 1.7]
    moved = [cv2.warpAffine(still, np.float32([[1, 0, s], [0, 1, -s]]), (64, 64), borderMode=1) for s in shifts]
    name = saved(tmp_path / "data", [row(frames=np.stack(moved))], Array3D(shape=(None, 64, 64), dtype="uint8"))
    (drifting,) = load(name, size=64, stabilize=False).clips
    (steady,) = load(name, size=64).clips
    centre = np.s_[:, 8:-8, 8:-8]
    apart = np.abs(drifting.frames[centre] - still[centre[1:]].astype(float))[-1].mean()
    assert np.abs(steady.frames[centre] - still[centre[1:]].astype(float))[-1].mean() < apart / 8
    expected = stabilize_crops(np.stack(moved).astype(np.float32) / 255)
    np.testing.assert_allclose(steady.frames / 255, expected.clip(0, 1), atol=0.51 / 255)


def test_other_sizes_are_averaged_over_area(tmp_path):
    blocks = np.kron(np.arange(64, dtype=np.uint8).reshape(8, 8), np.ones((6, 6), np.uint8))
    checks = blocks + np.indices((48, 48)).sum(0).astype(np.uint8) % 2 * 2
    name = saved(tmp_path / "data", [row(frames=np.stack([checks, checks]), apex=1)])
    (clip,) = load(name, size=8, stabilize=False).clips
    np.testing.assert_array_equal(clip.frames[0], np.arange(1, 65).reshape(8, 8))


def frames_as(kind):
    """The frames of `row()` in another shape of column, and the column's feature."""
    grey = row()["frames"]
    if kind == "colour array":
        return np.repeat(grey[..., None], 3, -1), Array4D(shape=(4, 48, 48, 3), dtype="uint8")
    if kind == "lists":
        return grey.astype(int).tolist(), List(List(List(Value("int64"))))
    if kind == "2-D arrays":
        return list(grey), List(datasets.Array2D(shape=(48, 48), dtype="uint8"))
    images = [PIL.fromarray(frame) for frame in grey]
    modes = {"grey images": "L", "colour images": "RGB", "images with alpha": "RGBA"}
    if kind == "palette images":
        inverse = [value for k in range(256) for value in [255 - k] * 3]
        images = [PIL.fromarray(255 - frame) for frame in grey]
        for image in images:
            image.putpalette(inverse)  # index k is shown as 255 - k
        return images, List(Image())
    return [image.convert(modes[kind]) for image in images], List(Image())


@pytest.mark.parametrize(
    "kind",
    ["colour array", "lists", "2-D arrays", "grey images", "colour images", "images with alpha", "palette images"],
)
def test_frames_may_be_images_or_arrays_grey_or_colour(tmp_path, kind):
    frames, feature = frames_as(kind)
    (clip,) = load(saved(tmp_path / "data", [row(frames=frames)], feature), stabilize=False).clips
    np.testing.assert_array_equal(clip.frames, row()["frames"])


AGAIN = """
import sys
from training.data import preparation
from training.data.clips import load_clips
from training.options import DataOptions
def fail(*args, **kwargs): raise RuntimeError("prepared again")
preparation.prepare_frames = fail
found = load_clips(sys.argv[1], DataOptions(), ["AU1", "AU4", "AU12"], 48)
print(found.fingerprint, found.clips[1].frames.sum())
try:
    load_clips(sys.argv[1], DataOptions(stabilize=False), ["AU1", "AU4", "AU12"], 48)
except RuntimeError as error:
    print(error)
"""


def test_another_process_reads_the_cache_and_prepares_only_for_other_settings(tmp_path, cache):
    name = saved(tmp_path / "data", [row(0), row(1)])
    made = load(name)
    command = [sys.executable, "-c", AGAIN, name]
    environment = os.environ | {"HF_DATASETS_CACHE": str(cache.parent), "PYTHONPATH": os.getcwd()}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    expected = f"{made.fingerprint} {made.clips[1].frames.sum()}"
    assert run.stdout.splitlines() == [expected, "prepared again"]


def count_preparations(monkeypatch):
    calls, prepare_frames = [], preparation.prepare_frames

    def counted(*args, **kwargs):
        calls.append(kwargs)
        return prepare_frames(*args, **kwargs)

    monkeypatch.setattr(preparation, "prepare_frames", counted)
    return calls


def test_what_is_prepared_depends_on_frames_and_settings_not_on_the_units_asked_for(tmp_path, monkeypatch):
    calls = count_preparations(monkeypatch)
    name = saved(tmp_path / "data", [row(0), row(1)])
    load(name)
    load(name, units=["AU12", "AU1"])
    assert len(calls) == 2
    load(name, size=32)
    load(name, stabilize=False)
    assert len(calls) == 6
    saved(tmp_path / "other", [row(0), row(2)])
    load(str(tmp_path / "other"))
    assert len(calls) == 8


def test_several_at_once_prepare_once(tmp_path, monkeypatch):
    calls = count_preparations(monkeypatch)
    name = saved(tmp_path / "data", [row(k) for k in range(6)])
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(load, [name] * 3))
    assert len(calls) == 6
    assert len({each.fingerprint for each in found}) == 1


def test_work_that_broke_off_leaves_nothing_to_be_taken_for_whole(tmp_path, monkeypatch, cache):
    name = saved(tmp_path / "data", [row(0), row(1)])
    with monkeypatch.context() as patch:
        patch.setattr(preparation, "prepare_frames", lambda *a, **k: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            load(name)
    assert not list(cache.glob("*.arrow"))
    assert len(load(name).clips) == 2


def test_the_fingerprint_tells_content_labels_and_settings(tmp_path):
    rows = [row(0), row(1)]
    name = saved(tmp_path / "data", rows)
    others = [
        load(saved(tmp_path / "frames", [row(0), row(1, frames=row(2)["frames"])])),
        load(saved(tmp_path / "labels", [row(0), row(1, action_units=["AU4"])])),
        load(saved(tmp_path / "people", [row(0), row(1, subject="t")])),
        load(name, stabilize=False),
        load(name, size=32),
        load(name, units=["AU12", "AU1"]),
    ]
    fingerprints = {load(name).fingerprint, load(saved(tmp_path / "copy", rows)).fingerprint}
    assert len(fingerprints) == 1
    assert len(fingerprints | {other.fingerprint for other in others}) == 7


def test_the_same_clip_under_another_name_has_the_same_digest(tmp_path):
    name = saved(tmp_path / "data", [row(0), row(0, subject="t", clip_id="x"), row(1)])
    first, copy, other = load(name).clips
    assert first.digest == copy.digest != other.digest


def test_all_splits_are_joined(tmp_path):
    saved(tmp_path / "a", [row(0)])
    saved(tmp_path / "b", [row(1)])
    parts = {split: datasets.load_from_disk(tmp_path / split) for split in ("a", "b")}
    DatasetDict(parts).save_to_disk(tmp_path / "both")
    assert [clip.clip_id for clip in load(str(tmp_path / "both")).clips] == ["c0", "c1"]


def test_the_first_people_in_sorted_order_and_their_first_clips_are_kept(tmp_path):
    who = [("z", "1"), ("b", "2"), ("b", "1"), ("b", "2"), ("b", "2"), ("b", "1")]
    rows = [row(k, dataset=dataset, subject=subject) for k, (dataset, subject) in enumerate(who)]
    clips = load(saved(tmp_path / "data", rows), max_subjects=2, clips_per_subject=2).clips
    assert [(clip.person, clip.clip_id) for clip in clips] == [
        ("b/2", "c1"), ("b/1", "c2"), ("b/2", "c3"), ("b/1", "c5"),
    ]  # fmt: skip


def test_unlabelled_moments_are_minus_one(tmp_path):
    (clip,) = load(saved(tmp_path / "data", [row(onset=None, apex=None)])).clips
    assert (clip.onset, clip.apex) == (-1, -1)


def test_units_that_the_model_lacks_are_an_error_unless_they_may_be_left_out(tmp_path):
    rows = [row(0), row(1, action_units=["AU24", "AU12"]), row(2, action_units=["AU24", "AU9"])]
    name = saved(tmp_path / "data", rows)
    message = r"AU9 \(1 clips\), AU24 \(2 clips\); it has AU1, AU4, AU12.*--ignore_other_units.*--action_units"
    with pytest.raises(InputError, match=message):
        load(name)
    assert [clip.labels.tolist() for clip in load(name, ignore_other_units=True).clips] == [
        [1, 0, 1], [0, 0, 1], [0, 0, 0],
    ]  # fmt: skip


@pytest.mark.parametrize("code", ["L12B", "12", "AU03", "AU3", "AU 12", "happy", "AU120"])
def test_what_is_no_facs_code_is_always_an_error(tmp_path, code):
    name = saved(tmp_path / "data", [row(action_units=[code])])
    with pytest.raises(InputError, match=f"no FACS codes.*{code}"):
        load(name, ignore_other_units=True)


@settings(max_examples=8)
@given(unknown=st.sets(st.integers(0, 5), max_size=5))
def test_clips_of_unknown_units_are_left_out_named_and_never_negative(unknown):
    with TemporaryDirectory() as folder:
        rows = [row(k, subject=f"s{k % 3}", action_units=None if k in unknown else ["AU4"]) for k in range(6)]
        name = saved(f"{folder}/data", rows)
        clips, fingerprint, left_out = load(name)
        assert [clip.clip_id for clip in clips] == [f"c{k}" for k in range(6) if k not in unknown]
        assert all(clip.labels.tolist() == [0, 1, 0] for clip in clips)
        assert left_out == [f"d/s{k % 3}/c{k}" for k in sorted(unknown)]
        whole = load_clips(name, DataOptions(), UNITS, 48, unlabelled=True)  # as hub.evaluate does
        assert (whole.fingerprint, whole.unknown) == (fingerprint, left_out)
        first = load(name, max_subjects=3, clips_per_subject=1).clips  # the first that are known
        assert len(first) == len({clip.person for clip in clips})


BAD_FRAMES = {
    "at least 2": row()["frames"][:1],
    "differ in size": [np.zeros((4, 4), int).tolist(), np.zeros((5, 5), int).tolist()],
    "must be \\(frames, height, width\\)": np.zeros((3, 4, 4, 2), int).tolist(),
    "whole numbers 0..255, got int64 from 0 to 300": np.array([[[0, 300]], [[0, 1]]]).tolist(),
    "whole numbers 0..255, got float32": np.full((2, 4, 4), 0.5).tolist(),
}


@pytest.mark.parametrize("message", BAD_FRAMES)
def test_frames_that_cannot_be_used_are_named(tmp_path, message):
    frames = BAD_FRAMES[message]
    kinds = {
        "at least 2": None,
        "must be \\(frames, height, width\\)": List(List(List(List(Value("int64"))))),
        "whole numbers 0..255, got float32": List(List(List(Value("float32")))),
    }
    name = saved(tmp_path / "data", [row(frames=frames)], kinds.get(message, List(List(List(Value("int64"))))))
    with pytest.raises(InputError, match=f"clip d/s/c0.*{message}"):
        load(name)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"onset": 3}, "clip d/s/c0: onset 3 and apex 2 must be in order"),
        ({"apex": 4}, "within its frames 0 to 3"),
        ({"subject": None}, "rows without subject"),
    ],
)
def test_rows_that_contradict_themselves_are_named(tmp_path, changes, message):
    name = saved(tmp_path / "data", [row(0, **changes), row(1)])
    with pytest.raises(InputError, match=message):
        load(name)


def test_missing_columns_are_named_and_those_there(tmp_path):
    Dataset.from_dict({"subject": ["1"], "frames": [[1]]}).save_to_disk(tmp_path / "data")
    with pytest.raises(InputError, match="lacks the columns dataset, clip_id, action_units, onset, apex; it has subj"):
        load(str(tmp_path / "data"))


def test_a_dataset_without_rows_is_refused(tmp_path):
    saved(tmp_path / "data", [row()])
    datasets.load_from_disk(tmp_path / "data").select([]).save_to_disk(tmp_path / "none")
    with pytest.raises(InputError, match="has no rows"):
        load(str(tmp_path / "none"))


def test_what_is_no_dataset_gets_its_cause_in_one_line(tmp_path):
    for name, message in (
        ("synthetic:C", "there are synthetic:A, synthetic:B"),
        (str(tmp_path), "cannot be read as Parquet or by load_from_disk"),
        (str(tmp_path / "missing"), "is no folder"),
        ("nobody/nothing", "Couldn't reach"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            load(name)
        assert "\n" not in str(caught.value)


def test_a_script_without_a_main_guard_draws_synthetic_clips(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from training.data.clips import load_clips\n"
        "from training.options import DataOptions\n"
        "options = DataOptions(max_subjects=2, clips_per_subject=1, ignore_other_units=True)\n"
        "print(len(load_clips('synthetic:A', options, ['AU1'], 64).clips), 'clips')\n"
    )
    paths = {"HF_DATASETS_CACHE": str(tmp_path / "own"), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, str(script)], env=os.environ | paths, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "2 clips\n"
