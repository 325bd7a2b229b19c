"""Downloads from a real HTTP server on this machine: interrupted, wrong, refused, and what they leave behind."""

from __future__ import annotations

import fcntl
import hashlib
import random
import resource
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from smartcar_mqtt.config.file import ConfigError
from smartcar_mqtt.models import download as downloads
from smartcar_mqtt.models.catalogue import DOWNLOADED, FOLDER, file_of, find_published, locate, put_labels, read_table
from smartcar_mqtt.models.download import DownloadError, download
from tests.support.file_server import FileServer

CONTENT = random.Random(1).randbytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer(CONTENT) as running:
        yield running


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "models/net.onnx"


def fetch(server: FileServer, target: Path, *, sha256: str = SHA256, size: int | None = len(CONTENT)) -> list[int]:
    """Download; how far it said that it was."""
    told: list[int] = []
    download(server.url, target, sha256=sha256, size=size, progress=lambda done, _total: told.append(done), timeout_s=5)
    return told


def refused(server: FileServer, target: Path, **options: object) -> str:
    """The one sentence with which a download ends."""
    with pytest.raises(DownloadError) as caught:
        fetch(server, target, **options)  # type: ignore[arg-type]
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


def left_behind(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir())


def part_of(target: Path) -> Path:
    return target.with_name(target.name + ".part")


class TestArrives:
    def test_a_file_comes_whole_and_alone(self, server: FileServer, target: Path) -> None:
        told = fetch(server, target)
        assert target.read_bytes() == CONTENT
        assert left_behind(target) == ["net.onnx"]
        assert told == sorted(told)
        assert told[-1] == len(CONTENT)
        assert server.asked == [""]

    def test_what_is_here_already_is_not_asked_for_again(self, server: FileServer, target: Path) -> None:
        assert download(server.url, target, sha256=SHA256, size=len(CONTENT)) is True
        assert download(server.url, target, sha256=SHA256, size=len(CONTENT)) is False
        assert len(server.asked) == 1

    def test_a_damaged_file_is_replaced(self, server: FileServer, target: Path) -> None:
        target.parent.mkdir()
        target.write_bytes(bytes(len(CONTENT)))
        fetch(server, target)
        assert target.read_bytes() == CONTENT

    def test_it_may_be_at_another_place_by_now(self, server: FileServer, target: Path) -> None:
        server.redirect = True
        server.breaks_after = [100_000]
        fetch(server, target)
        assert target.read_bytes() == CONTENT
        assert server.asked == ["", "bytes=100000-"]

    def test_a_server_that_does_not_tell_the_length(self, server: FileServer, target: Path) -> None:
        server.length = -1
        fetch(server, target)
        assert target.read_bytes() == CONTENT


class TestInterrupted:
    def test_it_goes_on_where_it_broke(self, server: FileServer, target: Path) -> None:
        server.breaks_after = [100_000, 50_000]
        told = fetch(server, target)
        assert target.read_bytes() == CONTENT
        assert server.asked == ["", "bytes=100000-", "bytes=150000-"]
        assert told == sorted(told)

    def test_a_later_run_goes_on_too(self, server: FileServer, target: Path) -> None:
        server.breaks_after = [100_000, 0, 0, 0]
        sentence = refused(server, target)
        assert "100000 of 300000 bytes are kept, run it again to go on" in sentence
        assert left_behind(target) == ["net.onnx.part"]
        fetch(server, target)
        assert server.asked[-1] == "bytes=100000-"
        assert target.read_bytes() == CONTENT
        assert left_behind(target) == ["net.onnx"]

    def test_a_server_without_ranges_begins_again(self, server: FileServer, target: Path) -> None:
        server.ranges = False
        server.breaks_after = [200_000, 100_000]
        fetch(server, target)
        assert target.read_bytes() == CONTENT
        assert len(server.asked) == 3

    def test_a_server_that_sends_another_part_is_not_believed(self, server: FileServer, target: Path) -> None:
        server.shift = 5
        server.breaks_after = [100_000]
        fetch(server, target)
        assert target.read_bytes() == CONTENT
        assert server.asked == ["", "bytes=100000-", ""]

    @pytest.mark.parametrize("kept", [len(CONTENT), len(CONTENT) + 5])
    def test_a_part_that_is_complete_or_too_long(self, server: FileServer, target: Path, kept: int) -> None:
        target.parent.mkdir()
        part_of(target).write_bytes((CONTENT + b"extra")[:kept])
        fetch(server, target)
        assert target.read_bytes() == CONTENT
        assert len(server.asked) == (0 if kept == len(CONTENT) else 1)

    def test_a_part_of_something_else_ends_as_a_wrong_checksum_and_then_begins_anew(
        self, server: FileServer, target: Path
    ) -> None:
        target.parent.mkdir()
        part_of(target).write_bytes(bytes(1000))
        assert "another checksum" in refused(server, target)
        assert left_behind(target) == []
        fetch(server, target)
        assert target.read_bytes() == CONTENT

    def test_a_server_error_is_tried_again(self, server: FileServer, target: Path) -> None:
        server.answers = [503, 500]
        fetch(server, target)
        assert target.read_bytes() == CONTENT


