"""What the documents promise: their limits, links, snippets and commands."""

import io
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import av
import nbformat
import pytest
from conftest import tiny_model
from helpers_video import face_video, write_folder, write_video
from nbclient import NotebookClient
from predictions import CODES

from hub.demo import make_clip
from modeling_aullm.command.cli import main as aullm
from modeling_aullm.overlay import write_video as write_mp4
from modeling_aullm.processing_aullm import AULLMProcessor

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "MODEL_CARD.md", "CONTRIBUTING.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *(ROOT / room / "README.md" for room in ("results", "benchmarks", "modeling_aullm")),
]
SNIPPET = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
MODULE = re.compile(r"(?:accelerate launch (?:--\S+ \S+ )*-m|python -m) ((?:training|hub|benchmarks)\.\w+)([^\n`]*)")


def headings(document):
    """Anchors of a document, as GitHub makes them."""
    for line in re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-")


def snippets(name):
    return SNIPPET.findall((ROOT / name).read_text())


def commands(name):
    """Lines of the indented blocks, without their comments."""
    for line in re.findall(r"^ {4}(\S.*)$", (ROOT / name).read_text(), re.MULTILINE):
        yield line.split("  #")[0].rstrip()


def test_the_readme_fits_on_two_screens():
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= 150 and len(text.encode()) <= 9_000


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document):
    for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        if "://" not in link:
            name, _, anchor = link.partition("#")
            target = (document.parent / name).resolve() if name else document
            assert target.exists(), link
            assert not anchor or anchor in headings(target), link


def test_every_file_of_the_method_is_in_its_table_and_travels_as_it_says():
    package = ROOT / "modeling_aullm"
    rows = [line for line in (package / "README.md").read_text().splitlines() if line.startswith("| `")]
    told = {name: "✓" in row for row in rows for name in re.findall(r"`(\w+\.py)`", row.split("|")[1])}
    files = {path.name for path in package.glob("*.py")} - {"__init__.py"}
    travelling = {path.name for path in package.glob("checkpoints/*/*.py")}
    assert told == {name: name in travelling for name in files}


def test_the_map_names_every_room():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    rooms = [path.parent for top in ("training", "hub") for path in (ROOT / top).glob("*/__init__.py")]
    assert [room.name for room in rooms if f"`{room.relative_to(ROOT)}/`" not in text] == []


@pytest.mark.parametrize("name", ["README.md", "docs/api.md"])
def test_python_snippets_run(name, tmp_path):
    """In an empty folder beside what `make demo` leaves; the snippet about the running page has a test of its own."""
    (tmp_path / "demo_output").mkdir()
    write_mp4(make_clip(), tmp_path / "demo_output" / "astronaut.mp4", 30)
    (tmp_path / "modeling_aullm").mkdir()
    (tmp_path / "modeling_aullm" / "checkpoints").symlink_to(ROOT / "modeling_aullm" / "checkpoints")
    code = "\n".join(snippet for snippet in snippets(name) if "gradio_client" not in snippet)
    assert code
    start = f"import sys; sys.path.insert(0, {str(ROOT)!r}); sys.path.remove('') if '' in sys.path else None\n"
    done = subprocess.run([sys.executable, "-c", start + code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """The inputs that the README's lines name, and a tiny checkpoint."""
    folder = tmp_path_factory.mktemp("sources")
    for name in ("clip.mp4", "a.mp4", "a.mkv", "interview.mp4"):
        write_video(folder / name, face_video(40 if name == "interview.mp4" else 12))
    (folder / "more").mkdir()
    write_video(folder / "more" / "b.mov", face_video(12))
    write_folder(folder / "frames_folder", face_video(6))
    tiny_model().save_pretrained(folder / "tiny", whole=True)
    AULLMProcessor(action_units=list(CODES)).save_pretrained(folder / "tiny")
    return folder


def test_the_commands_of_the_readme_do_what_stands_there(sources, monkeypatch, capsys):
    monkeypatch.chdir(sources)
    lines = [line for line in commands("README.md") if "aullm predict" in line]
    assert len(lines) >= 5
    for line in lines:
        before, _, line = line.rpartition("| ")
        arguments = shlex.split(line)[1:]
        for option, value in (("--model", "tiny"), ("--device", "cpu")):
            if option in arguments:
                arguments[arguments.index(option) + 1] = value
            elif option == "--model":
                arguments += [option, value]
        if "--revision" in arguments:  # is for models on the Hub
            del arguments[(at := arguments.index("--revision")) : at + 2]
        if before:
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO((sources / "a.mkv").read_bytes())))
        assert aullm(arguments) == 0, (line, capsys.readouterr().err)
    assert len(json.loads((sources / "out.json").read_text())) == 3
    assert len((sources / "out.csv").read_text().splitlines()) == 41  # a row a frame, by the last line that wrote it
    with av.open(str(sources / "out-a.mp4")) as video:
        assert sum(1 for _ in video.decode(video=0)) == 12


