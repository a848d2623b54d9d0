"""Photos for training: read, checked, divided, augmented, and put into batches."""
