"""One thread: the tests are many small operations, and two processes that share two cores would fight for them."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Iterator

import pytest
import torch

from bayesgan.metrics import wasserstein

torch.set_num_threads(1)

# Every evaluation trains two critics. The default of critic_distance stays; test_metrics certifies it.
wasserstein.STEPS = 4


@pytest.fixture(autouse=True, scope="session")
def cache_of_their_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep decoded images in a temporary folder, not in the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BAYESGAN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
