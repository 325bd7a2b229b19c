"""What a wheel contains: each file of a package that is not Python is named in setup.cfg, else it stays behind."""

from __future__ import annotations

import configparser
import shutil
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
PACKAGES = ("smartcar_mqtt", "bridges")


def left_behind(project: Path) -> set[str]:
    """The files of all packages that no line of `package_data` names."""
    setup = configparser.ConfigParser()
    setup.read(project / "setup.cfg")
    folders = {initial.parent for package in PACKAGES for initial in (project / package).rglob("__init__.py")}
    named: set[Path] = set()
    for package, patterns in setup["options.package_data"].items():
        for folder in folders if package == "*" else {project / package.replace(".", "/")}:
            named.update(file for pattern in patterns.split(",") for file in folder.glob(pattern.strip()))
    there = {file for package in PACKAGES for file in (project / package).rglob("*") if file.is_file()}
    python = {file for file in there if file.suffix in {".py", ".pyc"}}
    return {str(file.relative_to(project)) for file in there - python - named}


def test_no_file_of_a_package_stays_behind() -> None:
    assert left_behind(PROJECT) == set()


def test_a_bridge_may_bring_data_in_a_folder_of_that_name(tmp_path: Path) -> None:
    shutil.copy(PROJECT / "setup.cfg", tmp_path)
    bridge = tmp_path / "bridges/lamp"
    (bridge / "data").mkdir(parents=True)
    (bridge / "__init__.py").touch()
    for file in ("data/simulated.txt", "elsewhere.txt"):
        (bridge / file).touch()
    assert left_behind(tmp_path) == {"bridges/lamp/elsewhere.txt"}
