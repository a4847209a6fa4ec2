"""AULLM++: action units of a face video from motion evidence, AU structure and a language model.

Importing this package registers its classes with transformers' Auto classes, so that they load without
`trust_remote_code`.
"""

from pathlib import Path

from transformers import AutoConfig, AutoModel

from .configuration_aullm import AULLMConfig
from .modeling_aullm import AULLMForAUDetection, AULLMOutput

DEFAULT_CHECKPOINT = Path(__file__).parent / "checkpoints" / "synthetic-smollm2-135m"

AutoConfig.register("aullm", AULLMConfig)
AutoModel.register(AULLMConfig, AULLMForAUDetection)

__all__ = ["DEFAULT_CHECKPOINT", "AULLMConfig", "AULLMForAUDetection", "AULLMOutput"]
