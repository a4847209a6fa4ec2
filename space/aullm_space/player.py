"""The movement, frame by frame: what the model saw, LED's motion frames, the clip magnified by the same matrix."""

import numpy as np

from .detector import MAGNIFICATION
from .explanation import Pictures
from .moments import Moment
from .pictures import movement_colours, to_url


def player(moment: Moment, pictures: Pictures) -> str:
    """Three clips side by side with one set of controls, as HTML; `player.js` moves it.

    Args:
        moment: The moment shown.
        pictures: Its pictures.
    """
    largest = float(np.quantile(np.abs(pictures.motion), 0.995))
    motion = [movement_colours(frame, largest) for frame in pictures.motion]
    still = np.full_like(motion[0], 32)
    captions = [_caption(moment, number) for number in range(len(pictures.crops))]
    size = pictures.crops.shape[-1]
    first = 1 + int(np.abs(pictures.motion).mean((1, 2)).argmax())  # shown first: where most moves
    return (
        '<div class="player">'
        + _clip("What the model sees", f"the aligned face, {size} pixels a side", list(pictures.crops), first)
        + _clip("Where it moves", "LED: orange gets brighter, blue darker", [still, *motion], first)
        + _clip(
            "Movement magnified",
            f"LED's matrix, added {MAGNIFICATION} times to the face",
            list(pictures.magnified),
            first,
        )
        + '</div><div class="controls"><button type="button" data-step="play">Play</button>'
        '<button type="button" data-step="-1" aria-label="previous frame">&#9664;</button>'
        f'<input type="range" min="0" max="{len(captions) - 1}" value="{first}" aria-label="frame">'
        '<button type="button" data-step="1" aria-label="next frame">&#9654;</button>'
        + "".join(
            f"<output {'' if number == first else 'hidden'}>{text}</output>" for number, text in enumerate(captions)
        )
        + "</div>"
    )


def _clip(title: str, text: str, frames: list[np.ndarray], first: int) -> str:
    pictures = "".join(
        f'<img alt="{title}, frame {number + 1}" src="{to_url(frame)}" {"" if number == first else "hidden"}>'
        for number, frame in enumerate(frames)
    )
    return f"<figure>{pictures}<figcaption><strong>{title}</strong> {text}</figcaption></figure>"


def _caption(moment: Moment, number: int) -> str:
    frame, time = moment.sampled[number], moment.times[number]
    return f"{number + 1} of {len(moment.sampled)}: frame {frame} of the video, {time:.2f} s"
