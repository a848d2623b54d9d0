"""Photos for training: read, check, split, augment, and batch them."""
