"""Expressions at known times, whatever a recording of over two seconds shows: what the page makes of them is tested."""

from dataclasses import replace

import numpy as np

from modeling_aullm.event_reading import Proposal, StretchReading, clip_of
from modeling_aullm.facs import AU_SETS

CODES = AU_SETS["cd6me"]
FOUND = (  # onset, apex, offset in seconds, probability, units
    (0.30, 0.42, 0.60, 0.9, ("AU6", "AU12")),
    (1.40, 1.50, 1.70, 0.5, ("AU4",)),
    (2.20, 2.90, 3.40, 0.25, ("AU1", "AU2")),
)
SENSITIVITIES = {
    "low": {"probability": 0.7, "unit_probability": 0.8, "false_alarms_per_minute": None},
    "normal": {"probability": 0.4, "unit_probability": 0.6, "false_alarms_per_minute": 1.0},
    "high": {"probability": 0.2, "unit_probability": 0.6, "false_alarms_per_minute": 3.049},
}
INSTALL = "import fake_expressions; fake_expressions.install()"  # for `SpaceServer`


def read_stretch(stretch):
    """What a model would say that finds them."""
    own = stretch.times[slice(*stretch.own)]
    proposals = []
    for *times, probability, codes in FOUND if stretch.times[-1] > 2 else ():
        if own[0] <= times[0] and times[2] <= own[-1]:
            units = np.array([0.95 - 0.1 * codes.index(code) if code in codes else 0.02 for code in CODES])
            proposal = Proposal(*times, probability, units)
            proposals.append(replace(proposal, pixel_values=clip_of(stretch, proposal, 6)))
    activity = np.random.default_rng(0).uniform(0, 0.5, (len(stretch.times), len(CODES)))
    return StretchReading(proposals, activity)


def install(put=setattr):
    """Have the Space's model find them, also where the checkpoint has no temporal head."""
    from aullm_space import detector

    put(detector, "FINDS_EVENTS", True)
    put(detector, "read_stretch", read_stretch)
    put(detector.processor, "sensitivities", SENSITIVITIES)
