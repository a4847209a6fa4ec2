"""The other systems: each trains, is kept, loads anywhere and is evaluated as AULLM++ is."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import tiny_config
from transformers import AutoModel, AutoProcessor, AutoTokenizer, LlamaForCausalLM

from hub.evaluation.checkpoint import EvaluateOptions, evaluate_checkpoint
from modeling_aullm.language_model import DEFAULT_LANGUAGE_MODEL, find_language_model
from training.rivals import RivalForAUDetection
from training.rivals.configuration_rivals import PARTS
from training.train import main

SMALL = "--data synthetic:A --max_subjects 4 --clips_per_subject 3 --unseen_share 0.25 --workers 0 --batch_size 4"
SMALL += " --evidence_steps 1 --max_steps 2 --eval_steps 2"


@pytest.fixture(scope="module")
def tiny_llm(tmp_path_factory):
    """A folder with a tiny pretrained LLM, its tokenizer taken from the offline one."""
    folder = tmp_path_factory.mktemp("llm")
    torch.manual_seed(3)
    config = tiny_config().text_config
    tokenizer = AutoTokenizer.from_pretrained(find_language_model(DEFAULT_LANGUAGE_MODEL))
    config.vocab_size = len(tokenizer)
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tiny_llm):
    """The folder of a run of each method, trained when it is first asked for."""
    runs = {}

    def of(method, *options):
        if (method, *options) not in runs:
            run = tmp_path_factory.mktemp(method) / "run"
            train("--output", run, "--method", method, "--llm", tiny_llm, *options)
            runs[method, *options] = run
        return runs[method, *options]

    return of


def train(*options):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["train", *SMALL.split(), *map(str, options)])
        main()


ELSEWHERE = """
import sys, torch
sys.modules |= {"modeling_aullm": None, "training": None}  # as where they are not installed
from transformers import AutoModel, AutoProcessor
model = AutoModel.from_pretrained(sys.argv[1], trust_remote_code=True).eval()
processor = AutoProcessor.from_pretrained(sys.argv[1], trust_remote_code=True)
clips = torch.rand(3, 6, 64, 64, generator=torch.Generator().manual_seed(1))
with torch.no_grad():
    logits = model(clips).logits
assert len(processor.post_process_action_units({"logits": logits})) == 3
model.save_pretrained(sys.argv[2])
again = AutoModel.from_pretrained(sys.argv[2], trust_remote_code=True).eval()
with torch.no_grad():
    assert torch.equal(again(clips).logits, logits)
print(logits.tolist())
"""


@pytest.mark.parametrize("method", PARTS)
def test_what_was_trained_loads_here_and_elsewhere_and_is_evaluated(method, trained, tmp_path, clips):
    run = trained(method)
    model = AutoModel.from_pretrained(run / "checkpoint").eval()
    assert type(model) is RivalForAUDetection and model.config.method == method
    assert model.config.trained_on == ["synthetic:A, seed 0"]
    processor = AutoProcessor.from_pretrained(run / "checkpoint")
    thresholds = json.loads((run / "checkpoint/metrics.json").read_text())["thresholds"]
    assert processor.thresholds == list(thresholds.values())
    with torch.no_grad():
        logits = model(clips).logits

    code = [sys.executable, "-P", "-c", ELSEWHERE, str(run / "checkpoint"), str(tmp_path / "again")]
    home = {"HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(code, capture_output=True, text=True, cwd=tmp_path, env=home)
    assert done.returncode == 0, done.stderr[-2000:]
    np.testing.assert_allclose(json.loads(done.stdout.splitlines()[-1]), logits, atol=1e-5)

    options = {"data": "synthetic:A", "data_seed": 0, "max_subjects": 4, "clips_per_subject": 3}
    scored = evaluate_checkpoint(
        EvaluateOptions(model=str(run / "checkpoint"), output=str(tmp_path / "scored"), **options)
    )
    found = pd.read_parquet(next(scored.glob("folds/*/predictions.parquet"))).set_index("clip_id")
    told = pd.read_parquet(next(run.glob("folds/*/predictions.parquet"))).set_index("clip_id")
    columns = [name for name in told if name.startswith("probability_")]
    same = told[told.part == "unseen_subjects"]
    assert len(same) == 3
    wanted = found[found.subject.isin(same.subject)].loc[same.index, columns]
    np.testing.assert_allclose(wanted, same[columns], atol=1e-5)
