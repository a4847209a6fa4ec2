"""The grand challenge's question files: read, answered in its words, nothing outside the folder of videos touched."""

import json

import pytest
from conftest import save_small_llm, tiny_config
from predictions import astronaut_frames

from modeling_aullm import AULLMForAUDetection, AULLMProcessor
from modeling_aullm.asking import Answer
from modeling_aullm.facs import AU_SETS
from modeling_aullm.findings import Expression, Findings, UnitFinding, of_events
from modeling_aullm.overlay import write_video
from modeling_aullm.statements import statements
from training import challenge
from training.answers import with_answers
from training.errors import InputError
from training.questions.challenge import find_video, in_challenge_words, read_questions

UNITS = AU_SETS["cd6me"]


def in_words(kind, about=(), active=("AU12", "AU6"), events=None):
    sides = {"AU12": "left"}
    units = {code: UnitFinding(code, 0.9 if code == "AU12" else 0.8 if code in active else 0.1, 0.5, sides.get(code))
             for code in UNITS}  # fmt: skip
    if not active:
        units = {code: UnitFinding(code, 0.2, 0.5) for code in UNITS}
    findings = Findings([Expression(units)], False, UNITS)
    if events:
        said = {code: {"probability": 0.9 if code == "AU4" else 0.0} for code in UNITS}
        found = [{"onset_time": a, "apex_time": (a + b) / 2, "offset_time": b, "action_units": said} for a, b in events]
        findings = of_events(found, dict.fromkeys(UNITS, 0.5))
    said = next(each for each in statements(findings) if (each.kind, each.about) == (kind, about))
    return in_challenge_words(Answer("?", said.text, said.kind, said.about, said.value), findings)


def test_answers_are_in_the_challenge_s_words():
    assert in_words("moved", ("AU12",)) == "yes" and in_words("moved", ("AU4",)) == "no"
    assert in_words("side", ("AU12",)) == "left"
    assert in_words("units") == "lip corner puller, cheek raiser" and in_words("strongest") == "lip corner puller"
    assert in_words("emotion") == "happiness" and in_words("emotion_class") == "positive"
    assert in_words("emotion", active=()) == "others" and in_words("emotion_class", active=()) == "negative"
    assert in_words("describe") == (
        "The action units present are: lip corner puller, cheek raiser. Therefore, the fine-grained expression class "
        "is happiness, and the coarse expression class is positive."
    )
    events = [(1.0, 1.4), (2.0, 3.5)]
    assert in_words("count", events=events) == "2" and in_words("count_micro", events=events) == "1"
    assert in_words("type", (1,), events=events) == "micro" and in_words("type", (2,), events=events) == "macro"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("challenge")
    llm = save_small_llm(place / "llm", spread=0.3)
    model = AULLMForAUDetection.from_backbones(tiny_config(prompt_token_ids=None), llm=str(llm)).eval()
    with_answers(model, 4).save_pretrained(place / "tiny")
    AULLMProcessor(action_units=list(UNITS)).save_pretrained(place / "tiny")
    (place / "videos" / "sub01").mkdir(parents=True)
    write_video(astronaut_frames(), place / "videos" / "sub01" / "EP02_01f.mp4", 30.0)
    write_video(astronaut_frames(), place / "secret.mp4", 30.0)
    return place


def run(folder, monkeypatch, rows, *extra):
    path = folder / "questions.jsonl"
    path.write_text("".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows))
    output = folder / "answers.jsonl"
    output.unlink(missing_ok=True)
    monkeypatch.setattr("sys.argv", [
        "challenge", "--checkpoint", str(folder / "tiny"), "--questions", str(path), "--videos", str(folder / "videos"),
        "--output", str(output), *extra,
    ])  # fmt: skip
    challenge.main()
    return [json.loads(line) for line in output.read_text().splitlines()]


def test_every_row_comes_back_with_an_answer_and_a_bad_video_costs_its_own_alone(folder, monkeypatch, capsys):
    rows = [
        {"video": "sub01/EP02_01f.mp4", "question": "Is she lying?", "dataset": "casme2"},
        {"image_id": "sub01/EP02_01f", "question": "What are the action units?", "answer": "brow lowerer"},
        {"filename": "nope", "question": "What are the action units?"},
        {"video": "../secret.mp4", "question": "What are the action units?"},
    ]
    answered = run(folder, monkeypatch, rows)
    assert [set(row) - {"answer"} for row in answered] == [set(row) - {"answer"} for row in rows]
    assert answered[0]["answer"].startswith("I do not say") and answered[1]["answer"]
    assert [row["answer"] for row in answered[2:]] == ["", ""]
    out, err = capsys.readouterr()
    assert "nope: no such video" in err and "../secret.mp4: no such video" in err
    assert "of 1 equal: What are the action units?" in out and "2 of 4 answered" in out


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["no json\n"], "line 1: no JSON"),
        ([{"question": "What moved?"}], "line 1: must be an object"),
        ([{"video": "a", "question": 7}], "line 1: must be an object"),
        (["\n"], "holds no question"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_by_its_line(folder, monkeypatch, rows, said):
    with pytest.raises(InputError, match=said):
        run(folder, monkeypatch, rows)


def test_a_name_never_leads_out_of_the_folder(folder):
    videos = folder / "videos"
    assert find_video(videos, "sub01/EP02_01f").name == "EP02_01f.mp4"
    for name in ("../secret.mp4", str(folder / "secret.mp4"), "sub01/../../secret", ".", ""):
        with pytest.raises(InputError, match="no such video"):
            find_video(videos, name)
    with pytest.raises(InputError, match="cannot be read"):
        read_questions(folder / "missing.jsonl")
