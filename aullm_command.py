"""Where the command `aullm` begins: outside the package, which tells by this module that only the command is wanted."""

from modeling_aullm.command.cli import main

__all__ = ["main"]
