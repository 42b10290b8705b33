"""Objects that hold native handles refuse every copy; data is copied in every way."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import gc
import io
import multiprocessing
import os
import pickle
import subprocess
import sys
import weakref
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from decimal import Decimal
from functools import partial
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any, Callable

import pytest

import meshbook
import meshbook._native as native
import meshbook.sync
from meshbook import _handles as handles

from helpers import ends_well, quiet, quiet_options


def _holders() -> dict[str, Any]:
    node = quiet()
    book = meshbook.OrderBook()
    waiting = meshbook.sync.ExchangeClient(**quiet_options())
    untyped: Any = native
    found: dict[str, Any] = {
        "client": node,
        "stream": node.events(),
        "book": book,
        "sync client": waiting,
        "sync stream": waiting.events(),
        "native node": node._node,
        "native events": node._node.events(),
        "native book": book._book,
        "native logs": untyped.Logs(),
        "native cancellation": untyped.Cancellation(),
    }
    return found


@pytest.fixture
def holders() -> Iterator[dict[str, Any]]:
    found = _holders()
    yield found
    found["sync client"].close()


def _copies(value: Any) -> dict[str, Callable[[], object]]:
    class Pickler(pickle.Pickler):
        def reducer_override(self, obj: Any) -> Any:
            return NotImplemented

    def by(pickler: Any, protocol: int) -> object:
        return pickler(io.BytesIO(), protocol).dump(value)

    in_python: Any = vars(pickle)["_Pickler"]
    ways: dict[str, Callable[[], object]] = {
        "copy": lambda: copy.copy(value),
        "deepcopy": lambda: copy.deepcopy(value),
        "in a list": lambda: copy.deepcopy([{"of": (value,)}]),
        "reduce": lambda: value.__reduce__(),
        "reduce_ex": lambda: value.__reduce_ex__(4),
        "getstate": lambda: value.__getstate__(),
        "setstate": lambda: value.__setstate__({}),
        "replace": lambda: value.__replace__(),
        "dataclasses.replace": lambda: dataclasses.replace(value),
        "queue": lambda: ForkingPickler.dumps(value),
    }
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        ways[f"pickle {protocol}"] = partial(pickle.dumps, value, protocol)
        ways[f"python pickle {protocol}"] = partial(by, in_python, protocol)
        ways[f"own pickler {protocol}"] = partial(by, Pickler, protocol)
    return ways


def test_every_way_to_copy_a_holder_is_a_type_error_that_says_what_to_do(
    holders: dict[str, Any],
) -> None:
    for name, value in holders.items():
        for way, make in _copies(value).items():
            with pytest.raises(TypeError) as caught:
                make()
            if way != "dataclasses.replace":
                said = str(caught.value)
                kind = type(value).__name__
                assert said.startswith(f"{kind} can't be copied or pickled"), (name, way, said)
                assert len(said.partition(": ")[2]) > 10, said
        assert weakref.ref(value)() is value


def test_all_generated_classes_with_handles_are_guarded() -> None:
    names = {kind.__name__ for kind in handles.handle_classes()}
    assert names == {"Node", "Events", "OrderBook", "Logs", "Cancellation"}
    for kind in handles.handle_classes():
        assert isinstance(vars(kind)["_handle"], handles._HandleField)


COPIES_BY_FORCE = """
import copy, copyreg, gc, os
import meshbook._native as native

def objects():
    book = native.OrderBook("BTC/USD", "5", "5")
    return [book, native.Cancellation(), native.Logs()]

def use(thing):
    try:
        thing._uniffi_clone_handle()
    except TypeError as error:
        assert "can't be copied" in str(error), error
    else:
        raise AssertionError("it was used")

for turn in range(10):
    for real in objects():
        kind = type(real)
        state = dict(vars(real))
        copies = [kind.__new__(kind) for _ in range(4)]
        copies.append(copyreg.__newobj__(kind))
        copies.append(copyreg._reconstructor(kind, object, None))
        for one in copies:
            vars(one).update(state)
            use(one)
        one = kind.__new__(kind)
        vars(one)["_handle"] = 1 << 40
        use(one)
        try:
            real._handle = 1 << 40
        except TypeError:
            pass
        else:
            raise AssertionError("it has another handle")
        real._uniffi_clone_handle
        real.__del__()
        real.__del__()
        use(real)
        del real
        gc.collect()
        # Perhaps at the address of the one that is gone.
        again = kind.__new__(kind)
        vars(again).update(state)
        use(again)
        del again, one, copies
        gc.collect()
print("alive")
"""


def test_copies_that_are_made_by_force_can_not_be_used_and_free_nothing() -> None:
    assert ends_well(COPIES_BY_FORCE, MALLOC_CHECK_="3", MALLOC_PERTURB_="85") == "alive\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_after_a_fork_no_holder_can_be_used_and_none_hangs() -> None:
    ends_well(
        """
