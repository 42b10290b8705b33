"""`python -m meshbook`."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from meshbook._lines import MAX_WAITING_BYTES, Lines
from meshbook.sync import ExchangeClient

from helpers import PATIENCE, Process, quiet_options, until_now

QUIET = [
    *["--host", "127.0.0.1", "--port", "0", "--well-known", "false"],
    *["--set", "enable_mdns=false", "--set", "enable_grenache=false"],
]


def meshbook(*arguments: str) -> Process:
    return Process(sys.executable, "-m", "meshbook", *arguments)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_runs_a_node_until_a_signal(number: signal.Signals, tmp_path: Path) -> None:
    folder = str(tmp_path / "node")
    with meshbook("run", *QUIET, "--data-dir", folder, "--log-level", "info") as process:
        ready = process.line()
        found = re.fullmatch(
            r"ready node=([0-9a-f]{64}) p2p=(127\.0\.0\.1:\d+) data-dir=(.*)", ready
        )
        assert found, ready
        assert found[3] == folder
        with ExchangeClient(**quiet_options(bootstrap_peers=found[2])) as node:
            until_now(lambda: node.p2p_stats().peers.connected_peers)
            assert node.peers()[0].node_id == found[1]
        process.interrupt(number)
        code, out, err = process.ends()
        assert (code, out) == (0, "")
        assert "INFO meshbook.client.exchange_client: started" in err
        assert "Traceback" not in err


def test_with_json_the_ready_line_is_json() -> None:
    with meshbook("--json", *QUIET) as process:
        ready = json.loads(process.line())
        assert ready["ready"] is True
        assert ready["dataDir"] is None
        assert ready["p2pAddress"].startswith("127.0.0.1:")
        process.interrupt()
        assert process.ends()[0] == 0


def test_it_ends_with_its_parent_where_that_is_asked_for() -> None:
    with meshbook(*QUIET, "--until-stdin-closes") as process:
        assert process.line().startswith("ready ")
        process.say("whatever")
        code, out, err = process.ends()
        assert (code, out) == (0, ""), err


def test_a_mistake_is_one_line_that_names_it() -> None:
    for arguments, code, said in [
        (["--port", "http"], 2, 'error: port "http" is not allowed: '),
        (["--set", "max_order=5"], 2, "error: ExchangeClient has no option 'max_order'"),
        (["--data-dir", "/dev/null/x", *QUIET], 1, "error: cannot "),
        (["--bootstrap", "nowhere"], 2, 'error: bootstrap_peers "nowhere" is not allowed'),
    ]:
        with meshbook(*arguments) as process:
            ended = process.ends()
        assert (ended[0], ended[1]) == (code, ""), ended
        assert ended[2].splitlines()[-1].startswith(said), ended[2]


def test_a_port_in_use_ends_it_with_the_reason() -> None:
    with (
        ExchangeClient(**quiet_options()) as node,
        meshbook(*QUIET, "--port", str(node.port), "--log-level", "error") as process,
    ):
        assert process.ends() == (1, "", f"error: address 127.0.0.1:{node.port} is in use\n")


def test_its_flags_are_those_of_the_command() -> None:
    from helpers import command

    def flags(*program: str) -> set[str]:
        text = subprocess.run([*program, "--help"], check=True, capture_output=True, text=True)
        return set(re.findall(r"^ +(?:-h, )?(--[a-z-]+)", text.stdout, re.MULTILINE))

    here = flags(sys.executable, "-m", "meshbook")
    there = flags(*command("run"))
    of_the_command = [
        "config",
        "control",
        "metrics",
        "metrics-host",
        "metrics-port",
        "log-format",
    ]
    assert there - here == {f"--{name}" for name in of_the_command}
    assert here - there == set()


def _full_pipe() -> tuple[int, int]:
    """A pipe that takes nothing more, as one that nobody reads any longer."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b"x" * 65536)
    except BlockingIOError:
        pass
    os.set_blocking(writer, True)
    return reader, writer


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("unread", [["stderr"], ["stdout"], ["stdout", "stderr"]])
def test_a_signal_ends_it_though_nobody_reads_its_output(
    number: signal.Signals, unread: list[str], tmp_path: Path
) -> None:
    port = _free_port()
    reader, writer = _full_pipe()
    options = [*QUIET, "--port", str(port), "--log-level", "trace"]
    command = [sys.executable, "-m", "meshbook", *options, "--data-dir", str(tmp_path / "node")]
    stdout = writer if "stdout" in unread else subprocess.DEVNULL
    stderr = writer if "stderr" in unread else subprocess.DEVNULL
    with subprocess.Popen(command, stdout=stdout, stderr=stderr) as process:
        try:
            until_now(lambda: _listens(port), "the node")
            process.send_signal(number)
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()
            os.close(reader)
            os.close(writer)


def test_lines_come_in_their_order_and_are_dropped_where_nobody_reads() -> None:
    reader, writer = os.pipe()
    with open(reader, encoding="utf-8") as read, open(writer, "w", encoding="utf-8") as written:
        lines = Lines(written)
        lines.put("first \u202e\udc80")
        assert read.readline() == "first \u202e\\udc80\n"
        more = 2 * MAX_WAITING_BYTES // 100
        for count in range(more):
            lines.put(f"{count:099}")
        # It waits for the reader, and not for ever.
        lines.close(0.05)
        lines.put("too late")
        got: list[str] = []
        reading = threading.Thread(target=lambda: got.extend(read))
        reading.start()
        until_now(lambda: len(got) >= MAX_WAITING_BYTES // 100)
        lines.close(PATIENCE)
        written.close()
        reading.join()
    got = [line for line in got if "dropped" not in line]
    assert got == sorted(set(got))
    assert MAX_WAITING_BYTES // 100 <= len(got) < more


def test_lines_tell_how_many_of_them_are_missing() -> None:
    reader, writer = os.pipe()
    with open(reader, encoding="utf-8") as read, open(writer, "w", encoding="utf-8") as written:
        lines = Lines(written)
        line = "x" * (MAX_WAITING_BYTES // 4)
        for _ in range(20):
            lines.put(line)
        kept = [read.readline() for _ in range(3)]
        assert kept == [f"{line}\n"] * 3
        rest = threading.Thread(target=lambda: kept.extend(read))
        rest.start()
        until_now(lambda: lines._size == 0)
        lines.put("after")
        lines.close(PATIENCE)
        written.close()
        rest.join()
    said = [text for text in kept if "x" not in text]
    assert said.pop() == "after\n"
    notices = [re.fullmatch(r"(\d+) lines were dropped: nobody read them\n", one) for one in said]
    dropped = sum(int(notice[1]) for notice in notices if notice)
    assert dropped > 0
    assert len([text for text in kept if "x" in text]) + dropped == 20


def test_lines_go_nowhere_without_a_reader() -> None:
    Lines(None).put("nobody hears")
    reader, writer = os.pipe()
    with open(writer, "w", encoding="utf-8") as written:
        os.close(reader)
        lines = Lines(written)
        for _ in range(3):
            lines.put("nobody reads")
            lines.close(PATIENCE)
