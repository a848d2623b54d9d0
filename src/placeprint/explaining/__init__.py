"""Answers in words and pictures: why a photo shows a place, or why not, and overlays of photos of one place."""

from placeprint.explaining.explanation import Explanation, explain

__all__ = ["Explanation", "explain"]
