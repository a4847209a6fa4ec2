"""Damaged files, and a process to read them in: a hang or gigabytes of memory end that process, not the test.

As a script, that process: it takes a line `function file` at a time, and answers each with one JSON line.
"""

import json
import os
import re
import resource
import select
import signal
import subprocess
import sys
from pathlib import Path

from hypothesis import strategies as st

CPU_SECONDS, WALL_SECONDS = 10, 600  # of one input; a machine may have much else to do, so time waited says little
MEMORY = 1 << 30  # bytes of address space that one input may add
PEAK = 400  # megabytes that it may fill


class Reader:
    """The process. After it was ended by an input, the next input gets a new one."""

    def __init__(self):
        self.process = None

    def read(self, function, path):
        """What reading a file came to: `ok`, or one line for people. Anything else fails the test."""
        if self.process is None:
            command = [sys.executable, __file__]
            one_arena = os.environ | {"MALLOC_ARENA_MAX": "1"}  # address space is what is bounded
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=one_arena
            )
        self.process.stdin.write(f"{function} {path}\n".encode())
        self.process.stdin.flush()
        answer = b""
        if select.select([self.process.stdout], [], [], WALL_SECONDS)[0]:
            answer = self.process.stdout.readline()
        if not answer:
            end = self.close()
            raise AssertionError(f"{path}: the process hung or crashed ({end}; {-signal.SIGPROF} is for time)")
        said = json.loads(answer)
        assert said["expected"], said["text"]
        assert said["peak_mb"] < PEAK, f"{path} took {said['peak_mb']} MB: {said['text']}"
        assert "cannot allocate" not in said["text"], said["text"]
        assert "\n" not in said["text"], said["text"]
        return said["text"]

    def close(self):
        """End the process; returns how it ended."""
        if self.process is None:
            return None
        process, self.process = self.process, None
        process.kill()
        process.stdin.close()
        process.stdout.close()
        return process.wait()


@st.composite
def damaged(draw, content):
    """A file's bytes with some flipped, most often where the headers are, and perhaps the end cut off."""
    size = len(content)
    spans = [(0, min(size, 600)), (max(0, size - 1200), size), (0, size)]
    changed = bytearray(content)
    for _ in range(draw(st.integers(0, 8))):
        start, end = draw(st.sampled_from(spans))
        place = draw(st.integers(start, end - 1))
        changed[place] = draw(
            st.one_of(st.sampled_from([changed[place] ^ 1 << k for k in range(8)]), st.integers(0, 255))
        )
    kept = draw(st.one_of(st.just(size), st.integers(1, size)))
    return bytes(changed[:kept])


def read_video(path):
    """All of a video through the processor, without a search for faces."""
    from modeling_aullm.video_processing_aullm import AULLMVideoProcessor
    from modeling_aullm.video_reading import count_frames

    processor = AULLMVideoProcessor(image_size=16)
    for segment in processor.iter_segments(path, face="cropped"):
        if segment.reason is None:
            assert segment.pixel_values.shape == (6, 16, 16) and segment.start_frame < segment.end_frame
    assert count_frames(path) >= 2


def read_sheet(path):
    """A spreadsheet, as CASME II's."""
    from hub.licensed import LICENSED
    from hub.licensed.annotations import read_annotations

    for remark in read_annotations(Path(path), LICENSED["casme2"])[1]:
        assert remark.clip.isprintable() and "\n" not in remark.what


def read_image(path):
    """An image, as a frame of a licensed dataset."""
    from hub.licensed.images import decode

    assert decode(Path(path).read_bytes(), Path(path).name).shape[2] == 3


def _status(field):
    """A figure of this process in bytes, such as `VmHWM`."""
    return 1024 * int(re.search(rf"{field}:\s+(\d+)", Path("/proc/self/status").read_text())[1])


def _try(function, path):
    from hub.licensed.images import FrameError
    from modeling_aullm.video_stream import VideoError
    from training.errors import InputError

    Path("/proc/self/clear_refs").write_text("5")  # the peak of memory is counted from here
    before = _status("VmHWM")
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)  # ends the process, whatever C code it is in
    try:
        function(path)
        text, expected = "ok", True
    except (FrameError, VideoError, InputError) as error:
        text, expected = str(error), Path(path).name in str(error)
    except BaseException as error:
        text, expected = f"{type(error).__name__}: {error}", False
    signal.setitimer(signal.ITIMER_PROF, 0)
    return {"text": text, "expected": expected, "peak_mb": (_status("VmHWM") - before) >> 20}


def _serve():
    import cv2
    import torch

    # Memory is counted without what imports take.
    import hub.licensed.annotations
    import hub.licensed.images  # noqa: F401
    import modeling_aullm.video_processing_aullm  # noqa: F401

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    limit = _status("VmSize") + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    for line in sys.stdin:
        name, _, path = line.rstrip("\n").partition(" ")
        answers.write(
            json.dumps(_try({"video": read_video, "sheet": read_sheet, "image": read_image}[name], path)) + "\n"
        )
        answers.flush()


if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[1])]
    _serve()
