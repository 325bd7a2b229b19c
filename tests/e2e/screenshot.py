"""Pictures of web pages by Debian's Chromium, headless, over the DevTools protocol.

https://chromedevtools.github.io/devtools-protocol
"""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from PIL import Image
from websockets.sync.client import ClientConnection, connect

from tests.docs.shown import Place, Shown, missing, save
from tests.e2e.api import HomeAssistantApi
from tests.support.program import Output, Program

# The page is looked at through shadow roots, which Home Assistant is made of. It counts as settled when its visible
# text has not changed for a while (digits do not count: "12 seconds ago" ticks for ever) and its pictures are there.
_LOOK = """
const look = () => {
  const texts = [], pictures = [];
  let pending = 0;
  const visit = (node) => {
    if (node.nodeType === Node.TEXT_NODE) {
      const text = node.textContent.trim().replace(/\\s+/g, " ");
      if (!text) return;
      const range = document.createRange();
      range.selectNodeContents(node);
      const {left, top, width, height} = range.getBoundingClientRect();
      texts.push([text, left, top, width, height]);
      return;
    }
    if (node.nodeType === Node.ELEMENT_NODE) {
      if (["STYLE", "SCRIPT", "TEMPLATE", "NOSCRIPT"].includes(node.nodeName)) return;
      const style = getComputedStyle(node);
      if (style.display === "none" || style.visibility === "hidden") return;
      if (node.nodeName === "IMG") {
        const {left, top, width, height} = node.getBoundingClientRect();
        if (!node.complete) pending += 1;
        else if (node.naturalWidth) {
          const path = new URL(node.currentSrc).pathname.slice(0, 200);
          pictures.push([path, left, top, width, height]);
        }
      }
    }
    const slotted = node.nodeName === "SLOT" ? node.assignedNodes() : [];
    const children = slotted.length ? slotted : (node.shadowRoot || node).childNodes;
    children.forEach(visit);
  };
  visit(document.body);
  return {text: texts.map(([text]) => text).join("\\n"), pending, texts, pictures};
};
"""
_WHEN_SETTLED = (
    "(async ({quiet_ms, awaited, awaited_pictures, timeout_ms}) => {"
    + _LOOK
    + """
  const deadline = performance.now() + timeout_ms;
  let shape = null, since = performance.now();
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    const {text, pending, texts, pictures} = look();
    const now = performance.now();
    const newShape = text.replace(/\\d+/g, "0") + pending + pictures.map(([path]) => path).join();
    if (newShape !== shape) { shape = newShape; since = now; }
    const absent = awaited.filter((part) => !text.includes(part));
    absent.push(...awaited_pictures.filter((part) => !pictures.some(([path]) => path.includes(part))));
    const settled = !absent.length && !pending && text.length > 0 && now - since >= quiet_ms;
    if (settled || now > deadline) return {settled, text, texts, pictures, absent};
  }
})
"""
)

_QUIET_MS = 1000
_MARGIN = 24
"""CSS pixels below the last text or picture of a page whose height is fitted to it."""
DRAWN_WITHIN_S = 20.0
"""The longest wait for a page that has its text to draw it."""
_PAINT_S = 0.2
"""Pause between two looks at a page that has its text but has not drawn it yet."""
_FLAGS = (
    "--headless=new",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-default-apps",
    "--disable-sync",
    "--disable-breakpad",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-pings",
    "--no-proxy-server",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost",  # stays on this machine
    "--remote-debugging-port=0",
)


class ChromiumMissingError(Exception):
    """There is no Chromium on this machine."""


class PageError(Exception):
    """A page did not load, or did not come to show what was awaited."""


