"""A checkpoint scored on a dataset."""
