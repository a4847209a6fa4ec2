"""The other systems and baselines as models of transformers. Importing this package registers them."""

from transformers import AutoConfig, AutoModel, AutoModelForVideoClassification, AutoProcessor
from transformers.models.auto.video_processing_auto import AutoVideoProcessor

from modeling_aullm import AULLMProcessor, AULLMVideoProcessor
from training.rivals.configuration_rivals import RivalConfig
from training.rivals.modeling_rivals import RivalForAUDetection

AutoConfig.register("au_rival", RivalConfig)
AutoModel.register(RivalConfig, RivalForAUDetection)
AutoModelForVideoClassification.register(RivalConfig, RivalForAUDetection)
AutoVideoProcessor.register(RivalConfig, AULLMVideoProcessor)
AutoProcessor.register(RivalConfig, AULLMProcessor)
RivalConfig.pipelines = {}
