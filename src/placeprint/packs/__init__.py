"""Packs and exports of an atlas: one file to move between machines, and a folder of tables for other programs."""
