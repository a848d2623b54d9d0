"""Torch networks. Nothing outside this package and the stages that ask for it imports Torch."""
