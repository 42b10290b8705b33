"""What the tests share: clients that nobody finds, waiting for conditions, and other processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Callable, Optional, TypeVar

import meshbook

T = TypeVar("T")

#: How long a condition may take on a busy machine.
PATIENCE = 60.0

ROOT = Path(__file__).resolve().parents[3]


def quiet(*peers: meshbook.ExchangeClient, **options: Any) -> meshbook.ExchangeClient:
    """A client on a free port of the loopback, which dials these peers and finds no others."""
    return meshbook.ExchangeClient(**quiet_options(*peers, **options))


def quiet_options(*peers: meshbook.ExchangeClient, **options: Any) -> meshbook.Options:
    addresses = [peer.address for peer in peers if peer.address]
    usual: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": 0,
        "use_well_known_nodes": False,
        "enable_mdns": False,
        "enable_grenache": False,
        "bootstrap_peers": addresses,
    }
    usual.update(options)
    return usual  # type: ignore[return-value]


def run(job: Coroutine[Any, Any, T]) -> T:
    """Runs the job on a loop of its own, and not for ever."""

    async def bounded() -> T:
        return await asyncio.wait_for(job, 2 * PATIENCE)

    return asyncio.run(bounded())


async def until(condition: Callable[[], Optional[T]], what: str = "") -> T:
    """Waits until the condition holds, and gives what it is then."""
    end = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"never came: {what or condition}"
        await asyncio.sleep(0.01)


def until_now(condition: Callable[[], Optional[T]], what: str = "") -> T:
    """The same without a loop."""
    end = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"never came: {what or condition}"
        time.sleep(0.01)


def threads() -> int:
    """All threads of this process, the package's native ones among them."""
    return len(os.listdir("/proc/self/task"))


def our_threads() -> list[str]:
    """The package's own Python threads that run."""
    return [one.name for one in threading.enumerate() if one.name.startswith("meshbook")]


async def connected(*clients: meshbook.ExchangeClient) -> None:
    """Waits until each has a peer."""
    for client in clients:
        await until(lambda c=client: c.p2p_stats().peers.connected_peers, "a peer")  # type: ignore[misc]


def ends_well(script: str, *arguments: str, timeout: float = PATIENCE, **env: str) -> str:
    """Runs a Python script to its end, which must be without a word on stderr; what it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, **env},
    )
    assert (done.returncode, done.stderr) == (0, ""), f"{done.returncode}: {done.stderr}"
    return done.stdout


def _hears_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Process:
    """Another process, which ends with its block."""

    def __init__(self, *command: str, **env: str) -> None:
        self.popen = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **env},
            # Whoever runs the tests in the background has it ignored, and children with it.
            preexec_fn=_hears_interrupts,
        )

    def line(self) -> str:
        """The next line that it prints. One that prints none in time is ended."""
        assert self.popen.stdout
        ending = threading.Timer(PATIENCE, self.popen.kill)
        ending.start()
        try:
            line = self.popen.stdout.readline()
        finally:
            ending.cancel()
            ending.join()
        assert line, f"it ended: {self.popen.communicate(timeout=PATIENCE)}"
        return line.strip()

    def json(self) -> Any:
        return json.loads(self.line())

    def say(self, line: str) -> None:
        assert self.popen.stdin
        self.popen.stdin.write(line + "\n")
        self.popen.stdin.flush()

    def ends(self) -> tuple[int, str, str]:
        out, err = self.popen.communicate(timeout=PATIENCE)
        return self.popen.returncode, out, err

    def interrupt(self, number: int = signal.SIGINT) -> None:
        self.popen.send_signal(number)

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.send_signal(signal.SIGCONT)
        self.popen.communicate()


def command(*arguments: str) -> list[str]:
    """The command `meshbook`, built beside the package."""
    binary = os.environ.get("MESHBOOK_BIN") or str(ROOT / "target/debug/meshbook")
    return [binary, *arguments]


def load(*arguments: str) -> list[str]:
    """The Rust program that places orders at a rate."""
    binary = Path(command()[0]).parent / "examples/load"
    return [str(binary), *arguments]


async def outcome(job: Awaitable[T]) -> Any:
    """What the job gives, or what it raises."""
    try:
        return await job
    except Exception as error:
        return error
