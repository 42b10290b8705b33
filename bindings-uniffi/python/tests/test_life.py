"""Starting and ending: what is left, what is told, and what happens in between."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import meshbook
import meshbook._native as native

from helpers import (
    Process,
    ends_well,
    our_threads,
    outcome,
    quiet,
    quiet_options,
    run,
    threads,
    until,
    until_now,
)
from test_trading import TRADER


def test_a_second_client_on_a_port_is_told_that_the_port_is_taken() -> None:
    async def story() -> None:
        async with quiet() as first:
            # With nothing kept, with the directory of the port, and with one directory for both.
            cases: list[dict[str, Any]] = [{"data_dir": None}, {}, {"data_dir": "one"}]
            for options in cases:
                with pytest.raises(meshbook.AddressInUseError) as caught:
                    async with quiet(port=first.port, **options):
                        pass
                assert caught.value.code == "EADDRINUSE"
                assert isinstance(caught.value, OSError)
                assert str(caught.value) == f"address 127.0.0.1:{first.port} is in use"
            port = first.port
        second = quiet(port=port)
        third = quiet(port=port)
        outcomes = await asyncio.gather(outcome(second.open()), outcome(third.open()))
        assert sorted(str(type(o).__name__) for o in outcomes) == ["AddressInUseError", "NoneType"]
        opened, refused = (second, third) if second.is_open else (third, second)
        await opened.close()
        # What failed may be tried again.
        await refused.open()
        await refused.close()

    run(story())


def test_a_directory_in_use_is_told_where_it_is_that() -> None:
    async def story() -> None:
        async with quiet(data_dir="one"):
            with pytest.raises(meshbook.StorageError) as caught:
                await quiet(data_dir="one").open()
            assert caught.value.code == "DATA_DIR_IN_USE"
        Path("file").write_text("no folder")
        with pytest.raises(meshbook.StorageError, match="file"):
            await quiet(data_dir="file/node").open()
        with pytest.raises(meshbook.StartError) as refused:
            await quiet(host="203.0.113.1").open()
        assert refused.value.code == "EADDRNOTAVAIL"

    run(story())


def test_calls_before_the_start_and_after_the_end_say_so() -> None:
    async def story() -> None:
        node = quiet()
        with pytest.raises(meshbook.NotRunningError, match=r"open\(\)") as caught:
            await node.place_buy_order(1, 1)
        assert caught.value.code == "NOT_INITIALIZED"
        with pytest.raises(meshbook.NotRunningError):
            node.cancel_order("ab" * 16)
        assert node.order_book().bids == ()
        assert (node.node_id, node.is_open) == (None, False)
        await node.open()
        await node.open()
        placed = await node.place_buy_order(1, 1)
        await node.close()
        await node.close()
        with pytest.raises(meshbook.NotRunningError, match="closed") as caught:
            await node.place_buy_order(1, 1)
        assert caught.value.code == "SHUTTING_DOWN"
        with pytest.raises(meshbook.NotRunningError):
            await node.open()
        assert node.order(placed.order_id) is not None

    run(story())


class Frozen:
    """Another process with an order in the book that answers nothing: an order that meets it
    waits for its answer."""

    def __init__(self, node: meshbook.ExchangeClient) -> None:
        import json

        self.process = Process(sys.executable, "-c", TRADER, json.dumps(quiet_options(node)))
        self.node = node

    async def __aenter__(self) -> Frozen:
        self.process.json()
        self.process.say("sell 1 100")
        self.process.json()
        await until(lambda: self.node.order_book().asks)
        self.process.interrupt(signal.SIGSTOP)
        # Not at once: until all of its threads stand still it might answer.
        stopped = os.waitpid(self.process.popen.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(stopped[1])
        return self

    async def __aexit__(self, *_: object) -> None:
        self.process.__exit__(None, None, None)


def test_closing_ends_the_calls_that_wait_with_an_error() -> None:
    async def story() -> None:
        node = quiet()
        await node.open()
        async with Frozen(node):
            events = node.events()
            placing = asyncio.ensure_future(outcome(node.place_buy_order(1, 100)))
            reading = asyncio.ensure_future(drained(events))
            await until(lambda: node.orders())
            assert not placing.done()
            await node.close()
            error = await placing
            assert isinstance(error, meshbook.NotRunningError)
            assert error.code == "SHUTTING_DOWN"
            # A stream is no call that failed: it ends.
            await reading

    async def drained(events: meshbook.EventStream) -> None:
        async for _ in events:
            pass

    run(story())


def test_closing_ends_a_start_that_is_under_way() -> None:
    async def story() -> None:
        before = threads()
        for turn in range(30):
            node = quiet(data_dir=f"node-{turn % 3}")
            opening = asyncio.ensure_future(outcome(node.open()))
            for _ in range(turn):
                await asyncio.sleep(0)
            await node.close()
            assert isinstance(await opening, (type(None), meshbook.NotRunningError))
            assert not node.is_open
        await until(lambda: threads() <= before, "no thread more")

    if sys.platform.startswith("linux"):
        run(story())


def test_cancelling_a_task_cancels_the_call_and_loses_no_event() -> None:
    async def story() -> None:
        async with quiet() as node, Frozen(node):
            placing = asyncio.ensure_future(node.place_buy_order(1, 100))
            await until(lambda: node.orders())
            placing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await placing
            # The call is gone, and the order is where the documentation says.
            (order,) = node.orders()
            assert order.price == 100

            events = node.events()
            for _ in range(50):
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(events.__anext__(), 0.001)
            placed = await node.place_sell_order(1, 200)
            async for event in events:
                if isinstance(event, meshbook.OrderEvent):
                    assert event.order.id == placed.order_id
                    break
            opening = asyncio.ensure_future(quiet().open())
            await asyncio.sleep(0)
            opening.cancel()
            with pytest.raises(asyncio.CancelledError):
                await opening

    run(story())


def test_calls_that_are_cancelled_leave_nothing_behind() -> None:
    async def story() -> None:
        handles = native.meshbook._UniffiContinuationHandleMap
        async with quiet() as node:
            events = node.events()
            # What was left by the start comes first.
            before = len(handles)
            for _ in range(200):
                task = asyncio.ensure_future(events.__anext__())
                await asyncio.sleep(0)
                task.cancel()
                await outcome(asyncio.wait({task}))
            await until(lambda: len(handles) <= before)

    run(story())


OPENS_AND_CLOSES = """
import asyncio, gc, os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from helpers import connected, quiet, threads, until

