"""`aullm predict --overlay`: the video again, with the faces' boxes and, in panels at its side, the action units.

Where events were looked for, a band under the units names the one that lasts, and a bar under that shows where the
video is among all of them.

Frames are decoded, drawn and encoded one at a time, so a long recording takes no more memory than a short one. The
panel stands beside the picture rather than on it because every part of the face may be of interest.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream as OutputStream
from PIL import Image, ImageDraw, ImageFont
from tqdm import tqdm

from .results import EventResult, Prediction, SegmentResult, UnitResult
from .video_reading import open_video
from .video_stream import DEFAULT_FPS, Frame

SMALLEST_HEIGHT = 360  # pixels; a picture lower than this is enlarged by a whole factor, so that text stays readable
TICKS = 90_000  # a second of the file's clock: milliseconds and the rates in use are whole numbers of them
PANEL_SHAPE = 0.72  # width of the panel by the height of its text block
MOST_PANELS = 3  # more would leave the picture the smaller part
BACKGROUND = (24, 26, 30)
TEXT = (235, 235, 235)
DIM = (140, 144, 150)
TRACK = (58, 62, 68)
ACTIVE = (230, 130, 40)  # vermilion of the Okabe-Ito palette, lightened for a dark ground
INACTIVE = (86, 146, 190)
KINDS = {"micro": (204, 121, 167), "longer": (0, 158, 115)}  # reddish purple and bluish green of the same palette
FOOT = 0.2  # of the text block, for events


class _Panel:
    """Draws the list of action units; the picture is kept until segment or event changes, so text costs little."""

    def __init__(self, prediction: Prediction, width: int, height: int) -> None:
        self.prediction, self.thresholds = prediction, prediction.thresholds
        self.height = height
        self.block = min(height, max(SMALLEST_HEIGHT, width))  # of an upright video the panel takes no more than half
        self.width = 2 * round(PANEL_SHAPE * self.block / 2)
        foot = 0.0 if prediction.events is None else FOOT * self.block
        self.row = (self.block - 0.09 * self.block - foot) / max(len(self.thresholds) + 0.4, 10)  # few units: no blocks
        self.font = ImageFont.load_default(max(9, min(0.5 * self.row, 0.042 * self.block)))
        self.head = prediction.face_label.removeprefix(", "), str(prediction.checkpoint)
        self._drawn: tuple[SegmentResult | None, EventResult | None, np.ndarray] | None = None

    def draw(self, span: SegmentResult | None, frame: int) -> np.ndarray:
        """The panel for a span and what lasts in a frame, `(height, width, 3)` uint8."""
        event = self.prediction.event_at(frame)
        if self._drawn is None or self._drawn[0] is not span or self._drawn[1] is not event:
            image = Image.new("RGB", (self.width, self.height), BACKGROUND)
            pen = ImageDraw.Draw(image)
            self._draw_head(pen)
            if span is None or span.action_units is None:
                reason = span.reason if span and span.reason else "not read"
                pen.text((self.width / 2, self.block / 2), reason, DIM, self.font, anchor="mm")
            else:
                for number, (code, unit) in enumerate(span.action_units.items()):
                    self._draw_unit(pen, 0.09 * self.block + (number + 0.6) * self.row, code, unit)
            if event is not None:
                self._draw_event(pen, event)
            if self.prediction.events is not None:
                self._draw_time(pen, self.prediction.events)
            self._drawn = span, event, np.asarray(image)
        return self._drawn[2] if self.prediction.events is None else self._at(frame, self._drawn[2])

    def _draw_event(self, pen: ImageDraw.ImageDraw, event: EventResult) -> None:
        """A band in the colour of its kind: which one it is, and its units."""
        left, right, top = 0.05 * self.width, 0.95 * self.width, (1 - FOOT + 0.01) * self.block
        events = self.prediction.events or []
        pen.rectangle((left, top, right, top + 0.12 * self.block), KINDS[event.kind])
        number = next(number for number, other in enumerate(events, 1) if other is event)
        head = f"{number} of {len(events)}: {event.kind}, {event.duration:.2f} s, sure {event.probability:.2f}"
        units = event.active_units
        whole = ", ".join(f"{code} {unit.name}" for code, unit in units.items())
        texts = [
            whole,
            *(", ".join([*units][:end]) + (" ..." * (end < len(units))) for end in range(len(units), 0, -1)),
        ]
        fitting = (text for text in texts if pen.textlength(text, self.font) <= 0.86 * self.width)
        for line, text in enumerate((head, next(fitting, ""))):
            place = 0.07 * self.width, top + (0.033 + 0.054 * line) * self.block
            pen.text(place, text, BACKGROUND, self.font, "lm")

    def _place(self, frame: int) -> float:
        """Where a frame is on the bar of time."""
        return (0.05 + 0.9 * frame / max(self.prediction.num_frames - 1, 1)) * self.width

    def _draw_time(self, pen: ImageDraw.ImageDraw, events: Sequence[EventResult]) -> None:
        """The whole of the video as a bar, with its events."""
        top, bottom = 0.955 * self.block, 0.98 * self.block
        pen.rectangle((0.05 * self.width, top, 0.95 * self.width, bottom), TRACK)
        for event in events:
            start, end = self._place(event.onset_frame), self._place(event.offset_frame)
            pen.rectangle((start, top, max(end, start + 1), bottom), KINDS[event.kind])

    def _at(self, frame: int, panel: np.ndarray) -> np.ndarray:
        """The panel with this frame marked on the bar of time."""
        image = Image.fromarray(panel)
        line = (self._place(frame), 0.945 * self.block, self._place(frame), 0.99 * self.block)
        ImageDraw.Draw(image).line(line, TEXT, width=max(2, self.block // 240))
        return np.asarray(image)

    def _draw_head(self, pen: ImageDraw.ImageDraw) -> None:
        """Which checkpoint, in small letters, and which face where there are several."""
        left, right, face, checkpoint = 0.05 * self.width, 0.95 * self.width, *self.head
        small = ImageFont.load_default(max(8, 0.026 * self.block))
        if face:
            pen.text((right, 0.02 * self.block), face, TEXT, self.font, anchor="ra")
            right -= pen.textlength(face, self.font) + left
        for line, words in enumerate(_wrap(checkpoint, lambda text: pen.textlength(text, small) <= right - left)):
            pen.text((left, (0.016 + 0.034 * line) * self.block), words, DIM, small)

    def _draw_unit(self, pen: ImageDraw.ImageDraw, middle: float, code: str, unit: UnitResult) -> None:
        """One row: code, name, value, and under them the bar with a tick at the threshold."""
        left, right = 0.05 * self.width, 0.95 * self.width
        ink = ACTIVE if unit.active else DIM
        baseline = middle + 0.02 * self.row
        pen.text((left, baseline), unit.facs_code(code), ink, self.font, anchor="ls")
        pen.text((left + 0.17 * self.width, baseline), unit.name, TEXT if unit.active else DIM, self.font, anchor="ls")
        pen.text((right, baseline), f"{unit.probability:.2f}", ink, self.font, anchor="rs")
        top, bottom = middle + 0.17 * self.row, middle + 0.33 * self.row
        pen.rectangle((left, top, right, bottom), TRACK)
        length = min(max(unit.probability, 0.0), 1.0) * (right - left)
        pen.rectangle((left, top, left + length, bottom), ACTIVE if unit.active else INACTIVE)
        tick = left + self.thresholds[code] * (right - left)
        pen.line((tick, top - 1, tick, bottom + 1), TEXT, width=max(1, self.block // 360))


def _wrap(text: str, fits: Callable[[str], bool]) -> list[str]:
    """The text in no more than two lines; what does not fit then is left out."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if fits(longer):
            lines[-1] = longer
        elif len(lines) == 1 and fits(word):
            lines.append(word)
        else:
            lines[-1] += " ..."
            break
    return lines


