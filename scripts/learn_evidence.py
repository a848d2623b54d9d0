"""Learn the weights of evidence, and measure them on held-out sets.

    python scripts/learn_evidence.py describe --cache FOLDER    # features of all photos, once
    python scripts/learn_evidence.py measure --cache FOLDER     # similarities and geometry of all pairs, once
    python scripts/learn_evidence.py report --cache FOLDER      # each set by models of the others; docs/images
    python scripts/learn_evidence.py ablation --cache FOLDER    # the same, without each kind of evidence
    python scripts/learn_evidence.py calibrate --cache FOLDER   # calibrated atlases, and promised precisions
    python scripts/learn_evidence.py write --cache FOLDER       # the models of all sets, into the package
    python scripts/learn_evidence.py pairs --cache FOLDER       # two photos without an atlas: looked at, and measured
    python scripts/learn_evidence.py write-pairs --cache FOLDER # their model, into the package

Photos: sf_landmarks, corridor, ie_tower, gps, oxford_affine, pairs, grocery, and seeded views of them
(`evidence.scenes`). PLACEPRINT_DATA says where they are.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from placeprint.evaluation.report.calibration import bins_of, draw_reliability, write_pictures
from placeprint.evidence.two_photos import FILE
from scripts.evidence import two_photos
from scripts.evidence.assembly import USUAL, Assembler, Policy, most_of
from scripts.evidence.calibrating import by_others, calibrated_atlas, of_calibration
from scripts.evidence.features import Features
from scripts.evidence.fitting import Settings
from scripts.evidence.leave_out import WEIGHED, LeaveOut
from scripts.evidence.report import (
    all_errors,
    confidences,
    judged_halves,
    order_recall,
    recall_table,
    unknown_places,
)
from scripts.evidence.scenes import scenes
from scripts.evidence.tables import CHECKS, Tables

OPEN_MOST = 6
"""Candidates of a query that a check for open queries looks at, the most probable ones by the models without it."""
POLICIES = {
    "fast": Policy("fast", {"keypoints": 1.0}, (("xfeat", 2), ("xfeat", 6))),
    "balanced": Policy("balanced", {"keypoints": 1.0, "map": 1.5}, (("xfeat", 2), ("xfeat", 6), ("sift", 5))),
    "best": Policy(
        "best",
        {"keypoints": 0.5, "map": 1.0, "aliked": 1.0},
        (("xfeat", 2), ("xfeat", 6), ("sift", 10), ("lighterglue", OPEN_MOST)),
        ridge=0.003,
        late=("aliked",),
    ),
}
STEPS = ("describe", "measure", "report", "ablation", "calibrate", "write", "pairs", "write-pairs")
HALVED = ("sf_landmarks", "corridor")
"""Sets that are measured in halves."""
IMAGES = Path(__file__).parents[1] / "docs" / "images"
OUTPUT = Path(__file__).parents[1] / "src" / "placeprint" / "evidence" / "models"


def describe(tables: Tables, features: Features, kinds: Sequence[str]) -> None:
    names = list(dict.fromkeys(name for scene in scenes() for name in (*scene.database, *scene.queries)))
    for kind in kinds:
        began = time.perf_counter()
        print(f"{kind}: {features.describe(names, kind)} photos, {time.perf_counter() - began:.0f} s", flush=True)


def measure(tables: Tables, features: Features, kinds: Sequence[str]) -> None:
    kinds, last = ([name for name in kinds if CHECKS[name].open_only == only] for only in (False, True))
    for scene in scenes():
        candidates = tables.candidates(scene, most_of(scene))
        for name in kinds:
            began = time.perf_counter()
            tables.checks(scene, name, candidates)
            count, seconds = sum(map(len, candidates)), time.perf_counter() - began
            print(f"{scene.name} {name}: {count} pairs, {seconds:.0f} s", flush=True)
    for name in last:
        measure_open(tables, name)


def measure_open(tables: Tables, name: str) -> None:
    """Measure what `best` asks last, of the most probable candidates by the models without it and without the set."""
    policy = replace(POLICIES["best"], geometry=tuple(each for each in POLICIES["best"].geometry if each[0] != name))
    split = assembled(tables, policy)
    models = split.all_models(split.names(), Settings(policy.ridge))
    for assembler in split.assemblers:
        scene, pair = assembler.scene, models[assembler.scene.group].pair
        candidates = tables.candidates(scene, most_of(scene))
        chosen = [np.zeros(len(places), bool) for places in candidates]
        rows = {query: row for row, query in enumerate(scene.queries)}
        for each in split.asked[scene.name]:
            best = np.argsort(-pair.log_odds(each.parts[-1]), kind="stable")[:OPEN_MOST]
            row = rows[each.asked.query]
            chosen[row] = np.isin(candidates[row], each.asked.places[best])
        tables.checks(scene, name, candidates, chosen)
        print(f"{scene.name} {name}: {sum(each.sum() for each in chosen)} pairs", flush=True)


def assembled(tables: Tables, policy: Policy) -> LeaveOut:
    """Return all scenes of which everything was measured that a policy needs."""
    assemblers = []
    for scene in scenes():
        try:
            assemblers.append(Assembler(scene, tables, [*policy.descriptors], [*dict(policy.geometry)]))
        except FileNotFoundError:
            print(f"{policy.name}: {scene.name} was not measured, and is left out", flush=True)
    return LeaveOut(assemblers, policy)


def report(tables: Tables, policies: Sequence[str]) -> None:
    for policy in (POLICIES[name] for name in policies):
        split = assembled(tables, policy)
        print(f"== {policy.name}: similarity alone, then all evidence")
        models = split.all_models(split.names(), Settings(policy.ridge))
        found = recall_table(split, models)
        for name, (right, count) in found.items():
            alone, clear = order_recall(split.asked[name], [f"{each}.standard" for each in policy.descriptors])
            print(f"{name:16} R@1 {alone} of {clear} {alone / clear:.1%} -> {right} of {count} {right / count:.1%}")
        parts = {name: judged_halves(split, models, name) for name in HALVED}
        for name, halved in parts.items():
            print(name, {key: round(value, 3) for key, value in unknown_places(halved).items()})
            means, shares = bins_of(*confidences(halved))
            print(
                "confidence: right, in %",
                *(f"{100 * a:.0f}: {100 * b:.0f}" for a, b in zip(means, shares, strict=True)),
            )
        draw_reliability(
            {name: confidences(each) for name, each in parts.items()}, IMAGES / f"reliability-{policy.name}.svg"
        )
        print({name: round(value, 3) for name, value in all_errors(split, models).items()}, flush=True)


def ablation(tables: Tables, policies: Sequence[str]) -> None:
    for policy in (POLICIES[name] for name in policies):
        split = assembled(tables, policy)
        names = split.names()
        left_out = {"nothing": names}
        left_out |= {each: [n for n in names if not n.startswith(f"{each}.")] for each in dict(policy.geometry)}
        left_out |= {each: [n for n in names if not n.startswith(f"{each}.")] for each in policy.descriptors}
        left_out |= {each: [n for n in names if not n.endswith(f".{each}")] for each in WEIGHED[1:]}
        left_out["shares"] = [name for name in names if not name.endswith("_share")]
        for what, kept in left_out.items():
            models = split.all_models(kept, Settings(policy.ridge))
            found = recall_table(split, models)
            absent = {name: unknown_places(judged_halves(split, models, name, 2)) for name in HALVED}
            row = " ".join(f"{name} {100 * right / count:.1f}" for name, (right, count) in found.items())
            areas = " ".join(f"{name} area {each['area']:.3f}" for name, each in absent.items())
            print(f"{policy.name} without {what}: {row} | {areas}", flush=True)


def calibrate(tables: Tables, policies: Sequence[str], cache: Path) -> None:
    for policy in (POLICIES[name] for name in policies):
        split = assembled(tables, policy)
        models = split.all_models(split.names(), Settings(policy.ridge))
        for group, row in by_others(split, models).items():
            print(f"{policy.name} {group} by the other sets: {row}", flush=True)
        for assembler in split.assemblers:
            scene = assembler.scene
            if scene.name in HALVED:
                folder = cache / "atlases" / f"{policy.name}-{scene.name}"
                found = calibrated_atlas(folder, policy.name, scene, models[scene.group])
                print(f"{policy.name} {scene.name}: {of_calibration(split, models, scene.name, found)}", flush=True)
                write_pictures(found, cache / "pictures" / f"{policy.name}-{scene.name}")


def write(tables: Tables, policies: Sequence[str]) -> None:
    for policy in (POLICIES[name] for name in policies):
        split = assembled(tables, policy)
        models = split.models(None, split.names(), Settings(policy.ridge))
        data = {"usual": USUAL, "pair": models.pair.as_data(), "first": models.first.as_data()}
        OUTPUT.mkdir(exist_ok=True)
        (OUTPUT / f"{policy.name}.json").write_text(json.dumps(data) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=STEPS)
    parser.add_argument("kinds", nargs="*", help="extractors, kinds of geometry, or presets; all by default")
    parser.add_argument("--cache", type=Path, required=True)
    given = parser.parse_args()
    features = Features(given.cache / "features")
    tables = Tables(given.cache, features)
    if given.step == "describe":
        describe(tables, features, given.kinds or ["xfeat", "sift", "lite2", "aliked"])
    elif given.step == "measure":
        measure(tables, features, given.kinds or [name for name in CHECKS if name != "sift-rotated"])
    elif given.step == "report":
        report(tables, given.kinds or [*POLICIES])
    elif given.step == "ablation":
        ablation(tables, given.kinds or [*POLICIES])
    elif given.step == "calibrate":
        calibrate(tables, given.kinds or [*POLICIES], given.cache)
    elif given.step == "write":
        write(tables, given.kinds or [*POLICIES])
    else:
        pairs = two_photos.all_pairs(tables, given.cache / "pairs")
        if given.step == "pairs":
            two_photos.report(pairs)
        else:
            two_photos.write(pairs, OUTPUT.parent / FILE)


if __name__ == "__main__":
    main()
