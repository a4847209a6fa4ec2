"""Questions to learn from and to be scored by: drawn about labels, answered by what is true of them."""

import json
import os
import shutil
from itertools import product

import datasets
import numpy as np
import pytest
import torch
from conftest import save_small_llm, tiny_config
from helpers_process import run_python

from modeling_aullm import AULLMForAUDetection, AULLMProcessor, ask
from modeling_aullm.asking import question_words
from modeling_aullm.deduction import ANSWERS
from modeling_aullm.facs import AU_SETS
from modeling_aullm.findings import Expression, Findings, UnitFinding
from modeling_aullm.statements import statements
from training import answers, question_scores
from training.answers import with_answers
from training.data.clips import Clip
from training.data.recordings import recording_features
from training.errors import InputError
from training.questions import __main__ as pairs
from training.questions.answer_fit import CaseTokens, fit_answers
from training.questions.asked import NOT_ANSWERED, QuestionDraw, draw_findings
from training.questions.faithfulness import faithfulness, follow
from training.questions.labelled import labelled_expression, side_targets
from training.questions.scoring import contradictions, is_right
from training.questions.side_fit import fit_sides
from training.questions.wordings import CHOICE, chosen, wordings

UNITS = AU_SETS["cd6me"]


def clip(*codes, labels=None):
    active = labels or [f"AU{''.join(filter(str.isdigit, code))}" for code in codes]
    values = np.array([unit in active for unit in UNITS], np.float32)
    return Clip(np.zeros((6, 64, 64), np.uint8), values, 0, 3, "made up", "one", "1", "", codes)


def test_sides_and_intensities_are_read_off_the_codes():
    clips = [
        clip("L12B", "R14", "4E"),
        clip("U12A", "17C"),
        clip(labels=["AU1"]),
        clip("L99A", "R4B (k)", labels=["AU4"]),
    ]
    sides, intensity = side_targets(clips, UNITS)
    at = {code: UNITS.index(code) for code in ("AU1", "AU4", "AU12", "AU14", "AU17")}
    assert sides[0, at["AU12"]].tolist() == [0, 1] and sides[0, at["AU14"]].tolist() == [1, 0]
    assert sides[0, at["AU4"]].tolist() == [1, 1] and np.isnan(sides[1, at["AU12"]]).all()
    assert intensity[0, at["AU12"]] == 1 and np.isnan(intensity[0, at["AU14"]]) and intensity[0, at["AU4"]] == 4
    assert intensity[1, at["AU12"]] == 0 and intensity[1, at["AU17"]] == 2
    assert np.isnan(sides[2]).all() and np.isnan(sides[3]).all()
    expression = labelled_expression(clips[0], UNITS)
    assert expression.units["AU12"].side == "left" and expression.units["AU1"].moved is False


def ways(template):
    parts = [part.split("|") if number % 2 else [part] for number, part in enumerate(CHOICE.split(template))]
    return {"".join(way) for way in product(*parts)}


def test_no_wording_that_is_tried_has_been_learned():
    learned, tried = wordings("learned"), wordings("tried")
    assert set(learned) == set(tried)
    everything = {way.lower() for templates in learned.values() for template in templates for way in ways(template)}
    assert not [t for templates in tried.values() for t in templates if ways(t.lower()) & everything]
    assert ways("[Did|Has] it [move|moved]?") >= {"Did it move?", chosen("[Did|Has] it [move|moved]?", min)}


@pytest.mark.parametrize("tried", [False, True])
def test_every_kind_can_be_asked_of_anything_and_has_one_answer(tried):
    rng = np.random.default_rng(4)
    expressions = [
        Expression({code: UnitFinding(code, float(rng.random() < 0.2), 0.5, "both", "C") for code in UNITS})
        for _ in range(10)
    ]
    draw = QuestionDraw(rng, tried=tried)
    for kind in draw.wordings:
        for _ in range(15):
            findings = draw_findings(rng, expressions, UNITS)
            asked = draw.ask(findings, kind)
            assert asked.answer in asked.among and "{" not in asked.question and asked.question.strip()
            assert is_right(asked.answer, asked.answer)
            if kind in NOT_ANSWERED:
                assert asked.answer.kind == kind


