"""The other systems: each trains, is kept, loads anywhere and is evaluated as AULLM++ is."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import save_small_llm
from safetensors.torch import load_file
from transformers import AutoModel, AutoProcessor, AutoTokenizer, LlamaForCausalLM

from hub.evaluation.checkpoint import EvaluateOptions, evaluate_checkpoint
from hub.pushing.model import stage_model
from training.errors import InputError
from training.learning.models import build_model
from training.options import Recipe
from training.report.tables import settings as table_settings
from training.rivals import RivalForAUDetection
from training.rivals.configuration_rivals import PARTS
from training.rivals.unit_words import present_and_absent
from training.train import main

SMALL = "--data synthetic:A --max_subjects 4 --clips_per_subject 3 --unseen_share 0.25 --workers 0 --batch_size 4"
SMALL += " --evidence_steps 1 --max_steps 2 --eval_steps 2"


@pytest.fixture(scope="module")
def tiny_llm(tmp_path_factory):
    """A folder with a tiny pretrained LLM, its tokenizer taken from the offline one."""
    folder = tmp_path_factory.mktemp("llm")
    return save_small_llm(folder)


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


def test_training_goes_on_from_what_was_kept(trained, tmp_path):
    run = trained("ac4au")
    train(
        "--output", tmp_path / "on", "--method", "ac4au", "--model", run / "checkpoint", "--evidence_learning_rate", 0
    )
    before, after = (load_file(folder / "checkpoint/model.safetensors") for folder in (run, tmp_path / "on"))
    assert before.keys() == after.keys()
    learned = [name for name in before if "running_" not in name and "num_batches" not in name]
    assert all(torch.equal(before[name], after[name]) for name in learned), "at a rate of zero nothing changes"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--method", "ac4au"], "is a checkpoint of micro_au_clip, not of ac4au: pass --method micro_au_clip"),
        ([], "is a checkpoint of micro_au_clip, not of aullm.*: pass --method micro_au_clip"),
        (["--method", "micro_au_clip", "--without", "gda"], "was trained with other parts of micro_au_clip: leave"),
        (["--method", "micro_au_clip", "--action_units", "AU1"], "detects AU1, .* pass --action_units AU1 AU2"),
    ],
)
def test_a_checkpoint_of_another_method_is_refused_before_the_work(trained, tmp_path, options, message):
    checkpoint = trained("micro_au_clip") / "checkpoint"
    with pytest.raises(InputError, match=message):
        train("--output", tmp_path / "run", "--model", checkpoint, *options)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"method": "ac4au", "without": ["gda"]},
            "ac4au has no part 'gda' .* it has mean_removal, subject_loss, router",
        ),
        ({"without": ["router"]}, r"aullm\+\+ has no part 'router' that can be left out; it has none"),
        (
            {"method": "deft_llm", "without": ["structure", "motion_semantics", "dynamic_texture"]},
            "nothing is left that sees a clip",
        ),
        ({"method": "deft_llm", "language_model": "none"}, r"language_model is an ablation of aullm\+\+"),
        ({"method": "led_head", "structure": "none"}, r"structure is an ablation of aullm\+\+, and changes nothing in"),
    ],
)
def test_an_ablation_of_another_method_is_refused(settings, message):
    with pytest.raises(InputError, match=message):
        Recipe(**settings)


def test_the_loss_is_focal_unless_that_is_left_out():
    assert Recipe(method="ac4au").main_loss() == "focal"
    assert Recipe(method="ac4au", without=["focal"], loss="asymmetric").main_loss() == "asymmetric"
    assert Recipe(method="micro_au_clip").main_loss() == Recipe().main_loss() == "bce"


def test_a_lean_checkpoint_holds_no_llm_and_its_sentences_are_logged(trained, tiny_llm):
    run = trained("deft_llm")
    names = load_file(run / "checkpoint/model.safetensors").keys()
    assert any(".lora_A." in name for name in names)
    assert not [name for name in names if name.startswith("llm.") and ".lora_" not in name]
    reference = LlamaForCausalLM.from_pretrained(tiny_llm).model.embed_tokens.weight
    model = AutoModel.from_pretrained(run / "checkpoint")
    assert torch.equal(model.get_input_embeddings().weight, reference)
    assert not any(weight.requires_grad for name, weight in model.llm.named_parameters() if ".lora_" not in name)


def test_an_llm_that_cannot_write_with_its_embeddings_is_refused(tmp_path, tiny_llm):
    config = LlamaForCausalLM.from_pretrained(tiny_llm).config
    config.tie_word_embeddings = False
    LlamaForCausalLM(config).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(tiny_llm).save_pretrained(tmp_path)
    with pytest.raises(InputError, match="output layer of its own, .* or leave the sentences out"):
        build_model(Recipe(method="deft_llm", llm=str(tmp_path)), ["AU1", "AU12"])
    build_model(Recipe(method="deft_llm", llm=str(tmp_path), without=["sentences"]), ["AU1", "AU12"])


def test_the_text_features_are_the_frozen_llms(tiny_llm):
    model = build_model(Recipe(method="micro_au_clip", llm=str(tiny_llm)), ["AU1", "AU12"])
    reference, tokenizer = LlamaForCausalLM.from_pretrained(tiny_llm).model, AutoTokenizer.from_pretrained(tiny_llm)
    with torch.no_grad():
        means = torch.stack(
            [
                reference(**tokenizer(text, return_tensors="pt")).last_hidden_state.mean(1)[0]
                for pair in present_and_absent(["AU1", "AU12"])
                for text in pair
            ]
        )
    wanted = torch.nn.functional.normalize(means - means.mean(0), dim=-1).view(2, 2, -1)
    torch.testing.assert_close(model.network.text_features, wanted, atol=1e-5, rtol=0)
    assert not model.network.text_features.requires_grad


def test_a_rival_is_not_pushed_under_the_methods_card(trained):
    with pytest.raises(InputError, match="is a checkpoint of micro_au_clip, and the model card is AULLM"):
        stage_model(
            trained("micro_au_clip") / "checkpoint", None, "lab/x", whole=None, merge=False, results=None
        )  # fmt: skip


def test_tables_and_cards_say_like(trained):
    run = trained("micro_au_clip")
    assert (run / "checkpoint/README.md").read_text().count("# Micro-AU-CLIP-like, synthetic data") == 1
    assert table_settings(json.loads((run / "run.json").read_text())).startswith("Micro-AU-CLIP-like (")
