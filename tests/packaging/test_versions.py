"""The version stands in several places, which agree."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests import release
from xmemcore.protocol.version import VERSION

CHECKOUT = Path(__file__).resolve().parents[2]


def test_changelog_begins_with_the_version_of_the_protocol() -> None:
    release.require_changelog()


def test_every_gizmo_is_saved_by_this_version() -> None:
    gizmos = sorted((CHECKOUT / "gizmos").glob("*.gizmo"))
    assert [path.stem for path in gizmos] == ["XMemPass", "XMemRoto"]
    for path in gizmos:
        assert re.findall(r"^ plugin_version (\S+)$", path.read_text(encoding="utf-8"), re.MULTILINE) == [VERSION], path.name


def test_release_with_another_changelog_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(release, "CHECKOUT", tmp_path)
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## 0.0.1\n")
    with pytest.raises(release.ReleaseRefused, match=f"version is {re.escape(VERSION)}, but the changelog begins with 0.0.1"):
        release.require_changelog()
