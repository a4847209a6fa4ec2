#!/usr/bin/env bash
# transformers 5.24.0 (with torch 2.13.0): `pipeline(task, model=folder, config=config, trust_remote_code=True)` of a
# custom pipeline writes classes into the caller's own config: config.custom_pipelines[task]["pt"] was a list of names
# and is a tuple of model classes. After that the config can neither be printed nor saved, alone or with a model, nor
# given to `pipeline` a second time.
# Source: https://github.com/huggingface/transformers, clean_custom_task in src/transformers/pipelines/__init__.py,
# which turns names into classes in the very dictionary that it was given.
# One would expect a config that is passed in to be read, not written; with `config` left out nothing is met, as the
# pipeline then reads a config of its own.
# Seen: before ['BertForSequenceClassification'], after (<class '...BertForSequenceClassification'>,); print and save:
# TypeError "Object of type type is not JSON serializable"; pipeline again: TypeError "attribute name must be string,
# not 'type'". Exits non-zero if transformers behaves otherwise.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check torch==2.13.0 transformers==5.24.0
cat > "$work/shape_pipeline.py" <<'PYTHON'
from transformers import Pipeline


class ShapePipeline(Pipeline):
    def _sanitize_parameters(self, **kwargs):
        return {}, {}, {}

    def preprocess(self, inputs):
        return {"input_ids": inputs}

    def _forward(self, inputs):
        return self.model(**inputs)

    def postprocess(self, outputs):
        return tuple(outputs.logits.shape)
PYTHON
cat > "$work/try.py" <<'PYTHON'
import sys

import torch
import transformers
from shape_pipeline import ShapePipeline
from transformers import AutoConfig, BertConfig, BertForSequenceClassification, pipeline
from transformers.pipelines import PIPELINE_REGISTRY

folder, elsewhere = sys.argv[1:]
small = BertConfig(vocab_size=9, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)
PIPELINE_REGISTRY.register_pipeline("shape", pipeline_class=ShapePipeline, pt_model=BertForSequenceClassification)
pipeline("shape", model=BertForSequenceClassification(small)).save_pretrained(folder)


def outcome(action):
    try:
        return action()
    except TypeError as error:
        return f"TypeError: {error}"


def run(**options):
    return pipeline("shape", model=folder, trust_remote_code=True, **options)(torch.ones(1, 3, dtype=torch.long))


config = AutoConfig.from_pretrained(folder)
names = config.custom_pipelines["shape"]["pt"]
found = {"without config": run(), "with config": run(config=config)}
classes = config.custom_pipelines["shape"]["pt"]
found["print"] = outcome(lambda: str(config))
found["save"] = outcome(lambda: config.save_pretrained(elsewhere))
found["save a model of it"] = outcome(lambda: BertForSequenceClassification(config).save_pretrained(elsewhere))
found["with config again"] = outcome(lambda: run(config=config))
print("transformers", transformers.__version__, "before:", names, "after:", classes)
for name, result in found.items():
    print(f"{name}: {result}")
assert names == ["BertForSequenceClassification"] and classes == (BertForSequenceClassification,)
assert found["without config"] == found["with config"] == (1, 2)
for name in ("print", "save", "save a model of it"):
    assert found[name] == "TypeError: Object of type type is not JSON serializable"
assert found["with config again"].startswith("TypeError: attribute name must be string")
PYTHON
export HF_HOME="$work/home" HF_HUB_OFFLINE=1 TRANSFORMERS_VERBOSITY=error PYTHONPATH="$work"
"$work/venv/bin/python" "$work/try.py" "$work/saved" "$work/elsewhere"
echo "as described: the caller's config holds classes after pipeline() and cannot be saved"
