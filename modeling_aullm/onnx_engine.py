"""A checkpoint opened by ONNX Runtime, from a folder that `hub.export_onnx` has written; torch is not imported."""

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from .clip_reading import ClipReader
from .detector import GRAPH, CheckpointError, Detector, choose_thresholds, package_version
from .event_reading import StretchReading, read_proposals
from .motion_stretch import MotionStretch
from .post_processing import PostProcessing
from .results import Checkpoint

TEMPORAL_GRAPH = "temporal_head.onnx"
HUB_FOLDER = "onnx"  # of a checkpoint's repository
FORMAT = "1"  # of the graphs and of what travels in them


class GraphModel:
    """The graphs of a folder, in the place of the model.

    Args:
        folder: With the graphs.

    Raises:
        CheckpointError: If one cannot be read, or was made by another version.
    """

    device = "cpu"

    def __init__(self, folder: Path) -> None:
        self._session = _open_session(folder / GRAPH)
        self.about = self._session.get_modelmeta().custom_metadata_map
        if self.about.get("format") != FORMAT:
            raise CheckpointError(
                f"{folder}: {GRAPH} is of format {self.about.get('format', 'unknown')}, this version reads {FORMAT}: "
                "export the checkpoint anew, python -m hub.export_onnx"
            )
        self._folder = folder
        self.num_frames = self._session.get_inputs()[0].shape[1]

    @cached_property
    def temporal_head(self) -> Any:
        """What scores every step of a recording; None for a model of clips alone."""
        path = self._folder / TEMPORAL_GRAPH
        return _open_session(path) if path.is_file() else None

    def __call__(self, clips: np.ndarray) -> dict[str, np.ndarray]:
        """Logits of clips, and sides and intensities where the model tells them, see `AULLMOutput`."""
        names = [output.name for output in self._session.get_outputs()]
        given = {"pixel_values": np.ascontiguousarray(clips, np.float32)}
        return dict(zip(names, self._session.run(names, given), strict=True))

    def read_stretch(self, stretch: MotionStretch) -> StretchReading:
        """As `AULLMForAUDetection.read_stretch`."""
        given = {"motion": stretch.motion[None], "head": stretch.head[None]}
        names = ("middle", "extent", "units", "activity")
        scores = SimpleNamespace(**dict(zip(names, self.temporal_head.run(names, given), strict=True)))
        mixture = np.array(json.loads(self.about["mixture"]), np.float32)
        return read_proposals(scores, stretch, self.num_frames, self, mixture)


class GraphProcessor(PostProcessing):
    """The processor beside a graph: its saved settings, without transformers."""

    def __init__(self, settings: dict[str, Any]) -> None:
        super().__init__(settings["action_units"], settings["thresholds"], settings["sensitivities"])
        own = settings["video_processor"]
        self.video_processor = ClipReader(own["image_size"], own["num_frames"], own["face"], own["stabilize"])


def open_graph(
    checkpoint: str,
    *,
    revision: str | None = None,
    action_units: Sequence[str] | None = None,
    threshold: float | None = None,
) -> Detector:
    """Open a folder with a graph, see `open_detector`.

    Args:
        checkpoint: Folder from `hub.export_onnx`, or the id of a repository on the Hub that has one as `onnx/`.
        revision: Commit, branch or tag on the Hub.
        action_units: Codes to report; None for all of the model's.
        threshold: From 0 to 1, for every unit; None for the checkpoint's own.

    Raises:
        CheckpointError: If it holds none, or what is beside it does not fit it.
        OSError: If the Hub has no such repository, or cannot be reached.
    """
    place = Path(checkpoint) if Path(checkpoint).is_dir() else _fetch(checkpoint, revision)
    if not (place / GRAPH).is_file():
        raise CheckpointError(
            f"{checkpoint}: holds no {GRAPH}; make it by python -m hub.export_onnx CHECKPOINT --out FOLDER"
        )
    model = GraphModel(place)
    settings = _read(place / "processor_config.json")
    try:
        processor = GraphProcessor(settings)
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{place / 'processor_config.json'}: is not a processor's ({error})") from error
    if json.loads(model.about["action_units"]) != processor.action_units:
        raise CheckpointError(f"{checkpoint}: graph and processor are for different action units; export it anew")
    thresholds = choose_thresholds(processor, action_units, threshold)
    trained = json.loads(model.about["trained_on"])
    name = place.resolve().name if Path(checkpoint).is_dir() else checkpoint
    made = Checkpoint(
        f"{name}@{revision}" if revision else name,
        None if trained is None else tuple(trained),
        json.loads(model.about["weights_sha256"]),
        package_version(),
    )
    return Detector(model, processor, made, thresholds, "float32", threshold, "onnx")


def _fetch(repo_id: str, revision: str | None) -> Path:
    """The folder with the graph of a repository on the Hub."""
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HFValidationError
    except ImportError as error:
        raise CheckpointError(f"{repo_id}: no folder; to look on the Hub, pip install huggingface_hub") from error
    try:
        return Path(snapshot_download(repo_id, revision=revision, allow_patterns=f"{HUB_FOLDER}/*")) / HUB_FOLDER
    except HFValidationError as error:
        raise CheckpointError(f"{repo_id}: neither a folder nor the id of a repository") from error


def _open_session(path: Path) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise CheckpointError("engine onnx: needs ONNX Runtime, pip install onnxruntime") from error
    options = onnxruntime.SessionOptions()  # nothing is fused here: the export has done it
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own kinds, which it does not name
        raise CheckpointError(
            f"{path}: cannot be read as a graph, it is damaged or of another version; export the checkpoint anew"
        ) from error


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: cannot be read; export the checkpoint anew") from error
