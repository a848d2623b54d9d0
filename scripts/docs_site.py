"""Content of the documentation site besides docs/: pages and linked files of the repository, the methods.

MkDocs calls the functions here (``hooks`` in mkdocs.yml). Documents link to each other as they lie in the repository,
so that their links also work in an editor. Links that leave docs/ are moved to where the site has that page or file.
"""

from __future__ import annotations

import itertools
import posixpath
import re
from collections.abc import Callable
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
PAGES = {
    "ARCHITECTURE.md": "project/architecture.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "CHANGELOG.md": "project/changelog.md",
    "web/README.md": "project/web.md",
    "benchmarks/README.md": "project/benchmarks.md",
}
"""Documents outside of docs/, and where the site has them."""
SOURCES = {there: here for here, there in PAGES.items()}
FROM_ELSEWHERE, FROM_HERE = re.compile(r"https://[\w.]+/iframe-worker/shim"), "search-from-files.js"
LINK = re.compile(r"(\]\()([^)#\s]+)((?:#[^)\s]*)?\))")
FENCE = re.compile(r"^```.*?^```$", re.S | re.M)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the page of each method to the navigation, in the order of their list."""
    assert config.nav is not None
    listed = re.findall(
        r"\]\(([a-z0-9-]+\.md)\)", (ROOT / "docs" / "methods" / "README.md").read_text(encoding="utf-8")
    )
    for section in config.nav:
        if "Methods" in section:
            section["Methods"] += [{name.removesuffix(".md"): f"methods/{name}"} for name in dict.fromkeys(listed)]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the repository that lie outside of docs/, and the files that pages link to."""
    for here, there in PAGES.items():
        files.append(File.generated(config, there, content=(ROOT / here).read_text(encoding="utf-8")))
    for file in list(files.documentation_pages()):
        for target in linked(file.content_string, source_of(file.src_uri)):
            place = place_of(target)
            if files.get_file_from_path(place) is None and (ROOT / target).is_file():
                files.append(File.generated(config, place, abs_src_path=str(ROOT / target)))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links lead to where the site has their targets; none is changed that stays within docs/."""
    source = source_of(page.file.src_uri)

    def moved(match: re.Match[str]) -> str:
        if "://" in match[2]:
            return match[0]
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), match[2]))
        place = posixpath.relpath(place_of(target), posixpath.dirname(page.file.src_uri) or ".")
        return f"{match[1]}{place}{match[3]}"

    return outside_code(markdown, lambda text: LINK.sub(moved, text))


def on_post_page(output: str, *, page: Page, config: MkDocsConfig) -> str:
    """Load what lets the search work in pages opened as files from the site itself, not from another host."""
    return FROM_ELSEWHERE.sub(posixpath.relpath(FROM_HERE, posixpath.dirname(page.url) or "."), output)


def on_post_template(output: str, *, template_name: str, config: MkDocsConfig) -> str:
    """Do the same on the page for addresses that do not exist."""
    return FROM_ELSEWHERE.sub(f"/{FROM_HERE}", output) if template_name == "404.html" else output


def source_of(place: str) -> str:
    """Return the path in the repository of a page of the site."""
    return SOURCES.get(place, f"docs/{place}")


def place_of(path: str) -> str:
    """Return where the site has a file of the repository."""
    if path in PAGES:
        return PAGES[path]
    return path.removeprefix("docs/") if path.startswith("docs/") else f"repository/{path}"


def linked(markdown: str, source: str) -> set[str]:
    """Return the paths in the repository that a document links to."""
    targets = (match[2] for match in LINK.finditer(FENCE.sub("", markdown)) if "://" not in match[2])
    return {posixpath.normpath(posixpath.join(posixpath.dirname(source), target)) for target in targets}


def outside_code(markdown: str, change: Callable[[str], str]) -> str:
    """Change a document, and leave its blocks of code as they are."""
    ends = [0, *(end for match in FENCE.finditer(markdown) for end in match.span()), len(markdown)]
    pieces = [markdown[start:end] for start, end in itertools.pairwise(ends)]
    return "".join(piece if number % 2 else change(piece) for number, piece in enumerate(pieces))
