"""A training run, from the first step to the last word."""

from placeprint.training.run.run import train

__all__ = ["train"]
