"""What the stand-in Hub keeps: repositories with commits, branches and pull requests, and large files by SHA-256."""

import base64
import hashlib
import json
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import PurePosixPath

LARGE = ("*.safetensors", "*.parquet", "*.arrow", "*.bin", "*.pt", "*.pkl", "*.gguf")  # as in the Hub's .gitattributes
ATTRIBUTES = "".join(f"{pattern} filter=lfs diff=lfs merge=lfs -text\n" for pattern in LARGE).encode()


class Refusal(Exception):
    """An answer that is no success: status, what the Hub puts into X-Error-Code, and a message."""

    def __init__(self, status, code="", message=""):
        super().__init__(message or code)
        self.status, self.code, self.message = status, code, message or code


@dataclass(frozen=True)
class File:
    """Content as the Hub holds it. `claim` is the size that is told, if it is a lie."""

    content: bytes
    large: bool = False
    claim: int | None = None

    @property
    def size(self):
        return len(self.content) if self.claim is None else self.claim

    @property
    def sha256(self):
        return hashlib.sha256(self.content).hexdigest()

    @property
    def oid(self):
        """Of the git object: the pointer's, for a large file."""
        body = self.content
        if self.large:
            body = (
                f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {len(self.content)}\n"
            ).encode()
        return hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()

    @property
    def etag(self):
        return self.sha256 if self.large else self.oid

    def entry(self, path):
        entry = {"type": "file", "path": path, "size": self.size, "oid": self.oid}
        if self.large:
            entry["lfs"] = {"oid": self.sha256, "size": self.size, "pointerSize": 134}
        return entry


@dataclass
class Repo:
    """A repository; a commit is its parent, its title and all its files."""

    kind: str
    name: str
    private: bool
    owner: str
    commits: dict = field(default_factory=dict)  # sha -> (parent, title, {path: File})
    refs: dict = field(default_factory=dict)
    pull_requests: list = field(default_factory=list)  # title and author; number 1 is the first
    variables: dict = field(default_factory=dict)

    def __post_init__(self):
        self.commit("main", "initial commit", {".gitattributes": File(ATTRIBUTES)}, parent=None)

    def resolve(self, revision):
        """The commit of a branch, a pull request's reference or a SHA."""
        sha = self.refs.get(revision.removeprefix("refs/heads/"), revision)
        if sha not in self.commits:
            raise Refusal(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return sha

    def files(self, revision="main"):
        return self.commits[self.resolve(revision)][2]

    def commit(self, ref, title, files, parent):
        text = json.dumps([self.kind, self.name, ref, title, parent, len(self.commits)])
        sha = hashlib.sha1(text.encode()).hexdigest()
        self.commits[sha] = (parent, title, files)
        self.refs[ref] = sha
        return sha

    def history(self, revision):
        sha = self.resolve(revision)
        while sha:
            parent, title, _ = self.commits[sha]
            yield {
                "id": sha, "title": title, "message": "", "date": "2026-01-01T00:00:00.000Z",
                "authors": [{"user": self.owner}],
            }  # fmt: skip
            sha = parent

    def open_pull_request(self, title, author):
        self.pull_requests.append((title, author))
        self.refs[f"refs/pr/{len(self.pull_requests)}"] = self.refs["main"]
        return len(self.pull_requests)


class Store:
    """All repositories and large objects."""

    def __init__(self):
        self.repos, self.objects, self.parts = {}, {}, {}

    def create(self, kind, name, private, owner):
        if (kind, name) in self.repos:
            raise Refusal(409, "", "You already created this repo")
        self.repos[kind, name] = Repo(kind, name, private, owner)
        return self.repos[kind, name]

    def put(self, kind, name, files, *, private=False):
        """Files straight into a repository's main branch, past all rules: for what a hostile one might hold."""
        repo = self.repos.get((kind, name)) or self.create(kind, name, private, name.partition("/")[0])
        made = {p: c if isinstance(c, File) else File(c, is_large(p, len(c))) for p, c in files.items()}
        return repo.commit("main", "put", repo.files() | made, parent=repo.refs["main"])

    def apply(self, repo, ref, lines):
        """A commit in the Hub's newline-delimited JSON."""
        header, *operations = [json.loads(line) for line in lines.splitlines() if line.strip()]
        expected, head = header["value"].get("parentCommit"), repo.resolve(ref)
        if expected and expected != head:
            raise Refusal(412, "", "A commit has happened since. Please refresh and try again.")
        files = dict(repo.files(ref))
        for operation in operations:
            self._apply_one(files, operation["key"], operation["value"])
        return repo.commit(ref, header["value"]["summary"], files, parent=head)

    def _apply_one(self, files, key, value):
        path = value["path"]
        if path.startswith("/") or ".." in PurePosixPath(path).parts:
            raise Refusal(400, "", f"Invalid path {path}")
        if key == "file":
            files[path] = File(base64.b64decode(value["content"]))
        elif key == "lfsFile":
            if value["oid"] not in self.objects:
                raise Refusal(400, "", f"LFS pointer of {path} points to an object that does not exist")
            files[path] = File(self.objects[value["oid"]], large=True)
        elif key == "deletedFile":
            del files[path]
        elif key == "deletedFolder":
            for name in [name for name in files if name.startswith(path.rstrip("/") + "/")]:
                del files[name]
        else:
            raise Refusal(400, "", f"Unknown operation {key}")


def is_large(path, size):
    return size > 10_000_000 or any(fnmatch(PurePosixPath(path).name, pattern) for pattern in LARGE)
