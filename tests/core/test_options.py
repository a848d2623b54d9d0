"""Every number has a type and a range, and a wrong one is refused by its name before anything is made."""

from __future__ import annotations

import dataclasses
import inspect
import math
import types
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest
import typer
from typer.models import OptionInfo

from placeprint import Atlas
from placeprint.cli import app
from placeprint.core import registry
from placeprint.core.named_toml import parse_setting
from placeprint.core.options import Length, OneOf, Range, Seed, check_value, checked, parameters
from placeprint.core.position_grid import PositionGrid
from placeprint.core.table_reading import check_values
from placeprint.datasets.photos import placed_photos, splits
from placeprint.datasets.photos.local_copy import check_copy
from placeprint.datasets.photos.sample_photos import rephotograph
from placeprint.datasets.protocols import Protocol, load_protocol
from placeprint.datasets.readers import class_sets, clip_areas, db_struct, frames, msls, near_photos
from placeprint.describing.preset_learning import learn_preset, read_sample
from placeprint.errors import OptionError, PhotoError
from placeprint.evaluation import metrics, paired, rankings, retrieval, revisited
from placeprint.features.pyramid import levels
from placeprint.features.sift import SIFT
from placeprint.index.flat import FlatIndex
from placeprint.pairs import match
from placeprint.presets import load_preset, preset_names
from placeprint.training.data.augmentation import Augmentation
from placeprint.training.data.clutter import Clutter
from placeprint.training.data.mining import MiningOptions
from placeprint.training.losses import LOSSES
from placeprint.training.model.heads import HEADS
from placeprint.training.recipe import Recipe, check_parts, recipe_from

COMPONENTS: dict[str, Any] = {
    name: registry.component_class(kind, name) for kind in registry.COMPONENTS for name in registry.names(kind)
}
RECIPES: dict[str, Callable[..., Any]] = {
    **{
        f"[{name}]": part
        for name, part in parameters(Recipe).items()
        if inspect.isclass(part) and dataclasses.is_dataclass(part)
    },
    **{f"head {name}": made for name, made in HEADS.items()},
    **{f"loss {name}": made for name, made in LOSSES.items()},
    "recipe": Recipe,
    "augmentation": Augmentation,
    "clutter": Clutter,
    "mining": MiningOptions,
}
FROM_ELSEWHERE = ("channels", "num_classes", "dim")
"""What heads and losses are given by the data and the network."""
DOORS: dict[str, Callable[..., Any]] = {
    "Atlas.add": Atlas.add,
    "Atlas.search": Atlas.search,
    "match": match,
    "read_sample": read_sample,
    "learn_preset": learn_preset,
    "check_copy": check_copy,
    "Protocol": Protocol,
    "PositionGrid": PositionGrid,
    "rephotograph": rephotograph,
    "read_cub": class_sets.read_cub,
    "read_cars": class_sets.read_cars,
    "read_clip_areas": clip_areas.read_clip_areas,
    "read_db_struct": db_struct.read_db_struct,
    "read_frames": frames.read_frames,
    "read_vpr_bench": frames.read_vpr_bench,
    "read_msls": msls.read_msls,
    "read_near_photos": near_photos.read_near_photos,
    "read_clips": placed_photos.read_clips,
    "split_classes": splits.split_classes,
    "split_sequences": splits.split_sequences,
    "check_leak": splits.check_leak,
    "recall_at": metrics.recall_at,
    "average_precisions": metrics.average_precisions,
    "bootstrap_interval": metrics.bootstrap_interval,
    "paired_bootstrap": paired.paired_bootstrap,
    "permutation_test": paired.permutation_test,
    "rank_queries": rankings.rank_queries,
    "evaluate_retrieval": retrieval.evaluate_retrieval,
    "revisited_precisions": revisited.revisited_precisions,
    "FlatIndex.search": FlatIndex.search,
    **{f"{name}.search": cls.search for name, cls in COMPONENTS.items() if hasattr(cls, "search")},
}


