"""What is said and written of events, and of recordings in which there is none or none was looked for."""

import csv
import io
import json
from dataclasses import replace

import pandas as pd
import pytest
from conftest import tiny_model
from helpers_video import face_video, write_video
from hypothesis import given
from hypothesis import strategies as st
from predictions import CODES, SECOND_FACE, event, gap, prediction, recording, segment

from modeling_aullm import api
from modeling_aullm.command import cli
from modeling_aullm.event_table import EVENTS_SHOWN
from modeling_aullm.predictions import Predictions
from modeling_aullm.processing_aullm import AULLMProcessor
from modeling_aullm.result_table import to_table

SMILE = event(10, 14, 20, active=("AU12", "AU6"), probability=0.87)
FROWN = event(22, 30, 40, active=("AU4",), probability=0.6)
times = st.lists(st.integers(0, 400), min_size=3, max_size=3, unique=True).map(sorted)
events = st.lists(
    st.builds(
        lambda marks, active, probability: event(*marks, active=tuple(active), probability=probability),
        times,
        st.lists(st.sampled_from(CODES), min_size=1, max_size=4, unique=True),
        st.floats(0, 1),
    ),
    max_size=60,
).map(lambda found: sorted(found, key=lambda event: event.onset_frame))


def lines_of(found):
    return [line.strip() for line in to_table(found).splitlines()]


