"""Baselines that look at no clip at all."""

import numpy as np


def all_negative(clips: int, train_labels: np.ndarray) -> np.ndarray:
    """No unit is ever active: probabilities of 0, float32 (clips, units).

    Args:
        clips: How many to predict.
        train_labels: 0 or 1, (training clips, units).
    """
    return np.zeros((clips, train_labels.shape[1]), np.float32)


def prior(clips: int, train_labels: np.ndarray) -> np.ndarray:
    """Every unit is as likely in every clip as it was among the training clips: float32 (clips, units).

    Args:
        clips: How many to predict.
        train_labels: 0 or 1, (training clips, units).
    """
    return np.tile(train_labels.mean(0).astype(np.float32), (clips, 1))
