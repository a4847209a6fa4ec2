"""Registers the package's classes with transformers' Auto classes, and its pipeline."""

from transformers import AutoConfig, AutoModel, AutoModelForVideoClassification, AutoProcessor
from transformers.models.auto.video_processing_auto import AutoVideoProcessor
from transformers.pipelines import PIPELINE_REGISTRY

from .configuration_aullm import AULLMConfig
from .modeling_aullm import AULLMForAUDetection, AULLMOutput
from .pipeline_aullm import ActionUnitDetectionPipeline
from .processing_aullm import AULLMProcessor
from .video_processing_aullm import AULLMVideoProcessor

__all__ = [
    "AULLMConfig",
    "AULLMForAUDetection",
    "AULLMOutput",
    "AULLMProcessor",
    "AULLMVideoProcessor",
    "ActionUnitDetectionPipeline",
]

AutoConfig.register("aullm", AULLMConfig)
AutoModel.register(AULLMConfig, AULLMForAUDetection)
AutoModelForVideoClassification.register(AULLMConfig, AULLMForAUDetection)
AutoVideoProcessor.register(AULLMConfig, AULLMVideoProcessor)
AutoProcessor.register(AULLMConfig, AULLMProcessor)
PIPELINE_REGISTRY.register_pipeline(
    "action-unit-detection", pipeline_class=ActionUnitDetectionPipeline, pt_model=AutoModel, type="multimodal"
)
AULLMConfig.pipelines = {}
