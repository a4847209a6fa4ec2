"""Repositories of the Hub: errors for people, and one way to upload: everything in a single commit, or nothing.

Large files are uploaded one by one and are invisible until the commit. An upload that was interrupted leaves a
repository in which nothing was ever committed; the same command goes on there, and what has arrived is not sent again.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import httpx2
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, constants
from huggingface_hub.errors import (
    HfHubHTTPError,
    LocalEntryNotFoundError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from hub.repos.licence import require_private
from training.errors import InputError

SMALL = 10_000_000  # bytes; smaller files may travel inside the commit, larger ones never do


def is_repo_id(name: str) -> bool:
    """Whether a name has the form of a repository's, `ORG/NAME`."""
    return bool(re.fullmatch(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9_][\w.-]*", name)) and ".." not in name


def check_repo_id(name: str) -> None:
    """Refuse what cannot be a repository's name.

    Raises:
        InputError: If it is not `ORG/NAME`.
    """
    if not is_repo_id(name):
        raise InputError(f"a repository is named ORG/NAME, such as my-lab/aullm-casme2; got {name!r}")


@contextmanager
def hub_errors(repo_id: str) -> Iterator[None]:
    """Turn the client's errors into one line that says what to do.

    Raises:
        InputError: For every way in which the Hub does not do what was asked.
    """
    try:
        yield
    except OfflineModeIsEnabled as error:
        raise InputError("HF_HUB_OFFLINE is set, and this needs the Hub; unset it") from error
    except LocalTokenNotFoundError as error:
        raise InputError("the Hub needs to know who you are: run `hf auth login`, or set HF_TOKEN") from error
    except RevisionNotFoundError as error:
        raise InputError(f"{repo_id} has no such revision: {_first_line(error)}") from error
    except RepositoryNotFoundError as error:
        raise InputError(
            f"there is no repository {repo_id}, or it is private and your token may not read it (`hf auth login`)"
        ) from error
    except httpx2.TransportError as error:
        raise InputError(_unreachable(error)) from error
    except (HfHubHTTPError, httpx2.HTTPError, LocalEntryNotFoundError) as error:
        raise InputError(f"{repo_id}: {_explanation(error)}") from error
    except RuntimeError as error:  # what the client raises for a file that it could not upload
        if not isinstance(error.__cause__, httpx2.HTTPError):
            raise
        raise InputError(
            f"{repo_id}: {error} {_explanation(error.__cause__)} Give the command again to go on"
        ) from error


def _unreachable(error: Exception) -> str:
    return (
        f"the Hub ({constants.ENDPOINT}) cannot be reached: {_first_line(error)}; see to the network "
        "(proxy, HF_ENDPOINT), and give the command again"
    )


def _explanation(error: Exception) -> str:
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403):
        return f"your token may not do this (`hf auth login` with one that may write): {_first_line(error)}"
    if status == 412:
        return "somebody has committed to it meanwhile; look at it, and give the command again"
    return _first_line(error)


def _first_line(error: BaseException) -> str:
    """The Hub's own message if it sent one, else the first line that says something."""
    lines = [getattr(error, "server_message", None) or "", *str(error).splitlines(), type(error).__name__]
    return next(line for line in lines if line.strip())


def check_login(api: HfApi, repo_id: str) -> dict[str, Any]:
    """Who the token is of; to be asked before the long work.

    Args:
        api: Client.
        repo_id: That is to be written to, for errors.

    Returns:
        What the Hub says of the account.

    Raises:
        InputError: If the Hub cannot be reached or HF_HUB_OFFLINE is set, there is no token, or it may not write.
    """
    with hub_errors(repo_id):
        if constants.is_offline_mode():  # the client would ask for a login first, which is of no use then
            raise OfflineModeIsEnabled
        account = api.whoami()
    if account.get("auth", {}).get("accessToken", {}).get("role") == "read":
        raise InputError(f"your token may only read, not write to {repo_id}; `hf auth login` with one that may write")
    return account


