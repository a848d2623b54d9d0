"""The web service: an atlas behind a REST API, for several users at once.

`app.create_app` makes it, `placeprint serve` runs it, and `placeprint.client` is its typed Python client.
"""
