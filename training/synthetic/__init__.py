"""A corpus of micro-expression clips with exact FACS labels, as the licensed datasets cannot ship.

Faces are drawn (or your own photographs) and moved by action units and by everything that is none. Read in the order a
clip is drawn: `faces` (a person), `features` on a `canvas`; `emotions` choose units, `anatomy` says how each moves the
skin, `timing` when, `motion` warps; `head` and `camera` add what is no expression, `beds` what makes it hard; `clip`,
`corpus`; or, at times in `spans`, a `recording`. `photograph` moves a real picture instead.
"""

from training.synthetic.beds import BEDS
from training.synthetic.clip import SyntheticClip, synthetic_clip
from training.synthetic.corpus import DOMAINS, synthetic_corpus
from training.synthetic.features import draw_face
from training.synthetic.photograph import move_photograph, photograph_face

__all__ = [
    "BEDS",
    "DOMAINS",
    "SyntheticClip",
    "draw_face",
    "move_photograph",
    "photograph_face",
    "synthetic_clip",
    "synthetic_corpus",
]
