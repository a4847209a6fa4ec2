"""What codecs leave of a face's movement, and whether `aullm check` tells: its estimate against the truth.

    python -m benchmarks.visible_movement [--photographs FOLDER | --again]

Photographs of faces (two that come with scikit-image and matplotlib, and your own) are moved by known amounts and put
through encoders. The constants of `modeling_aullm/visible_movement.py` are fitted to one half of photographs and
settings; the other half, other photographs at other settings, tells what the estimate is worth. Half an hour for six
photographs.
"""

import argparse
import hashlib
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import cv2
import matplotlib.cbook
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator
from PIL import Image
from skimage.data import astronaut
from tqdm import tqdm

from benchmarks.measure import show, write
from benchmarks.moved_photographs import (
    Movement,
    Scene,
    decode,
    encode,
    flows_left,
    make_scene,
    share_left,
    visible_movement,
)
from modeling_aullm.recording_frames import read_recording
from modeling_aullm.stream_quantiser import Encoder
from modeling_aullm.visible_movement import LARGEST, NOISE_SHARE, SMALLEST, FacePicture, estimate, look_at_face

MICRO, LARGE = 0.3, 1.2  # pixels
HUBER = 0.1  # in logarithms: errors beyond it count by their size, not its square
FACTOR = 1.5  # by which an estimate may be off
LOST, KEPT = 0.25, 0.7  # shares of a movement that are called lost and kept
SIZES = (((480, 360), 200, (0.0, 1.2)), ((320, 240), 110, (0.6, 2.0)))  # frames, face, noise
QUIET = {"x265-params": "log-level=none"}


@dataclass(frozen=True)
class Setting:
    """An encoder and its options; `from_larger`: the recording was sent at twice the size before, as x264 crf 23."""

    encoder: str
    name: str
    options: dict[str, str]
    from_larger: bool = False


def _crf(encoder: str, values: Sequence[int], **others: str) -> Iterator[Setting]:
    fixed = {"libx265": QUIET, "libvpx-vp9": {"b:v": "0", "cpu-used": "5", "deadline": "realtime"}}.get(encoder, {})
    for value in values:
        name = " ".join((f"crf {value}", *others.values()))
        yield Setting(encoder, name, {"crf": str(value)} | fixed | others)


def _quantiser(encoder: str, values: Sequence[int]) -> Iterator[Setting]:
    for value in values:
        yield Setting(encoder, f"q {value}", {"qmin": str(value), "qmax": str(value), "b:v": "9000000"})


FITTED = [
    *_crf("libx264", (12, 18, 23, 28, 33)), *_crf("libx264", (18, 23, 28), preset="veryfast"),
    *_crf("libx265", (16, 22, 28, 33)), *_crf("libx265", (22, 28), preset="ultrafast"),
    *_crf("libvpx-vp9", (15, 30, 45)), *_crf("libsvtav1", (20, 35, 50), preset="9"),
    *_quantiser("mjpeg", (8, 20)), *_quantiser("mpeg4", (8,)),
]  # fmt: skip
HELD_OUT = [
    *_crf("libx264", (15,), preset="slow"), *_crf("libx264", (21,), preset="ultrafast"),
    *_crf("libx264", (26,), preset="superfast"), *_crf("libx264", (30,), preset="faster"),
    *_crf("libx264", (25,), tune="zerolatency"), *_crf("libx264", (35,)),
    replace(next(_crf("libx264", (26,), preset="fast")), name="crf 26 fast, sent before", from_larger=True),
    *_crf("libx265", (19,), preset="fast"), *_crf("libx265", (30,)), *_crf("libx265", (25,), preset="superfast"),
    *_crf("libvpx-vp9", (24, 38)), *_crf("libsvtav1", (40,), preset="9"),
    *_quantiser("mjpeg", (5, 14)), *_quantiser("mpeg4", (5,)),
]  # fmt: skip
CONTAINERS = {"mjpeg": "avi", "mpeg4": "avi", "libvpx-vp9": "webm"}


@dataclass(frozen=True)
class Recording:
    """One encoded scene: what is left of its movements, and what the check says.

    `step`, `detail` and `noise` are what the estimate is made of, see `modeling_aullm.visible_movement`.
    """

    photograph: str
    held_out: bool
    width: int
    sensor_noise: float
    encoder: str
    setting: str
    codec: str
    measured: float
    left_of_micro: float
    left_of_large: float
    step: float
    detail: float
    noise: float
    face_width: int
    is_hurried: bool
    looks_ahead: bool

    @property
    def estimated(self) -> float:
        """What the check says of the smallest visible movement."""
        face = FacePicture(self.face_width, 0, self.detail, self.noise, 0)
        return estimate(self.step, face, self.codec, Encoder(self.is_hurried, self.looks_ahead))