def _numbers(hint: Any) -> Iterator[tuple[type, list[Any]]]:
    """Yield every number inside an annotation, with its limits."""
    base, limits = hint, []
    if typing.get_origin(hint) is Annotated:
        base, *limits = typing.get_args(hint)
    if base in (int, float):
        yield base, [limit for limit in limits if isinstance(limit, Range | OneOf)]
    if typing.get_origin(base) in (tuple, list, typing.Union, types.UnionType):
        for inner in typing.get_args(base):
            yield from _numbers(inner)


OWNERS: dict[str, Any] = {**COMPONENTS, **RECIPES, **DOORS}


def _fields(owner: str) -> Iterator[tuple[str, Any]]:
    """Yield name and annotation of every number of a component, table or function."""
    for name, hint in parameters(OWNERS[owner]).items():
        if list(_numbers(hint)) and not (owner.startswith(("head", "loss")) and name in FROM_ELSEWHERE):
            yield name, hint


def _wrong(hint: Any) -> Iterator[object]:
    yield from (math.nan, math.inf, -math.inf, "many", "3", True, {}, b"1", 1j, 10**5000, [[1]])
    if types.NoneType not in typing.get_args(hint):
        yield None
    for base, limits in _numbers(hint):
        for limit in limits:
            if isinstance(limit, Range):
                yield from (limit.least - 1, limit.most + 1)
                yield from [limit.least] * limit.above
                yield from [limit.most] * limit.below
        if base is int:
            yield from (0.5, 1e9)


@pytest.mark.parametrize("owner", sorted(OWNERS))
def test_every_number_has_a_range_and_what_is_outside_is_refused_by_name(owner: str) -> None:
    for name, hint in _fields(owner):
        assert all(limits for _, limits in _numbers(hint)), f"{name} needs a Range or OneOf"
        for value in _wrong(hint):
            with pytest.raises(OptionError, match=f"^{name} must be "):
                check_values(OWNERS[owner], {name: value}, what="it")


@pytest.mark.parametrize("name", sorted(DOORS))
def test_no_number_of_a_function_is_hidden_by_a_name_that_cannot_be_resolved(name: str) -> None:
    for key, hint in parameters(DOORS[name]).items():
        said = inspect.signature(DOORS[name]).parameters[key].annotation
        assert hint is not Any or said in {"Any", "Picture", "Masks"}, f"{key}: {said}"


@pytest.mark.parametrize("owner", sorted(OWNERS))
def test_defaults_are_in_their_ranges(owner: str) -> None:
    for name, hint in _fields(owner):
        default = inspect.signature(OWNERS[owner]).parameters[name].default
        if default is not inspect.Parameter.empty:
            assert check_value(name, hint, default) == default


@pytest.mark.parametrize("name", sorted(COMPONENTS))
def test_components_are_checked_when_they_are_made_in_python_too(name: str) -> None:
    cls = COMPONENTS[name]
    cls()
    for field in dataclasses.fields(cls):
        if field.init and list(_numbers(parameters(cls)[field.name])):
            with pytest.raises(OptionError, match=f"^{field.name} must be "):
                cls(**{field.name: "many"})


@pytest.mark.parametrize("name", sorted(DOORS))
def test_functions_refuse_wrong_numbers_before_they_do_anything(name: str) -> None:
    door = DOORS[name]
    needed = [each for each in inspect.signature(door).parameters.values() if each.default is each.empty]
    numbers = dict(_fields(name))
    dummies: dict[str, Any] = {each.name: 1 if each.name in numbers else "" for each in needed}
    for key in numbers:
        for value in (-(10**30), math.nan, "2", True):
            with pytest.raises(OptionError, match=f"^{key} must be "):
                door(**dummies | {key: value})


