"""What type checkers and older Pythons say of the package."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import meshbook

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent / "pyproject.toml"
PACKAGE = Path(meshbook.__file__).parent

#: A user's program, with what should be seen of its types.
PROGRAM = """
import asyncio
from decimal import Decimal
from typing import List, Optional

import meshbook.sync
from meshbook import ExchangeClient, MeshbookError, Options, Order, OrderEvent, Side, TradeEvent

OPTIONS: Options = {"pair": "BTC/USD", "port": 0, "enable_mdns": False}

async def main() -> Optional[Decimal]:
    async with ExchangeClient(**OPTIONS) as node:
        placed = await node.place_order(Side.BUY, Decimal(1), "50000", time_in_force="gtc")
        orders: List[Order] = node.orders()
        if placed.remaining_order is not None:
            orders.append(placed.remaining_order)
        async for event in node.events():
            if isinstance(event, TradeEvent):
                amount: Decimal = event.trade.amount
                print(amount)
            elif isinstance(event, OrderEvent):
                print(event.order.status.value)
        async for past in node.history(own=True):
            print(past.trade.price)
        return node.order_book().spread

def plain() -> int:
    with meshbook.sync.ExchangeClient(port=0) as node:
        for event in node.events(timeout=1.0):
            print(event.type)
        return node.port

try:
    asyncio.run(main())
except MeshbookError as error:
    code: str = error.code
"""

#: Lines that a checker must refuse, each for itself.
MISTAKES = [
    "ExchangeClient(prot=1)",
    "ExchangeClient(port=[])",
    "node.place_buy_order(0.5, 1)",
    "node.order_book().bids.append(1)",
    "x: int = node.orders()[0].amount",
    "node.orders()[0].amount = 1",
]


def checked(program: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    beside = Path(sys.executable).parent
    return subprocess.run(
        [str(beside / program), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": f"{beside}{os.pathsep}{os.environ['PATH']}"},
    )


def pyright(
    folder: Path, *include: str, ignore: str = "nothing"
) -> subprocess.CompletedProcess[str]:
    config = {
        "include": list(include),
        "ignore": [ignore],
        "pythonVersion": "3.9",
        "typeCheckingMode": "strict",
        "venvPath": str(Path(sys.prefix).parent),
        "venv": Path(sys.prefix).name,
    }
    (folder / "pyrightconfig.json").write_text(json.dumps(config))
    return checked("pyright", folder=folder)


def mypy(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return checked("mypy", "--config-file", str(PROJECT), *arguments, folder=folder)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The package as it is installed, where checkers take it for source."""
    shutil.copytree(PACKAGE, tmp_path / "meshbook")
    return tmp_path


def test_the_package_passes_mypy_in_strict_mode(source: Path) -> None:
    done = mypy(source, "-p", "meshbook")
    assert done.returncode == 0, done.stdout


def test_the_package_passes_pyright_in_strict_mode(source: Path) -> None:
    done = pyright(source, "meshbook", ignore="meshbook/_native")
    assert done.returncode == 0, done.stdout


def test_every_public_name_has_a_complete_type(tmp_path: Path) -> None:
    done = checked("pyright", "--verifytypes", "meshbook", "--ignoreexternal", folder=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "Type completeness score: 100%" in done.stdout


def test_a_program_passes_both_checkers_and_a_mistake_neither(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    assert (done := mypy(tmp_path, "program.py")).returncode == 0, done.stdout
    assert (done := pyright(tmp_path, "program.py")).returncode == 0, done.stdout
    head = "from meshbook import ExchangeClient\nasync def f(node: ExchangeClient) -> None:\n"
    wrong = head + "".join(f"    {line}\n" for line in MISTAKES)
    (tmp_path / "program.py").write_text(wrong)
    for done in (mypy(tmp_path, "program.py"), pyright(tmp_path, "program.py")):
        for number in range(3, 3 + len(MISTAKES)):
            assert f"program.py:{number}:" in done.stdout, (number, done.stdout)


def test_the_tests_pass_mypy() -> None:
    # They compare decimals with whole numbers within tuples.
    done = mypy(HERE, "--no-strict-equality", ".")
    assert done.returncode == 0, done.stdout


def test_all_of_it_is_python_3_9() -> None:
    files = [*PACKAGE.rglob("*.py"), *HERE.glob("*.py")]
    assert len(files) > 25
    for file in files:
        ast.parse(file.read_text(), feature_version=(3, 9))
    done = checked(
        *["vermin", "--target=3.9-", "--no-tips", "--violations", "--eval-annotations"],
        *["--backport", "typing_extensions", "--exclude", "typing.Self"],
        *["--exclude", "typing.Unpack", str(PACKAGE)],
        folder=HERE,
    )
    assert done.returncode == 0, done.stdout


def test_the_style_is_that_of_ruff() -> None:
    for what in (["check"], ["format", "--check"]):
        done = checked("ruff", *what, str(HERE.parent), folder=HERE)
        assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_but_the_standard_library_is_needed(tmp_path: Path) -> None:
    names = set()
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names.add(node.module.partition(".")[0])
    # For type checkers and where it is installed.
    assert names - set(sys.stdlib_module_names) == {"pandas", "typing_extensions"}
    assert importlib.util.find_spec("meshbook.py") is None
    assert (PACKAGE / "py.typed").exists()
