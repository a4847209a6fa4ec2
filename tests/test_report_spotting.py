"""What the report makes of events found in recordings, from files that the scoring itself wrote."""

import json
import re
import shutil

import cv2
import numpy as np
import pandas as pd
import pytest

from training.errors import InputError
from training.report.__main__ import main
from training.scoring.spotting import Event, Recording, score_recordings

COMMAND = "python -m training.spot --seed 7"


def scores(hits, alarms, minutes=2.0):
    """Of ten true events so many found 0.02 s late, and so many false ones in a quiet recording."""
    truth = [Event(t, t + 0.2, t + 0.4, frozenset({"AU12"})) for t in range(10)]
    found = [Event(e.onset + 0.02, e.apex + 0.02, e.offset + 0.02, e.units) for e in truth[:hits]]
    false = [Event(t, t + 0.1, t + 0.2, frozenset({"AU1", "AU4"})) for t in range(alarms)]
    return score_recordings([Recording(truth, found, 1.0, False), Recording([], false, minutes, True)])


def spotting_json():
    methods = {
        "aullm predict": {"normal": scores(8, 1), "high": scores(9, 6), "low": scores(6, 0)},
        "windows": {"": scores(2, 30)},
        "nothing": {"": scores(0, 0)},
    }
    sizes = {"recordings": 2, "minutes": 3.0, "events": 10, "quiet_minutes": 2.0}
    sets = [{"name": name, **sizes, "methods": methods} for name in ("synthetic:B recordings", "photographs moved")]
    edges, middles = np.linspace(0, 1, 11), np.linspace(0.05, 0.95, 10)
    counts = [40, 20, 10, 8, 5, 0, 6, 9, 20, 50]
    curve = [
        [None if count == 0 else value for value, count in zip(values, counts)] for values in (middles, middles**2)
    ]
    reliability = {"bins": edges.tolist(), "predicted": curve[0], "observed": curve[1], "counts": counts}
    return {"kind": "spotting", "command": COMMAND, "seed": 7, "iou": 0.5, "sets": sets, "reliability": reliability}


@pytest.fixture
def run(tmp_path):
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "spotting.json").write_text(json.dumps(spotting_json()))
    return tmp_path / "events"


def test_a_table_a_set_with_a_row_a_method_and_sensitivity(run, tmp_path, capsys):
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- results:out --><!-- /results:out -->\nafter")
    main([str(run), "--output", str(tmp_path / "out"), "--insert", str(readme)])
    text = (tmp_path / "out" / "report.md").read_text()
    tables = re.findall(r"\*\*Events found: events, (.+?)\*\*: 2 recordings of 3.0 minutes with 10 events, 2.0", text)
    assert tables == ["synthetic:B recordings", "photographs moved"]
    assert "**Synthetic recordings** (`synthetic:B recordings`)" in text
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]
    header = rows[0]
    row = dict(zip(header, next(r for r in rows if r[0] == "aullm predict, normal")))
    assert row["spotting F1"] == f"{2 * 8 / (10 + 9):.3f}" and row["recall"] == "0.800"
    assert row["unit-event F1 (micro)"] == f"{2 * 8 / (10 + 10):.3f}" and row["STRS"] == row["spotting F1"]
    assert row["apex error, ms"] == "20 (20)" and row["false events a minute"] == "0.5 [0.0, 2.8]"
    assert row["false unit events a minute"] == "1.0 [0.1, 3.6]"
    nothing = dict(zip(header, next(r for r in rows if r[0] == "nothing")))
    assert (nothing["spotting F1"], nothing["precision"], nothing["apex error, ms"]) == ("0.000", "-", "-")
    assert nothing["false events a minute"] == "0.0 [0.0, 1.8]"
    assert {len(r) for r in rows} == {len(header)} and len(rows) == 2 * (2 + 5)
    assert f"{COMMAND}  # events, events" in text and "nan" not in text.lower()
    inserted = readme.read_text()
    assert inserted.startswith("before") and tables[1] in inserted and tables[1] in capsys.readouterr().out
    table = pd.read_csv(tmp_path / "out" / "spotting.csv")
    assert len(table) == 10 and table.sensitivity[:3].tolist() == ["normal", "high", "low"]
    expected = scores(8, 1)
    assert table.strs[0] == pytest.approx(expected["strs"]) and table.seed.tolist() == [7] * 10
    assert table.false_unit_events_high[0] == pytest.approx(expected["quiet"]["unit_events"]["high"])


def test_the_reliability_is_drawn_and_a_run_without_it_is_reported_all_the_same(run, tmp_path):
    main([str(run), "--output", str(tmp_path / "out")])
    assert cv2.imread(str(tmp_path / "out" / "reliability.png")).std() > 10
    assert "(reliability.png)" in (tmp_path / "out" / "report.md").read_text()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "reliability.png",
        "report.md",
        "spotting.csv",
    ]
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "spotting.json").write_text(json.dumps(spotting_json() | {"reliability": None}))
    main([str(bare), "--output", str(tmp_path / "without")])
    assert sorted(path.name for path in (tmp_path / "without").iterdir()) == ["report.md", "spotting.csv"]


def test_events_stand_beside_a_run_of_clips(run, tmp_path):
    from test_report import make_run

    clips = make_run(tmp_path / "clips", subjects=3, seeds=(1,))
    both = make_run(tmp_path / "both", subjects=3, seeds=(1,))
    shutil.copy(run / "spotting.json", both)
    main([str(path) for path in (clips, run, both, "--output", tmp_path / "out")])
    text = (tmp_path / "out" / "report.md").read_text()
    assert "| clips | aullm++ |" in text and "| both | aullm++ |" in text and "| events | aullm++ |" not in text
    assert all(f"**Events found: {name}, photographs moved**" in text for name in ("events", "both"))
    assert "Events found: clips" not in text and "  # both\n" in text and "  # both, events\n" in text
    assert pd.read_csv(tmp_path / "out" / "spotting.csv").run.unique().tolist() == ["events", "both"]


def without(*keys):
    def damage(content):
        for key in keys[:-1]:
            content = content[key]
        del content[keys[-1]]

    return damage


@pytest.mark.parametrize(
    "damage, message",
    [
        (without("command"), "KeyError: 'command'"),
        (without("sets"), "KeyError: 'sets'"),
        (without("sets", 0, "methods"), "'methods'"),
        (without("sets", 0, "methods", "windows", "", "quiet"), "'quiet'"),
        (without("sets", 0, "quiet_minutes"), "'quiet_minutes'"),
        (without("reliability", "bins"), "'bins'"),
        (without("reliability", "counts", 0), "one more of bins' edges than"),
        (lambda content: content["reliability"]["observed"].__setitem__(0, 1.5), "must be shares within 0..1"),
        (lambda content: content["reliability"]["observed"].__setitem__(0, None), "must be shares within 0..1"),
        (lambda content: content.update(sets=[]), "with 0 results"),
        (lambda content: content.update(kind="clips"), "kind is 'clips'"),
        (lambda content: content["sets"][0].update(minutes="long"), "could not convert string"),
        (lambda content: content.update(sets={"name": "x"}), "spotting.json cannot be reported"),
    ],
)
def test_a_broken_file_is_one_clear_error_and_nothing_is_written(run, tmp_path, damage, message):
    content = spotting_json()
    damage(content)
    (run / "spotting.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=re.escape(message)):
        main([str(run), "--output", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()