def _draw_box(
    picture: Image.Image, scale: int, segment: SegmentResult, frame: int, prediction: Prediction, label: str
) -> None:
    """A face's box, with its number where there are several."""
    face = segment.face_at(frame)
    if face is None:
        return
    x, y, width, height = (scale * value for value in face.box)
    event = prediction.event_at(frame)
    active = prediction.events is None and any(unit.active for unit in (segment.action_units or {}).values())
    colour = KINDS[event.kind] if event else ACTIVE if active else INACTIVE
    pen = ImageDraw.Draw(picture)
    pen.rectangle((x, y, x + width, y + height), outline=colour, width=max(2, picture.height // 240))
    if label:
        font = ImageFont.load_default(max(12, picture.height // 24))
        tab = pen.textbbox((x, max(y, 0)), label, font, anchor="ls" if y > 0.08 * picture.height else "lt")
        pen.rectangle((tab[0], tab[1] - 2, tab[2] + 6, tab[3] + 2), BACKGROUND)
        pen.text((tab[0] + 3, (tab[1] + tab[3]) / 2), label, TEXT, font, anchor="lm")


def _draw_frame(frame: Frame, scale: int, faces: Sequence[Prediction], panels: Sequence[_Panel]) -> np.ndarray:
    """The enlarged picture with the boxes, beside it panels, `(height, width, 3)`, both sides even for the encoder."""
    picture = Image.fromarray(frame.image)
    picture = picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.BICUBIC)
    spans = [face.span_at(frame.index) for face in faces]
    for face, span in zip(faces, spans, strict=True):
        if span is not None and span.face is not None:
            _draw_box(picture, scale, span, frame.index, face, f"{span.face.id}" if len(spans) > 1 else "")
    odd_height, odd_width = picture.height % 2, picture.width % 2
    padded = np.pad(np.asarray(picture), ((0, odd_height), (0, odd_width), (0, 0)), mode="edge")
    drawn = [panel.draw(span, frame.index) for panel, span in zip(panels, spans, strict=False)]
    return np.concatenate([padded, *drawn], axis=1)


def draw_frames(predictions: Sequence[Prediction]) -> Iterator[Frame]:
    """The frames of the overlay, in order and all of one size.

    Args:
        predictions: What was found in one source, which is decoded once more; one a face. All get a box, those of which
            most is stated, up to `MOST_PANELS`, a panel, in the order of their numbers.

    Yields:
        Frames at the times of the source's, `(height, width, 3)` uint8 RGB with even sides.

    Raises:
        VideoError: If the source can no longer be read.
    """
    shown = sorted(predictions, key=lambda prediction: -len(prediction.segments))[:MOST_PANELS]
    faces = sorted(predictions, key=lambda prediction: (prediction not in shown, prediction.face_id or 0))
    panels: list[_Panel] = []
    first = predictions[0]
    with open_video(first.source if first.video is None else first.video, first.settings.get("fps")) as video:
        for frame in video:
            image = frame.image
            scale = -(-SMALLEST_HEIGHT // image.shape[0])
            if not panels:
                height, width = (scale * side for side in image.shape[:2])
                panels = [_Panel(prediction, width, height + height % 2) for prediction in faces[: len(shown)]]
            drawn = _draw_frame(frame, scale, faces, panels)
            yield replace(frame, picture=drawn)


def _add_stream(container: av.container.OutputContainer, frame: np.ndarray, fps: float) -> OutputStream:
    stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
    stream.height, stream.width = frame.shape[:2]
    stream.pix_fmt = "yuv420p"  # what browsers and players show
    stream.codec_context.time_base = Fraction(1, TICKS)
    # Without B-frames the last packet is the last picture, whose length is the one that a file keeps.
    stream.options = {"crf": "18", "preset": "veryfast", "bf": "0"}
    return stream


def write_video(frames: Iterable[np.ndarray], path: Path, fps: float) -> None:
    """Encode frames as H.264; the ending of `path` (mp4, mov, mkv) says in what container.

    Args:
        frames: `(height, width, 3)` uint8 RGB, all of one size, both sides even.
        path: The file, overwritten.
        fps: Frames a second.

    Raises:
        OSError: If the file cannot be written.
    """
    write_frames((Frame(index, index / fps, image) for index, image in enumerate(frames)), path, fps)


def write_frames(frames: Iterable[Frame], path: Path, fps: float) -> None:
    """Encode frames as H.264, each at its own time; the ending of `path` (mp4, mov, mkv) says in what container.

    Args:
        frames: `(height, width, 3)` uint8 RGB, all of one size, both sides even.
        path: The file, overwritten.
        fps: Frames a second, by which a frame that does not say how long it is shown is shown.

    Raises:
        OSError: If the file cannot be written.
    """
    with av.open(path, "w") as container:
        stream, lengths, last = None, {}, -1  # two times may be one tick, which no container takes
        for frame in frames:
            image = frame.image
            stream = stream or _add_stream(container, image, fps)
            picture = av.VideoFrame.from_ndarray(image, format="rgb24")
            last = max(round(frame.time * TICKS), last + 1)
            picture.pts, picture.time_base = last, Fraction(1, TICKS)
            lengths[last] = max(1, round((frame.length or 1 / fps) * TICKS))
            _mux(container, stream.encode(picture), lengths)
        if stream is not None:
            _mux(container, stream.encode(), lengths)


def _mux(container: av.container.OutputContainer, packets: list[av.Packet], lengths: dict[int, int]) -> None:
    for packet in packets:
        packet.duration = lengths.pop(packet.pts)  # type: ignore[arg-type]  # an encoder gives every packet a time
        container.mux(packet)


def save_overlay(predictions: Sequence[Prediction], path: Path) -> None:
    """Write the overlay of one source, each frame at its own time: it is as long as the source.

    Args:
        predictions: What was found in the source, one a face.
        path: The file, overwritten.

    Raises:
        VideoError: If the source can no longer be read.
        OSError: If the file cannot be written.
    """
    prediction, frames = predictions[0], draw_frames(predictions)
    with tqdm(frames, "overlay", prediction.num_frames, unit=" frames", delay=1, disable=None, leave=False) as progress:
        write_frames(progress, path, prediction.fps or DEFAULT_FPS)
