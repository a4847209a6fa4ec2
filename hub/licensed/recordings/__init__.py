"""The long recordings of licensed datasets, one small file each over one core: whole videos with their intervals.

What is known of their layouts stands in public code, which each file names; none of it was tried on the data itself.
"""

from hub.licensed.recordings.casme3 import CASME3_LONG
from hub.licensed.recordings.casme_squared import CASME_SQUARED
from hub.licensed.recordings.description import LicensedRecordings
from hub.licensed.recordings.fourdme import FOURDME_LONG
from hub.licensed.recordings.samm import SAMM_LONG

RECORDINGS: dict[str, LicensedRecordings] = {
    each.name: each for each in (SAMM_LONG, CASME_SQUARED, CASME3_LONG, FOURDME_LONG)
}

__all__ = ["RECORDINGS", "LicensedRecordings"]
