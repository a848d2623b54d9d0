"""Report the results of several methods on the same photos: one HTML page that works offline, and Markdown tables.

A result with an ``error`` has no numbers, and stays in every table.
"""
