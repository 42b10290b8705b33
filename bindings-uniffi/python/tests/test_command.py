"""`python -m meshbook`."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from meshbook.sync import ExchangeClient

from helpers import Process, quiet_options, until_now

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
    of_the_command = ["config", "control", "metrics", "metrics-port", "log-format"]
    assert there - here == {f"--{name}" for name in of_the_command}
    assert here - there == set()
