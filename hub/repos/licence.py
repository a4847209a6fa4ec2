"""The licence guard: clips of licensed datasets go to private repositories only, and nobody has to remember it.

Whether data is licensed is read from its own rows: the column `dataset` travels with every clip. A preparation.json
that says otherwise is not believed; one that says so, is.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from huggingface_hub import HfApi

from training.errors import InputError
from training.json_files import read_json

# Parts of names, so that "CAS(ME)^3", "casme2_raw" and the like count, too: a needless refusal costs less than a leak.
LICENSED = ("casme", "samm", "4dme", "mmew", "smic")


def licensed_among(names: Iterable[str]) -> list[str]:
    """Those of the names of datasets, sorted, that are a licensed dataset's.

    Args:
        names: As in the column `dataset`.
    """
    return sorted({name for name in names if any(part in re.sub(r"[^a-z0-9]", "", name.lower()) for part in LICENSED)})


def read_preparation(folder: Path) -> dict:
    """What `preparation.json` in the folder of a prepared dataset says; empty if there is none.

    Raises:
        InputError: If it is no JSON object.
    """
    file = folder / "preparation.json"
    return read_json(file, "prepare the data anew") if file.is_file() else {}


def why_private(folder: Path, names: Iterable[str]) -> str:
    """Why data may go to a private repository only, as half a sentence for people.

    Args:
        folder: Of the prepared dataset.
        names: Different values of its column `dataset`.

    Raises:
        InputError: If `preparation.json` is broken.
    """
    preparation = read_preparation(folder)
    listed = map(str, preparation.get("datasets", []) if preparation.get("licensed") else [])
    licensed = sorted({*licensed_among(names), *listed})
    if licensed or preparation.get("licensed"):
        of = f"clips of {', '.join(licensed)}" if licensed else "licensed clips"
        return f"it would hold {of}, whose licence forbids passing them on"
    return "data goes to private repositories only"


def require_private(api: HfApi, repo_id: str, repo_type: str, why: str) -> None:
    """Refuse unless the repository is private at this moment. To be called before every upload.

    Args:
        api: Client.
        repo_id: `ORG/NAME`.
        repo_type: `dataset`, `model` or `space`.
        why: Half a sentence, see `why_private`.

    Raises:
        InputError: If it is not; nothing that is uploaded already is visible then, for there was no commit.
    """
    if api.repo_info(repo_id, repo_type=repo_type).private is not True:
        raise InputError(
            f"the {repo_type} repository {repo_id} is public, and {why}: refused, nothing was committed. "
            "Make it private in its settings, or give another --repo; a new one is made private"
        )
