r"""A ROS 2 node that closes loops: images in, loop closures out.

    python examples/ros2_loop_closer.py --ros-args -r image:=/camera/image_rect \
        -r camera_info:=/camera/camera_info -p preset:=xfeat-vlad

Subscribes to ``image`` (sensor_msgs/Image: rgb8, bgr8, rgba8, bgra8, mono8) and ``camera_info``, whose matrix gives
rotation and direction if the images are rectified. Publishes ``loops`` (std_msgs/String), one JSON object a loop: the
stamps of both frames in seconds, the probability, the quaternion x, y, z, w of the rotation and the direction from the
camera of the new frame to that of the earlier one. Publishing an empty message on ``save`` writes what is remembered.

Parameters: ``preset``, ``frames``, ``exclude_seconds``, ``file`` (read at the start, written on ``save``).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placeprint.errors import OptionError, PhotoError
from placeprint.reconstruction.results import quaternion
from placeprint.stream import Loop, LoopCloser

ENCODINGS = {"rgb8": (3, [0, 1, 2]), "bgr8": (3, [2, 1, 0]), "rgba8": (4, [0, 1, 2]), "bgra8": (4, [2, 1, 0])}
DEFAULTS: dict[str, Any] = {"preset": "xfeat-vlad", "frames": 1000, "exclude_seconds": 10.0, "file": ""}


def image_of(message: Any) -> NDArray[np.uint8]:
    """Return the ``(H, W, 3)`` RGB image of a sensor_msgs/Image, whose rows may be padded.

    Raises:
        PhotoError: its encoding is not one of 8 bits that are listed above, or its data is too short.
    """
    data = np.frombuffer(bytes(message.data), np.uint8)
    if len(data) < message.step * message.height or not data.size:
        raise PhotoError(f"the image has {len(data)} bytes, not {message.step} x {message.height}")
    rows = data[: message.step * message.height].reshape(message.height, message.step)
    if message.encoding == "mono8":
        return np.repeat(rows[:, : message.width, None], 3, axis=2)
    if message.encoding not in ENCODINGS:
        raise PhotoError(f"the encoding must be mono8 or {', '.join(ENCODINGS)}, got {message.encoding!r}")
    channels, order = ENCODINGS[message.encoding]
    pixels = rows[:, : message.width * channels].reshape(message.height, message.width, channels)
    return np.ascontiguousarray(pixels[:, :, order])


def seconds_of(message: Any) -> float:
    """Return the stamp of a message."""
    return float(message.header.stamp.sec) + 1e-9 * float(message.header.stamp.nanosec)


def loop_text(loop: Loop, stamp: float) -> str:
    """Return a loop as JSON."""
    data: dict[str, Any] = {"stamp": stamp, "other_stamp": loop.stamp, "probability": round(loop.probability, 4)}
    if loop.pose is not None:
        data["inliers"] = loop.pose.inliers
        if loop.pose.rotation is not None:
            w, x, y, z = quaternion(loop.pose.rotation).tolist()
            data["rotation_xyzw"] = [x, y, z, w]
        data["direction"] = None if loop.pose.direction is None else loop.pose.direction.tolist()
    return json.dumps(data)


class LoopNode:
    """The node: joins a loop closer with ROS.

    Args:
        node: an rclpy Node, which gives parameters, subscriptions, publishers and a logger.
        messages: the types ``Image``, ``CameraInfo``, ``String`` and ``Empty``, by name.
    """

    def __init__(self, node: Any, messages: dict[str, Any]) -> None:
        self._node, self._string = node, messages["String"]
        self._chosen = {name: node.declare_parameter(name, value).value for name, value in DEFAULTS.items()}
        self._closer: LoopCloser | None = None
        self._camera: NDArray[np.float64] | None = None
        self._loops = node.create_publisher(messages["String"], "loops", 10)
        node.create_subscription(messages["CameraInfo"], "camera_info", self.on_camera, 1)
        node.create_subscription(messages["Image"], "image", self.on_image, 1)
        node.create_subscription(messages["Empty"], "save", self.on_save, 1)

    def on_camera(self, message: Any) -> None:
        """Learn the intrinsics; those of the first message count."""
        matrix = np.array(message.k, np.float64).reshape(3, 3)
        if self._camera is None and matrix[0, 0] > 0:
            self._camera = matrix

    def on_image(self, message: Any) -> None:
        """Look for loops of a frame, and publish them."""
        stamp = seconds_of(message)
        try:
            seen = self._ready().add(image_of(message), stamp=stamp)
        except PhotoError as error:
            self._node.get_logger().warning(str(error))
            return
        for loop in seen.loops:
            text = self._string()
            text.data = loop_text(loop, stamp)
            self._loops.publish(text)

    def on_save(self, message: Any) -> None:
        """Write what is remembered."""
        if not self._chosen["file"]:
            self._node.get_logger().warning("set the parameter `file` to say where")
            return
        self._ready().save(self._chosen["file"])

    def _ready(self) -> LoopCloser:
        """Return the loop closer, made with the first frame, when the intrinsics are known if they are published."""
        if self._closer is None:
            file = self._chosen["file"]
            if file and Path(file).exists():
                self._closer = LoopCloser.load(file)
            else:
                self._closer = LoopCloser(
                    self._chosen["preset"],
                    frames=int(self._chosen["frames"]),
                    exclude_seconds=float(self._chosen["exclude_seconds"]),
                    camera=self._camera,
                )
        return self._closer


def main() -> None:
    """Run the node until it is interrupted."""
    try:
        import rclpy
        from sensor_msgs.msg import CameraInfo, Image
        from std_msgs.msg import Empty, String
    except ImportError as error:
        raise SystemExit(f"this needs ROS 2; source its setup file first ({error})") from error
    rclpy.init()
    node = rclpy.create_node("loop_closer")
    try:
        LoopNode(node, {"Image": Image, "CameraInfo": CameraInfo, "String": String, "Empty": Empty})
        rclpy.spin(node)
    except (KeyboardInterrupt, OptionError) as error:
        node.get_logger().info(f"stopped: {error}")
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


if __name__ == "__main__":
    main()
