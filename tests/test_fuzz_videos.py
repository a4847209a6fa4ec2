"""Videos with flipped bytes and missing ends: read, or one line of a `VideoError`."""

import shutil
import struct
from functools import cache

import av
import numpy as np
import pytest
from helpers_fuzz import damaged
from helpers_video import numbered_video, write_folder, write_video
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

FILES = {
    "index_last.mp4": {},
    "index_first.mp4": {"faststart": True},
    "h264.mkv": {},
    "ffv1.mkv": {"codec": "ffv1"},
    "vp8.webm": {"codec": "libvpx"},
    "mpeg4.avi": {"codec": "mpeg4"},
    "animation.gif": None,
}
IMAGES = ("png", "jpg", "bmp", "tif", "webp", "pgm")


@cache
def frames():
    """Twelve small frames with some texture, or there is little to decode."""
    video = numbered_video(12)
    video[:, 20:40, 20:50] = np.random.default_rng(0).integers(0, 255, (20, 30, 3))
    return video


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


@pytest.fixture(scope="module")
def whole(work):
    """Bytes of each file."""
    for name, settings in FILES.items():
        if settings is None:
            first, *others = map(Image.fromarray, frames())
            first.save(work / name, save_all=True, append_images=others, duration=40)
        else:
            write_video(work / name, frames(), **settings)
    return {name: (work / name).read_bytes() for name in FILES}


@pytest.mark.parametrize("name", FILES)
def test_damaged_files(reader, work, whole, name):
    assert reader.read("video", work / name) == "ok"
    path = work / f"damaged_{name}"

    @given(damaged(whole[name]))
    def check(content):
        path.write_bytes(content)
        reader.read("video", path)

    check()


@pytest.mark.parametrize("suffix", IMAGES)
def test_damaged_images_of_a_folder(reader, work, suffix):
    folder = write_folder(work / f"frames_{suffix}", frames()[:3], f"img{{}}.{suffix}")
    path = folder / f"img2.{suffix}"
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 3, "lies on its head"  # orientation, description
    Image.fromarray(frames()[1]).save(path, exif=exif)
    assert reader.read("video", folder) == reader.read("image", path) == "ok"

    @given(damaged(path.read_bytes()))
    def check(content):
        path.write_bytes(content)
        reader.read("video", folder)
        reader.read("image", path)

    check()


def test_folders_of_any_names(reader, work):
    @given(st.lists(st.text(st.characters(exclude_characters="/\0\n", codec="utf-8"), max_size=20), max_size=4))
    def check(names):
        shutil.rmtree(work / "names", ignore_errors=True)
        folder = work / "names"
        folder.mkdir()
        for name in names:
            Image.fromarray(frames()[0]).save(folder / f"{name}.png", "png")
        reader.read("video", folder)

    check()


def test_what_fuzzing_has_found(reader, work, whole):
    """Tags that are no UTF-8 do no harm; a codec that nobody knows and a frame of its own size are errors."""
    path = work / "found.mkv"
    path.write_bytes(whole["h264.mkv"].replace(b"ENCODER", b"\xffNCODER").replace(b"DURATION", b"DURATI\xc5N"))
    assert reader.read("video", path) == "ok"
    path.write_bytes(whole["h264.mkv"].replace(b"00:00:00.4", b"00:0z:00.4"))
    assert reader.read("video", path) == "ok"
    path.write_bytes(whole["h264.mkv"].replace(b"V_MPEG4", b"V_NPEG4"))
    assert "FFmpeg does not know" in reader.read("video", path)
    content = bytearray(whole["vp8.webm"])
    size = content.index(b"\x9d\x01\x2a") + 3  # of the first frame, in its own header
    content[size : size + 4] = struct.pack("<HH", 9000, 9000)
    path.write_bytes(content)
    assert "frame 0" in reader.read("video", path)


def test_a_time_far_ahead_costs_nothing(reader, work):
    path = work / "ahead.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=30)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "bgr0"
        for index, image in enumerate(frames()):
            picture = av.VideoFrame.from_ndarray(image, format="rgb24")
            picture.pts = index + (10**10 if index > 5 else 0)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    assert reader.read("video", path) == "ok"
