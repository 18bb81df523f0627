"""Every measure of a run by name: how it is taken, what it applies to, and its protocol. One file per question."""

from bayesgan.measures import classes, distances, encoders, features, modes, spread
from bayesgan.measures.metric import Metric as Metric

METRICS: dict[str, Metric] = {
    **{name: classes.METRICS[name] for name in ("error", "nll", "brier", "ece", "risk", "outside")},
    **modes.METRICS,
    **spread.METRICS,
    **distances.METRICS,
    **features.METRICS,
    **encoders.METRICS,
    "baselines": classes.METRICS["baselines"],
}
