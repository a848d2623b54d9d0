"""Local features: one file an extractor."""
