"""Matching and geometry: do two photos show the same place?"""
