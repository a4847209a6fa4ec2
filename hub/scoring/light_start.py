"""How a process that only reads begins: the package sees by `aullm_command` that nobody wants torch or transformers."""

import sys
from types import ModuleType

import cv2
import numpy as np  # noqa: F401 - its BLAS has to be there to be told
from threadpoolctl import threadpool_limits


def start_lightly() -> None:
    """To be called before anything else of the package is imported.

    One thread: others read beside it, and on pictures this small threads of OpenCV's and of BLAS wait for each other
    more than they work.
    """
    sys.modules.setdefault("aullm_command", ModuleType("aullm_command"))
    cv2.setNumThreads(1)
    threadpool_limits(1, user_api="blas")
