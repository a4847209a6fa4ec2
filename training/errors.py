"""Errors for people: what was given, what is allowed, what to do."""

import errno
import re
import sys
from collections.abc import Callable


class InputError(ValueError):
    """Something the user gave cannot be used; the message says what, and what can."""


# What a full disk (quota, largest file) and a folder that cannot be written to make Python raise, and, as text alone,
# safetensors and torch.
_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM)
_UNWRITABLE_TEXT = re.compile(r"os error (28|122|27|30|13|1)\b|PytorchStreamWriter failed|file write failed")


def run_command(command: Callable[[], None]) -> None:
    """Run a command's `main`.

    An `InputError`, or a disk that is full or cannot be written to, ends it with one line and exit status 2, and Ctrl-C
    with 130.
    """
    try:
        command()
        from torch import distributed  # no process that reads videos has to wait for it

        if distributed.is_available() and distributed.is_initialized():  # its threads may abort a process that ends
            distributed.destroy_process_group()
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
        sys.exit(130)
    except Exception as error:
        text = str(error) if isinstance(error, InputError) else _why_unwritable(error)
        if text is None:
            raise
        from accelerate import PartialState

        if PartialState().is_main_process:
            sys.stderr.write(f"error: {text}\n")
        sys.exit(2)


def _why_unwritable(error: BaseException | None) -> str | None:
    """What to tell of an error that stands for a disk that cannot be written to, or was raised by one; else None."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _UNWRITABLE:
            what = f"{error.filename or 'a file'} cannot be written: {error.strerror}"
            return f"{what}; make room or choose another place, and give the command again"
        if _UNWRITABLE_TEXT.search(str(error)):
            what = f"a file cannot be written: {' '.join(str(error).split())}"
            return f"{what}; make room, and give the command again"
        error = error.__cause__ or error.__context__
    return None
