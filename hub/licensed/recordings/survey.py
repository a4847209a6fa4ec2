"""From a user's licensed copy to plans of its recordings: folders found, intervals given to them; nothing decoded."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hub.cards.dataset_card import ASSUMED
from hub.licensed.cutting import MIN_FRAMES
from hub.licensed.folders import Frames, Root, plain
from hub.licensed.plans import PrepareOptions, Survey
from hub.licensed.recordings.description import LicensedRecordings, Names
from hub.licensed.recordings.events import make_event
from hub.licensed.recordings.intervals import Interval, find_sheets, read_intervals
from hub.licensed.recordings.plans import Event, RecordingPlan
from hub.licensed.remarks import ClipError, Remark
from training.errors import InputError

MAX_GAP = 60  # seconds between two frames of a recording; own choice: images without a true number have any number


class Folder(NamedTuple):
    """A recording's folder: where, whose, which, and whose its own name says it is (empty if it does not)."""

    path: Path
    subject: str
    video: str
    own: str

    @property
    def recording(self) -> str:
        """Name that is unique within the dataset."""
        bears_it = self.video.casefold().startswith(self.subject.casefold())
        return self.video if bears_it else f"{self.subject}_{self.video}"


def survey_recordings(
    dataset: LicensedRecordings, root: Path, annotations: Sequence[Path], options: PrepareOptions
) -> Survey:
    """Find out which recordings of a copy can be prepared, and what is wrong with the others, and with intervals.

    Args:
        dataset: What the copy is of.
        root: Folder of the copy.
        annotations: Its spreadsheets, if they do not lie in the root or a folder in it.
        options: Kind of the frames.

    Raises:
        InputError: If there is no such folder or spreadsheet, or it cannot be read, or the options are for clips.
    """
    if not root.is_dir():
        raise InputError(f"there is no folder {root}; --root is your copy of {dataset.title}")
    if options.frames == "raw":
        raise InputError(f"{dataset.title}: whole raw recordings are not copied; use --frames aligned or cropped")
    if options.range != "onset_offset":
        raise InputError(f"{dataset.title}: recordings are kept whole; --range is for clips")
    sheets = find_sheets(root, annotations, dataset)
    files = list(dict.fromkeys(path for path, *_ in sheets))
    names = ", ".join(path.name for path in files)
    remarks = []
    if dataset.assumed:
        remarks.append(Remark("kept", dataset.name, names, -1, ASSUMED, dataset.assumed))
    intervals: dict[Names, list[Interval]] = defaultdict(list)
    for path, sheet, tab in sheets:
        found, said = read_intervals(path, sheet, tab, dataset)
        remarks += said
        for interval in found:
            intervals[interval.names].append(interval)
    kinds = {interval.kind for own in intervals.values() for interval in own}
    if len(kinds) == 1:
        what = f"only {kinds.pop()}-expressions in its intervals: of the others nothing is known"
        remarks.append(Remark("kept", dataset.name, names, -1, what))
    copy = Root(root)
    folders, said = _folders(copy, dataset, dataset.cropped_places if options.frames == "cropped" else dataset.places)
    remarks += said
    plans = []
    for key, folder in folders.items():
        plan, said = _plan(folder, intervals.pop(key, []), copy, dataset, options)
        plans += [plan] if plan else []
        remarks += said
    for each in (interval.annotation for own in intervals.values() for interval in own):
        what = "its recording is missing"
        remarks.append(Remark("left out", dataset.name, each.clip_id, each.row, what, f"expected as {dataset.example}"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
    return Survey(dataset.name, copy.path, plans, remarks, names, digest)


def _folders(
    root: Root, dataset: LicensedRecordings, places: Sequence[str]
) -> tuple[dict[Names, Folder], list[Remark]]:
    """The recordings' folders in the first place that holds any."""
    remarks: list[Remark] = []
    for place in places:
        paths, outside = root.below(place, dataset.depth)
        remarks += [
            Remark("left out", dataset.name, detail.split(";")[0], -1, "a link leads out of --root", detail)
            for detail in outside
        ]
        groups: dict[Names, list[Folder]] = defaultdict(list)
        for path in paths:
            relative = "/".join(path.relative_to(root.path).parts[-dataset.depth :])
            match = re.fullmatch(dataset.folder, relative, re.IGNORECASE)
            if match and relative.isprintable():
                folder = Folder(path, match["subject"], match["video"], match.groupdict().get("own", ""))
                groups[plain(folder.subject), plain(folder.video)].append(folder)
        if groups:
            return _chosen(groups, dataset, remarks), remarks
    return {}, remarks


def _chosen(
    groups: dict[Names, list[Folder]], dataset: LicensedRecordings, remarks: list[Remark]
) -> dict[Names, Folder]:
    """One folder a recording: of several, the one that bears the subject's own number."""
    chosen = {}
    for names, group in groups.items():
        own = [folder for folder in group if plain(folder.own) == re.sub(r"\D", "", plain(folder.subject))]
        best = own if len(group) > 1 else group
        if len(best) == 1:
            chosen[names] = best[0]
        for folder in group:
            about = (dataset.name, folder.recording, -1)
            if chosen.get(names) is not folder:
                remarks.append(Remark("left out", *about, "several folders of one recording", folder.path.name))
            elif folder.own and folder not in own:
                remarks.append(Remark("mended", *about, "its folder bears another subject's number", folder.path.name))
    return chosen


def _plan(
    folder: Folder, intervals: Sequence[Interval], root: Root, dataset: LicensedRecordings, options: PrepareOptions
) -> tuple[RecordingPlan | None, list[Remark]]:
    """The plan of one recording; None if it has no frames."""
    frames, name = root.frames(folder.path), folder.recording
    numbers, strays = _together(list(frames.files), dataset.fps)
    if len(numbers) < MIN_FRAMES:
        said = [Remark("left out", dataset.name, name, -1, "no numbered images in its folder", folder.path.name)]
        rows = [each.annotation.row for each in intervals]
        return None, said + [Remark("left out", dataset.name, name, row, "its recording has no images") for row in rows]
    remarks = _odd_images(frames, strays, name, dataset)
    events: list[Event] = []
    for interval in intervals:
        about = (dataset.name, name, interval.annotation.row)
        try:
            event, problems = make_event(interval, numbers, keep_uncertain=options.keep_uncertain)
            if any((event.kind, event.moments) == (other.kind, other.moments) for other in events):
                raise ClipError("the same event twice", f"{event.kind} from {event.moments.onset}")
            events.append(event)
            remarks += [Remark(kind, *about, what, detail) for kind, what, detail in problems]
        except ClipError as error:
            remarks.append(Remark("left out", *about, error.what, error.detail))
    coded = bool(intervals) or dataset.fully_coded
    if not intervals:
        what = "no row names it: " + ("nothing happens in it" if coded else "it is unknown what happens in it")
        remarks.append(Remark("kept", dataset.name, name, -1, what))
    plan = RecordingPlan(
        dataset=dataset.dataset,
        subject=folder.subject,
        recording_id=name,
        fps=dataset.fps,
        numbers=tuple(numbers),
        files=tuple(str(frames.files[number].relative_to(root.path)) for number in numbers),
        events=tuple(sorted(events, key=lambda event: event.moments.onset or 0)) if coded else None,
        source=dataset.name,
    )
    return plan, remarks


def _together(numbers: Sequence[int], fps: float) -> tuple[Sequence[int], list[int]]:
    """The longest run of numbers without a gap of more than `MAX_GAP` seconds, and the others."""
    places = np.array(numbers, np.int64)
    runs = np.split(places, np.flatnonzero(np.diff(places) > MAX_GAP * fps) + 1)
    longest = max(runs, key=len)
    return longest.tolist(), sorted(set(numbers) - set(longest.tolist()))


def _odd_images(frames: Frames, strays: Sequence[int], name: str, dataset: LicensedRecordings) -> list[Remark]:
    """What is to be said of images that are not taken."""
    odd = {
        "several images of one number: the first was taken": frames.duplicates,
        "images numbered far from the others": [frames.files[number].name for number in strays],
    }
    details = {what: ", ".join(names[:3]) + ", ..." * (len(names) > 3) for what, names in odd.items() if names}
    return [Remark("mended", dataset.name, name, -1, what, f"not taken: {few}") for what, few in details.items()]
