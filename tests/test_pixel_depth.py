"""Frames of more than 8 bits: as scientific cameras write them, in every kind of source, by one scale a clip."""

import struct
import tracemalloc
import zlib
from fractions import Fraction
from functools import partial

import av
import cv2
import numpy as np
import pytest
import tifffile
import torch
from helpers_video import face_video, numbered_video, write_folder
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from modeling_aullm import image_file
from modeling_aullm.processing_aullm import AULLMProcessor
from modeling_aullm.video_reading import VideoError, count_frames, open_video

GREY, COLOUR = numbered_video(8)[..., 0], numbered_video(8) - np.uint8([0, 5, 9])


def read(source):
    with open_video(source) as stream:
        return stream, np.stack([frame.image for frame in stream])


def deepened(video, bits, seed=0):
    """The video as a camera of so many bits has it, whose upper 8 are the video's own."""
    noise = np.random.default_rng(seed).integers(0, 1 << (bits - 8), video.shape)
    return ((video.astype(int) << (bits - 8)) + noise).astype(np.uint16)


def netpbm(path, image, maxval):
    kind = "P5" if image.ndim == 2 else "P6"
    height, width = image.shape[:2]
    path.write_bytes(f"{kind}\n{width} {height}\n{maxval}\n".encode() + image.astype(">u2").tobytes())


def write_each(folder, video, write, suffix):
    folder.mkdir(exist_ok=True)
    for index, image in enumerate(video):
        write(folder / f"img{index}.{suffix}", image)
    return folder


def by_opencv(path, image):
    cv2.imwrite(str(path), image if image.ndim == 2 else image[..., ::-1])


def pages(path, video):
    cv2.imwritemulti(str(path), [image if image.ndim == 2 else image[..., ::-1] for image in video])
    return path


