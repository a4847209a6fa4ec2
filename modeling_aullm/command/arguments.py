"""Arguments of the command `aullm`. Nothing here takes long to import."""

import math
from argparse import ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from collections.abc import Callable
from typing import Any, NoReturn

from ..facs import check_action_units

SHORTEST_TIME = 0.001  # seconds; no camera here is faster
DTYPES, WINDOW_SECONDS = ("float32", "bfloat16", "float16"), 0.5  # as in `api`, which takes long to import
DEFAULT_SENSITIVITY, ENGINES = "normal", ("torch", "onnx")  # likewise

EXAMPLES = """\
What is reported is change, not posture: every segment is compared with its own first frame, so an expression that is
held still is none.

examples:
  aullm predict clip.mp4
  aullm predict frames_folder/ a.mp4 --json out.json --csv out.csv --plot out.png
  aullm predict interview.mp4 --window 0.5 --stride 0.1 --face all --overlay out.mp4
  aullm predict recordings/ --recursive --csv out.csv --events-csv events.csv
  ffmpeg -i rtsp://... -t 10 -f matroska - | aullm predict - --json -
"""

CHECK_EXAMPLES = """\
examples:
  aullm check clip.mp4 interview.mov frames_folder/
  aullm check recordings/ --recursive --json checks.json
"""

