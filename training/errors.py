"""Errors for people: what was given, what is allowed, what to do."""

import sys
from collections.abc import Callable

from accelerate import PartialState


class InputError(ValueError):
    """Something the user gave cannot be used; the message says what, and what can."""


def run_command(command: Callable[[], None]) -> None:
    """Run a command's `main`; an `InputError` ends it with one line and exit status 2, and Ctrl-C with 130."""
    try:
        command()
    except InputError as error:
        if PartialState().is_main_process:
            sys.stderr.write(f"error: {error}\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
        sys.exit(130)
