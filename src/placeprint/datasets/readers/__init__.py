"""Readers: one file per form of benchmark; each makes a `RetrievalSet`."""
