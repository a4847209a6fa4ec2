"""Drawing a procedural face: relief, skin, eyes, brows, mouth, hair, glasses. Measures are own choice."""

from dataclasses import dataclass

import cv2
import numpy as np

from training.synthetic.canvas import AXIS, SCALE, Canvas, circle, log_uniform, noise, outline, pixels, soften
from training.synthetic.faces import (
    FACE_RANGES,
    TEXTURE_SIZE,
    Domain,
    Face,
    FaceLandmarks,
    FaceRanges,
    draw_landmarks,
)


def draw_face(rng: np.random.Generator, domain: Domain = "A") -> Face:
    """Draw a person.

    Args:
        rng: Source of the draws; the same state gives the same person.
        domain: Whose ranges to draw from.
    """
    ranges = FACE_RANGES[domain]
    landmarks = draw_landmarks(rng, ranges.landmarks)
    painter = _Painter.start(rng, landmarks, ranges)
    painter.paint_head()
    painter.paint_lines(ranges.lines)
    for side in (0, 1):
        painter.paint_eye(side)
        painter.paint_brow(side)
    painter.paint_nose()
    painter.paint_mouth()
    painter.paint_hair(ranges)
    if rng.random() < ranges.glasses:
        painter.paint_glasses()
    normals = _normals(rng, landmarks, ranges)
    flat = np.array((0, 0, 1), np.float32)[:, None, None]  # whatever is behind the head faces the camera
    normals = flat + painter.solid * (normals - flat)
    return Face(np.clip(painter.image, 0.01, 1.0), normals, landmarks)


def _normals(rng: np.random.Generator, at: FaceLandmarks, ranges: FaceRanges) -> np.ndarray:
    """Surface normals of the relief, (3, 192, 192): an ellipsoid with separable bumps."""
    (eye_right, eye_left), (_, mouth_y) = at.eye, at.mouth_corner.mean(0)
    root, tip, chin = at.nose_root, at.nose, at.chin
    brow_y = at.brow_middle[:, 1].mean()
    bumps = [  # x, y, spread x, spread y, height
        (root[0], (root[1] + tip[1]) / 2, 0.03, 0.09, 0.035),
        (tip[0], tip[1], 0.036, 0.036, 0.045),
        *((wing[0], wing[1], 0.02, 0.022, 0.02) for wing in at.nose_wing),
        *((x, brow_y + 0.025, 0.1, 0.028, 0.016) for x in (0.33, 0.67)),
        *((eye[0], eye[1] - 0.01, 0.075, 0.045, -0.022) for eye in (eye_right, eye_left)),
        *((eye[0], eye[1], 0.045, 0.032, 0.014) for eye in (eye_right, eye_left)),
        *((x, 0.54, 0.085, 0.07, 0.022) for x in (0.27, 0.73)),
        (0.5, mouth_y - 0.018, 0.085, 0.016, 0.012),
        (0.5, mouth_y + 0.028, 0.075, 0.018, 0.016),
        (0.5, mouth_y + 0.068, 0.07, 0.018, -0.013),
        (0.5, mouth_y - 0.065, 0.018, 0.03, -0.006),
        (0.5, chin[1] - 0.06, 0.07, 0.045, 0.026),
        *((x, mouth_y, 0.025, 0.03, -0.01) for x in at.mouth_corner[:, 0]),
    ]
    x, y, spread_x, spread_y, height = np.array(bumps, np.float32).T
    height = height * log_uniform(rng, ranges.relief) * np.exp(rng.normal(0, 0.3, len(height)))
    rows = np.exp(-0.5 * np.square((AXIS[:, None] - y) / spread_y)) * height
    columns = np.exp(-0.5 * np.square((AXIS[:, None] - x) / spread_x))
    head = np.square((AXIS - 0.5) / 0.53)[None] + np.square((AXIS - 0.45) / 0.75)[:, None]
    roughness = log_uniform(rng, (0.0003, 0.0015))
    surface = rows @ columns.T + 0.35 * np.sqrt(np.maximum(1 - head, 0.02)) + roughness * noise(rng, 48, 48)
    slope_y, slope_x = np.gradient(surface.astype(np.float32) * SCALE)
    normals = np.stack((-slope_x, -slope_y, np.ones_like(slope_x)))
    return normals / np.sqrt(np.square(normals).sum(0))


