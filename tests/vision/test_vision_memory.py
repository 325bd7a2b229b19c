"""Memory is flat at full load: seconds here, minutes with VISION_MEMORY_MINUTES=10."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from tests.vision.rig import Rig
from tests.vision.viewer import Viewer

SECONDS = 60 * float(os.environ.get("VISION_MEMORY_MINUTES", "0")) or 8.0
WARM_UP_S = 4.0
MOST_GROWTH_MB = 6.0
"""What the allocator may need to find its size; one frame is 0.9 MB, so a leak of frames would show in a second."""
LOAD = {
    "VISION__FPS": 60,
    "VISION__TARGET_FPS": 30,
    "VISION__STREAM_FPS": 60,
    "VISION__MQTT_FPS": 30,
    "VISION__CAPTURE_COUNT": 5,
}


@pytest.mark.timeout(SECONDS + 120)
def test_memory_is_flat_with_viewers_snapshots_captures_and_a_stalled_client(tmp_path: Path) -> None:
    with Rig(tmp_path, settings=LOAD) as rig:
        rig.put("ball", "person")
        rig.mode("on_with_stream")
        rig.settle(person=True)
        ends = time.monotonic() + WARM_UP_S + SECONDS
        frames = 0

        def watch() -> None:
            nonlocal frames
            with Viewer(rig.socket, "/stream?boxes=1") as viewer:
                while time.monotonic() < ends:
                    viewer.part()
                    frames += 1

        watching = threading.Thread(target=watch)
        watching.start()
        stalled = Viewer(rig.socket)
        before = 0.0
        began = time.monotonic()
        while time.monotonic() < ends:
            if not before and time.monotonic() - began > WARM_UP_S:
                before = rig.memory_mb()
            assert rig.ask("capture", "PRESS")["status"] == "done"
            rig.get("/snapshot.jpg")
        grown = rig.memory_mb() - before
        watching.join()
        stalled.close()
        assert len(list(rig.captures.iterdir())) == 10
    assert frames > 10 * SECONDS, "there was hardly any load"
    assert grown < MOST_GROWTH_MB, f"{grown:.1f} MB more after {SECONDS:g} s"
