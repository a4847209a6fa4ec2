"""The temporal head: recordings to learn from, its targets and training, thresholds, and how well events are found."""
