"""A prepared dataset looked at: what it holds, what is odd in it, and its faces."""
