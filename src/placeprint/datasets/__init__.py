"""Read benchmark folders in the forms in which they are published."""
