"""Runs compared: tables, Markdown and plots, and the card beside a checkpoint."""
