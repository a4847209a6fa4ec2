"""Questions about a face, in many words, with the sentence that answers each: to learn from and to be scored by."""
