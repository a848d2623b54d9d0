"""Global descriptors from local features: one file per method."""
