"""What every test here has: no settings of the machine, and a folder of its own to stand in."""

from __future__ import annotations

from pathlib import Path

import pytest

import meshbook._native as native


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in native.variables():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
