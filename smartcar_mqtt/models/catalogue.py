"""Local models, and the table of published ones, `models/published.yaml`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from smartcar_mqtt.config import PROJECT_ROOT, Section, hint
from smartcar_mqtt.config.file import ConfigError, read_sections
from smartcar_mqtt.paths import expanded
from smartcar_mqtt.untrusted.yaml_text import fitted

FOLDER = PROJECT_ROOT / "models"
"""What comes with the project."""
DOWNLOADED = FOLDER / "downloaded"
"""What `smartcar models fetch` adds to it; not part of the project."""
TABLE = FOLDER / "published.yaml"


class Published(Section, frozen=True):
    """A model that somebody else publishes."""

    title: Annotated[str, Meta(min_length=1)]
    url: Annotated[str, Meta(pattern=r"^https?://\S+\Z")]
    licence: Annotated[str, Meta(min_length=1)]
    """Licence of the file."""
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")] = ""
    """SHA-256 of the file; empty: no trustworthy source states it, so it must be given for the download."""
    size: Annotated[int, Meta(ge=1)] | None = None
    """Length of the file in bytes, where it is known."""
    labels: Annotated[str, Meta(pattern=r"^([\w-]+\.txt)?\Z")] = ""
    """Label file of the folder models/ that belongs to it; empty: it has its labels inside."""
    page: str = ""
    """Web page of the publisher."""


def read_table(path: Path = TABLE) -> dict[str, Published]:
    """The published models by name.

    Raises:
        ConfigError: the table cannot be read; the text says where and why.
    """
    try:
        return msgspec.convert(fitted(read_sections(path), dict[str, Published]), dict[str, Published])
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}") from None


def find_published(name: str, path: Path = TABLE) -> Published:
    """A published model.

    Raises:
        ConfigError: there is none of this name, or the table cannot be read.
    """
    table = read_table(path)
    if name not in table:
        raise ConfigError(f"there is no published model {name!r}{hint(name, table)}")
    return table[name]


def file_of(name: str, folder: Path | None = None) -> Path:
    """Where a published model is put."""
    return (folder or DOWNLOADED) / f"{name}.onnx"


def put_labels(model: Published, target: Path) -> Path | None:
    """Copy a model's label file beside it, where the vision bridge looks for it; None: the model contains its labels.

    Raises:
        OSError: the file cannot be written.
    """
    if not model.labels:
        return None
    beside = target.with_suffix(".txt")
    content = (FOLDER / model.labels).read_bytes()
    if not beside.is_file() or beside.read_bytes() != content:
        part = beside.with_name(f"{beside.name}.part")
        try:
            part.write_bytes(content)
            part.replace(beside)
        except OSError:
            part.unlink(missing_ok=True)
            raise
    return beside


def find_file(named: str) -> Path:
    """A model or label file by its path: as it stands, else below the program's own folder."""
    path = expanded(named, "vision.model")
    return path if path.is_absolute() or path.exists() else PROJECT_ROOT / path


def locate(name: str) -> Path:
    """The file of a model that the configuration names: a path, or the name of one that is in the project's folders.

    A name that is nowhere leads to the place where it would be, so that whoever opens it says what is missing.
    """
    if "/" in name or name.endswith(".onnx"):
        return find_file(name)
    own = FOLDER / f"{name}.onnx"
    downloaded = file_of(name)
    return own if own.exists() or not downloaded.exists() else downloaded
