import csv
import io
import json
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from predictions import CHECKPOINT, CODES, FACE, SECOND_FACE, THRESHOLDS, gap, prediction, segment

from modeling_aullm.head_pose import head_angles
from modeling_aullm.output_files import check_writable, write_whole
from modeling_aullm.result_files import RECORDING, frame_rows, to_csv, to_json
from modeling_aullm.result_table import active_intervals, describe_gaps, to_table, to_text
from modeling_aullm.results import Checkpoint
from modeling_aullm.source_spans import whole_axis

INTERRUPTED = (segment(0, 9), segment(5, 14, active=("AU4",)), gap(15, 30), gap(31, 34, "cut"), segment(35, 44))


def test_json_has_exactly_the_documented_form():
    (record,) = json.loads(to_json([prediction()]))
    assert list(record) == [
        "source", "fps", "num_frames", "face", "model", "trained_on", "weights_sha256", "version", "settings",
        "recording", "thresholds", "segments", "events",
    ]  # fmt: skip
    assert record["source"] == "clip.mp4" and record["fps"] == 25.0 and record["num_frames"] == 12
    face = {"id": 1, "box": list(FACE.box), "score": FACE.score, "landmarks": [list(point) for point in FACE.landmarks]}
    face["angles"] = {name: round(angle, 6) for name, angle in vars(head_angles(np.array(FACE.landmarks))).items()}
    assert record["face"] == face and record["model"] == "tiny" and record["version"] == "0.1.0"
    assert record["trained_on"] == ["synthetic:A, seed 3"] and record["weights_sha256"] == {"model.safetensors": "ab12"}
    assert record["thresholds"] == THRESHOLDS and record["settings"]["dtype"] == "float32"
    (found,) = record["segments"]
    assert list(found) == [
        "start_frame", "end_frame", "start_time", "end_time", "success", "reason", "face", "action_units",
    ]  # fmt: skip
    assert (found["start_frame"], found["end_frame"], found["start_time"], found["end_time"]) == (0, 11, 0.0, 0.44)
    assert (found["success"], found["reason"], found["face"]) == (True, None, face)
    assert list(found["action_units"]) == list(CODES)
    assert found["action_units"]["AU12"] == {
        "name": "Lip corner puller", "probability": 0.9, "active": True, "side": None, "intensity": None,
    }  # fmt: skip
    assert found["action_units"]["AU2"] == {
        "name": "Outer brow raiser", "probability": 0.01, "active": False, "side": None, "intensity": None,
    }  # fmt: skip


def test_face_is_null_for_crops_and_the_first_one_found_otherwise():
    crops = prediction(segment(0, 11, face=None))
    assert json.loads(to_json([crops]))[0]["face"] is None
    assert prediction(segment(0, 11, face=None), segment(12, 23)).face is FACE


def test_numbers_have_six_decimals_and_names_stay_readable():
    text = to_json([prediction(segment(0, 10, fps=29.97), source="面.mp4", fps=30000 / 1001)])
    assert '"fps": 29.97003,' in text and '"end_time": 0.333667,' in text and "面.mp4" in text


