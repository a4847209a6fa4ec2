"""Where a head turns, from five points of its face.

Angles are degrees against the line of sight to the face: `pitch` rises as the face looks up, `yaw` as it turns to the
right of the picture (the person's left), `roll` as the head tips clockwise in the picture. The head is pitched first,
then yawed, then rolled.
"""

from dataclasses import dataclass

import numpy as np

# Centres of the eyes, nose tip and mouth corners of MediaPipe's canonical face: distance of the left one from the
# midline, height and depth towards the viewer, in centimetres. Only ratios count.
EYE, NOSE, MOUTH = np.array([(3.15, 2.62, 3.47), (0.0, -1.13, 7.48), (2.46, -4.34, 4.28)])


@dataclass(frozen=True)
class HeadAngles:
    """How a head is turned, in degrees; signs stand at the top of this file.

    Attributes:
        pitch: -90..90, positive where the face looks up.
        yaw: -90..90, positive where it turns to the right of the picture.
        roll: -180..180, positive where the head is tipped clockwise in the picture.
    """

    pitch: float
    yaw: float
    roll: float


def head_angles(landmarks: np.ndarray) -> HeadAngles:
    """Angles of the head from five points of its face: roll is good, yaw fair, pitch crude.

    Own choice. A generic face seen from afar: roll is the slope of eyes and mouth; pitch follows from where the nose's
    tip lies between the heights of eyes and mouth, yaw from how far it lies off the line between their middles. A fit
    of all distances (`cv2.solvePnP`) was tried: it takes a smile, which shortens the face, for 20 degrees of pitch.

    Measured (`benchmarks/landmarks.json`), absolute errors in degrees, median and 95 %: on MTCNN's points of two
    photographs turned in depth by up to 25 degrees, pitch 5.8 and 10, yaw 2.7 and 12, roll 0.7 and 2.2; turned in the
    plane by up to 40, roll 1.3 and 3.3; on made-up heads whose points scatter by 3 mm, 5.3 and 15, 5.3 and 14, 3.1
    and 8.8. A person's own face shifts pitch by about 5 degrees in all frames alike: changes are worth more.

    Args:
        landmarks: (5, 2) pixels, in the order of `face_alignment.FACE_TEMPLATE`, such as `Face.landmarks`.

    Returns:
        The angles.

    Raises:
        ValueError: If the landmarks are not as described, or eyes and mouth lie in one place.
    """
    points = np.asarray(landmarks, dtype=np.float64)
    if points.shape != (5, 2) or not np.isfinite(points).all():
        raise ValueError(f"landmarks must be finite and of shape (5, 2), got {points.tolist()}")
    right_eye, left_eye, nose, right_mouth, left_mouth = points
    across = left_eye - right_eye + left_mouth - right_mouth
    width = float(np.hypot(*across))
    eyes, mouth = (right_eye + left_eye) / 2, (right_mouth + left_mouth) / 2
    upright = np.array([across, (-across[1], across[0])]) / (width or np.nan)  # right and down of the face itself
    (nose_right, nose_down), (mouth_right, mouth_down) = upright @ (nose - eyes), upright @ (mouth - eyes)
    if not width or not mouth_down:
        raise ValueError(f"landmarks must show eyes and mouth in different places, got {points.tolist()}")
    share = nose_down / mouth_down
    rise, depth = EYE[1:] - NOSE[1:] - share * (EYE[1:] - MOUTH[1:])  # of the line from eyes to mouth above the nose
    pitch = np.arctan(rise / -depth)
    yaw = np.arctan2((nose_right - share * mouth_right) * 2 * (EYE[0] + MOUTH[0]), width * np.hypot(rise, depth))
    return HeadAngles(*(float(np.degrees(angle)) for angle in (pitch, yaw, np.arctan2(across[1], across[0]))))