def files():
    return len(os.listdir("/proc/self/fd"))

def memory():
    resident = Path("/proc/self/statm").read_text().split()[1]
    return int(resident) * os.sysconf("SC_PAGE_SIZE")

async def once(number):
    async with quiet(data_dir=Path(sys.argv[2])) as node, quiet(node) as peer:
        await connected(peer)
        await node.place_sell_order(1, 100 + number)
        await until(lambda: peer.order_book().asks)

async def story():
    before = threads()
    had = []
    for first, end in (0, 20), (20, 120):
        for number in range(first, end):
            await once(number)
        gc.collect()
        await until(lambda: threads() <= before, "no thread more")
        had.append((files(), memory()))
    print(had[1][0] - had[0][0], had[1][1] - had[0][1])

asyncio.run(story())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_hundred_openings_and_closings_leave_nothing(tmp_path: Path) -> None:
    tests = str(Path(__file__).parent)
    # glibc gives threads places of their own to allocate in; as those fill up it seems to leak.
    printed = ends_well(OPENS_AND_CLOSES, tests, str(tmp_path / "node"), MALLOC_ARENA_MAX="1")
    files, memory = map(int, printed.split())
    assert files <= 0, f"{files} files more"
    assert memory < 3 * 1024 * 1024, f"{memory} bytes more"


FORGETS = """
import asyncio, sys
import meshbook, meshbook.sync
options = dict(host="127.0.0.1", port=0, bootstrap_peers=sys.argv[1:], use_well_known_nodes=False,
               enable_mdns=False, enable_grenache=False)
"""


def _forgetful(body: str) -> None:
    async def story() -> None:
        async with quiet() as node:
            assert node.address is not None
            events = node.events()
            loop = asyncio.get_running_loop()
            ending = loop.run_in_executor(None, ends_well, FORGETS + body, node.address)
            await until(lambda: node.order_book().bids, "its order")
            # Which tells it that its order has come.
            await node.place_sell_order(1, 100)
            await ending
            async for event in events:
                if isinstance(event, meshbook.PeerDisconnectedEvent):
                    break
            # The order of a node that is gone without a goodbye would stand for longer than this.
            await until(lambda: not node.order_book().bids, "a goodbye")

    run(story())


