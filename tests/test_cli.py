import csv
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import tiny_model
from PIL import Image
from predictions import CODES, astronaut_frames

import modeling_aullm
from modeling_aullm import DEFAULT_CHECKPOINT, AULLMForAUDetection, api, overlay, temporal_windows
from modeling_aullm.command import arguments, cli
from modeling_aullm.output_files import overlay_paths
from modeling_aullm.overlay import write_video
from modeling_aullm.processing_aullm import AULLMProcessor


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoints") / "tiny"
    tiny_model().save_pretrained(folder)
    AULLMProcessor(action_units=list(CODES)).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    folder = tmp_path_factory.mktemp("material")
    frames = astronaut_frames()
    write_video(frames, folder / "clip.mp4", 30.0)
    write_video(np.concatenate([frames] * 5), folder / "long.mp4", 30.0)
    write_video(np.full((12, 128, 128, 3), 90, np.uint8), folder / "noface.mp4", 30.0)
    write_video(np.concatenate([frames, np.zeros((36, *frames.shape[1:]), np.uint8)]), folder / "leaves.mp4", 30.0)
    for name in ("frames", "mixed", "one", "empty"):
        (folder / name).mkdir()
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(folder / "frames" / f"{number}.png")
    for number in range(3):
        Image.fromarray(frames[number][: 200 + number]).save(folder / "mixed" / f"{number}.png")
    Image.fromarray(frames[0]).save(folder / "one" / "1.png")
    (folder / "text.mp4").write_text("no video\n" * 100)
    content = (folder / "clip.mp4").read_bytes()
    (folder / "cut.mp4").write_bytes(content[: len(content) // 2])
    return folder


@pytest.fixture
def run(checkpoint, material, capsys, monkeypatch):
    """Runs the command in the folder of the material; gives exit status, stdout and the lines of stderr."""
    monkeypatch.chdir(material)

    def run_predict(*arguments, model=checkpoint):
        status = cli.main(["predict", *map(str, arguments), *(["--model", model] if model else [])])
        out, err = capsys.readouterr()
        assert "Traceback" not in err and all(line.startswith("aullm: ") for line in err.splitlines())
        return status, out, err.splitlines()

    return run_predict


def test_a_clip_gives_a_table_and_nothing_else(run):
    status, out, err = run("clip.mp4")
    lines = out.splitlines()
    assert status == 0 and err == []
    assert lines[:3] == ["tiny; what it was trained on is not on record", "", "clip.mp4 (12 frames, 30 frames/s)"]
    assert [line.split()[0] for line in lines[4:]] == list(CODES)


def test_all_outputs_of_a_clip(run, tmp_path):
    ends = {"--json": "json", "--csv": "csv", "--plot": "png", "--overlay": "mp4"}
    status, _, err = run(
        "clip.mp4", *(text for option, end in ends.items() for text in (option, tmp_path / f"o.{end}"))
    )
    assert status == 0 and err == []
    assert sorted(os.listdir(tmp_path)) == ["o.csv", "o.json", "o.mp4", "o.png"]
    (record,) = json.loads((tmp_path / "o.json").read_text())
    assert record["source"] == "clip.mp4" and record["model"] == "tiny" and record["num_frames"] == 12
    assert record["fps"] == 30.0 and 0.9 < record["face"]["score"] <= 1 and len(record["face"]["box"]) == 4
    (found,) = record["segments"]
    assert (found["start_frame"], found["end_frame"]) == (0, 11) and found["end_time"] == pytest.approx(
        11 / 30, abs=1e-5
    )
    (row,) = csv.DictReader(io.StringIO((tmp_path / "o.csv").read_text()))
    assert float(row["AU12_p"]) == found["action_units"]["AU12"]["probability"]


def test_json_on_standard_output_replaces_the_table(run):
    status, out, _ = run("clip.mp4", "frames/", "--json", "-")
    assert status == 0 and [record["source"] for record in json.loads(out)] == ["clip.mp4", "frames/"]


def test_the_package_checkpoint_is_the_default(run, capsys):
    AULLMForAUDetection.from_pretrained(DEFAULT_CHECKPOINT)  # the LLM is unpacked once a machine, with a progress bar
    capsys.readouterr()
    status, out, err = run("clip.mp4", "--json", "-", model=None)
    (record,) = json.loads(out)
    assert status == 0 and record["model"] == modeling_aullm.DEFAULT_CHECKPOINT.name
    content = (DEFAULT_CHECKPOINT / "model.safetensors").read_bytes()
    assert record["weights_sha256"] == {"model.safetensors": hashlib.sha256(content).hexdigest()}
    assert record["version"] == version("aullm") and record["trained_on"] == ["synthetic:A, seed 3"]
    assert len(err) == 1 and "trained on synthetic faces alone (synthetic:A, seed 3), has seen no human face" in err[0]


def test_a_long_recording_gives_a_timeline(run):
    _, out, _ = run("long.mp4", "--window", "0.4", "--stride", "0.2", "--json", "-")
    (record,) = json.loads(out)
    assert (record["settings"]["window"], record["settings"]["stride"]) == (0.4, 0.2)
    starts = [found["start_frame"] for found in record["segments"]]
    assert record["num_frames"] == 60 and starts[:3] == [0, 6, 12] and record["segments"][-1]["end_frame"] == 59


@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_batches_over_sources_change_nothing(run, batch_size):
    sources = ["long.mp4", "clip.mp4", "frames"]
    _, out, _ = run(*sources, "--batch-size", batch_size, "--json", "-")
    records = json.loads(out)
    assert [len(record["segments"]) for record in records][1:] == [1, 1]
    for source, together in zip(sources, records, strict=True):
        (alone,) = json.loads(run(source, "--json", "-")[1])
        for ours, theirs in zip(together["segments"], alone["segments"], strict=True):
            for code in CODES:
                one, other = (found["action_units"][code]["probability"] for found in (ours, theirs))
                assert one == pytest.approx(other, abs=1e-4)


def test_what_nothing_is_stated_of_is_in_every_output_with_its_reason(run, tmp_path):
    status, out, err = run("leaves.mp4", "--json", tmp_path / "o.json", "--csv", tmp_path / "o.csv")
    (record,) = json.loads((tmp_path / "o.json").read_text())
    rows = list(csv.DictReader((tmp_path / "o.csv").open()))
    assert status == 0 and record["num_frames"] == 48
    assert [row["success"] for row in rows] == [str(int(found["success"])) for found in record["segments"]]
    last = record["segments"][-1]
    assert (last["success"], last["reason"], last["action_units"]) == (False, "no face", None)
    assert last["end_frame"] == 47 and last["end_time"] == pytest.approx(47 / 30, abs=1e-5)
    covered = {f for found in record["segments"] for f in range(found["start_frame"], found["end_frame"] + 1)}
    assert covered == set(range(48))
    (line,) = err
    assert line.startswith("aullm: leaves.mp4: nothing is stated of ") and "of 48 frames: no face (" in line
    assert "of 48 frames: no face (" in out


def test_outside_onset_and_offset_nothing_is_stated(run):
    status, out, err = run("clip.mp4", "--onset", "2", "--offset", "9", "--json", "-")
    (record,) = json.loads(out)
    spans = [(found["start_frame"], found["end_frame"], found["reason"]) for found in record["segments"]]
    outside = "outside onset and offset"
    assert status == 0 and err == [] and spans == [(0, 1, outside), (2, 9, None), (10, 11, outside)]
    times = [(found["start_time"], found["end_time"]) for found in record["segments"]]
    np.testing.assert_allclose(times, np.array([(0, 1), (2, 9), (10, 11)]) / 30, atol=1e-5)


def test_units_and_threshold_can_be_chosen(run):
    _, out, _ = run("clip.mp4", "--aus", "au12, AU1", "--threshold", "0", "--json", "-")
    units = json.loads(out)[0]["segments"][0]["action_units"]
    assert list(units) == ["AU1", "AU12"] and all(unit["active"] for unit in units.values())


def test_ready_crops_have_no_face_box(run):
    _, out, _ = run("noface.mp4", "--face", "cropped", "--json", "-")
    (record,) = json.loads(out)
    assert record["face"] is None and len(record["segments"]) == 1


def test_onset_and_offset_bound_the_segment_and_give_what_the_processor_gives(run, checkpoint):
    import torch

    _, out, _ = run("frames", "--fps", "100", "--onset", "2", "--apex", "5", "--offset", "9", "--json", "-")
    (record,) = json.loads(out)
    (found,) = [found for found in record["segments"] if found["success"]]
    assert record["fps"] == 100.0 and record["num_frames"] == 12 and record["face"]
    assert [found[name] for name in ("start_frame", "end_frame", "start_time", "end_time")] == [2, 9, 0.02, 0.09]
    processor = AULLMProcessor.from_pretrained(checkpoint)
    model = modeling_aullm.AULLMForAUDetection.from_pretrained(checkpoint)
    with torch.inference_mode():
        outputs = model(**processor(videos="frames", onset=2, apex=5, offset=9, return_tensors="pt"))
    for code, unit in processor.post_process_action_units(outputs)[0].items():
        assert found["action_units"][code]["probability"] == pytest.approx(unit["probability"], abs=1e-5)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("nope.mp4", "no such file or folder"),
        ("text.mp4", "not a video"),
        ("cut.mp4", "cut off"),
        ("empty", "holds no images"),
        ("mixed", "the first is 256x200"),
        ("one", "at least 2"),
        ("noface.mp4", "no face found"),
    ],
)
def test_bad_inputs_cost_one_line_each_and_nothing_is_written(run, source, says, tmp_path):
    status, out, err = run(source, "--json", tmp_path / "o.json")
    assert status == 2 and out == "" and not os.listdir(tmp_path)
    assert err[0].startswith(f"aullm: {source}: ") and says in err[0]
    assert err[1:] in ([], ["aullm: no input could be used, nothing was written"])


