"""The clean set: every picture listed with its licence, none that is not as listed, and trainings that say what they learned from."""

from __future__ import annotations

import argparse
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.training.made_scene import made_scene
from xmemcore.cli.train import add_arguments
from xmemcore.protocol.failures import RequestError
from xmemcore.training import clean_pictures
from xmemcore.training.clean_pictures import Listed, build, listed, survey
from xmemcore.training.plan_run import _source
from xmemcore.training.recipe import Recipe
from xmemcore.training.rendered import GENERATED, UNSAID, begin_folder, save_scene, scene_path
from xmemcore.training.stills import Stills

CLIPART = clean_pictures.CLIPART


def _package(root: Path) -> None:
    """Lay out drawings and photographs as the packages do."""
    drawing = np.zeros((120, 100, 4), np.uint8)
    cv2.circle(drawing, (50, 60), 35, (30, 60, 200, 255), -1)
    for name, licence in (("animals/cat", "PublicDomain"), ("animals/dog", "by-sa"), ("logos/brand", "PublicDomain")):
        png, svg = (root / "usr/share/openclipart" / kind / f"{name}.{kind}" for kind in ("png", "svg"))
        for path in (png, svg):
            path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(png), drawing)
        author = "<dc:creator><cc:Agent><dc:title>A. Drawer</dc:title></cc:Agent></dc:creator>"
        svg.write_text(f'<svg>{author}<cc:license rdf:resource="http://web.resource.org/cc/{licence}"/></svg>')
    note_text = "Files: *\nCopyright: x\nLicense: GPL-2"
    for name, licence in (("lake", "CC-BY-4.0"), ("hill", "CC-BY-SA-4.0")):
        path = root / "usr/share/backgrounds" / f"{name}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((300, 400, 3), 90, np.uint8))
        note_text += f"\n\nFiles: 16.04/{name}.jpg\nCopyright: A. Taker, 2018\nLicense: {licence}"
    note = root / "usr/share/doc/lomiri-wallpapers-16.04/copyright"
    note.parent.mkdir(parents=True)
    note.write_text(note_text)


def _manifest(path: Path, pictures: list[Listed]) -> Path:
    rows = ["package\tpath\tsha256\tlicence\tauthor", *("\t".join(vars(picture).values()) for picture in pictures)]
    path.write_text("\n".join(rows) + "\n")
    return path


def test_every_listed_picture_has_a_licence_that_permits_any_use() -> None:
    pictures = listed()
    assert Counter(picture.licence for picture in pictures).keys() == {"public domain", "CC-BY-4.0", "CC0-1.0"}
    assert len(pictures) > 2000 and all(re.fullmatch("[0-9a-f]{64}", picture.sha256) and picture.author for picture in pictures)
    folders = {Path(picture.path).relative_to(CLIPART).parts[0] for picture in pictures if picture.package == "openclipart-png"}
    assert folders <= set(clean_pictures.FOLDERS)


def test_a_survey_lists_what_each_pictures_own_words_permit(tmp_path: Path) -> None:
    _package(tmp_path)
    found = list(survey(tmp_path))
    assert [(Path(picture.path).stem, picture.licence) for picture in found] == [("cat", "public domain"), ("lake", "CC-BY-4.0")]
    assert found[0].author == "A. Drawer" and found[1].author == "A. Taker, 2018"


def test_only_files_that_are_as_listed_enter_and_the_set_says_its_terms(tmp_path: Path) -> None:
    _package(tmp_path)
    pictures = list(survey(tmp_path))
    other = replace(pictures[0], path=pictures[0].path.replace("cat", "dog"), sha256="0" * 64)
    manifest = _manifest(tmp_path / "list.tsv", [*pictures, other])
    assert build(tmp_path, tmp_path / "set", manifest) == (2, 1)
    stills = Stills(tmp_path / "set")
    assert stills.terms == clean_pictures.LINE
    cutout = stills.cutout(np.random.default_rng(0))
    # The drawing's own colour inside its mask, something else around it.
    inside = cutout.picture[cutout.mask > 0].astype(int)
    assert np.abs(np.median(inside, axis=0) - (200, 60, 30)).max() <= 3
    assert 0.02 < (cutout.mask > 0).mean() < 0.5


def test_without_the_packages_it_says_which_to_install(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="openclipart-png"):
        build(tmp_path, tmp_path / "set")


@pytest.mark.parametrize(("skins", "works"), [(GENERATED, True), (clean_pictures.LINE, True), (UNSAID, False)])
def test_a_training_on_clean_pictures_says_so_and_takes_no_other_skins(tmp_path: Path, skins: str, works: bool) -> None:
    _package(tmp_path)
    build(tmp_path, tmp_path / "set", _manifest(tmp_path / "list.tsv", list(survey(tmp_path))))
    begin_folder(tmp_path / "scenes", {"skins": skins})
    save_scene(scene_path(tmp_path / "scenes", 0), made_scene(2))
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    chosen = parser.parse_args(["--stills", str(tmp_path / "set"), "--scenes", str(tmp_path / "scenes"), "--out", "x"])
    if works:
        _, terms, name = _source(chosen, Recipe())
        assert (terms, name) == (clean_pictures.LINE, "compact-clean")
    else:
        with pytest.raises(RequestError, match="Render others"):
            _source(chosen, Recipe())


@pytest.mark.parametrize("skins", [UNSAID, clean_pictures.LINE])
def test_generated_pictures_alone_means_generated_skins(tmp_path: Path, skins: str) -> None:
    begin_folder(tmp_path, {"skins": skins})
    save_scene(scene_path(tmp_path, 0), made_scene(2))
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    with pytest.raises(RequestError, match="promises none"):
        _source(parser.parse_args(["--procedural", "--scenes", str(tmp_path), "--out", "x"]), Recipe())