def test_csv_says_what_json_says():
    second = prediction(segment(0, 11, face=SECOND_FACE), gap(12, 44), num_faces=2)
    predictions = [prediction(*INTERRUPTED, num_faces=2), second, prediction(source="b, c.mp4")]
    rows = list(csv.DictReader(io.StringIO(to_csv(predictions))))
    kinds = ("p", "c", "side", "intensity", "t")
    units = [f"AU{int(code[2:]):02d}_{kind}" for code in CODES for kind in kinds]
    points = [
        f"{name}_{axis}" for name in ("right_eye", "left_eye", "nose", "right_mouth", "left_mouth") for axis in "xy"
    ]
    recording = [f"recording_{name}" for name in RECORDING]
    assert list(rows[0]) == [
        "source", "face", "start_frame", "end_frame", "start_time", "end_time", "success", "reason", "x", "y", "width",
        "height", "confidence", "pitch", "yaw", "roll", *points, *units, *recording, "model", "trained_on",
    ]  # fmt: skip
    records = json.loads(to_json(predictions))
    pairs = [(record, found) for record in records for found in record["segments"]]
    assert len(rows) == len(pairs) == 8 and [row["face"] for row in rows] == list("11111221")
    for row, (record, found) in zip(rows, pairs, strict=True):
        assert row["source"] == record["source"] and row["model"] == record["model"]
        assert row["trained_on"] == ", ".join(record["trained_on"]) and row["reason"] == (found["reason"] or "")
        for name in ("start_frame", "end_frame", "start_time", "end_time", "success"):
            assert float(row[name]) == found[name]
        box = [row[name] for name in ("x", "y", "width", "height")]
        assert [float(value) for value in box if value] == (found["face"] or {"box": []})["box"]
        seen = [float(row[name]) for name in points if row[name]]
        assert seen == [value for point in (found["face"] or {"landmarks": []})["landmarks"] for value in point]
        for name, angle in (found["face"] or {"angles": {}})["angles"].items():
            assert float(row[name]) == angle
        for code in CODES:
            column, unit = f"AU{int(code[2:]):02d}", (found["action_units"] or {}).get(code)
            assert float(row[f"{column}_t"]) == record["thresholds"][code]
            assert row[f"{column}_p"] == ("" if unit is None else str(unit["probability"]))
            assert row[f"{column}_c"] == ("" if unit is None else str(int(unit["active"])))


def test_a_frame_has_a_row_with_the_segment_that_is_nearest_or_the_reason():
    found = prediction(*INTERRUPTED)
    rows = list(frame_rows([found]))
    assert [row["frame"] for row in rows] == list(range(45)) and [row["time"] for row in rows][::10] == [
        0.0, 0.4, 0.8, 1.2, 1.6,
    ]  # fmt: skip
    assert [row["reason"] for row in rows] == [None] * 15 + ["no face"] * 16 + ["cut"] * 4 + [None] * 10
    assert [row["AU04_c"] for row in rows] == [0] * 8 + [1] * 7 + [None] * 20 + [0] * 10
    assert {row["x"] for row in rows if row["success"]} == {183.0}
    assert not [value for row in rows if not row["success"] for name, value in row.items() if name[-2:] in ("_p", "_c")
                if value is not None]  # fmt: skip


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(1, 15), st.sampled_from(["no face", "cut", ""])), max_size=8),
    st.integers(61, 80),
)
def test_every_frame_has_a_statement_or_one_reason(pieces, num_frames):
    spans = [
        gap(start, min(start + length, num_frames) - 1, reason)
        if reason
        else segment(start, min(start + length, num_frames - 1))
        for start, length, reason in [*pieces, (0, 2, "")]
    ]
    expected = ["not read"] * num_frames  # the last that says so wins, a statement over all
    for span in sorted(spans, key=lambda span: span.action_units is not None):
        expected[span.start_frame : span.end_frame + 1] = [span.reason] * span.num_frames
    whole = whole_axis(spans, num_frames, "not read", np.arange(num_frames) / 25)
    assert sorted(map(id, (s for s in spans if s.action_units))) == sorted(
        map(id, (s for s in whole if s.action_units))
    )
    gaps = [s for s in whole if not s.action_units]
    unstated = [(frame, s.reason) for s in gaps for frame in range(s.start_frame, s.end_frame + 1)]
    assert unstated == [(frame, reason) for frame, reason in enumerate(expected) if reason]
    for span in gaps:
        assert (span.start_time, span.end_time) == pytest.approx((span.start_frame / 25, span.end_frame / 25))


def test_table_of_a_clip_names_every_unit_with_its_threshold():
    lines = to_table(prediction()).splitlines()
    assert lines[0] == "clip.mp4 (12 frames, 25 frames/s)" and len(lines) == 2 + len(CODES)
    assert lines[1].split() == ["AU", "FACS", "name", "probability", "threshold", "active"]
    assert [line.split()[0] for line in lines if line.endswith("yes")] == ["AU6", "AU12"]
    assert [line.split()[-2] for line in lines[2:]] == [f"{value:.2f}" for value in THRESHOLDS.values()]


