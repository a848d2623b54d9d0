"""One file for each form in which benchmarks come; each makes a `RetrievalSet`."""