def test_what_contradicts_a_logit_is_found_by_its_words():
    units = {code: UnitFinding(code, 0.9 if code == "AU12" else 0.1, 0.5, "left", "B") for code in UNITS}
    findings = Findings([Expression(units)], False, UNITS)
    assert not [s for s in statements(findings) if contradictions(s.text, findings)]
    for said in ("No. AU12 (lip corner puller) did not move.", "Yes. AU4 (brow lowerer) moved.",
                 "Yes. The brow: AU1 (inner brow raiser) and AU2 (outer brow raiser) moved."):  # fmt: skip
        assert contradictions(said, findings)
    unsure = (
        "What moved: nothing. It cannot be told of AU1 (inner brow raiser), AU4 (brow lowerer) and AU9 (nose wrinkler)."
    )
    assert contradictions(unsure, findings) == []


def test_spans_are_right_by_their_overlap_and_sets_if_equal():
    rng = np.random.default_rng(0)
    units = {code: UnitFinding(code, float(code in ("AU6", "AU12")), 0.5) for code in UNITS}
    true = Findings([Expression(units, 1.0, 1.2, 1.4)], True, UNITS)
    near = Findings([Expression(units, 1.1, 1.2, 1.5)], True, UNITS)
    far = Findings([Expression(units, 2.0, 2.2, 2.4)], True, UNITS)
    asked = QuestionDraw(rng).ask(true, "time_first")
    said = [next(s for s in statements(each) if (s.kind, s.about) == ("time", (1,))) for each in (true, near, far)]
    assert [is_right(each, asked.answer) for each in said] == [True, True, False]


def test_pairs_are_written_about_any_labelled_clips(tmp_path, monkeypatch, capsys):
    output = tmp_path / "pairs.jsonl"
    arguments = ["questions", "--data", "synthetic:B", "--output", str(output), "--questions", "7"]
    monkeypatch.setattr("sys.argv", [*arguments, "--max_subjects", "2", "--clips_per_subject", "2"])
    pairs.main()
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert len(rows) == 28 and capsys.readouterr().out.startswith("28 questions about 4 clips or recordings")
    assert list(rows[0]) == ["dataset", "subject", "clip_id", "kind", "question", "answer", "value"]
    assert len({row["kind"] for row in rows}) >= 10
    with pytest.raises(InputError, match="is there already"):
        pairs.main()


def recording(name, events):
    row = {"dataset": "made up", "subject": "1", "recording_id": name, "fps": 100.0, "num_frames": 300, "room": 0}
    return row | {"events": events, "frame_numbers": list(range(50, 350)), "landmarks": [], "video": b""}


def test_pairs_about_recordings_tell_how_many_and_when(tmp_path, monkeypatch):
    known = {"onset": 20, "apex": 35, "offset": 50, "kind": "micro", "emotion": "", "action_units": ["AU12"]}
    unnamed = {"onset": 100, "apex": -1, "offset": 200, "kind": "macro", "emotion": "", "action_units": None}
    events = [unnamed | {"au_codes": None}, known | {"au_codes": ["L12B"]}]
    rows = [recording("one", events), recording("two", []), recording("unseen", None)]
    datasets.Dataset.from_list(rows, features=recording_features()).to_parquet(tmp_path / "data" / "recordings.parquet")
    output = tmp_path / "pairs.jsonl"
    arguments = ["--data", str(tmp_path / "data"), "--output", str(output), "--questions", "900"]
    monkeypatch.setattr("sys.argv", ["questions", *arguments])
    pairs.main()
    told = [json.loads(line) for line in output.read_text().splitlines()]
    assert {row["recording_id"] for row in told} == {"one", "two"}
    said = {(row["recording_id"], row["kind"], row["answer"]): row["value"] for row in told}
    assert said["one", "count", "The number of expressions: two."] == 2
    assert said["two", "count_micro", "The number of micro-expressions: none."] == 0
    assert said["one", "time_first", "The time of expression 1: 0.20 to 0.50 s, its apex at 0.35 s."] == [
        0.2,
        0.35,
        0.5,
    ]
    assert said["one", "time_last", "The time of the last expression: 1.00 to 2.00 s."] == [1.0, None, 2.0]
    assert said["one", "type_last", "The type of the last expression: longer than half a second."] == "longer"
    assert {said[key] for key in said if key[:2] == ("one", "side") and "AU12" in key[2]} == {"left"}
    last = next(answer for name, kind, answer in said if (name, kind) == ("one", "units_last"))
    assert last.startswith("In the last expression, what moved: nothing. It cannot be told of AU")