def check_target(repo_id: str, repo_type: str, *, update: bool) -> None:
    """Find out before the long work whether a repository may be pushed to. Nothing is made or changed.

    Args:
        repo_id: `ORG/NAME`.
        repo_type: `model`, `dataset` or `space`.
        update: As in `push_files`.

    Raises:
        InputError: If it is no name, the Hub cannot be reached, does not know you or lets you not write there, or the
            repository holds something and `update` is not given.
    """
    check_repo_id(repo_id)
    api, owner = HfApi(), repo_id.partition("/")[0]
    account = check_login(api, repo_id)
    with hub_errors(repo_id):
        head = _head(api, repo_id, repo_type, update=update)
    own = [account["name"], *(org["name"] for org in account.get("orgs", []))]
    if head is None and owner not in own:
        raise InputError(f"you are {account['name']} and cannot make {repo_id}: --repo may begin with {', '.join(own)}")


def push_files(
    repo_id: str,
    files: Iterable[tuple[str, Path | bytes]],
    *,
    repo_type: str,
    message: str,
    public: bool = False,
    update: bool = False,
    private_because: str = "",
    replaces: Iterable[str] = (),
    space_sdk: str | None = None,
) -> str:
    """Upload files into one commit. A repository that is not there yet is made.

    Args:
        repo_id: `ORG/NAME`.
        files: Path in the repository, and content; may be made while it is iterated. A file of `SMALL` bytes and
            more may be removed once the next one is asked for.
        repo_type: `model`, `dataset` or `space`.
        message: Of the commit.
        public: Make a new repository public; one that is there stays as it is.
        update: Replace what a repository holds that something was committed to.
        private_because: If given, the repository is made private, and must be so before each upload; half a sentence.
        replaces: Patterns of names: with `update` these are deleted where they are not among `files`.
        space_sdk: Of a new Space.

    Returns:
        SHA of the commit; of the last one, if nothing had changed.

    Raises:
        InputError: If the repository holds something and `update` is not given, is public and must not be, or the Hub
            refuses. Nothing is committed then.
    """
    check_repo_id(repo_id)
    api = HfApi()
    with hub_errors(repo_id):
        private = bool(private_because) or not public
        head = _open(api, repo_id, repo_type, private=private, update=update, space_sdk=space_sdk)
        operations: list[Any] = []
        for path, content in files:
            operations.append(_upload(api, repo_id, repo_type, path, content, private_because))
        added = {operation.path_in_repo for operation in operations}
        there = api.list_repo_files(repo_id, repo_type=repo_type, revision=head)
        stale = [path for path in there if path not in added and any(fnmatch(path, each) for each in replaces)]
        operations += [CommitOperationDelete(path, is_folder=False) for path in stale]
        if private_because:
            require_private(api, repo_id, repo_type, private_because)
        commit = api.create_commit(
            repo_id, operations, repo_type=repo_type, commit_message=message, parent_commit=head
        )  # fmt: skip
    return str(commit.oid)


def _open(
    api: HfApi, repo_id: str, repo_type: str, *, private: bool, update: bool, space_sdk: str | None
) -> str:  # fmt: skip
    """The last commit of a repository that may be written to; a new one's if there was none."""
    head = _head(api, repo_id, repo_type, update=update)
    if head is None:
        api.create_repo(repo_id, repo_type=repo_type, private=private, space_sdk=space_sdk)
        head = _head(api, repo_id, repo_type, update=update)
    return str(head)


def _head(api: HfApi, repo_id: str, repo_type: str, *, update: bool) -> str | None:
    """The last commit of a repository; `None` if there is no such repository.

    Raises:
        InputError: If something was committed to it, and `update` is not given.
    """
    try:
        info = api.repo_info(repo_id, repo_type=repo_type)
    except RepositoryNotFoundError:
        return None
    if not update:
        titles = [commit.title for commit in api.list_repo_commits(repo_id, repo_type=repo_type)]
        if titles != ["initial commit"]:
            raise InputError(
                f"the {repo_type} repository {repo_id} is there already ({len(titles)} commits); "
                "--update replaces what it holds, in a new commit. Nothing was changed"
            )
    return str(info.sha)


def _upload(
    api: HfApi, repo_id: str, repo_type: str, path: str, content: Path | bytes, private_because: str
) -> CommitOperationAdd:
    """Send one file if it is large; a small one waits in memory for the commit."""
    if isinstance(content, Path) and content.stat().st_size < SMALL:
        content = content.read_bytes()
    operation = CommitOperationAdd(path, content if isinstance(content, bytes) else str(content))
    if private_because:
        require_private(api, repo_id, repo_type, private_because)
    api.preupload_lfs_files(repo_id, [operation], repo_type=repo_type)
    return operation
