"""Answer a question file of the Micro-Expression Grand Challenge about videos of your own licensed copy.

    python -m training.challenge --checkpoint CHECKPOINT --questions FILE.jsonl --videos FOLDER --output ANSWERS.jsonl

Each row comes back with an `answer`, in the challenge's words. A video that cannot be used is named, and its rows have
an empty one. Where the file has answers already, the share of equal ones is printed, question by question.
"""

import json
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from modeling_aullm.asking import LONGEST, Asking, question_words
from modeling_aullm.output_files import write_whole
from modeling_aullm.source_findings import find
from training.errors import InputError, run_command
from training.events.checkpoint import open_checkpoint
from training.options import option, parse_options
from training.questions.challenge import find_video, in_challenge_words, read_questions, video_name


@dataclass
class ChallengeOptions:
    """Which checkpoint answers what."""

    checkpoint: str = field(metadata={"help": "Folder or Hub id of a checkpoint with an adapter for answers."})
    questions: str = field(metadata={"help": "The challenge's file, a JSON object a line."})
    videos: str = field(metadata={"help": "Folder that its names lead into."})
    output: str = field(metadata={"help": "New file for the answers."})
    face: str = option("largest", "largest, or cropped where the videos are ready face crops.")

    def __post_init__(self) -> None:
        if Path(self.output).exists():
            raise InputError(f"--output {self.output} is there already; give a new file")
        if not Path(self.videos).is_dir():
            raise InputError(f"--videos {self.videos}: no such folder")
        if self.face not in ("largest", "cropped"):
            raise InputError(f"--face must be largest or cropped, got {self.face!r}")


def answers_about(model: Any, processor: Any, words: Any, video: Path, questions: list[str], face: str) -> list[str]:
    """The answers to all questions about one video.

    Raises:
        ValueError: If the video or a question cannot be used.
    """
    findings, clips = find(model, processor, video, face=face)
    answers = Asking(model, findings, clips, words).answer([question[:LONGEST] for question in questions])
    return [in_challenge_words(answer, findings) for answer in answers]


def main() -> None:
    """Answer video by video, and write the file whole or not at all."""
    (options,) = parse_options(ChallengeOptions, description=__doc__)
    rows = read_questions(Path(options.questions))
    if long := sum(len(row["question"]) > LONGEST for row in rows):
        sys.stderr.write(f"{long} of {len(rows)} questions are longer than {LONGEST} characters: read up to there\n")
    model, processor = open_checkpoint(options.checkpoint)
    words = question_words(model) if model.config.answer_rank else None
    if words is None:
        raise InputError(f"{options.checkpoint} answers no questions; python -m training.answers gives it the words")
    by_video: dict[str, list[int]] = defaultdict(list)
    for number, row in enumerate(rows):
        by_video[video_name(row)].append(number)
    given = [""] * len(rows)
    for name, numbers in tqdm(by_video.items(), desc="videos", unit="video", dynamic_ncols=True):
        try:
            video = find_video(Path(options.videos), name)
            said = answers_about(model, processor, words, video, [rows[n]["question"] for n in numbers], options.face)
        except ValueError as error:
            tqdm.write(f"{name}: {error}", file=sys.stderr)
            continue
        for number, answer in zip(numbers, said, strict=True):
            given[number] = answer
    lines = [json.dumps(row | {"answer": said}, ensure_ascii=False) for row, said in zip(rows, given, strict=True)]
    text = "\n".join(lines) + "\n"
    write_whole(Path(options.output), lambda path: path.write_text(text, encoding="utf-8"))
    sys.stdout.write(_agreement(rows, given))


def _agreement(rows: list[dict[str, Any]], given: list[str]) -> str:
    """A line a question that has answers in the file: how many are equal, as sets where they are lists."""
    equal: dict[str, list[bool]] = defaultdict(list)
    for row, said in zip(rows, given, strict=True):
        if row.get("answer"):
            equal[row["question"]].append(_set(str(row["answer"])) == _set(said))
    lines = [f"{sum(own)} of {len(own)} equal: {question}" for question, own in equal.items()]
    return "\n".join([*lines, f"{sum(map(bool, given))} of {len(given)} answered"]) + "\n"


def _set(answer: str) -> set[str]:
    return {word.strip().lower() for word in answer.split(",")}


if __name__ == "__main__":
    run_command(main)
