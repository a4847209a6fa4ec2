"""Timing and memory, run by hand; `README.md` lists the commands."""
