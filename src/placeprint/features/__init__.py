"""Local features: one file per extractor."""
