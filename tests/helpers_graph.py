"""A tiny checkpoint and its graph."""

from conftest import save_small_llm, tiny_config
from torch import nn

from hub.export_onnx import main
from modeling_aullm import AULLMForAUDetection, AULLMProcessor


def export_tiny(folder):
    """A checkpoint on a tiny LLM that finds events and tells sides, whose LoRA and heads say something; its model, and
    its graph."""
    llm = save_small_llm(folder / "llm")
    config = tiny_config(prompt_token_ids=None, temporal_head=True, side_head=True)
    model = AULLMForAUDetection.from_backbones(config, llm=str(llm)).eval()
    for name, parameter in model.named_parameters():
        if ".lora_B." in name or name == "head.case.weight":
            nn.init.normal_(parameter, std=0.3)
    nn.init.normal_(model.side_head.told.weight, std=4)
    model.save_pretrained(folder / "checkpoint")
    AULLMProcessor(thresholds=[0.4] * 12).save_pretrained(folder / "checkpoint")
    main([str(folder / "checkpoint"), "--out", str(folder / "graph")])
    return folder / "checkpoint", model, folder / "graph"
