"""The Space: a video in, its action units out. Uses the model through transformers' Auto classes alone."""

import os

import gradio as gr
from transformers import pipeline

MODEL_ID = os.environ.get("MODEL_ID", "modeling_aullm/checkpoints/synthetic-smollm2-135m")
MODEL_REVISION = os.environ.get("MODEL_REVISION", "main")
UPLOADS_KEPT_SECONDS = 300

detect = pipeline("action-unit-detection", model=MODEL_ID, revision=MODEL_REVISION, trust_remote_code=True)


def action_units(video: str | None) -> tuple[list[list[str]], object]:
    """The table and the full result for one uploaded video.

    Args:
        video: Path of the upload; `None` before there is one.

    Raises:
        gradio.Error: If the video cannot be used; the page shows the reason.
    """
    if video is None:
        raise gr.Error("Choose a video first.")
    try:
        found = detect(video)
    except ValueError as error:
        raise gr.Error(str(error).replace(video, "This video")) from error
    segments = found if isinstance(found, list) else [{"action_units": found}]
    seen = [segment["action_units"] for segment in segments if segment["action_units"]]
    rows = []
    for code in seen[0]:
        strongest = max((units[code] for units in seen), key=lambda unit: unit["probability"])
        active = any(units[code]["active"] for units in seen)
        rows.append([code, f"{strongest['probability']:.2f}", "yes" if active else "-"])
    return rows, found


with gr.Blocks(title="AULLM++ action units", delete_cache=(60, UPLOADS_KEPT_SECONDS)) as page:
    gr.Markdown(
        "# Action units of a face video\nUpload a short video of one face. Nothing is stored: uploads are deleted."
    )
    with gr.Row():
        upload = gr.Video(label="Video", sources=["upload", "webcam"])
        table = gr.Dataframe(headers=["unit", "highest probability", "active"], label="Action units", interactive=False)
    full = gr.JSON(label="Full result")
    gr.Button("Find action units", variant="primary").click(action_units, upload, [table, full])

if __name__ == "__main__":
    page.launch()
