"""Run ``placeprint serve`` in a separate process, on a free port of this computer."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from placeprint.client import Client
from placeprint.errors import ServiceError


@contextmanager
def serving(path: Path, *options: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Serve an atlas while the context lasts; gives the address and the process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "placeprint", "serve", str(path), "--port", str(port), *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        with Client(url) as client:
            for _ in range(600):
                try:
                    client.atlas()
                    break
                except ServiceError:
                    time.sleep(0.1)
        yield url, process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def resident_mb(number: int) -> int:
    """Return the resident memory of a process, in MB."""
    lines = Path(f"/proc/{number}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) // 1000
