"""Results of several methods on the same photos as one page: HTML that opens offline, and Markdown tables.

A result with an ``error`` has no numbers, and stays in every table.
"""
