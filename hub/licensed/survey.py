"""From a user's licensed copy to plans of its clips: annotations mended, frames found, ranges cut; nothing decoded."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hub.licensed.action_unit_codes import present_units
from hub.licensed.annotations import Annotation, find_spreadsheet, folder_patterns, read_annotations
from hub.licensed.cutting import cut
from hub.licensed.description import LicensedDataset
from hub.licensed.folders import Frames, Root
from hub.licensed.known_mistakes import is_published, mend_moments, mend_units
from hub.licensed.plans import ClipPlan, PrepareOptions, Survey
from hub.licensed.remarks import ClipError, Remark
from training.errors import InputError


def survey(dataset: LicensedDataset, root: Path, annotations: Path | None, options: PrepareOptions) -> Survey:
    """Find out which clips of a copy can be prepared, and what is wrong with the others.

    Args:
        dataset: What the copy is of.
        root: Folder of the copy.
        annotations: Its spreadsheet, if it does not lie in the root or a folder in it.
        options: Kind and range of the frames.

    Raises:
        InputError: If there is no such folder or spreadsheet, or it cannot be read.
    """
    if not root.is_dir():
        raise InputError(f"there is no folder {root}; --root is your copy of {dataset.title}")
    if options.range == "onset_apex" and not dataset.has_apex:
        raise InputError(f"{dataset.title} has no apex frames; use --range onset_offset")
    sheet = annotations or find_spreadsheet(root, dataset)
    if not sheet.is_file():
        raise InputError(f"there is no file {sheet}; --annotations is the spreadsheet of {dataset.title}")
    rows, remarks = read_annotations(sheet, dataset)
    rows = _named(rows, dataset)
    published = is_published(rows, len(remarks), dataset)
    if published:
        rows, mended = mend_units(rows, dataset, sheet.name)
        remarks += mended
    elif dataset.mistakes or dataset.swapped:
        detail = f"{len(rows) + len(remarks)} rows, the published file {dataset.clips}"
        what = "not the published spreadsheet: no known mistake was looked for"
        remarks.append(Remark("kept", dataset.name, sheet.name, -1, what, detail))
    copy = Root(root)
    places = dataset.cropped_places if options.frames == "cropped" else dataset.places
    place = _choose_place(copy, rows, dataset, places)
    plans = []
    for row in rows:
        try:
            plan, said = _plan(row, dataset, copy, place, published, options)
            plans.append(plan)
            remarks += said
        except ClipError as error:
            remarks.append(Remark("left out", dataset.name, row.clip_id, row.row, error.what, error.detail))
    digest = hashlib.sha256(sheet.read_bytes()).hexdigest()
    return Survey(dataset.name, copy.path, plans, remarks, sheet.name, digest)


def _choose_place(root: Root, rows: Sequence[Annotation], dataset: LicensedDataset, places: Sequence[str]) -> str:
    """The first place in which any clip's folder is."""
    for place in places:
        for row in rows:
            try:
                if any(root.find(place, pattern) for pattern in folder_patterns(row, dataset)):
                    return place
            except ClipError:
                continue
    return places[0]


def _named(rows: Sequence[Annotation], dataset: LicensedDataset) -> list[Annotation]:
    """Give names unique within the dataset: a file's name comes back with other subjects, and in CAS(ME)^3 with one."""
    names = [row.filename if row.filename.startswith(row.subject) else f"{row.subject}_{row.filename}" for row in rows]
    onsets = [f"row{row.row}" if row.moments.onset is None else str(row.moments.onset) for row in rows]
    for endings in (onsets, [f"row{row.row}" for row in rows]):
        counts = Counter(names)
        needed = [counts[name] > 1 or (dataset.whole_recordings and endings is onsets) for name in names]
        names = [f"{name}_{end}" if need else name for name, end, need in zip(names, endings, needed, strict=True)]
    return [replace(row, clip_id=name) for row, name in zip(rows, names, strict=True)]


def _plan(
    row: Annotation,
    dataset: LicensedDataset,
    root: Root,
    place: str,
    published: bool,
    options: PrepareOptions,
) -> tuple[ClipPlan, list[Remark]]:
    """The plan of one clip."""
    frames = _find_frames(row, dataset, root, place)
    said: list[Remark] = []
    if published:
        row, said = mend_moments(row, dataset, frames.files)
    numbers, moments, problems = cut(row.moments, list(frames.files), dataset, options.range)
    if frames.duplicates:
        names = ", ".join(frames.duplicates[:3]) + ", ..." * (len(frames.duplicates) > 3)
        problems.append(("mended", "several images of one number: the first was taken", f"not taken: {names}"))
    codes = row.codes
    if codes is None and dataset.has_units:
        cell = "empty cell" if row.units is None else f"cell {str(row.units)[:60]!r}"
        problems.append(("kept", "action units unknown: for neither training nor scores", cell))
    said += [Remark(kind, dataset.name, row.clip_id, row.row, what, detail) for kind, what, detail in problems]
    plan = ClipPlan(
        dataset=dataset.name,
        subject=row.subject,
        clip_id=row.clip_id,
        row=row.row,
        emotion=row.emotion,
        fps=dataset.fps,
        action_units=None if codes is None else tuple(present_units(codes, keep_uncertain=options.keep_uncertain)),
        au_codes=None if codes is None else tuple(map(str, codes)),
        moments=moments,
        numbers=tuple(numbers),
        files=tuple(str(frames.files[number].relative_to(root.path)) for number in numbers),
    )
    return plan, said


def _find_frames(row: Annotation, dataset: LicensedDataset, root: Root, place: str) -> Frames:
    patterns = list(folder_patterns(row, dataset))
    for pattern in patterns:
        folder = root.find(place, pattern)
        if folder is not None:
            frames = root.frames(folder)
            if frames.files:
                return frames
            raise ClipError("no numbered images in its folder", str(folder.relative_to(root.path)))
    raise ClipError("its folder is missing", "/".join(filter(None, (place, patterns[0]))))