class TestFails:
    """One sentence, and nothing left that could be taken for the file."""

    def test_a_wrong_checksum(self, server: FileServer, target: Path) -> None:
        sentence = refused(server, target, sha256="0" * 64)
        assert "another checksum than expected" in sentence
        assert left_behind(target) == []

    def test_a_wrong_checksum_leaves_the_file_that_was_there(self, server: FileServer, target: Path) -> None:
        target.parent.mkdir()
        target.write_bytes(b"the old one")
        refused(server, target, sha256="0" * 64)
        assert target.read_bytes() == b"the old one"

    @pytest.mark.parametrize("size", [len(CONTENT) - 1, len(CONTENT) + 1])
    def test_a_file_of_another_length(self, server: FileServer, target: Path, size: int) -> None:
        assert "it has changed there" in refused(server, target, size=size)
        assert left_behind(target) == []

    def test_a_file_that_does_not_end(self, server: FileServer, target: Path) -> None:
        server.length = -1
        assert "longer than the 1000 bytes" in refused(server, target, size=1000)
        assert left_behind(target) == []

    @pytest.mark.parametrize("code", [400, 401, 403, 404, 410, 429])
    def test_a_file_that_is_not_there(self, server: FileServer, target: Path, code: int) -> None:
        server.answers = [code]
        assert f"the server answers {code}" in refused(server, target)
        assert server.asked == [""]
        assert left_behind(target) == []

    def test_a_server_that_stays_broken(self, server: FileServer, target: Path) -> None:
        server.answers = [500] * 9
        assert "the server answers 500" in refused(server, target)
        assert len(server.asked) == downloads.ATTEMPTS
        assert left_behind(target) == []

    def test_a_server_that_says_nothing(self, server: FileServer, target: Path) -> None:
        server.silent = True
        with pytest.raises(DownloadError, match="timed out"):
            download(server.url, target, sha256=SHA256, size=len(CONTENT), timeout_s=0.2)

    def test_no_server_at_all(self, target: Path) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
        with pytest.raises(DownloadError, match="cannot be reached: Connection refused"):
            download(f"http://127.0.0.1:{port}/x", target, sha256=SHA256, size=5)

    def test_something_that_speaks_no_http(self, target: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(5)

            def greet() -> None:
                for _ in range(downloads.ATTEMPTS):
                    caller, _ = listener.accept()
                    with caller:
                        caller.recv(4096)
                        caller.sendall(b"220 mail.example ESMTP\r\n")

            greeter = threading.Thread(target=greet)
            greeter.start()
            with pytest.raises(DownloadError, match="the connection broke: 220 mail"):
                download(f"http://127.0.0.1:{listener.getsockname()[1]}/x", target, sha256=SHA256, size=5, timeout_s=5)
            greeter.join(5)

    def test_a_folder_that_cannot_be_made(self, server: FileServer, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("no folder")
        sentence = refused(server, tmp_path / "file/net.onnx")
        assert sentence == f"{tmp_path / 'file'}: cannot be written: File exists"

    def test_a_target_that_is_a_folder(self, server: FileServer, target: Path) -> None:
        target.mkdir(parents=True)
        assert "cannot be written" in refused(server, target)

    def test_a_disk_that_takes_no_more(self, server: FileServer, target: Path) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
        try:
            assert "cannot be written: File too large" in refused(server, target)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        fetch(server, target)
        assert target.read_bytes() == CONTENT
        assert server.asked == ["", "bytes=100000-"]

    @pytest.mark.parametrize("room", [0, 1, 65_536])
    def test_a_full_disk_leaves_the_part_that_came_or_nothing(
        self, server: FileServer, target: Path, room: int
    ) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
        try:
            for _ in range(2):
                assert f"{part_of(target)}: cannot be written: File too large" in refused(server, target)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert left_behind(target) == ([part_of(target).name] if room else [])
        fetch(server, target)
        assert left_behind(target) == [target.name]

    def test_a_second_download_of_the_same_file_keeps_out(self, server: FileServer, target: Path) -> None:
        target.parent.mkdir()
        with part_of(target).open("ab") as first:
            fcntl.flock(first, fcntl.LOCK_EX)
            assert "another download of it is running" in refused(server, target)
        fetch(server, target)


class TestLabels:
    def test_they_are_put_beside_the_model_whole_or_not_at_all(self, target: Path) -> None:
        target.parent.mkdir()
        model = find_published("yolox_nano")
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
        try:
            with pytest.raises(OSError, match="File too large"):
                put_labels(model, target)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert left_behind(target) == []
        assert put_labels(model, target) == target.with_suffix(".txt")
        assert len(target.with_suffix(".txt").read_text().split("\n")) == 81
        assert put_labels(find_published("yolo11n"), target) is None


class TestUnknownLength:
    def test_the_server_is_asked(self, server: FileServer, target: Path) -> None:
        assert download(server.url, target, sha256=SHA256, size=None)
        assert target.read_bytes() == CONTENT
        assert not download(server.url, target, sha256=SHA256, size=None), "it is here already"

    @pytest.mark.parametrize("length", [-1, 0, 10**15])
    def test_a_server_that_tells_none_is_told(self, server: FileServer, target: Path, length: int) -> None:
        server.length = length
        assert "does not tell the file's length" in refused(server, target, size=None)
        assert not target.parent.exists()

    def test_a_server_that_has_no_such_file(self, server: FileServer, target: Path) -> None:
        server.answers = [404]
        assert "the server answers 404" in refused(server, target, size=None)

    def test_no_server(self, target: Path) -> None:
        with pytest.raises(DownloadError, match="cannot be reached"):
            download("http://127.0.0.1:9/x", target, sha256=SHA256, size=None, timeout_s=2)


class TestTable:
    def test_there_are_detectors_under_a_free_licence_and_only_they_may_lack_a_checksum(self) -> None:
        table = read_table()
        free = {name for name, model in table.items() if model.licence == "Apache-2.0"}
        assert {"yolox_nano", "yolox_tiny", "dfine_nano"} <= free
        assert {name for name, model in table.items() if not model.sha256} == {"dfine_nano"}
        for model in table.values():
            assert not model.labels or (FOLDER / model.labels).is_file()

    def test_the_shipped_one_is_sound_and_safe(self) -> None:
        table = read_table()
        assert {"yolo11n", "yolo26n"} <= table.keys()
        for model in table.values():
            assert model.url.startswith("https://")
            assert model.licence

    def test_a_name_that_is_not_in_it_gets_a_hint(self) -> None:
        with pytest.raises(ConfigError, match=r"no published model 'yolo11' .did you mean 'yolo11n'"):
            find_published("yolo11")

    @pytest.mark.parametrize(
        "content",
        [
            "net: {title: x}",
            "net: 3",
            "- net",
            "net: {title: x, url: 'file:///etc/passwd', sha256: '%s', size: 1, licence: x}" % ("0" * 64),
            "net: {title: x, url: 'https://x/y', sha256: 'abc', size: 1, licence: x}",
            'net: {title: x, url: "https://x/y", sha256: "%s\\n", size: 1, licence: x}' % ("0" * 64),
            "net: {title: x, url: 'https://x/y', licence: x, labels: ../../etc/passwd}",
            "net: {title: x, url: 'https://x/y', sha256: '%s', size: 1, licence: x, extra: 1}" % ("0" * 64),
        ],
    )
    def test_a_table_that_is_wrong_names_the_file(self, tmp_path: Path, content: str) -> None:
        path = tmp_path / "published.yaml"
        path.write_text(content)
        with pytest.raises(ConfigError, match=str(path)):
            read_table(path)

    def test_names_and_paths_are_told_apart(self, tmp_path: Path) -> None:
        assert locate("no_such_model") == FOLDER / "no_such_model.onnx"
        assert locate("models/coco.txt").is_file()
        assert locate(str(tmp_path / "x.onnx")) == tmp_path / "x.onnx"
        assert file_of("yolo11n") == DOWNLOADED / "yolo11n.onnx"
        assert file_of("yolo11n", tmp_path) == tmp_path / "yolo11n.onnx"
