"""Diversity of images: 1 - MS-SSIM between pairs (Wang et al. 2003; Odena et al. 2017, arXiv 1610.09585)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
WINDOW, SIGMA = 11, 1.5
C1, C2 = 0.01**2, 0.03**2
BATCHES, BATCH = 5, 64
PIXELS = 2**22  # of all pairs at once: bounds memory


@torch.no_grad()
def diversity(images: Tensor) -> float:
    """Return the mean of ``1 - MS-SSIM`` over all pairs within consecutive batches of 64, at most five.

    ``images``: ``(N, C, H, W)`` in [-1, 1], 8 to 256 pixels a side, N at least 2.
    """
    values = [
        ms_ssim_pairs((batch + 1) / 2) for batch in torch.split(images[: BATCHES * BATCH], BATCH) if len(batch) > 1
    ]
    return 1 - torch.cat(values).mean().item()


@torch.no_grad()
def diversity_between(a: Tensor, b: Tensor) -> float:
    """Return the mean of ``1 - MS-SSIM`` over all pairs of one image of ``a`` and one of ``b``, as above in batches.

    ``a``, ``b``: ``(N, C, H, W)`` in [-1, 1], of two generators say; what one has more of than the other is left out.
    Where both draw from the same distribution, it is on average the :func:`diversity` of either.
    """
    batches = (torch.split(images[: BATCHES * BATCH], BATCH) for images in (a, b))
    values = [ms_ssim_between((x + 1) / 2, (y + 1) / 2) for x, y in zip(*batches, strict=False)]
    return 1 - torch.cat(values).mean().item()


def ms_ssim_pairs(x: Tensor) -> Tensor:
    """Return MS-SSIM of all unordered pairs of ``x (N, C, H, W)`` in [0, 1], ``(N (N - 1) / 2,)``."""
    return compare(x, x, torch.combinations(torch.arange(len(x))))


def ms_ssim_between(x: Tensor, y: Tensor) -> Tensor:
    """Return MS-SSIM of all pairs of ``x (N, C, H, W)`` and ``y (M, C, H, W)`` in [0, 1], ``(N M,)``."""
    return compare(x, y, torch.cartesian_prod(torch.arange(len(x)), torch.arange(len(y))))


def compare(x: Tensor, y: Tensor, pairs: Tensor) -> Tensor:
    """Return MS-SSIM of the ``pairs (P, 2)`` of rows of x and y, ``(P,)``, a chunk at a time."""
    chunk = max(1, PIXELS // x[0].numel())
    return torch.cat([ms_ssim(x[some[:, 0]], y[some[:, 1]]) for some in torch.split(pairs, chunk)])


def ms_ssim(a: Tensor, b: Tensor) -> Tensor:
    """Return multi-scale structural similarity ``(N,)`` of images ``(N, C, H, W)`` in [0, 1].

    Five scales with the published weights; small images have as many scales as halvings leave, their weights
    rescaled to sum to 1, and a window of ``min(11, H, W)``. Contrast terms are clipped at 0.
    """
    weights = torch.tensor(WEIGHTS[: scales(min(a.shape[-2:]))], dtype=a.dtype, device=a.device)
    terms = [ssim_terms(a, b)]
    while len(terms) < len(weights):
        a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
        terms.append(ssim_terms(a, b))
    similar = [contrast for _, contrast in terms[:-1]] + [terms[-1][0]]
    return (torch.stack(similar, 1).clamp_min(0) ** (weights / weights.sum())).prod(1)


def scales(side: int) -> int:
    """Return how many scales an image's shorter side allows, at most 5."""
    return min(len(WEIGHTS), side.bit_length())


def ssim_terms(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return the similarity averaged over the reflected image, and its contrast part where the window fits, ``(N,)``.

    The borders are those of torchmetrics, so that numbers can be compared.
    """
    size = min(WINDOW, *a.shape[-2:])
    mu_a, mu_b = blur(a, size), blur(b, size)
    var_a, var_b = (blur(a * a, size) - mu_a**2).clamp_min(0), (blur(b * b, size) - mu_b**2).clamp_min(0)
    contrast = (2 * (blur(a * b, size) - mu_a * mu_b) + C2) / (var_a + var_b + C2)
    luminance = (2 * mu_a * mu_b + C1) / (mu_a**2 + mu_b**2 + C1)
    low, high = (size - 1) // 2, size // 2
    inner = contrast[..., low : contrast.shape[-2] - high, low : contrast.shape[-1] - high]
    return (luminance * contrast).flatten(1).mean(1), inner.flatten(1).mean(1)


def blur(x: Tensor, size: int) -> Tensor:
    """Return ``x (N, C, H, W)`` under a Gaussian window of ``size``, the image reflected at its borders."""
    offsets = torch.arange(size, dtype=x.dtype, device=x.device) - (size - 1) / 2
    line = torch.exp(-(offsets**2) / (2 * SIGMA**2))
    line = (line / line.sum()).repeat(x.shape[1], 1)
    low, high = (size - 1) // 2, size // 2
    x = F.pad(x, (low, high, low, high), mode="reflect")
    across = F.conv2d(x, line[:, None, None, :], groups=x.shape[1])
    return F.conv2d(across, line[:, None, :, None], groups=x.shape[1])
