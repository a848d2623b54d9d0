"""Global descriptors from local features: one file a method."""
