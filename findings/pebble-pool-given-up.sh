#!/usr/bin/env bash
# pebble 5.2.3, ProcessPool.
# Expected: a worker that ends costs the task that it was at work on, which raises ProcessExpired, and another takes its place
#   (documentation, "Pools": workers are restarted if they terminate abruptly).
# Seen: so it is if the worker was known to be at work. One that ends while no task is acknowledged - an idle one that the
#   system takes for its memory - makes the pool give up for good: what was scheduled before raises BrokenProcessPool
#   ("All workers expired"), scheduling more raises RuntimeError, though new workers could be begun.
# Way out: on either make another pool and schedule anew what was not done.
# Source: https://github.com/noxdafox/pebble/blob/master/pebble/pool/process.py (find_expired_task)
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pebble==5.2.3
cat > "$work/pools.py" <<'PY'
import os
import signal
import time
from multiprocessing import get_context

from pebble import ProcessExpired, ProcessPool


def end_itself():
    time.sleep(1)  # until the pool knows that it is at work
    os.kill(os.getpid(), signal.SIGTERM)


def tried(call):
    try:
        return call()
    except Exception as error:
        return type(error).__name__


if __name__ == "__main__":
    with ProcessPool(1, context=get_context("spawn")) as pool:
        at_work = tried(pool.schedule(end_itself).result), isinstance(tried(pool.schedule(os.getpid).result), int)
    with ProcessPool(1, context=get_context("spawn")) as pool:
        os.kill(pool.schedule(os.getpid).result(), signal.SIGTERM)  # now idle
        time.sleep(2)
        idle = [tried(lambda: pool.schedule(os.getpid).result()) for _ in range(2)]
    print("ended at work, and the next:", *at_work)
    print("ended while idle, and the next two:", *idle)
    assert at_work == (ProcessExpired.__name__, True), "what is expected has changed"
    assert "BrokenProcessPool" in idle or "RuntimeError" in idle, "the pool goes on"
PY
"$work/venv/bin/python" "$work/pools.py"
