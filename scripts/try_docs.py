"""Run every shell command of README and docs on real photos, and print a table of what each did.

    python -m scripts.try_docs [PAGE ...] [--seconds 600]

Each page runs in an empty folder in which the names that it uses stand for real photos and files (`PLACEPRINT_DATA`):
``PHOTOS`` is a walk, ``GROCERY`` a folder of products, and so on. A command of a server runs until its page ends. The
tutorials run in the tests (``pytest -m large``), installs in `scripts/try_installs.py`; `LEFT_OUT` says what else is
not run, and why. The exit status is 1 if a command did not do what it should.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import PIL.ExifTags
import PIL.Image

from placeprint.photos import read_image
from tests.conftest import data_folder
from tests.docs.executing import ROOT, blocks_of

PAGES = [
    ROOT / "README.md",
    *sorted(page for page in (ROOT / "docs").rglob("*.md") if page.parent.name != "tutorials" and page.stem != "start"),
]
LEFT_OUT = {
    "pip install": "scripts/try_installs.py does",
    "make ": "run by hand in a fresh clone",
    "--address auto": "needs a cluster",
    "s3://": "needs a bucket; the tests have a local one",
    "milvus://": "needs a server; the same commands run with Milvus Lite",
    "PITTS30K": "needs the photos",
    "evaluate FOLDER --protocol msls-val": "needs the photos",
    "http://server": "needs a second machine",
    "--host 0.0.0.0": "listens on the network",
    "--install-completion": "changes the shell; tests/cli has it",
    "benchmarks/scale": "a benchmark",
    "placeprint import ": "needs files of other programs; tests/describing makes some",
    "my-backbone": "needs a network of your own; tests/features has one",
}
"""Parts of commands that are not run, with the reason."""
REFUSED = {
    "models get megaloc": "",
    "index photos --into atlas --preset megaloc": "models get megaloc",
    "datasets check msls-val": "has no folder",
    "--label cathedral": "fits the filters",
    "--matcher loftr": "the weights of LoFTR are missing",
}
"""Commands that must fail here, for there is no network and no such photos, and words of their message."""
SHORTER = {"placeprint train": " --set schedule.epochs=1"}
SERVER, READY_S = "placeprint serve", 60


def walk(path: Path) -> None:
    """Make a folder of photos with positions and times."""
    path.mkdir(parents=True)
    for minute, name in enumerate(sorted(photo.name for photo in (data_folder() / "gps" / "lund").iterdir())[:27]):
        photo = PIL.Image.open(data_folder() / "gps" / "lund" / name)
        exif = photo.getexif()
        exif.get_ifd(PIL.ExifTags.IFD.Exif)[PIL.ExifTags.Base.DateTimeOriginal] = f"2019:06:16 12:{minute:02}:00"
        photo.save(path / name, exif=exif, quality=95)


def old(path: Path) -> None:
    """Make a folder of photos without positions."""
    path.mkdir()
    for name in ("28.jpg", "29.jpg"):
        PIL.Image.open(data_folder() / "gps" / "lund" / name).convert("RGB").save(path / name)


def classes(path: Path) -> None:
    """Make a folder of classes with a few photos each."""
    every = sorted(folder for folder in (data_folder() / "grocery" / "train").rglob("*") if any(folder.glob("*.jpg")))
    for folder in every[:12]:
        (path / folder.name).mkdir(parents=True)
        for photo in sorted(folder.glob("*.jpg"))[:12]:
            shutil.copy(photo, path / folder.name / photo.name)


def places(path: Path, count: int = 15) -> None:
    """Make a place folder: a part of sf_landmarks."""
    source = data_folder() / "sf_landmarks"
    rows = (source / "positives.csv").read_text().splitlines()
    path.mkdir(parents=True, exist_ok=True)
    (path / "positives.csv").write_text("\n".join(rows[: count + 1]) + "\n")
    for name in {name for row in rows[1 : count + 1] for name in row.split(",")}:
        (path / name).parent.mkdir(exist_ok=True)
        shutil.copy(source / name, path / name)


def tower(path: Path, every: int = 60) -> None:
    """Make a folder of walks in clips: a part of ie_tower."""
    source = data_folder() / "ie_tower"
    head, *rows = (source / "dataset.csv").read_text().splitlines()
    path.mkdir(parents=True)
    (path / "dataset.csv").write_text("\n".join([head, *rows[::every]]) + "\n")
    for name in (row.split(",")[0] for row in rows[::every]):
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / name, path / name)


def street(path: Path, count: int = 1100) -> None:
    """Make a folder of many photos."""
    path.mkdir()
    frames = sorted((data_folder() / "ie_tower" / "processed_frames").rglob("*.jpg"))
    for frame in frames[:count]:
        shutil.copy(frame, path / frame.name)


def copy_of(*parts: str) -> Callable[[Path], None]:
    """Return what copies a file or folder of the data."""

    def make(path: Path) -> None:
        source = data_folder().joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, path)

    return make


def atlas(path: Path) -> None:
    """Make an atlas of the walk."""
    if not Path("PHOTOS").exists():
        walk(Path("PHOTOS"))
    shell(f"placeprint index PHOTOS --into {path}")


def positions(path: Path) -> None:
    """Make a table of positions."""
    path.write_text("path,latitude,longitude\n" + "".join(f"{n:02}.jpg,55.70{n:02},13.19\n" for n in range(1, 28)))


def track(path: Path) -> None:
    """Make a track of the day of the walk."""
    times = [f"2019-06-16T{minute // 60:02}:{minute % 60:02}:00Z" for minute in range(24 * 60)]
    points = "".join(
        f'<trkpt lat="{55.7 + n / 1e5:.5f}" lon="13.19"><time>{at}</time></trkpt>' for n, at in enumerate(times)
    )
    head = '<gpx version="1.1" creator="x" xmlns="http://www.topografix.com/GPX/1/1">'
    path.write_text(f"{head}<trk><trkseg>{points}</trkseg></trk></gpx>")


def accepted(path: Path) -> None:
    """Make the table that the review page saves, of all proposals."""
    shell(f"placeprint geotag OLD_PHOTOS --in ATLAS --csv {path}")


def video(path: Path) -> None:
    """Make a video of the walk."""
    import cv2

    size = (640, 480)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 1.0, size)
    for photo in sorted((data_folder() / "gps" / "lund").glob("*.jpg"))[:8]:
        writer.write(cv2.resize(read_image(photo), size)[..., ::-1].copy())
    writer.release()


def weights_of(name: str) -> Callable[[Path], None]:
    """Return what writes filled weights of a network under the name that a page has for them."""

    def make(path: Path) -> None:
        from placeprint.networks.published import find_network
        from tests.networks.published_files import write_files

        (written,) = write_files(Path("weights"), find_network(name))
        written.rename(path)

    return make


def trained(path: Path) -> None:
    """Make a training run."""
    classes(Path("classes"))
    shell(f"placeprint train places-from-folders --data classes --output {path} --set schedule.epochs=1")


def preset(path: Path) -> None:
    """Make a preset file."""
    path.parent.mkdir(exist_ok=True)
    shutil.copy(ROOT / "benchmarks" / "accuracy" / "xfeat-vlad-8bit.toml", path)


def same_photos(path: Path) -> None:
    """Make the folder to which the photos moved."""
    walk(path / "photos")


QUERY = copy_of("gps", "lund", "29.jpg")
MAKERS: Mapping[str, Callable[[Path], None]] = {
    **dict.fromkeys(("PHOTOS", "photos", "HOLIDAY", "holiday", "archive"), walk),
    **dict.fromkeys(("QUERY", "QUERY.jpg", "query.jpg", "PHOTO", "downloads/one-more.jpg"), QUERY),
    **dict.fromkeys(("a.jpg", "first.jpg", "left.png", "THEN.jpg"), copy_of("gps", "lund", "27.jpg")),
    **dict.fromkeys(("b.jpg", "second.jpg", "right.png", "NOW.jpg"), copy_of("gps", "lund", "28.jpg")),
    **dict.fromkeys(("ATLAS", "atlas", "my-atlas"), atlas),
    "OLD_PHOTOS": old,
    "STREET_PHOTOS": street,
    "positions.csv": positions,
    "walk.gpx": track,
    "accepted.csv": accepted,
    "walk.mp4": video,
    "GROCERY": copy_of("grocery"),
    "FILE": weights_of("mixvpr"),
    "run": trained,
    "my/preset.toml": preset,
    "photos/station": places,
    "photos/tower": tower,
    "/mnt/photos": same_photos,
}
"""What a name that a page uses stands for."""
ON_PAGE: Mapping[tuple[str, str], Callable[[Path], None]] = {
    ("evaluation", "FOLDER"): places,
    ("datasets", "FOLDER"): places,
    ("evaluation", "folder"): lambda path: path.symlink_to(data_folder()),
    ("training", "PHOTOS"): classes,
}
"""What it stands for on one page alone."""


def main() -> int:
    """Run the pages, print the table, and return 1 if a command did not do what it should."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("pages", nargs="*", type=Path, help="all by default")
    parser.add_argument("--seconds", type=float, default=600, help="that a command may take")
    given = parser.parse_args()
    os.environ |= {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "100"}
    os.environ["PLACEPRINT_DATA"] = str(data_folder().resolve())
    print("| page | command | seconds | result |\n|---|---|---|---|")
    wrong = 0
    for page in [path.resolve() for path in given.pages] or PAGES:
        for command, seconds, said in run_page(page, given.seconds):
            wrong += said.startswith("WRONG")
            name = page.relative_to(ROOT).as_posix()
            print(f"| {name} | `{command.replace('|', '&#124;')}` | {seconds:.0f} | {said} |", flush=True)
    return int(wrong > 0)