def test_a_script_that_forgets_to_close_ends_by_itself_and_says_goodbye() -> None:
    _forgetful(
        """
async def main():
    node = meshbook.ExchangeClient(**options)
    await node.open()
    await node.place_buy_order(1, 7)
    while not node.order_book().asks:
        await asyncio.sleep(0.01)
    global kept
    kept = node

asyncio.run(main())
"""
    )


def test_a_client_that_nobody_holds_any_more_is_closed_with_a_goodbye() -> None:
    _forgetful(
        """
async def main():
    node = meshbook.ExchangeClient(**options)
    await node.open()
    await node.place_buy_order(1, 7)
    while not node.order_book().asks:
        await asyncio.sleep(0.01)

asyncio.run(main())
"""
    )


def test_a_blocking_script_that_forgets_to_close_ends_by_itself() -> None:
    _forgetful(
        """
import threading
node = meshbook.sync.ExchangeClient(**options)
node.open()
node.place_buy_order(1, 7)
while not node.order_book().asks:
    pass
events = node.events()
# One thread still waits for an event when the end comes.
threading.Thread(target=lambda: [None for event in events], daemon=True).start()
"""
    )


def test_a_script_that_fails_ends_with_its_own_error() -> None:
    script = FORGETS + "node = meshbook.sync.ExchangeClient(**options)\nnode.open()\n1 / 0\n"
    with Process(sys.executable, "-c", script) as process:
        code, _, err = process.ends()
    assert code == 1
    assert err.strip().endswith("ZeroDivisionError: division by zero")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_after_a_fork_every_use_is_refused_with_the_reason() -> None:
    ends_well(
        FORGETS
        + """
import os, warnings, gc
warnings.simplefilter("ignore", DeprecationWarning)
node = meshbook.sync.ExchangeClient(**options)
node.open()
events = node.events()
other = meshbook.ExchangeClient(**options)
child = os.fork()
if child == 0:
    uses = [
        node.order_book, node.close, node.orders, lambda: node.place_buy_order(1, 1),
        lambda: next(events), lambda: node.node_id, other.trades,
        lambda: asyncio.run(other.open()), lambda: meshbook.ExchangeClient(**options),
    ]
    code = 0
    for number, use in enumerate(uses):
        try:
            use()
            print("nothing was said:", number)
            code = 1
        except meshbook.ForkedError as error:
            if error.code != "FORKED" or "fork" not in str(error):
                code = 2
    repr(node)
    # The child lets go of it and ends as usual, without a wait for threads that it hasn't.
    del node, events, other
    gc.collect()
    sys.exit(code)
assert os.waitpid(child, 0)[1] == 0
node.place_buy_order(1, 1)
node.close()
"""
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_process_that_forks_first_may_make_nodes_on_both_sides() -> None:
    ends_well(
        FORGETS
        + """
import os
child = os.fork()
with meshbook.sync.ExchangeClient(**options) as node:
    node.place_buy_order(1, 1)
if child:
    assert os.waitpid(child, 0)[1] == 0
"""
    )


def test_a_client_is_closed_by_the_loop_that_ends_early() -> None:
    # The task is cancelled in the middle of its block, and the block still closes the node.
    async def story() -> None:
        node = quiet()

        async def work() -> None:
            async with node:
                await asyncio.sleep(3600)

        task = asyncio.ensure_future(work())
        await until(lambda: node.is_open)
        task.cancel()
        await outcome(asyncio.wait({task}))
        assert not node.is_open

    run(story())


def test_open_cancelled_when_the_node_is_open_closes_it() -> None:
    async def story() -> None:
        node = quiet()
        task = asyncio.ensure_future(node.open())
        # The loop has no turn, so the task can't know that the node is open.
        await asyncio.sleep(0)
        until_now(lambda: node.is_open)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not node.is_open

    run(story())
    until_now(lambda: not our_threads())


def test_the_log_thread_ends_with_the_last_forgotten_client() -> None:
    async def story() -> None:
        await quiet().open()

    run(story())
    gc.collect()
    until_now(lambda: not our_threads())


def test_a_client_may_be_closed_from_another_thread() -> None:
    async def story() -> None:
        node = quiet()
        await node.open()
        thread = threading.Thread(target=lambda: asyncio.run(node.close()))
        thread.start()
        await until(lambda: not node.is_open)
        await asyncio.get_running_loop().run_in_executor(None, thread.join)

    run(story())
    until_now(lambda: not our_threads())
