"""The checkpoint in the package, on the real LLM."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoProcessor

from hub.demo import SHOWN, make_clip
from modeling_aullm import DEFAULT_CHECKPOINT, AULLMForAUDetection, predict
from modeling_aullm.language_model import DEFAULT_LANGUAGE_MODEL
from training.data.clips import load_clips
from training.learning.fit import predict_clips
from training.options import DataOptions
from training.report.card import card
from training.scoring.metrics import roc_auc

RECORDING = Path(__file__).parents[1] / "space" / "examples" / "timeline.mp4"


@pytest.fixture(scope="module")
def model():
    return AutoModel.from_pretrained(DEFAULT_CHECKPOINT)


@pytest.fixture(scope="module")
def processor():
    return AutoProcessor.from_pretrained(DEFAULT_CHECKPOINT)


def test_it_is_lean_small_and_free_of_pickles(model):
    assert isinstance(model, AULLMForAUDetection) and model.config.checkpoint == "lean"
    assert model.config.llm["sha256"] == DEFAULT_LANGUAGE_MODEL.sha256
    assert (DEFAULT_CHECKPOINT / "model.safetensors").stat().st_size <= 16e6
    assert ".cache" not in (DEFAULT_CHECKPOINT / "config.json").read_text()
    assert {path.suffix for path in DEFAULT_CHECKPOINT.iterdir()} <= {".json", ".md", ".py", ".safetensors"}


def test_its_readme_tells_what_its_run_measured(processor):
    record = json.loads((DEFAULT_CHECKPOINT / "metrics.json").read_text())
    assert (DEFAULT_CHECKPOINT / "README.md").read_text() == card(record)
    assert list(record["thresholds"].values()) == processor.thresholds


def test_the_code_beside_it_is_the_package_s_own():
    package = DEFAULT_CHECKPOINT.parent.parent
    for file in DEFAULT_CHECKPOINT.glob("*.py"):
        assert file.read_text() == (package / file.name).read_text()


def test_the_shared_prefix_changes_nothing_on_the_real_llm(model):
    clips = torch.rand(3, 6, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(model(clips).logits, model(clips, share_prefix=False).logits, atol=1e-4, rtol=0)


def test_it_tells_moving_units_from_still_ones_on_people_it_never_saw(model, tmp_path):
    """Far above chance on subjects of another seed; the full figures stand in its README."""
    unseen = DataOptions(max_subjects=12, clips_per_subject=5, data_seed=999)
    clips = load_clips("synthetic:A", unseen, model.config.action_units).clips
    labels, found = np.stack([clip.labels for clip in clips]), predict_clips(model, clips, tmp_path)
    areas = [roc_auc(labels[:, k].astype(int), found[:, k]) for k in range(12)]
    assert np.mean([area for area in areas if area is not None]) > 0.8


def test_it_finds_what_the_demo_put_into_a_real_photograph(model, processor):
    inputs = processor(videos=make_clip(), return_tensors="pt")
    with torch.no_grad():
        (units,) = processor.post_process_action_units(model(**inputs))
    ranked = sorted(units, key=lambda code: units[code]["probability"], reverse=True)
    assert set(SHOWN) & set(ranked[:2])
    assert any(units[code]["active"] for code in SHOWN)


ELSEWHERE = """
import sys, torch
from transformers import AutoModel, AutoProcessor, pipeline
path = sys.argv[1]
model = AutoModel.from_pretrained(path, trust_remote_code=True)
processor = AutoProcessor.from_pretrained(path, trust_remote_code=True)
assert "modeling_aullm" not in sys.modules
clip = torch.load(sys.argv[2], weights_only=True)
with torch.no_grad():
    outputs = model(**processor(videos=clip, return_tensors="pt"))
detect = pipeline("action-unit-detection", model=path, trust_remote_code=True)
piped = detect(clip)["timeline"][0]["action_units"]
((bad,), (good,)) = (found["timeline"] for found in detect(["nothing.mp4", clip]))
assert bad["reason"].startswith("nothing.mp4: ") and bad["action_units"] is None and good["action_units"] == piped
units = processor.post_process_action_units(outputs)[0]
events = detect(sys.argv[4])["events"]
torch.save({"logits": outputs.logits, "units": units, "piped": piped, "events": events}, sys.argv[3])
"""


def test_a_process_that_never_imports_the_package_gets_the_same(model, processor, tmp_path):
    clip = torch.from_numpy(make_clip())
    torch.save(clip, tmp_path / "clip.pt")
    done = subprocess.run(
        [
            sys.executable,
            "-P",
            "-c",
            ELSEWHERE,
            DEFAULT_CHECKPOINT,
            tmp_path / "clip.pt",
            tmp_path / "out.pt",
            RECORDING,
        ],
        cwd=tmp_path,
        env=os.environ | {"HF_MODULES_CACHE": str(tmp_path / "modules")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = torch.load(tmp_path / "out.pt")
    with torch.no_grad():
        logits = model(**processor(videos=clip, return_tensors="pt")).logits
    torch.testing.assert_close(found["logits"], logits, atol=1e-4, rtol=0)
    assert found["piped"].keys() == found["units"].keys() == set(model.config.action_units)
    for code, unit in found["units"].items():
        assert found["piped"][code]["probability"] == pytest.approx(unit["probability"], abs=1e-5)
    (here,) = predict(RECORDING)
    assert len(here.events) == len(found["events"]) == 3
    for event, elsewhere in zip(here.events, found["events"], strict=True):
        times = [elsewhere[name] for name in ("onset_time", "apex_time", "offset_time")]
        assert times == pytest.approx([event.onset_time, event.apex_time, event.offset_time], abs=1e-3)
        active = {code for code, unit in elsewhere["action_units"].items() if unit["active"]}
        assert active == set(event.active_units)