def read_csv(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_the_first_screen_says_what_was_found_when_and_how_sure_it_is():
    lines = lines_of(recording(SMILE, FROWN, source="interview.mp4"))
    assert lines[:3] == [
        "interview.mp4 (49 frames, 25 frames/s, 1.92 s)",
        "2 expressions (1 micro, 1 longer)",
        "sensitivity normal: about 2 false alarms a minute in the validation recordings",
    ]
    assert lines[3].split() == "# onset apex offset duration kind sure units with probability".split()
    assert lines[4].split() == "1 0.40 0.56 0.80 0.40 micro 0.87 AU12 0.95, AU6 0.85".split()
    assert lines[5].split() == "2 0.88 1.20 1.60 0.72 longer 0.60 AU4 0.95".split()
    assert lines[7:] == ["AU4 Brow lowerer, AU6 Cheek raiser, AU12 Lip corner puller"]


def test_no_expression_is_a_sentence_and_names_the_time_that_was_seen():
    lines = lines_of(recording())
    assert lines[1] == "no expression was found in the whole 1.92 s" and len(lines) == 3
    half = lines_of(recording(spans=[segment(0, 24), gap(25, 49)]))
    assert half[1] == "no expression was found in the 0.96 s of which something is stated"
    assert half[3] == "nothing is stated of 25 of 50 frames: no face (1.00-1.96 s)"
    assert "no expression could be looked for" in to_table(recording(spans=[gap(0, 24)]))


@pytest.mark.parametrize(
    ("rate", "says"),
    [
        (0.5, "about 0.5 false alarms a minute in"),
        (1.0, "about 1 false alarm a minute in"),
        (123.4, "about 120 false alarms a minute in"),
        (0.0, "about 0 false alarms a minute in"),
        (None, "how many false alarms a minute that means is not on record"),
    ],
)
def test_the_operating_point_is_stated_or_said_to_be_unknown(rate, says):
    found = recording(SMILE, settings={"sensitivity": "low", "false_alarms_per_minute": rate})
    assert lines_of(found)[2].startswith("sensitivity low") and says in lines_of(found)[2]


@given(events)
def test_the_table_has_a_row_an_event_up_to_a_limit_and_says_how_many_more(found):
    lines = lines_of(recording(*found, spans=[segment(0, 400)]))
    rows = [line for line in lines if line.split()[0].isdigit() and (" micro " in line or " longer " in line)]
    assert [int(row.split()[0]) for row in rows] == list(range(1, 1 + min(len(found), EVENTS_SHOWN)))
    more = f"and {len(found) - EVENTS_SHOWN} more (in JSON and CSV)"
    assert (more in lines) == (len(found) > EVENTS_SHOWN)
    for row, shown in zip(rows, found):
        values = [unit.split()[1] for unit in row.split("  ")[-1].split(", ")]
        assert values == sorted(values, reverse=True) and len(values) == len(shown.active_units)


def test_where_events_were_not_looked_for_nothing_is_said_of_them():
    (record,) = json.loads(Predictions([prediction()]).to_json())
    assert record["events"] is None and "expression" not in to_table(prediction())
    assert json.loads(Predictions([recording()]).to_json())[0]["events"] == []


@given(events)
def test_json_and_csv_hold_every_event(found):
    all_of_it = Predictions([recording(*found, spans=[segment(0, 400)], source="b, c.mp4")])
    (record,) = json.loads(all_of_it.to_json())
    rows = read_csv(all_of_it.to_csv(by="event"))
    assert len(rows) == len(record["events"]) == len(found)
    for number, (row, written, known) in enumerate(zip(rows, record["events"], found), 1):
        assert row["source"] == "b, c.mp4" and int(row["number"]) == written["number"] == number
        assert int(row["face"]) == 1 and row["model"] == record["model"]
        for name in ("onset_frame", "apex_frame", "offset_frame", "onset_time", "apex_time", "offset_time", "duration",
                     "probability"):  # fmt: skip
            assert float(row[name]) == written[name] == pytest.approx(getattr(known, name), abs=1e-6)
        assert row["kind"] == written["kind"] == known.kind
        for code, unit in known.action_units.items():
            assert written["action_units"][code]["active"] == unit.active == bool(int(row[f"AU{int(code[2:]):02d}_c"]))
            assert written["action_units"][code]["probability"] == float(row[f"AU{int(code[2:]):02d}_p"])
            assert written["action_units"][code]["probability"] == pytest.approx(unit.probability, abs=1e-6)


def test_the_columns_of_the_event_csv_do_not_depend_on_there_being_events():
    second = recording(SMILE, spans=[segment(0, 40, face=SECOND_FACE)], num_faces=2)
    full, empty = Predictions([recording(), prediction(), second, recording(SMILE)]), Predictions([recording()])
    header = full.to_csv(by="event").splitlines()[0]
    assert empty.to_csv(by="event") == Predictions([prediction()]).to_csv(by="event") == header + "\n"
    assert [row["face"] for row in read_csv(full.to_csv(by="event"))] == ["2", "1"]
    table, nothing = full.to_dataframe(by="event"), empty.to_dataframe(by="event")
    assert list(table.columns) == list(nothing.columns) == header.split(",") and (len(table), len(nothing)) == (2, 0)
    assert str(table.AU12_c.dtype) == "Int64" and table.duration.tolist() == [0.4, 0.4]
    pd.testing.assert_frame_equal(pd.concat([table, nothing]), table)
    assert repr(full) == "<Predictions: 1 source, 4 faces, 16 segments, 2 events>"


def test_spans_without_a_face_are_rows_without_values_beside_events():
    found = Predictions([recording(SMILE, spans=[segment(0, 24), gap(25, 49)])])
    for by, numbers in (("segment", [1, 0]), ("frame", [1] * 25 + [0] * 25)):
        rows = pd.read_csv(io.StringIO(found.to_csv(by=by)))
        assert rows.success.tolist() == numbers
        values = rows.loc[rows.success == 0, [name for name in rows if name.endswith(("_p", "_c")) or name == "x"]]
        assert values.isna().all(axis=None) and not values.empty


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoints") / "tiny"
    tiny_model().save_pretrained(folder)
    AULLMProcessor(action_units=list(CODES)).save_pretrained(folder)
    return str(folder)


@pytest.fixture
def run(checkpoint, tmp_path, monkeypatch, capsys):
    """Runs `aullm predict` on a clip of which these events are said to be found; gives status, stdout, stderr."""
    write_video(tmp_path / "clip.mp4", face_video(12))
    monkeypatch.chdir(tmp_path)
    found_by_model = api.predict_sources

    def run_predict(events, *arguments):
        def found(*sources, **how):
            return [replace(prediction, events=events) for prediction in found_by_model(*sources, **how)]

        monkeypatch.setattr(api, "predict_sources", found)
        status = cli.main(["predict", "clip.mp4", "--model", checkpoint, *arguments])
        return status, *capsys.readouterr()

    return run_predict


def test_the_command_prints_events_and_writes_their_csv(run, tmp_path):
    status, out, err = run([SMILE, FROWN], "--events-csv", "e.csv", "--csv", "s.csv")
    assert (status, err) == (0, "") and "2 expressions (1 micro, 1 longer)" in out
    rows = read_csv((tmp_path / "e.csv").read_text())
    assert [(row["source"], row["kind"], row["AU06_c"]) for row in rows] == [
        ("clip.mp4", "micro", "1"), ("clip.mp4", "longer", "0"),
    ]  # fmt: skip
    assert len(read_csv((tmp_path / "s.csv").read_text())) == 1


def test_the_event_csv_goes_to_a_pipe(run):
    status, out, err = run([SMILE], "--events-csv", "-")
    assert (status, err) == (0, "") and [row["apex_frame"] for row in read_csv(out)] == ["14"]


def test_a_source_without_a_search_does_not_pass_for_one_without_events(run, tmp_path):
    assert run([], "--events-csv", "e.csv")[::2] == (0, "")
    header = (tmp_path / "e.csv").read_text()
    status, _, err = run(None, "--events-csv", "e.csv")
    assert status == 0 and "clip.mp4: events were not looked for" in err and header.count("\n") == 1
    assert (tmp_path / "e.csv").read_text() == header


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--events-csv", "-", "--csv", "-"], "only one of them"),
        (["--events-csv", "-", "--json", "-"], "only one of them"),
        (["--events-csv", "o.csv", "--csv", "o.csv"], "two outputs"),
        (["--events-csv", "clip.mp4"], "is an input"),
        (["--events-csv", "missing/o.csv"], "does not exist"),
        (["--events-csv", "o.csv", "--window", "0.5"], "not looked for with --window"),
        (["--events-csv", "o.csv", "--onset", "0"], "not looked for with --onset"),
        (["--sensitivity", "high", "--window", "0.5"], "--sensitivity: events are not looked for with --window"),
    ],
)
def test_what_cannot_be_written_is_told_before_the_work(run, arguments, says, monkeypatch):
    monkeypatch.setattr(api, "predict", lambda *_, **__: 1 / 0)
    status, out, err = run([], *arguments)
    assert (status, out) == (2, "") and len(err.splitlines()) == 1 and says in err


def test_without_a_source_no_event_csv_is_written(run, tmp_path):
    (tmp_path / "clip.mp4").write_text("no video")
    status, _, err = run([], "--events-csv", "e.csv")
    assert status == 2 and "nothing was written" in err and not (tmp_path / "e.csv").exists()