class Chromium:
    """A headless browser, for one thread; use it in a `with` statement.

    Raises:
        ChromiumMissingError: none is installed.
        ProgramError: it does not start.
    """

    def __init__(self) -> None:
        program = shutil.which("chromium") or shutil.which("chromium-browser")
        if program is None:
            raise ChromiumMissingError("Chromium is not on the PATH, and browser tests need it: apt install chromium")
        self._last_id = 0
        with ExitStack() as stack:
            profile = tempfile.TemporaryDirectory(prefix="smartcar-chromium-", ignore_cleanup_errors=True)
            folder = stack.enter_context(profile)
            flags = [*_FLAGS, f"--user-data-dir={folder}"]
            if os.geteuid() == 0:
                flags.append("--no-sandbox")  # Chromium's sandbox refuses root
            output = Output()
            environment = {**os.environ, "TMPDIR": folder}  # it leaves files there
            browser = Program("chromium", [program, *flags, "about:blank"], output=output, environment=environment)
            stack.callback(browser.stop)
            address = output.wait(r"DevTools listening on ws://", timeout=60).split()[-1]
            self._connection: ClientConnection = stack.enter_context(connect(address, max_size=None, proxy=None))
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the browser and forget its profile."""
        self._stack.close()

    def screenshot(
        self,
        url: str,
        png: Path,
        *,
        width: int = 1280,
        shown_width: int = 0,
        height: int = 900,
        highest: int = 0,
        scale: float = 1.0,
        dark: bool = False,
        local_storage: Mapping[str, str] | None = None,
        awaited: str | Sequence[str] = (),
        pictures: Sequence[str] = (),
        script: str = "",
        timeout: float = 60.0,
    ) -> str:
        """Write a picture of a page once it has settled, and return its visible text.

        What is awaited must be drawn in it, and the file says what it shows and where (see `tests.docs.shown`).

        Args:
            url: of the page, on this machine.
            png: file to write.
            width: of the page, in CSS pixels.
            shown_width: how much of that the picture has, from the left; 0: all.
            height: of the page, in CSS pixels.
            highest: up to here the picture is higher, where the page has text or pictures there.
            scale: pixels of the picture for one of the page.
            dark: whether the page is told that the user prefers dark colours.
            local_storage: what the page finds in `localStorage`.
            awaited: texts that the picture has to show.
            pictures: parts of the addresses of pictures that it has to show.
            script: JavaScript run when the page has come to rest, such as a click.
            timeout: seconds for each settling.

        Raises:
            PageError: the page does not load, does not settle, does not draw what it has, or the script fails.
        """
        texts = [awaited] if isinstance(awaited, str) else list(awaited)
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        try:
            page = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            # High at first: what is below the edge may not be loaded at all.
            metrics = {"width": width, "height": max(height, highest), "deviceScaleFactor": scale, "mobile": False}
            self._call("Emulation.setDeviceMetricsOverride", page, **metrics)
            scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
            self._call("Emulation.setEmulatedMedia", page, features=[scheme])
            self._call("Page.enable", page)
            items = json.dumps(list((local_storage or {}).items()))
            source = f"for (const [key, value] of {items}) localStorage.setItem(key, value);"
            self._call("Page.addScriptToEvaluateOnNewDocument", page, source=source)
            failed = self._call("Page.navigate", page, url=url).get("errorText")
            if failed:
                raise PageError(f"{url} does not load: {failed}")
            if script:
                self._settle(page, url, [], [], timeout)
                self._evaluate(page, url, script, timeout)
            if highest > height:
                outcome = self._settle(page, url, texts, list(pictures), timeout)
                lowest = max(top + tall for _, _, top, _, tall in outcome["texts"] + outcome["pictures"])
                metrics["height"] = min(highest, max(height, round(lowest) + _MARGIN))
                self._call("Emulation.setDeviceMetricsOverride", page, **metrics)
            shown_part = {"x": 0, "y": 0, "width": shown_width or width, "height": metrics["height"], "scale": 1}
            return self._take(page, url, png, texts, list(pictures), shown_part, scale, timeout)
        finally:
            self._call("Target.closeTarget", targetId=target)

    def _take(
        self,
        page: str,
        url: str,
        png: Path,
        texts: list[str],
        pictures: list[str],
        clip: dict[str, float],
        scale: float,
        timeout: float,
    ) -> str:
        """Take the picture as soon as it has all that is awaited."""
        deadline = None
        while True:
            outcome = self._settle(page, url, texts, pictures, timeout)
            deadline = deadline or time.monotonic() + DRAWN_WITHIN_S
            taken = base64.b64decode(self._call("Page.captureScreenshot", page, format="png", clip=clip)["data"])
            found = (outcome["texts"], outcome["pictures"])
            shown = Shown(*(tuple(scaled(place, scale) for place in places) for places in found))
            with Image.open(io.BytesIO(taken)) as image:
                lost = missing(image, shown, texts=texts or [""], pictures=pictures)  # "": any text at all
            if not lost:
                save(taken, shown, png)
                text: str = outcome["text"]
                return text
            if time.monotonic() > deadline:
                raise PageError(f"{url} has, but does not draw in {DRAWN_WITHIN_S:g} s: {', '.join(lost)}")
            time.sleep(_PAINT_S)

    def _settle(self, page: str, url: str, texts: list[str], pictures: list[str], timeout: float) -> dict[str, Any]:
        options = {
            "quiet_ms": _QUIET_MS,
            "awaited": texts,
            "awaited_pictures": pictures,
            "timeout_ms": timeout * 1000,
        }
        outcome: dict[str, Any] = self._evaluate(page, url, f"({_WHEN_SETTLED})({json.dumps(options)})", timeout + 10)
        if not outcome["settled"]:
            absent = "".join(f" and does not show {part!r}" for part in outcome["absent"])
            raise PageError(f"{url} does not come to rest in {timeout:g} s{absent}; its text:\n{outcome['text']}")
        return outcome

    def _evaluate(self, page: str, url: str, expression: str, timeout: float) -> Any:
        fields = {"expression": expression, "awaitPromise": True, "returnByValue": True}
        outcome = self._call("Runtime.evaluate", page, timeout=timeout, **fields)
        if "exceptionDetails" in outcome:
            details = outcome["exceptionDetails"]
            why = details.get("exception", {}).get("description", details["text"])
            raise PageError(f"a script failed in {url}: {why}")
        return outcome["result"].get("value")

    def _call(self, method: str, page: str | None = None, *, timeout: float = 30.0, **fields: Any) -> dict[str, Any]:
        """The result of one DevTools command, to the browser or to one page (a session of it)."""
        self._last_id += 1
        message = {"id": self._last_id, "method": method, "params": fields}
        if page is not None:
            message["sessionId"] = page
        self._connection.send(json.dumps(message))
        deadline = time.monotonic() + timeout
        while True:
            answer = json.loads(self._connection.recv(timeout=max(0.0, deadline - time.monotonic())))
            if answer.get("id") == self._last_id:
                if "error" in answer:
                    raise PageError(f"{method} failed: {answer['error']['message']}")
                result: dict[str, Any] = answer["result"]
                return result


def scaled(place: Sequence[Any], scale: float) -> Place:
    """A place of a page, in CSS pixels, as a place of its picture."""
    name, *edges = place
    return Place(name, *(round(edge * scale, 1) for edge in edges))


def home_assistant_page(
    browser: Chromium, home_assistant: HomeAssistantApi, path: str, png: Path, **options: Any
) -> str:
    """A picture of one page of Home Assistant, logged in as the owner; see `Chromium.screenshot`.

    Notifications are dismissed first: a fresh Home Assistant may have some that are not about the page.

    Args:
        browser: the browser to look with.
        home_assistant: whose page it is.
        path: of the page, such as `/config/devices/device/<id>` or `/lovelace/0`.
        png: file to write.
        options: those of `Chromium.screenshot`.
    """
    home_assistant.call_service("persistent_notification", "dismiss_all")
    valid_s = 10 * 365 * 86400
    tokens = {
        "access_token": home_assistant.token,
        "token_type": "Bearer",
        "refresh_token": "",
        "expires_in": valid_s,
        "expires": int((time.time() + valid_s) * 1000),
        "hassUrl": home_assistant.url,
        "clientId": f"{home_assistant.url}/",
    }
    storage = {"hassTokens": json.dumps(tokens), "dockedSidebar": '"docked"', **options.pop("local_storage", {})}
    return browser.screenshot(home_assistant.url + path, png, local_storage=storage, **options)
