import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers_video import face_video, numbered_video, write_video
from transformers import AutoProcessor, PretrainedConfig, PreTrainedModel
from transformers.utils import ModelOutput

from modeling_aullm.facs import AU_SETS
from modeling_aullm.pipeline_aullm import ActionUnitDetectionPipeline
from modeling_aullm.processing_aullm import AULLMProcessor
from modeling_aullm.video_processing_aullm import AULLMVideoProcessor
from modeling_aullm.video_reading import VideoError

CODE = Path(__file__).parents[1] / "modeling_aullm"


class BrightnessModel(PreTrainedModel):
    """Logits that tell a clip's mean brightness."""

    config_class = PretrainedConfig

    def __init__(self, config):
        super().__init__(config)
        self.scale = torch.nn.Linear(1, 1)
        self.batch_sizes = []
        self.post_init()

    def forward(self, pixel_values):
        self.batch_sizes.append(len(pixel_values))
        return ModelOutput(logits=pixel_values.mean(dim=(1, 2, 3))[:, None].expand(-1, 12))


@pytest.fixture
def detect():
    return ActionUnitDetectionPipeline(BrightnessModel(PretrainedConfig()), processor=AULLMProcessor(), device=-1)


def brightness(video, **settings):
    return torch.sigmoid(AULLMProcessor()(video, return_tensors="pt", **settings).pixel_values.mean()).item()


def test_clips_are_the_video_processors():
    video = face_video(8)
    settings = {"onset": 1, "apex": 3, "offset": 6, "face": 1}
    expected = AULLMVideoProcessor().preprocess(video, **settings).pixel_values
    np.testing.assert_array_equal(AULLMProcessor()(videos=video, **settings).pixel_values, expected)
    assert AULLMProcessor().model_input_names == ["pixel_values"]


def test_logits_become_probabilities_and_decisions():
    processor = AULLMProcessor(action_units=["AU1", "AU12", "AU4"], thresholds=[0.5, 0.2, 0.9])
    logits = torch.tensor([[0.0, -1.0, 2.0], [-0.1, -1.5, 2.5]], dtype=torch.bfloat16, requires_grad=True)
    first, second = processor.post_process_action_units(ModelOutput(logits=logits))
    assert list(first) == ["AU1", "AU12", "AU4"]
    assert [unit["active"] for unit in first.values()] == [True, True, False]
    assert [unit["active"] for unit in second.values()] == [False, False, True]
    reference = 1 / (1 + np.exp(-logits.detach().float().numpy()))
    np.testing.assert_allclose([unit["probability"] for unit in first.values()], reference[0], rtol=1e-5)
    assert json.loads(json.dumps(first)) == first


@pytest.mark.parametrize(
    ("thresholds", "active"),
    [
        (0.7, [False, True]),
        ([0.5, 0.9], [True, False]),
        ({"AU12": 0.9}, [True, False]),
        (np.float64(0.5), [True, True]),
        (0, [True, True]),
    ],
)
def test_thresholds_of_the_call_go_first(thresholds, active):
    processor = AULLMProcessor(action_units=["AU1", "AU12"])
    (units,) = processor.post_process_action_units(ModelOutput(logits=torch.tensor([[0.5, 1.5]])), thresholds)
    assert [unit["active"] for unit in units.values()] == active


def test_what_does_not_fit_is_told_with_both_numbers():
    processor = AULLMProcessor(action_units=["AU1", "AU12"])
    with pytest.raises(ValueError, match=r"\(1, 3\).* 2 action units"):
        processor.post_process_action_units(ModelOutput(logits=torch.zeros(1, 3)))
    for thresholds, message in (([0.5] * 3, "3 thresholds for 2"), (1.5, "0..1"), ({"AU4": 0.5}, "AU4")):
        with pytest.raises(ValueError, match=message):
            processor.post_process_action_units(ModelOutput(logits=torch.zeros(1, 2)), thresholds)
    with pytest.raises(ValueError, match="AU99"):
        AULLMProcessor(action_units=["AU99"])
    with pytest.raises(ValueError, match="each once"):
        AULLMProcessor(action_units=["AU1", "AU1"])
    with pytest.raises(ValueError, match="2 thresholds for 12"):
        AULLMProcessor(thresholds=[0.5, 0.5])


