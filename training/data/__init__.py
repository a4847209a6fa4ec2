"""Clips and their labels: loaded, prepared, and dealt out to folds in which no person stands on two sides."""
