"""Commands on a disk that is full, or stopped by Ctrl-C; as a script, the process that runs them.

It takes one JSON line a command and forks for each, so that the long imports are made once.
"""

import fcntl
import gc
import importlib
import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


class Commands:
    """The process; `home` takes the place of the user's caches."""

    def __init__(self, home):
        environment = os.environ | {"HF_DATASETS_CACHE": str(home), "HF_HUB_OFFLINE": "1"}
        self.process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env=environment,
            text=True,
        )

    def run(self, name, *arguments, file_bytes=None, stop_after=None, stdout=None):
        """Run a command.

        Args:
            name: `aullm`, or a module with a `main`.
            arguments: Of its command line.
            file_bytes: No file can become larger, as if the disk were full then.
            stop_after: Seconds of its work (time of the CPU), after which Ctrl-C is pressed.
            stdout: A file instead of what is returned.

        Returns:
            Exit status, standard output, standard error and seconds of the CPU.
        """
        asked = [name, [*map(str, arguments)], file_bytes, stop_after, stdout]
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def _run(name, arguments, file_bytes, stop_after):
    """In the forked process."""
    from modeling_aullm.command import cli
    from training.errors import run_command

    sys.argv = [name, *arguments]
    if file_bytes is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
    if stop_after is not None:
        signal.signal(signal.SIGPROF, lambda *_: os.kill(os.getpid(), signal.SIGINT))
        signal.setitimer(signal.ITIMER_PROF, stop_after)
    try:
        if name == "aullm":
            return cli.main(arguments)
        run_command(importlib.import_module(name).main)
        return 0
    finally:  # what Python does at its own end is not asked about here
        signal.setitimer(signal.ITIMER_PROF, 0)


def _fork(name, arguments, file_bytes, stop_after, stdout):
    pipes = [os.pipe(), os.pipe()]  # files would be cut off, too
    for _, written in pipes:
        fcntl.fcntl(written, fcntl.F_SETPIPE_SZ, 1 << 20)
    child = os.fork()
    if not child:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.dup2(pipes[0][1] if stdout is None else os.open(stdout, os.O_WRONLY), 1)
        os.dup2(pipes[1][1], 2)
        sys.exit(_run(name, arguments, file_bytes, stop_after))
    _, status, used = os.wait4(child, 0)
    answer = [os.waitstatus_to_exitcode(status)]
    for read, written in pipes:
        os.close(written)
        with os.fdopen(read, "rb") as file:
            answer.append(file.read().decode(errors="replace"))
    return [*answer, used.ru_utime + used.ru_stime]


def _serve():
    gc.disable()  # what is imported is here to stay, and need not be looked through
    for module in ("hub.prepare", "hub.evaluate", "training.train", "training.loso", "modeling_aullm.prediction"):
        importlib.import_module(module)
    import torch

    gc.freeze()
    gc.enable()
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of the terminal, while the tests run
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_fork(*json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.path[:0] = [str(ROOT)]
    _serve()
