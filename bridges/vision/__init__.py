"""The vision bridge: camera, object detection, live stream and captures."""
