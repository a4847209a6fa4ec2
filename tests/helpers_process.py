"""`python -m MODULE` and `python -P -c CODE` as processes of their own, without the seconds that imports take.

As a script, the process that they are forked from. It has imported what no variable of a test's changes; what some do
(huggingface_hub, and all that stands on it), each of them imports by itself.
"""

import gc
import importlib
import json
import os
import runpy
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

IMPORTED = (
    "torch._dynamo", "torch.distributed.checkpoint", "torch.distributed.tensor", "sklearn.metrics", "pandas",
    "matplotlib.pyplot", "cv2", "av", "aiohttp", "httpx", "fastapi", "tokenizers", "tqdm.auto",
)  # fmt: skip


def run_python(kind, program, arguments, environment, folder):
    """Run a program to its end.

    Args:
        kind: `-m` for a module, which is looked for in the folder first, `-c` for code, for which none is.
        program: The module's name, or the code.
        arguments: Of its command line.
        environment: All of its variables.
        folder: Where it runs.

    Returns:
        What `subprocess.run` does, with what the program wrote as text.
    """
    command = [kind, program, *map(str, arguments)]
    with TemporaryDirectory() as written:
        asked = {"command": command, "environment": environment, "folder": str(folder), "written": written}
        process = _forking()
        process.stdin.write(json.dumps(asked) + "\n")
        process.stdin.flush()
        status = int(process.stdout.readline())
        output, errors = (Path(written, name).read_text() for name in ("stdout", "stderr"))
    return subprocess.CompletedProcess(command, status, output, errors)


@cache
def _forking():
    """The process, one for all tests of this one; it ends with it, when there is no more to read."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-P", __file__], **pipes)


def _run(command, environment, folder, written):
    """In the forked process."""
    gc.set_threshold(100_000)
    gc.enable()
    for number, name in enumerate(("stdout", "stderr"), 1):
        os.dup2(os.open(Path(written, name), os.O_CREAT | os.O_WRONLY), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    kind, program, *arguments = command
    sys.argv = [kind, *arguments]
    if kind == "-m":
        sys.path.insert(0, folder)
        runpy.run_module(program, run_name="__main__", alter_sys=True)
    else:
        exec(compile(program, "<string>", "exec"), {"__name__": "__main__"})


def _serve():
    gc.disable()  # what is imported is here to stay, and need not be looked through
    for name in IMPORTED:
        importlib.import_module(name)
    gc.freeze()
    assert "huggingface_hub" not in sys.modules
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        child = os.fork()
        if not child:
            return _run(**json.loads(line))
        _, status = os.waitpid(child, 0)
        answers.write(f"{os.waitstatus_to_exitcode(status)}\n")
        answers.flush()


if __name__ == "__main__":
    _serve()