def test_make_knows_every_target():
    targets = set(
        re.findall(r"\bmake (\w+)", (ROOT / "README.md").read_text() + (ROOT / "CONTRIBUTING.md").read_text())
    )
    assert {"demo", "test", "lint", "space", "bench"} <= targets
    done = subprocess.run(["make", "-n", *targets], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


HELP = """
import contextlib, io, json, runpy, sys
said = {}
for module in sys.argv[1:]:
    sys.argv, out = [module, "--help"], io.StringIO()
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(out):
        runpy.run_module(module, run_name="__main__")
    said[module] = out.getvalue()
print(json.dumps(said))
"""


def test_commands_and_options_of_all_documents_are_known():
    asked = [found for path in DOCUMENTS for found in MODULE.findall(path.read_text().replace("\\\n", " "))]
    modules = sorted({module for module, _ in asked})
    assert {"training.train", "training.loso", "hub.prepare", "hub.evaluate", "hub.push_model"} <= set(modules)
    done = subprocess.run([sys.executable, "-c", HELP, *modules], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert [module for module in modules if "--help" not in said[module]] == [], "they ran instead of telling"
    unknown = [
        (module, option)
        for module, rest in asked
        for option in re.findall(r"(--\w[\w-]*)", rest.split("  #")[0])
        if not re.search(rf"{option}\b", said[module])
    ]
    assert unknown == []


def said_by(notebook, code):
    """What the cell with this code has printed."""
    (cell,) = [cell for cell in notebook.cells if code in cell.source]
    return "".join(output["text"] for output in cell["outputs"] if output.get("name") == "stdout")


def test_the_quickstart_runs_and_its_stored_answers_are_those_of_today(tmp_path):
    path = ROOT / "docs" / "quickstart.ipynb"
    notebook = nbformat.read(path, as_version=4)
    stored = [cell.get("outputs", []) for cell in notebook.cells]
    answered = said_by(notebook, "modeling_aullm.ask")
    assert any("image/png" in output.get("data", {}) for outputs in stored for output in outputs)
    for cell in notebook.cells:  # what it writes goes elsewhere, what it reads stays
        cell.source = cell.source.replace('"../', f'"{ROOT}/').replace('".."', repr(str(ROOT)))
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert said_by(notebook, "modeling_aullm.ask") == answered
    texts = [output["text"] for cell in notebook.cells for output in cell.get("outputs", []) if output.get("text")]
    assert any("the same answers: True" in text for text in texts)
    tables = [cell["outputs"] for cell in notebook.cells if '"yaw"' in cell.source]
    htmls = ([each["data"]["text/html"] for each in outputs if "data" in each] for outputs in tables)
    smile, graph = ([float(cell) for cell in re.findall(r"<td>(.*?)</td>", "".join(html))] for html in htmls)
    assert smile and graph == pytest.approx(smile, abs=1e-5), "ONNX Runtime says of the smile what torch does"
    losses = next(cell for cell in notebook.cells if "losses" in cell.source)["outputs"][-1]["data"]["text/plain"]
    assert json.loads(losses)[-1] < json.loads(losses)[0]
    units = next(cell for cell in notebook.cells if "post_process_action_units" in cell.source)
    assert units["outputs"][-1]["data"]["text/plain"] == "{'AU6': 0.97, 'AU12': 1.0}"
