"""What a probability is worth: metrics, their scatter over people, and the figures of a run."""
