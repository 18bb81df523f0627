"""Named sets from their publishers: checked by checksum, continued where an earlier attempt broke off."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from bayesgan.errors import DataError
from bayesgan.progress import Progress

CONNECT, READ = 5, 30  # seconds: without a network the answer must be quick
CHUNK = 1 << 16
IDX_FILES = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
OR_NAME = "or name the folder that has them with --data-dir or $BAYESGAN_DATA"


@dataclass(frozen=True)
class Source:
    """A file of a named set: where it goes under the data folder, where it comes from, and its MD5."""

    file: str
    url: str
    md5: str


def _four(folder: str, base: str, *sums: str) -> tuple[Source, ...]:
    """Return the sources of four idx files, as MNIST has them."""
    files = [f"{stem}-ubyte.gz" for stem in IDX_FILES]
    return tuple(Source(f"{folder}/{file}", base + file, md5) for file, md5 in zip(files, sums, strict=True))


SOURCES: dict[str, tuple[Source, ...]] = {
    "mnist": _four(
        "MNIST/raw",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "d53e105ee54ea40749a09fcbcd1e9432",
        "9fb629c4189551a2d022fa330f9573f3",
        "ec29112dd5afa0611ce80d1b7f02629c",
    ),
    "fashion-mnist": _four(
        "FashionMNIST/raw",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "25c81989df183df01b3e8a0aad5dffbe",
        "bef4ecab320f06d8554ea6380940ec79",
        "bb300cfdad3c16e7a12a480ee83cd310",
    ),
    "cifar10": (
        Source(
            "cifar-10-python.tar.gz",
            "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
            "c58f30108f718f92721af3b95e74349a",
        ),
    ),
    "svhn": tuple(
        Source(f"svhn/{part}_32x32.mat", f"http://ufldl.stanford.edu/housenumbers/{part}_32x32.mat", md5)
        for part, md5 in (("train", "e26dedcc434d2e4c54c9b2d4a06d8373"), ("test", "eb5a983be6a315427106f1b164d9cef3"))
    ),
}


def fetch(name: str, key: str, root: Path) -> None:
    """Download the files of ``SOURCES[key]`` that are not under ``root`` yet, for the set ``name``.

    A file appears under its name only when it is whole and has its checksum; until then it is ``FILE.part``, from
    which the next call goes on. Raises DataError where there is no way to the publisher, naming the files and
    where to put them; where a download breaks off; and for another checksum.
    """
    for source in SOURCES[key]:
        path = root / source.file
        try:
            if not path.is_file():
                retrieve(source, path)
        except OSError as error:
            raise absent(name, root, reason(source, path, error), SOURCES[key]) from error


def absent(name: str, root: Path, why: str, sources: tuple[Source, ...]) -> DataError:
    """Return the error for a set that is not there and cannot be had: which files to put where."""
    files = ", ".join(Path(source.file).name for source in sources)
    folder = (root / sources[0].file).parent
    return DataError(f"{name} is not under {root}, and {why}: put {files} into {folder}, {OR_NAME}")


def reason(source: Source, path: Path, error: OSError) -> str:
    """Say why a file could not be downloaded; every error of requests is an OSError."""
    import requests

    if not isinstance(error, requests.RequestException):
        return f"{path.parent} cannot be written ({error.strerror or type(error).__name__})"
    if error.response is not None:
        return f"{source.url} answers {error.response.status_code}"
    part = partial(path)
    if part.is_file():
        return f"{source.url} broke off after {part.stat().st_size} bytes (run the command again to go on from there)"
    return f"{source.url} cannot be reached"


def partial(path: Path) -> Path:
    """Return where a file grows until it is whole."""
    return path.with_name(f"{path.name}.part")


def retrieve(source: Source, path: Path) -> None:
    """Download one file to ``path``; raises DataError for another checksum, OSError for anything else."""
    import pooch

    def download(url: str, temporary: str, _: object) -> None:
        receive(url, partial(path))
        partial(path).replace(temporary)

    pooch.get_logger().setLevel("ERROR")  # it would announce every file; the bar already does
    try:
        pooch.retrieve(source.url, f"md5:{source.md5}", path.name, path.parent, downloader=download)
    except ValueError as error:  # pooch's for another checksum; it has removed the file
        cure = "it was removed; run the command again, or fetch the file by hand"
        raise DataError(f"{path.name} from {source.url} has another checksum than {source.md5}: {cure}") from error


def receive(url: str, part: Path) -> None:
    """Append to ``part`` what it lacks of the file at ``url``; start over where the server sends all of it."""
    import requests

    have = part.stat().st_size if part.is_file() else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with requests.get(url, headers=headers, stream=True, timeout=(CONNECT, READ)) as response:
        if have and response.status_code == requests.codes.requested_range_not_satisfiable:
            return  # nothing is left to send; the checksum tells whether that is right
        response.raise_for_status()
        have = have if response.status_code == requests.codes.partial_content else 0  # else: no ranges here
        total = have + int(response.headers.get("Content-Length", 0))
        shown = sys.stderr.isatty()
        with part.open("ab" if have else "wb") as stream, Progress(part.stem, have, total, shown, binary=True) as bar:
            for chunk in response.iter_content(CHUNK):
                stream.write(chunk)
                bar.advance(len(chunk))