def test_table_of_a_timeline_tells_peaks_and_active_times():
    table = to_table(prediction(segment(0, 10), segment(5, 15, active=("AU4",)), segment(10, 20, active=("AU4",))))
    (row,) = [line for line in table.splitlines() if "Brow lowerer" in line]
    assert row.split() == ["AU4", "Brow", "lowerer", "0.90", "0.38", "0.40", "0.20-0.80"]
    assert "3 segments" in table


def test_table_says_of_what_nothing_is_stated_and_whose_it_is():
    lines = to_table(prediction(*INTERRUPTED, num_faces=2)).splitlines()
    assert lines[0] == "clip.mp4, face 1 (45 frames, 25 frames/s, 3 segments)"
    assert [line.strip() for line in lines[-2:]] == [
        "nothing is stated of 16 of 45 frames: no face (0.60-1.20 s)",
        "nothing is stated of 4 of 45 frames: cut (1.24-1.36 s)",
    ]
    many = prediction(segment(0, 9), *(gap(n, n, "cut" if n % 2 else "no face") for n in range(10, 22)))
    assert "no face (0.40-0.40, 0.48-0.48, 0.56-0.56, 0.64-0.64 and 2 more s)" in describe_gaps(many)[0]


@pytest.mark.parametrize(
    ("trained_on", "says"),
    [
        (("synthetic:A, seed 3", "synthetic:B, seed 1"), "x, trained on synthetic faces alone (synthetic:A, seed 3, s"),
        (("synthetic:A, seed 3", "CASME II"), "x, trained on synthetic:A, seed 3, CASME II"),
        (None, "x; what it was trained on is not on record"),
    ],
)
def test_a_checkpoint_says_what_it_was_trained_on(trained_on, says):
    assert str(Checkpoint("x", trained_on)).startswith(says)
    assert Checkpoint("x", trained_on).is_synthetic == ("alone" in says)


def test_the_first_line_says_which_checkpoint():
    assert to_text([prediction(), prediction()]).splitlines()[0] == str(CHECKPOINT)


def test_active_intervals_join_what_follows_without_a_gap():
    marks = [(0, 4, True), (5, 9, True), (8, 12, False), (10, 14, True), (20, 24, True)]
    segments = [segment(start, end, active=("AU4",) if active else (), fps=1.0) for start, end, active in marks]
    assert active_intervals(segments, "AU4") == [(0.0, 14.0), (20.0, 24.0)]
    assert active_intervals(segments, "AU9") == []


def test_a_frame_belongs_to_the_segment_whose_middle_is_nearest():
    first, second, between, late = segment(0, 10), segment(5, 15), gap(16, 29), segment(30, 40)
    found = prediction(first, second, between, late)
    assert [found.segment_at(frame) for frame in (0, 7, 8, 15, 16, 30, 41)] == [
        first, first, second, second, None, late, None,
    ]  # fmt: skip
    assert [found.span_at(frame) for frame in (0, 16, 29, 30, 41)] == [first, between, between, late, None]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "out.json"
    path.write_text("old")

    def write_half(part):
        assert part.suffix == ".json" and part.parent == tmp_path
        part.write_text("ne")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_whole(path, write_half)
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, lambda part: (part.write_text("ne"), (_ for _ in ()).throw(KeyboardInterrupt)))
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["out.json"]


def test_writing_replaces_the_file_and_follows_a_link(tmp_path):
    target, link = tmp_path / "target.txt", tmp_path / "link.txt"
    target.write_text("old")
    link.symlink_to(target)
    write_whole(link, lambda part: part.write_text("new"))
    assert target.read_text() == "new" and link.is_symlink() and len(os.listdir(tmp_path)) == 2


def test_places_that_cannot_be_written_are_found_out_without_a_trace(tmp_path):
    check_writable(tmp_path / "new.csv")
    assert not os.listdir(tmp_path)
    with pytest.raises(OSError, match=r"the folder .*missing does not exist"):
        check_writable(tmp_path / "missing" / "out.csv")
    with pytest.raises(OSError, match="not a plain file"):
        check_writable(tmp_path)
