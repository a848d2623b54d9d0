"""Run every command with every preset of a published network, on filled weights; results in build/published.json.

    python -m scripts.try_published [PRESET ...] [--photos 3] [--queries 1]

The weights of each network are filled by the rule of the golden files and written as its authors publish them, so the
commands take them for real ones: `models get --from`, `index`, `search`, `evaluate`, `export`, the last also with
``--int8`` for vision transformers. Photos are some frames of the corridor (`PLACEPRINT_DATA`). Recall means nothing
here. Each preset needs up to 6 GB of memory and three times the size of its weights on the disk. AnyLoc must refuse
an export, which would have more than 2 GB.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from typer.testing import CliRunner

from placeprint.cli import app
from placeprint.core.registry import WHOLE_PHOTO
from placeprint.errors import PlaceprintError
from placeprint.networks.published import Network, find_network
from placeprint.networks.published.checkpoints import FOLDER
from placeprint.networks.published.specs import DINOv2Trunk
from placeprint.onnx.describer_graph import LARGEST_FILE
from placeprint.presets import load_preset, preset_names
from tests.conftest import data_folder
from tests.networks.published_files import write_files

RESULTS = Path(__file__).parents[1] / "build" / "published.json"
TOO_LARGE = "an ONNX file holds"


@dataclass(frozen=True)
class Step:
    """What one command did.

    Args:
        name: the command.
        fine: whether it ended as it should.
        seconds: wall clock.
        said: the last line it printed.
    """

    name: str
    fine: bool
    seconds: float
    said: str


def network_of(preset: str) -> Network | None:
    """Return the published network that a preset searches by, None for other presets."""
    for spec in load_preset(preset).extractors:
        if spec.name in WHOLE_PHOTO:
            return find_network(str(spec.options["network"]))
    return None


def few_frames(folder: Path, photos: int, queries: int) -> Path:
    """Make a folder of the form of `corridor` with some of its frames, evenly spread; return it."""
    corridor = data_folder() / "corridor"
    kept: dict[str, list[str]] = {}
    for part, count in (("database", photos), ("queries", queries)):
        names = sorted(path.name for path in (corridor / part).iterdir())
        kept[part] = [names[number * len(names) // count] for number in range(count)]
        (folder / part).mkdir(parents=True)
        for name in kept[part]:
            shutil.copy(corridor / part / name, folder / part / name)
    rows = ["query,database", *(f"queries/{kept['queries'][0]},database/{name}" for name in kept["database"][:1])]
    rows += [f"queries/{name},database/{kept['database'][-1]}" for name in kept["queries"][1:]]
    (folder / "positives.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def run(name: str, arguments: Sequence[object], refusal: str = "") -> Step:
    """Run one command of placeprint in this process.

    Args:
        name: what it is called in the results.
        arguments: of the command.
        refusal: what the command must answer where it must refuse; empty where it must succeed.
    """
    began = time.perf_counter()
    done = CliRunner().invoke(app, [*map(str, arguments)])
    seconds = round(time.perf_counter() - began, 1)
    if done.exception is None:
        return Step(name, not refusal, seconds, (done.stdout.strip().splitlines() or [""])[-1][:200])
    said = " ".join(str(done.exception).split())
    fine = bool(refusal) and refusal in said and isinstance(done.exception, PlaceprintError)
    return Step(name, fine, seconds, f"{type(done.exception).__name__}: {said}"[:200])


def try_preset(preset: str, photos: int, queries: int) -> list[Step]:
    """Return what every command does with a preset."""
    network = network_of(preset)
    assert network is not None
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        frames = few_frames(folder / "frames", photos, queries)
        os.environ[FOLDER] = str(folder / "models")
        files = write_files(folder / "given", network)
        options = [each for file in files for each in ("--from", file)]
        steps = [run("models get", ["models", "get", network.name, *options])]
        shutil.rmtree(folder / "given")
        atlas, query = folder / "atlas", next((frames / "queries").iterdir())
        steps.append(run("index", ["index", frames / "database", "--into", atlas, "--preset", preset]))
        steps.append(run("search", ["search", query, "--in", atlas]))
        steps.append(run("evaluate", ["evaluate", frames, "--preset", preset]))
        refusal = TOO_LARGE if network.bytes > LARGEST_FILE else ""
        export = ["export", atlas, "--output", folder / "model.onnx"]
        steps.append(run("export", export, refusal))
        if isinstance(network.trunk, DINOv2Trunk) and not refusal:
            steps.append(run("export --int8", [*export, "--int8"]))
    return steps


def main() -> int:
    """Try all presets, or those named; return how many failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("presets", nargs="*", help="all by default")
    parser.add_argument("--photos", type=int, default=3)
    parser.add_argument("--queries", type=int, default=1)
    options = parser.parse_args()
    networks = {name: network for name in preset_names() if (network := network_of(name)) is not None}
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
    failed = 0
    for preset in options.presets or networks:
        with multiprocessing.get_context("spawn").Pool(1) as alone:  # so that its memory is free for the next one
            steps = alone.apply(try_preset, (preset, options.photos, options.queries))
        results[preset] = [asdict(step) for step in steps]
        failed += not all(step.fine for step in steps)
        print(preset, *(f"{each.name}: {'fine' if each.fine else each.said} ({each.seconds} s)" for each in steps))
        sys.stdout.flush()
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(f"{len(options.presets or networks) - failed} presets ran in every command, {failed} failed")
    return failed


if __name__ == "__main__":
    sys.exit(main())
