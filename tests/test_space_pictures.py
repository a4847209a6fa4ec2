"""The magnified pictures of the page: more of the movement that is there, and none where there is none."""

import base64
import io
import re

import numpy as np
import pytest
from helpers_video import FPS, astronaut, write_video
from PIL import Image
from skimage.registration import optical_flow_ilk

from modeling_aullm.face_alignment import FACE_TEMPLATE, detect_faces
from training.synthetic.photograph import move_photograph

SIDE = 192  # pixels
RADIUS = 40  # of the disc that moves
SMOOTHED = 4  # pixels, over which the movement is smoothed
CENTRE = np.array([70.0, 110.0])  # x, y
X, Y = np.meshgrid(np.arange(SIDE, dtype=float), np.arange(SIDE, dtype=float))
DISTANCE = np.hypot(X - CENTRE[0], Y - CENTRE[1])
SHARE = np.cos(np.clip((DISTANCE - RADIUS / 2) / (RADIUS / 2), 0, 1) * np.pi / 2) ** 2  # 1 in the inner half, 0 outside


def skin(x, y):
    """A smooth texture that is known at every place, between its pixels, too."""
    rng = np.random.default_rng(3)
    waves = [
        np.cos(2 * np.pi * (x * np.cos(a) + y * np.sin(a)) / rng.uniform(24, 40) + rng.uniform(0, 6)) for a in range(6)
    ]
    return 0.5 + 0.07 * np.sum(waves, 0)


def moved(course, by=(0.3, 0.0)):
    """Frames in which the disc's inner half has moved by a share of so many pixels, and less towards its edge."""
    frames = [skin(X - share * by[0] * SHARE, Y - share * by[1] * SHARE) for share in course]
    return np.stack(frames).astype(np.float32)


def flow(before, after):
    """Movement in pixels, (2, height, width), x first; by Lucas and Kanade's method, which knows nothing of LED."""
    rows, columns = optical_flow_ilk(before, after, radius=6, num_warp=15)
    return np.stack([columns, rows])


def in_the_middle(before, after):
    return flow(before, after)[:, DISTANCE < 10].mean(1)


@pytest.fixture(scope="module")
def detector():
    from aullm_space import detector  # which loads the shipped checkpoint

    return detector


@pytest.fixture
def magnified(detector):
    def magnified(frames):
        crops = np.zeros((len(frames), 64, 64), np.float32)  # whose motion frames are another picture
        return detector.magnify(crops, frames)[1]

    return magnified


@pytest.mark.parametrize("by", [(0.3, 0.0), (0.0, -0.3), (0.2, 0.15)])
def test_a_lasting_movement_is_shown_as_many_times_larger_as_is_said(magnified, detector, by):
    frames = moved([0, 1, 1, 1, 1, 1], by)
    shown = magnified(frames)
    own = in_the_middle(frames[0], frames[-1])
    np.testing.assert_allclose(own, by, atol=0.03)  # the reference measures what was made
    along = [in_the_middle(shown[0], frame) @ np.array(by) / np.dot(by, by) for frame in shown[1:]]
    assert 0.8 < max(along) / (1 + detector.MAGNIFICATION) < 1.02  # the movement is smoothed
    assert min(along) > 2  # in every frame more than in the original
    aside = np.array([-by[1], by[0]])
    assert all(abs(in_the_middle(shown[0], frame) @ aside) < 0.15 * np.dot(by, by) ** 0.5 * 5 for frame in shown[1:])


@pytest.mark.parametrize("course", [(0, 0.2, 0.6, 1, 0.6, 0.2), (0, 0, 0, 1, 1, 1)])
def test_where_most_moves_most_is_shown(magnified, course):
    frames = moved(course)
    shown = magnified(frames)
    peak = int(np.argmax(course))
    assert in_the_middle(shown[0], shown[peak])[0] > 2 * in_the_middle(frames[0], frames[peak])[0] > 0.5


@pytest.mark.parametrize("course", [(0, 1, 1, 1, 1, 1), (0, 0.2, 0.6, 1, 0.6, 0.2), (0, 0, 0, 0, 0, 0)])
def test_what_does_not_move_stays_as_it_is(magnified, course):
    frames = moved(course)
    still = DISTANCE > RADIUS + SMOOTHED * 2**0.5
    shown = magnified(frames)
    np.testing.assert_allclose(shown[:, still], frames[:, still], atol=1e-5)
    np.testing.assert_array_equal(shown[0], frames[0])
    before_it_moves = np.flatnonzero(np.array(course) == 0)
    np.testing.assert_allclose(shown[before_it_moves], frames[before_it_moves], atol=1e-5)


def pictures_of(path):
    """The sharp pictures of a video's only moment, and what the page shows as magnified."""
    from aullm_space.analysis import analyse
    from aullm_space.explanation import picture_moment
    from aullm_space.moments import Request
    from aullm_space.player import player

    ((moment,),) = [analysis.moments for analysis in analyse(Request(path))]
    pictures = picture_moment(Request(path), moment)
    page = player(moment, pictures)
    urls = re.findall(r'alt="Movement magnified, frame \d+" src="data:image/jpeg;base64,([^"]+)"', page)
    return pictures.sharp, np.stack([np.asarray(Image.open(io.BytesIO(base64.b64decode(url)))) for url in urls]) / 255


def around(points, radius):
    """Mask of the pixels near any of the points, in fractions of the picture."""
    return np.min([np.hypot(X - x * SIDE, Y - y * SIDE) for x, y in points], 0) < radius


def test_the_page_shows_more_of_a_smile_and_nothing_of_a_still_brow(tmp_path):
    photo = np.ascontiguousarray(astronaut()[:256])
    smile = move_photograph(
        photo, detect_faces(photo)[0].landmarks, ["AU12"], num_frames=15, fps=FPS, intensity=0.7, seed=1
    )
    sharp, shown = pictures_of(write_video(tmp_path / "smile.mkv", smile, "ffv1"))
    assert shown.shape == sharp.shape == (6, SIDE, SIDE)
    eyes, corners = FACE_TEMPLATE[:2], FACE_TEMPLATE[3:]
    mouth, brow = around(corners, 14), around(eyes - (0, 0.13), 14)
    peak = max(range(1, 6), key=lambda k: np.linalg.norm(flow(sharp[0], sharp[k]), axis=0)[mouth].mean())
    own = np.linalg.norm(flow(sharp[0], sharp[peak]), axis=0)
    more = np.linalg.norm(flow(shown[0], shown[peak]), axis=0)
    assert more[mouth].mean() > 1.5 * own[mouth].mean() > 0.5
    assert more[brow].mean() < 0.2 * more[mouth].mean()


def test_of_a_photograph_the_page_shows_the_photograph(tmp_path):
    photo = np.repeat(astronaut()[None, :256], 15, axis=0)
    sharp, shown = pictures_of(write_video(tmp_path / "still.mkv", photo, "ffv1"))
    assert np.abs(shown - shown[0]).max() < 3 / 255  # grey values that JPEG rounds up or down
    np.testing.assert_allclose(shown, sharp, atol=0.06)
