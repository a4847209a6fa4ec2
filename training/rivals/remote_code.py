"""The code that travels with a checkpoint, so that it loads where this package is not.

A checkpoint's code lies flat in one folder: what our files import from `modeling_aullm` is put beside them, and the
imports are turned into those of siblings.
"""

import importlib.util
import re
import shutil
from pathlib import Path

IMPORT = re.compile(r"^from modeling_aullm\.(\w+) import", re.MULTILINE)
SIBLING = re.compile(r"^from \.(\w+) import", re.MULTILINE)


def make_standalone(folder: Path) -> None:
    """Give a checkpoint's folder the files of `modeling_aullm` that its code needs.

    Args:
        folder: Holds what transformers has copied: the model's file and its siblings. Nothing is done where the model
            was itself loaded from such a folder.
    """
    wanted: set[str] = set()
    for file in folder.glob("*.py"):
        code = file.read_text(encoding="utf-8")
        if found := IMPORT.findall(code):
            wanted.update(found)
            file.write_text(IMPORT.sub(r"from .\1 import", code), encoding="utf-8")
    package = importlib.util.find_spec("modeling_aullm") if wanted else None
    beside = Path(str(package.origin)).parent if package else folder
    done: set[str] = set()
    while wanted - done:
        name = (wanted - done).pop()
        shutil.copyfile(beside / f"{name}.py", folder / f"{name}.py")
        wanted.update(SIBLING.findall((folder / f"{name}.py").read_text(encoding="utf-8")))
        done.add(name)
