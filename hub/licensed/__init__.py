"""The licensed datasets, one small file each over one core; all need a signed licence, and none may be passed on."""

from hub.licensed.casme import CASME
from hub.licensed.casme2 import CASME2
from hub.licensed.casme3 import CASME3
from hub.licensed.description import LicensedDataset
from hub.licensed.fourdme import FOURDME
from hub.licensed.mmew import MMEW
from hub.licensed.samm import SAMM
from hub.licensed.smic import SMIC

LICENSED: dict[str, LicensedDataset] = {each.name: each for each in (CASME, CASME2, SAMM, FOURDME, MMEW, CASME3, SMIC)}
CD6ME = ("casme", "casme2", "samm", "4dme", "mmew", "casme3")

__all__ = ["CD6ME", "LICENSED", "LicensedDataset"]
