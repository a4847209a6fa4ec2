"""AULLM++: action units of a face video from motion evidence, AU structure and a language model.

Importing this package registers its classes with transformers' Auto classes and its pipeline, so that they load
without `trust_remote_code`.
"""

from pathlib import Path

from transformers import AutoConfig, AutoModel, AutoProcessor
from transformers.models.auto.video_processing_auto import AutoVideoProcessor
from transformers.pipelines import PIPELINE_REGISTRY

from .configuration_aullm import AULLMConfig
from .modeling_aullm import AULLMForAUDetection, AULLMOutput
from .pipeline_aullm import ActionUnitDetectionPipeline
from .processing_aullm import AULLMProcessor
from .video_processing_aullm import AULLMVideoProcessor

DEFAULT_CHECKPOINT = Path(__file__).parent / "checkpoints" / "synthetic-smollm2-135m"

AutoConfig.register("aullm", AULLMConfig)
AutoModel.register(AULLMConfig, AULLMForAUDetection)
AutoVideoProcessor.register(AULLMConfig, AULLMVideoProcessor)
AutoProcessor.register(AULLMConfig, AULLMProcessor)
PIPELINE_REGISTRY.register_pipeline(
    "action-unit-detection", pipeline_class=ActionUnitDetectionPipeline, pt_model=AutoModel
)

__all__ = [
    "DEFAULT_CHECKPOINT",
    "AULLMConfig",
    "AULLMForAUDetection",
    "AULLMOutput",
    "AULLMProcessor",
    "AULLMVideoProcessor",
    "ActionUnitDetectionPipeline",
]
