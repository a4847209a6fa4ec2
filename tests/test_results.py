import csv
import io
import json
import os

import pytest
from predictions import CODES, FACE, prediction, segment

from modeling_aullm.output_files import check_writable, write_whole
from modeling_aullm.results import active_intervals, to_csv, to_json, to_table


def test_json_has_exactly_the_documented_form():
    (record,) = json.loads(to_json([prediction()]))
    assert list(record) == ["source", "fps", "num_frames", "face", "model", "segments"]
    assert record["source"] == "clip.mp4" and record["fps"] == 25.0 and record["num_frames"] == 12
    assert record["face"] == {"box": list(FACE.box), "score": FACE.score} and record["model"] == "tiny"
    (found,) = record["segments"]
    assert list(found) == ["start_frame", "end_frame", "start_time", "end_time", "action_units"]
    assert (found["start_frame"], found["end_frame"], found["start_time"], found["end_time"]) == (0, 11, 0.0, 0.44)
    assert list(found["action_units"]) == list(CODES)
    assert found["action_units"]["AU12"] == {"name": "Lip corner puller", "probability": 0.9, "active": True}
    assert found["action_units"]["AU2"] == {"name": "Outer brow raiser", "probability": 0.01, "active": False}


def test_face_is_null_for_crops_and_the_first_one_found_otherwise():
    crops = prediction(segment(0, 11, face=None))
    assert json.loads(to_json([crops]))[0]["face"] is None
    assert prediction(segment(0, 11, face=None), segment(12, 23)).face is FACE


def test_numbers_have_six_decimals_and_names_stay_readable():
    text = to_json([prediction(segment(0, 10, fps=29.97), source="面.mp4", fps=30000 / 1001)])
    assert '"fps": 29.97003,' in text and '"end_time": 0.333667,' in text and "面.mp4" in text


def test_csv_says_what_json_says():
    predictions = [prediction(segment(0, 11), segment(6, 17, active=("AU1",))), prediction(source="b, c.mp4")]
    rows = list(csv.DictReader(io.StringIO(to_csv(predictions))))
    units = [f"AU{int(code[2:]):02d}_{kind}" for code in CODES for kind in "pc"]
    assert list(rows[0]) == ["source", "start_frame", "end_frame", "start_time", "end_time", *units]
    records = json.loads(to_json(predictions))
    pairs = [(record["source"], found) for record in records for found in record["segments"]]
    assert len(rows) == len(pairs) == 3
    for row, (source, found) in zip(rows, pairs, strict=True):
        assert row["source"] == source
        for name in ("start_frame", "end_frame", "start_time", "end_time"):
            assert float(row[name]) == found[name]
        for code, unit in found["action_units"].items():
            column = f"AU{int(code[2:]):02d}"
            assert float(row[f"{column}_p"]) == unit["probability"] and int(row[f"{column}_c"]) == unit["active"]


def test_table_of_a_clip_names_every_unit():
    lines = to_table(prediction()).splitlines()
    assert lines[0] == "clip.mp4 (12 frames, 25 frames/s)" and len(lines) == 2 + len(CODES)
    assert lines[1].split() == ["AU", "FACS", "name", "probability", "active"]
    assert [line.split()[0] for line in lines if line.endswith("yes")] == ["AU6", "AU12"]


def test_table_of_a_timeline_tells_peaks_and_active_times():
    table = to_table(prediction(segment(0, 10), segment(5, 15, active=("AU4",)), segment(10, 20, active=("AU4",))))
    (row,) = [line for line in table.splitlines() if "Brow lowerer" in line]
    assert row.split() == ["AU4", "Brow", "lowerer", "0.90", "0.40", "0.20-0.80"]
    assert "3 windows" in table


def test_active_intervals_join_what_follows_without_a_gap():
    marks = [(0, 4, True), (5, 9, True), (8, 12, False), (10, 14, True), (20, 24, True)]
    segments = [segment(start, end, active=("AU4",) if active else (), fps=1.0) for start, end, active in marks]
    assert active_intervals(segments, "AU4") == [(0.0, 14.0), (20.0, 24.0)]
    assert active_intervals(segments, "AU9") == []


def test_a_frame_belongs_to_the_segment_whose_middle_is_nearest():
    first, second, late = segment(0, 10), segment(5, 15), segment(30, 40)
    found = prediction(first, second, late)
    assert [found.segment_at(frame) for frame in (0, 7, 8, 15, 16, 30, 41)] == [
        first, first, second, second, None, late, None,
    ]  # fmt: skip


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
