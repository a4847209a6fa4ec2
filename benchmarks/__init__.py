"""Timing and memory, run by hand: `make bench`."""