def test_settings_survive_saving(tmp_path):
    video_processor = AULLMVideoProcessor(num_frames=8, stabilize=True)
    AULLMProcessor(video_processor, ["AU4", "AU7"], [0.25, 0.75]).save_pretrained(tmp_path)
    for loaded in (
        AULLMProcessor.from_pretrained(tmp_path),
        AutoProcessor.from_pretrained(tmp_path, trust_remote_code=True),
    ):
        assert (loaded.action_units, loaded.thresholds) == (["AU4", "AU7"], [0.25, 0.75])
        assert (loaded.video_processor.num_frames, loaded.video_processor.stabilize) == (8, True)
    assert AULLMProcessor().action_units == list(AU_SETS["cd6me"])


SEGMENT = ["start_frame", "end_frame", "start_time", "end_time", "face", "action_units", "reason"]


@pytest.mark.parametrize(
    ("frames", "settings"), [(5, {}), (10, {"apex": 4}), (10, {"window": 0.2}), (45, {}), (31, {})]
)
def test_pipeline_gives_one_type_whatever_the_video(detect, frames, settings):
    video = np.concatenate([face_video(15)] * 3)[:frames]
    for found in (detect(video, **settings), detect([video], **settings)[0]):
        assert list(found) == ["events", "timeline"] and found["events"] is None  # this model does not look for any
        segments = found["timeline"]
        for segment in segments:
            assert sorted(segment) == sorted(SEGMENT)
            assert list(segment["action_units"]) == list(AU_SETS["cd6me"]) and segment["reason"] is None
            assert list(segment["face"]) == ["id", "box", "score", "landmarks", "angles"]


