"""One face in one clip or recording, ready to be asked about."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoTokenizer
from transformers.cache_utils import Cache

from .answer_choice import QuestionWords, answering, choose, tree_of
from .findings import Findings
from .language_model import LanguageModel, find_language_model
from .reasons import reasons_for
from .statements import Statement, statements

LONGEST = 300  # characters of a question
# What is refused whatever the LLM makes of it; it refuses much more.
REFUSED = re.compile(
    r"\b(how old|years old|honest\w*|liar|lying|telling (the truth|lies)|guilty|criminal|hire|hiring|employ\w*|fit for"
    r"|gender|ethnic\w*|nationality|religio\w*|what race|identify (him|her|them|(this|the) (person|man|woman|face)))\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Answer:
    """An answer.

    Attributes:
        question: As it was asked.
        answer: One to three sentences.
        kind: What it was taken for, as `statements` names it, such as `units`; `refused` where it is not answered.
        about: The unit, region, side or number of an expression that it is about.
        value: The same for machines, see `Statement`.
    """

    question: str
    answer: str
    kind: str
    about: tuple[Any, ...]
    value: Any


class Asking:
    """What was found of one face, and the LLM that answers questions about it.

    The case file is read once, whatever is asked.

    Args:
        model: With an adapter for answers (`config.answer_rank`).
        findings: What was found; answers are put together from nothing else.
        clips: What the model saw of each expression, (num_frames, image_size, image_size) each.
        words: Of the model's LLM; found with its weights if not given.

    Raises:
        ValueError: If the model has no adapter for answers.
    """

    def __init__(
        self, model: Any, findings: Findings, clips: Sequence[torch.Tensor], words: QuestionWords | None = None
    ) -> None:
        self.model, self.findings, self.clips = model, findings, clips
        self.words = words or question_words(model)
        self.said = statements(findings)
        self._tree = tree_of(self.words.sentences([each.said for each in self.said]))
        self._case: tuple[Any, Cache] | None = None

    def answer(self, questions: Sequence[str]) -> list[Answer]:
        """Answer questions, all of them in one pass.

        Args:
            questions: In English, none empty.

        Raises:
            ValueError: If one is empty or too long.
        """
        for question in questions:
            check_question(question)
        return [
            self._answer(question, found) for question, found in zip(questions, self._choose(questions), strict=True)
        ]

    def stream(self, question: str) -> Iterator[str]:
        """An answer word by word, as they come to be known.

        Args:
            question: As in `answer`.

        Raises:
            ValueError: As there.
        """
        check_question(question)
        (found,) = self._choose([question])
        yield from re.findall(r"\s*\S+", found.text)
        if found.reasons_for:
            yield from re.findall(r"\s*\S+", f" {self._reasons(found.reasons_for)}")

    def _answer(self, question: str, found: Statement) -> Answer:
        text = found.text + (f" {self._reasons(found.reasons_for)}" if found.reasons_for else "")
        return Answer(question, text, found.kind, found.about, found.value)

    @torch.inference_mode()
    def _choose(self, questions: Sequence[str]) -> list[Statement]:
        if not questions:
            return []
        speaker, case = self._read_case()
        chosen = choose(speaker, case, [self.words.question(each) for each in questions], self._tree)
        refusal = next(each for each in self.said if each.kind == "refused")
        return [
            refusal if REFUSED.search(question) else self.said[number]
            for question, number in zip(questions, chosen, strict=True)
        ]

    def _read_case(self) -> tuple[Any, Cache]:
        """The LLM that answers, and the case file as it has read it: of the expression that is the most probable."""
        if self._case is None:
            model, config = self.model, self.model.config
            shape = (config.num_frames, config.image_size, config.image_size)
            clip = self.clips[self._clearest()] if self.findings.expressions else torch.zeros(shape)
            output = model(pixel_values=clip[None].to(model.device), return_dict=True)
            tokens = output.content_token, output.instruction_token
            case = model.prompt_reader.read_case(model.llm, config, *tokens, self.words.opening)
            self._case = answering(model.llm), case
        return self._case

    def _clearest(self, code: str | None = None) -> int:
        """The expression in which a unit, or any, is the most probable."""

        def probability(number: int) -> float:
            units = self.findings.expressions[number].units
            return units[code].probability if code else max(unit.probability for unit in units.values())

        return max(range(len(self.findings.expressions)), key=probability)

    def _reasons(self, code: str) -> str:
        if not self.findings.expressions:
            return "no expression was found."
        number = self._clearest(code)
        units = self.findings.expressions[number].units
        return reasons_for(self.model, self.clips[number], units[code], units)


def question_words(model: Any) -> QuestionWords:
    """Questions as a model's LLM reads them; its tokenizer lies with its weights.

    Raises:
        ValueError: If the model has no adapter for answers.
    """
    if not model.config.answer_rank:
        raise ValueError(
            "this model answers no questions: it has no adapter for answers; python -m training.answers gives it one"
        )
    return QuestionWords(AutoTokenizer.from_pretrained(find_language_model(LanguageModel(**(model.config.llm or {})))))


def check_question(question: str) -> None:
    """Check a question before anything is computed.

    Raises:
        ValueError: If it is empty or too long.
    """
    if not isinstance(question, str) or not question.strip():
        raise ValueError("a question must be a sentence such as 'Which muscles moved?', got nothing")
    if len(question) > LONGEST:
        raise ValueError(
            f"a question may have up to {LONGEST} characters, got {len(question)}; ask one thing at a time"
        )
