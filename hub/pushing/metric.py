"""The metric `au_f1` pushed as a Space, where `evaluate` finds it."""

from pathlib import Path

from hub.repos.repository import check_target, push_files
from training.errors import InputError

FOLDER = Path(__file__).parents[1] / "metrics" / "au_f1"


def push_metric(repo_id: str, *, public: bool = False, update: bool = False) -> str:
    """Push the metric's folder.

    Args:
        repo_id: `ORG/NAME` of a Space. `evaluate` looks in it for a file of its own name, so NAME must be `au_f1`.
        public: Make a new Space public.
        update: Replace what it holds.

    Returns:
        SHA of the commit.

    Raises:
        InputError: If the name is another, or the Space is taken or not to be written to.
    """
    if repo_id.rpartition("/")[2] != FOLDER.name:
        raise InputError(f"`evaluate` finds the metric only in a Space of its name: --repo ORG/au_f1, not {repo_id}")
    check_target(repo_id, "space", update=update)
    files = [(path.name, path) for path in sorted(FOLDER.iterdir()) if path.is_file()]
    return push_files(
        repo_id, files, repo_type="space", message="F1 of action units", public=public, update=update,
        space_sdk="static",
    )  # fmt: skip
