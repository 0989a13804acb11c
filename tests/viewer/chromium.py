"""A headless Chromium that is asked over a pipe, without another package or an open port."""
from __future__ import annotations

import json
import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Dict, Iterator

import pytest

FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--remote-debugging-pipe",
         "--no-first-run")


class Browser:
    """One page of Chromium, by the DevTools protocol: commands and answers end with a zero byte."""

    def __init__(self, commands: int, answers: BinaryIO) -> None:
        self._commands, self._answers = commands, answers
        self._number, self._rest, self._session = 0, b"", ""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def ask(self, method: str, **params: Any) -> Dict[str, Any]:
        """The result of a command."""
        self._number += 1
        session = {"sessionId": self._session} if self._session else {}
        message = {"id": self._number, "method": method, "params": params, **session}
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                result: Dict[str, Any] = answer["result"]
                return result

    def _next(self) -> Any:
        while b"\0" not in self._rest:
            part = self._answers.read(1 << 16)
            assert part, "Chromium has ended"
            self._rest += part
        message, self._rest = self._rest.split(b"\0", 1)
        return json.loads(message)

    def value(self, script: str) -> Any:
        """What a script gives; of a promise, what it resolves to."""
        found = self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def open(self, path: Path, width: int, height: int) -> None:
        """Shows a file in a window of a size, and waits until it is loaded."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                 mobile=width < 700)
        self.ask("Page.navigate", url=path.as_uri())
        self.value("new Promise(done => { const look = () => document.readyState === 'complete' && "
                   "location.protocol === 'file:' ? setTimeout(done, 100) : setTimeout(look, 20); look(); })")


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """A browser with a new profile; the test is skipped where there is none."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not found:
        pytest.skip("there is no Chromium")
    (commands_out, commands), (answers, answers_in) = os.pipe(), os.pipe()

    def pipes() -> None:
        os.dup2(commands_out, 8)  # out of the way of 3 and 4, which Chromium reads and writes
        os.dup2(answers_in, 9)
        os.dup2(8, 3)
        os.dup2(9, 4)

    process = subprocess.Popen([found, *FLAGS, f"--user-data-dir={profile}"], preexec_fn=pipes, close_fds=False,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(commands_out)
    os.close(answers_in)
    asked = os.fdopen(answers, "rb", buffering=0)
    try:
        yield Browser(commands, asked)
    finally:
        process.kill()
        process.wait()
        os.close(commands)
        asked.close()
