"""Read tables that other programs wrote."""
