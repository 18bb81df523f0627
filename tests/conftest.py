"""One thread and no network: tests are many small operations, and two processes would fight for two cores."""

import os
from dataclasses import replace

os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Iterator

import pytest
import torch

from bayesgan import feature_classifier
from bayesgan.data import download
from bayesgan.metrics import wasserstein

torch.set_num_threads(1)

# Every evaluation trains two critics. The default of critic_distance stays; test_metrics certifies it.
wasserstein.STEPS = 4
# Nor is the classifier of a feature space trained here, but in test_spaces.
feature_classifier.STEPS = 4

# No test leaves this machine: the publishers are behind a port that refuses at once.
os.environ["NO_PROXY"] = "127.0.0.1"
for key, files in download.SOURCES.items():
    download.SOURCES[key] = tuple(replace(source, url=f"http://127.0.0.1:9/{source.file}") for source in files)


@pytest.fixture(autouse=True, scope="session")
def cache_of_their_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep decoded images in a temporary folder, not in the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BAYESGAN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def the_same_numbers_every_time() -> None:
    """Seed torch's own generator, which samplers without seeds draw one from."""
    torch.manual_seed(0)
