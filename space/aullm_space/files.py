"""What a visitor takes away; it lies in Gradio's own cache, which deletes it with the uploads."""

import uuid
from pathlib import Path

from gradio.utils import get_upload_folder

from . import detector
from .annotated_video import write_annotated_video
from .moments import Analysis
from .record import to_json, to_records
from .request import Request
from .tables import to_csv, to_events_csv


def write_result(analyses: list[Analysis]) -> tuple[str, str, str | None]:
    """Paths of a JSON and of CSV files of spans and of expressions, as `aullm predict` writes them.

    Returns:
        The last is None where expressions were not looked for.
    """
    folder, stem, records = _new_folder(), analyses[0].request.path.stem, to_records(analyses)
    texts = {"units.json": to_json(records), "units.csv": to_csv(records)}
    texts |= {"events.csv": to_events_csv(records)} if analyses[0].finds_events else {}
    written: list[str | None] = []
    for suffix, text in texts.items():
        path = folder / f"{stem}_{suffix}"
        path.write_text(text, encoding="utf-8")
        written.append(str(path))
    json_file, csv_file, events_file = [*written, None][:3]
    return str(json_file), str(csv_file), events_file


def write_video(analysis: Analysis) -> str:
    """Path of the annotated video."""
    path = _new_folder() / f"{analysis.request.path.stem}_units.mp4"
    write_annotated_video(analysis, path)
    return str(path)


def python_lines(analyses: list[Analysis]) -> str:
    """The Python lines that give the same result."""
    request, num_faces = analyses[0].request, len(analyses)
    model = str(detector.SHIPPED.relative_to(detector.ROOT)) if detector.IS_SHIPPED else detector.MODEL_ID
    revision = f', revision="{detector.MODEL_REVISION}"' if detector.MODEL_REVISION else ""
    options = "".join(f", {name}={value}" for name, value in request.marks.items() if value is not None)
    if analyses[0].finds_events and request.sensitivity != Request.sensitivity:
        options += f', sensitivity="{request.sensitivity}"'
    faces: list[str | int | None] = ["cropped" if request.face == "cropped" else None]
    if num_faces > 1:  # a marked clip is read for one face at a time
        faces = [*range(1, num_faces + 1)] if request.is_marked else [request.face]
    calls = [options + (f", face={face!r}" if face else "") for face in faces]
    return (
        "from transformers import pipeline\n\n"
        f'detect = pipeline("action-unit-detection", model="{model}"{revision}, trust_remote_code=True)\n'
        + "".join(f'detect("{request.path.name}"{call})\n' for call in calls)
    )


def _new_folder() -> Path:
    folder = Path(get_upload_folder()) / uuid.uuid4().hex
    folder.mkdir(parents=True)
    return folder
