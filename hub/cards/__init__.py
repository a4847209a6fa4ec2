"""What the Hub shows of a model or a dataset: its card and its figures."""
