"""The LLM answers: word by word, but only along sentences that are true of what was found.

Own choice (constrained decoding over a tree of token ids). The case file is read once, as detection reads it; what
follows it, question and answer, goes through the same LLM with LoRA of its own (PEFT's adapter `answers`), so that
detection stays as it is. Where the sentences have one way to go on, nothing is computed.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.cache_utils import Cache

from .deduction import ANSWERS, cache_argument, expand

SYSTEM = "Answer from the case file alone."
PLACE = "QUESTION"


@dataclass
class Branch:
    """A place in the tree of sentences: the ways on by token id, and the number of the sentence that ends here."""

    ways: dict[int, "Branch"] = field(default_factory=dict)
    ends: int | None = None


def tree_of(sentences: Sequence[Sequence[int]]) -> Branch:
    """The tree of sentences, each the ids of its tokens, ended by that of the end of a turn."""
    root = Branch()
    for number, ids in enumerate(sentences):
        place = root
        for token in ids:
            place = place.ways.setdefault(token, Branch())
        place.ends = number
    return root


def walk(place: Branch) -> tuple[list[int], Branch]:
    """The tokens that have no alternative from here on, and the place where there is a choice, or the end."""
    tokens = []
    while len(place.ways) == 1 and place.ends is None:
        ((token, place),) = place.ways.items()
        tokens.append(token)
    return tokens, place


class QuestionWords:
    """Questions and sentences as token ids, in the LLM's own way to take turns.

    Args:
        tokenizer: The LLM's.

    Attributes:
        opening: Ids of what stands between the case file and a question.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self.tokenizer = tokenizer
        turns = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": PLACE}]
        if tokenizer.chat_template:
            text: Any = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        else:
            text = f"\n{SYSTEM}\nQuestion: {PLACE}\nAnswer: "
        before, _, after = text.partition(PLACE)
        self.opening, self._after = (tokenizer(part, add_special_tokens=False)["input_ids"] for part in (before, after))
        self._end = [tokenizer.eos_token_id]
        self._known: dict[str, list[int]] = {}

    def question(self, question: str) -> list[int]:
        """Ids of a question, and of the turn to answer; what looks like the end of a turn in it is plain text."""
        plain = question.replace("<|", "< |")
        return [*self.tokenizer(plain, add_special_tokens=False)["input_ids"], *self._after]

    def sentences(self, sentences: Sequence[str]) -> list[list[int]]:
        """Ids of sentences, each with the end of its turn."""
        new = [sentence for sentence in sentences if sentence not in self._known]
        if new:
            found = self.tokenizer(new, add_special_tokens=False)["input_ids"]
            self._known |= {sentence: ids + self._end for sentence, ids in zip(new, found, strict=True)}
        return [self._known[sentence] for sentence in sentences]


def answering(llm: PreTrainedModel) -> PreTrainedModel:
    """The same LLM, its weights shared, with the adapter for answers in place of that for detection.

    A copy of the modules alone: another thread may detect meanwhile.

    Args:
        llm: With both adapters.
    """
    shared = {id(tensor): tensor for tensor in (*llm.parameters(), *llm.buffers())}
    speaker = copy.deepcopy(llm, shared)
    layers: list[Any] = [module for module in speaker.modules() if hasattr(module, "lora_A")]
    for layer in layers:
        layer._active_adapter = [ANSWERS]
    return speaker


def choose(speaker: PreTrainedModel, case: Cache, questions: Sequence[Sequence[int]], tree: Branch) -> list[int]:
    """The number of the sentence with which each question is answered.

    At every place where sentences part the likeliest next token is taken, all questions side by side.

    Args:
        speaker: From `answering`.
        case: Keys and values of the case file, a row; it is not touched.
        questions: Ids of each.
        tree: Of the sentences.
    """
    words: Any = speaker.get_input_embeddings().weight
    tokens, first = walk(tree)
    chosen = [first] * len(questions)
    step = {row: [*question, *tokens] for row, question in enumerate(questions) if first.ends is None}
    reader = _Reader(speaker, case, len(step))
    while step:
        states = reader.read(list(step.values()))
        for state, row in zip(states, step, strict=True):
            ways = list(chosen[row].ways)
            best = ways[int((words[ways].float() @ state.float()).argmax())]
            tokens, chosen[row] = walk(chosen[row].ways[best])
            step[row] = [best, *tokens]
        going_on = [place for place, row in enumerate(step) if chosen[row].ends is None]
        step = {row: tokens for row, tokens in step.items() if chosen[row].ends is None}
        reader.keep(going_on)
    return [int(branch.ends or 0) for branch in chosen]


class _Reader:
    """Rows of text that go on after the same case file, each at its own pace."""

    def __init__(self, speaker: PreTrainedModel, case: Cache, rows: int) -> None:
        self.speaker, self.cache = speaker, expand(case, rows)
        self.device = case.layers[0].keys.device  # type: ignore[union-attr]
        length = case.get_seq_length()
        self.seen = torch.ones(rows, length, dtype=torch.long, device=self.device)
        self.position = torch.full((rows, 1), length, device=self.device)

    def keep(self, rows: list[int]) -> None:
        """Let the others go, whose sentence has ended."""
        if 0 < len(rows) < len(self.seen):
            self.seen, self.position = self.seen[rows], self.position[rows]
            layers: list[Any] = self.cache.layers
            for layer in layers:
                layer.keys, layer.values = layer.keys[rows], layer.values[rows]

    def read(self, step: Sequence[Sequence[int]]) -> torch.Tensor:
        """Read some more of each row: its last state, (rows, hidden_size)."""
        longest = max(map(len, step))
        padding = [longest - len(tokens) for tokens in step]
        ids = torch.tensor([[0] * gap + list(tokens) for gap, tokens in zip(padding, step, strict=True)])
        real = torch.tensor([[0] * gap + [1] * (longest - gap) for gap in padding])
        ids, real = ids.to(self.device), real.to(self.device)
        self.seen = torch.cat([self.seen, real], 1)
        positions = (self.position + real.cumsum(1) - 1).clamp(min=0)
        self.position = self.position + real.sum(1, keepdim=True)
        read = self.speaker(
            inputs_embeds=self.speaker.get_input_embeddings()(ids),
            attention_mask=self.seen,
            position_ids=positions,
            use_cache=True,
            **cache_argument(self.speaker, self.cache),
        )
        return read.last_hidden_state[:, -1]
