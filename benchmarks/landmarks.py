"""MTCNN's five points against MediaPipe's mesh: alignment, action units, angles, jitter, time.

`python -m benchmarks.landmarks`; needs the extra `landmarks`. Two people's photographs moved by known units, and drawn
faces of the synthetic domain B, which the shipped checkpoint was not trained on; all seeds are fixed. The checkpoint
sees the same clips aligned by either detector, and as the generator placed the face. Beside it the blendshapes' rise:
the most that a shape, mean of both sides, is above its value in the first frame.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from transformers import AutoModel

from benchmarks.landmarks_angles import angles
from benchmarks.landmarks_clips import FRAMES, KnownClip, drawn_faces, moved_photographs, noisy, photographs
from benchmarks.measure import machine
from modeling_aullm import DEFAULT_CHECKPOINT
from modeling_aullm.face_alignment import align, alignment_transform, detect_largest_face
from modeling_aullm.face_landmarks import FaceLandmarker, five_points
from modeling_aullm.facs import AU_SETS
from modeling_aullm.head_stabilization import stabilize_transforms
from training.scoring.metrics import average_precision, roc_auc

# Own choice, by the names' meaning; both sides of each count alike.
BLENDSHAPES = {
    "AU1": ("browInnerUp",),
    "AU2": ("browOuterUpLeft", "browOuterUpRight"),
    "AU4": ("browDownLeft", "browDownRight"),
    "AU5": ("eyeWideLeft", "eyeWideRight"),
    "AU6": ("cheekSquintLeft", "cheekSquintRight"),
    "AU7": ("eyeSquintLeft", "eyeSquintRight"),
    "AU9": ("noseSneerLeft", "noseSneerRight"),
    "AU10": ("mouthUpperUpLeft", "mouthUpperUpRight"),
    "AU12": ("mouthSmileLeft", "mouthSmileRight"),
    "AU14": ("mouthDimpleLeft", "mouthDimpleRight"),
    "AU15": ("mouthFrownLeft", "mouthFrownRight"),
    "AU17": ("mouthShrugLower",),
}
SIDE, SAMPLES, BATCH, REPLICATES = 64, 6, 16, 200
WAYS = ("mtcnn", "mesh", "known", "blendshapes")


def compare(clips: Iterable[KnownClip], model: Any, landmarker: FaceLandmarker) -> dict[str, Any]:
    """AUC and average precision of each way, over the clips in whose first frame both detectors find the face."""
    found: dict[str, list] = {name: [] for name in WAYS}
    labels, missed, distances = [], {"mtcnn": 0, "mesh": 0}, []
    for clip in clips:
        frames = clip.frames[np.rint(np.linspace(0, len(clip.frames) - 1, SAMPLES)).astype(int)]
        face = detect_largest_face(frames[0])
        mesh = landmarker.find(frames[0], _around(clip.points) if face is None else face.box)
        missed["mtcnn"] += face is None
        missed["mesh"] += mesh is None
        if face is None or mesh is None:
            continue
        points = {"mtcnn": face.landmarks, "mesh": five_points(mesh.landmarks), "known": clip.points}
        for name, five in points.items():
            found[name].append(_crops(frames, alignment_transform(five, SIDE)))
        found["blendshapes"].append(_rise(landmarker, clip.frames, face.box))
        distances.append([_apart(points[name], clip.points) for name in ("mtcnn", "mesh")])
        labels.append([code in clip.action_units for code in BLENDSHAPES])
    truth = np.array(labels).astype(int)
    scores = {name: _probabilities(model, np.stack(found[name])) for name in ("mtcnn", "mesh", "known")}
    scores["blendshapes"] = np.stack(found["blendshapes"])
    return {
        "clips": len(truth),
        "face_not_found": missed,
        "crop_pixels_from_known": dict(zip(("mtcnn", "mesh"), np.median(distances, axis=0).tolist(), strict=True)),
        "positives": dict(zip(BLENDSHAPES, truth.sum(0).tolist(), strict=True)),
        "roc_auc": {name: _by_unit(roc_auc, truth, rows) for name, rows in scores.items()},
        "average_precision": {name: _by_unit(average_precision, truth, rows) for name, rows in scores.items()},
        "mesh_less_mtcnn_mean_roc_auc": _difference(truth, scores["mesh"], scores["mtcnn"]),
    }


def jitter(landmarker: FaceLandmarker, frames: int = 30) -> dict[str, Any]:
    """Deviation over frames of a still photograph with noise, root mean square over its five points.

    Returns:
        By noise (standard deviation in grey values): of the points, in pixels of the frame whose face is 90 wide; and
        of a fixed face in the crop, in crop pixels, if each frame were aligned by its own points.
    """
    table: dict[str, Any] = {}
    for noise in (1.0, 3.0, 6.0):
        spread: dict[str, list] = {name: [] for name in ("mtcnn", "mesh")}
        for photo in photographs():
            still = noisy(np.stack([photo] * frames), noise, np.random.default_rng(0))
            faces = [detect_largest_face(image) for image in still]
            boxes = [face.box for face in faces if face is not None]
            meshes = [landmarker.find(image, boxes[0]) for image in still]
            points = {
                "mtcnn": np.stack([face.landmarks for face in faces if face is not None]),
                "mesh": np.stack([five_points(mesh.landmarks) for mesh in meshes if mesh is not None]),
            }
            for name, five in points.items():
                turns = np.stack([alignment_transform(each, SIDE) for each in five])
                moved = np.einsum("kij,pj->kpi", turns[:, :, :2], five.mean(0)) + turns[:, None, :, 2]
                spread[name].append([_deviation(five), _deviation(moved)])
        means = {name: np.mean(rows, axis=0) for name, rows in spread.items()}
        table[f"noise {noise:g}"] = {
            name: {"frame_pixels": float(mean[0]), "crop_pixels": float(mean[1])} for name, mean in means.items()
        }
    return table


def milliseconds(landmarker: FaceLandmarker, repeats: int) -> dict[str, dict[str, float]]:
    """Processor time of one frame, medians, by the face's width; the mesh is given the box.

    Returns:
        For faces of 90 and 180 pixels in 640x480, since MTCNN searches twice where it finds no large one.
    """
    table = {}
    for scale in (1, 2):
        photo = cv2.resize(photographs()[0], None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)[:480]
        margin = 640 - photo.shape[1]
        frame = cv2.copyMakeBorder(photo, 480 - len(photo), 0, margin // 2, margin // 2, cv2.BORDER_REFLECT_101)
        face = detect_largest_face(frame)
        assert face is not None
        calls: dict[str, Callable[[], object]] = {
            "mtcnn": partial(detect_largest_face, frame),
            "mesh": partial(landmarker.find, frame, face.box),
        }
        table[f"face {90 * scale}"] = {name: _processor_milliseconds(call, repeats) for name, call in calls.items()}
    return table


def _processor_milliseconds(call: Callable[[], object], repeats: int) -> float:
    taken = []
    for _ in range(repeats + 1):
        start = time.process_time()
        call()
        taken.append(1000 * (time.process_time() - start))
    return float(np.median(taken[1:]))


def _around(points: np.ndarray) -> tuple[float, float, float, float]:
    """A box about as MTCNN's around five points."""
    width = 2.1 * float(np.linalg.norm(points[1] - points[0]))
    x, y = points.mean(0) - (width / 2, 0.65 * width)
    return x, y, width, 1.3 * width


