"""What the stand-in Hub answers under /api/models/ORG/NAME, and likewise for datasets and Spaces."""

import json
import re
from urllib.parse import parse_qs, unquote, urlsplit

from hub_store import Refusal, is_large

KINDS = {"models": "model", "datasets": "dataset", "spaces": "space"}
DATE = "2026-01-01T00:00:00.000Z"


class RepositoryApi:
    """To be mixed into the server's handler, which has the request's body, query and headers."""

    def _api(self, kinds, name, action, rest):
        answers = {
            None: self._info, "revision": self._info, "settings": self._settings, "refs": self._refs,
            "commits": self._commits, "tree": self._tree, "paths-info": self._paths_info, "preupload": self._preupload,
            "commit": self._commit, "discussions": self._discussions, "variables": self._variables,
        }  # fmt: skip
        if action not in answers:
            raise Refusal(404, "", f"The stand-in does not know {action}")
        pull_request = action == "discussions" or self.query.get("create_pr") == "1"
        write = self.command in ("POST", "PUT") and action != "paths-info" and not pull_request
        answers[action](self._repo(KINDS[kinds], name, write=write), unquote(rest) if rest else None)

    def _info(self, repo, revision):
        sha = repo.resolve(revision or "main")
        files = repo.commits[sha][2]
        siblings = [{"rfilename": path} for path in files]
        if self.query.get("blobs"):
            siblings = [each | {"size": file.size, "blobId": file.oid} for each, file in zip(siblings, files.values())]
        self._json({
            "_id": "0" * 24, "id": repo.name, "modelId": repo.name, "author": repo.name.partition("/")[0], "sha": sha,
            "private": repo.private, "gated": False, "disabled": False, "downloads": 0, "likes": 0, "tags": [],
            "createdAt": DATE, "lastModified": DATE, "siblings": siblings,
        })  # fmt: skip

    def _settings(self, repo, _):
        asked = json.loads(self.body)
        if "visibility" in asked:
            repo.private = asked["visibility"] == "private"
        self._json({"private": repo.private})

    def _refs(self, repo, _):
        groups = {"branches": [], "converts": [], "tags": [], "pullRequests": []}
        for name, sha in repo.refs.items():
            is_request = name.startswith("refs/pr/")
            ref = name if is_request else f"refs/heads/{name}"
            groups["pullRequests" if is_request else "branches"].append({"name": name, "ref": ref, "targetCommit": sha})
        self._json(groups)

    def _commits(self, repo, revision):
        self._json(list(repo.history(revision)))

    def _tree(self, repo, rest):
        revision, _, folder = self._revision_and_path(repo, rest)
        entries, files = {}, repo.files(revision)
        for path, file in files.items():
            inside = path[len(folder) + 1 :] if folder and path.startswith(folder + "/") else path
            if folder and inside == path:
                continue
            if "/" in inside.strip("/") and self.query.get("recursive") != "true":
                parent = (folder + "/" if folder else "") + inside.partition("/")[0]
                entries[parent] = {"type": "directory", "path": parent, "oid": "0" * 40, "size": 0}
            else:
                entries[path] = file.entry(path)
        if folder and not entries:
            raise Refusal(404, "EntryNotFound", f"{folder} does not exist")
        start, every = int(self.query.get("cursor", 0)), list(entries.values())
        more = {}
        if start + self.hub.page_size < len(every):
            query = f"?recursive={self.query.get('recursive')}&cursor={start + self.hub.page_size}"
            more = {"Link": f'<{self.hub.url}{urlsplit(self.path).path}{query}>; rel="next"'}
        self._json(every[start : start + self.hub.page_size], headers=more)

    def _paths_info(self, repo, revision):
        if self.headers.get("Content-Type", "").startswith("application/json"):
            paths = json.loads(self.body)["paths"]
        else:
            paths = parse_qs(self.body.decode()).get("paths", [])
        files, found = repo.files(revision), []
        for path in paths:
            if path in files:
                found.append(files[path].entry(path))
            elif any(name.startswith(path + "/") for name in files):
                found.append({"type": "directory", "path": path, "oid": "0" * 40, "size": 0})
        self._json(found)

    def _preupload(self, repo, revision):
        files = repo.files(revision)
        answer = []
        for asked in json.loads(self.body)["files"]:
            path, present = asked["path"], files.get(asked["path"])
            mode = "lfs" if is_large(path, asked["size"]) else "regular"
            oid = present.etag if present else None
            answer.append({"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": oid})
        self._json({"files": answer})

    def _commit(self, repo, revision):
        ref, answer = revision, {}
        if self.query.get("create_pr") == "1":
            title = json.loads(self.body.splitlines()[0])["value"]["summary"]
            number = repo.open_pull_request(title, self.account["name"])
            ref = f"refs/pr/{number}"
            answer["pullRequestUrl"] = f"{self._page(repo)}/discussions/{number}"
        sha = self.hub.store.apply(repo, ref.removeprefix("refs/heads/"), self.body)
        self._json(answer | {"commitUrl": f"{self._page(repo)}/commit/{sha}", "commitOid": sha, "success": True})

    def _page(self, repo):
        return f"{self.hub.url}{'' if repo.kind == 'model' else f'/{repo.kind}s'}/{repo.name}"

    def _discussions(self, repo, number):
        if self.command == "POST":
            return self._json({"num": repo.open_pull_request(json.loads(self.body)["title"], self.account["name"])})
        about = [
            {
                "num": index, "title": title, "status": "draft", "isPullRequest": True, "createdAt": DATE,
                "author": {"name": author}, "repo": {"name": repo.name, "type": repo.kind}, "events": [],
                "changes": {"base": "refs/heads/main"}, "filesWithConflicts": [],
            }
            for index, (title, author) in enumerate(repo.pull_requests, 1)
        ]  # fmt: skip
        if number is not None:
            return self._json(about[int(number) - 1])
        return self._json({"discussions": about, "count": len(about), "start": 0, "numClosedDiscussions": 0})

    def _variables(self, repo, _):
        if self.command == "POST":
            asked = json.loads(self.body)
            repo.variables[asked["key"]] = asked["value"]
        self._json({name: {"key": name, "value": value} for name, value in repo.variables.items()})

    def _revision_and_path(self, repo, rest):
        """A revision whose slashes are quoted, or a pull request's, and the path behind it."""
        match = re.fullmatch(r"(refs/pr/[0-9]+|[^/]+)(/?)(.*)", rest)
        repo.resolve(match[1])
        return match[1], match[2], match[3]
