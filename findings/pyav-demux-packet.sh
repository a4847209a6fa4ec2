#!/usr/bin/env bash
# PyAV (av) 18.1.0: a demux generator that is dropped before its end does not run its `finally` and keeps its read
# packet and stream table for good, 0.25 kB a file. `container.close()` does not give them back, nor does closing the
# generator of `decode`; only reading to the end, or `close()` of the generator of `demux` itself, does.
# Source: https://github.com/PyAV-Org/PyAV, InputContainer.demux in av/container/input.py: `finally` frees both.
# Python closes a generator that goes out of scope, and so runs its `finally`; PyAV 15.1 and 16.1 do so (0 bytes), 18.0
# and 18.1, whose wheels are built for Python's stable ABI, do not. It matters to whoever takes the first frame of many
# files: `next(container.decode(video=0))` is the usual way to do it.
# Seen, bytes a file: 16.1.0 to the end 0, dropped 0, decode closed 1, demux closed 0;
#                     18.1.0 to the end 0, dropped 254, decode closed 255, demux closed 0.
# Linux only (reads the process's memory from /proc). Exits non-zero if PyAV behaves otherwise.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
python="$work/venv/bin/python"
"$python" -m pip install --quiet --disable-pip-version-check numpy==2.4.6
"$python" -m pip install --quiet --disable-pip-version-check --no-deps --target "$work/before" av==16.1.0
"$python" -m pip install --quiet --disable-pip-version-check --no-deps --target "$work/now" av==18.1.0
cat > "$work/open.py" <<'PYTHON'
import sys
from pathlib import Path

import av
import numpy as np

path = sys.argv[1]
with av.open(path, "w") as file:
    stream = file.add_stream("mpeg4", rate=25, width=64, height=64, pix_fmt="yuv420p")
    for level in range(0, 200, 20):
        file.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((64, 64, 3), level, np.uint8), format="rgb24")))
    file.mux(stream.encode())


def to_the_end(file):
    for _ in file.demux(video=0):
        pass


def dropped(file):
    next(file.decode(video=0))


def decode_closed(file):
    frames = file.decode(video=0)
    next(frames)
    frames.close()


def demux_closed(file):
    packets = file.demux(video=0)
    next(packets)
    packets.close()


def resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def bytes_a_file(read, files=5000):
    for number in range(2 * files):
        if number == files:  # the first half warms the allocator up
            before = resident_bytes()
        with av.open(path) as file:
            read(file)
    return (resident_bytes() - before) / files


found = {read.__name__: bytes_a_file(read) for read in (to_the_end, dropped, decode_closed, demux_closed)}
print(f"PyAV {av.__version__}, bytes a file:", {name: round(size) for name, size in found.items()})
kept = {name for name, size in found.items() if size > 100}
sys.exit(kept != ({"dropped", "decode_closed"} if sys.argv[2] == "kept" else set()))
PYTHON
PYTHONPATH="$work/before" "$python" "$work/open.py" "$work/small.mkv" freed
PYTHONPATH="$work/now" "$python" "$work/open.py" "$work/small.mkv" kept
echo "as described: PyAV 16.1 gives the packet of a dropped demuxer back, 18.1 keeps it"