ASK_EXAMPLES = """\
Every answer is a sentence that is true of what was found. Nothing is said of who somebody is, or what they are fit for.

examples:
  aullm ask clip.mp4 "Which muscles moved?"
  aullm ask interview.mp4 "How many micro-expressions are there?" "When is the first one?" "Is the left brow raised?"
  aullm ask clip.mp4
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
    if text in ("largest", "all", "cropped"):
        return text
    if not text.isdecimal():
        raise ArgumentTypeError(f"must be largest, all, cropped or the number of a face, got {text!r}")
    if int(text) == 0:
        raise ArgumentTypeError("faces count from 1, so 0 is none; give 1 for the first, or largest")
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
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    predict = commands.add_parser(
        "predict",
        help="find the action units of videos",
        description="Find the action units of face videos. Of a clip of up to a second it is told which "
        "units it shows; in a longer recording expressions are found: when each begins, peaks and ends, and its units.",
        epilog=EXAMPLES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    _add_sources(predict)
    _add_outputs(predict.add_argument_group("outputs, beside the table that is printed (default: none)"))
    _add_sampling(predict.add_argument_group("what is looked at"))
    _add_model(predict.add_argument_group("the model"))
    _add_check(commands)
    _add_ask(commands)
    return parser


def _add_sources(command: ArgumentParser) -> None:
    command.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help='video file, folder of numbered frames or of videos, quoted pattern ("*.mp4"), or - for standard input',
    )
    command.add_argument(
        "--recursive", action="store_true", help="look into folders of folders, too; default: only into those given"
    )


def _add_check(commands: Any) -> None:
    check = commands.add_parser(
        "check",
        help="can these recordings show a micro-expression?",
        description="Tell of each recording whether compression, light, frame rate or the size of the face keep it "
        "from showing a micro-expression, and what to do about it. At most ten seconds of each are looked at; no model "
        "is loaded.",
        epilog=CHECK_EXAMPLES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    _add_sources(check)
    check.add_argument("--json", metavar="FILE", help="everything as JSON; - prints it instead of the text")
    check.add_argument(
        "--face",
        choices=("largest", "cropped"),
        default="largest",
        help="which face; cropped: the frames are ready face crops; default: largest",
    )
    _add_fps(check)
    check.add_argument("--verbose", action="store_true", help="show where an error arose; default: quiet")


def _add_ask(commands: Any) -> None:
    ask = commands.add_parser(
        "ask",
        help="ask about a face: what moved, when, on which side, and why",
        description="Answer questions about one face in a clip or recording. Without a question they are awaited, one "
        "a line.",
        epilog=ASK_EXAMPLES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    ask.add_argument("source", metavar="SOURCE", help="video file, folder of numbered frames, or - for standard input")
    ask.add_argument("questions", nargs="*", metavar="QUESTION", help="in English")
    ask.add_argument("--json", metavar="FILE", help="question and answer as JSON; - prints it instead of the text")
    _add_fps(ask)
    ask.add_argument(
        "--face", type=_face, metavar="largest|N|cropped", help="which face, as of predict; default: the model's own"
    )
    _add_sensitivity(ask)
    _add_checkpoint(ask)


def _add_sensitivity(group: Any) -> None:
    group.add_argument(
        "--sensitivity",
        choices=("high", "normal", "low"),
        default=DEFAULT_SENSITIVITY,
        help="how easily something counts as an event: what it means in false alarms a minute stands above the "
        "table of predict; default: normal",
    )


def _add_fps(group: Any) -> None:
    group.add_argument(
        "--fps",
        type=_number(float, 0.1, 100_000),
        metavar="RATE",
        help="frames a second; default: a file's own times, 30 for folders of frames",
    )


def _add_outputs(group: Any) -> None:
    group.add_argument("--json", metavar="FILE", help="everything as JSON; - prints it instead of the table")
    group.add_argument(
        "--csv",
        metavar="FILE",
        help="a row a segment: AU01_p is a probability, AU01_c is 1 from the threshold AU01_t on; success is 0 where "
        "nothing can be stated; - prints it instead of the table",
    )
    group.add_argument(
        "--csv-rows",
        choices=("segment", "frame"),
        default="segment",
        help="a row a segment, or a row a frame with the face's box, five landmarks and head angles in that frame and "
        "what the nearest segment says; default: segment",
    )
    group.add_argument(
        "--events-csv",
        metavar="FILE",
        help="a row an expression that was found in a recording: frame and second of onset, apex and offset, kind, "
        "probability, and AU01_p and AU01_c of each unit; - prints it instead of the table",
    )
    group.add_argument("--plot", metavar="FILE", help="bars or a timeline of each source in one figure: png, pdf, svg")
    group.add_argument(
        "--overlay",
        metavar="FILE",
        help="the video with the faces' boxes and the action units: mp4, mov, mkv; of several sources one "
        "file each, FILE-SOURCE.mp4",
    )
    group.add_argument(
        "--aus", type=_action_units, metavar="AU1,AU12", help="report these units only; default: all of the model's"
    )
    group.add_argument(
        "--threshold",
        type=_number(float, 0, 1),
        metavar="P",
        help="probability from which a unit is active; default: the checkpoint's own of each unit, which is shown",
    )


def _add_sampling(group: Any) -> None:
    seconds, frame = _number(float, SHORTEST_TIME), _number(int, 0)
    group.add_argument(
        "--window",
        type=seconds,
        metavar="SECONDS",
        help="cut a recording into windows as long instead of looking for events; default: only with --stride, then "
        f"{WINDOW_SECONDS:g}",
    )
    group.add_argument(
        "--stride",
        type=seconds,
        metavar="SECONDS",
        help="from one window to the next, at most --window; default: half a window",
    )
    _add_sensitivity(group)
    _add_fps(group)
    group.add_argument(
        "--face",
        type=_face,
        metavar="largest|all|N|cropped",
        help="which face; N counts from 1; cropped: the frames are ready face crops; default: the model's own, largest",
    )
    for name, what, default in (
        ("onset", "first frame of the expression, from 0", "the first"),
        ("apex", "frame of its height", "not known"),
        ("offset", "last frame of the expression", "the last"),
    ):
        group.add_argument(f"--{name}", type=frame, metavar="N", help=f"{what}; one source only; default: {default}")


def _add_model(group: Any) -> None:
    group.add_argument(
        "--engine",
        choices=ENGINES,
        help="onnx: a folder of hub.export_onnx, without torch; default: what the folder is for",
    )
    group.add_argument(
        "--batch-size",
        type=_number(int, 1),
        default=16,
        metavar="N",
        help="segments the model sees at once; default: %(default)s",
    )
    _add_checkpoint(group)


def _add_checkpoint(group: Any) -> None:
    group.add_argument(
        "--model", metavar="ID_OR_FOLDER", help="checkpoint; default: the one that comes with the package"
    )
    group.add_argument(
        "--revision", metavar="SHA", help="commit, branch or tag of the checkpoint on the Hub; default: main"
    )
    group.add_argument("--device", help="such as cpu or cuda:1; default: the GPU if there is one, else cpu")
    group.add_argument("--dtype", choices=DTYPES, default="float32", help="of the LLM; default: %(default)s")
    group.add_argument(
        "--verbose", action="store_true", help="let libraries warn, and show where an error arose; default: quiet"
    )
