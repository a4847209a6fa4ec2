"""AULLM++: action units of a face video from motion evidence, AU structure and a language model.

Importing this package registers its classes with transformers' Auto classes and its pipeline, so that they load
without `trust_remote_code`.
"""

import sys
from pathlib import Path

DEFAULT_CHECKPOINT = Path(__file__).parent / "checkpoints" / "synthetic-smollm2-135m"

# The command begins in the module `aullm_command` and needs no Auto class. Registration takes seconds, for torch and
# transformers, which the command's help, version and usage errors do not wait for.
if "aullm_command" not in sys.modules:
    from .api import predict
    from .auto_classes import (
        ActionUnitDetectionPipeline,
        AULLMConfig,
        AULLMForAUDetection,
        AULLMOutput,
        AULLMProcessor,
        AULLMVideoProcessor,
    )

__all__ = [
    "DEFAULT_CHECKPOINT",
    "AULLMConfig",
    "AULLMForAUDetection",
    "AULLMOutput",
    "AULLMProcessor",
    "AULLMVideoProcessor",
    "ActionUnitDetectionPipeline",
    "predict",
]
