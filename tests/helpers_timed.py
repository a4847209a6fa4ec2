"""Small video files whose frames' times, header rate, last picture and pixel shape can each be chosen."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from helpers_video import numbered_video
from PIL import Image

MILLISECONDS = Fraction(1, 1000)


def write_timed(
    path: Path,
    times: list[int],
    codec: str = "h264",
    *,
    hold: int | None = None,
    rate: Fraction | int = 30,
    unit: Fraction = MILLISECONDS,
    frames: np.ndarray | None = None,
    pixel_shape: Fraction | None = None,
    with_sound: bool = False,
    container_format: str | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """Write a video.

    Args:
        path: The file.
        times: Of the frames, in ticks of `unit`.
        codec: FFmpeg's name of the encoder.
        hold: Ticks that the last picture stays; None for as long as the one before.
        rate: Frames a second, as the header is to say.
        unit: Seconds a tick.
        frames: (num_frames, height, width, 3) uint8; None for numbered ones.
        pixel_shape: Width of a pixel by its height.
        with_sound: Whether there is silence beside it, as long as the video.
        container_format: FFmpeg's name, where the ending does not tell.
        options: Of the encoder.
    """
    frames = numbered_video(len(times)) if frames is None else frames
    hold = hold or times[-1] - times[-2]
    lengths = dict(zip(times, np.diff([*times, times[-1] + hold]).tolist(), strict=True))
    with av.open(str(path), "w", format=container_format) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = {"ffv1": "bgr0", "mjpeg": "yuvj420p"}.get(codec, "yuv420p")
        # With B-frames the last packet need not be the last picture, of which MP4 then loses how long it stays.
        stream.options = options or ({"crf": "8", "bf": "0"} if codec == "h264" else {})
        stream.codec_context.time_base = unit
        if pixel_shape is not None:
            stream.codec_context.sample_aspect_ratio = pixel_shape
        if with_sound:
            _add_silence(container, float((times[-1] + hold) * unit), "libopus" if path.suffix == ".webm" else "aac")
        for image, time in zip(frames, times, strict=True):
            picture = av.VideoFrame.from_ndarray(image, format="rgb24")
            picture.pts, picture.time_base = time, unit
            _mux(container, stream.encode(picture), lengths)
        _mux(container, stream.encode(None), lengths)
    return path


def _mux(container, packets, lengths):
    for packet in packets:
        packet.duration = lengths[packet.pts]
        container.mux(packet)


def _add_silence(container, seconds, codec):
    stream = container.add_stream(codec, rate=48000, layout="mono")
    for start in range(0, round(48000 * seconds), 960):
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 960), np.float32), format="fltp", layout="mono")
        sound.sample_rate, sound.pts, sound.time_base = 48000, start, Fraction(1, 48000)
        container.mux(stream.encode(sound))
    container.mux(stream.encode(None))


def write_animation(path: Path, lengths: list[int]) -> Path:
    """Write a GIF or WebP; `lengths` in milliseconds."""
    first, *others = map(Image.fromarray, numbered_video(len(lengths)))
    how = {"lossless": True} if path.suffix == ".webp" else {}
    first.save(path, save_all=True, append_images=others, duration=lengths, **how)
    return path
