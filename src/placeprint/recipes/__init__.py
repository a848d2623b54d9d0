"""Recipes for training, read by `training.recipe`."""