def main() -> None:
    """Measure, fit, print and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.visible_movement", description=__doc__)
    parser.add_argument("--photographs", type=Path, help="folder of photographs with one face each; default: none")
    parser.add_argument("--again", action="store_true", help="judge today's estimate by what the JSON has measured")
    options = parser.parse_args()
    here = Path(__file__)
    if options.again:
        before = json.loads(here.with_suffix(".json").read_text(encoding="utf-8"))
        hashes, recordings = before["photographs"], [Recording(**row) for row in before["recordings"]]
    else:
        photographs = _photographs(options.photographs)
        hashes = {name: hashlib.sha256(image.tobytes()).hexdigest()[:16] for name, image in photographs.items()}
        recordings = list(_measure(photographs))
    tables = {
        "photographs": hashes,
        "worth": [_worth(name, [r for r in recordings if r.held_out == out]) for name, out in PARTS],
        "fitted": fit(recordings),
        "settings": _by_setting(recordings),
        "recordings": [asdict(recording) for recording in recordings],
    }
    show("Estimate against truth", tables["worth"])
    show("By setting, medians", tables["settings"])
    write(here.with_suffix(".json"), tables)
    draw(recordings).savefig(here.with_suffix(".png"))


PARTS = (("fitted", False), ("held out", True))


def _photographs(folder: Path | None) -> dict[str, np.ndarray]:
    """The first, third and so on are fitted to."""
    hopper = np.asarray(
        Image.open(str(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))).convert("RGB")
    )
    found = {"astronaut": astronaut(), "hopper": hopper}
    for number, path in enumerate(sorted(folder.iterdir()) if folder else []):
        found[f"own {number + 1}"] = np.asarray(Image.open(path).convert("RGB"))
    return found


def _measure(photographs: dict[str, np.ndarray]) -> Iterator[Recording]:
    jobs = [
        (name, number % 2 == 1, size, face, noise)
        for number, name in enumerate(photographs)
        for size, face, noises in SIZES
        for noise in noises
    ]
    total = sum(len(HELD_OUT if held_out else FITTED) for _, held_out, *_ in jobs)
    with tqdm(total=total, unit=" recordings") as bar:
        for seed, (name, held_out, size, face, noise) in enumerate(jobs):
            scene = make_scene(photographs[name], size, face, noise, seed)
            for setting in HELD_OUT if held_out else FITTED:
                yield _record(scene, setting, name, held_out, noise)
                bar.update()


def _record(scene: Scene, setting: Setting, photograph: str, held_out: bool, noise: float) -> Recording:
    container = CONTAINERS.get(setting.encoder, "mp4")
    if setting.from_larger:
        sent = decode(encode(scene.frames, "libx264", {"crf": "23"}, "mp4"))
        scene = _half(replace(scene, frames=sent))
    content = encode(scene.frames, setting.encoder, setting.options, container)
    flows = flows_left(decode(content), scene)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"recording.{container}"
        path.write_bytes(content)
        frames = read_recording(path, None, is_cropped=False)
    face = look_at_face(frames.stretches)
    if face is None:
        raise ValueError(f"{photograph}: no face was found at {scene.rest.shape}")
    steps = [step for stretch in frames.stretches for step in stretch.steps]
    encoder = frames.stretches[0].encoder
    return Recording(
        photograph, held_out, scene.rest.shape[1], noise, setting.encoder, setting.name,
        "intra" if frames.is_intra else str(frames.codec),
        visible_movement(flows), share_left(flows, MICRO), share_left(flows, LARGE),
        float(np.exp(np.mean(np.log(steps)))), face.detail, face.noise,
        face.width, encoder.is_hurried, encoder.looks_ahead,
    )  # fmt: skip


def _half(scene: Scene) -> Scene:
    """A scene at half its size; its movements are half as large."""

    def half(picture: np.ndarray) -> np.ndarray:
        return cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)

    movements = [Movement(m.amplitude / 2, m.start, half(m.moved), m.directions) for m in scene.movements]
    return Scene([half(f) for f in scene.frames], half(scene.rest), movements, [half(p) for p in scene.patches])


def fit(recordings: Sequence[Recording]) -> dict[str, float]:
    """The constants that fit the fitted half best: least absolute errors of the logarithms.

    Returns:
        `step_over_detail` and `noise_power`, the factors `hurried` and `looking_ahead`, and what each codec gives up.
    """
    own = [recording for recording in recordings if not recording.held_out]
    codecs = sorted({recording.codec for recording in own})
    features = np.array([[*(r.codec == codec for codec in codecs), *_terms(r)] for r in own], float)
    truth = np.log(np.clip([r.measured for r in own], SMALLEST, LARGEST))
    weights, solution = np.ones(len(own)), np.zeros(features.shape[1])
    for _ in range(60):
        rows = np.vstack([features * weights[:, None], 1e-2 * np.eye(features.shape[1])])
        solution = np.linalg.lstsq(rows, np.append(truth * weights, np.zeros(features.shape[1])), rcond=None)[0]
        errors = features @ solution - truth
        weights = np.sqrt(np.minimum(1, HUBER / np.maximum(np.abs(errors), 1e-6)))
        weights[(truth <= np.log(SMALLEST)) & (errors < 0)] = 0  # below the smallest an estimate cannot be too low
    powers = dict(zip(("step_over_detail", "noise_power"), solution[len(codecs) :], strict=False))
    factors = dict(zip(("hurried", "looking_ahead"), np.exp(solution[len(codecs) + 2 :]), strict=True))
    given_up = dict(zip(codecs, np.exp(solution[: len(codecs)]), strict=True))
    return {name: round(float(value), 3) for name, value in (powers | factors | given_up).items()}


def _terms(recording: Recording) -> tuple[float, ...]:
    return (
        np.log(recording.step / recording.detail),
        np.log(1 + NOISE_SHARE * recording.noise / recording.step),
        recording.codec == "h264" and recording.is_hurried,
        recording.codec == "hevc" and recording.looks_ahead,
    )


def _worth(name: str, recordings: Sequence[Recording]) -> dict[str, float | str]:
    """What the estimate is worth on some recordings."""
    measured = np.clip([recording.measured for recording in recordings], SMALLEST, LARGEST)
    estimated = np.array([recording.estimated for recording in recordings])
    left = np.array([recording.left_of_micro for recording in recordings])
    called_out = estimated > MICRO
    return {
        "part": name,
        "recordings": len(recordings),
        f"within a factor of {FACTOR}": float((np.abs(np.log(estimated / measured)) < np.log(FACTOR)).mean()),
        "median estimate / truth": float(np.median(estimated / measured)),
        "lost": int((left < LOST).sum()),
        "lost ones called out": float(called_out[left < LOST].mean()),
        "kept": int((left > KEPT).sum()),
        "kept ones called out": float(called_out[left > KEPT].mean()),
    }


def _by_setting(recordings: Sequence[Recording]) -> list[dict[str, float | str]]:
    settings = dict.fromkeys((recording.encoder, recording.setting) for recording in recordings)
    rows = []
    for encoder, setting in settings:
        own = [r for r in recordings if (r.encoder, r.setting) == (encoder, setting)]
        columns = {
            "left of 0.3 px": [r.left_of_micro for r in own],
            "left of 1.2 px": [r.left_of_large for r in own],
            "smallest visible (px)": [r.measured for r in own],
            "estimated (px)": [r.estimated for r in own],
        }
        medians = {name: float(np.median(values)) for name, values in columns.items()}
        low, high = np.quantile([r.left_of_micro for r in own], (0, 1))
        rows.append({"encoder": encoder, "setting": setting} | medians | {"0.3 px, range": f"{low:.2f} to {high:.2f}"})
    return rows


def draw(recordings: Sequence[Recording]) -> Figure:
    """What is left of a small movement by setting, and the estimate against the truth."""
    figure = Figure(figsize=(11, 6.5), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1))
    encoders = list(dict.fromkeys(recording.encoder for recording in recordings))
    settings = list(
        dict.fromkeys((r.encoder, r.setting) for r in sorted(recordings, key=lambda r: encoders.index(r.encoder)))
    )
    for row, key in enumerate(settings):
        own = [r.left_of_micro for r in recordings if (r.encoder, r.setting) == key]
        left.plot(own, [row] * len(own), "o", color=f"C{encoders.index(key[0])}", alpha=0.4, markersize=4)
        left.plot(np.median(own), row, "|", color="black", markersize=11)
    left.set_yticks(
        range(len(settings)), [f"{encoder.removeprefix('lib')} {name}" for encoder, name in settings], fontsize=7
    )
    left.invert_yaxis()
    left.set_xlim(-0.15, 1.3)
    left.axvline(LOST, color="grey", linestyle=":")
    left.axvline(KEPT, color="grey", linestyle=":")
    left.set_xlabel(f"share left of a movement of {MICRO:g} pixels (a dot a recording, medians)")
    for encoder in encoders:
        for held_out, marker in ((False, "o"), (True, "x")):
            own_ones = [r for r in recordings if r.encoder == encoder and r.held_out == held_out]
            right.plot(
                np.clip([r.measured for r in own_ones], SMALLEST, LARGEST), [r.estimated for r in own_ones], marker,
                color=f"C{encoders.index(encoder)}", alpha=0.6, markersize=4,
                label=f"{encoder.removeprefix('lib')}{', held out' if held_out else ''}",
            )  # fmt: skip
    span = np.array((SMALLEST, LARGEST))
    for factor in (1 / FACTOR, 1, FACTOR):
        right.plot(span, span * factor, color="grey", linestyle="-" if factor == 1 else ":", linewidth=1)
    right.loglog()
    ticks = (0.1, 0.2, 0.3, 0.5, 1, 2, 3)
    for axis in (right.xaxis, right.yaxis):
        axis.set_major_locator(FixedLocator(ticks))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_locator(NullLocator())
    right.set_xlabel("smallest visible movement, measured (pixels)")
    right.set_ylabel(f"estimated from the recording; dotted: a factor of {FACTOR:g}")
    right.legend(fontsize=7)
    return figure


if __name__ == "__main__":
    main()
