"""The documentation: what it shows is run, and the reference is made from the package."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from test_examples import ALONE
from test_types import checked

import meshbook
import meshbook._native as native

from helpers import ROOT, Process

PAGE = (ROOT / "docs" / "python.md").read_text()
PYTHON = {
    found[1]: found[0] for found in re.findall(r"```python\n(# (\S+\.py)\n.*?)```", PAGE, re.DOTALL)
}
CONSOLE: list[str] = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """The page's programs as files, on ports that are free."""
    ports = {"3000": str(free_port()), "3001": str(free_port())}
    for name, text in PYTHON.items():
        (tmp_path / name).write_text(re.sub("300[01]", lambda port: ports[port[0]], text))
    return tmp_path


def shown(program: str) -> list[str]:
    """What the page says that a program prints."""
    for block in CONSOLE:
        first, *lines = block.splitlines()
        if first == f"$ python {program}":
            return list(lines)
    raise AssertionError(f"the page does not run {program}")


def printed(program: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, str(program)], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_the_first_trade_is_made_as_the_page_says(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ALONE.items():
        monkeypatch.setenv(name, value)
    with Process(sys.executable, str(programs / "seller.py")) as seller:
        offered = seller.line()
        assert re.fullmatch(r"offered [0-9a-f]{32}", offered)
        assert printed(programs / "buyer.py") == shown("buyer.py")
        code, out, err = seller.ends()
        assert (code, err) == (0, "")
        assert re.fullmatch(r"offered [0-9a-f]{32}", shown("seller.py")[0])
        assert out.splitlines() == shown("seller.py")[1:]
    kept = [path.name for path in programs.iterdir() if path.name.startswith(".meshbook-")]
    assert len(kept) == 2


def test_the_other_programs_of_the_page_print_what_it_says(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ALONE.items():
        monkeypatch.setenv(name, value)
    assert set(PYTHON) == {"seller.py", "buyer.py", "plain.py", "options.py", "book.py"}
    for name in ("options.py", "book.py"):
        assert printed(programs / name) == shown(name)
    assert printed(programs / "plain.py")[0] == "1 left"


def test_the_other_commands_of_the_page_work() -> None:
    (install,) = (block for block in CONSOLE if "pip install" in block)
    *_, command, answer = install.splitlines()
    code = command.removeprefix('$ python -c "').removesuffix('"')
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == answer
    folder = re.search(r"pip install (\S+)", install)
    assert folder
    assert (ROOT / folder[1] / "pyproject.toml").exists()
    (node,) = (block for block in CONSOLE if "-m meshbook" in block)
    words = node.splitlines()[0].split()[2:]
    words[words.index("3000")] = "0"
    with Process(sys.executable, *words, **ALONE) as process:
        assert re.match(r"ready node=[0-9a-f]+ p2p=[0-9.:]+ data-dir=none", process.line())
        process.interrupt()
        assert process.ends()[0] == 0


def test_the_page_names_every_exception_event_and_code() -> None:
    errors = [name for name in meshbook.__all__ if name.endswith("Error")]
    events = [name for name in meshbook.__all__ if name.endswith("Event") and name != "Event"]
    for name in [*errors, *events]:
        assert f"`{name}`" in PAGE, name
    code = re.compile(r'=> "([A-Z][A-Z_]{5,})",')
    for file in ("client/error", "node/io", "storage/error"):
        found = code.findall((ROOT / f"node-core/src/{file}.rs").read_text())
        assert found, file
        for name in found:
            # What no caller of this package can meet.
            if name not in ("UNKNOWN_ORDER", "ORDER_CLOSED", "JOURNAL_CLOSED"):
                assert f"`{name}`" in PAGE, name


def test_the_reference_is_made_from_the_package() -> None:
    folder = ROOT / "target" / "doc-python"
    done = checked(
        *["pdoc", "meshbook", "meshbook.sync", "--output-directory", str(folder)],
        folder=ROOT / "target",
    )
    assert (done.returncode, done.stderr) == (0, "")
    page = (folder / "meshbook.html").read_text()
    for name in meshbook.__all__:
        assert f'id="{name}"' in page, name
    assert 'id="ExchangeClient"' in (folder / "meshbook" / "sync.html").read_text()


def test_everything_public_says_what_it_is() -> None:
    for name in meshbook.__all__:
        thing = getattr(meshbook, name)
        if not isinstance(thing, type):
            continue
        assert thing.__doc__, name
        for member, value in vars(thing).items():
            if not member.startswith("_") and callable(value) and hasattr(value, "__code__"):
                assert value.__doc__, f"{name}.{member}"


def test_every_variable_of_the_options_is_one_of_the_library() -> None:
    source = Path(meshbook.__file__).with_name("_options.py").read_text()
    class_text = source[source.index("class Options") : source.index("def _text")]
    named = set(re.findall(r"`([A-Z][A-Z0-9_]{4,})`", class_text))
    assert named <= set(native.variables())
    assert len(named) == len(meshbook.Options.__annotations__)
