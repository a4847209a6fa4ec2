"""The pipeline `"action-unit-question-answering"`: a video and questions in, answers out.

Named as transformers names its tasks, `document-question-answering` by what is read and `table-question-answering`
likewise; `visual-question-answering` itself is taken there, by a pipeline for pictures.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from transformers import Pipeline

from .asking import Asking, question_words
from .processing_aullm import AULLMProcessor
from .source_findings import find
from .video_reading import VideoSource

OPTIONS = ("fps", "face", "sensitivity")


class ActionUnitQuestionAnsweringPipeline(Pipeline):
    """Answers questions about one face in a clip or recording: which units moved, when, on which side, and why.

    `pipe(video="clip.mp4", question="Which muscles moved?")` gives `{"question", "answer", "kind", "about", "value"}`,
    see `asking.Answer`; a list of questions, answered in one pass, a list of these. Every answer is a sentence that is
    true of what was found.

    Keyword arguments, here or in the call: `fps`, `face`, `sensitivity`, see `source_findings.find`.

    Raises:
        VideoError: If the video cannot be read, or shows no face.
        ValueError: If a question is empty or too long, or the model answers none.
    """

    _load_processor = True  # type: ignore[assignment]
    _load_image_processor = False  # type: ignore[assignment]
    _load_video_processor = False  # type: ignore[assignment]
    _load_feature_extractor = False  # type: ignore[assignment]
    _load_tokenizer = False  # type: ignore[assignment]

    processor: AULLMProcessor

    def __call__(self, video: VideoSource, question: str | Sequence[str], **kwargs: Any) -> Any:  # type: ignore[override]
        """Answer one question about a video, or several."""
        return super().__call__({"video": video, "question": question}, **kwargs)

    def _sanitize_parameters(self, **kwargs: Any) -> tuple[dict, dict, dict]:
        unknown = set(kwargs) - set(OPTIONS)
        if unknown:
            raise TypeError(f"unknown argument {', '.join(sorted(unknown))}")
        return kwargs, {}, {}

    def preprocess(self, inputs: dict[str, Any], **options: Any) -> dict[str, Any]:  # type: ignore[override]
        """Look at the video."""
        model: Any = self.model
        words = question_words(model)  # before the long work: the model may answer none
        found = find(model, self.processor, inputs["video"], **options)
        return {"asking": Asking(model, *found, words), "question": inputs["question"]}

    def _forward(self, model_inputs: dict[str, Any]) -> dict[str, Any]:  # type: ignore[override]
        question = model_inputs["question"]
        one = isinstance(question, str)
        return {"answers": model_inputs["asking"].answer([question] if one else list(question)), "one": one}

    def postprocess(self, model_outputs: dict[str, Any]) -> Any:  # type: ignore[override]
        """Answers as plain dicts."""
        answers = [asdict(answer) for answer in model_outputs["answers"]]
        return answers[0] if model_outputs["one"] else answers
