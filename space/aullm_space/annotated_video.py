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
from .moments import OUTSIDE_MARKS, Analysis, Gap, Moment

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
            drawn = _draw(frame.image, _moment_at(analysis, frame.index), _gap_at(analysis, frame.index))
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


def _moment_at(analysis: Analysis, frame: int) -> Moment | None:
    """The moment whose middle is nearest, of those that hold the frame."""
    near = [m for m in analysis.moments if m.segment.start_frame <= frame <= m.segment.end_frame]
    return min(near, key=lambda m: abs(m.segment.start_frame + m.segment.end_frame - 2 * frame), default=None)


def _gap_at(analysis: Analysis, frame: int) -> Gap | None:
    return next((gap for gap in analysis.gaps if gap.start_frame <= frame <= gap.end_frame), None)


def _draw(image: np.ndarray, moment: Moment | None, gap: Gap | None) -> np.ndarray:
    scale = WIDTH / image.shape[1]
    height = 2 * round(image.shape[0] * scale / 2)
    canvas = Image.new("RGB", (WIDTH, height + LINES * LINE_PIXELS), GROUND)
    canvas.paste(Image.fromarray(image).resize((WIDTH, height), Image.Resampling.BILINEAR))
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(16)
    if moment is not None and moment.segment.face is not None:
        x, y, width, tall = (scale * value for value in moment.segment.face.box)
        pen.rectangle((x, y, x + width, y + tall), outline=ORANGE, width=2)
    for line, (text, ink) in enumerate(_lines(moment, gap)):
        pen.text((12, height + LINE_PIXELS * (line + 0.5)), text, ink, font, anchor="lm")
    return np.asarray(canvas)


def _lines(moment: Moment | None, gap: Gap | None) -> list[tuple[str, tuple[int, int, int]]]:
    """The surest active units, one a line."""
    if moment is None:
        return [(f"nothing is stated: {gap.reason if gap else OUTSIDE_MARKS}", INK)]
    if not moment.active:
        return [("no unit active", INK)]
    surest = sorted(moment.active, key=lambda code: -moment.action_units[code]["probability"])
    lines = [
        (
            f"{code}  {ACTION_UNITS[code].name}  {moment.action_units[code]['probability']:.2f}"
            f" (threshold {detector.THRESHOLDS[code]:.2f})",
            ORANGE,
        )
        for code in surest[:LINES]
    ]
    if len(surest) > LINES:
        lines[-1] = (f"{lines[-1][0]}   and {len(surest) - LINES} more", ORANGE)
    return lines
