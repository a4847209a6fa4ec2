"""The video again, each frame at its own time, with the face's box and a list of the active units below the picture."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from av.video.stream import VideoStream as OutputStream
from PIL import Image, ImageDraw, ImageFont

from . import detector
from .facs import ACTION_UNITS
from .moments import OUTSIDE_MARKS, Analysis, Gap, Moment, Window

WIDTH = 640  # pixels
LINES = 4  # of text below the picture
LINE_PIXELS = 24
DEFAULT_FPS = 30.0  # the processor's own, for videos that carry no times
TICKS = 90_000  # a second of the file's clock: milliseconds and the rates in use are whole numbers of them
GROUND, INK, ORANGE = (24, 26, 30), (235, 235, 235), (230, 130, 40)


def write_annotated_video(analysis: Analysis, path: Path) -> None:
    """Encode the video as H.264 in MP4, a frame at a time.

    Args:
        analysis: What was found.
        path: Where to.
    """
    rate = analysis.fps or DEFAULT_FPS
    reader = detector.processor.video_processor.read_frames(str(analysis.request.path))
    with reader as frames, av.open(str(path), "w") as container:
        stream, lengths, last = None, {}, -1
        for frame in frames:
            drawn = _draw(analysis, frame.image, frame.index)
            stream = stream or _add_stream(container, drawn, rate)
            picture = av.VideoFrame.from_ndarray(drawn, format="rgb24")
            last = max(round(frame.time * TICKS), last + 1)
            picture.pts, picture.time_base = last, Fraction(1, TICKS)
            lengths[last] = max(1, round((frame.length or 1 / rate) * TICKS))
            _mux(container, stream.encode(picture), lengths)
        if stream is not None:
            _mux(container, stream.encode(), lengths)


def _add_stream(container: OutputContainer, frame: np.ndarray, rate: float) -> OutputStream:
    stream = container.add_stream("libx264", rate=Fraction(rate).limit_denominator(1001))
    stream.height, stream.width = frame.shape[:2]
    stream.pix_fmt = "yuv420p"
    stream.codec_context.time_base = Fraction(1, TICKS)
    # Without B-frames the last packet is the last picture, whose length is the one that a file keeps.
    stream.options = {"crf": "20", "preset": "veryfast", "bf": "0"}
    return stream


def _mux(container: OutputContainer, packets: list[av.Packet], lengths: dict[int, int]) -> None:
    for packet in packets:
        packet.duration = lengths.pop(packet.pts)  # type: ignore[arg-type]  # an encoder gives every packet a time
        container.mux(packet)


def _window_at(analysis: Analysis, frame: int) -> Window | None:
    """The window whose middle is nearest, of those that hold the frame."""
    near = [w for w in analysis.windows if w.segment.start_frame <= frame <= w.segment.end_frame]
    return min(near, key=lambda w: abs(w.segment.start_frame + w.segment.end_frame - 2 * frame), default=None)


def _expression_at(analysis: Analysis, frame: int) -> Moment | None:
    """The expression that lasts in the frame; of several the one whose apex is nearest."""
    lasting = [m for m in analysis.moments if m.event and m.segment.start_frame <= frame <= m.segment.end_frame]
    return min(lasting, key=lambda m: abs((m.event or {})["apex_frame"] - frame), default=None)


def _gap_at(analysis: Analysis, frame: int) -> Gap | None:
    return next((gap for gap in analysis.gaps if gap.start_frame <= frame <= gap.end_frame), None)


def _draw(analysis: Analysis, image: np.ndarray, frame: int) -> np.ndarray:
    scale = WIDTH / image.shape[1]
    height = 2 * round(image.shape[0] * scale / 2)
    canvas = Image.new("RGB", (WIDTH, height + LINES * LINE_PIXELS), GROUND)
    canvas.paste(Image.fromarray(image).resize((WIDTH, height), Image.Resampling.BILINEAR))
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(16)
    window = _window_at(analysis, frame)
    if window is not None and window.segment.face is not None:
        x, y, width, tall = (scale * value for value in window.segment.face.box)
        pen.rectangle((x, y, x + width, y + tall), outline=ORANGE, width=2)
    for line, (text, ink) in enumerate(_lines(analysis, window, frame)):
        pen.text((12, height + LINE_PIXELS * (line + 0.5)), text, ink, font, anchor="lm")
    return np.asarray(canvas)


def _lines(analysis: Analysis, window: Window | None, frame: int) -> list[tuple[str, tuple[int, int, int]]]:
    """The expression under way, and the surest active units, one a line."""
    if window is None:
        gap = _gap_at(analysis, frame)
        return [(f"nothing is stated: {gap.reason if gap else OUTSIDE_MARKS}", INK)]
    if not analysis.finds_events:
        return _units(window, LINES) or [("no unit active", INK)]
    moment = _expression_at(analysis, frame)
    if moment is None:
        return [("no expression", INK)]
    event, number = moment.event or {}, analysis.moments.index(moment) + 1
    head = f"expression {number} of {len(analysis.moments)}: {event['kind']}, sure {event['probability']:.2f}"
    return [(head, INK), *_units(moment, LINES - 1)]


def _units(window: Window, most: int) -> list[tuple[str, tuple[int, int, int]]]:
    lines = [
        (
            f"{code}  {ACTION_UNITS[code].name}  {window.action_units[code]['probability']:.2f}"
            f" (threshold {window.thresholds[code]:.2f})",
            ORANGE,
        )
        for code in window.active[:most]
    ]
    if len(window.active) > most:
        lines[-1] = (f"{lines[-1][0]}   and {len(window.active) - most} more", ORANGE)
    return lines
