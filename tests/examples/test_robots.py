"""The examples for robots, with stubs of ROS messages that have the fields of the real ones."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from examples import ros2_loop_closer, rtabmap_descriptor
from placeprint.errors import PhotoError
from placeprint.stream import LoopCloser
from tests.conftest import make_scene


class String:
    """std_msgs/String."""

    data = ""


class Node:
    """What the example uses of an rclpy Node."""

    def __init__(self, **parameters: Any) -> None:
        self.parameters, self.callbacks, self.published, self.warnings = parameters, {}, [], []  # type: ignore[var-annotated]

    def declare_parameter(self, name: str, value: Any) -> Any:
        return SimpleNamespace(value=self.parameters.get(name, value))

    def create_publisher(self, kind: Any, topic: str, depth: int) -> Any:
        return SimpleNamespace(publish=lambda message: self.published.append((topic, message)))

    def create_subscription(self, kind: Any, topic: str, callback: Any, depth: int) -> None:
        self.callbacks[topic] = callback

    def get_logger(self) -> Any:
        return SimpleNamespace(warning=self.warnings.append)


def image(pixels: NDArray[np.uint8], encoding: str, second: int = 0, padding: int = 0) -> Any:
    """Return a sensor_msgs/Image."""
    height, width = pixels.shape[:2]
    rows = np.pad(pixels.reshape(height, -1), ((0, 0), (0, padding)))
    stamp = SimpleNamespace(sec=second, nanosec=500_000_000)
    return SimpleNamespace(
        header=SimpleNamespace(stamp=stamp),
        height=height,
        width=width,
        encoding=encoding,
        step=rows.shape[1],
        data=rows.tobytes(),
    )


def node_of(**parameters: Any) -> Node:
    node = Node(preset="sift-vlad", **parameters)
    ros2_loop_closer.LoopNode(node, {"Image": None, "CameraInfo": None, "String": String, "Empty": None})
    return node


@pytest.mark.parametrize("padding", [0, 5])
def test_every_encoding_is_read(padding: int) -> None:
    scene = make_scene(0, 37, 23)
    alpha = np.dstack([scene, np.full(scene.shape[:2], 9, np.uint8)])
    for pixels, encoding in (
        (scene, "rgb8"),
        (scene[:, :, ::-1], "bgr8"),
        (alpha, "rgba8"),
        (alpha[:, :, [2, 1, 0, 3]], "bgra8"),
    ):
        found = ros2_loop_closer.image_of(image(np.ascontiguousarray(pixels), encoding, padding=padding))
        np.testing.assert_array_equal(found, scene)
    gray = ros2_loop_closer.image_of(image(scene[:, :, 0], "mono8", padding=padding))
    np.testing.assert_array_equal(gray, np.repeat(scene[:, :, :1], 3, axis=2))


def test_other_encodings_and_cut_images_are_warned_about() -> None:
    node = node_of()
    node.callbacks["image"](image(make_scene(0), "16UC1"))
    cut = image(make_scene(0), "rgb8")
    cut.data = cut.data[:100]
    node.callbacks["image"](cut)
    assert "16UC1" in node.warnings[0]
    assert "100 bytes" in node.warnings[1]
    with pytest.raises(PhotoError):
        ros2_loop_closer.image_of(cut)


@pytest.mark.slow
def test_a_loop_is_published_with_stamps_and_pose(tmp_path: Path) -> None:
    node = node_of(exclude_seconds=2.0, file=str(tmp_path / "robot.npz"))
    node.callbacks["camera_info"](SimpleNamespace(k=[300.0, 0, 160, 0, 300, 120, 0, 0, 1]))
    scenes = [*range(40), 0, 1, 2]
    for second, scene in enumerate(scenes):
        node.callbacks["image"](image(make_scene(scene), "rgb8", second))
    topic, message = node.published[-1]
    data = json.loads(message.data)
    assert topic == "loops"
    assert (data["stamp"], data["other_stamp"]) == (42.5, 2.5)
    np.testing.assert_allclose(data["rotation_xyzw"], [0, 0, 0, 1], atol=1e-3)
    assert data["direction"] is None
    node.callbacks["save"](None)
    again = node_of(file=str(tmp_path / "robot.npz"))
    again.callbacks["image"](image(make_scene(50), "rgb8", 50))
    again.callbacks["save"](None)
    assert len(LoopCloser.load(tmp_path / "robot.npz")) == len(scenes) + 1


def test_without_ros_the_example_says_so() -> None:
    with pytest.raises(SystemExit, match="ROS 2"):
        ros2_loop_closer.main()


@pytest.mark.parametrize("dim", [128, 40_000])
def test_rtabmap_gets_rows_of_the_length_it_asked_for(dim: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACEPRINT_PRESET", "sift-vlad")
    rtabmap_descriptor.init(dim)
    frames = [make_scene(0), np.roll(make_scene(0), 4, axis=1), make_scene(1)]
    rows = [rtabmap_descriptor.extract(frame[:, :, ::-1].view(np.int8)) for frame in frames]
    assert all(row.shape == (1, dim) and row.dtype == np.float32 for row in rows)
    assert float(rows[0][0] @ rows[1][0]) > float(rows[0][0] @ rows[2][0]) + 0.2
    exact = [LoopCloser("sift-vlad").describe(frame).descriptor for frame in frames[:2]]
    assert abs(float(rows[0][0] @ rows[1][0]) - float(exact[0] @ exact[1])) < 4 / np.sqrt(dim)
    gray = rtabmap_descriptor.extract(make_scene(0)[:, :, :1])
    assert gray.shape == (1, dim)
