"""Photos with labels or positions, and their splits."""
