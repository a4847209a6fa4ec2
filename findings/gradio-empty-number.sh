#!/usr/bin/env bash
# gradio 6.31.0: an empty gr.Number inside a closed gr.Accordion becomes 0 as soon as the accordion is opened.
# Nothing is typed and no `minimum` is set: the value sent is None while the accordion is closed and 0 once it has been
# seen; only typing a number and deleting it gives None again. Source: the Number component of the package `gradio`.
# Seen: closed None, opened 0, typed and deleted None. One would expect None of a number that is left alone.
# Needs Chromium on the path (apt-get install chromium). Exits non-zero if gradio behaves otherwise.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet gradio==6.31.0 playwright==1.55.0
cat > "$folder/app.py" <<'PY'
import itertools
import shutil

import gradio as gr
from playwright.sync_api import sync_playwright

questions = itertools.count(1)
with gr.Blocks(analytics_enabled=False) as page:
    with gr.Accordion("More", open=False):
        number = gr.Number(value=None, label="Number")
    ask, answer = gr.Button("Ask"), gr.Textbox(label="Answer")
    ask.click(lambda value: f"{value!r} (question {next(questions)})", number, answer)
_, url, _ = page.launch(prevent_thread_lock=True, quiet=True)

with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
    visit = browser.new_page()
    visit.goto(url)

    def sent(question: int) -> str:
        visit.get_by_role("button", name="Ask", exact=True).click()
        visit.wait_for_function(f"document.querySelector('textarea').value.endsWith('(question {question})')")
        return visit.get_by_label("Answer").input_value().split()[0]

    closed = sent(1)
    visit.get_by_role("button", name="More").click()
    visit.get_by_label("Number", exact=True).wait_for()
    opened = sent(2)
    visit.get_by_label("Number", exact=True).fill("5")
    visit.get_by_label("Number", exact=True).fill("")
    cleared = sent(3)
    browser.close()
print(f"gradio {gr.__version__}: closed {closed}, opened {opened}, typed and deleted {cleared}")
page.close()
raise SystemExit((closed, opened, cleared) != ("None", "0", "None"))
PY
GRADIO_ANALYTICS_ENABLED=False timeout 120 "$folder/venv/bin/python" "$folder/app.py"
