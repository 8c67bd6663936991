"""Which Node.js the browser client is built and tried with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tools import node

if TYPE_CHECKING:
    from pathlib import Path


def installed(folder: Path, said: str, *others: str) -> Path:
    folder.mkdir()
    for name in ("node", *others):
        (folder / name).write_text(f"#!/bin/sh\necho {said}\n")
        (folder / name).chmod(0o755)
    return folder


@pytest.mark.parametrize(
    ("said", "others", "taken"),
    [("v20.0.0", ["npm"], True), ("v24.1.2", ["npm"], True), ("v18.20.4", ["npm"], False), ("v20.0.0", [], False)],
)
def test_that_on_path_is_taken_if_it_is_new_enough_and_has_npm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, others: list[str], taken: bool
) -> None:
    folder = installed(tmp_path / "bin", said, *others)
    monkeypatch.setenv("PATH", f"{folder}:/usr/sbin")
    assert node.on_path() == (folder if taken else None)


def test_none_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert node.on_path() is None
    assert node.version(tmp_path / "node") == 0


def test_what_is_kept_is_not_fetched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "milagro" / "node").mkdir(parents=True)
    bin_folder = installed(tmp_path / "milagro" / "node" / "bin", "v24.0.0", "npm")
    monkeypatch.setenv("PATH", "/usr/sbin")
    node.main()
    assert capsys.readouterr().out == f"{bin_folder}\n"
    installed_old = bin_folder / "node"
    installed_old.write_text("#!/bin/sh\necho v16.0.0\n")
    with pytest.raises(SystemExit, match="older than 20"):
        node.main()
