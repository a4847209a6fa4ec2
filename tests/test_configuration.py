import pytest
from transformers import AutoConfig, Qwen3Config

from modeling_aullm import AULLMConfig


def test_defaults_are_aullm_plus_plus_with_the_units_of_cd6me():
    config = AULLMConfig()
    assert config.num_labels == 12
    assert config.id2label[8] == "AU12" and config.label2id["AU12"] == 8
    assert (config.evidence, config.structure) == ("mge_efp", "r_augnn")
    assert config.problem_type == "multi_label_classification"
    assert config.prompt.endswith("{instruction}{content}")
    assert "AU12 lip corner puller" in config.prompt and "6+12" in config.prompt


def test_au_llm_preset_is_the_published_predecessor():
    config = AULLMConfig.au_llm()
    assert (config.evidence, config.structure, config.led_eps) == ("efp", "none", 1e-8)
    assert config.prompt == "Please analyze the features and classify AU{content}"
    assert config.evidence_hidden_size == 256


def test_figure_order_starts_with_the_tokens():
    assert AULLMConfig.figure_order().prompt.startswith("{content}{instruction}")


def test_round_trip_on_disk_keeps_everything(tmp_path):
    config = AULLMConfig(
        text_config=Qwen3Config(hidden_size=32), action_units=["AU4", "AU12"], prompt_token_ids=[3, -2, -1]
    )
    config.save_pretrained(tmp_path)
    loaded = AutoConfig.from_pretrained(tmp_path)
    assert isinstance(loaded, AULLMConfig)
    assert loaded.text_config.model_type == "qwen3" and loaded.text_config.hidden_size == 32
    assert loaded.action_units == ["AU4", "AU12"] == list(loaded.id2label.values())
    assert loaded.prompt_token_ids == [3, -2, -1] and loaded.relations == config.relations


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"image_size": "64"}, "image_size"),
        ({"image_size": 8}, "between 32 and 512, got 8"),
        ({"num_frames": 2}, "num_frames must be between"),
        ({"evidence": "mge"}, "evidence"),
        ({"led_r1": -0.1}, "led_r1 must be above 0"),
        ({"action_units": ["AU3"]}, "unknown action unit 'AU3'"),
        ({"relations": [["AU1", "AU2", "friends"]]}, "a relation is two different units"),
        ({"relations": [["AU1", "AU45", "co-occurring"]]}, "AU45, which is not among the model's action units"),
        ({"prompt": "no place for evidence {instruction}"}, r"must hold \{content\} once"),
        ({"prompt": "{content}{content}{instruction}"}, "found 2"),
        ({"structure": "none", "prompt": "{content}{instruction}"}, "has no structure"),
    ],
)
def test_bad_values_are_refused_with_what_is_allowed(settings, message):
    with pytest.raises(Exception, match=message):
        AULLMConfig(**settings)
