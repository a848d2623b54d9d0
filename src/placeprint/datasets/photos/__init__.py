"""Photos with labels or positions, and how they are divided."""
