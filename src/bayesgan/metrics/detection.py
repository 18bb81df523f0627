"""Does a score tell strange images from known ones?"""

from __future__ import annotations

import torch
from torch import Tensor


def auroc(inside: Tensor, outside: Tensor) -> float:
    """Return the probability that an outside image has the larger score, equal scores counting half.

    ``inside (N,)``, ``outside (M,)``: scores such as the predictive entropy, larger where an image is stranger. It is
    the area under the receiver operating characteristic: the Mann-Whitney statistic over ``N M``.
    """
    known, strange = inside.double().sort().values, outside.double().contiguous()
    below, up_to = (torch.searchsorted(known, strange, right=right) for right in (False, True))
    return (below + up_to).double().mean().item() / (2 * len(known))
