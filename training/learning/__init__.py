"""How a model learns: clips as it takes them, losses, CCR, the trainer, and the fit of one fold on any processes."""