def test_good_inputs_are_written_beside_bad_ones(run, tmp_path):
    sources = ["nope.mp4", "clip.mp4", "cut.mp4", "noface.mp4", "frames", "mixed"]
    status, out, err = run(*sources, "--json", tmp_path / "o.json", "--overlay", tmp_path / "o.mp4")
    assert status == 2 and len(err) == 4 and "clip.mp4 (" in out and "frames (" in out
    assert [record["source"] for record in json.loads((tmp_path / "o.json").read_text())] == ["clip.mp4", "frames"]
    assert sorted(os.listdir(tmp_path)) == ["o-clip.mp4", "o-frames.mp4", "o.json"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--window", "0"], "--window"),
        (["--window", "-1"], "--window"),
        (["--window", "nan"], "--window"),
        (["--window", "x"], "--window"),
        (["--window", "0.2", "--stride", "0.3"], "longer than --window"),
        (["--threshold", "1.5"], "from 0 to 1"),
        (["--batch-size", "0"], "--batch-size"),
        (["--face", "nicest"], "largest, all, cropped"),
        (["--face", "0"], "faces count from 1"),
        (["--stride", "0.6"], "longer than the window of 0.5 s"),
        (["--json", "-", "--csv", "-"], "only one of them"),
        (["--plot", "-"], "must end in .png"),
        (["--aus", "AU99"], "known are AU1, AU2"),
        (["--aus", "AU45"], "it knows AU1, AU2"),
        (["--onset", "5", "--offset", "2"], "back in time"),
        (["--onset", "5", "--window", "1"], "without --window"),
        *(
            (["--device", name], f"device {name}: ")
            for name in ("abacus", "mps", "cuda:99", "hip", "vulkan", "meta", "")
        ),
        (["--model", "frames"], "holds no config.json"),
        (["--model", "./nope"], "no such folder"),
        (["--json", "missing/o.json"], "does not exist"),
        (["--json", "frames"], "not a plain file"),
        (["--plot", "o.gif"], "must end in .png"),
        (["--overlay", "o.avi"], "must end in .mp4"),
        (["--overlay", "clip.mp4"], "is an input"),
        (["--csv", "frames/../clip.mp4"], "is an input"),
        (["--json", "o.txt", "--csv", "o.txt"], "two outputs"),
        (["frames", "--plot", "frames/plot.png"], "taken for a frame"),
        (["--nonsense"], "--nonsense"),
    ],
)
def test_bad_arguments_cost_one_line_and_no_work(run, arguments, says, material):
    before = sorted(os.listdir(material))
    status, out, err = run("clip.mp4", *arguments, **({"model": None} if "--model" in arguments else {}))
    assert status == 2 and out == "" and len(err) == 1 and says in err[0]
    assert sorted(os.listdir(material)) == before