def _crops(frames: np.ndarray, transform: np.ndarray) -> np.ndarray:
    """Frames cropped and stabilised as the processor does it."""
    crops = np.stack([align(frame, transform, SIDE) for frame in frames])
    turns = stabilize_transforms(crops, transform)
    return np.stack([align(frame, own, SIDE) for frame, own in zip(frames, turns, strict=True)])


def _probabilities(model: Any, clips: np.ndarray) -> np.ndarray:
    """What the model says of clips, (clips, units)."""
    with torch.inference_mode():
        batches = torch.from_numpy(clips).split(BATCH)
        return torch.cat([model(batch).logits.sigmoid() for batch in batches]).numpy()


def _rise(landmarker: FaceLandmarker, frames: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray:
    """By unit, the most that its shapes are above the first frame's; a frame without a mesh is left out."""
    frames = frames[np.unique(np.rint(np.linspace(0, len(frames) - 1, FRAMES)).astype(int))]
    meshes = [mesh for mesh in (landmarker.find(frame, box) for frame in frames) if mesh is not None]
    course = [[np.mean([m.blendshapes[s] for s in shapes]) for shapes in BLENDSHAPES.values()] for m in meshes]
    return (np.array(course) - course[0]).max(0)


def _apart(five: np.ndarray, known: np.ndarray) -> float:
    """Root mean square distance of a face's points in the two crops, in crop pixels."""
    own, right = alignment_transform(five, SIDE), alignment_transform(known, SIDE)
    distance = known @ (own - right)[:, :2].T + (own - right)[:, 2]
    return float(np.sqrt(np.square(distance).sum(1).mean()))


def _deviation(points: np.ndarray) -> float:
    return float(np.sqrt(np.square(points - points.mean(0)).sum(-1).mean()))


def _by_unit(figure: Any, labels: np.ndarray, scores: np.ndarray) -> dict[str, float | None]:
    each = {code: figure(labels[:, k], scores[:, k]) for k, code in enumerate(BLENDSHAPES)}
    return each | {"mean": float(np.mean([value for value in each.values() if value is not None]))}


def _difference(labels: np.ndarray, first: np.ndarray, second: np.ndarray) -> dict[str, float]:
    """Of the two means over units, with its 95 % interval over clips drawn with replacement, the same for both."""
    rng = np.random.default_rng(0)
    draws = [np.arange(len(labels)), *(rng.integers(0, len(labels), len(labels)) for _ in range(REPLICATES))]
    means = [[_by_unit(roc_auc, labels[d], scores[d])["mean"] for scores in (first, second)] for d in draws]
    values = np.array(means, float) @ (1, -1)
    low, high = np.percentile(values[1:], (2.5, 97.5))
    return {"difference": float(values[0]), "low": float(low), "high": float(high)}


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    return round(value, 4) if isinstance(value, float) else value


def main() -> None:
    """Print the figures and write them as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.landmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=160, help="clips of each kind")
    parser.add_argument("--repeats", type=int, default=50, help="of each timing")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/landmarks.json"), help="where the figures go")
    options = parser.parse_args()
    landmarker = FaceLandmarker()
    model = AutoModel.from_pretrained(DEFAULT_CHECKPOINT).eval()
    assert tuple(model.config.action_units) == AU_SETS["cd6me"] == tuple(BLENDSHAPES)
    result = {
        "machine": machine(),
        "opencv": cv2.__version__,
        "moved_photographs": compare(moved_photographs(options.clips, landmarker), model, landmarker),
        "drawn_faces": compare(drawn_faces(options.clips), model, landmarker),
        "angles": angles(landmarker),
        "jitter": jitter(landmarker),
        "milliseconds_a_frame": milliseconds(landmarker, options.repeats),
    }
    text = json.dumps(_rounded(result), indent=2) + "\n"
    options.out.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