@pytest.fixture(scope="module")
def llm(tmp_path_factory):
    return save_small_llm(tmp_path_factory.mktemp("llm"), spread=0.3)


@pytest.fixture(scope="module")
def detecting(llm):
    config = tiny_config(prompt_token_ids=None, temporal_head=True)
    return AULLMForAUDetection.from_backbones(config, llm=str(llm)).eval()


def test_the_adapter_learns_which_sentence_answers_and_nothing_else_changes(detecting):
    torch.manual_seed(0)
    model = with_answers(detecting, 8)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    words = question_words(model)
    expressions = [labelled_expression(clip("L12B", "4E"), UNITS), labelled_expression(clip("1A"), UNITS)]
    tokens = CaseTokens(torch.randn(2, 32) * 0.1, torch.randn(2, 32) * 0.1)

    def loss(steps, learning_rate):
        return fit_answers(
            model, words, expressions, tokens, steps=steps, batch_size=16, seed=1, learning_rate=learning_rate
        )

    first = loss(5, 0.0)
    loss(40, 2e-2)
    assert loss(5, 0.0) < first - 0.2, "of the same questions"
    changed = [name for name, weight in model.state_dict().items() if not torch.equal(weight, before[name])]
    assert changed and all(f".{ANSWERS}." in name for name in changed)


