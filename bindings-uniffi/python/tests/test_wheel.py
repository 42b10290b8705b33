"""The wheel, where nothing else is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from helpers import PATIENCE, ROOT

SMOKE = """
import asyncio, importlib.metadata, shutil, sys
for tool in ("cargo", "rustc", "cc", "gcc", "clang"):
    assert shutil.which(tool) is None, tool
import meshbook, meshbook.sync
quiet = dict(host="127.0.0.1", port=0, use_well_known_nodes=False, enable_mdns=False,
             enable_grenache=False)

async def main():
    async with meshbook.ExchangeClient(**quiet) as one:
        async with meshbook.ExchangeClient(**quiet, bootstrap_peers=[one.address]) as two:
            sold = await one.place_sell_order("1.5", "50000")
            while not two.order_book().asks:
                await asyncio.sleep(0.01)
            bought = await two.place_buy_order("1.5", "50000")
            assert bought.trades[0].sell_order_id == sold.order_id

asyncio.run(main())
with meshbook.sync.ExchangeClient(**quiet) as node:
    assert node.is_open
assert meshbook.OrderBook().add_order("ann", "buy", 1, 1).remaining_order
print(importlib.metadata.version("meshbook"), sys.prefix)
"""


def wheel() -> Path:
    """The wheel that was built for these tests, or the newest that there is."""
    given = os.environ.get("MESHBOOK_WHEEL")
    if given:
        return Path(given)
    built = (ROOT / "target" / "wheels").glob("meshbook-*.whl")
    return max(built, key=lambda file: file.stat().st_mtime)


def pythons() -> dict[str, str]:
    """This Python, and each other version that the machine has and the package is for."""
    found = {f"3.{sys.version_info[1]}": sys.executable}
    ask = ["-c", "import ensurepip, sys, venv; print(*sys.version_info[:2], sep='.')"]
    kept = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    named = [shutil.which(f"python3.{minor}") for minor in range(9, 20)]
    for python in [*named, *(str(path) for path in sorted(kept.glob("3.*/bin/python")))]:
        if python is None:
            continue
        answer = subprocess.run([python, *ask], capture_output=True, text=True, check=False)
        version = answer.stdout.strip()
        if answer.returncode == 0 and int(version.partition(".")[2]) >= 9:
            found.setdefault(version, python)
    return found


PYTHONS = pythons()


@pytest.mark.parametrize("python", PYTHONS.values(), ids=PYTHONS.keys())
def test_the_wheel_needs_no_compiler_and_nothing_else(tmp_path: Path, python: str) -> None:
    clean = {"PATH": "/nonexistent", "HOME": str(tmp_path)}
    subprocess.run([python, "-m", "venv", str(tmp_path / "venv")], check=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    install = ["-m", "pip", "install", "--quiet", "--no-index", "--disable-pip-version-check"]
    subprocess.run([python, *install, str(wheel())], check=True, env=clean)
    done = subprocess.run(
        [python, "-c", SMOKE],
        env=clean,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stderr) == (0, "")
    version, prefix = done.stdout.split()
    assert prefix == str(tmp_path / "venv")
    manifest = (ROOT / "Cargo.toml").read_text()
    assert f'version = "{version}"' in manifest


def test_the_wheel_is_for_every_python_and_holds_what_it_should() -> None:
    # No part of it is bound to one version of Python: the library is loaded by ctypes.
    assert wheel().name.split("-")[2:4] == ["py3", "none"]
    names = set(zipfile.ZipFile(wheel()).namelist())
    package = Path(__file__).resolve().parents[1] / "src"
    here = {str(file.relative_to(package)) for file in package.rglob("*.py")}
    assert here | {"meshbook/py.typed", "meshbook/_native/meshbook.py"} <= names
    assert not [name for name in names if "test" in name or "__pycache__" in name]
