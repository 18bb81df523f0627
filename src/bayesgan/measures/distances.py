"""How far samples are from real images, by distances in pixels or points."""

from __future__ import annotations

from typing import Any

from bayesgan.data.toy import CENTRES
from bayesgan.measures.metric import Metric, protocol, training_images
from bayesgan.metrics import transport, wasserstein
from bayesgan.metrics.divergence import plane_divergence
from bayesgan.metrics.sliced import sliced_distance
from bayesgan.subject import Subject

JUDGED, EXACT = 5000, 1000  # test images, at most
ENOUGH, FEWEST, PROJECTIONS = 4, 3, 500


def measure_critic(s: Subject) -> dict[str, Any]:
    """Measure the Wasserstein distance of samples from real images by a fresh critic, beside real from real ones.

    The critic learns from the run's validation images, where it has none from half of the test images, and is asked
    about the others and about training images: smaller distances of these are memorisation.
    """
    device, budget = s.posterior.device, wasserstein.STEPS
    learnt, asked, split = s.halves(JUDGED)
    learnt, asked, train = learnt.to(device), asked.to(device), training_images(s, len(asked)).to(device)
    samples = s.draw(len(learnt) + len(asked)).to(device)
    fake, fresh = samples[: len(learnt)], samples[len(learnt) :]
    values = wasserstein.critic_distances(learnt, fake, {"train": train, "test": asked}, fresh, budget, s.seed)
    half, other = learnt.tensor_split(2)
    among_real = wasserstein.critic_distances(half, other, {"test": asked}, train, budget, s.seed)
    how = protocol(s, len(learnt), len(fake), split, critic_steps=budget, n_asked=len(asked))
    return {"value": values.pop("test"), **values, "real": among_real["test"], "protocol": how}


def measure_sliced(s: Subject) -> dict[str, Any]:
    """Measure the sliced Wasserstein-1 distance of samples from test images, beside training from test images."""
    x = s.tested(s.n)[0]
    fake, train = s.draw(len(x)), training_images(s, len(x))
    value, real = (sliced_distance(x, y, PROJECTIONS, s.seed) for y in (fake, train))
    how = protocol(s, len(x), len(fake), s.part, projections=PROJECTIONS)
    return {"value": value, "real": real, "protocol": how}


def measure_exact(s: Subject) -> dict[str, Any]:
    """Measure the exact Wasserstein-1 distance of few samples from equally many test images, as above."""
    count = min(EXACT, len(s.test.images), len(s.data.images), s.n)
    x = s.tested(count)[0]
    how = protocol(s, count, count, s.part, limit=EXACT)
    value, real = (transport.transport_distance(x, y) for y in (s.draw(count), training_images(s, count)))
    return {"value": value, "real": real, "protocol": how}


def can_judge(s: Subject) -> bool:
    """Return whether the critic and the one among real images have two images each to learn from."""
    return s.generates and len(s.test.images) >= ENOUGH and (s.validation is None or len(s.validation) > 1)


def plane(s: Subject) -> bool:
    """Return whether samples are points that are too many for modes, and enough for densities."""
    fewest = min(s.n, len(s.test.images), len(s.data.images))
    return s.generates and not s.pictorial and s.data.name not in CENTRES and fewest >= FEWEST


def measure_divergence(s: Subject) -> dict[str, Any]:
    """Measure the Jensen-Shannon divergence on the test points' first two principal components, equal counts."""
    count = min(s.n, len(s.test.images), len(s.data.images))
    x = s.tested(count)[0]
    value, real = (plane_divergence(x, y) for y in (s.draw(count), training_images(s, count)))
    return {"value": value, "real": real, "protocol": protocol(s, count, count, s.part, "two principal components")}


METRICS = {
    "critic": Metric(
        measure_critic,
        can_judge,
        "a generator, and 4 test images or more, and 2 validation images or none",
    ),
    "sliced": Metric(measure_sliced, lambda s: s.generates, "a generator"),
    "exact": Metric(measure_exact, lambda s: s.generates, "a generator"),
    "divergence": Metric(
        measure_divergence,
        plane,
        "a generator of points without known modes, such as synthetic, and -n 3 or more",
    ),
}
