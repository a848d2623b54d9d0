"""Measure retrieval the way the papers do."""
