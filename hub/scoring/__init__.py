"""Scoring any number of videos and clips: on one machine, or on a cluster by Ray."""
