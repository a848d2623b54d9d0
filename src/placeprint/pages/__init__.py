"""Building blocks of pages: self-contained HTML files that need no network.

`page` renders a template and writes it, `pictures` makes photos part of it, `match_view` draws matches over two
photos, `maps` draws positions. ``templates/base.html.j2`` is the frame of every page and ``templates/blocks.html.j2``
has its macros; a page of another room extends the one and imports the other.
"""

from placeprint.pages.maps import MapView, Pin, map_of
from placeprint.pages.match_view import MatchView, match_view
from placeprint.pages.page import check_packages, check_page, render, write_page
from placeprint.pages.pictures import PagePicture, picture_of, picture_of_file

__all__ = [
    "MapView",
    "MatchView",
    "PagePicture",
    "Pin",
    "check_packages",
    "check_page",
    "map_of",
    "match_view",
    "picture_of",
    "picture_of_file",
    "render",
    "write_page",
]
