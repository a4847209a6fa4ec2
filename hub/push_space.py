"""Push the demo to the Hub as a Gradio Space, which runs one model at one commit.

python -m hub.push_space --repo ORG/NAME --model ORG/MODEL [--revision SHA] [--public] [--update]
"""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml
from huggingface_hub import HfApi

from hub.fetch import fetch_commit
from hub.repository import check_repo_id, hub_errors, push_files
from training.errors import run_command

FOLDER = Path(__file__).parents[1] / "space"
TEXT = """Upload a short video of one face; the model tells which facial Action Units move. Uploads are deleted.

Not for decisions about people: no hiring, policing, lie detection, or inference of emotions at school or at work, which
the EU AI Act (Article 5(1)(f)) prohibits. What the model is for, and its limits, stand in its card.
"""


def push_space(
    repo_id: str, model: str, *, revision: str | None = None, public: bool = False, update: bool = False
) -> str:
    """Push the demo's code, with the model and its commit written into it.

    Args:
        repo_id: `ORG/NAME` of a Space.
        model: Hub id of a model that `hub.push_model` has pushed.
        revision: Its commit, branch or tag; the Space runs the commit that this is now.
        public: Make a new Space public.
        update: Replace what it holds.

    Returns:
        SHA of the Space's commit.

    Raises:
        InputError: If there is no such model, or the Space is taken or not to be written to.
    """
    check_repo_id(repo_id)
    check_repo_id(model)
    pinned = fetch_commit(model, revision, "model")
    files = [
        ("app.py", (FOLDER / "app.py").read_bytes()),
        ("requirements.txt", (FOLDER / "requirements.txt").read_bytes()),
        ("README.md", space_card(repo_id, model).encode()),
    ]
    commit = push_files(
        repo_id, files, repo_type="space", message=f"Demo of {model}", public=public, update=update, space_sdk="gradio"
    )
    with hub_errors(repo_id):
        for name, value in (("MODEL_ID", model), ("MODEL_REVISION", pinned)):
            HfApi().add_space_variable(repo_id, name, value)
    return commit


def space_card(repo_id: str, model: str) -> str:
    """The Space's README with its front matter.

    Args:
        repo_id: `ORG/NAME` of the Space.
        model: Hub id of its model.
    """
    gradio = re.search(r"^gradio>=([\d.]+)", (FOLDER / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    front = {
        "title": repo_id.partition("/")[2],
        "emoji": "\N{NEUTRAL FACE}",
        "colorFrom": "blue",
        "colorTo": "yellow",
        "sdk": "gradio",
        "sdk_version": _three_numbers(gradio[1] if gradio else "6"),
        "python_version": "3.12",
        "app_file": "app.py",
        "models": [model],
        "license": "apache-2.0",
        "short_description": "Facial action units of a video",
    }
    return f"---\n{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---\n\n# {front['title']}\n\n{TEXT}"


def _three_numbers(version: str) -> str:
    return ".".join([*version.split("."), "0", "0"][:3])


def main(arguments: Sequence[str] | None = None) -> None:
    """Push the demo to the repository of the command line.

    Args:
        arguments: Instead of the command line.
    """
    parser = argparse.ArgumentParser(
        prog="python -m hub.push_space", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repo", required=True, metavar="ORG/NAME", help="Space; made if not there")
    parser.add_argument("--model", required=True, metavar="ORG/MODEL", help="model that it runs")
    parser.add_argument("--revision", help="commit, branch or tag of the model (default: as main is now)")
    parser.add_argument("--public", action="store_true", help="make a new Space public (default: private)")
    parser.add_argument("--update", action="store_true", help="replace what the Space holds")
    options = parser.parse_args(arguments)
    commit = push_space(
        options.repo, options.model, revision=options.revision, public=options.public, update=options.update
    )
    sys.stdout.write(f"{options.repo}, commit {commit}; its variables MODEL_ID and MODEL_REVISION name the model\n")


if __name__ == "__main__":
    run_command(main)