import os, sys, warnings, gc, threading
import meshbook, meshbook._native as native
warnings.simplefilter("ignore", DeprecationWarning)
book = meshbook.OrderBook()
logs, cancellation = native.Logs(), native.Cancellation()
over = False
def work():
    # So that its lock is held when the process is forked.
    while not over:
        book.add_order("ann", "buy", 1, 1)
        book.order_book()
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
for turn in range(50):
    child = os.fork()
    if child == 0:
        uses = [
            lambda: book.add_order("ann", "buy", 1, 1), lambda: book.pair, lambda: book.order_count,
            book.order_book, book.trades, lambda: book.cancel_order("a"), book.metrics,
            lambda: logs.wait(0), cancellation.cancel,
        ]
        for number, use in enumerate(uses):
            try:
                use()
            except meshbook.ForkedError as error:
                if error.code == "FORKED" and "fork" in str(error):
                    continue
            os._exit(10 + number)
        del book, logs, cancellation, uses, use
        gc.collect()
        fresh = meshbook.OrderBook()
        fresh.add_order("ann", "buy", 1, 1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, turn
over = True
for thread in threads:
    thread.join()
assert book.order_count > 0
"""
    )


def _echo(value: Any) -> Any:
    return value


def _fails(_: int) -> None:
    raise meshbook.InvalidOrderError("no", "INVALID_ORDER", "amount", "0", "more than 0")


POOL = """
import multiprocessing, sys, warnings
from concurrent.futures import ProcessPoolExecutor
warnings.simplefilter("ignore", DeprecationWarning)
import meshbook

def use(thing):
    return thing.order_count

def global_use(_):
    return book.order_count

def data(order):
    return order

book = meshbook.OrderBook()
order = book.add_order("ann", "buy", "0.00000001", 1).remaining_order
if __name__ == "__main__":
    for how in sys.argv[1:]:
        context = multiprocessing.get_context(how)
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            try:
                pool.submit(use, book).result()
            except TypeError as error:
                assert str(error).startswith("OrderBook can't be copied or pickled"), error
            else:
                raise AssertionError("a book was sent")
            assert pool.submit(data, order).result() == order
            try:
                count = pool.submit(global_use, 0).result()
            except meshbook.ForkedError:
                assert how == "fork"
            else:
                assert (how, count) == ("spawn", 1)
    print("done")
"""


def test_pools_of_processes_carry_data_and_no_holders(tmp_path: Path) -> None:
    file = tmp_path / "pool.py"
    file.write_text(POOL)
    methods = [how for how in multiprocessing.get_all_start_methods() if how != "forkserver"]
    done = subprocess.run(
        [sys.executable, str(file), *methods], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


def _values() -> list[Any]:
    async def story() -> list[Any]:
        async with quiet() as node:
            events = node.events()
            placed = await node.place_sell_order("1.5", 100)
            bought = await node.place_buy_order("0.5", 100)
            seen = [await events.__anext__() for _ in range(3)]
            book = meshbook.OrderBook()
            result = book.add_order("ann", "sell", 1, 1)
            return [
                *[
                    placed,
                    bought,
                    node.order_book(),
                    node.orders(),
                    node.trades(),
                    node.p2p_stats(),
                ],
                *[node.peers(), seen, result, book.best_prices(), book.metrics()],
            ]

    return asyncio.run(story())


def _errors() -> list[Exception]:
    made: list[Exception] = []
    for name in meshbook.__all__:
        kind = getattr(meshbook, name)
        if not (isinstance(kind, type) and issubclass(kind, meshbook.MeshbookError)):
            continue
        if issubclass(kind, meshbook.InvalidValueError):
            made.append(kind("why", "CODE", "field", "value", "allowed"))
        else:
            made.append(kind("why", "CODE"))
    assert len(made) > 10
    kinds: Any = native.MeshbookError
    made.append(kinds.Refused(code="CODE", message="why"))
    made.append(kinds.InvalidValue("CODE", "field", "value", "allowed", "why"))
    return made


def test_data_survives_every_way_to_copy_it() -> None:
    for value in _values():
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            assert pickle.loads(pickle.dumps(value, protocol)) == value
        assert copy.copy(value) == copy.deepcopy(value) == value
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            assert dataclasses.replace(value) == value


def test_errors_survive_every_way_to_copy_them() -> None:
    for error in _errors():
        ways = [copy.copy(error), copy.deepcopy(error)]
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            ways.append(pickle.loads(pickle.dumps(error, protocol)))
        for again in ways:
            assert type(again) is type(error)
            assert str(again) == str(error)
            assert vars(again) == vars(error)


def test_an_error_comes_out_of_a_pool_as_it_is() -> None:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        with pytest.raises(meshbook.InvalidOrderError) as caught:
            pool.submit(_fails, 0).result()
        assert (caught.value.field, caught.value.allowed) == ("amount", "more than 0")
        assert pool.submit(_echo, Decimal("1E-8")).result() == Decimal("1E-8")


def test_holders_that_are_forgotten_in_a_cycle_are_freed() -> None:
    class Cycle:
        pass

    one: Any = Cycle()
    one.book, one.self = meshbook.OrderBook(), one
    gone = weakref.ref(one.book._book)
    del one
    gc.collect()
    assert gone() is None