@dataclass
class _Painter(Canvas):
    """A canvas and the person being painted on it."""

    rng: np.random.Generator
    at: FaceLandmarks
    solid: np.ndarray
    skin: float
    hair: float
    texture: float

    @classmethod
    def start(cls, rng: np.random.Generator, landmarks: FaceLandmarks, ranges: FaceRanges) -> "_Painter":
        """A canvas with the background on it."""
        image = np.full((TEXTURE_SIZE, TEXTURE_SIZE), rng.uniform(0.03, 0.95), np.float32)
        if rng.random() < 0.6:
            image += rng.uniform(0.02, 0.2) * noise(rng, int(rng.integers(2, 12)), int(rng.integers(2, 12)))
        skin = rng.uniform(*ranges.skin)
        hair = float(
            np.clip(rng.choice((0.05, 0.12, 0.3, 0.75), p=(0.4, 0.3, 0.2, 0.1)) + rng.normal(0, 0.04), 0.02, 1)
        )
        texture = log_uniform(rng, ranges.texture)
        return cls(image, rng, landmarks, np.zeros_like(image), skin, hair, texture)

    def paint_head(self) -> None:
        """Hair behind the head, neck, and the head's skin with its structure at several scales."""
        rng = self.rng
        width, jaw = rng.normal(0.42, 0.022), rng.uniform(0.45, 0.9)
        top = rng.normal(-0.05, 0.05)
        strands = self.hair * (1 + 0.35 * noise(rng, 8, 70))
        length = rng.uniform(0.6, 1.4) if rng.random() < 0.45 else rng.uniform(0.38, 0.6)
        self.blend(self.polygon(outline(width * rng.uniform(1.04, 1.25), top - 0.2, length, 0.95), 1.0), strands)
        neck = np.array(((0.5 - 0.26, 0.7), (0.5 + 0.26, 0.7), (0.5 + 0.3, 1.3), (0.5 - 0.3, 1.3)))
        self.blend(self.polygon(neck, 1.5), self.skin * rng.uniform(0.5, 0.9))
        head = self.polygon(outline(width, top, self.at.chin[1], jaw), rng.uniform(0.5, 1.5))
        self.solid = np.maximum(head, self.polygon(neck))
        structure = sum(
            weight * noise(rng, cells, cells)
            for cells, weight in (
                (4, rng.uniform(0, 1)),
                (14, rng.uniform(0, 1)),
                (40, rng.uniform(0, 1)),
                (96, rng.uniform(0, 1)),
            )
        )
        blush = 1 + rng.uniform(-0.2, 0.05) * self.blobs(((0.25, 0.55), (0.75, 0.55)), 0.1)
        self.blend(head, self.skin * blush * (1 + self.texture * structure))

    def paint_lines(self, darkest: float) -> None:
        """Wrinkles, nasolabial folds, bags, freckles and moles of the face at rest."""
        rng, at = self.rng, self.at
        along = np.linspace(0, 1, 9)
        depths = darkest * rng.random(5) ** 1.5
        for height in np.cumsum(rng.uniform(0.02, 0.05, rng.integers(0, 4))):
            x = 0.5 + np.linspace(-1, 1, 9) * rng.uniform(0.1, 0.24)
            y = at.brow_middle[:, 1].mean() - 0.04 - height + 0.02 * (along - 0.5) ** 2 + rng.normal(0, 0.003, 9)
            self.shade(self.stroke(np.stack((x, y), 1), 1, 0.8), -depths[0])
        for side, mirror in ((0, 1), (1, -1)):
            wing, corner, eye = at.nose_wing[side], at.mouth_corner[side], at.eye[side]
            start, end = (
                wing + np.array((-mirror * 0.012, -0.015)),
                corner + np.array((-mirror * rng.uniform(0.02, 0.05), rng.normal(0, 0.02))),
            )
            bend = np.sin(np.pi * along)[:, None] * (-mirror * rng.uniform(0.005, 0.03), 0)
            fold = start + (end - start) * along[:, None] + bend
            self.shade(self.stroke(fold, int(rng.integers(1, 4)), rng.uniform(0.7, 2.0)), -depths[1])
            bag = eye + np.stack((np.linspace(-1, 1, 9) * 0.075, 0.045 + 0.02 * np.sin(np.pi * along)), 1)
            self.shade(self.stroke(bag, int(rng.integers(1, 3)), rng.uniform(0.7, 2.0)), -depths[2])
            for ray in range(int(rng.integers(0, 4))):
                out = eye + (-mirror * 0.1, 0.01 * ray) + along[:, None] * (-mirror * 0.05, 0.02 * (ray - 1))
                self.shade(self.stroke(out, 1, 0.6), -depths[3])
            if rng.random() < 0.3:
                frown = at.brow_inner[side] + (mirror * 0.035, 0) + along[:, None] * (0.0, 0.06)
                self.shade(self.stroke(frown, 1, 0.8), -depths[4])
        spots = int(rng.integers(15, 80)) if rng.random() < 0.25 else int(rng.integers(0, 4))
        mask = np.zeros((TEXTURE_SIZE, TEXTURE_SIZE), np.uint8)
        for x, y in rng.uniform((0.15, 0.1), (0.85, 0.9), (spots, 2)):
            cv2.circle(mask, tuple(pixels(np.array(((x, y),)))[0]), int(rng.integers(5, 22)), 255, -1, cv2.LINE_AA, 4)
        self.shade(soften(mask, 0.5), -rng.uniform(0.1, 0.5))

    def paint_eye(self, side: int) -> None:
        """Eyeball, iris, highlight, lids, lashes and crease."""
        rng, at = self.rng, self.at
        half, height = at.eye_size
        mirror = 1 - 2 * side
        s = np.linspace(-1, 1, 17)
        tilt = rng.normal(0.006, 0.005) * -s * mirror * -1
        upper = at.eye[side] + np.stack((s * half, -1.1 * height * (1 - s**2) ** rng.uniform(0.6, 0.9) + tilt), 1)
        lower = at.eye[side] + np.stack((s * half, 0.9 * height * (1 - s**2) ** rng.uniform(0.8, 1.3) + tilt), 1)
        opening = self.polygon(np.concatenate((upper, lower[::-1])))
        if side == 0:  # both eyes share what follows
            self.eye_style = rng.random(8)
        style = self.eye_style
        self.shade(self.blobs((tuple(at.eye[side] - (0, 0.02)),), 0.06), -0.35 * style[0])
        sclera = (0.45 + 0.5 * style[1]) * (1 - 0.35 * self.blobs((tuple(at.eye[side] - (0, 0.05)),), 0.03))
        self.blend(opening, sclera)
        iris = at.eye[side] + (0.02 * (style[2] - 0.5), -0.2 * height)
        for radius, grey in ((0.034, 0.05 + 0.4 * style[3] ** 2), (0.014, 0.02)):
            self.blend(opening * self.polygon(circle(iris, radius)), grey)
        highlight = iris + np.array((0.02 * (style[4] - 0.5), -0.012))
        self.blend(opening * self.polygon(circle(highlight, 0.0075)), 1.0, style[5])
        crease = upper - np.array((0.0, 0.012 + 0.025 * style[6]))
        self.shade(self.stroke(crease, 1, 0.7), -0.5 * style[7])
        self.blend(self.stroke(upper, 1 + int(2.5 * style[6]), 0.5), 0.03, 0.25 + 0.7 * style[0])
        self.shade(self.stroke(lower, 1, 0.5), -0.5 * style[2])

    def paint_brow(self, side: int) -> None:
        """A tapering brow of hair."""
        rng, at = self.rng, self.at
        if side == 0:
            self.brow_style = (rng.uniform(0.008, 0.024), rng.uniform(0.3, 1.0), rng.uniform(0.3, 1.0))
        thickness, density, taper = self.brow_style
        along = np.linspace(0, 1, 11)[:, None]
        inner, middle, outer = at.brow_inner[side], at.brow_middle[side], at.brow_outer[side]
        line = (
            (1 - along) ** 2 * inner + 2 * along * (1 - along) * (2 * middle - (inner + outer) / 2) + along**2 * outer
        )
        half = thickness * (1 - taper * along[:, 0] ** 1.5) * np.minimum(1, 0.5 + 3 * along[:, 0])
        up = np.stack((np.zeros(11), half), 1)
        mask = self.polygon(np.concatenate((line - up, (line + up)[::-1])), rng.uniform(0.5, 1.1))
        hairs = np.clip(0.75 + 0.35 * noise(rng, 60, 90), 0, 1)
        self.blend(mask * hairs, min(self.hair, 0.75 * self.skin), density)

    def paint_nose(self) -> None:
        """Nostrils and the outlines of the wings."""
        rng, at = self.rng, self.at
        dark, size = rng.uniform(0.2, 0.85), rng.uniform(0.01, 0.018)
        arc = np.linspace(-1.2, 1.2, 9)
        for side, mirror in ((0, 1), (1, -1)):
            nostril = at.nose + np.array((-mirror * 0.027, 0.028 + rng.normal(0, 0.002)))
            self.shade(self.polygon(circle(nostril, size, 0.6), 0.6), -dark)
            wing = at.nose_wing[side] + np.stack((-mirror * 0.006 * np.cos(arc), 0.026 * np.sin(arc)), 1)
            self.shade(self.stroke(wing, 1, 0.8), -0.6 * dark)
        base = at.nose + np.stack((np.linspace(-0.03, 0.03, 9), 0.038 - 0.01 * np.abs(np.linspace(-1, 1, 9))), 1)
        self.shade(self.stroke(base, 2, 1.2), -0.4 * dark)

    def paint_mouth(self) -> None:
        """Lips, resting, drooping or smiling, closed or open with or without teeth."""
        rng, at = self.rng, self.at
        right, left = at.mouth_corner
        s = np.linspace(-1, 1, 17)
        down = np.array((0.0, 1.0))
        sag = rng.normal(0.003, 0.009) * (1 - s**2)  # positive smiles
        line = right + (left - right) * (s[:, None] + 1) / 2 + sag[:, None] * down
        gap = (rng.uniform(0.006, 0.035) if rng.random() < 0.35 else 0.0) * (1 - s**2)
        rim = line + gap[:, None] * down
        bow = (1 - s**2) ** 0.8 * (1 - 0.35 * np.exp(-0.5 * (s / 0.12) ** 2)) * 2 * (at.mouth_line - at.lip_upper[1])
        full = (1 - s**2) ** 0.7 * 1.6 * (at.lip_lower[1] - at.mouth_line)
        tone, soft = rng.uniform(0.55, 1.0), rng.uniform(0.5, 1.2)
        self.shade(self.polygon(np.concatenate((line - bow[:, None] * down, line[::-1])), soft), tone - 1.08)
        self.shade(self.polygon(np.concatenate((rim + full[:, None] * down, rim[::-1])), soft), tone - 1)
        self.shade(self.blobs((tuple(at.lip_lower),), 0.02), rng.uniform(0, 0.25))
        if gap.any():
            teeth = rng.uniform(0.5, 0.95) if rng.random() < 0.6 else rng.uniform(0.02, 0.1)
            self.blend(self.polygon(np.concatenate((line, rim[::-1])), 0.4), teeth)
            self.shade(self.stroke(rim, 1, 0.5), -rng.uniform(0.1, 0.6))
        self.shade(self.stroke(line, int(rng.integers(1, 3)), 0.5), -rng.uniform(0.35, 0.85))
        self.shade(self.blobs(((0.5, at.lip_lower[1] + 0.045),), 0.025), -rng.uniform(0, 0.2))

    def paint_hair(self, ranges: FaceRanges) -> None:
        """Beard, moustache, fringe."""
        rng, at = self.rng, self.at
        if rng.random() < ranges.beard:
            stubble = np.clip(0.6 + 0.5 * noise(rng, 80, 80), 0, 1) * self.solid
            jaw = 1 / (
                1 + np.exp(-(AXIS[:, None] - at.mouth_corner[:, 1].mean() + 2.2 * np.square(AXIS - 0.5) * -1) / 0.02)
            )
            if rng.random() < 0.6:
                lips = self.polygon(circle(at.lip_upper * (1, 0.5) + at.lip_lower * (0, 0.5), 0.12, 0.4), 2)
                self.blend(stubble * jaw * (1 - lips), self.hair, rng.uniform(0.15, 0.9))
            if rng.random() < 0.7:
                band = self.polygon(circle(at.lip_upper - (0, 0.035), 0.12, 0.22), 1.5)
                self.blend(stubble * band, self.hair, rng.uniform(0.2, 0.9))
        if rng.random() < ranges.fringe:
            low = rng.uniform(-0.02, 0.15)
            x = np.linspace(-0.1, 1.1, 25)
            edge = low + rng.normal(0, 0.02, 25) + rng.uniform(-0.15, 0.15) * (x - 0.5) + 0.5 * (x - 0.5) ** 2
            points = np.concatenate((np.stack((x, edge), 1), ((1.1, -0.3), (-0.1, -0.3))))
            self.blend(self.polygon(points, rng.uniform(0.5, 1.5)), self.hair * (1 + 0.35 * noise(rng, 8, 90)))

    def paint_glasses(self) -> None:
        """A frame of two rims, bridge and temples, and a faint reflection."""
        rng, at = self.rng, self.at
        grey, thick = rng.choice((0.03, 0.2, 0.85)), int(rng.integers(1, 4))
        rim, flat = rng.uniform(0.115, 0.15), rng.uniform(0.6, 0.95)
        for side in (0, 1):
            centre = at.eye[side] + (0, 0.015)
            mask = self.stroke(circle(centre, rim, flat, rng.uniform(2, 4)), thick, 0.5)
            self.blend(mask, grey, rng.uniform(0.6, 1.0))
            self.shade(self.blobs((tuple(centre + rng.normal(0, 0.03, 2)),), 0.03), rng.uniform(0, 0.3))
            hinge = centre + np.array(((2 * side - 1) * rim, -0.02))
            temple = np.array((hinge, (0.02 + 0.96 * side, centre[1] - 0.03)))
            self.blend(self.stroke(temple, thick, 0.5), grey, 0.8)
        inner = at.eye + np.array(((rim, -0.01), (-rim, -0.01)))
        self.blend(self.stroke(inner, thick, 0.5), grey, 0.9)
