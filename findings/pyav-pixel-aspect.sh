#!/usr/bin/env bash
# PyAV (av) 18.1.0: the `sample_aspect_ratio` set on a video encoder never reaches a Matroska or AVI file, so pictures
# whose pixels are not square are written as if they were. Only what the codec puts into its own data (H.264) is left:
# FFV1, VP9 and ProRes lose the ratio; VP9 keeps it in MP4, and copying the packets of that MP4 into an MKV
# (`add_stream_from_template`) loses it, too. Nothing says so.
# Source: https://github.com/PyAV-Org/PyAV, av/container/output.py, which hands the codec's parameters to the stream but
# does not set AVStream.sample_aspect_ratio, from which FFmpeg's Matroska and AVI muxers write the ratio.
# One would expect a container that has a field for the ratio to keep it: FFmpeg's own program keeps 4:3 for FFV1 in MKV
# and AVI and for VP9 in MKV. It matters where lossless FFV1 in MKV is the archive copy of a camera's recordings.
# Seen, ratio read back after 4:3 was set: H.264 mkv, VP9 mp4 and ProRes mov 4/3; FFV1 mkv, FFV1 avi, VP9 mkv,
# ProRes mkv and VP9 copied from mp4 to mkv None. Exits non-zero if PyAV behaves otherwise.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check av==18.1.0
cat > "$work/ratio.py" <<'PYTHON'
import sys
from fractions import Fraction
from pathlib import Path

import av

folder = Path(sys.argv[1])
ratio = Fraction(4, 3)


def written(codec, container, pixels="yuv420p"):
    path = folder / f"{codec}.{container}"
    with av.open(path, "w") as file:
        stream = file.add_stream(codec, rate=25, width=64, height=64, pix_fmt=pixels)
        stream.codec_context.sample_aspect_ratio = ratio
        for _ in range(5):
            file.mux(stream.encode(av.VideoFrame(64, 64, pixels)))
        file.mux(stream.encode())
    return path


def copied(source, container):
    path = folder / f"copy.{container}"
    with av.open(source) as old, av.open(path, "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)
    return path


def read(path):
    with av.open(path) as file:
        stream = file.streams.video[0]
        assert sum(1 for _ in file.decode(stream)) == 5
        return stream.sample_aspect_ratio


vp9 = written("libvpx-vp9", "mp4")
kept = {
    "H.264 mkv": written("libx264", "mkv"),
    "VP9 mp4": vp9,
    "ProRes mov": written("prores_ks", "mov", "yuv422p10le"),
}
lost = {
    "FFV1 mkv": written("ffv1", "mkv"),
    "FFV1 avi": written("ffv1", "avi"),
    "VP9 mkv": written("libvpx-vp9", "mkv"),
    "ProRes mkv": written("prores_ks", "mkv", "yuv422p10le"),
    "VP9 mp4 copied to mkv": copied(vp9, "mkv"),
}
found = {name: read(path) for name, path in (kept | lost).items()}
print("PyAV", av.__version__, {name: str(value) for name, value in found.items()})
sys.exit({name: value for name, value in found.items() if value is not None} != dict.fromkeys(kept, ratio))
PYTHON
"$work/venv/bin/python" "$work/ratio.py" "$work"
echo "as described: the ratio is kept only where the codec or MP4 carries it"