def film(path, video, codec="ffv1", pix_fmt="gray16le", stored="gray16le", options=None):
    """A video file of 16 bits, or of fewer where its format has fewer."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width = video.shape[1:3]
        stream.pix_fmt, stream.options = pix_fmt, options or {}
        for index, image in enumerate(video):
            picture = av.VideoFrame.from_ndarray(image, format=stored).reformat(format=pix_fmt)
            picture.pts, picture.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def opened(folder):
    return [Image.open(path) for path in sorted(folder.iterdir())]


KINDS = {
    "png": lambda at, video: write_each(at / "png", video, by_opencv, "png"),
    "tif": lambda at, video: write_each(at / "tif", video, by_opencv, "tif"),
    "pgm": lambda at, video: write_each(at / "pgm", video, partial(netpbm, maxval=65535), "pgm"),
    "pages": lambda at, video: pages(at / "pages.tif", video),
    "files of PIL": lambda at, video: opened(write_each(at / "opened", video, by_opencv, "png")),
    "array": lambda at, video: video,
    "tensor": lambda at, video: torch.from_numpy(video),
    "list": lambda at, video: list(video),
    "big-endian": lambda at, video: video.astype(">u2"),
}
GREY_KINDS = {
    "PIL": lambda at, video: [Image.fromarray(image) for image in video],
    "PIL, 32 bits": lambda at, video: [Image.fromarray(image.astype(np.int32)) for image in video],
    "float": lambda at, video: [Image.fromarray(image.astype(np.float32)) for image in video],
    "ffv1": lambda at, video: film(at / "deep.mkv", video),
}
COLOUR_KINDS = {
    "ffv1": lambda at, video: film(at / "colour.mkv", video, pix_fmt="gbrp16le", stored="rgb48le"),
    "png in mov": lambda at, video: film(at / "colour.mov", video, "png", "rgb48be", "rgb48le"),
}
ALL_KINDS = [
    *((write, GREY) for write in (KINDS | GREY_KINDS).values()),
    *((write, COLOUR) for write in (KINDS | COLOUR_KINDS).values()),
]


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
@pytest.mark.parametrize(("write", "video"), ALL_KINDS, ids=[*KINDS, *GREY_KINDS, *KINDS, *COLOUR_KINDS])
def test_deep_frames_are_those_of_eight_bits(tmp_path, write, video, bits):
    stream, frames = read(write(tmp_path, deepened(video, bits)))
    np.testing.assert_array_equal(frames, video if video.ndim == 4 else np.repeat(video[..., None], 3, axis=-1))
    assert stream.bits == bits and stream.recording == {"bits": bits}


def test_a_face_of_twelve_bits_is_found_as_one_of_eight(tmp_path):
    processor, video = AULLMProcessor(), face_video(8)
    expected = processor(videos=video).pixel_values
    folder = write_each(tmp_path / "colour", deepened(video, 12), by_opencv, "png")
    np.testing.assert_array_equal(processor(videos=folder).pixel_values, expected)
    (segment,) = processor.video_processor.iter_segments(str(folder))
    assert segment.recording == {"bits": 12}
    (marked,) = processor.video_processor.iter_segments(str(folder), onset=1, offset=6)
    assert marked.recording == {"bits": 12}


@given(st.lists(st.integers(0, 65535), min_size=2, max_size=12), st.sampled_from(["png", "pages", "array", "list"]))
@settings(max_examples=25)
def test_one_scale_holds_for_all_frames_whichever_is_brightest(tmp_path_factory, values, kind):
    folder = tmp_path_factory.mktemp("scale")
    video = np.stack([np.full((32, 32), value, np.uint16) for value in values])
    stream, frames = read(KINDS[kind](folder, video))
    bits = next(bits for bits in (8, 10, 12, 14, 16) if max(values) < 1 << bits)
    assert stream.bits == bits and stream.recording == ({} if bits == 8 else {"bits": bits})
    assert frames[:, 0, 0, 0].tolist() == [value >> (bits - 8) for value in values]


def tagged(path, image, **tags):
    Image.fromarray(image).save(path, tiffinfo={int(name.removeprefix("tag")): value for name, value in tags.items()})


STATED = {
    "MaxSampleValue": (partial(tagged, tag281=4095), "tif"),
    "SMaxSampleValue": (partial(tagged, tag341=4095), "tif"),
    "maxval": (partial(netpbm, maxval=4095), "pgm"),
    "maxval of colour": (lambda path, image: netpbm(path, np.dstack([image] * 3), 4095), "ppm"),
}


@pytest.mark.parametrize("name", STATED)
def test_a_depth_that_the_file_states_holds_also_of_a_dark_clip(tmp_path, name):
    dark = deepened(GREY // 8, 12)
    stream, frames = read(write_each(tmp_path / "frames", dark, *STATED[name]))
    assert stream.bits == 12
    np.testing.assert_array_equal(frames[..., 0], GREY // 8)


def test_what_a_file_states_of_sixteen_bits_says_nothing(tmp_path):
    """Writers put there what the file could hold, whatever the camera had."""
    stream, frames = read(write_each(tmp_path / "frames", deepened(GREY, 12), partial(tagged, tag281=65535), "tif"))
    assert stream.bits == 12
    np.testing.assert_array_equal(frames[..., 0], GREY)


def test_pixels_in_the_upper_bits_are_of_sixteen(tmp_path):
    left = deepened(GREY, 12) << 4
    stream, frames = read(write_each(tmp_path / "frames", left, by_opencv, "png"))
    assert stream.bits == 16
    np.testing.assert_array_equal(frames[..., 0], GREY)


@pytest.mark.parametrize("highest", [1, 1.02, 255, 4095])
def test_float_pictures_are_read_by_their_values(tmp_path, highest):
    video = (GREY / np.float32(255) * np.float32(highest)).astype(np.float32)
    stream, frames = read(write_each(tmp_path / "frames", video, by_opencv, "tif"))
    assert stream.bits == (12 if highest == 4095 else 8)
    np.testing.assert_allclose(frames[..., 0], GREY, atol=6 if highest == 1.02 else 1)


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (np.full((32, 32), -5, np.int32), "values -5 to -5; give 0 to 65535"),
        (np.full((32, 32), 70000, np.int32), "values 70000 to 70000; give 0 to 65535"),
        (np.full((32, 32), np.nan, np.float32), "values nan to nan"),
        (np.full((32, 32), 200, np.uint8), "8 bits and frames of more; give one kind"),
    ],
)
def test_values_that_no_camera_has_are_told(image, says):
    good = np.full((32, 32), 300, np.uint16 if image.dtype == np.uint8 else image.dtype)
    for frames in ([image, good], [good, image]):
        with pytest.raises(VideoError, match=says) as error:
            read([Image.fromarray(frame) for frame in frames])
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("suffix", ["png", "tif", "ppm"])
def test_deep_images_cut_off_are_told_in_one_line(tmp_path, suffix):
    write = partial(netpbm, maxval=4095) if suffix == "ppm" else by_opencv
    folder = write_each(tmp_path / "frames", deepened(COLOUR, 12), write, suffix)
    path = folder / f"img3.{suffix}"
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 9 // 10])
    for source in (folder,) if suffix == "tif" else (folder, opened(folder)):  # Pillow does not open such a TIFF
        with pytest.raises(VideoError, match=rf"img3\.{suffix}: cannot be read as an image") as error:
            read(source)
        assert "\n" not in str(error.value)


def test_colours_in_planes_of_sixteen_bits_are_refused(tmp_path):
    """Pillow takes their bytes for pixels of 8 bits, OpenCV finds none."""
    planes = deepened(COLOUR, 12).transpose(0, 3, 1, 2)
    stack = tmp_path / "stack.tif"
    tifffile.imwrite(stack, planes, photometric="rgb", planarconfig="separate")
    tifffile.imwrite(tmp_path / "whole.tif", planes.transpose(0, 2, 3, 1), photometric="rgb", compression="zlib")
    write = partial(tifffile.imwrite, photometric="rgb", planarconfig="separate")
    for source in (stack, write_each(tmp_path / "frames", planes, write, "tif")):
        with pytest.raises(VideoError, match="planes of 16 bits; save it with interleaved pixels"):
            read(source)
    np.testing.assert_array_equal(read(tmp_path / "whole.tif")[1], COLOUR)


def test_frames_of_eight_bits_are_read_once_and_deep_ones_twice(tmp_path, monkeypatch):
    num_read, reads = [], image_file.stored_pixels
    monkeypatch.setattr(image_file, "stored_pixels", lambda image: num_read.append(1) or reads(image))
    for video, most in ((GREY, 8), (deepened(GREY, 12), 16), (deepened(GREY, 16), 9)):  # 16 bits are plain to see
        folder = write_each(tmp_path / str(most), video, by_opencv, "png")
        num_read.clear()
        assert count_frames(folder) == 8
        assert read(folder)[0].bits
        assert len(num_read) <= most + 2  # the first one is also looked at for its size, each time


@pytest.mark.parametrize("kind", ["png", "pages"])
def test_memory_does_not_grow_with_the_number_of_deep_frames(tmp_path, kind):
    one = deepened(np.zeros((1, 256, 256), np.uint8) + 200, 12)
    peaks = []
    for num_frames in (20, 100):
        (tmp_path / str(num_frames)).mkdir()
        source = KINDS[kind](tmp_path / str(num_frames), np.repeat(one, num_frames, axis=0))
        tracemalloc.start()
        with open_video(source) as stream:
            for _ in stream:
                pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 5 * one.nbytes


def deep_png(path, image, orientation):
    """RGB of 16 bits with an EXIF orientation, which no library at hand writes."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    exif = Image.Exif()
    exif[274] = orientation
    height, width = image.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in image)
    head = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"eXIf", exif.tobytes()[6:]), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks))


