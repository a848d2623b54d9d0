"""Report the results of several methods on the same photos: one HTML page that works offline, and Markdown tables.

A result is what `placeprint.evaluation.benchmark` writes, or one of the same form from elsewhere; one with an ``error``
has only ``method``, ``dataset`` and the error, and stays in every table.
"""
