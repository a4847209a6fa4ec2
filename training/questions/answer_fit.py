"""The LLM learns which sentence answers a question: at every place where true sentences part, to go the right way.

Own choice: the loss is a cross-entropy over the ways that are open there, not over all words, for the others are never
taken. Evidence, structure and the LoRA of detection rest: only the adapter for answers learns.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from accelerate import Accelerator
from tqdm.auto import tqdm
from transformers.cache_utils import Cache

from modeling_aullm import AULLMForAUDetection
from modeling_aullm.answer_choice import QuestionWords, answering, tree_of
from modeling_aullm.deduction import ANSWERS, cache_argument, expand
from modeling_aullm.findings import Expression
from training.questions.asked import Asked, QuestionDraw, draw_findings

LEARNING_RATE, WARMUP, CLIP = 1e-3, 0.1, 1.0


class CaseTokens(NamedTuple):
    """What detection has made of clips: their tokens, (clips, hidden_size); no instruction without a structure."""

    content: torch.Tensor
    instruction: torch.Tensor | None

    def take(self, row: int) -> "CaseTokens":
        """Of one clip."""
        rows = slice(row, row + 1)
        return CaseTokens(self.content[rows], None if self.instruction is None else self.instruction[rows])


class Parting(NamedTuple):
    """A place where sentences part: where it is in the row, the ways, and which of them is right."""

    position: int
    ways: list[int]
    right: int


def lesson(words: QuestionWords, asked: Asked) -> tuple[list[int], list[Parting]]:
    """What is read, question and answer up to its last parting, and the partings."""
    sentences = words.sentences([each.said for each in asked.among])
    place, ids = tree_of(sentences), words.question(asked.question)
    partings = []
    for token in words.sentences([asked.answer.said])[0]:
        if len(place.ways) > 1:
            ways = list(place.ways)
            partings.append(Parting(len(ids) - 1, ways, ways.index(token)))
        ids.append(token)
        place = place.ways[token]
    return ids[: partings[-1].position + 1], partings


def fit_answers(
    model: AULLMForAUDetection,
    words: QuestionWords,
    expressions: Sequence[Expression],
    tokens: CaseTokens,
    *,
    steps: int,
    batch_size: int,
    seed: int,
    learning_rate: float = LEARNING_RATE,
) -> float:
    """Teach a model's adapter for answers.

    Args:
        model: With the adapter; everything else of it rests.
        words: Of its LLM.
        expressions: What was coded of each clip.
        tokens: What detection has made of each.
        steps: Of the optimizer.
        batch_size: Questions a step, all about one case, over all processes.
        seed: Of the questions.
        learning_rate: At its highest.

    Returns:
        The loss, a running mean.
    """
    accelerator = Accelerator()
    share = max(1, batch_size // accelerator.num_processes)
    rng = np.random.default_rng((seed, accelerator.process_index))
    model.to(accelerator.device).eval().requires_grad_(False)
    learned = [weight for name, weight in model.named_parameters() if f".{ANSWERS}." in name]
    for weight in learned:
        weight.requires_grad_(True)
    optimizer = torch.optim.AdamW(learned, lr=learning_rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=steps, pct_start=WARMUP)
    draw = QuestionDraw(rng)
    bar = tqdm(total=steps, desc="answers", unit="step", disable=not accelerator.is_main_process, dynamic_ncols=True)
    mean = 0.0
    for step in range(steps):
        row = int(rng.integers(len(expressions)))
        lessons = [lesson(words, each) for each in _about(draw, rng, expressions, row, share)]
        content, instruction = tokens.take(row)
        case = model.prompt_reader.read_case(
            model.llm, model.config, content.to(model.device), _on(model, instruction), words.opening
        )
        with accelerator.autocast():
            loss = _loss(model, case, lessons)
        accelerator.backward(loss)
        for weight in learned:
            weight.grad = accelerator.reduce(weight.grad, "mean")
        torch.nn.utils.clip_grad_norm_(learned, CLIP)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        mean = loss.item() if step == 0 else 0.95 * mean + 0.05 * loss.item()
        bar.set_postfix({"loss": f"{mean:.3f}"}, refresh=False)
        bar.update()
    bar.close()
    for weight in learned:
        weight.requires_grad_(False)
    return mean


def _about(
    draw: QuestionDraw, rng: np.random.Generator, expressions: Sequence[Expression], row: int, count: int
) -> Iterator[Asked]:
    """Questions about a clip, or a recording in which its expression stands among others."""
    for _ in range(count):
        others = rng.integers(len(expressions), size=8)
        yield draw.ask(
            draw_findings(rng, [expressions[row], *(expressions[k] for k in others)], list(expressions[row].units))
        )


def _on(model: AULLMForAUDetection, tensor: torch.Tensor | None) -> torch.Tensor | None:
    return None if tensor is None else tensor.to(model.device)


def _loss(model: AULLMForAUDetection, case: Cache, lessons: Sequence[tuple[list[int], list[Parting]]]) -> torch.Tensor:
    """Mean over questions of the sum over their partings; all stand in one row, each sees itself and the case."""
    speaker, device, start = answering(model.llm), model.device, case.get_seq_length()
    lengths = torch.tensor([len(ids) for ids, _ in lessons])
    whose = torch.arange(len(lessons)).repeat_interleave(lengths)
    first = lengths.cumsum(0) - lengths
    place = torch.arange(int(lengths.sum())) - first[whose]
    hidden = (whose[:, None] != whose) | (place[:, None] < place)
    words: Any = speaker.get_input_embeddings()
    embeddings = words(torch.tensor([[token for ids, _ in lessons for token in ids]], device=device))
    mask = torch.zeros(len(place), start + len(place), dtype=embeddings.dtype)
    mask[:, start:].masked_fill_(hidden, torch.finfo(embeddings.dtype).min)
    states = speaker(
        inputs_embeds=embeddings,
        attention_mask=mask[None, None].to(device),
        position_ids=(start + place)[None].to(device),
        use_cache=True,
        **cache_argument(speaker, expand(case, 1)),
    ).last_hidden_state[0]
    losses = []
    for begin, (_, partings) in zip(first.tolist(), lessons, strict=True):
        for parting in partings:
            scores = words.weight[parting.ways].float() @ states[begin + parting.position].float()
            losses.append(torch.nn.functional.cross_entropy(scores, torch.tensor(parting.right, device=device)))
    return torch.stack(losses).sum() / len(lessons)
