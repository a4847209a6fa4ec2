"""transformers' own test files of the installed release, from its source distribution, unpacked once an environment.

Its tests import parts of the repository that the distribution leaves out: empty mixins stand in for those here.
"""

import importlib
import subprocess
import sys
import tarfile
import unittest
from pathlib import Path
from types import ModuleType
from typing import Any

import transformers
from filelock import FileLock

PACKAGE = "tests_of_transformers"
FOLDER = Path(sys.prefix) / "share" / f"transformers-{transformers.__version__}"
LEFT_OUT_OF_THE_DISTRIBUTION = {
    "exporters/test_export.py": "class ExportTesterMixin: ...\n",
    "generation/test_utils.py": "class GenerationTesterMixin: ...\n",
    "utils/test_configuration_utils.py": "config_common_kwargs = {}\n",
    "../fetch_hub_objects_for_ci.py": "def url_to_local_path(url):\n    return url\n",
}


def from_tests_of_transformers(module: str) -> ModuleType:
    """A module among the tests of the installed transformers, such as `test_modeling_common`."""
    with FileLock(f"{FOLDER}.lock"):
        if not FOLDER.is_dir():
            _unpack(FOLDER)
    if str(FOLDER) not in sys.path:
        sys.path.append(str(FOLDER))
    return importlib.import_module(f"{PACKAGE}.{module}")


def _unpack(folder: Path) -> None:
    """Download the source distribution, and take its test files alone."""
    work = folder.with_suffix(".part")
    package = work / PACKAGE
    package.mkdir(parents=True, exist_ok=True)
    wanted = f"transformers=={transformers.__version__}"
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", wanted]
    subprocess.run([*download, "--dest", str(work)], check=True, timeout=300)
    archive = next(work.glob("transformers-*.tar.gz"))
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            path = Path(member.name)
            if member.isfile() and path.parts[1:2] == ("tests",) and path.suffix == ".py" and len(path.parts) == 3:
                stream: Any = tar.extractfile(member)
                (package / path.name).write_bytes(stream.read())
    archive.unlink()
    (package / "__init__.py").write_text("from transformers import *\n")
    for name, text in LEFT_OUT_OF_THE_DISTRIBUTION.items():
        file = package / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        if file.parent not in (package, package / ".."):
            (file.parent / "__init__.py").touch()
    work.rename(folder)


def leave_out(reasons: dict[str, str]) -> Any:
    """Skip those of a class's tests whose names begin so, each with its reason; an error if there are none."""

    def decorated(case: type) -> type:
        for beginning, reason in reasons.items():
            names = [name for name in dir(case) if name.startswith(beginning)]
            assert names, f"{case.__name__} has no test that begins with {beginning}"
            for name in names:
                setattr(case, name, unittest.skip(reason)(lambda self: None))
        return case

    return decorated
