"""Arrays to pictures for the page."""

import base64
import io

import numpy as np
from PIL import Image

GROUND, ORANGE, BLUE = (32.0, 32.0, 32.0), (255.0, 150.0, 40.0), (60.0, 170.0, 255.0)  # told apart by everyone


def to_url(image: np.ndarray) -> str:
    """A picture inside the page itself; grey values in 0..1, or uint8 pixels, grey or RGB."""
    if image.dtype != np.uint8:
        image = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=88)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"


def enlarge(image: np.ndarray, side: int) -> np.ndarray:
    """Grey values in 0..1, smoothly enlarged to (side, side)."""
    picture = Image.fromarray(image.astype(np.float32)).resize((side, side), Image.Resampling.BICUBIC)
    return np.clip(np.asarray(picture), 0, 1)


def movement_colours(motion: np.ndarray, largest: float) -> np.ndarray:
    """Orange where a pixel gets brighter, blue where it gets darker, dark grey where nothing moves.

    Args:
        motion: LED's values, (height, width).
        largest: Value of full colour.

    Returns:
        (height, width, 3) uint8.
    """
    share = np.clip(motion / max(largest, 1e-6), -1, 1)[..., None]
    towards = np.where(share > 0, np.array(ORANGE), np.array(BLUE))
    return np.rint(GROUND + np.abs(share) ** 0.7 * (towards - GROUND)).astype(np.uint8)
