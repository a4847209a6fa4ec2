"""The folder of an exported graph: model.onnx, configurations, README; kept only if the graph's answers are right."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from hub.exporting.clip_graph import ClipGraph
from hub.exporting.four_bits import FourBitLinear, put_in_four_bits, read_blocks
from hub.exporting.temporal_graph import OPSET, write_temporal_head
from modeling_aullm.detector import GRAPH, Detector, package_version
from modeling_aullm.language_model import LanguageModel, gguf_file
from modeling_aullm.onnx_engine import FORMAT, TEMPORAL_GRAPH
from training.errors import InputError

CHECKED, APART = (1, 3, 8), 2e-3  # clips in a batch; answers of the graph from the model's, which rounding explains
SIDES = """
- `side_logits`: float32, (clips, {count}, 2), that a unit, should it have moved, did so on the subject's right, left.
- `intensity`: float32, (clips, {count}), of each unit, should it have moved, from 0 (A of FACS) to 4 (E)."""
README = """# AULLM++ as an ONNX graph

Made from `{name}` by `python -m hub.export_onnx`. `model.onnx`: face clips in, one logit an action unit out.
`temporal_head.onnx`, where there is one, finds the expressions of recordings.

- `pixel_values`: float32, (clips, {frames}, {side}, {side}), grey in 0..1, aligned as the processor does it.
- `logits`: float32, (clips, {count}), in the order {units}.{sides}

`aullm predict VIDEO --model FOLDER` reads videos by it, without torch. By hand:

```python
import json
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession("model.onnx")
units = json.load(open("config.json"))["action_units"]
(logits,) = session.run(["logits"], {{"pixel_values": clips}})
probabilities = dict(zip(units, 1 / (1 + np.exp(-logits[0]))))
```

The LLM, {llm}, stands in it {bits}; the prompt's static text is a constant. `processor_config.json` holds
the thresholds. Limits, and what the model is not for: the model card of the checkpoint.
"""


def export(detector: Detector, folder: Path) -> str:
    """Write a checkpoint's graph and what belongs to it; returns what it is, in a line.

    Args:
        detector: The checkpoint, opened in single precision.
        folder: Empty.

    Raises:
        InputError: If the packages for it are missing, the model cannot be exported, or the graph's answers are not
            the model's.
    """
    try:
        import onnx  # noqa: F401 - torch exports by these two
        import onnxruntime
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise InputError(f"{error.name} is missing: pip install 'aullm[onnx]'") from error
    model = detector.model.to("cpu").float().eval()
    config = model.config
    clips = torch.rand(max(CHECKED), config.num_frames, config.image_size, config.image_size)
    with torch.no_grad():
        exact, graph = model(clips), ClipGraph(model).eval()
        layers = _four_bits(model)
        _write(graph, clips, folder / GRAPH, _about(detector, layers))
        if model.temporal_head is not None:
            write_temporal_head(model.temporal_head, folder / TEMPORAL_GRAPH)
    for path in folder.glob("*.onnx"):
        _fuse(path)
    session = onnxruntime.InferenceSession(str(folder / GRAPH))
    apart = max(_apart(session, clips[:count], exact) for count in CHECKED)
    if not apart <= APART:
        raise InputError(
            f"the graph's answers are {apart:.2g} from the model's, so it is not written; please report it"
        )
    (folder / "config.json").write_text(config.to_json_string(), encoding="utf-8")  # no code goes with a graph
    (folder / "processor_config.json").write_text(detector.processor.to_json_string(), encoding="utf-8")
    bits = f"in four bits ({layers} layers)" if layers else "in single precision"
    megabytes = (folder / GRAPH).stat().st_size / 1e6
    (folder / "README.md").write_text(_readme(detector, bits), encoding="utf-8")
    return f"{megabytes:.0f} MB, the LLM {bits}; answers within {apart:.1g} of the model's"


def _four_bits(model: Any) -> int:
    """Put the LLM's layers in their four bits if they came so; how many there are."""
    recorded = LanguageModel(**(model.config.llm or {"id": ""}))
    file, text = gguf_file(recorded) if recorded.file else None, model.config.get_text_config()
    if file is None or text.model_type != "llama":
        return 0
    return put_in_four_bits(model.llm, read_blocks(file, (text.num_attention_heads, text.num_key_value_heads)))


def _about(detector: Detector, layers: int) -> dict[str, str]:
    """What travels in the graph itself."""
    model = detector.model
    head = model.temporal_head
    return {
        "format": FORMAT,
        "made_by": f"aullm {package_version()}",
        "action_units": json.dumps(model.config.action_units),
        "thresholds": json.dumps(detector.processor.thresholds),
        "trained_on": json.dumps(model.config.trained_on),
        "weights_sha256": json.dumps(detector.checkpoint.weights_sha256),
        "mixture": json.dumps(None if head is None else head.mixture.tolist()),
        "llm": json.dumps(model.config.llm or {}),
        "llm_bits": "4" if layers else "32",
        "license": "Apache-2.0; the LLM's own licence goes with its weights",
    }


def _write(graph: ClipGraph, clips: torch.Tensor, path: Path, about: dict[str, str]) -> None:
    from onnxscript import optimizer

    program: Any = torch.onnx.export(
        graph,
        (clips[:3],),
        dynamo=True,
        dynamic_shapes=({0: torch.export.Dim("clips", min=1, max=4096)},),
        input_names=["pixel_values"],
        output_names=graph.outputs,
        opset_version=OPSET,
        optimize=False,  # two thirds of the time, and ONNX Runtime does the same in a second, see `_fuse`
        verbose=False,
    )
    optimizer.fold_constants(program.model, onnx_shape_inference=False)
    optimizer.remove_unused_nodes(program.model)
    if any(isinstance(module, FourBitLinear) for module in graph.modules()):
        program.model.opset_imports.setdefault("com.microsoft", 1)
    program.model.metadata_props.update(about)
    program.save(str(path), external_data=False)


def _fuse(path: Path) -> None:
    """Replace a graph by what ONNX Runtime makes of it on any processor, which need not be made anew at every start."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(path.with_suffix(".fused"))
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    path.with_suffix(".fused").replace(path)


def _apart(session: Any, clips: torch.Tensor, exact: Mapping[str, torch.Tensor]) -> float:
    names = [output.name for output in session.get_outputs()]
    found = zip(names, session.run(names, {"pixel_values": clips.numpy()}), strict=True)
    return max((torch.from_numpy(values) - exact[name][: len(clips)]).abs().max().item() for name, values in found)


def _readme(detector: Detector, bits: str) -> str:
    config = detector.model.config
    return README.format(
        name=detector.checkpoint.name,
        frames=config.num_frames,
        side=config.image_size,
        count=config.num_labels,
        sides=SIDES.format(count=config.num_labels) if config.side_head else "",
        units=", ".join(config.action_units),
        llm=(config.llm or {}).get("id", "of random weights"),
        bits=bits,
    )
