"""How a process that only reads begins: the package sees by `aullm_command` that nobody wants torch or transformers."""

from importlib import import_module


def start_lightly() -> None:
    """To be called before anything else of the package is imported."""
    import_module("aullm_command")
