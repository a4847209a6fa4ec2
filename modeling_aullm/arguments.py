"""Arguments of the command `aullm`. Nothing here takes long to import."""

import math
from argparse import ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from collections.abc import Callable
from typing import Any, NoReturn

from .facs import check_action_units

SHORTEST_TIME = 0.001  # seconds; no camera here is faster
DTYPES = ("float32", "bfloat16", "float16")

EXAMPLES = """\
examples:
  aullm predict clip.mp4
  aullm predict frames_folder/ a.mp4 --json out.json --csv out.csv --plot out.png
  aullm predict interview.mp4 --window 0.5 --stride 0.1 --overlay out.mp4
"""


class UsageError(ValueError):
    """Arguments with which nothing can be done; the text is one line for people."""


class _Parser(ArgumentParser):
    """Raises instead of ending the process, so that every error reads alike."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


def _number(kind: type[int] | type[float], low: float, high: float = math.inf) -> Callable[[str], float]:
    """A converter to a finite number from `low` to `high`."""

    def number(text: str) -> float:  # argparse puts this name into its message
        value = kind(text)
        if not (math.isfinite(value) and low <= value <= high):
            limits = f"{low:g} or more" if high == math.inf else f"from {low:g} to {high:g}"
            raise ArgumentTypeError(f"must be {limits}, got {text}")
        return value

    return number


def _face(text: str) -> str | int:
    if text in ("largest", "cropped"):
        return text
    if not text.isdecimal():
        raise ArgumentTypeError(f"must be largest, cropped or the number of a face, got {text!r}")
    return int(text)


def _action_units(text: str) -> list[str]:
    codes = [code.strip().upper() for code in text.split(",")]
    try:
        check_action_units(codes)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error
    return codes


def make_parser(version: str) -> ArgumentParser:
    """The parser of the command.

    Args:
        version: What `aullm --version` says.

    Returns:
        A parser that raises `UsageError`.
    """
    parser = _Parser("aullm", description="Facial action units in micro-expression videos.")
    parser.add_argument("--version", action="version", version=f"aullm {version}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    predict = commands.add_parser(
        "predict",
        help="find the action units of videos",
        description="Find the action units of face videos. A clip of up to a second is one segment; a longer "
        "recording is cut into windows and gives a timeline.",
        epilog=EXAMPLES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    predict.add_argument("sources", nargs="+", metavar="SOURCE", help="video file, or folder of numbered frames")
    _add_outputs(predict.add_argument_group("outputs, beside the table that is printed"))
    _add_sampling(predict.add_argument_group("what is looked at"))
    _add_model(predict.add_argument_group("the model"))
    return parser


def _add_outputs(group: Any) -> None:
    group.add_argument("--json", metavar="FILE", help="everything as JSON; - prints it instead of the table")
    group.add_argument("--csv", metavar="FILE", help="a row a segment: AU01_p is a probability, AU01_c is 1 if active")
    group.add_argument("--plot", metavar="FILE", help="bars or a timeline of each source in one figure: png, pdf, svg")
    group.add_argument(
        "--overlay",
        metavar="FILE",
        help="the video with the face's box and the action units: mp4, mov, mkv; of several sources one "
        "file each, FILE-SOURCE.mp4",
    )
    group.add_argument("--aus", type=_action_units, metavar="AU1,AU12", help="report these units only")
    group.add_argument(
        "--threshold",
        type=_number(float, 0, 1),
        metavar="P",
        help="probability from which a unit is active, instead of the checkpoint's own",
    )


def _add_sampling(group: Any) -> None:
    seconds, frame = _number(float, SHORTEST_TIME), _number(int, 0)
    group.add_argument("--window", type=seconds, metavar="SECONDS", help="length of the windows")
    group.add_argument(
        "--stride", type=seconds, metavar="SECONDS", help="from one window to the next, at most --window"
    )
    group.add_argument(
        "--fps",
        type=_number(float, 0.1, 100_000),
        help="frames a second, instead of a file's own times; frame folders: 30 by default",
    )
    group.add_argument("--face", type=_face, metavar="largest|cropped|N", help="which face; cropped: ready face crops")
    group.add_argument(
        "--onset", type=frame, metavar="N", help="first frame of the expression, from 0; one source only"
    )
    group.add_argument("--apex", type=frame, metavar="N", help="frame of its height; one source only")
    group.add_argument("--offset", type=frame, metavar="N", help="last frame of the expression; one source only")


def _add_model(group: Any) -> None:
    group.add_argument(
        "--model", metavar="ID_OR_FOLDER", help="checkpoint; default: the one that comes with the package"
    )
    group.add_argument("--revision", metavar="SHA", help="commit, branch or tag of the checkpoint on the Hub")
    group.add_argument("--device", help="such as cpu or cuda; default: the GPU if there is one")
    group.add_argument("--dtype", choices=DTYPES, default="float32", help="default: %(default)s")
    group.add_argument("--batch-size", type=_number(int, 1), default=16, metavar="N", help="default: %(default)s")
    group.add_argument("--verbose", action="store_true", help="let libraries warn, and show where an error arose")