def _commands(group: typer.Typer) -> Iterator[Callable[..., Any]]:
    yield from (each.callback for each in group.registered_commands if each.callback)
    for each in group.registered_groups:
        assert each.typer_instance is not None
        yield from _commands(each.typer_instance)


def test_every_number_of_the_command_line_has_a_range() -> None:
    seen = 0
    for command in _commands(app):
        for name, hint in typing.get_type_hints(command, include_extras=True).items():
            infos = [each for each in typing.get_args(hint)[1:] if isinstance(each, OptionInfo)]
            if infos and any(True for _ in _numbers(typing.get_args(hint)[0])):
                seen += 1
                assert None not in (infos[0].min, infos[0].max), f"{command.__name__} --{name}"
    assert seen > 15


@pytest.mark.parametrize(
    ("hint", "given", "taken"),
    [
        (Annotated[int, Range(1, 9)], np.int64(3), 3),
        (Annotated[float, Range(0, 1)], 1, 1.0),
        (Annotated[float, Range(0, 1)], np.float32(0.5), 0.5),
        (bool, np.bool_(True), True),
        (tuple[int, int], [3, 4], (3, 4)),
        (Annotated[tuple[float, ...], Length(1, 3)], np.array([1, 2]), (1.0, 2.0)),
        (Annotated[float, Range(0, math.inf)], math.inf, math.inf),
        (Annotated[int, Range(1, 9)] | None, None, None),
    ],
)
def test_what_means_the_same_becomes_pythons_own(hint: Any, given: object, taken: object) -> None:
    found = check_value("it", hint, given)
    assert found == taken and type(found) is type(taken)


def test_a_negative_zero_is_zero() -> None:
    assert math.copysign(1, check_value("it", Annotated[float, Range(0, 1)], -0.0)) == 1


def test_a_message_says_what_is_allowed_and_what_came() -> None:
    with pytest.raises(OptionError, match=r"^max_keypoints must be a whole number from 1 to 1000000, got 'many'$"):
        registry.create("extractors", "sift", {"max_keypoints": "many"})
    with pytest.raises(OptionError, match=r"^scales must be a list of 1 to 32 values, each a number from 0.01 to 8"):
        SIFT(scales=())
    with pytest.raises(OptionError, match=r"^seed must be a whole number from 0 to 2147483647, got a number of th"):
        check_value("seed", Seed, 10**5000)
    with pytest.raises(OptionError, match=r"^dim must be a whole number from 1 to 65536, got 0$"):
        registry.create("whiteners", "pca-whitening", {"dim": 0})
    with pytest.raises(OptionError) as caught:
        check_value("it", int, "line\nline" * 1000)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 200


def test_functions_keep_the_errors_of_a_wrong_call() -> None:
    @checked
    def halve(share: Annotated[float, Range(0, 1)] = 0.5) -> float:
        return share / 2

    with pytest.raises(TypeError, match="unexpected keyword"):
        halve(part=1)  # type: ignore[call-arg]  # the point
    assert halve() == 0.25


def test_pictures_that_would_take_all_memory_are_refused() -> None:
    image = np.zeros((480, 640, 3), np.uint8)
    with pytest.raises(OptionError, match="size must be a whole number from 0 to 4096, got 100000"):
        SIFT(size=100_000)
    with pytest.raises(OptionError, match=r"805 megapixels would be processed, the most is 64; lower size or scales"):
        levels(image, None, size=4096, scales=(8.0,))
    with pytest.raises(PhotoError, match="the photo has 9000 x 3000 pixels; set size"):
        levels(np.broadcast_to(np.uint8(0), (3000, 9000, 3)), None, size=0, most=25_000_000)


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ({"name": "gem", "dim": -1}, "head.dim must be a whole number from 0"),
        ({"name": "gem", "p": math.nan}, "head.p must be a number above 0"),
        ({"name": "gem", "begin": 3}, "head.begin must be one of pairs, photos, random, got 3"),
        ({"name": "gems"}, "no head called 'gems'"),
        ({"name": "gem", "channels": 3}, "the head 'gem' has no parameter 'channels'"),
    ],
)
def test_parts_of_a_recipe_are_checked_before_a_photo_is_read(head: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=f"^{message}"):
        check_parts(recipe_from({"head": head}))