def commands_of(page: Path) -> list[str]:
    """Return the shell commands of a page without their comments."""
    code = "\n".join(block.code for block in blocks_of(page) if block.language == "sh")
    lines = re.sub(r"\\\n\s*", "", code).splitlines()
    return [plain for line in lines if (plain := re.sub(r"\s+#.*", "", line).strip()) and plain[0] != "#"]


def run_page(page: Path, limit: float) -> Iterator[tuple[str, float, str]]:
    """Yield each command of a page with its seconds and what came of it."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder), contextlib.ExitStack() as servers:
        for part in ("benchmarks", "scripts", "pyproject.toml"):  # as in a clone
            Path(part).symlink_to(ROOT / part)
        os.environ["PLACEPRINT_MODELS"] = str(Path(folder) / "models")
        for command in commands_of(page):
            reason = next((why for part, why in LEFT_OUT.items() if part in command), None)
            if reason is not None:
                yield command, 0, f"left out: {reason}"
                continue
            prepare(page.stem, command)
            began = time.perf_counter()
            said = serve(command, servers) if command.startswith(SERVER) else judged(command, limit)
            yield command, time.perf_counter() - began, said


def prepare(page: str, command: str) -> None:
    """Make what a command reads and nothing has made yet."""
    written = re.findall(r"--(?:into|output|to|save-matches|pictures|page|json|csv) (\S+)", command)
    words = [word.rstrip("/") for word in re.findall(r"[\w./=-]+", command)]
    for word in (each.rpartition("=")[2] for each in words):
        make = ON_PAGE.get((page, word)) or MAKERS.get(word)
        if make is not None and word not in written and not standing(word).exists():
            make(standing(word))


def standing(word: str) -> Path:
    """Return the path that a name stands for: nothing is written outside the folder."""
    return Path(word.lstrip("/"))


def judged(command: str, limit: float) -> str:
    """Run a command and return what came of it."""
    longer = next((more for start, more in SHORTER.items() if command.startswith(start)), "")
    try:
        done = shell(command.replace(" /mnt", " mnt").replace("PYTHON", sys.executable) + longer, limit)
    except subprocess.TimeoutExpired:
        return f"WRONG: ran longer than {limit:.0f} s"
    last = (done.stderr or done.stdout).strip().splitlines()[-1:] or [""]
    refusal = next((words for start, words in REFUSED.items() if start in command), None)
    fine = done.returncode == 0 if refusal is None else done.returncode != 0 and refusal in done.stderr + done.stdout
    fine &= "Traceback" not in done.stderr
    return f"{'yes' if fine else 'WRONG'}{'' if done.returncode == 0 else f': {last[0][:150]}'}"


def shell(command: str, limit: float | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command and return what it printed."""
    return subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=False, timeout=limit, stdin=subprocess.DEVNULL
    )


def serve(command: str, servers: contextlib.ExitStack) -> str:
    """Start a server, which runs until the page ends; return whether it answers."""
    import urllib.request

    process = subprocess.Popen(command.split(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    servers.callback(process.wait)
    servers.callback(process.terminate)
    until = time.monotonic() + READY_S
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen("http://127.0.0.1:8100/readyz", timeout=5):
            return "yes"
        time.sleep(0.2)
    return "WRONG: it does not answer"


if __name__ == "__main__":
    raise SystemExit(main())
