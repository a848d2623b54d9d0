"""Protocols: the rules that make a benchmark number, each a TOML file of this folder, named and versioned.

The same photos give other numbers under other rules: which queries, which database, what counts as right. So the name
and the version of the protocol stand in every result, and a rule that changes is a new version.
"""

from __future__ import annotations

import dataclasses
import importlib
import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from placeprint.core.named_toml import SUFFIX, read_named, shipped_names, toml_tables
from placeprint.core.options import Count, CountOrNone, check_name, checked, parameters
from placeprint.core.table_reading import check_values, read_table
from placeprint.datasets.retrieval_set import METRICS, RetrievalSet
from placeprint.errors import DatasetError, OptionError

logger = logging.getLogger(__name__)

DEFAULT = "place-folder"
AS_MANY = frozenset({"MAP@R", "R-precision"})
"""Metrics that look at as many ranks as a query has right photos."""


@checked
@dataclass(frozen=True, kw_only=True)
class Protocol:
    """What is known of a protocol.

    Args:
        name: without the version.
        version: counted from 1; another rule is another version.
        title: what it measures, in a few words.
        source: paper, or program, whose rule it is.
        where: where the photos are to be had; empty for one's own.
        layout: files that are expected in the folder.
        rule: what is right, what is left out.
        reader: ``"module:function"``, called with the folder and the options.
        options: of the reader.
        metrics: names of what is measured, the first is the one that is quoted.
        depth: ranks that the metrics look at; None for the whole database, which is what `mAP` needs.
        queries: count of queries in the published set, None where it is open.
        database: count of photos that are searched there, None where it is open.

    Raises:
        OptionError: the metrics are no list of names, or one looks deeper than the depth.
    """

    name: str
    version: Count
    title: str
    source: str
    layout: str
    rule: str
    reader: str
    where: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    metrics: tuple[str, ...] = METRICS
    depth: Count | None = None
    queries: CountOrNone | None = None
    database: CountOrNone | None = None

    def __post_init__(self) -> None:
        if self.depth is None:
            return
        for name in self.metrics:
            if _depth_of(name) > self.depth:
                raise OptionError(f"the metric {name!r} looks deeper than the depth of {self.depth}")

    @property
    def full_name(self) -> str:
        """Name and version, as results carry it."""
        return f"{self.name}-{self.version}"

    def read(self, folder: Path | str) -> RetrievalSet:
        """Read a folder by this protocol.

        Raises:
            DatasetError: it does not have the form.
            OptionError: the reader is not there or does not take the options, or a metric looks deeper than the depth.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise DatasetError(f"there is no folder {str(folder)!r}")
        reader = self._reader()
        found = reader(folder, **self.options)
        if self.depth is not None and not AS_MANY.isdisjoint(self.metrics):
            most = max(map(len, found.positives), default=0)
            if most > self.depth:
                raise OptionError(f"a query has {most} right photos, which is more than the depth of {self.depth}")
        return dataclasses.replace(found, protocol=self.full_name, metrics=self.metrics, depth=self.depth)

    def _reader(self) -> Callable[..., RetrievalSet]:
        module, _, function = self.reader.partition(":")
        try:
            reader: Callable[..., RetrievalSet] = getattr(importlib.import_module(module), function)
        except (ImportError, AttributeError, ValueError) as error:
            raise OptionError(f"the protocol {self.name!r} has a reader {self.reader!r} that is not there") from error
        place = list(parameters(reader))[:1]
        check_values(reader, self.options, what=f"the reader {self.reader!r}", prefix="options.", without=place)
        return reader

    def differences(self, dataset: RetrievalSet) -> list[str]:
        """Say in what a set that was read differs from the published one; empty where nothing does."""
        told = []
        for what, expected, got in (
            ("queries", self.queries, len(dataset.queries)),
            ("database photos", self.database, len(dataset.database)),
        ):
            if expected is not None and expected != got:
                told.append(f"{got:,} {what}, the published set has {expected:,}")
        return told


def _depth_of(metric: str) -> float:
    """Return how many ranks a metric looks at, as far as its name says."""
    k = metric.rpartition("@")[2]
    if k.isdecimal():
        return int(k)
    return {"mAP": math.inf, "mAP trapezoidal": math.inf, "N-S score": 4}.get(metric, 1)


def protocol_names() -> list[str]:
    """List the protocols by name, sorted."""
    return shipped_names(__name__)


def load_protocol(name: str) -> Protocol:
    """Read a protocol by its name, with or without the version, or from the path of a TOML file.

    Raises:
        OptionError: there is none, it has another version, or the file lacks something.

    Example:
        >>> load_protocol("place-folder").full_name, load_protocol("place-folder-1").full_name
        ('place-folder-1', 'place-folder-1')
    """
    known = protocol_names()
    wanted, _, version = name.rpartition("-")
    versioned = name not in known and wanted in known and version.isdecimal()
    if not name.endswith(SUFFIX) and not versioned and name not in known:
        check_name("protocol", name, known, ", or the path of a .toml file")
    stem, _, text = read_named(wanted if versioned else name, __name__, "protocol")
    what = f"the protocol {name!r}"
    try:
        protocol = read_table(Protocol, toml_tables(text, what), what="it", given={"name": stem})
    except OptionError as error:
        raise OptionError(f"{what} does not have the form of one: {error}") from error
    if versioned and int(version) != protocol.version:
        raise OptionError(f"the protocol {wanted!r} has the version {protocol.version} here, not {version}")
    return protocol


def read_retrieval_set(protocol: str | None, folder: Path | str) -> RetrievalSet:
    """Read a folder by a protocol.

    A warning in the log tells where the counts are not those of the published set.

    Args:
        protocol: name, with or without its version, or path of a TOML file; None for a place folder.
        folder: where the photos are.

    Raises:
        OptionError: there is no such protocol.
        DatasetError: the folder does not have the form.
    """
    chosen = load_protocol(protocol or DEFAULT)
    try:
        dataset = chosen.read(folder)
    except DatasetError as error:
        if protocol is None:
            raise DatasetError(f"{error}; for another form, name its protocol; see: placeprint datasets") from error
        raise
    for difference in chosen.differences(dataset):
        logger.warning("%s in %s has %s", chosen.full_name, folder, difference)
    return dataset
