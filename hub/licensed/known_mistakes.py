"""Known mistakes in the published spreadsheets, mended where the row still is the published one.

The list of mistakes (MEB, arXiv 2211.11425) gives right values by row, and not the wrong ones they replace. So:

- Rows are looked up by number only in a sheet with as many rows as the published one.
- A frame number is replaced only where the right one leaves less to doubt: where the row has none, has them out of
  order, or names frames at whose ends there is no image (CAS(ME)^3: whole recordings) or not the folder's first and
  last one (the other datasets' folders hold one clip each; MEB found the mistakes by this). Otherwise another release
  may have mended the row, perhaps in another way: it is kept, and said so.
- A cell of action units is replaced only where it still says "or".
- Swapped rows (4DME) cannot be recognised by their values. They are swapped back unless the file's name says that it
  is another release than the first, which MEB mended.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from hub.licensed.action_unit_codes import parse_action_units
from hub.licensed.annotations import Annotation, Moments
from hub.licensed.description import LicensedDataset
from hub.licensed.remarks import Remark


def is_published(annotations: Sequence[Annotation], others: int, dataset: LicensedDataset) -> bool:
    """Whether a sheet has the published number of rows, so that their numbers mean the same.

    Args:
        annotations: Its rows.
        others: Number of rows that could not be read.
        dataset: Whose sheet it is.
    """
    return len(annotations) + others == dataset.clips


def mend_moments(
    annotation: Annotation, dataset: LicensedDataset, numbers: Collection[int]
) -> tuple[Annotation, list[Remark]]:
    """Mend the frame numbers of a row, if a mistake in it is known and still there.

    Args:
        annotation: The row, of a sheet that `is_published`.
        dataset: Whose it is.
        numbers: Of the images in its folder.

    Returns:
        The row, and what is to be said of it.
    """
    known = {name: value for name, value in dataset.corrections(annotation.row).items() if name in Moments._fields}
    right = annotation.moments._replace(**known)
    if right == annotation.moments:
        return annotation, []
    changes = _changes(annotation.moments, known)
    if _doubts(right, dataset, numbers) < _doubts(annotation.moments, dataset, numbers):
        return replace(annotation, moments=right), [_remark("mended", annotation, dataset, "a known mistake", changes)]
    what = "a known mistake was not found, the row looks right as it is"
    return annotation, [_remark("kept", annotation, dataset, what, f"not applied: {changes}")]


def mend_units(
    annotations: Sequence[Annotation], dataset: LicensedDataset, sheet: str
) -> tuple[list[Annotation], list[Remark]]:
    """Mend the action units of a sheet that `is_published`.

    Args:
        annotations: Its rows.
        dataset: Whose it is.
        sheet: Name of the file.

    Returns:
        The rows, and what is to be said of them.
    """
    mended, remarks = [], []
    partners = _partners(annotations, dataset)
    release = re.search(r"release[\s_-]*v?(\d+)", sheet, re.IGNORECASE)
    for each in annotations:
        units = dataset.corrections(each.row).get("units")
        partner = partners.get(each.row)
        if units is not None and "or" in str(each.units).lower():
            mended.append(replace(each, units=units, codes=tuple(parse_action_units(units) or ())))
            what, detail = "action units with 'or'", f"{each.units!r} became {units!r}"
            remarks.append(_remark("mended", each, dataset, what, detail))
        elif partner is not None and partner.units != each.units:
            is_first = release is None or int(release[1]) == 1
            mended.append(replace(each, units=partner.units, codes=partner.codes) if is_first else each)
            detail = f"{each.units!r} became {partner.units!r}" if is_first else f"{sheet} is not the first release"
            what = "action units were in another row's place" if is_first else "rows that were swapped once"
            remarks.append(_remark("mended" if is_first else "kept", each, dataset, what, detail))
        else:
            mended.append(each)
    return mended, remarks


def _partners(annotations: Sequence[Annotation], dataset: LicensedDataset) -> dict[int, Annotation]:
    rows = {each.row: each for each in annotations}
    if dataset.swapped is None or any(row not in rows for row in dataset.swapped):
        return {}
    first, second = dataset.swapped
    return {first: rows[second], second: rows[first]}


def _doubts(moments: Moments, dataset: LicensedDataset, numbers: Collection[int]) -> int:
    """In how many ways a row's frame numbers cannot be right."""
    onset, _, offset = moments
    doubts = sum(moment is None for moment in moments)
    known = [moment for moment in moments if moment is not None]
    doubts += known != sorted(known)
    if dataset.whole_recordings:
        return doubts + sum(moment is not None and moment not in numbers for moment in (onset, offset))
    return doubts + (onset != min(numbers)) + (offset != max(numbers))


def _changes(moments: Moments, known: dict[str, Any]) -> str:
    return ", ".join(
        f"{name} {'missing' if getattr(moments, name) is None else getattr(moments, name)} to {value}"
        for name, value in known.items()
        if getattr(moments, name) != value
    )


def _remark(kind: Any, annotation: Annotation, dataset: LicensedDataset, what: str, detail: str) -> Remark:
    return Remark(kind, dataset.name, annotation.clip_id, annotation.row, what, detail)
