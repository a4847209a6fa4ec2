"""A run: what it was asked, its folder, its folds one after the other, and where its figures come from."""
