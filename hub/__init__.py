"""Data and the Hub: the synthetic corpus, the datasets, what is pushed and pulled."""
