"""Pages: escaped, allowed to load nothing, written whole, and never over what is not ours."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from pathlib import Path

import pytest

from placeprint.errors import OptionError, WriteError
from placeprint.pages import check_page, render, write_page

BASE = "base.html.j2"


def test_values_are_escaped() -> None:
    page = render(BASE, title="<script>alert(\"x\")</script> & 'quotes'")
    assert "<script>" not in page
    assert "&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt;" in page


def test_bytes_of_a_name_that_are_not_text_are_shown_escaped() -> None:
    assert "caf\\xe9.jpg" in render(BASE, title="caf\udce9.jpg")


def test_the_policy_allows_exactly_the_scripts_of_the_page() -> None:
    page = html.unescape(render(BASE, title="x", scripts=("slider.js", "matches.js")))
    found = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    hashes = {base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in found}
    assert len(found) == 2
    assert set(re.findall(r"'sha256-([^']+)'", page)) == hashes
    assert "default-src 'none'" in page


def test_a_page_without_scripts_allows_none() -> None:
    page = html.unescape(render(BASE, title="x"))
    assert "script-src 'none'" in page
    assert not re.search(r"(?:src|href)=\"(?!#|data:)", page)


def test_a_page_replaces_an_earlier_page_only(tmp_path: Path) -> None:
    page, other = tmp_path / "a.html", tmp_path / "b.html"
    write_page(page, BASE, title="one")
    write_page(page, BASE, title="two")
    assert "two" in page.read_text(encoding="utf-8")
    other.write_text("<!DOCTYPE html> by hand", encoding="utf-8")
    with pytest.raises(WriteError, match="not a report"):
        write_page(other, BASE, title="three")
    assert "by hand" in other.read_text(encoding="utf-8")


def test_names_of_other_kinds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"must end in \.html"):
        check_page(tmp_path / "page.pdf")
    photo = tmp_path / "photo.html"
    photo.touch()
    with pytest.raises(WriteError, match="one of the inputs"):
        check_page(photo, [photo])
