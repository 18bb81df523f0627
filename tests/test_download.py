"""Downloads from a server on this machine: whole, wrong, broken off and continued."""

from __future__ import annotations

import hashlib
import os
import re
import tarfile
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from bayesgan.data import download
from bayesgan.data.download import CHUNK, Source
from bayesgan.data.sets import load
from test_data import fails, pixels, write_mnist
from test_sets import write_cifar, write_svhn


class Server(ThreadingHTTPServer):
    """Serves ``files``; remembers every path and range that was asked for.

    ``cut``: bytes after which an answer breaks off. ``ranges``: whether parts of files are served.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.cut: int | None = None
        self.ranges = True

    def offer(self, monkeypatch: pytest.MonkeyPatch, key: str, folder: Path, names: dict[str, str]) -> None:
        """Serve the files of a set, {file under the data folder: file in ``folder``}."""
        self.files |= {f"/{Path(name).name}": (folder / mine).read_bytes() for name, mine in names.items()}
        url = f"http://127.0.0.1:{self.server_port}/"
        sources = [Source(name, url + Path(name).name, self.md5(f"/{Path(name).name}")) for name in names]
        monkeypatch.setitem(download.SOURCES, key, tuple(sources))

    def md5(self, path: str) -> str:
        return hashlib.md5(self.files[path]).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """One answer."""

    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.asked.append((self.path, wanted))
        if self.path not in self.server.files:
            self.send_error(404)
            return
        content, start = self.server.files[self.path], 0
        if wanted and self.server.ranges:
            start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1])  # type: ignore[index]
        if start >= len(content) > 0 and start:
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start:][: self.server.cut])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture
def one(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The only file of a set ``cifar10``, 300,000 bytes that are no archive."""
    (tmp_path / "origin").write_bytes(pixels(300_000).tobytes())
    server.offer(monkeypatch, "cifar10", tmp_path, {"cifar-10-python.tar.gz": "origin"})
    return server.files["/cifar-10-python.tar.gz"]


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


IDX = [f"{part}-{kind}-ubyte.gz" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]


