"""Tables of files become dataclasses; what is wrong in them is named by its path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import pytest

from placeprint.core.options import Range, check_name, checked
from placeprint.core.table_reading import read_table
from placeprint.errors import OptionError


@checked
@dataclass(frozen=True)
class Wheel:
    size: Annotated[int, Range(1, 9)]
    spare: bool = False


class Doubled:
    def read(self, base: Any, table: object, path: str) -> int:
        if not isinstance(table, int):
            raise OptionError(f"{path} must be a whole number")
        return 2 * table


@checked
@dataclass(frozen=True)
class Cart:
    name: str
    wheels: tuple[Wheel, ...]
    steering: Wheel | None = None
    load: Annotated[int, Doubled()] = 0

    def __post_init__(self) -> None:
        if not self.wheels:
            raise OptionError("it needs wheels")


def test_tables_inside_tables_become_dataclasses() -> None:
    table = {"wheels": [{"size": 3}, {"size": 4, "spare": True}], "steering": {"size": 1}, "load": 3}
    cart = read_table(Cart, table, what="a cart", given={"name": "own"})
    assert cart == Cart("own", (Wheel(3), Wheel(4, True)), Wheel(1), 6)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([], r"^a cart must be a table, got \[\]$"),
        ({}, r"^a cart lacks wheels; it needs wheels$"),
        ({"wheels": [], "name": "b"}, r"^a cart has no parameter 'name'; known: wheels, steering, load$"),
        ({"wheels": []}, r"^a cart: it needs wheels$"),
        ({"wheels": {"size": 3}}, r"^wheels must be a list of tables, each under \[\[wheels\]\], got {'size': 3}$"),
        ({"wheels": [3]}, r"^\[\[wheels\]\] must be a table, got 3$"),
        ({"wheels": [{"size": 0}]}, r"^wheels\.size must be a whole number from 1 to 9, got 0$"),
        (
            {"wheels": [{"sise": 1}]},
            r"^\[\[wheels\]\] has no parameter 'sise'; did you mean 'size'\? Known: size, spare$",
        ),
        ({"wheels": [{}]}, r"^\[\[wheels\]\] lacks size; it needs size$"),
        ({"wheels": [{"size": 1}], "steering": {"size": "1"}}, r"^steering\.size must be a whole number .*, got '1'$"),
        ({"wheels": [{"size": 1}], "steering": 1}, r"^\[steering\] must be a table, got 1$"),
        ({"wheels": [{"size": 1}], "load": "1"}, r"^load must be a whole number$"),
    ],
)
def test_what_is_wrong_is_named_by_its_path(table: object, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        read_table(Cart, table, what="a cart", given={"name": "own"})


def test_an_unknown_name_is_refused_with_the_closest_known_one() -> None:
    check_name("wheel", "front", ["front", "back"])
    with pytest.raises(
        OptionError, match=r"^no wheel called 'fron'; did you mean 'front'\? Known: front, back or none$"
    ):
        check_name("wheel", "fron", ["front", "back"], " or none")
    with pytest.raises(OptionError, match=r"^no wheel called 3; known: front$"):
        check_name("wheel", 3, ["front"])
