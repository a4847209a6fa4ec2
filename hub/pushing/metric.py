"""A metric pushed as a Space, where `evaluate` finds it."""

from pathlib import Path

from hub.repos.repository import check_target, push_files
from training.errors import InputError

FOLDER = Path(__file__).parents[1] / "metrics"
TITLES = {
    "au_f1": "F1 of action units",
    "au_answers": "answers to questions about action units",
    "spotting": "spotting of events in recordings",
}


def push_metric(repo_id: str, *, public: bool = False, update: bool = False) -> str:
    """Push the metric's folder.

    Args:
        repo_id: `ORG/NAME` of a Space. `evaluate` looks in it for a file of its own name, so NAME says which metric.
        public: Make a new Space public.
        update: Replace what it holds.

    Returns:
        SHA of the commit.

    Raises:
        InputError: If no metric has the name, or the Space is taken or not to be written to.
    """
    name = repo_id.rpartition("/")[2]
    if name not in TITLES:
        names = " or ".join(f"ORG/{each}" for each in TITLES)
        raise InputError(f"`evaluate` finds a metric only in a Space of its name: --repo {names}, not {repo_id}")
    check_target(repo_id, "space", update=update)
    files = [(path.name, path) for path in sorted((FOLDER / name).iterdir()) if path.is_file()]
    return push_files(
        repo_id, files, repo_type="space", message=TITLES[name], public=public, update=update, space_sdk="static"
    )
