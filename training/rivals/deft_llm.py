"""DEFT-LLM-like: three experts whose tokens an LLM reads, and sentences that flow and label agree on.

After DEFT-LLM (arXiv 2511.10948), of which only the abstract and summaries could be read: experts of structure, dynamic
texture and motion semantics feed a multimodal LLM; texts are kept under two constraints at once, optical flow and AU
labels (Uni-MER); the objective is discriminative and generative. It is published for emotions, with units as grounding.
Everything else is own choice: what each expert reads, its network, one token each at the end of the same kind of prompt
and in the same LLM with the same LoRA as AULLM++, a linear head on the last position, what keeps the experts apart (a
decorrelation term, and leaving one out at a time), the sentences, and all weights.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from modeling_aullm.evidence import TokenNorm
from modeling_aullm.motion_encoder import LearnableEulerianDynamics, MagnifiedFlow

from .configuration_rivals import EXPERTS, RivalConfig
from .network import Network, RivalOutput
from .prompt_row import next_token_losses, read_row
from .region_flow import REGIONS, face_flow, moved_their_way, region_statistics

SIZE = 128  # of an expert's features
LEFT_OUT = 0.3  # of the clips, in training, see the prompt without one of the experts
SPOKEN_OF = 4  # one clip of so many is spoken of in a training step: words cost as much as clips
SENTENCE_WEIGHT, DECORRELATION_WEIGHT = 0.1, 0.1


class Experts(nn.Module):
    """Structure: the first frame. Dynamic texture: LED's motion frames. Motion semantics: flow by regions."""

    def __init__(self, config: RivalConfig) -> None:
        super().__init__()
        self.used = [name for name in EXPERTS if name not in config.without]
        hidden_size = config.get_text_config().hidden_size
        self.led = LearnableEulerianDynamics(config) if "dynamic_texture" in self.used else None
        self.flow = MagnifiedFlow().requires_grad_(False)
        networks: dict[str, nn.Module] = {
            "structure": _pictures(1, config),
            "dynamic_texture": _pictures(config.num_frames - 1, config),
            "motion_semantics": nn.Sequential(
                nn.Flatten(), nn.Linear(4 * len(REGIONS), SIZE), nn.GELU(), nn.Dropout(config.dropout),
                nn.Linear(SIZE, SIZE),
            ),
        }  # fmt: skip
        self.networks = nn.ModuleDict({name: networks[name] for name in self.used})
        self.projections = nn.ModuleDict(
            {
                name: nn.Sequential(nn.GELU(), nn.Linear(SIZE, hidden_size), TokenNorm(hidden_size, config.token_rms))
                for name in self.used
            }
        )

    def forward(self, pixel_values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """See clips.

        Returns:
            Features (batch, experts, 128), tokens (batch, experts, hidden_size), flow (batch, 2, height, width).
        """
        moved = face_flow(self.flow, pixel_values)
        seen = {"structure": (pixel_values[:, :1] - 0.5) / 0.25, "motion_semantics": region_statistics(moved)}
        if self.led is not None:
            seen["dynamic_texture"], _ = self.led(pixel_values)
        features = [self.networks[name](seen[name]) for name in self.used]
        tokens = [self.projections[name](own) for name, own in zip(self.used, features, strict=True)]
        return torch.stack(features, 1), torch.stack(tokens, 1), moved


class DeftLLM(Network):
    """The experts, and how the LLM is asked."""

    def __init__(self, config: RivalConfig) -> None:
        super().__init__()
        self.config = config
        self.experts = Experts(config)

    def forward(
        self,
        pixel_values: torch.Tensor,
        labels: torch.Tensor | None = None,
        person: torch.Tensor | None = None,
        **llm: Any,
    ) -> RivalOutput:
        """See clips, and read the prompt with the LLM, see `Network`."""
        features, tokens, moved = self.experts(pixel_values)
        texts = [[]] * len(tokens) if labels is None else self._texts(labels, moved)
        tokens = leave_one_out(tokens) if labels is not None else tokens
        states = self._read(llm["llm"], tokens, texts)
        last = torch.stack([of_clip[tokens.shape[1] - 1] for of_clip in states])
        output = RivalOutput(logits=llm["head"](last.to(llm["head"].weight.dtype)))
        if labels is not None:
            output.auxiliary = separation(features, self.config)
            if "sentences" not in self.config.without:
                spoken = [of_clip[tokens.shape[1] - 1 :] for of_clip in states]
                losses = next_token_losses(llm["llm"], spoken, texts)
                output.auxiliary["loss_sentences"] = SENTENCE_WEIGHT * losses.sum() / -(-len(texts) // SPOKEN_OF)
        return output

    @torch.no_grad()
    def name_units(self, llm: PreTrainedModel, pixel_values: torch.Tensor) -> torch.Tensor:
        """The unit that each clip's sentence names, as the LLM writes it word by word: indices, (batch,).

        The likeliest token each time, among those with which one of the units' sentences goes on.
        """
        sentences = self.config.sentence_token_ids
        table: Any = llm.get_input_embeddings()
        _, tokens, _ = self.experts(pixel_values)
        said: list[list[int]] = [[] for _ in tokens]
        named = [list(range(len(sentences))) for _ in tokens]
        while any(len(units) > 1 for units in named):
            states = torch.stack([of_clip[-1] for of_clip in self._read(llm, tokens, [[*ids, 0] for ids in said])])
            scores = states.float() @ table.weight.float().T
            for clip, units in enumerate(named):
                place = len(said[clip])
                going_on = sorted({sentences[unit][place] for unit in units})
                said[clip].append(max(going_on, key=scores[clip].tolist().__getitem__))
                named[clip] = [unit for unit in units if sentences[unit][place] == said[clip][-1]]
        return torch.tensor([units[0] for units in named])

    def _texts(self, labels: torch.Tensor, moved: torch.Tensor) -> list[list[int]]:
        """One kept sentence of each clip that is spoken of, as token ids; none of the others."""
        texts: list[list[int]] = [[] for _ in labels]
        if "sentences" in self.config.without:
            return texts
        kept = labels.bool() & moved_their_way(moved.detach(), self.config.action_units)
        for clip in range(0, len(labels), SPOKEN_OF):  # clips come in a new order each epoch
            units = kept[clip].nonzero().flatten().tolist()
            if units:
                texts[clip] = self.config.sentence_token_ids[units[int(torch.randint(len(units), ()))]]
        return texts

    def _read(
        self, llm: PreTrainedModel, tokens: torch.Tensor, texts: Sequence[Sequence[int]]
    ) -> tuple[torch.Tensor, ...]:
        """The LLM's last states of each clip: at its tokens, then at all but the last of its sentence's words."""
        table: Any = llm.get_input_embeddings()

        def words(ids: Sequence[int]) -> torch.Tensor:
            return table(torch.tensor(ids, dtype=torch.long, device=table.weight.device))

        anchors = [self.config.anchor_token_ids[EXPERTS.index(name)] for name in self.experts.used]
        rows = (tokens + words(anchors)).to(table.weight.dtype)
        clips = [torch.cat([row, words(ids[:-1])]) for row, ids in zip(rows, texts, strict=True)]
        return read_row(llm, words(self.config.case_token_ids), clips)


class ExpertReader(nn.Module):
    """The model without its LLM: one linear layer reads all tokens, as `training.learning.models.WithoutLLM` does.

    Args:
        network: Whose experts are used, and trained, not copied.
    """

    def __init__(self, network: DeftLLM) -> None:
        super().__init__()
        self.config, self.experts = network.config, network.experts
        hidden_size = self.config.get_text_config().hidden_size
        self.head = nn.Linear(len(self.experts.used) * hidden_size, len(self.config.action_units))

    def forward(self, pixel_values: torch.Tensor, labels: torch.Tensor | None = None, **unused: Any) -> RivalOutput:
        """Logits of clips, see `Network`."""
        features, tokens, _ = self.experts(pixel_values)
        taught = self.training and labels is not None
        tokens = leave_one_out(tokens) if taught else tokens
        logits = self.head(tokens.flatten(1) / self.config.token_rms)
        return RivalOutput(logits=logits, auxiliary=separation(features, self.config) if taught else None)


def leave_one_out(tokens: torch.Tensor) -> torch.Tensor:
    """Take one expert's token, drawn at random, out of 0.3 of the clips; tokens are (batch, experts, hidden_size)."""
    batch, experts, _ = tokens.shape
    if experts == 1:
        return tokens
    out = torch.zeros(batch, experts, device=tokens.device)
    out[torch.arange(batch), torch.randint(experts, (batch,))] = (torch.rand(batch) < LEFT_OUT).to(out)
    return tokens * (1 - out)[..., None]


def separation(features: torch.Tensor, config: RivalConfig) -> dict[str, torch.Tensor]:
    """The decorrelation term: squared cosine between the features of two experts, a mean over clips and pairs.

    Args:
        features: (batch, experts, 128).
        config: Says whether there is such a term.
    """
    experts = features.shape[1]
    if "decorrelation" in config.without or experts == 1:
        return {}
    unit = nn.functional.normalize(features.float(), dim=-1)
    alike = (unit @ unit.transpose(1, 2)).triu(1).square().sum((1, 2)) / (experts * (experts - 1) // 2)
    return {"loss_decorrelation": DECORRELATION_WEIGHT * alike.mean()}


def _pictures(channels: int, config: RivalConfig) -> nn.Sequential:
    """Convolutions whose last map keeps its places, for a unit is known by where it is."""
    side = -(-config.image_size // 8)
    return nn.Sequential(
        nn.Conv2d(channels, 32, 5, 2, 2), nn.GroupNorm(8, 32), nn.GELU(),
        nn.Conv2d(32, 64, 3, 2, 1), nn.GroupNorm(8, 64), nn.GELU(),
        nn.Conv2d(64, 32, 3, 2, 1), nn.GELU(), nn.Dropout2d(config.dropout),
        nn.Flatten(), nn.Linear(32 * side * side, SIZE),
    )  # fmt: skip
