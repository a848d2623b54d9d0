"""Run the command line as ``python -m placeprint``."""

from placeprint.cli import main

main()
