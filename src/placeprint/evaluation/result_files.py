"""Results on disk: one writer and one reader of their JSON.

    {"format": 2, "dataset": ..., "metrics": {...}, "queries": [{"query": ..., "ranking": [...], ...}], ...}

Format 1, of earlier versions, is read too: that of `placeprint evaluate`, whose queries lack the ranks of right photos,
and that of `placeprint benchmark`. Keys that are not known are ignored, so later versions may add some.
"""

from __future__ import annotations

import functools
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from placeprint.core.files import read_json, write_atomically
from placeprint.errors import OptionError
from placeprint.evaluation.results import QueryResult, Result

FORMAT = 2
READ = (1, 2)
OPTIONAL = ("error", "level", "against", "key", "root", "failures", "candidates", "located")
"""Keys that are skipped where there is nothing to say."""

T = TypeVar("T")


def write_result(path: Path, result: Result) -> None:
    """Write a result whole, as JSON.

    Raises:
        WriteError: the file cannot be written.
    """
    data = {"format": FORMAT, **as_data(result)}
    write_atomically(path, (json.dumps(data, indent=1, allow_nan=False) + "\n").encode())


def read_result(path: Path | str) -> Result:
    """Read a result that was measured.

    Raises:
        OptionError: there is no such file, or it holds something else, or its measurement failed.
    """
    name, data = repr(str(path)), read_json(Path(path), "a result")
    if not isinstance(data, dict) or data.get("format") not in READ or not {"queries", "error"} & data.keys():
        raise OptionError(f"{name} is not a result of placeprint evaluate")
    if "error" in data:
        raise OptionError(f"{name} holds no numbers, its measurement failed: {data['error']}; measure it again")
    if "per_query" not in data:
        raise OptionError(f"{name} has no values by query, it is of an older placeprint; measure it again")
    result = checked_data(Result, data, name)
    if not result.protocol or any(len(values) != len(result.queries) for values in result.per_query.values()):
        raise OptionError(f"{name} is damaged: it lacks parts of a result; measure it again")
    return result


def as_data(value: Any) -> dict[str, Any]:
    """Return a dataclass as JSON says it, less the `OPTIONAL` keys that are empty.

    Example:
        >>> data = as_data(QueryResult(query="a.jpg", confidence=0.5))
        >>> data["confidence"], "error" in data
        (0.5, False)
    """
    return asdict(value, dict_factory=_without_empty)


def checked_data(kind: type[T], data: Any, name: str) -> T:
    """Return a dataclass of what JSON says.

    Raises:
        OptionError: parts are missing, or of another type.

    Example:
        >>> checked_data(QueryResult, {"query": "a.jpg", "ranking": ["b.jpg"]}, "a query").ranking
        ('b.jpg',)
    """
    try:
        found: T = _reader(kind).validate_python(data)  # type: ignore[arg-type]  # a class is hashable
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        reason = f"{where}: {first['msg'].lower()}"
        raise OptionError(f"{name} is damaged: it lacks parts of a result ({reason}); measure it again") from error
    return found


def query_line(query: QueryResult) -> str:
    """Return a query as a line of a file of queries."""
    return json.dumps(as_data(query)) + "\n"


def read_query_lines(path: Path) -> list[QueryResult]:
    """Return the queries of a file whose last line may be cut off; none where there is no file."""
    queries: list[QueryResult] = []
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            queries.append(checked_data(QueryResult, json.loads(line), str(path)))  # noqa: PERF401  # keeps the whole ones
    except (OSError, ValueError):
        pass
    return queries


def _without_empty(items: list[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value for name, value in items if value or name not in OPTIONAL}


@functools.cache
def _reader(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
