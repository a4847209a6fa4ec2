"""How the skin of a face moves, frame by frame, in a frame of reference that is fixed to the head.

Own choice throughout. The face is cropped by a similarity that follows the head: each frame it is fitted anew to a
reference, the running mean of the crops of the last moments, by Gauss-Newton steps in which regions that move by
themselves lose their say. Turns of the head, which no similarity undoes, are fitted along with a rough relief of a
face and taken out of what is left; so are gain and offset of the light. What remains is the skin's own displacement:
Lucas and Kanade's (1981), by cells of the crop. The reference renews itself, so what is held becomes the rest state
and a recording may begin in mid-smile; the cost of a frame is the same however long the recording is.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from .face_alignment import alignment_transform, shrink
from .motion_stretch import CROP_SIZE, GRID_SIZE, NUM_CHANNELS, NUM_HEAD

RENEWAL_SECONDS = 1.5
_REFIT_SECONDS = 0.1  # how often the reference's gradients are computed anew
_SMOOTHING = 1.0  # pixels, so that brightness is nearly linear over a sub-pixel shift
_BORDER = 0.06  # share of the crop left out on each side
_NEIGHBOURHOOD = 7  # pixels: residuals are judged by region
_FLATNESS = 4e-5  # squared brightness a pixel below which a cell has too little structure to be measured
_ITERATIONS = 2


@dataclass(frozen=True)
class MotionStep:
    """What one moment of a recording says of a face.

    Attributes:
        time: Seconds.
        motion: (NUM_CHANNELS, GRID_SIZE, GRID_SIZE) float32 against the reference: displacement right and down in
            pixels of the crop, change of brightness and root mean square residual in units of 0..1, times ten.
        head: (NUM_HEAD,) float32: the head's motion since the step before, in pixels of the crop at its rim.
        crop: (CROP_SIZE, CROP_SIZE) uint8 grey, head-fixed.
    """

    time: float
    motion: np.ndarray
    head: np.ndarray
    crop: np.ndarray


@dataclass(frozen=True)
class View:
    """A quick way to see frames, as a decoder's own luma: what it shows of a frame.

    Attributes:
        stretch: Pixels of the frame to one of the picture, right and down.
        gain: Of the frame's brightness against the picture's.
        offset: Likewise, in grey levels.
    """

    stretch: tuple[float, float] = (1.0, 1.0)
    gain: float = 1.0
    offset: float = 0.0

    @property
    def to_frame(self) -> np.ndarray:
        """(3, 3) from the picture's pixels to the frame's, both counted from the centre of the first."""
        (right, down) = self.stretch
        return np.array([[right, 0, right / 2 - 0.5], [0, down, down / 2 - 0.5], [0, 0, 1]])

    @classmethod
    def between(cls, picture: np.ndarray, frame: np.ndarray) -> "View":
        """How a picture shows a frame.

        Args:
            picture: (height, width) uint8.
            frame: The same moment, (height, width) uint8 grey.
        """
        stretch = frame.shape[1] / picture.shape[1], frame.shape[0] / picture.shape[0]
        small = [cv2.resize(each, (64, 64), interpolation=cv2.INTER_AREA) for each in (picture, frame)]
        x, y = (each.ravel().astype(float) for each in small)
        if x.std() < 1:
            return cls(stretch)
        gain, offset = np.polyfit(x, y, 1)
        return cls(stretch, float(gain), float(offset))


class HeadFixedMotion:
    """Follows one face through a continuous run of frames.

    Args:
        landmarks: (5, 2) of the face in the first frame, in its pixels.
        view: How the pictures that are given differ from the frames that landmarks are in; None for not at all.
    """

    def __init__(self, landmarks: np.ndarray, view: "View | None" = None) -> None:
        self.view = View() if view is None else view
        self.transform = np.vstack([alignment_transform(landmarks, CROP_SIZE), (0, 0, 1)])
        self._reference = np.empty((0, 0), np.float32)  # before the first frame
        self._count, self._fitted_at, self._time = 0.0, -np.inf, 0.0
        self._weights = _WINDOW
        self._turn = np.zeros(2)

    def step(self, grey: np.ndarray, time: float) -> MotionStep:
        """Take the next frame.

        Args:
            grey: (height, width) uint8 or float32, 0..255.
            time: Seconds.
        """
        part = Part.around(grey, self._to_crop)
        if not self._reference.size:
            crop = self._crop(part)
            self._reference, self._time = crop.copy(), time
            self._fit_reference(time)
            still = np.zeros((NUM_CHANNELS, GRID_SIZE, GRID_SIZE), np.float32)
            return MotionStep(time, still, np.zeros(NUM_HEAD, np.float32), _to_bytes(crop))
        before, turn_before = self.transform.copy(), self._turn
        for _ in range(_ITERATIONS):
            crop = self._crop(part)
            smooth = cv2.GaussianBlur(crop, (0, 0), _SMOOTHING)
            residual = (smooth - self._smooth).ravel()
            solution = self._solve(residual)
            self.transform = np.linalg.inv(_similarity(solution)) @ self.transform
        left = residual - np.einsum("i,ij", solution.astype(np.float32), self._design)
        self._weights = _WINDOW * _region_weights(left)
        self._turn = solution[4:6]
        head = self._head_motion(before, turn_before)
        motion = self._skin_motion(left)
        self._renew(crop, solution, time)
        return MotionStep(time, motion, head, _to_bytes(crop))

    @property
    def _to_crop(self) -> np.ndarray:
        """(3, 3) from the picture's pixels to the crop's."""
        return self.transform @ self.view.to_frame

    def _crop(self, part: "Part") -> np.ndarray:
        crop = part.crop(self._to_crop)
        return crop * np.float32(self.view.gain) + np.float32(self.view.offset / 255)

    def anchor(self, landmarks: np.ndarray) -> None:
        """Centre the crop on the face anew, the reference with it.

        Args:
            landmarks: (5, 2) of the face as the last frame shows it.
        """
        before = self.transform
        self.transform = np.vstack([alignment_transform(landmarks, CROP_SIZE), (0, 0, 1)])
        if self._reference.size:
            moved = (self.transform @ np.linalg.inv(before))[:2]
            size, border = (CROP_SIZE, CROP_SIZE), cv2.BORDER_REPLICATE
            moved_to: Any = cv2.warpAffine(self._reference, moved, size, flags=cv2.INTER_LINEAR, borderMode=border)
            self._reference = moved_to
            self._fit_reference(self._time)

    def _fit_reference(self, time: float) -> None:
        self._smooth = cv2.GaussianBlur(self._reference, (0, 0), _SMOOTHING)
        grad_y, grad_x = np.gradient(self._smooth)
        columns = (
            -grad_x, -grad_y, grad_x * _Y - grad_y * _X, -grad_x * _X - grad_y * _Y, -grad_x * _DEPTH, -grad_y * _DEPTH,
            self._smooth, np.ones_like(grad_x),
        )  # fmt: skip
        self._design = np.stack([column.ravel() for column in columns]).astype(np.float32)
        self._gradients = np.stack([grad_x, grad_y]).astype(np.float32)
        self._tensor = _by_cell(np.stack([grad_x**2, grad_x * grad_y, grad_y**2]).astype(np.float32))
        self._fitted_at = time

    def _solve(self, residual: np.ndarray) -> np.ndarray:
        """(8,): shift right, down, turn, approach, turn right, nod, gain, offset that explain most of a residual."""
        weighted = self._weights * self._design
        normal = (weighted @ self._design.T).astype(np.float64)
        normal[np.diag_indices(8)] += _PRIOR
        return np.linalg.solve(normal, np.einsum("ij,j", weighted, residual))

    def _skin_motion(self, left: np.ndarray) -> np.ndarray:
        left = left.reshape(CROP_SIZE, CROP_SIZE)
        xx, xy, yy = self._tensor
        right, down = _by_cell(-self._gradients * left)
        xx, yy = xx + _FLATNESS, yy + _FLATNESS
        determinant = xx * yy - xy**2
        u, v = (yy * right - xy * down) / determinant, (xx * down - xy * right) / determinant
        light, power = _by_cell(np.stack([left, left**2]))
        explained = -(u * right + v * down)
        unexplained = np.sqrt(np.maximum(power + explained, 0))
        return np.stack([u, v, 10 * light, 10 * unexplained]).astype(np.float32)

    def _head_motion(self, before: np.ndarray, turn_before: np.ndarray) -> np.ndarray:
        """How the head has moved since the step before: at a corner of the crop in its pixels."""
        change = before @ np.linalg.inv(self.transform)  # where points of the crop now were in the crop before
        middle = (CROP_SIZE - 1) / 2
        shift = change[:2] @ (middle, middle, 1) - middle
        rotation, scale = change[1, 0] * middle, (change[0, 0] - 1) * middle
        return np.array([*shift, rotation, scale, *(self._turn - turn_before)], np.float32)

    def _renew(self, crop: np.ndarray, solution: np.ndarray, time: float) -> None:
        elapsed = max(time - self._time, 1e-3)
        self._time = time
        self._count += elapsed
        share = elapsed / min(self._count + elapsed, RENEWAL_SECONDS)
        gain, offset = solution[6:]
        self._reference += min(share, 1) * ((crop - np.float32(offset)) / np.float32(1 + gain) - self._reference)
        if time - self._fitted_at >= _REFIT_SECONDS or self._count < _REFIT_SECONDS:
            self._fit_reference(time)


@dataclass(frozen=True)
class Part:
    """The part of a picture that a crop shows, shrunk in whole blocks to about twice the crop's resolution.

    Attributes:
        pixels: (height, width) float32, 0..255.
        to_picture: (3, 3) from its pixels to the picture's.
    """

    pixels: np.ndarray
    to_picture: np.ndarray

    @classmethod
    def around(cls, grey: np.ndarray, transform: np.ndarray) -> "Part":
        """What a crop needs, and somewhat more, for one that lies a little elsewhere.

        Args:
            grey: (height, width) uint8 or float32.
            transform: (3, 3) similarity from the picture's pixels to the crop's.
        """
        block = max(1, int(0.5 / np.hypot(transform[0, 0], transform[1, 0])))
        corners = np.linalg.inv(transform)[:2] @ _CORNERS
        most = np.array(grey.shape[::-1]) // block
        low = np.floor(corners.min(axis=1) / block).astype(int) - _SPARE
        high = np.ceil(corners.max(axis=1) / block).astype(int) + 1 + _SPARE
        low = np.clip(low, 0, np.maximum(0, most - 2))
        high = np.maximum(np.minimum(high, most), low + 1)
        pixels = grey[low[1] * block : high[1] * block, low[0] * block : high[0] * block].astype(np.float32)
        x, y = block * (low + 0.5) - 0.5
        return cls(shrink(pixels, block), np.array([[block, 0, x], [0, block, y], [0, 0, 1]]))

    def crop(self, transform: np.ndarray) -> np.ndarray:
        """A crop, each of its pixels a mean over its area: sampled twice as densely, then in means of four.

        Args:
            transform: (3, 3) similarity from the picture's pixels to the crop's.

        Returns:
            (CROP_SIZE, CROP_SIZE) float32 in 0..1. Beyond the picture's edge its outermost pixels are repeated.
        """
        fine = (_TWICE @ transform @ self.to_picture)[:2]
        size, border = (2 * CROP_SIZE, 2 * CROP_SIZE), cv2.BORDER_REPLICATE
        warped = cv2.warpAffine(self.pixels, fine, size, flags=cv2.INTER_LINEAR, borderMode=border)
        return shrink(warped, 2) / np.float32(255)


_AXIS = (np.arange(CROP_SIZE, dtype=np.float32) - (CROP_SIZE - 1) / 2) / ((CROP_SIZE - 1) / 2)
_X, _Y = np.meshgrid(_AXIS, _AXIS)
# Rough distance of the skin from the plane of eyes and mouth: a rounded head with a nose on it.
_DEPTH = 0.4 - 0.45 * _X**2 - 0.22 * _Y**2 + np.exp(-0.5 * ((_X / 0.1) ** 2 + ((_Y - 0.08) / 0.16) ** 2))
_SPARE = 4  # blocks around what a crop needs
_TWICE = np.array([[2, 0, 0.5], [0, 2, 0.5], [0, 0, 1]])
_CORNERS = np.array([[-1, CROP_SIZE, -1, CROP_SIZE], [-1, -1, CROP_SIZE, CROP_SIZE], [1, 1, 1, 1]], float)
_PRIOR = np.array([1e-3, 1e-3, 1e-3, 1e-3, 3e-2, 3e-2, 1e-3, 1e-3])


def _window() -> np.ndarray:
    border = round(_BORDER * CROP_SIZE)
    window = np.zeros((CROP_SIZE, CROP_SIZE), np.float32)
    window[border:-border, border:-border] = 1
    return window.ravel()


_WINDOW = _window()


def _similarity(solution: np.ndarray) -> np.ndarray:
    """(3, 3) where the points of the reference lie in the crop, by shift, turn and approach in pixels at the rim."""
    middle = (CROP_SIZE - 1) / 2
    right, down, turn, approach = solution[:4]
    turn, approach = turn / middle, 1 + approach / middle
    cosine, sine = approach * np.cos(turn), approach * np.sin(turn)
    shift_x, shift_y = middle + right, middle + down
    return np.array(
        [
            [cosine, -sine, shift_x - cosine * middle + sine * middle],
            [sine, cosine, shift_y - sine * middle - cosine * middle],
            [0, 0, 1],
        ]
    )


def _region_weights(left: np.ndarray) -> np.ndarray:
    """Geman and McClure's weights of the residual's local power, scaled by its median."""
    power = cv2.blur(left.reshape(CROP_SIZE, CROP_SIZE) ** 2, (_NEIGHBOURHOOD, _NEIGHBOURHOOD)).ravel()
    some = power[::5]
    scale = np.partition(some, len(some) // 2)[len(some) // 2] + 1e-8  # their median, in a fraction of its time
    return 1 / (1 + power / scale) ** 2


def _by_cell(maps: np.ndarray) -> np.ndarray:
    """(k, CROP_SIZE, CROP_SIZE) to means about each cell, (k, GRID_SIZE, GRID_SIZE)."""
    stacked = np.ascontiguousarray(np.moveaxis(maps, 0, -1))
    cells = cv2.resize(stacked, (GRID_SIZE, GRID_SIZE), interpolation=cv2.INTER_AREA)
    cells = cv2.GaussianBlur(cells, (0, 0), 0.7)
    return np.moveaxis(cells.reshape(GRID_SIZE, GRID_SIZE, len(maps)), -1, 0)


def _to_bytes(crop: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(crop * 255), 0, 255).astype(np.uint8)