@pytest.mark.parametrize("table", ["loss", "mining", "augmentation", "clutter"])
def test_each_free_table_of_a_recipe_is_checked(table: str) -> None:
    key = {"loss": "margin", "mining": "positive", "augmentation": "flip", "clutter": "chance"}[table]
    values: dict[str, Any] = {"name": "triplet"} if table == "loss" else {}
    with pytest.raises(OptionError, match=f"^{table}.{key} must be a number .*, got 'far'$"):
        check_parts(recipe_from({table: values | {key: "far"}}))


def test_settings_are_toml_or_words() -> None:
    given = ["a=1e3", "a = true", "a=", "a=[1, 2]", "a=b=c", 'a="1"', "a=1\nb=2", "a=9" + "9" * 5000]
    found = [parse_setting(text, "NAME=VALUE")[1] for text in given]
    assert found[:7] == [1000.0, True, "", [1, 2], "b=c", "1", "1\nb=2"]
    assert isinstance(found[7], str)
    for text in ("a", "=3", "", " = "):
        with pytest.raises(OptionError, match="a setting must have the form NAME=VALUE, got"):
            parse_setting(text, "NAME=VALUE")


PRESET = """
summary = "own"
[extractor]
name = "sift"
[aggregator]
name = "gem"
[index]
name = "flat"
[verifier]
name = "two-view"
[codebook]
min_photos = 50
[store]
local_bits = 6
descriptor_bits = 8
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "sift"', 'name = "sift"\nmax_keypoints = "many"', r"\[extractor\]: max_keypoints must be .*'many'"),
        ('name = "sift"', 'name = "sift"\nupright = 1', r"\[extractor\]: upright must be true or false, got 1"),
        ('name = "sift"', 'name = "sift"\nkeypoints = 3', r"\[extractor\]: 'sift' has no parameter 'keypoints'"),
        ('name = "sift"', "name = 3", r"extractor\.name must be text, got 3"),
        ('name = "sift"', "", r"\[extractor\] needs a name"),
        ('[extractor]\nname = "sift"', 'extractor = "sift"', r"\[extractor\] must be a table, got 'sift'"),
        ('[extractor]\nname = "sift"', 'extractor = ["sift"]', r"\[extractor\] must be a table, got \['sift'\]"),
        ('name = "gem"', 'name = "gem"\np = [1, nan]', r"\[aggregator\]: p must be a number above 0"),
        ('name = "flat"', 'name = "flat"\nbits = 24', r"\[index\]: bits must be one of 16, 32, got 24"),
        ('name = "two-view"', 'name = "two-view"\npixels = nan', r"\[verifier\]: pixels must be a number from 0.01"),
        ("min_photos = 50", 'min_photos = "50"', r"codebook\.min_photos must be a whole number .*, got '50'"),
        ("min_photos = 50", "file = 3", r"codebook\.file must be text, got 3"),
        ("min_photos = 50", "min_photo = 50", r"\[codebook\] has no parameter 'min_photo'; did you mean 'min_photos'"),
        ("local_bits = 6", "local_bits = 5", r"store\.local_bits must be one of 4, 6, 8, got 5"),
        ('summary = "own"', "summary = 3", "the preset '.*own.toml': summary must be text, got 3"),
        ("[index]", "[indexes]", "it has no parameter 'indexes'; did you mean 'index'"),
        ('[index]\nname = "flat"', "", "it lacks index; it needs extractor, index, verifier"),
        ("[index]", "[fusion]\n[index]", r"fusion must be a list of tables, each under \[\[fusion\]\], got {}"),
        ("[index]", "[[fusion]]\nweight = 1\n[index]", r"\[\[fusion\]\] lacks aggregator"),
        (
            "[index]",
            '[[fusion]]\nweight = -1\naggregator = { name = "mac" }\n[index]',
            r"fusion\.weight must be a number above 0",
        ),
        ("[index]", '[[fusion]]\naggregator = "mac"\n[index]', r"\[fusion\.aggregator\] must be a table"),
        ("[index]", "[index", "is not TOML"),
        ("local_bits = 6", "local_bits = " + "9" * 5000, "is not TOML"),
        ("local_bits = 6", "local_bits = " + "[" * 5000, "(nested too deeply|is not TOML)"),
    ],
)
def test_a_wrong_preset_is_one_line_that_names_the_key_and_leaves_no_atlas(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    path = tmp_path / "own.toml"
    assert old in PRESET
    path.write_text(PRESET.replace(old, new, 1))
    with pytest.raises(OptionError, match=message) as caught:
        Atlas.create(tmp_path / "atlas", str(path))
    assert "\n" not in str(caught.value) and "own" in str(caught.value)
    assert sorted(tmp_path.iterdir()) == [path]


def test_only_a_preset_that_learns_nothing_has_an_empty_codebook(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(PRESET.replace("min_photos = 50", ""))
    assert Atlas.create(tmp_path / "atlas", str(path)).info().num_photos == 0
    path.write_text(PRESET.replace("min_photos = 50", "").replace('"gem"', '"vlad"'))
    with pytest.raises(OptionError, match=r"\[codebook\]: it needs min_photos"):
        Atlas.create(tmp_path / "other", str(path))


def test_a_preset_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_bytes(b"\xef\xbb\xbf" + PRESET.encode())
    assert load_preset(str(path)).summary == "own"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"# caf\xe9\n" + PRESET.encode(), "is not UTF-8 text"),
        (bytes(range(256)) * 10, "is not UTF-8 text"),
        (b"#" * 2_000_000, "has 2,000,000 bytes, too many for a preset"),
        (b"", "it lacks extractor, index, verifier, codebook, store; it needs"),
    ],
)
def test_files_that_are_no_preset_are_refused_by_their_path(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "own.toml"
    path.write_bytes(content)
    with pytest.raises(OptionError, match=message) as caught:
        load_preset(str(path))
    assert "own" in str(caught.value)


@pytest.mark.parametrize("name", ["", "../xfeat-vlad", "/", ".", "a" * 5000, "a" * 5000 + ".toml", "a\0.toml", 3, None])
def test_names_that_are_no_preset_are_refused(name: Any) -> None:
    with pytest.raises(OptionError, match="preset"):
        load_preset(name)


def test_a_folder_that_holds_a_preset_is_pointed_to(tmp_path: Path) -> None:
    (tmp_path / "preset.toml").write_text(PRESET)
    with pytest.raises(OptionError, match=r"did you mean '.*preset.toml'"):
        load_preset(str(tmp_path))


def test_shipped_presets_are_in_all_ranges() -> None:
    assert all(load_preset(name).components for name in preset_names())


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('version = "one"', "version must be a whole number from 1"),
        ("depth = 0", "depth must be a whole number from 1"),
        ("queries = -1", "queries must be a whole number from 0"),
        ("metrics = [1]", "metrics must be a list"),
        ("title = 3", "title must be text"),
        ("colour = 1", "has no parameter 'colour'"),
    ],
)
def test_a_wrong_protocol_is_refused_by_its_key(tmp_path: Path, line: str, message: str) -> None:
    good = {"version": "1", "title": '"t"', "source": '"s"', "layout": '"l"', "rule": '"r"', "reader": '"m:f"'}
    key, _, value = line.partition(" = ")
    path = tmp_path / "own.toml"
    path.write_text("\n".join(f"{name} = {given}" for name, given in (good | {key: value}).items()))
    with pytest.raises(OptionError, match=message):
        load_protocol(str(path))
