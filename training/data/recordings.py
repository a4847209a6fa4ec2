"""Recordings as a dataset: minutes of video in one row, and the events in it.

The frames of a clip stand in its row as one array; of a recording that would be gigabytes (two minutes at 200 frames a
second of 192 x 192 pixels: 0.9 GB), and as a list of images thousands of objects, all made whenever the row is read.
So a recording is one video in the column `video`: FFV1 (RFC 9043), which loses nothing - a micro-expression moves a
face by less than a lossy codec changes it - and takes about half of the array. It is written and read frame by frame,
lies mapped on disk until then, opens as any other video does, and travels with its row (own choice).
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import datasets

from modeling_aullm.video_reading import open_video
from modeling_aullm.video_stream import VideoStream
from training.data.clips import open_dataset
from training.errors import InputError

KINDS = ("micro", "macro")


def recording_features() -> datasets.Features:
    """Columns of a dataset of recordings.

    `dataset` and `subject` name the person, as with clips: recordings and clips of one person bear the same two names.
    `events` is a list, by onset, of `onset`, `apex`, `offset` (positions among the recording's frames, from 0, both
    ends included; `apex` -1 where unknown), `kind` (one of `KINDS`), `action_units`, `au_codes` (None where unknown)
    and `emotion`; empty where the coders saw none, None where nobody looked. `frame_numbers` are the published ones.
    `video` shows grey frames in the same order, timed by these numbers: where frames are missing, times jump. `room`
    is how many pixels of surroundings there are on each side of the crop that a clip of this person would show.
    """
    strings = datasets.List(datasets.Value("string"))
    event = (
        {name: datasets.Value("int32") for name in ("onset", "apex", "offset")}
        | {name: datasets.Value("string") for name in ("kind", "emotion")}
        | {"action_units": strings, "au_codes": strings}
    )
    return datasets.Features(
        {name: datasets.Value("string") for name in ("dataset", "subject", "recording_id")}
        | {"fps": datasets.Value("float32"), "num_frames": datasets.Value("int32"), "room": datasets.Value("int32")}
        | {"events": datasets.List(event)}
        | {"frame_numbers": datasets.List(datasets.Value("int64"))}
        | {"landmarks": datasets.List(datasets.List(datasets.Value("float32")))}
        | {"video": datasets.Value("large_binary")}
    )


def open_recordings(name: str) -> datasets.Dataset:
    """Open a dataset of recordings, as `hub.prepare` makes them; their videos lie on disk until they are opened.

    Args:
        name: Folder, or Hub id.

    Raises:
        InputError: If there is none, or it holds something else.
    """
    data = open_dataset(name)
    missing = [column for column in recording_features() if column not in data.column_names]
    if missing:
        raise InputError(f"{name} is no dataset of recordings, which hub.prepare makes: it lacks {', '.join(missing)}")
    return data


@contextmanager
def open_recording(data: datasets.Dataset, row: int) -> Iterator[VideoStream]:
    """Open the video of a recording; a few of its frames are in memory at a time.

    Args:
        data: With the column `video`, see `recording_features`.
        row: Number of the row.

    Yields:
        Its frames; `Frame.luma` is what was stored, (height, width) uint8.

    Raises:
        VideoError: If it cannot be read.
    """
    content = data.select_columns("video").with_format("arrow")[row : row + 1]["video"].combine_chunks()[0].as_buffer()
    with tempfile.TemporaryDirectory(prefix="aullm-recording-") as folder:
        path = Path(folder, "recording.mkv")
        path.write_bytes(content)
        with open_video(path) as stream:
            yield stream
