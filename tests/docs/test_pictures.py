"""The pictures of the documents show what they are there for; an empty one is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from tests.docs import shown
from tests.docs.required import DOCS, PAGES, PROJECT, pictures, shortcomings_of

ENDINGS = {".png", ".jpg", ".svg"}


@pytest.mark.parametrize("name", pictures())
def test_a_picture_shows_what_it_is_there_for(name: str) -> None:
    assert shortcomings_of(DOCS / name) == []


def test_every_picture_has_something_to_show_and_is_in_a_document() -> None:
    there = sorted(path.name for path in DOCS.iterdir() if path.suffix in ENDINGS)
    assert there == pictures()
    documents = [PROJECT / "README.md", *DOCS.glob("*.md")]
    linked = {
        name for page in documents for name in re.findall(r"!\[.*?\]\((?:docs/)?([\w-]+\.\w+)\)", page.read_text())
    }
    assert linked == set(there)


@pytest.mark.parametrize("name", pictures())
def test_an_empty_picture_is_refused(name: str, tmp_path: Path) -> None:
    """White with a grey side and a line, as the README once had it; said to show all that the right one shows."""
    path = tmp_path / name
    if path.suffix == ".svg":
        path.write_text('<svg xmlns="http://www.w3.org/2000/svg"><rect width="124" height="40"/></svg>')
    else:
        with Image.open(DOCS / name) as right:
            empty = Image.new("RGB", right.size, "white")
        empty.paste((250, 250, 250), (256, 0, empty.width, empty.height))
        empty.paste((224, 224, 224), (255, 0, 256, empty.height))
        if name in PAGES:
            _, places = shown.load(DOCS / name)
            empty.save(tmp_path / "empty.png")
            shown.save((tmp_path / "empty.png").read_bytes(), places, path)
        else:
            empty.save(path)
    sentences = shortcomings_of(path)
    assert sentences
    assert all(re.fullmatch(rf"{re.escape(name)} does not show .*; run: make pictures", line) for line in sentences)


@pytest.mark.parametrize("name", PAGES)
def test_a_picture_that_does_not_say_what_it_shows_is_refused(name: str, tmp_path: Path) -> None:
    with Image.open(DOCS / name) as right:
        right.convert("RGB").save(tmp_path / name)
    assert len(shortcomings_of(tmp_path / name)) == len([*PAGES[name].texts, *PAGES[name].pictures])


def test_a_picture_that_is_missing_is_told(tmp_path: Path) -> None:
    assert shortcomings_of(tmp_path / "faces.png") == ["faces.png is missing; run: make pictures"]
