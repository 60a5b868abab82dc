"""Headless Chromium driven through its debugging pipe: open, press, look, and what it asked whom for."""

import base64
import fcntl
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
KEYS = {"Enter": 13, "Tab": 9, "Escape": 27, "ArrowDown": 40, "ArrowUp": 38, "ArrowRight": 39, "Home": 36, "End": 35}


class Chromium:
    """One page. ``requests``: every address it asked for; ``complaints``: what its console said was wrong."""

    def __init__(self, profile: Path, width: int = 1366, height: int = 768, mobile: bool = False) -> None:
        if not CHROMIUM:
            if os.environ.get("CI"):
                pytest.fail("no Chromium (package chromium)")
            pytest.skip("no Chromium (package chromium)")
        to_page, from_page = os.pipe(), os.pipe()
        theirs = [fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in (to_page[0], from_page[1])]

        def doors() -> None:
            os.dup2(theirs[0], 3)
            os.dup2(theirs[1], 4)

        self.process = subprocess.Popen(
            [
                CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-quic",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                f"--user-data-dir={profile}", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
                "--remote-debugging-pipe", f"--window-size={width},{height}", "about:blank",
            ],
            preexec_fn=doors, pass_fds=(3, 4), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        for fd in (*theirs, to_page[0], from_page[1]):
            os.close(fd)
        self._to, self._from = to_page[1], from_page[0]
        os.set_blocking(self._from, False)
        self._rest, self._number, self._session = b"", 0, None
        self.requests: list[str] = []
        self.complaints: list[str] = []
        pages = self("Target.getTargets")["targetInfos"]
        target = next(t["targetId"] for t in pages if t["type"] == "page")
        self._session = self("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self(f"{domain}.enable")
        self("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)

    def __enter__(self) -> "Chromium":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.process.terminate()
        self.process.wait(10)
        os.close(self._to)
        os.close(self._from)

    def __call__(self, method: str, **params: Any) -> Any:
        """One command of the DevTools protocol, and its answer."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + 60
        while time.monotonic() < until:
            for answer in self._read():
                if answer.get("id") == self._number:
                    assert "error" not in answer, answer
                    return answer["result"]
            time.sleep(0.005)
        raise TimeoutError(method)

    def _read(self) -> list[dict[str, Any]]:
        try:
            self._rest += os.read(self._from, 1 << 22)
        except BlockingIOError:
            return []
        *whole, self._rest = self._rest.split(b"\0")
        messages = [json.loads(part) for part in whole]
        for message in messages:
            self._note(message.get("method", ""), message.get("params", {}))
        return messages

    def _note(self, method: str, params: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.complaints.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(params["exceptionDetails"])[:600])

    def cookie(self, url: str, name: str, value: str) -> None:
        self("Network.setCookie", url=url, name=name, value=value, httpOnly=True)

    def open(self, url: str) -> None:
        self("Page.navigate", url=url)

    def run(self, script: str) -> Any:
        """The value of an expression in the page (a promise is waited for)."""
        answer = self("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, script: str, seconds: float = 20.0) -> None:
        """Until an expression is true."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            value = self.run(f"!!({script})")
            if value:
                return
            time.sleep(0.05)
        raise TimeoutError(f"{script}; complaints: {self.complaints}")

    def press(self, key: str, *, shift: bool = False) -> None:
        code = KEYS.get(key, 0)
        more = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            self(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code,
                modifiers=8 if shift else 0, **(more if kind == "keyDown" else {}),
            )  # fmt: skip

    def picture(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self("Page.captureScreenshot", format="png")["data"]))
