"""The command `aullm`: its arguments, what it prints, its exit status."""
