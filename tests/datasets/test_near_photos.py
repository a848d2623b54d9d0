"""Photos with positions: by name, by CSV, by dbStruct; radius, zones and panoramas."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from placeprint.core.map_projection import utm
from placeprint.datasets.protocols import load_protocol, read_retrieval_set
from placeprint.datasets.readers.near_photos import RADIUS
from placeprint.errors import DatasetError
from tests.datasets.tiny import put, write


def named(east: float, north: float, *, zone: str = "", letter: str = "", place: str = "@", pano: str = "") -> str:
    return f"@{east:010.2f}@{north:010.2f}@{zone}@{letter}@{place}@{pano}@@@@@@@@.jpg"


def test_right_is_what_is_at_most_25_m_away(tmp_path: Path) -> None:
    names = [named(500, 100), named(500, 125), named(500, 125.01), named(515, 120)]
    put(tmp_path, *(f"images/test/database/{name}" for name in names), f"images/test/queries/{named(500, 100)}")
    dataset = read_retrieval_set("eynsham", tmp_path)
    assert dataset.protocol == "eynsham-1" and dataset.root == tmp_path
    assert dataset.queries == (f"images/test/queries/{named(500, 100)}",)
    assert dataset.positives[0] == {f"images/test/database/{names[n]}" for n in (0, 1, 3)}
    assert all((tmp_path / path).is_file() for path in (*dataset.database, *dataset.queries))
    assert dataset.query_positions is not None and dataset.query_positions.tolist() == [[500, 100]]


def placed(latitude: float, longitude: float) -> str:
    """Return the name of a photo, made as public converters do: meters of its own zone, degrees cut at five digits."""
    zone = min(int((longitude + 180) // 6) + 1, 60)
    ((east, north),), _ = utm(np.array([[latitude, longitude]]), zone if latitude >= 0 else -zone)
    cut = "@".join(f"{int(degrees * 1e5) / 1e5:.5f}" for degrees in (latitude, longitude))
    return named(east, north, zone=str(zone), letter="N" if latitude >= 0 else "M", place=cut)


@pytest.mark.parametrize("longitude", [6.0, -120.0, 180.0, 0.0])
def test_neighbors_on_both_sides_of_a_zone_border_are_near(tmp_path: Path, longitude: float) -> None:
    rng = np.random.default_rng(0)
    around = rng.uniform(-1e-3, 1e-3, (60, 2)) + np.array([48, longitude])
    around[:, 1] = (around[:, 1] + 180) % 360 - 180
    names = [
        f"{part}/{placed(*point)}" for part, point in zip(["database"] * 40 + ["queries"] * 20, around, strict=True)
    ]
    put(tmp_path, *names)
    dataset = read_retrieval_set("near-25m", tmp_path)
    meters = dict(zip(names, utm(around)[0], strict=True))
    for query, positives in zip(dataset.queries, dataset.positives, strict=True):
        assert positives == {n for n in dataset.database if np.hypot(*(meters[n] - meters[query])) <= RADIUS}
    assert any(dataset.positives)


def test_regions_all_around_earth_have_planes_of_their_own(tmp_path: Path) -> None:
    # neighboring zones from Paris to Budapest, and cities of both halves of Earth
    cities = [(48.86, 2.35), (47.38, 8.54), (52.52, 13.4), (47.5, 19.04), (-33.86, 151.21), (37.77, -122.42)]
    put(tmp_path, *(f"{part}/{placed(*city)}" for part in ("database", "queries") for city in cities))
    dataset = read_retrieval_set("near-25m", tmp_path)
    assert list(dataset.positives) == [{query.replace("queries", "database")} for query in dataset.queries]
    rows = [f"{part}/{n}.jpg,{city[0]},{city[1]}" for part in ("database", "queries") for n, city in enumerate(cities)]
    put(tmp_path / "csv", *(row.partition(",")[0] for row in rows))
    write(tmp_path / "csv", "positions.csv", "path,lat,lon", *rows)
    dataset = read_retrieval_set("near-25m", tmp_path / "csv")
    assert list(dataset.positives) == [{query.replace("queries", "database")} for query in dataset.queries]


def test_bands_of_latitude_in_one_zone_have_one_plane(tmp_path: Path) -> None:
    # the letter changes at 40 N, meters go on; degrees are cut at five digits, so they would be a meter off
    south = named(500_000, 4_427_700, zone="17", letter="S", place="39.99990@-81.00000")
    north = named(500_000, 4_427_725, zone="17", letter="T", place="40.00012@-81.00000")
    put(tmp_path, f"database/{south}", f"queries/{north}")
    dataset = read_retrieval_set("near-25m", tmp_path)
    assert dataset.query_positions is not None and dataset.query_positions.tolist() == [[500_000, 4_427_725]]
    assert dataset.positives[0] == {f"database/{south}"}


def test_the_two_halves_of_earth_have_no_common_meters(tmp_path: Path) -> None:
    south = named(500_000, 9_999_995, zone="37", letter="M", place="-0.00005@39.00000")
    north = named(500_000, 5, zone="37", letter="N", place="00.00005@39.00000")
    put(tmp_path, f"database/{south}", f"queries/{north}")
    assert read_retrieval_set("near-25m", tmp_path).positives[0] == {f"database/{south}"}


def test_equal_meters_in_far_zones_are_not_near(tmp_path: Path) -> None:
    names = [
        named(550_000, 4_180_000, zone=zone, letter="S", place=place)
        for zone, place in (("10", "37.76700@-122.43200"), ("33", "37.76700@15.56800"))
    ]
    put(tmp_path, *(f"{part}/{name}" for part in ("database", "queries") for name in names))
    dataset = read_retrieval_set("near-25m", tmp_path)
    assert list(dataset.positives) == [{f"database/{name}"} for name in names]


def test_positions_in_a_csv_file(tmp_path: Path) -> None:
    put(tmp_path, "database/a.jpg", "database/b.jpg", "queries/q.jpg")
    rows = ("path,lat,lon", "queries/q.jpg,55.7,13.2", "database/b.jpg,55.7002,13.2", "database/a.jpg,55.7003,13.2")
    write(tmp_path, "positions.csv", *rows)
    assert read_retrieval_set("near-25m", tmp_path).positives[0] == {"database/b.jpg"}
    write(tmp_path, "positions.csv", *rows[:2])
    with pytest.raises(DatasetError, match=r"has no position for 2 photos, such as 'database/a.jpg'"):
        read_retrieval_set("near-25m", tmp_path)


def test_positions_in_exif(data: Path, tmp_path: Path) -> None:
    photos = sorted((data / "gps" / "lund").rglob("*.jpg"))[:6]
    for number, photo in enumerate(photos):
        part = tmp_path / ("queries" if number == 3 else "database")
        part.mkdir(exist_ok=True)
        (part / photo.name).symlink_to(photo)
    dataset = read_retrieval_set("near-25m", tmp_path)
    assert len(dataset.database) == 5 and dataset.query_positions is not None
    assert f"database/{photos[2].name}" in dataset.positives[0] or f"database/{photos[4].name}" in dataset.positives[0]


def test_names_of_another_form_are_refused(tmp_path: Path) -> None:
    put(tmp_path, "database/@x@y@.jpg", "queries/@1@2@@.jpg")
    with pytest.raises(DatasetError, match="names of photos must be like"):
        read_retrieval_set("near-25m", tmp_path)
    with pytest.raises(DatasetError, match=r"must have folders database/ and queries_v1/"):
        read_retrieval_set("sf-xl-v1", tmp_path)


def test_sf_xl_has_its_queries_by_version(tmp_path: Path) -> None:
    put(tmp_path, f"processed/test/database/37/{named(1, 1)}", f"processed/test/queries_v2/{named(2, 2)}")
    put(tmp_path, f"processed/test/queries_v1/{named(90, 90)}")
    assert len(read_retrieval_set("sf-xl-v2", tmp_path).positives[0]) == 1
    assert read_retrieval_set("sf-xl-v1", tmp_path).positives[0] == set()


def test_cut_outs_of_a_panorama_are_a_group(tmp_path: Path) -> None:
    names = [named(1, 1, pano="p1"), named(1, 1.5, pano="p1"), named(2, 2, pano="p2"), named(3, 3)]
    names += [named(4, 4, pano="None"), named(5, 5, pano="None")]  # so the downloader writes a panorama without a name
    put(tmp_path, *(f"images/test/database/{name}" for name in names), f"images/test/queries/{named(1, 1)}")
    groups = read_retrieval_set("tokyo247-panoramas", tmp_path).groups
    by_name = {
        path.rpartition("/")[2]: group
        for path, group in zip(read_retrieval_set("tokyo247-panoramas", tmp_path).database, groups, strict=True)
    }
    assert by_name[names[0]] == by_name[names[1]] == "p1"
    assert len(set(groups)) == 5
    assert read_retrieval_set("tokyo247", tmp_path).groups == ()


def save_struct(
    path: Path, database: list[str], places: list[list[float]], queries: list[str], asked: list[list[float]]
) -> None:
    io = pytest.importorskip("scipy.io")
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = [np.array(names, dtype=object).reshape(-1, 1) for names in (database, queries)]
    struct = {
        "whichSet": "test",
        "dbImageFns": cells[0],
        "utmDb": np.array(places).T,
        "qImageFns": cells[1],
        "utmQ": np.array(asked).T,
        "numImages": len(database),
        "numQueries": len(queries),
        "posDistThr": 25,
    }
    io.savemat(path, {"dbStruct": struct})


def test_the_struct_of_pittsburgh(tmp_path: Path) -> None:
    database = ["000/000000_pitch1_yaw1.jpg", "001/001000_pitch1_yaw1.jpg"]
    put(tmp_path, *database, "queries_real/004/004000_pitch1_yaw9.jpg")
    save_struct(
        tmp_path / "datasets" / "pitts30k_test.mat",
        database,
        [[10, 20], [50, 20]],
        ["004/004000_pitch1_yaw9.jpg"],
        [[30, 35]],
    )
    dataset = read_retrieval_set("pitts30k-test", tmp_path)
    assert dataset.database == tuple(database)
    assert dataset.queries == ("queries_real/004/004000_pitch1_yaw9.jpg",)
    assert dataset.positives[0] == set(database)  # both 25 m away
    assert dataset.query_positions is not None and dataset.query_positions.tolist() == [[30, 35]]
    (tmp_path / database[1]).unlink()
    with pytest.raises(DatasetError, match="1 of 2 photos are not in"):
        read_retrieval_set("pitts30k-test", tmp_path)


@pytest.mark.parametrize("query", ["000/000001_pitch1_yaw1.jpg", "000/000002_pitch1_yaw1.jpg"])
def test_queries_are_not_read_from_the_database_that_calls_its_photos_the_same(tmp_path: Path, query: str) -> None:
    # the second is a photo of another split's database
    names = ["000/000000_pitch1_yaw1.jpg", "000/000001_pitch1_yaw1.jpg"]
    put(tmp_path, *names, query)
    save_struct(tmp_path / "pitts30k_test.mat", names, [[0, 0], [90, 0]], [query], [[1, 0]])
    with pytest.raises(DatasetError, match=f"has no photo '{query}'; looked in queries_real"):
        read_retrieval_set("pitts30k-test", tmp_path)
    put(tmp_path, f"queries_real/{query}")
    assert read_retrieval_set("pitts30k-test", tmp_path).queries == (f"queries_real/{query}",)


def test_a_struct_whose_photos_were_moved_into_folders_is_passed_over(tmp_path: Path) -> None:
    save_struct(tmp_path / "raw_data/datasets/pitts30k_test.mat", ["000/0.jpg"], [[0, 0]], ["000/1.jpg"], [[1, 0]])
    put(tmp_path, f"images/test/database/{named(1, 1)}", f"images/test/queries/{named(2, 2)}")
    assert read_retrieval_set("pitts30k-test", tmp_path).positives[0] == {f"images/test/database/{named(1, 1)}"}


@pytest.mark.parametrize("place", ["query/247query_subset_v2", "queries/247query_subset_v2", "247query_subset_v2"])
def test_tokyo_in_the_folders_of_its_server(tmp_path: Path, place: str) -> None:
    put(tmp_path, "database_gsv_vga/03814/381442/P_012_0.png", f"{place}/00001.jpg")
    save_struct(tmp_path / "tokyo247.mat", ["03814/381442/P_012_0.jpg"], [[0, 0]], ["00001.jpg"], [[0, 1]])
    dataset = read_retrieval_set("tokyo247", tmp_path)
    assert dataset.database == ("database_gsv_vga/03814/381442/P_012_0.png",)
    assert dataset.queries == (f"{place}/00001.jpg",)


def test_the_struct_of_tokyo_calls_png_jpg(tmp_path: Path) -> None:
    database = [f"03814/381442/PANO{p}_012_{angle}.jpg" for p in "AB" for angle in (0, 30)]
    put(tmp_path, *(name.replace(".jpg", ".png") for name in database), "247query_subset_v2/00001.jpg")
    save_struct(tmp_path / "tokyo247.mat", database, [[0, 0], [0, 0], [99, 0], [99, 0]], ["00001.jpg"], [[0, 1]])
    dataset = read_retrieval_set("tokyo247-panoramas", tmp_path)
    assert dataset.groups == ("PANOA", "PANOA", "PANOB", "PANOB")
    assert dataset.positives[0] == {name.replace(".jpg", ".png") for name in database[:2]}


def test_a_struct_without_photos_is_told(tmp_path: Path) -> None:
    save_struct(tmp_path / "tokyo247.mat", ["a/b.jpg"], [[0, 0]], ["q.jpg"], [[0, 1]])
    with pytest.raises(DatasetError, match=r"has no photo 'a/b.jpg'; looked in"):
        read_retrieval_set("tokyo247", tmp_path)
    (tmp_path / "tokyo247.mat").write_text("nothing")
    with pytest.raises(DatasetError, match="as a MATLAB file"):
        read_retrieval_set("tokyo247", tmp_path)
    pytest.importorskip("scipy.io").savemat(tmp_path / "tokyo247.mat", {"other": 1})
    with pytest.raises(DatasetError, match="must have a dbStruct with dbImageFns"):
        read_retrieval_set("tokyo247", tmp_path)


def test_the_counts_of_the_published_sets() -> None:
    for name, counts in {"pitts30k-test": (6816, 10000), "tokyo247": (315, 75984), "msls-val": (740, 18871)}.items():
        protocol = load_protocol(name)
        assert (protocol.queries, protocol.database) == counts