def test_a_model_without_its_processor_is_told_what_to_save(run, tmp_path):
    tiny_model().save_pretrained(tmp_path)
    status, out, err = run("clip.mp4", model=str(tmp_path))
    assert (status, out) == (2, "") and "holds no processor_config.json; save a processor" in err[0]


def test_another_kind_of_model_is_refused(run, tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    status, _, err = run("clip.mp4", model=str(tmp_path))
    assert status == 2 and len(err) == 1 and "'bert'" in err[0]


def test_an_output_that_fails_keeps_the_old_file_and_the_other_outputs(run, tmp_path, monkeypatch):
    (tmp_path / "o.mp4").write_text("old")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(overlay, "write_frames", fail)
    status, _, err = run("clip.mp4", "--overlay", tmp_path / "o.mp4", "--json", tmp_path / "o.json")
    assert status == 2 and len(err) == 1 and "could not be written (disk full)" in err[0]
    assert (tmp_path / "o.mp4").read_text() == "old" and sorted(os.listdir(tmp_path)) == ["o.json", "o.mp4"]


def test_what_should_not_happen_is_told_in_one_line(run, monkeypatch):
    monkeypatch.setattr(cli, "predict", lambda *_: 1 / 0)
    assert run("clip.mp4")[::2] == (1, ["aullm: ZeroDivisionError: division by zero (--verbose shows more)"])


def test_control_c_ends_quietly(run, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(overlay, "write_frames", interrupt)
    status, _, err = run("clip.mp4", "--overlay", tmp_path / "o.mp4")
    assert status == 130 and err == [] and not os.listdir(tmp_path)


def test_overlays_of_several_sources_get_names_of_their_own():
    paths = overlay_paths("out/o.mp4", ["a/clip.mp4", "b/clip.mov", "frames/", "a/clip.mp4"])
    assert [path.name for path in paths.values()] == ["o-clip.mp4", "o-clip-2.mp4", "o-frames.mp4"]
    assert overlay_paths("out/o.mp4", ["clip.mov"]) == {"clip.mov": Path("out/o.mp4")}


def test_csv_on_standard_output_replaces_the_table(run):
    status, out, _ = run("clip.mp4", "frames/", "--csv", "-")
    assert status == 0 and [row["source"] for row in csv.DictReader(io.StringIO(out))] == ["clip.mp4", "frames/"]


@pytest.fixture
def recordings(material, tmp_path, monkeypatch):
    """A folder of videos, one of both, one of frames in a folder of folders, and what is of no interest."""
    monkeypatch.chdir(tmp_path)
    for name in ("visits/2/late.MOV", "visits/take10.mp4", "visits/take9.mp4", "visits/.hidden.mp4", "both/a.mp4"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(material / "clip.mp4", name)
    shutil.copytree(material / "frames", "visits/2/frames")
    shutil.copy(material / "frames" / "0.png", "both/cover1.png")
    Path("visits/notes.txt").write_text("no video")
    os.makedirs("only/folders")


TAKES = ["visits/take9.mp4", "visits/take10.mp4"]


@pytest.mark.parametrize(
    ("sources", "found"),
    [
        (["visits"], TAKES),
        (["visits", "--recursive"], [*TAKES, "visits/2/late.MOV", "visits/2/frames"]),
        (["visits/take*.mp4"], TAKES),
        (["**/*.mp4"], ["both/a.mp4", *TAKES]),
        (["visits/2/*"], ["visits/2/frames", "visits/2/late.MOV"]),
        (["visits/take9.mp4", "visits"], TAKES),
        (["both"], ["both/a.mp4"]),
    ],
)
def test_folders_and_patterns_stand_for_the_videos_in_them(sources, found, recordings, monkeypatch):
    lines, asked = [], []
    monkeypatch.setattr(cli, "_predict", lambda videos, *_: asked.extend(videos))
    monkeypatch.setattr(cli._Reporter, "notice", lambda _, text: lines.append(text))
    assert cli.main(["predict", *sources]) == 0
    assert sorted(asked) == sorted(found) and (asked == found or "*" in sources[0])
    assert lines == (
        ["both: holds 1 video and 1 image; the videos are taken (for images as frames, give a folder of their own)"]
        if sources == ["both"]
        else []
    )


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("only", "holds no images and no videos; --recursive looks into its 1 folder(s)"),
        ("visits/x*.mp4", "no file of this name, nor any that fits the pattern"),
    ],
)
def test_what_stands_for_no_video_is_an_error(source, says, recordings, capsys):
    assert cli.main(["predict", source]) == 2
    assert says in capsys.readouterr().err


def test_a_name_with_brackets_is_itself_before_it_is_a_pattern(run, material, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(material / "clip.mp4", "clip[1].mp4")
    status, out, _ = run("clip[1].mp4", "--json", "-")
    assert status == 0 and json.loads(out)[0]["source"] == "clip[1].mp4"


def piped(path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(Path(path).read_bytes())))


def test_a_video_from_standard_input_is_read_like_a_file_and_leaves_nothing(run, material, tmp_path, monkeypatch):
    (expected,) = json.loads(run("clip.mp4", "--json", "-")[1])
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    piped(material / "clip.mp4", monkeypatch)
    (tmp_path / "out").mkdir()
    outputs = ["--json", "-", "--overlay", tmp_path / "out" / "o.mp4", "--plot", tmp_path / "out" / "o.png"]
    status, out, err = run("-", *outputs)
    (record,) = json.loads(out)
    assert status == 0 and err == [] and record == expected | {"source": "-"}
    assert sorted(os.listdir(tmp_path)) == ["out"] and sorted(os.listdir(tmp_path / "out")) == ["o.mp4", "o.png"]


def test_a_named_pipe_is_read_whole(run, material, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cp", material / "clip.mp4", pipe]):
        status, out, _ = run(pipe, "--json", "-")
    (record,) = json.loads(out)
    assert status == 0 and record["source"] == str(pipe) and record["num_frames"] == 12


@pytest.mark.parametrize(
    ("name", "says"), [("text.mp4", "-: "), ("cut.mp4", "-: "), (os.devnull, "-: the file is empty")]
)
def test_standard_input_that_is_no_video_is_named_by_its_dash(run, name, says, material, monkeypatch):
    piped(material / name, monkeypatch)
    status, out, err = run("-", "clip.mp4", "--json", "-")
    assert status == 2 and len(err) == 1 and err[0].startswith(f"aullm: {says}") and "piped" not in err[0]
    assert [record["source"] for record in json.loads(out)] == ["clip.mp4"]


def test_a_terminal_is_not_waited_for(run, monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    assert run("-")[::2] == (2, ["aullm: -: a video is awaited from standard input; pipe one in, or give a file"])


def test_help_gives_every_default_and_says_that_change_is_reported(capsys):
    with pytest.raises(SystemExit):
        cli.main(["predict", "--help"])
    help_text = capsys.readouterr().out
    text = " ".join(help_text.split())
    assert "What is reported is change, not posture" in text
    for option in re.split(r"(?m)^  (?=-)", help_text.partition("options:")[2].partition("\nWhat is reported")[0])[1:]:
        name = option.split()[0]
        if name not in ("--json", "--csv", "--events-csv", "--plot", "--overlay", "-h,"):
            assert "default" in option, option
    assert "outputs, beside the table that is printed (default: none)" in text


def test_the_windows_that_help_names_are_those_in_use():
    assert arguments.DTYPES == api.DTYPES
    assert arguments.WINDOW_SECONDS == temporal_windows.WINDOW_SECONDS and temporal_windows.WHOLE_CLIP_SECONDS == 1


def start(*arguments, folder):
    command = [sys.executable, "-c", "import sys; from aullm_command import main; sys.exit(main())", *arguments]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_as_a_process_standard_output_is_pure_and_standard_error_quiet(checkpoint, material):
    process = start("predict", "nope.mp4", "clip.mp4", "--json", "-", "--model", checkpoint, folder=material)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 2 and len(json.loads(out)) == 1
    assert err == "aullm: nope.mp4: no such file or folder\n"


def test_a_reader_that_leaves_early_is_no_error(checkpoint, material, tmp_path):
    table = tmp_path / "o.csv"
    process = start("predict", "clip.mp4", "--csv", str(table), "--model", checkpoint, folder=material)
    process.stdout.close()
    assert process.wait(timeout=300) == 0 and process.stderr.read() == "" and table.is_file()


QUICK = """
import sys
from aullm_command import main
status = main(["predict", "clip.mp4", "--window", "0"])
assert not {"torch", "transformers", "numpy"} & set(sys.modules)
sys.exit(status)
"""


def test_an_answer_that_needs_no_model_does_not_wait_for_torch():
    done = subprocess.run([sys.executable, "-c", QUICK], capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.startswith("aullm: argument --window"), done.stderr


def test_after_importing_the_package_the_auto_classes_know_its_own(checkpoint):
    from transformers import AutoConfig, AutoModel, AutoProcessor

    assert type(AutoConfig.from_pretrained(checkpoint)) is modeling_aullm.AULLMConfig
    assert type(AutoModel.from_pretrained(checkpoint)) is AULLMForAUDetection
    assert type(AutoProcessor.from_pretrained(checkpoint)) is AULLMProcessor


def test_version(capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["--version"])
    assert end.value.code == 0 and capsys.readouterr().out.startswith("aullm ")
