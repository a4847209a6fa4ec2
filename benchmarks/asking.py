"""What a question costs: `python -m benchmarks.asking`, the shipped checkpoint on two threads.

With the model loaded and the video looked at: seconds to the first word, with reading the case file and without, and to
the end of an answer; ten questions on one clip beside one, the case file kept and read anew for each. Ways take turns.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.measure import seconds_of_each, show, write
from modeling_aullm import DEFAULT_CHECKPOINT
from modeling_aullm.answer_choice import QuestionWords
from modeling_aullm.asking import Answer, Asking, question_words
from modeling_aullm.detector import Detector, open_detector
from modeling_aullm.source_findings import find

VIDEOS = Path(__file__).parents[1] / "space" / "examples"
THREADS, ROUNDS = 2, 7
TEN = (
    "Which muscles moved?", "Did AU12 move?", "Is the left brow raised?", "How strong was AU6?", "Did the chin move?",
    "Where did the face move?", "How sure are you of AU4?", "What emotion is it?", "On which side was AU12?",
    "How many action units are active?",
)  # fmt: skip
WHY = "Why AU12?"


def first_word(asking: Asking, question: str) -> str:
    """An answer as far as its first word."""
    return next(asking.stream(question))


def measure(detector: Detector, words: QuestionWords, video: str) -> dict[str, Any]:
    """The row of one video."""
    found, clips = find(detector.model, detector.processor, VIDEOS / video)

    def new() -> Asking:
        return Asking(detector.model, found, clips, words)

    def from_video(questions: Sequence[str]) -> list[Answer]:
        return Asking(detector.model, *find(detector.model, detector.processor, VIDEOS / video), words).answer(
            questions
        )

    read = new()
    read.answer(TEN)  # the tokenizer learns the sentences once, and this one has read its case file
    ways: dict[str, Callable[[], object]] = {
        "first word": lambda: first_word(new(), TEN[0]),
        "first word, case file read": lambda: first_word(read, TEN[1]),
        "answer": lambda: new().answer(TEN[:1]),
        "why": lambda: new().answer([WHY]),
        "ten answers": lambda: new().answer(TEN),
        "ten answers, case file read anew": lambda: [new().answer([question]) for question in TEN],
        "from the video, one answer": lambda: from_video(TEN[:1]),
        "from the video, ten answers": lambda: from_video(TEN),
    }
    took = seconds_of_each(ways, ROUNDS)
    row: dict[str, Any] = {"video": video} | took | {"words of why": len(read.answer([WHY])[0].answer.split())}
    row |= {"ten by one": took["ten answers"] / took["answer"]}
    row |= {"anew, by one": took["ten answers, case file read anew"] / took["answer"]}
    return row | {
        "from the video, ten by one": took["from the video, ten answers"] / took["from the video, one answer"]
    }


def main() -> None:
    """Measure, print and write the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.asking", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".json"), help="where the figures go")
    options = parser.parse_args()
    torch.set_num_threads(THREADS)
    detector = open_detector(str(DEFAULT_CHECKPOINT))
    words = question_words(detector.model)
    rows = [measure(detector, words, video) for video in ("smile.mp4", "timeline.mp4")]
    show("Questions, seconds", rows)
    write(options.output, {"asking": rows})


if __name__ == "__main__":
    main()
