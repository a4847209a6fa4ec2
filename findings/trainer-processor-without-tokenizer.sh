#!/usr/bin/env bash
# transformers 5.24.0's `Trainer(processing_class=...)`, documented to take a processor, cannot train with a processor
# that has no tokenizer, as that of Segment Anything: `train()` raises AttributeError before the first step, for it
# looks up `processor.tokenizer` to compare special tokens. The image processor that this processor holds is taken.
# Source: https://pypi.org/project/transformers/5.24.0/, transformers/trainer_utils.py (`align_special_tokens`)
# Seen: SamImageProcessor: trained 1 step; SamProcessor: 'SamProcessor' object has no attribute 'tokenizer'
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
python="$work/venv/bin/python"
"$python" -m pip install --quiet numpy==2.4.6 pillow==12.2.0 torch==2.13.0 accelerate==1.15.0 transformers==5.24.0
cat > "$work/train.py" <<'PYTHON'
import sys

import torch
from transformers import SamProcessor, Trainer, TrainingArguments, ViTConfig, ViTForImageClassification
from transformers.models.sam.image_processing_pil_sam import SamImageProcessorPil

data = [{"pixel_values": torch.rand(3, 8, 8), "labels": torch.tensor(i % 2)} for i in range(4)]
sizes = dict(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8, image_size=8, patch_size=4)


def train(processing_class):
    arguments = TrainingArguments(
        sys.argv[1], max_steps=1, use_cpu=True, report_to=[], save_strategy="no", disable_tqdm=True
    )
    trainer = Trainer(
        ViTForImageClassification(ViTConfig(**sizes)), arguments, train_dataset=data, processing_class=processing_class
    )
    try:
        trainer.train()
        return f"trained {trainer.state.global_step} step"
    except AttributeError as error:
        return str(error)


images = SamImageProcessorPil()
alone, within = train(images), train(SamProcessor(images))
print(f"SamImageProcessor: {alone}; SamProcessor: {within}")
assert alone == "trained 1 step" and "no attribute 'tokenizer'" in within, "this has changed"
PYTHON
HF_HUB_OFFLINE=1 "$python" "$work/train.py" "$work/run" | tail -1
