"""The parts of a preset: components by name and options, and the other tables.

Every part is checked: it cannot have an unknown name, an unknown option, or a value out of its range.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Self

from placeprint.core import registry
from placeprint.core.options import Count, OneOf, Range, Share, check_value, checked, shown
from placeprint.core.table_reading import check_values
from placeprint.errors import OptionError

Bits = Annotated[int, OneOf(4, 6, 8)]
"""The number of bits of a stored value."""


@dataclass(frozen=True)
class ComponentSpec:
    """The specification of a component.

    Args:
        kind: the kind of `registry.COMPONENTS`, such as ``"extractors"``.
        name: the name of the component; those of other packages are known by their entry points.
        options: the parameters that differ from its defaults, as in TOML.

    Raises:
        OptionError: the kind, the name or an option is unknown, or a value has the wrong type or is out of its range.

    Example:
        >>> ComponentSpec("indexes", "flat", {"bits": 32}).make().bits
        32
    """

    kind: str
    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        registry.checked_params(self.kind, self.name, self.options)

    def make(self) -> Any:
        """Make the component.

        Raises:
            OptionError: the options cannot be combined.
        """
        return registry.create(self.kind, self.name, self.options)

    def with_options(self, **changes: Any) -> Self:
        """Return the component with some options changed."""
        return dataclasses.replace(self, options={**self.options, **changes})

    @property
    def table(self) -> dict[str, Any]:
        """The table of a preset's TOML file."""
        return {"name": self.name, **self.options}


@dataclass(frozen=True)
class WhitenerSpec(ComponentSpec):
    """The specification of a whitener.

    Args:
        kind: ``"whiteners"``.
        name: see `ComponentSpec`.
        options: see `ComponentSpec`.
        min_photos: the number of photos at which it is fitted; None for `describer.MIN_WHITENING`.
    """

    min_photos: Count | None = None

    @property
    def table(self) -> dict[str, Any]:
        """The table of a preset's TOML file."""
        return super().table | ({} if self.min_photos is None else {"min_photos": self.min_photos})


@dataclass(frozen=True)
class OfKind:
    """Read the table of a component; see `options.PartReader`.

    Args:
        kind: the kind of `registry.COMPONENTS`.
    """

    kind: str

    def read(self, base: type[ComponentSpec], table: object, path: str) -> ComponentSpec:
        """Return the spec of a table with the component's name and its options side by side."""
        if not isinstance(table, Mapping):
            raise OptionError(f"[{path}] must be a table, got {shown(table)}")
        if "name" not in table:
            raise OptionError(f"[{path}] needs a name")
        name = check_value(f"{path}.name", str, table["name"])
        own = {each.name for each in dataclasses.fields(base)} - {
            each.name for each in dataclasses.fields(ComponentSpec)
        }
        beside = {key: value for key, value in table.items() if key in own}
        options = {key: value for key, value in table.items() if key not in own and key != "name"}
        given = check_values(base, beside, what=f"[{path}]", prefix=f"{path}.", without=("kind", "name", "options"))
        try:
            return base(self.kind, name, options, **given)
        except OptionError as error:
            raise OptionError(f"[{path}]: {error}") from error


ExtractorSpec = Annotated[ComponentSpec, OfKind("extractors")]
AggregatorSpec = Annotated[ComponentSpec, OfKind("aggregators")]
IndexSpec = Annotated[ComponentSpec, OfKind("indexes")]
VerifierSpec = Annotated[ComponentSpec, OfKind("verifiers")]
VoterSpec = Annotated[ComponentSpec, OfKind("voters")]


@checked
@dataclass(frozen=True, kw_only=True)
class FusionSpec:
    """An additional descriptor, joined to the others.

    Args:
        aggregator: the aggregator of the descriptor.
        weight: the weight of its cosine; None for 1.
        extractor: the extractor of its features; None for the preset's.
        late: whether a query gets it only while the answer is uncertain after the first verification; needs evidence.
    """

    weight: Annotated[float, Range(0, 1e6, above=True)] | None = None
    extractor: ExtractorSpec | None = None
    aggregator: AggregatorSpec
    late: bool | None = None


@checked
@dataclass(frozen=True, kw_only=True)
class CodebookSpec:
    """Which codebook comes with a preset, and when an atlas learns its own; empty where there is nothing to learn.

    Args:
        shipped: the name of a codebook that ships with the package.
        file: the path of an ``.npz``.
        min_photos: the number of photos at which an atlas learns its own; None for never.

    Raises:
        OptionError: two come with it.
    """

    shipped: str | None = None
    file: str | None = None
    min_photos: Count | None = None

    def __post_init__(self) -> None:
        if self.shipped is not None and self.file is not None:
            raise OptionError("it has shipped or file, not both")

    @property
    def is_empty(self) -> bool:
        """Whether nothing is said: the aggregators learn no more than the length of the descriptors."""
        return self == CodebookSpec()

    @property
    def is_included(self) -> bool:
        """Whether a codebook comes with the preset, or none is needed, so that none has to be learned first."""
        return self.shipped is not None or self.file is not None or self.is_empty


@checked
@dataclass(frozen=True, kw_only=True)
class StoreSpec:
    """How features are stored.

    Args:
        local_bits: the bits of a value of local features.
        descriptor_bits: the bits of a value of the global descriptor.
    """

    local_bits: Bits = 8
    descriptor_bits: Bits = 8


@checked
@dataclass(frozen=True, kw_only=True)
class EvidenceSpec:
    """How the evidence of candidates becomes one probability.

    Args:
        model: name of one that ships with the package, see `placeprint.evidence`.
        descriptors: what evidence calls each of the preset's descriptors, in their order.
        candidates: the number of candidates that are weighed, the most similar ones.
        verified: the number of those that the first verification looks at, the most similar ones.
        verified_first: the number of those that it looks at first; at the others only while the answer is uncertain.
            None to look at all at once.
        hopeless: confidence after the first verification below which no opinion is requested; None to request all.
    """

    model: str
    descriptors: tuple[str, ...]
    candidates: Annotated[int, Range(1, 1000)] = 20
    verified: Annotated[int, Range(1, 1000)] = 20
    verified_first: Annotated[int, Range(1, 1000)] | None = None
    hopeless: Share | None = None


@checked
@dataclass(frozen=True, kw_only=True)
class OpinionSpec:
    """Another verification, for candidates of queries whose answer is open after the others.

    Args:
        source: what evidence calls it.
        extractor: the extractor of its features, which are stored, too; None for those of the preset's first extractor.
        verifier: the verifier of candidates.
        candidates: the number of candidates per query.
        probable: whether these are the most probable ones; None for those that the first verification confirms best.
        pixels: residual of its inliers, in pixels of a photo whose longest side has 640.
    """

    source: str
    extractor: ExtractorSpec | None = None
    verifier: VerifierSpec
    candidates: Annotated[int, Range(1, 1000)] = 5
    probable: bool | None = None
    pixels: Annotated[float, Range(0.01, 640)] = 8.0
