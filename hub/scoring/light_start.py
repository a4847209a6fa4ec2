"""How a process that only reads begins: the package sees by `aullm_command` that nobody wants torch or transformers."""

import sys
from types import ModuleType


def start_lightly() -> None:
    """To be called before anything else of the package is imported."""
    sys.modules.setdefault("aullm_command", ModuleType("aullm_command"))
