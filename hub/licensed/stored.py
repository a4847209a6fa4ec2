"""Datasets that were prepared before: joined as they are, or, with raw frames, prepared further."""

from pathlib import Path

from datasets import Dataset, Image, List

from hub.licensed.annotations import Moments
from hub.licensed.plans import ClipPlan, PrepareOptions, Survey
from hub.licensed.remarks import ClipError, Remark
from hub.licensed.rows import features
from hub.repos.licence import read_preparation
from hub.repos.prepared import load_prepared
from training.errors import InputError


def is_stored(folder: Path) -> bool:
    """Whether a folder holds a dataset saved by `datasets`."""
    return (folder / "state.json").is_file()


def has_raw_frames(data: Dataset) -> bool:
    """Whether frames are images as the dataset's authors made them."""
    return isinstance(data.features["frames"], List) and isinstance(data.features["frames"].feature, Image)


def names_of(data: Dataset) -> list[str]:
    """Names of the datasets whose clips it holds."""
    return sorted(map(str, data.unique("dataset")))


def survey_stored(folder: Path, name: str, options: PrepareOptions) -> Survey:
    """Plans to prepare a dataset with raw frames further, such as after `--faces later`.

    Args:
        folder: Of the prepared dataset.
        name: Of the licensed dataset that it must be.
        options: What to make of it.

    Raises:
        InputError: If it is another dataset, or its frames are crops already.
    """
    data = load_prepared(folder)
    if names_of(data) != [name]:
        raise InputError(f"{folder} is a prepared dataset of {', '.join(names_of(data))}, not of {name}")
    if not has_raw_frames(data) or data.features != features("raw", 16):
        raise InputError(f"{folder} is prepared already; only one with raw frames can be prepared further")
    if options.frames == "cropped":
        raise InputError(f"{folder} holds no ready crops; give the folder of your copy of {name} as --root")
    plans, remarks = [], []
    for number, row in enumerate(data.remove_columns("frames")):
        numbers = row["frame_numbers"]
        moments = Moments(*(numbers[row[each]] if row[each] >= 0 else None for each in Moments._fields))
        try:
            last = _last(moments, numbers, options)
            plans.append(_plan(row, number, tuple(n for n in numbers if n <= last), moments, options))
        except ClipError as error:
            remarks.append(Remark("left out", name, row["clip_id"], number, error.what, error.detail))
    before = read_preparation(folder)
    return Survey(name, folder.resolve(), plans, remarks, before.get("sheets", {}).get(name, ""), data._fingerprint)


def _last(moments: Moments, numbers: list[int], options: PrepareOptions) -> int:
    if options.range == "onset_offset":
        return numbers[-1]
    if moments.apex is None or moments.onset is None or moments.apex <= moments.onset:
        raise ClipError("no apex between onset and offset, which --range onset_apex needs")
    return moments.apex


def _plan(row: dict, number: int, numbers: tuple[int, ...], moments: Moments, options: PrepareOptions) -> ClipPlan:
    landmarks = row["landmarks"]
    return ClipPlan(
        dataset=row["dataset"],
        subject=row["subject"],
        clip_id=row["clip_id"],
        row=number,
        emotion=row["emotion"],
        fps=row["fps"],
        action_units=None if row["action_units"] is None else tuple(row["action_units"]),
        au_codes=None if row["au_codes"] is None else tuple(row["au_codes"]),
        moments=moments._replace(offset=None) if options.range == "onset_apex" else moments,
        numbers=numbers,
        stored_row=number,
        landmarks=None if landmarks is None else tuple((x, y) for x, y in landmarks),
    )
