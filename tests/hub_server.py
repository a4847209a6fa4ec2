"""A stand-in for the Hub on 127.0.0.1: enough of its HTTP interface for the unmodified clients, through HF_ENDPOINT.

Speaks: whoami, create and delete, settings, repository information, refs, commits, tree (in pages), paths-info,
validate-yaml, preupload, Git LFS (basic and multipart), commit, discussions and pull requests, a Space's variables,
resolve with ETag and range. It does not speak Xet: give the clients HF_HUB_DISABLE_XET=1, as `environment` does.

    with StandInHub() as hub:
        subprocess.run(..., env=os.environ | hub.environment(tmp_path))
"""

import hashlib
import json
import math
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import yaml
from hub_api import KINDS, RepositoryApi
from hub_store import Refusal, Store

ACCOUNTS = {
    "hf_owner": {"name": "owner", "orgs": ["lab"]},
    "hf_member": {"name": "member", "orgs": ["lab"]},
    "hf_stranger": {"name": "stranger", "orgs": []},
}


class StandInHub:
    """The server, in a thread; its content is `store`, and everything it was asked stands in `requests`.

    Args:
        part_size: Bytes from which a large file is uploaded in parts.
        page_size: Entries of a page of the tree.
    """

    def __init__(self, *, part_size=1 << 22, page_size=100):
        self.store, self.requests = Store(), []
        self.part_size, self.page_size = part_size, page_size
        self.on_request = lambda method, path: None  # a test's hook, called before a request is answered
        hub = self

        class Handler(_Handler):
            pass

        Handler.hub = hub
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def environment(self, home, token="hf_owner"):
        """Variables for a client of this server that has its own caches in `home`."""
        return {
            "HF_ENDPOINT": self.url,
            "HF_TOKEN": token,
            "HF_HOME": str(home),
            "HF_HUB_CACHE": f"{home}/hub",
            "HF_DATASETS_CACHE": f"{home}/datasets",
            "HF_MODULES_CACHE": f"{home}/modules",
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_OFFLINE": "0",
        }

    def asked(self, method, pattern):
        """Paths of the requests so far, of this method, that a regular expression is found in."""
        return [path for made, path in self.requests if made == method and re.search(pattern, path)]


