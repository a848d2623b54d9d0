"""Answers in words and pictures: why a photo shows a place, or why not, and two photos of one place over each other."""

from placeprint.explaining.explanation import Explanation, explain

__all__ = ["Explanation", "explain"]
