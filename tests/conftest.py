"""One thread: the tests are many small operations, and two processes that share two cores would fight for them."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

from bayesgan.metrics import wasserstein

torch.set_num_threads(1)

# Every evaluation trains two critics. The default of critic_distance stays; test_metrics certifies it.
wasserstein.STEPS = 4