def turned_tiff(path, image, orientation):
    """A TIFF of OpenCV's, which writes an orientation of its own: overwritten."""
    cv2.imwrite(str(path), image[..., ::-1], [cv2.IMWRITE_TIFF_COMPRESSION, 1])
    content = bytearray(path.read_bytes())
    start = struct.unpack_from("<I", content, 4)[0]
    (count,) = struct.unpack_from("<H", content, start)
    places = [start + 2 + 12 * number for number in range(count)]
    planar = next(at for at in places if struct.unpack_from("<H", content, at)[0] == 284)
    struct.pack_into("<HHII", content, planar, 274, 3, 1, orientation)  # in place of PlanarConfiguration, 1 by default
    entries = sorted(bytes(content[at : at + 12]) for at in places)
    entries.sort(key=lambda entry: struct.unpack_from("<H", entry)[0])
    content[start + 2 : start + 2 + 12 * count] = b"".join(entries)
    path.write_bytes(content)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("write", "suffix"), [(deep_png, "png"), (turned_tiff, "tif")])
def test_deep_colour_is_turned_as_pillow_turns_eight_bits(tmp_path, write, suffix, orientation):
    folder = write_each(tmp_path / "deep", deepened(COLOUR, 12)[:2], partial(write, orientation=orientation), suffix)
    stream, frames = read(folder)
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(COLOUR[0]).save(tmp_path / "plain.png", exif=exif)
    with Image.open(tmp_path / "plain.png") as image:
        np.testing.assert_array_equal(frames[0], np.asarray(ImageOps.exif_transpose(image)))
    assert stream.is_mirrored == (orientation in (2, 4, 5, 7))


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "bits"),
    [
        ("10.mp4", "h264", "yuv420p10le", 10),
        ("12.mkv", "ffv1", "yuv420p12le", 12),
        ("10.mov", "prores_ks", "yuv422p10le", 10),
        ("grey10.mkv", "ffv1", "gray10le", 10),
        ("grey12.mkv", "ffv1", "gray12le", 12),
    ],
)
def test_video_files_of_more_bits_are_read_by_their_format(tmp_path, name, codec, pix_fmt, bits):
    path = film(tmp_path / name, deepened(GREY, 16), codec, pix_fmt, options={"crf": "4"} if codec == "h264" else None)
    stream, frames = read(path)
    assert stream.bits == bits and stream.recording == {"bits": bits}
    np.testing.assert_allclose(frames[:, 20:, 20:, 0], GREY[:, 20:, 20:], atol=3)


def test_eight_bits_are_nothing_to_tell(tmp_path):
    for source in (write_folder(tmp_path, COLOUR), COLOUR, list(COLOUR), COLOUR / np.float32(255)):
        stream, frames = read(source)
        assert stream.bits == 8 and stream.recording == {}
        np.testing.assert_array_equal(frames, COLOUR)