class _Handler(RepositoryApi, BaseHTTPRequestHandler):
    hub: StandInHub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def _answer_any(self):
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self._chunked() if self.headers.get("Transfer-Encoding") == "chunked" else self.rfile.read(length)
        self.hub.requests.append((self.command, self.path))
        split = urlsplit(self.path)
        self.query = {name: values[-1] for name, values in parse_qs(split.query).items()}
        try:
            self.hub.on_request(self.command, self.path)
            self._route(split.path)
        except Refusal as refusal:
            headers = {"X-Error-Message": refusal.message} | ({"X-Error-Code": refusal.code} if refusal.code else {})
            self._json({"error": refusal.message}, refusal.status, headers | getattr(refusal, "headers", {}))
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _answer_any

    def _chunked(self):
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _send(self, content=b"", status=200, headers=None):
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(content))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _json(self, value, status=200, headers=None):
        self._send(json.dumps(value).encode(), status, {"Content-Type": "application/json"} | (headers or {}))

    # Who asks, and for what.

    @property
    def account(self):
        return ACCOUNTS.get((self.headers.get("Authorization") or "").removeprefix("Bearer "))

    def _may_write(self, name):
        account = self.account or {"name": None, "orgs": []}
        return name.partition("/")[0] in (account["name"], *account["orgs"])

    def _repo(self, kind, name, *, write=False):
        repo = self.hub.store.repos.get((kind, name))
        if repo is None or (repo.private and not self._may_write(name)):
            raise Refusal(404 if self.account else 401, "RepoNotFound", "Repository not found")
        if write and not self._may_write(name):
            raise Refusal(403, "", "You don't have the rights to write to this repo")
        return repo

    def _route(self, path):
        routes = [
            (r"/api/whoami-v2", self._whoami),
            (r"/api/validate-yaml", self._validate_yaml),
            (r"/api/repos/(create|delete)", self._create_or_delete),
            (r"/api/(models|datasets|spaces)/([^/]+/[^/]+)(?:/([a-z-]+)(?:/(.*))?)?", self._api),
            (r"/(?:(datasets|spaces)/)?([^/]+/[^/]+)\.git/info/lfs/objects/batch", self._lfs_batch),
            (r"/lfs/([0-9a-f]{64})(?:/([0-9]+|verify|complete))?", self._lfs),
            (r"/large/([^/]+/[^/]+/[^/]+)/([^/]+)/(.*)", self._large),
            (r"/(?:(datasets|spaces)/)?([^/]+/[^/]+)/resolve/([^/]+)/(.*)", self._resolve),
        ]
        for pattern, answer in routes:
            if match := re.fullmatch(pattern, path):
                return answer(*match.groups())
        raise Refusal(404, "", f"The stand-in does not know {path}")

    def _whoami(self):
        if self.account is None:
            raise Refusal(401, "", "Invalid credentials in Authorization header")
        orgs = [{"name": name, "type": "org"} for name in self.account["orgs"]]
        self._json({"type": "user", "name": self.account["name"], "orgs": orgs, "auth": {"type": "access_token"}})

    def _validate_yaml(self):
        content = json.loads(self.body)["content"]
        front = re.match(r"---\n(.*?)\n---\n", content, re.DOTALL)
        try:
            metadata = yaml.safe_load(front[1]) if front else None
        except yaml.YAMLError as error:
            return self._json({"errors": [{"message": str(error)}], "warnings": []}, 400)
        warnings = [] if isinstance(metadata, dict) else [{"message": "empty or missing yaml metadata in repo card"}]
        return self._json({"errors": [], "warnings": warnings})

    def _create_or_delete(self, action):
        asked = json.loads(self.body)
        if self.account is None:
            raise Refusal(401, "", "Invalid credentials in Authorization header")
        name = f"{asked.get('organization') or self.account['name']}/{asked['name']}"
        kind = asked.get("type", "model")
        url = self.hub.url + ("/" if kind == "model" else f"/{kind}s/") + name
        if not self._may_write(name):
            raise Refusal(403, "", "You don't have the rights to create a repo under this namespace")
        if action == "delete":
            self._repo(kind, name, write=True)
            del self.hub.store.repos[kind, name]
            return self._json({})
        try:
            private = asked.get("visibility") == "private"
            repo = self.hub.store.create(kind, name, private, self.account["name"])
        except Refusal as refusal:
            return self._json({"error": refusal.message, "url": url}, 409)
        repo.variables.update({each["key"]: each["value"] for each in asked.get("variables", [])})
        return self._json({"url": url, "name": name, "id": name})

    # Content up and down.

    def _lfs_batch(self, kinds, name):
        self._repo(KINDS.get(kinds, "model"), name)  # not only writers: whoever may read may open a pull request
        objects = []
        for asked in json.loads(self.body)["objects"]:
            oid, size = asked["oid"], asked["size"]
            entry = {"oid": oid, "size": size}
            if oid not in self.hub.store.objects:
                href = f"{self.hub.url}/lfs/{oid}"
                upload = {"href": href}
                if size > self.hub.part_size:
                    count = math.ceil(size / self.hub.part_size)
                    parts = {str(number): f"{href}/{number}" for number in range(1, count + 1)}
                    upload = {"href": f"{href}/complete", "header": {"chunk_size": str(self.hub.part_size)} | parts}
                entry["actions"] = {"upload": upload, "verify": {"href": f"{href}/verify"}}
            objects.append(entry)
        self._json({"transfer": "basic", "objects": objects})

    def _lfs(self, oid, step):
        store = self.hub.store
        if step == "verify":
            if len(store.objects.get(oid, b"")) != json.loads(self.body)["size"]:
                raise Refusal(400, "", "Wrong size")
            return self._json({})
        if step == "complete":
            parts = store.parts.pop(oid)
            content = b"".join(parts[part["partNumber"]] for part in json.loads(self.body)["parts"])
        elif step:
            store.parts.setdefault(oid, {})[int(step)] = self.body
            return self._send(headers={"ETag": f'"{oid[:8]}-{step}"'})
        else:
            content = self.body
        if hashlib.sha256(content).hexdigest() != oid:
            raise Refusal(400, "", "Content does not have the SHA-256 it was announced with")
        store.objects[oid] = content
        return self._json({})

    def _resolve(self, kinds, name, revision, path):
        repo = self._repo(KINDS.get(kinds, "model"), name)
        sha = repo.resolve(unquote(revision))
        commit = {"X-Repo-Commit": sha}
        file = repo.commits[sha][2].get(unquote(path))
        if file is None:
            refusal = Refusal(404, "EntryNotFound", "Entry not found")
            refusal.headers = commit
            raise refusal
        if not file.large:
            return self._content(file, commit | {"ETag": f'"{file.oid}"'})
        linked = {"X-Linked-Size": str(file.size), "X-Linked-Etag": f'"{file.sha256}"'}
        # Another host's, as the Hub's content network is: the client then takes the size and ETag of this answer, and
        # leaves its token out of the next request.
        elsewhere = f"{self.hub.url.replace('127.0.0.1', 'localhost')}/large/{repo.kind}/{name}/{sha}/{path}"
        return self._send(status=302, headers=commit | linked | {"Location": elsewhere})

    def _large(self, kind_and_name, sha, path):
        kind, _, name = kind_and_name.partition("/")
        file = self.hub.store.repos[kind, name].files(sha)[unquote(path)]
        self._content(file, {"ETag": f'"{file.sha256}"'})

    def _content(self, file, headers):
        content, headers = file.content, headers | {"Accept-Ranges": "bytes"}
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if asked and content:
            first, last = int(asked[1]), min(int(asked[2] or len(content) - 1), len(content) - 1)
            if first > last:
                raise Refusal(416, "", "Range not satisfiable")
            headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
            return self._send(content[first : last + 1], 206, headers)
        if file.claim is not None:
            headers["Content-Length"] = str(file.claim)
            self.close_connection = True
        return self._send(content, headers=headers)
