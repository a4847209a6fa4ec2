"""Opening the checkpoint that is given a temporal head, or is tried."""

from modeling_aullm import AULLMForAUDetection, AULLMProcessor
from modeling_aullm.detector import CheckpointError, open_detector
from training.errors import InputError


def open_checkpoint(checkpoint: str) -> tuple[AULLMForAUDetection, AULLMProcessor]:
    """Model and processor of a folder or Hub id, on the CPU.

    Raises:
        InputError: If there is none, or it holds something else.
    """
    try:
        detector = open_detector(checkpoint, device="cpu")
    except (CheckpointError, OSError) as error:
        raise InputError(f"--checkpoint: {' '.join(str(error).split())}") from error
    return detector.model, detector.processor
