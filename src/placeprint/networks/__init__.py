"""Torch networks. Only this package, and stages that need it, import Torch."""
