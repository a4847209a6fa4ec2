"""transformers' own tests of any model, of the installed release; what is left out stands here with its reason."""

import unittest

import torch
from conftest import tiny_config
from helpers_transformers import from_tests_of_transformers, leave_out

from modeling_aullm import AULLMConfig, AULLMForAUDetection, AULLMProcessor
from modeling_aullm.video_processing_aullm import AULLMVideoProcessor

models = from_tests_of_transformers("test_modeling_common")
processors = from_tests_of_transformers("test_processing_common")
video_processors = from_tests_of_transformers("test_video_processing_common")
configurations = from_tests_of_transformers("test_configuration_common")


class TinyModel:
    """What the tests ask of a model's tester: a small configuration, and inputs."""

    is_training = True
    batch_size, seq_length = 3, 11
    hidden_size, num_hidden_layers, num_attention_heads = 32, 2, 4

    def __init__(self, parent):
        self.parent = parent

    def get_config(self):
        config = tiny_config(evidence_hidden_size=16, evidence_width=8, node_size=16)
        config.text_config.num_hidden_layers = self.num_hidden_layers
        config._attn_implementation = "eager"  # the one that can give attention weights
        return config

    def prepare_config_and_inputs_for_common(self):
        return self.get_config(), {"pixel_values": torch.rand(self.batch_size, 6, 64, 64)}


@leave_out(
    {
        f"test_eager_matches_sdpa_inference_{number:02}": "frames in half precision are refused: motion would be lost"
        for number in (*range(8), *range(16, 24))
    }
    | {
        "test_eager_matches_sdpa_inference_24": "asks sdpa for attention weights, which is refused with what to do",
        "test_can_load_ignoring_mismatched_shapes": "asks for 42 labels: here there is one for each action unit",
        "test_model_weights_reload_no_missing_tied_weights": "a file without any of the weights is refused",
    }
)
class TestModel(models.ModelTesterMixin, unittest.TestCase):
    all_model_classes = (AULLMForAUDetection,)
    all_generative_model_classes = ()
    is_encoder_decoder = test_resize_embeddings = test_inputs_embeds = False

    def setUp(self):
        self.model_tester = TinyModel(self)

    def _prepare_for_class(self, inputs_dict, model_class, return_labels=False):
        return dict(inputs_dict) | ({"labels": torch.zeros(3, 12)} if return_labels else {})


class TestConfiguration(unittest.TestCase):
    def test_what_every_configuration_does(self):
        """Left out: `num_labels` of 5 (one logit a unit), and what does not fit a configuration that holds another."""
        tester = configurations.ConfigTester(self, config_class=AULLMConfig, has_text_modality=False)
        tester.create_and_test_config_to_json_string()
        tester.create_and_test_config_to_json_file()
        tester.create_and_test_config_from_and_save_pretrained()
        tester.create_and_test_config_from_and_save_pretrained_subfolder()
        tester.create_and_test_config_from_and_save_pretrained_composite()
        self.model_tester = TinyModel(self)
        tester.create_and_test_config_from_pretrained_custom_kwargs()


SAMPLES = "asks for frames that are not sampled, or for another number: the model takes six sampled ones, and says so"
CARRIES_CODE = "what was saved names the code beside it (auto_map), what was not saved does not"


@leave_out(
    {
        "test_flat_kwarg_applied_when_modality_dict_lacks_it": SAMPLES,
        "test_model_input_names": SAMPLES,
        "test_subprocessor_defaults_2_videos": SAMPLES,
        "test_processor_from_and_save_pretrained": CARRIES_CODE,
        "test_save_load_pretrained_additional_features": "asks for do_normalize, which faces are not given",
        "test_call_arguments_not_in_processor_kwargs": "fps and return_tensors are arguments by name",
    }
)
class TestProcessor(processors.ProcessorTesterMixin, unittest.TestCase):
    processor_class = AULLMProcessor
    videos_input_name = "pixel_values"

    @classmethod
    def _setup_video_processor(cls):
        return AULLMVideoProcessor(face="cropped")


@leave_out(
    {
        "test_call_sample_frames": SAMPLES,
        "test_call_numpy_4_channels": "asks for pictures in channel orders that no video file has (input_data_format)",
        "test_video_processor_save_load_with_autovideoprocessor": "AutoVideoProcessor needs torchvision",
        "test_video_processor_from_dict_with_kwargs": "asks for size and crop_size: a face has image_size",
    }
)
class TestVideoProcessor(video_processors.VideoProcessingTestMixin, unittest.TestCase):
    fast_video_processing_class = AULLMVideoProcessor
    input_name = "pixel_values"
    video_processor_dict = {"image_size": 64, "num_frames": 6, "face": "cropped", "stabilize": False}  # noqa: RUF012

    batch_size, num_frames, num_channels = 3, 8, 3

    def setUp(self):
        super().setUp()
        self.video_processor_tester = self

    def prepare_video_inputs(self, equal_resolution=False, return_tensors="pil"):
        sizes = 32, 80
        made = (self.batch_size, self.num_frames, self.num_channels, *sizes, equal_resolution, return_tensors)
        return video_processors.prepare_video_inputs(*made)

    def expected_output_video_shape(self, videos):
        return (6, 64, 64)
