"""The demo pushed as a Gradio Space that runs one model at one commit."""

from pathlib import Path

import yaml
from huggingface_hub import HfApi

from hub.repos.fetch import fetch_commit
from hub.repos.repository import check_repo_id, check_target, hub_errors, push_files

FOLDER = Path(__file__).parents[2] / "space"


REPLACED = ("*.py", "*.js", "*.css", "examples/*")  # with --update, what the folder no longer has is deleted


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
    check_repo_id(model)
    check_target(repo_id, "space", update=update)
    pinned = fetch_commit(model, revision, "model")
    files = {path.relative_to(FOLDER).as_posix(): path.read_bytes() for path in space_files()}
    files["README.md"] = space_card(repo_id, model).encode()
    commit = push_files(
        repo_id,
        files.items(),
        repo_type="space",
        message=f"Demo of {model}",
        public=public,
        update=update,
        replaces=REPLACED,
        space_sdk="gradio",
    )
    with hub_errors(repo_id):
        for name, value in (("MODEL_ID", model), ("MODEL_REVISION", pinned)):
            HfApi().add_space_variable(repo_id, name, value)
    return commit


def space_files() -> list[Path]:
    """The files of the demo, without what Python leaves beside them."""
    return sorted(path for path in FOLDER.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def space_card(repo_id: str, model: str) -> str:
    """The Space's README: the folder's, with title and model in its front matter.

    Args:
        repo_id: `ORG/NAME` of the Space.
        model: Hub id of its model.
    """
    _, front, text = (FOLDER / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    values = yaml.safe_load(front) | {"title": repo_id.partition("/")[2], "models": [model]}
    return (
        f"---\n{yaml.safe_dump(values, sort_keys=False, allow_unicode=True)}---\n{text.replace('ORG/SPACE', repo_id)}"
    )
