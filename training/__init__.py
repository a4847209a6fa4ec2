"""Training and evaluation: run from a checkout, `python -m training.train`."""
