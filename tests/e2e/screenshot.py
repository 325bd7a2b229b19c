"""Pictures of web pages by Debian's Chromium, headless, over the DevTools protocol.

https://chromedevtools.github.io/devtools-protocol
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from websockets.sync.client import ClientConnection, connect

from tests.e2e.api import HomeAssistantApi
from tests.support.program import Output, Program

# The page is looked at through shadow roots, which Home Assistant is made of. It counts as settled when its visible
# text has not changed for a while (digits do not count: "12 seconds ago" ticks for ever) and its pictures are there.
_WHEN_SETTLED = """
(async ({quiet_ms, awaited, timeout_ms}) => {
  const visibleText = () => {
    const parts = [];
    const visit = (node) => {
      if (node.nodeType === Node.TEXT_NODE) {
        const text = node.textContent.trim();
        if (text) parts.push(text);
        return;
      }
      if (node.nodeType === Node.ELEMENT_NODE) {
        if (["STYLE", "SCRIPT", "TEMPLATE", "NOSCRIPT"].includes(node.nodeName)) return;
        const style = getComputedStyle(node);
        if (style.display === "none" || style.visibility === "hidden") return;
        if (node.nodeName === "IMG" && !node.complete) pending += 1;
      }
      const slotted = node.nodeName === "SLOT" ? node.assignedNodes() : [];
      const children = slotted.length ? slotted : (node.shadowRoot || node).childNodes;
      children.forEach(visit);
    };
    let pending = 0;
    visit(document.body);
    return {text: parts.join("\\n"), pending};
  };
  const deadline = performance.now() + timeout_ms;
  let shape = null, since = performance.now();
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    const {text, pending} = visibleText();
    const now = performance.now(), newShape = text.replace(/\\d+/g, "0") + pending;
    if (newShape !== shape) { shape = newShape; since = now; }
    const complete = text.includes(awaited) && !pending && text.length > 0;
    if (complete && now - since >= quiet_ms) return {settled: true, text};
    if (now > deadline) return {settled: false, text};
  }
})
"""

_QUIET_MS = 1000
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
        height: int = 900,
        scale: float = 1.0,
        dark: bool = False,
        local_storage: Mapping[str, str] | None = None,
        awaited: str = "",
        script: str = "",
        timeout: float = 60.0,
    ) -> str:
        """Write a picture of a page once it has settled, and return its visible text.

        Args:
            url: of the page, on this machine.
            png: file to write.
            width: of the page, in CSS pixels.
            height: of the page, in CSS pixels.
            scale: pixels of the picture for one of the page.
            dark: whether the page is told that the user prefers dark colours.
            local_storage: what the page finds in `localStorage`.
            awaited: text that has to be there before the page counts as settled.
            script: JavaScript run then, such as a click; the page settles again before the picture is taken.
            timeout: seconds for each settling.

        Raises:
            PageError: the page does not load, does not settle, or the script fails.
        """
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        try:
            page = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            metrics = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": False}
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
            text = self._settle(page, url, awaited, timeout)
            if script:
                self._evaluate(page, url, script, timeout)
                text = self._settle(page, url, "", timeout)
            picture = self._call("Page.captureScreenshot", page, format="png")["data"]
            png.write_bytes(base64.b64decode(picture))
            return text
        finally:
            self._call("Target.closeTarget", targetId=target)

    def _settle(self, page: str, url: str, awaited: str, timeout: float) -> str:
        options = {"quiet_ms": _QUIET_MS, "awaited": awaited, "timeout_ms": timeout * 1000}
        outcome = self._evaluate(page, url, f"({_WHEN_SETTLED})({json.dumps(options)})", timeout + 10)
        text: str = outcome["text"]
        if not outcome["settled"]:
            missing = f" and does not show {awaited!r}" if awaited not in text else ""
            raise PageError(f"{url} does not come to rest in {timeout:g} s{missing}; its text:\n{text}")
        return text

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
