"""Pictures of pages show what the page has: not the moment before, and no text that is not drawn."""

from __future__ import annotations

import base64
import http.server
import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.docs import shown
from tests.e2e import screenshot
from tests.e2e.screenshot import Chromium, PageError

LATE = """
<body><div id="host"></div><script>
  const root = document.getElementById("host").attachShadow({mode: "open"});
  root.innerHTML = "<h1>Loading</h1>";
  fetch("/late").then(() => { root.innerHTML = "<h1>Smart car</h1><img src='/noise.png' width='120'>"; });
</script></body>
"""
INVISIBLE = {
    "transparent": "<body><h1 style='opacity: 0'>Smart car</h1></body>",
    "covered": "<body><h1>Smart car</h1><div style='position: fixed; inset: 0; background: white'></div></body>",
    "below": "<body><div style='height: 3000px'>.</div><h1>Smart car</h1></body>",
    "clipped": "<body><div style='height: 0; overflow: hidden'><h1>Smart car</h1></div></body>",
}


def png(colours: bool) -> bytes:
    picture = Image.effect_noise((120, 80), 90).convert("RGB") if colours else Image.new("RGB", (120, 80), "white")
    if colours:
        picture = Image.merge("RGB", [Image.effect_noise((120, 80), 90) for _ in range(3)])
    data = io.BytesIO()
    picture.save(data, "PNG")
    return data.getvalue()


class Site(http.server.BaseHTTPRequestHandler):
    """A page whose text comes when `late` is set, a page with a plain picture, and the pictures."""

    late = threading.Event()

    def do_GET(self) -> None:
        body, kind = b"", "text/html"
        if self.path == "/late":
            self.late.wait(20)
        elif self.path == "/page":
            body = LATE.encode()
        elif self.path == "/plain":
            body = b"<body><h1>Smart car</h1><img src='/white.png'></body>"
        elif self.path.endswith(".png"):
            body, kind = png(colours="noise" in self.path), "image/png"
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *_: object) -> None:  # noqa: A002 - the name of the overridden argument
        pass


@pytest.fixture
def site() -> Iterator[str]:
    Site.late.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        Site.late.set()
        server.shutdown()


def test_a_page_is_taken_when_its_own_text_and_pictures_are_there(
    chromium: Chromium, site: str, tmp_path: Path
) -> None:
    threading.Timer(2.5, Site.late.set).start()  # longer than a page has to be quiet to count as settled
    taken = tmp_path / "page.png"
    text = chromium.screenshot(f"{site}/page", taken, awaited=["Smart car"], pictures=["/noise"], scale=1.5)
    assert text == "Smart car"
    image, found = shown.load(taken)
    assert image.size == (1920, 1350)
    assert shown.missing(image, found, texts=["Smart car"], pictures=["/noise.png"]) == []
    assert shown.missing(image, found, texts=["Loading"], pictures=["/other"]) == [
        "the text 'Loading'",
        "the picture '/other'",
    ]


def test_a_page_that_stays_without_its_text_is_an_error_and_no_picture(
    chromium: Chromium, site: str, tmp_path: Path
) -> None:
    taken = tmp_path / "page.png"
    with pytest.raises(PageError, match=r"does not show 'Smart car' and does not show '/noise'; its text:\nLoading$"):
        chromium.screenshot(f"{site}/page", taken, awaited="Smart car", pictures=["/noise"], timeout=3)
    assert not taken.exists()


@pytest.mark.parametrize("how", INVISIBLE)
def test_text_that_the_page_has_but_does_not_draw_is_an_error(
    chromium: Chromium, tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screenshot, "DRAWN_WITHIN_S", 0.5)
    address = "data:text/html;base64," + base64.b64encode(INVISIBLE[how].encode()).decode()
    with pytest.raises(PageError, match=r"has, but does not draw in 0\.5 s: the text 'Smart car'"):
        chromium.screenshot(address, tmp_path / "page.png", awaited="Smart car")


def test_a_page_is_made_as_high_as_what_it_has(chromium: Chromium, tmp_path: Path) -> None:
    page = "<body style='height: 3000px'><div style='margin-top: 1500px'>Smart car</div></body>"
    address = "data:text/html;base64," + base64.b64encode(page.encode()).decode()
    chromium.screenshot(address, tmp_path / "page.png", awaited="Smart car", height=300, highest=2400)
    image, found = shown.load(tmp_path / "page.png")
    assert found.texts[0].top == 1500
    assert 1510 < image.height < 1600


def test_the_right_of_a_page_can_be_left_out(chromium: Chromium, tmp_path: Path) -> None:
    page = "<body><div style='height: 600px'>Smart car</div><div style='margin-left: 800px'>Elsewhere</div></body>"
    address = "data:text/html;base64," + base64.b64encode(page.encode()).decode()
    options: dict[str, Any] = {"height": 300, "highest": 2400, "width": 1000, "shown_width": 500, "scale": 2}
    chromium.screenshot(address, tmp_path / "page.png", awaited="Smart car", **options)
    image, found = shown.load(tmp_path / "page.png")
    assert image.width == 1000
    assert 2 * 600 < image.height < 2 * 700
    assert found.texts[1].left >= 2 * 800  # laid out for the whole width


def test_a_picture_of_nothing_is_no_picture(
    chromium: Chromium, site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screenshot, "DRAWN_WITHIN_S", 0.5)
    with pytest.raises(PageError, match=r"does not draw in 0\.5 s: the picture '/white\.png'"):
        chromium.screenshot(f"{site}/plain", tmp_path / "page.png", pictures=["/white.png"])
