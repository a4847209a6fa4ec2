"""What `modeling_aullm.predict` returns: a sequence of predictions that can be written, drawn and looked at."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from .event_table import count_of
from .output_files import OVERLAY_SUFFIXES, PLOT_SUFFIXES, overlay_paths, write_whole
from .result_files import By, event_example, rows_by, to_csv, to_json
from .result_html import to_html
from .result_table import to_text
from .results import Prediction

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure


class Predictions(Sequence[Prediction]):
    """Predictions of one call, a source and face each; `predictions["clip.mp4"]` are those of one source.

    Printed it is a table; a notebook shows bars. Files are written whole or not at all, which raises OSError.

    Args:
        predictions: All of one checkpoint.
        errors: By source: why it could not be used, one line.
    """

    def __init__(self, predictions: Sequence[Prediction], errors: Mapping[str, str] | None = None) -> None:
        self._predictions = list(predictions)
        self.errors = dict(errors or {})

    def __len__(self) -> int:
        return len(self._predictions)

    def __iter__(self) -> Iterator[Prediction]:
        return iter(self._predictions)

    @overload
    def __getitem__(self, index: int) -> Prediction: ...
    @overload
    def __getitem__(self, index: slice | str) -> "Predictions": ...
    def __getitem__(self, index: int | slice | str) -> "Prediction | Predictions":
        """One prediction by number, several by a slice, those of a source by its name."""
        if isinstance(index, slice):
            return Predictions(self._predictions[index])
        if isinstance(index, int):
            return self._predictions[index]
        of_source = [prediction for prediction in self if prediction.source == index]
        if not of_source:
            raise KeyError(self.errors.get(index, f"{index}: not among {', '.join(self.sources) or 'no sources'}"))
        return Predictions(of_source)

    @property
    def sources(self) -> list[str]:
        """Names of the sources that could be used, each once."""
        return list(dict.fromkeys(prediction.source for prediction in self))

    def __repr__(self) -> str:
        segments = sum(len(prediction.segments) for prediction in self)
        events = sum(len(prediction.events or ()) for prediction in self)
        counts = {"source": len(self.sources), "face": len(self), "segment": segments, "event": events}
        counts |= {"error": len(self.errors)}
        parts = [count_of(number, name) for name, number in counts.items() if number or name not in ("event", "error")]
        return f"<Predictions: {', '.join(parts)}>"

    def __str__(self) -> str:
        """The tables that `aullm predict` prints."""
        return to_text(self) if self else repr(self)

    def _repr_html_(self) -> str:
        return to_html(self, self.errors)

    def to_json(self, path: str | os.PathLike | None = None) -> str:
        """The JSON text, see `result_files`; also written to `path` where one is given."""
        return _written(to_json(self), path)

    def to_csv(self, path: str | os.PathLike | None = None, by: By = "segment") -> str:
        """The CSV text, a row a span, a frame or an event, see `result_files`; also written to `path` if one is given.

        Raises:
            ValueError: If no source could be used, or `by` is none of `segment`, `frame` and `event`.
        """
        self._check_any()
        return _written(to_csv(self, by), path)

    def to_dataframe(self, by: By = "segment") -> "pandas.DataFrame":
        """The columns of the CSV as a pandas frame, a row a span; by `frame` a row a frame, by the nearest segment.

        By `event` it is a row an event; where none was found, or looked for, there is no row.

        A frame's time is the source's own where a span begins or ends, its box, landmarks and head angles are its own
        where the face was looked for, every tenth of a second; all are in proportion between. `success` is 0 where
        nothing is stated, and the values are missing there.

        Raises:
            ImportError: If pandas is not installed.
            ValueError: If `by` is none of these.
        """
        rows = rows_by(self, by)
        try:
            import pandas
        except ImportError as error:
            raise ImportError("to_dataframe needs pandas, which is not installed: pip install pandas") from error
        frame = pandas.DataFrame(rows or [event_example(prediction) for prediction in self]).head(len(rows))
        whole = [name for name in frame if name == "face" or name.endswith("_c")]
        return frame.astype(dict.fromkeys(whole, "Int64"))  # whole numbers though some are missing

    def plot(self, path: str | os.PathLike | None = None) -> "Figure":
        """The figure of `aullm predict --plot`, a panel a source and face.

        Args:
            path: Also write it there; its ending (png, pdf, svg) says what is written.

        Raises:
            ValueError: If no source could be used, or the ending is another.
        """
        from .plotting import draw

        self._check_any()
        if path is not None:
            _check_suffix(path, PLOT_SUFFIXES)
        figure = draw(self)
        if path is not None:
            write_whole(Path(path), figure.savefig)
        return figure

    def save_overlay(self, path: str | os.PathLike) -> dict[str, Path]:
        """Write each source again with its faces' boxes and action units.

        Args:
            path: mp4, mov or mkv; of several sources one file each, `path` with the source's name behind a dash.

        Returns:
            The file of each source.

        Raises:
            ValueError: If no source could be used or can no longer be read, or the ending is another.
        """
        from .overlay import save_overlay

        self._check_any()
        _check_suffix(path, OVERLAY_SUFFIXES)
        paths = overlay_paths(os.fspath(path), self.sources)
        for source, place in paths.items():
            faces = list(self[source])
            write_whole(place, lambda part, faces=faces: save_overlay(faces, part))  # type: ignore[misc]
        return paths

    def _check_any(self) -> None:
        if not self:
            raise ValueError("there is nothing to write or draw: no source could be used; see .errors")


def _check_suffix(path: str | os.PathLike, suffixes: Sequence[str]) -> None:
    if Path(path).suffix.lower() not in suffixes:
        raise ValueError(f"{os.fspath(path)}: the name must end in {', '.join(suffixes)}")


def _written(text: str, path: str | os.PathLike | None) -> str:
    """The text, written as UTF-8; bytes of a file's name that are no letters become escapes, which JSON knows, too."""
    if path is not None:
        content: Any = text.encode("utf-8", "backslashreplace")
        write_whole(Path(path), lambda part: part.write_bytes(content))
    return text
