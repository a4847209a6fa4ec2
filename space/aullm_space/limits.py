"""What the page takes, how long it keeps it, and the message for everything that cannot be used."""

from fractions import Fraction
from pathlib import Path

import av

MAX_MEGABYTES = 50
MAX_SECONDS = 60
MAX_FRAMES = 3600
MAX_SIDE = 1920  # pixels
FILES_KEPT_SECONDS = 240  # uploads and what is made for download
RESULTS_KEPT_SECONDS = 900  # what was found, in memory, so that the page can be explored
CHECKED_EVERY_SECONDS = 30
VISITORS_AT_ONCE = 2  # whose videos are looked at; the others wait in the queue
VISITORS_WAITING = 250  # so many questions of 7 s each are answered before their uploads are deleted

# Containers of cameras, phones and browsers. Playlists are not among them: they could name other files of this machine.
CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegvideo,mpegts,ogg,flv,asf,gif,h264,hevc"


class UnusableVideo(ValueError):
    """A video that cannot be used; its text tells a visitor what was given, what is allowed and what to do."""


def check_video(path: Path) -> None:
    """Check a video before any time is spent on it; packets are counted, since headers may be wrong.

    Args:
        path: The upload.

    Raises:
        UnusableVideo: If it is gone, too large, no video, too long or of too many pixels.
    """
    if not path.is_file():
        raise UnusableVideo("The video has been deleted, as every upload is after some minutes. Upload it again.")
    megabytes = path.stat().st_size / 1e6
    if megabytes > MAX_MEGABYTES:
        raise UnusableVideo(
            f"{path.name} has {megabytes:.1f} MB; at most {MAX_MEGABYTES} MB are allowed. Cut it to the moment of "
            "interest."
        )
    try:
        with av.open(str(path.absolute()), options={"format_whitelist": CONTAINERS}) as container:
            _check_streams(path.name, container)
    except av.FFmpegError as error:
        raise UnusableVideo(
            f"{path.name} is no video that can be read here ({str(error.strerror).lower()}). Give an MP4, MOV, WebM, "
            "MKV or AVI file."
        ) from error


def frame_number(name: str, text: str | None) -> int | None:
    """A frame number as a visitor writes it.

    Args:
        name: Of the field.
        text: Empty or None where nobody knows it.

    Raises:
        UnusableVideo: If it is no number from 0.
    """
    written = (text or "").strip()
    if written and not (written.isascii() and written.isdigit()):
        raise UnusableVideo(f"{name} is {written!r}. Write a frame number, counted from 0, or leave the field empty.")
    return int(written) if written else None


def _check_streams(name: str, container: av.container.InputContainer) -> None:
    """Check the size and length of the picture."""
    if not container.streams.video:
        raise UnusableVideo(f"{name} has no picture, only sound. Give a video of a face.")
    stream = container.streams.video[0]
    width, height = stream.codec_context.width, stream.codec_context.height
    if max(width, height) > MAX_SIDE:
        raise UnusableVideo(
            f"{name} has {width}x{height} pixels; at most {MAX_SIDE} a side are allowed. Record or export it in Full "
            "HD (1080p)."
        )
    times = [packet.pts for packet in container.demux(stream) if packet.pts is not None]
    seconds = float((max(times) - min(times)) * (stream.time_base or Fraction(0))) if times else 0.0
    if seconds > MAX_SECONDS or len(times) > MAX_FRAMES:
        raise UnusableVideo(
            f"{name} lasts {seconds:.1f} s ({len(times)} frames); at most {MAX_SECONDS} s and {MAX_FRAMES} frames are "
            "allowed. Cut it to the moment of interest."
        )