def test_pipeline_tells_which_video_of_a_list_is_bad_and_does_the_others(detect, tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    good = str(write_video(tmp_path / "good.mp4", face_video(10)) or tmp_path / "good.mp4")
    bad = [str(tmp_path / "broken.mp4"), str(tmp_path / "missing.mp4"), face_video(1)]
    first, *faults, last = detect([good, *bad, good])
    assert first == last == detect(good)
    for name, fault in zip(["broken.mp4", "missing.mp4", "array (1, 300, 300, 3)"], faults):
        (only,) = fault["timeline"]
        assert fault["events"] is None
        assert name in only["reason"] and {only[key] for key in SEGMENT if key != "reason"} == {None}
    for source, name in zip(bad, ["broken.mp4", "missing.mp4", "array"]):
        with pytest.raises(VideoError, match=name):
            detect(source)
    with pytest.raises(VideoError, match="good.mp4: onset 7"):
        detect(good, onset=7, offset=3)


def test_pipeline_gives_one_segment_for_a_clip(detect, tmp_path):
    video = face_video(10)
    (segment,) = detect(video)["timeline"]
    units = segment["action_units"]
    assert (segment["start_frame"], segment["end_frame"]) == (0, 9)
    assert list(units) == list(AU_SETS["cd6me"])
    assert units["AU1"]["probability"] == pytest.approx(brightness(video), abs=1e-6)
    (marked,) = detect(video, onset=2, apex=4, offset=6, thresholds=1.0)["timeline"]
    marked = marked["action_units"]
    assert marked["AU1"]["probability"] == pytest.approx(brightness(video, onset=2, apex=4, offset=6), abs=1e-6)
    assert not marked["AU1"]["active"]
    path = write_video(tmp_path / "clip.mp4", video)
    assert detect([str(path), path])[0] == detect(str(path))


def test_pipeline_gives_segments_for_a_longer_video_in_batches(detect):
    video = np.concatenate([face_video(15), np.zeros_like(face_video(15)), face_video(15)])
    segments = detect(video, window=0.5, stride=0.5, batch_size=2)["timeline"]
    assert [(s["start_frame"], s["end_frame"]) for s in segments] == [(0, 14), (15, 29), (30, 44)]
    assert [s["action_units"] is None for s in segments] == [False, True, False]
    assert [s["face"] is None for s in segments] == [False, True, False]
    assert [s["reason"] is None for s in segments] == [True, False, True] and "face" in segments[1]["reason"]
    assert segments[2]["action_units"]["AU1"]["probability"] == pytest.approx(brightness(video[30:]), abs=1e-6)
    assert detect.model.batch_sizes == [1, 1]
    assert len(detect(np.concatenate([face_video(15)] * 4))["timeline"]) == 7


def test_pipeline_errors(detect):
    segments = detect(numbered_video(40))["timeline"]
    assert segments and all(s["action_units"] is None and "face" in s["reason"] for s in segments)
    with pytest.raises(VideoError, match="no such file"):
        detect("missing.mp4")
    with pytest.raises(TypeError, match="windows"):
        detect(face_video(5), windows=1)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_pipeline_tells_of_a_video_that_lies_on_its_side_what_the_processor_tells(detect, caplog, tmp_path, turns):
    lying = np.ascontiguousarray(np.rot90(np.repeat(face_video(1), 45, axis=0), turns, axes=(1, 2)))
    short, long = (write_video(tmp_path / f"{n}.mkv", lying[:n], "ffv1") for n in (10, 45))
    sources = (str(short), str(long), lying[:10])
    detect([*sources, face_video(10), np.full((4, 200, 200, 3), 90, np.uint8)])
    told = [record.getMessage() for record in caplog.records if record.name.endswith("pipeline_aullm")]
    for source, name in zip(sources, (str(short), str(long), "array (10, 300, 300, 3)"), strict=True):
        with pytest.raises(VideoError, match="turn the video") as error:
            detect.processor(videos=source, apex=4)  # which is refused with the hint
        hint = str(error.value).partition("no face found; ")[2]
        assert f"{name}: no face found; {hint}" in told
    assert len(told) == len(sources)  # nothing of the upright one, nor of one without a face
    caplog.clear()
    assert {s["reason"] for s in detect(str(short), face="cropped")["timeline"]} == {None} and not caplog.records
    detect(str(short), apex=4)
    assert [record.getMessage() for record in caplog.records] == [told[0]]


TINY_MODEL = """
import torch
from transformers import PretrainedConfig, PreTrainedModel
from transformers.utils import ModelOutput

class TinyConfig(PretrainedConfig):
    model_type = "tiny_au"

class TinyModel(PreTrainedModel):
    config_class = TinyConfig

    def __init__(self, config):
        super().__init__(config)
        self.head = torch.nn.Linear(1, 12)
        self.post_init()

    def forward(self, pixel_values):
        return ModelOutput(logits=self.head(pixel_values.mean(dim=(1, 2, 3))[:, None]))
"""
RUN = """
import sys
from transformers import pipeline
(segment,) = pipeline("action-unit-detection", model="model", trust_remote_code=True)("clip.mp4")["timeline"]
units = segment["action_units"]
assert "modeling_aullm" not in sys.modules
print(len(units), sorted(units["AU12"]))
"""


def test_pipeline_is_found_in_a_model_folder_without_this_package(tmp_path):
    folder = tmp_path / "model"
    AULLMProcessor().save_pretrained(folder)
    shutil.copy(CODE / "pipeline_aullm.py", folder)
    (folder / "tiny.py").write_text(TINY_MODEL)
    config = {
        "model_type": "tiny_au",
        "auto_map": {"AutoConfig": "tiny.TinyConfig", "AutoModel": "tiny.TinyModel"},
        "custom_pipelines": {
            "action-unit-detection": {
                "impl": "pipeline_aullm.ActionUnitDetectionPipeline",
                "pt": ["AutoModel"],
                "type": "multimodal",
            }
        },
    }
    (folder / "config.json").write_text(json.dumps(config))
    torch.save({"head.weight": torch.zeros(12, 1), "head.bias": torch.zeros(12)}, folder / "pytorch_model.bin")
    write_video(tmp_path / "clip.mp4", face_video(6))
    done = subprocess.run(
        [sys.executable, "-c", RUN], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[0] == "12 ['active', 'probability']"


@pytest.mark.parametrize(
    ("sensitivities", "says"),
    [
        ({"normal": 0.4}, r"sensitivities\['normal'\] must be probability and unit_probability.*got 0.4"),
        ({"normal": {"probability": 1.4, "unit_probability": 0.5}}, "each from 0 to 1"),
        ({"normal": {"probability": 0.4}}, "unit_probability"),
        (
            {"normal": {"probability": 0.4, "unit_probability": 0.5, "false_alarms_per_minute": "two"}},
            "a number or None",
        ),
        ({"high": {"probability": 0.4, "unit_probability": 0.5}}, "one that is named normal, got high"),
    ],
)
def test_sensitivities_that_do_not_fit_are_refused(sensitivities, says):
    with pytest.raises(ValueError, match=says):
        AULLMProcessor(sensitivities=sensitivities)
