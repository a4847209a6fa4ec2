"""AULLM++: action units of a face video from motion evidence, AU structure and a language model.

Importing this package registers its classes with transformers' Auto classes and its pipeline, so that they load
without `trust_remote_code`. Where torch is not installed there are `predict`, for exported graphs, and
`check_recording`.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

DEFAULT_CHECKPOINT = Path(__file__).parent / "checkpoints" / "synthetic-smollm2-135m"

# The command begins in the module `aullm_command` and needs no Auto class. Registration takes seconds, for torch and
# transformers, which the command's help, version and usage errors do not wait for.
if "aullm_command" not in sys.modules:
    from .api import predict
    from .recording_check import check_recording

if "aullm_command" not in sys.modules and find_spec("torch"):
    from transformers import AutoConfig, AutoModel, AutoModelForVideoClassification, AutoProcessor
    from transformers.models.auto.video_processing_auto import AutoVideoProcessor
    from transformers.pipelines import PIPELINE_REGISTRY

    from .asking_api import ask
    from .configuration_aullm import AULLMConfig
    from .modeling_aullm import AULLMForAUDetection, AULLMOutput
    from .pipeline_aullm import ActionUnitDetectionPipeline
    from .pipeline_questions import ActionUnitQuestionAnsweringPipeline
    from .processing_aullm import AULLMProcessor
    from .video_processing_aullm import AULLMVideoProcessor

    AutoConfig.register("aullm", AULLMConfig)
    AutoModel.register(AULLMConfig, AULLMForAUDetection)
    AutoModelForVideoClassification.register(AULLMConfig, AULLMForAUDetection)
    AutoVideoProcessor.register(AULLMConfig, AULLMVideoProcessor)
    AutoProcessor.register(AULLMConfig, AULLMProcessor)
    for task, pipeline in (
        ("action-unit-detection", ActionUnitDetectionPipeline),
        ("action-unit-question-answering", ActionUnitQuestionAnsweringPipeline),
    ):
        PIPELINE_REGISTRY.register_pipeline(task, pipeline_class=pipeline, pt_model=AutoModel, type="multimodal")
    AULLMConfig.pipelines = {}

__all__ = [
    "DEFAULT_CHECKPOINT",
    "AULLMConfig",
    "AULLMForAUDetection",
    "AULLMOutput",
    "AULLMProcessor",
    "AULLMVideoProcessor",
    "ActionUnitDetectionPipeline",
    "ActionUnitQuestionAnsweringPipeline",
    "ask",
    "check_recording",
    "predict",
]
