"""A training run, from the first step to the final test."""

from placeprint.training.run.run import train

__all__ = ["train"]
