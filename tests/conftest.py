"""One thread: the tests are many small operations, and two processes that share two cores would fight for them."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

torch.set_num_threads(1)
