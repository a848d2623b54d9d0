"""Measure retrieval as the papers do."""