@pytest.mark.parametrize("name", ["mnist", "color-mnist", "stacked-mnist"])
def test_mnist_is_downloaded_once(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    write_mnist(tmp_path / "origin", ending=".gz")
    server.offer(monkeypatch, "mnist", tmp_path / "origin", {f"MNIST/raw/{file}": file for file in IDX})
    data, again = load(name, tmp_path / "data"), load(name, tmp_path / "data")
    assert len(data.train.images) == len(again.train.images) == 20
    assert server.asked == [(f"/{file}", None) for file in IDX]
    assert files(tmp_path / "data") == {f"MNIST/raw/{file}" for file in IDX}
    assert capfd.readouterr() == ("", "")


def test_only_what_is_missing_is_downloaded(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_mnist(tmp_path / "origin", ending=".gz")
    server.offer(monkeypatch, "fashion-mnist", tmp_path / "origin", {f"FashionMNIST/raw/{file}": file for file in IDX})
    write_mnist(tmp_path / "data/FashionMNIST/raw", ending=".gz")
    (tmp_path / "data/FashionMNIST/raw" / IDX[2]).unlink()
    load("fashion-mnist", tmp_path / "data")
    assert server.asked == [(f"/{IDX[2]}", None)]


def test_cifar10_and_svhn_are_downloaded(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_cifar(tmp_path / "cifar-10-batches-py")
    with tarfile.open(tmp_path / "origin", "w:gz") as archive:
        archive.add(tmp_path / "cifar-10-batches-py", "cifar-10-batches-py")
    server.offer(monkeypatch, "cifar10", tmp_path, {"cifar-10-python.tar.gz": "origin"})
    write_svhn(tmp_path)
    mats = {f"svhn/{part}_32x32.mat": f"{part}_32x32.mat" for part in ("train", "test")}
    server.offer(monkeypatch, "svhn", tmp_path, mats)
    assert len(load("cifar10", tmp_path / "data").train.images) == 20
    assert len(load("svhn", tmp_path / "data").train.images) == 20
    assert files(tmp_path / "data") == {"cifar-10-python.tar.gz", "svhn/train_32x32.mat", "svhn/test_32x32.mat"}


def test_an_interrupted_download_goes_on_where_it_stopped(server: Server, one: bytes, tmp_path: Path) -> None:
    path, part = tmp_path / "data/cifar-10-python.tar.gz", tmp_path / "data/cifar-10-python.tar.gz.part"
    server.cut = CHUNK + 1000  # a piece that is not whole is not kept
    again = rf"broke off after {CHUNK} bytes \(run the command again to go on from there\)"
    fails(rf"^cifar10 is not under .*, and http\S+ {again}: put cifar-10-python.tar.gz into", "cifar10", path.parent)
    assert files(path.parent) == {part.name} and part.read_bytes() == one[:CHUNK]
    server.cut = None
    download.fetch("cifar10", "cifar10", path.parent)
    assert server.asked == [(f"/{path.name}", None), (f"/{path.name}", f"bytes={CHUNK}-")]
    assert path.read_bytes() == one and files(path.parent) == {path.name}


def test_ctrl_c_keeps_what_has_come(
    server: Server, one: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    path, part = tmp_path / "data/cifar-10-python.tar.gz", tmp_path / "data/cifar-10-python.tar.gz.part"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(download.Progress, "advance", interrupt)
        load("cifar10", tmp_path / "data")
    assert files(path.parent) == {part.name} and part.read_bytes() == one[:CHUNK]
    download.fetch("cifar10", "cifar10", path.parent)
    assert server.asked[1] == (f"/{path.name}", f"bytes={CHUNK}-") and path.read_bytes() == one


def test_a_server_without_ranges_sends_all_again(server: Server, one: bytes, tmp_path: Path) -> None:
    path, part = tmp_path / "cifar-10-python.tar.gz", tmp_path / "cifar-10-python.tar.gz.part"
    server.ranges = False
    part.write_bytes(one[:1000])
    download.fetch("cifar10", "cifar10", tmp_path)
    assert server.asked == [(f"/{path.name}", "bytes=1000-")] and path.read_bytes() == one


def test_a_part_that_was_whole_is_taken(server: Server, one: bytes, tmp_path: Path) -> None:
    path, part = tmp_path / "cifar-10-python.tar.gz", tmp_path / "cifar-10-python.tar.gz.part"
    part.write_bytes(one)
    download.fetch("cifar10", "cifar10", tmp_path)
    assert path.read_bytes() == one and not part.exists()


def test_another_checksum_leaves_nothing_behind(server: Server, one: bytes, tmp_path: Path) -> None:
    server.files["/cifar-10-python.tar.gz"] = one[:-1] + b"x"
    folder, md5 = tmp_path / "data", hashlib.md5(one).hexdigest()
    what = rf"cifar-10-python.tar.gz from http\S+ has another checksum than {md5}: it was removed"
    fails(f"^{what}", "cifar10", folder)
    assert files(folder) == set()
    server.files["/cifar-10-python.tar.gz"] = one
    fails("cut short or broken", "cifar10", folder)  # whole now, though no archive
    assert files(folder) == {"cifar-10-python.tar.gz"}


def test_a_part_of_another_file_is_found_out(server: Server, one: bytes, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/cifar-10-python.tar.gz.part").write_bytes(b"another")
    fails("has another checksum", "cifar10", tmp_path / "data")
    assert files(tmp_path / "data") == set()


def test_a_publisher_that_has_moved(server: Server, one: bytes, tmp_path: Path) -> None:
    server.files.clear()
    why = r"http\S+ answers 404: put cifar-10-python.tar.gz into"
    fails(rf"^cifar10 is not under .*, and {why}", "cifar10", tmp_path / "data")
    assert files(tmp_path / "data") == set()


def test_no_network_is_one_quick_line(tmp_path: Path) -> None:
    start = time.monotonic()
    for name, wanted in (("cifar10", "cifar-10-python.tar.gz"), ("svhn", "train_32x32.mat, test_32x32.mat")):
        why = rf"http\S+ cannot be reached: put {wanted} into .*--data-dir"
        fails(rf"^{name} is not under .*, and {why}", name, tmp_path)
    assert time.monotonic() - start < 10 and files(tmp_path) == set()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written(one: bytes, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o500)
    fails(r"data cannot be written \(\S+.*\): put", "cifar10", tmp_path / "data")


def test_a_folder_that_is_a_file(one: bytes, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    fails(r"data cannot be written \(.+\): put", "cifar10", tmp_path / "data")
