"""Benchmark folders as the field publishes them."""
