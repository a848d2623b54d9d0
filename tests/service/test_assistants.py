"""What assistants may ask, over the protocol itself."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from placeprint import Atlas
from placeprint.errors import AtlasMissingError
from placeprint.service.assistants import create_server
from tests.conftest import write_scenes

mcp = pytest.importorskip("mcp")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("asked")
    Atlas.create(folder / "atlas", "fast").add(write_scenes(folder / "photos", 4))
    return folder


def ask(folder: Path, *calls: tuple[str, dict[str, Any]]) -> list[Any]:
    """Return which tools only read, and what they answer, over stdin and stdout of the command."""

    async def asking() -> list[Any]:
        command = mcp.StdioServerParameters(
            command=sys.executable, args=["-m", "placeprint", "mcp", str(folder / "atlas")], env=dict(os.environ)
        )
        async with mcp.stdio_client(command) as streams, mcp.ClientSession(*streams) as session:
            await session.initialize()
            tools = await session.list_tools()
            hints = {tool.name: tool.annotations.read_only_hint for tool in tools.tools}
            return [hints] + [await session.call_tool(*call) for call in calls]

    return asyncio.run(asking())


@pytest.mark.slow
def test_an_assistant_locates_matches_and_lists(folder: Path) -> None:
    photo, other = str(folder / "photos" / "01.png"), str(folder / "photos" / "02.png")
    tools, located, matched, places, info, missing, remote = ask(
        folder,
        ("locate_photo", {"photo": photo}),
        ("match_photos", {"first": photo, "second": other}),
        ("list_places", {}),
        ("atlas_info", {}),
        ("locate_photo", {"photo": str(folder / "none.jpg")}),
        ("locate_photo", {"photo": "s3://walks/1.jpg"}),
    )
    assert tools == dict.fromkeys(["locate_photo", "match_photos", "list_places", "atlas_info"], True)
    answer = json.loads(located.content[0].text)
    assert answer["place"] and answer["photos"][0]["photo"] == photo and answer["latitude"] is None
    assert json.loads(matched.content[0].text)["verdict"] == "not confirmed"
    assert photo in str(places.content) and json.loads(info.content[0].text)["num_photos"] == 4
    assert "only read photos on this computer" in remote.content[0].text
    assert "none.jpg" in missing.content[0].text and len(missing.content[0].text.splitlines()) == 1


def test_no_atlas_is_our_error(tmp_path: Path) -> None:
    with pytest.raises(AtlasMissingError):
        create_server(tmp_path / "none")