def test_the_side_head_learns_a_side_that_can_be_seen(detecting):
    torch.manual_seed(0)
    model = with_answers(detecting, 2)
    clips, regions = [], torch.randn(300, 12, 2, model.side_head.motion.features) * 0.1
    for row in range(300):
        side = "LR"[row % 2]
        clips.append(clip(f"{side}12{'AE'[row // 2 % 2]}"))
        regions[row, UNITS.index("AU12"), 0 if side == "R" else 1, :10] += 1 + 2 * (row // 2 % 2)
    assert fit_sides(model, clips, regions, epochs=120, seed=1) == 300
    with torch.no_grad():
        logits, intensity = model.side_head.of_regions(regions)
    sides, letters = map(torch.from_numpy, side_targets(clips, UNITS))
    known = sides.isfinite()
    assert ((logits > 0) == (sides > 0.5))[known].float().mean() > 0.95
    assert (intensity.round() == letters)[letters.isfinite()].float().mean() > 0.9


ELSEWHERE = """
import sys
from importlib.machinery import PathFinder
find = PathFinder.find_spec.__func__
PathFinder.find_spec = classmethod(lambda cls, name, *a: None if name == "modeling_aullm" else find(cls, name, *a))
sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in repr(finder).lower()]
try:
    import modeling_aullm
    raise SystemExit("the package is importable")
except ModuleNotFoundError:
    pass
from transformers import AutoModel, AutoProcessor, pipeline
model = AutoModel.from_pretrained("asked", trust_remote_code=True).eval()
processor = AutoProcessor.from_pretrained("asked", trust_remote_code=True)
import numpy as np
frames = np.random.default_rng(0).integers(0, 255, (8, 64, 64), np.uint8)
answer = model.generate_answer("How old is she?", *processor.find(model, frames, face="cropped"))
assert answer.kind == "refused", answer
pipe = pipeline("action-unit-question-answering", model="asked", trust_remote_code=True)
one = pipe(frames, "Who is this, and is he honest?", face="cropped")
two = pipe(video=frames, question=["Which muscles moved?", "Is she guilty?"], face="cropped")
assert one["kind"] == "refused" and len(two) == 2 and two[1]["kind"] == "refused", (one, two)
"""


def test_the_command_gives_a_checkpoint_words_that_load_elsewhere_and_are_scored(
    detecting, tmp_path, monkeypatch, capsys
):
    given = tmp_path / "detects"
    detecting.save_pretrained(given)
    AULLMProcessor(action_units=list(UNITS)).save_pretrained(given)
    made = tmp_path / "work" / "asked"
    few = ["--subjects", "3", "--clips_per_subject", "3"]
    command = ["answers", "--checkpoint", str(given), "--output", str(made), *few, "--steps", "2", "--batch_size", "2"]
    monkeypatch.setattr("sys.argv", [*command, "--rank", "2", "--side_epochs", "1"])
    answers.main()
    record = json.loads((made / "answers.json").read_text())
    assert record["clips"] == 9 and record["options"]["checkpoint"] == "detects"
    loaded = AULLMForAUDetection.from_pretrained(made).eval()
    clips = torch.rand(2, 6, 64, 64)
    with torch.no_grad():
        output = loaded(pixel_values=clips)
        assert torch.equal(output.logits, detecting(pixel_values=clips).logits)
    assert output.side_logits.shape == (2, 12, 2) and output.intensity.shape == (2, 12)
    monkeypatch.setattr("sys.argv", [*command, "--rank", "2"])
    with pytest.raises(InputError, match="is there already"):
        answers.main()

    scores = tmp_path / "scores"
    monkeypatch.setattr("sys.argv", [
        "question_scores", "--checkpoint", str(made), "--output", str(scores), "--clips", "4", "--recordings", "1",
        "--seconds", "6",
    ])  # fmt: skip
    question_scores.main()
    found = json.loads((scores / "questions.json").read_text())
    assert found["contradictions"] == 0 and found["sentences"] > 400 and len(found["samples"]) == 40
    assert len((scores / "answers.jsonl").read_text().splitlines()) == sum(
        row["questions"] for table in found["tables"].values() for row in table.values()
    )
    assert found["tables"]["clips"]["units"]["questions"] == 4 and found["tables"]["clips"]["why"]["right"] is None
    assert "| moved |" in (scores / "questions.md").read_text() == capsys.readouterr().out

    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"HF_MODULES_CACHE": str(tmp_path / "modules"), "HF_HUB_OFFLINE": "1"}
    done = run_python("-c", ELSEWHERE, [], environment, tmp_path / "work")
    assert done.returncode == 0, done.stderr
    frames = np.random.default_rng(0).integers(0, 255, (8, 64, 64), np.uint8)
    assert len(ask(frames, ["What moved?", "Why AU1?"], model=made, face="cropped")) == 2
    shutil.rmtree(tmp_path / "work")


def test_what_is_said_must_go_with_the_evidence():
    """A model that looks follows; one that answers the same whatever it sees does not."""

    class Told:
        def __init__(self, side):
            units = {code: UnitFinding(code, float(code == "AU12" and side != ""), 0.5, side or None) for code in UNITS}
            self.findings = Findings([Expression(units)], False, UNITS)

        def answer(self, questions):
            said = {(each.kind, each.about): each for each in statements(self.findings)}
            side = questions[-1].split()[-1].rstrip("?")
            wanted = {"Did": ("moved", ("AU12",)), "Which": ("units", ()), "On": ("side", ("AU12",))}
            if side in ("left", "right"):
                wanted["Did"] = "moved_on", ("AU12", side)
            return [said[wanted[question.split()[0]]] for question in questions]

    def sees(clip):
        left, right = clip[:, :, 32:].std(0).mean(), clip[:, :, :32].std(0).mean()
        return Told("" if left == right == 0 else "left" if left > right else "right")

    clip = torch.zeros(6, 64, 64)
    clip[3, 40, 50] = 1
    seeing = faithfulness(follow(sees, [clip, clip * 0]))
    assert seeing == {"still": {"answers": 2, "changed": 1.0}, "mirrored": {"answers": 2, "changed": 1.0}}
    blind = faithfulness(follow(lambda clip: Told("left"), [clip]))
    assert blind == {"still": {"answers": 2, "changed": 0.0}, "mirrored": {"answers": 2, "changed": 0.0}}
