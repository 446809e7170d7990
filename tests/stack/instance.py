"""A real instance for tests and benches: ``countersign up`` in a process of its own, on a home of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import psutil

from countersign.stack import tether
from countersign.stack.memory import family

SECONDS = 150.0  # a loaded two-core machine, first start


def command(*words: str | Path) -> list[str]:
    """``countersign words…`` as this Python runs it."""
    return [sys.executable, "-m", "countersign.cli", *map(str, words)]


def environment(**settings: str) -> dict[str, str]:
    """This environment without any setting of the product but *settings* (``database_url="…"``)."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COUNTERSIGN_")}
    return {**kept, **{f"COUNTERSIGN_{name.upper()}": value for name, value in settings.items()}}


def call(*words: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end."""
    return subprocess.run(
        command(*words), capture_output=True, text=True, env=environment(**settings), timeout=SECONDS, check=False
    )


class Instance:
    """``with Instance(home) as it: it.url``. It dies with this process, even a killed one."""

    def __init__(self, home: Path, *words: str, wrapper: Sequence[str] = (), **settings: str) -> None:
        self.home = home
        self.words = ["up", "--home", str(home), "--port", "0", *words]
        self.wrapper = list(wrapper)
        self.settings = settings
        self.errors = home.with_name(home.name + ".stderr")
        self.output = home.with_name(home.name + ".stdout")
        self.seconds = 0.0

    def launch(self) -> Self:
        """Starts it and returns at once."""
        tied = [sys.executable, "-I", "-S", tether.__file__, str(os.getpid()), str(int(signal.SIGTERM)), "-1", "-1"]
        with self.errors.open("wb") as errors, self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [*tied, *self.wrapper, *command(*self.words)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                env=environment(**self.settings),
            )
        return self

    def start(self) -> Self:
        """Starts it and waits until it has printed its address. Raises RuntimeError with what it said."""
        begun = time.monotonic()
        self.launch().wait()
        self.seconds = time.monotonic() - begun
        return self

    def wait(self) -> None:
        """Returns once it has printed its address. Raises RuntimeError with what it said."""
        begun = time.monotonic()
        while "\n" not in self.output.read_text():
            if self.process.poll() is not None or time.monotonic() - begun > SECONDS:
                said = self.errors.read_text()
                self.stop()
                raise RuntimeError(f"the instance did not start (exit code {self.process.returncode}):\n{said}")
            time.sleep(0.02)

    def ended(self, timeout: float = SECONDS) -> int:
        """Its exit code, once it ends by itself."""
        return self.process.wait(timeout)

    @property
    def url(self) -> str:
        """Address of the site."""
        return self.output.read_text().splitlines()[0]

    @property
    def said(self) -> str:
        """Standard error so far."""
        return self.errors.read_text()

    def status(self) -> dict[str, Any]:
        """What ``countersign status --json`` prints."""
        return json.loads(call("status", "--json", "--home", self.home).stdout)

    def family(self) -> list[psutil.Process]:
        """The supervisor and every process below it."""
        return family(self.process.pid)

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body of a page."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ends it as Ctrl-C does; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            everyone = self.family()
            for each in everyone:
                each.kill()
            raise RuntimeError(f"the instance did not stop:\n{self.said}") from None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def left(everyone: Sequence[psutil.Process], seconds: float) -> list[str]:
    """Names of those that still live after *seconds*."""
    _, alive = psutil.wait_procs(list(everyone), timeout=seconds)
    return [f"{each.pid} {' '.join(each.cmdline())}" for each in alive if each.status() != psutil.STATUS_ZOMBIE]


@contextmanager
def holding(*, listening: bool = True) -> Iterator[int]:
    """A port that somebody else listens on; or, not *listening*, one where nobody answers and nobody else can begin to."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        if listening:
            taken.listen()
        yield taken.getsockname()[1]
