#!/usr/bin/env bash
# peft 0.21.2, torch 2.13.0.
# Expected: `inject_adapter_in_model(config, model, adapter_name="second")` on a model that has a trained adapter adds one that
#   rests until `set_adapter` asks for it, as `PeftModel.add_adapter` has it.
# Seen: the second adapter is switched on in the place of the first. It starts as no change, so the model answers as its base
#   does: what the first had learned is gone from the answers, silently but for a warning that there are several adapters now.
#   The first one's weights are still there. Injected in the other order the trained one is on.
# Way out: inject the adapter that is to be on last, or switch it on again in every layer (`layer.set_adapter("first")`).
# Source: https://github.com/huggingface/peft/blob/v0.21.2/src/peft/mapping.py (inject_adapter_in_model)
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 peft==0.21.2
cat >"$work/seen.py" <<'PY'
import torch
from peft import LoraConfig, get_peft_model, inject_adapter_in_model


def config():
    return LoraConfig(r=2, target_modules=["0"], init_lora_weights=True)


def train(model):
    for name, weight in model.named_parameters():
        if ".lora_B.first" in name:
            torch.nn.init.ones_(weight)


torch.manual_seed(0)
base = torch.nn.Sequential(torch.nn.Linear(4, 4))
x = torch.randn(2, 4)
plain = base(x)

wrapped = get_peft_model(torch.nn.Sequential(torch.nn.Linear(4, 4)), config(), adapter_name="first")
wrapped.add_adapter("second", config())
print("PeftModel.add_adapter, on afterwards:", wrapped.base_model.model[0].active_adapters)
assert wrapped.base_model.model[0].active_adapters == ["first"]

inject_adapter_in_model(config(), base, adapter_name="first")
train(base)
learned = base(x)
inject_adapter_in_model(config(), base, adapter_name="second")
print("inject_adapter_in_model, on afterwards:", base[0].active_adapters)
print("answers as trained:", torch.equal(base(x), learned), "as the base:", torch.equal(base(x), plain))
assert base[0].active_adapters == ["second"] and torch.equal(base(x), plain) and not torch.equal(learned, plain)
base[0].set_adapter("first")
assert torch.equal(base(x), learned)
PY
"$work/venv/bin/python" "$work/seen.py"
echo "as described"
