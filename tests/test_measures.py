"""Every measure of a run: the pure metric of the right tensors, beside the same of real images, with its protocol."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from bayesgan import memory, spaces
from bayesgan.data.readers import Part
from bayesgan.data.toy import centres
from bayesgan.errors import UsageError
from bayesgan.evaluate import evaluate
from bayesgan.measures import METRICS, classes, distances, features, modes, spread
from bayesgan.metrics import wasserstein
from bayesgan.metrics.classification import entropy, mutual_information
from bayesgan.metrics.coverage import coverage
from bayesgan.metrics.detection import auroc
from bayesgan.metrics.divergence import plane_divergence
from bayesgan.metrics.diversity import diversity, diversity_between
from bayesgan.metrics.frechet import frechet_distance, moments
from bayesgan.metrics.inception import inception_score
from bayesgan.metrics.kernel import kernel_distance
from bayesgan.metrics.modes import reverse_kl
from bayesgan.metrics.neighbours import memorisation
from bayesgan.metrics.sliced import sliced_distance
from bayesgan.metrics.support import duplicate_distance, support
from bayesgan.metrics.transport import transport_distance
from bayesgan.printed import lines
from bayesgan.seeds import derive, generator
from bayesgan.store import load_sample
from bayesgan.subject import Subject, open_subject
from bayesgan.training import train
from test_autoencode import small
from test_cli import mistake, run
from test_training import tiny

IMAGES = ["modes", "diversity", "support", "memorisation", "critic", "sliced", "exact"]
IN_SPACE = ["inception", "frechet", "kernel", "coverage"]
N = 60


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return small runs by name."""
    root = tmp_path_factory.mktemp("runs")
    made = {"vae": small("vae", burn_in=3), "points": small("gan", "synthetic"), "ring": small("gan", "ring")}
    made |= {"critic": small("wgan-gp"), "bayesgan": tiny(), "supervised": tiny("supervised")}
    made |= {"validated": small("dcgan", validation=100)}
    for name, one in made.items():
        train(one, root / name)
    return {name: root / name for name in made}


@pytest.fixture(scope="module")
def vae(runs: dict[str, Path]) -> Subject:
    """Return a run of images with an encoder, all of whose computed things are kept."""
    return open_subject(runs["vae"], N, seed=1)


def training(s: Subject, count: int = 10**6) -> Tensor:
    """Return the training images that a measure takes."""
    order = torch.randperm(len(s.data.images), generator=torch.Generator().manual_seed(s.seed))[:count]
    return images(s.data.images[order.numpy()])


def images(x: Any) -> Tensor:
    """Return uint8 images in [-1, 1]."""
    return torch.from_numpy(x).float() / 127.5 - 1


@pytest.mark.parametrize("name", [*IMAGES, *IN_SPACE])
def test_samples_are_measured_by_a_protocol_beside_real_images_and_again_the_same(name: str, vae: Subject) -> None:
    entry = METRICS[name].measure(vae)
    assert {"n_real", "n_fake", "split", "space", "resize", "seed"} <= entry["protocol"].keys()
    assert entry["protocol"]["n_real"] > 0 and entry["protocol"]["n_fake"] > 0 and entry["protocol"]["seed"] == 1
    assert type(entry["real"]) is type(entry["value"])
    assert METRICS[name].measure(replace(vae)) == json.loads(json.dumps(entry))


def test_distances_are_those_of_the_pure_metrics(vae: Subject) -> None:
    fake, test = vae.posterior.sample(N, 1), vae.tested(N)[0]
    for name, distance in (("sliced", lambda x, y: sliced_distance(x, y, 500, 1)), ("exact", transport_distance)):
        entry = METRICS[name].measure(vae)
        assert (entry["value"], entry["real"]) == (distance(test, fake), distance(test, training(vae, N)))
        assert entry["protocol"] == entry["protocol"] | {"n_real": N, "n_fake": N, "space": "pixels, Euclidean"}


def test_features_are_compared_with_those_of_training_images(vae: Subject) -> None:
    space = spaces.of_data(vae.known, vae.test, "digits", 10, vae.folder, vae.posterior.device)  # type: ignore[arg-type]
    train, fake = space.features(training(vae, N)), space.features(vae.posterior.sample(N, 1))
    held_out = space.features(vae.tested(N)[0])
    found = {name: METRICS[name].measure(vae) for name in IN_SPACE}
    for key, other in (("value", fake), ("real", held_out)):
        assert found["frechet"][key] == pytest.approx(frechet_distance(moments(train), moments(other)), rel=1e-5)
        assert found["kernel"][key] == pytest.approx(kernel_distance(train, other, 100, N // 2, 1)[0], rel=1e-4)
        assert found["coverage"][key] == asdict(coverage(train, other))
    assert found["kernel"]["sd"] > 0 and found["kernel"]["protocol"]["subset_size"] == N // 2
    assert space.classify is not None
    probs = space.classify(vae.samples)
    assert (found["inception"]["value"], found["inception"]["sd"]) == pytest.approx(inception_score(probs, 1))
    for entry in found.values():
        assert entry["protocol"]["space"] == space.name and entry["protocol"]["resize"] == "none"


@pytest.mark.parametrize("name", ["frechet", "coverage"])
def test_samples_that_are_as_good_as_test_images_score_as_they_do(name: str, vae: Subject) -> None:
    """However many more there are: a distance of 200 samples is smaller than one of 40 test images."""
    train, test = (torch.randn(count, 4, generator=torch.Generator().manual_seed(count)) for count in (100, 40))
    few = replace(vae, n=200)
    vars(few).update(real_features=(train, test), fake_features=torch.cat([test, test * 0, test, test, test]))
    entry = METRICS[name].measure(few)
    assert entry["value"] == entry["real"]
    assert {entry["protocol"][key] for key in ("n_real", "n_fake", "n_held_out")} == {40}


def test_inception_scores_of_few_real_images_have_splits_as_large(
    vae: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[int, int]] = []
    monkeypatch.setattr(features, "inception_score", lambda p, n: (calls.append((len(p), n)), (1.0, 0.0))[1])
    for n, test, expected in ((1200, 500, [(1200, 10), (500, 4)]), (250, 30, [(250, 2), (30, 1)])):
        few = replace(vae, n=n, test=Part(vae.test.images[:test], vae.test.labels[:test]))  # type: ignore[index]
        how = features.measure_inception(few)["protocol"]
        assert calls == expected and (how["splits"], how["real_splits"]) == (expected[0][1], expected[1][1])
        calls.clear()


def test_spread_is_that_of_the_pure_metrics(vae: Subject, runs: dict[str, Path]) -> None:
    fake, real = vae.posterior.sample(320, 1), training(vae, 320)
    entry = METRICS["diversity"].measure(vae)
    assert (entry["value"], entry["real"]) == (diversity(fake), diversity(real)) and "within" not in entry
    entry, of_real = METRICS["support"].measure(vae), training(vae, 500)
    threshold = duplicate_distance(of_real)
    assert entry["protocol"]["duplicates"] == round(threshold, 4) and entry["protocol"]["batch"] == N
    expected = support(vae.samples, threshold, N).estimate
    assert ("value" in entry.get("above", ())) == (expected is None)
    assert entry["value"] == pytest.approx(N * (N - 1) / (2 * np.log(2)) if expected is None else expected)
    s = open_subject(runs["bayesgan"], N, seed=0)
    entry = METRICS["diversity"].measure(s)
    one, other = (s.posterior.sample(32, derive(0, "particle", k), particle=k) for k in (0, 1))
    assert entry["within"] == pytest.approx((diversity(one) + diversity(other)) / 2)
    assert entry["between"] == pytest.approx(diversity_between(one, other))


def test_memorisation_looks_at_all_training_images_piece_by_piece(
    vae: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = memorisation(vae.samples, vae.tested(2000)[0], images(vae.data.images))
    for piece in (2048, 100):
        monkeypatch.setattr(spread, "PIECE", piece)
        entry = METRICS["memorisation"].measure(vae)
        assert (entry["value"], entry["closer"]) == pytest.approx((whole.ratio, whole.closer), rel=1e-6)
        assert entry["protocol"]["n_train"] == 1297 and entry["protocol"]["n_real"] == 500
    copies = replace(vae)
    copies.__dict__["samples"] = images(vae.data.images[-N:])
    entry = METRICS["memorisation"].measure(copies)
    assert (entry["value"], entry["real"]) == (0, 1) and entry["closer"] > 0.98


@pytest.mark.parametrize("name", ["vae", "validated"])
def test_the_critic_learns_from_validation_images_else_from_half_of_the_test_images(
    name: str, runs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[Any, ...]] = []

    def spy(*given: Any) -> dict[str, float]:
        calls.append(given)
        return {"validation": 1.0, **dict.fromkeys(given[2], 2.0 + len(calls))}

    s = open_subject(runs[name], 10, seed=1)
    first = METRICS["critic"].measure(s)
    assert first == METRICS["critic"].measure(replace(s))
    assert {"value", "train", "validation", "real", "protocol"} == first.keys()
    monkeypatch.setattr(wasserstein, "critic_distances", spy)
    entry = METRICS["critic"].measure(s)
    assert (entry["value"], entry["train"], entry["validation"], entry["real"]) == (3, 3, 1, 4)
    (learnt, fake, others, fresh, steps, seed), (half, other, *_) = calls
    assert (steps, seed) == (wasserstein.STEPS, 1) and list(others) == ["train", "test"]
    test = {x.tobytes() for x in s.test.images}
    source = test if s.validation is None else {x.tobytes() for x in s.validation.open().images}
    seen = {x.tobytes() for x in ((learnt + 1) * 127.5).round().byte().numpy()}
    assert seen <= source and seen.isdisjoint(
        x.tobytes() for x in ((others["test"] + 1) * 127.5).round().byte().numpy()
    )
    assert len(learnt) == (250 if s.validation is None else 100) and torch.equal(torch.cat([half, other]), learnt)
    torch.testing.assert_close(torch.cat([fake, fresh]), s.posterior.sample(len(fake) + len(fresh), 1))
    how = entry["protocol"]
    assert how["split"] == ("test, halved" if name == "vae" else "validation, test")
    assert (how["n_real"], how["n_fake"], how["critic_steps"]) == (len(learnt), len(fake), wasserstein.STEPS)


def test_a_single_validation_image_does_not_make_a_critic(runs: dict[str, Path]) -> None:
    s = open_subject(runs["validated"], 10, seed=1)
    assert s.validation is not None and distances.can_judge(s)
    assert not distances.can_judge(replace(s, validation=replace(s.validation, indices=s.validation.rows[:1])))


def test_validation_images_take_the_place_of_test_images(runs: dict[str, Path]) -> None:
    result = evaluate(runs["validated"], ["critic", "memorisation", "sliced"], n=20, part="validation")["metrics"]
    assert result["critic"]["protocol"]["split"] == "validation, halved"
    assert result["memorisation"]["protocol"]["split"] == "validation"
    assert result["memorisation"]["protocol"]["n_real"] == 100


def test_classes_among_samples_are_counted_by_the_classifier(vae: Subject) -> None:
    entry = METRICS["modes"].measure(vae)
    assert vae.data_space is not None and vae.data_space.classify is not None
    sure, guess = vae.data_space.classify(vae.samples).max(1)
    found = sum(((guess == y) & (sure >= 0.5)).sum().item() >= 0.008 * N for y in range(10))
    assert (entry["value"], entry["of"]) == (found, 10)
    assert entry["reverse_kl"] == reverse_kl(torch.bincount(guess, minlength=10))
    assert 0 <= entry["real"] <= 10 and entry["reverse_kl_real"] >= 0


def test_modes_of_samples_and_of_real_images_are_of_equally_many(vae: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reverse KL of fewer images is larger, by chance alone."""
    counts: list[int] = []
    monkeypatch.setattr(modes, "tally", lambda probs, classes: (counts.append(len(probs)), (10, 0.0))[1])
    for n, expected in ((30, 30), (1500, 1297)):
        how = METRICS["modes"].measure(replace(vae, n=n))["protocol"]
        assert counts == [expected] * 2 and (how["n_real"], how["n_fake"], how["split"]) == (
            expected,
            expected,
            "train",
        )
        counts.clear()


def test_particles_that_are_alike_differ_from_each_other_as_from_themselves(
    runs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    s = open_subject(runs["bayesgan"], N, seed=0)

    def alike(_: Any, n: int, seed: int = 0, particle: int | None = None) -> torch.Tensor:
        return torch.rand(n, *s.data.shape, generator=generator(seed)) * 2 - 1

    monkeypatch.setattr(type(s.posterior), "sample", alike)
    entry = METRICS["diversity"].measure(s)
    assert entry["between"] == pytest.approx(entry["within"], rel=0.01)


def test_of_many_classes_one_sample_is_enough_else_a_share_of_sure_ones() -> None:
    few = torch.full((1000, 10), 0.05)
    few[:, 0] = 0.55
    few[:7] = torch.full((10,), 0.05).index_fill(0, torch.tensor(1), 0.55)
    few[7:20] = torch.full((10,), 0.06).index_fill(0, torch.tensor(2), 0.46)
    assert modes.tally(few, 10)[0] == 1
    few[7:15] = few[0]
    assert modes.tally(few, 10)[0] == 2
    many = torch.eye(1000)[torch.arange(300)]
    assert modes.tally(many, 1000) == (300, pytest.approx(np.log(1000 / 300)))


def test_modes_of_points_are_their_centres(runs: dict[str, Path]) -> None:
    s = open_subject(runs["ring"], N, seed=0)
    s.__dict__["samples"] = torch.from_numpy(centres("ring"))[torch.arange(N) % 4].float()
    entry = METRICS["modes"].measure(s)
    assert (entry["value"], entry["of"], entry["quality"]) == (4, 8, 1)
    assert entry["reverse_kl"] == pytest.approx(np.log(2)) and entry["protocol"]["space"] == "points, Euclidean"
    assert not METRICS["divergence"].applies(s)


def test_points_are_compared_on_their_plane(runs: dict[str, Path]) -> None:
    s = open_subject(runs["points"], N, seed=0)
    fake, test = s.samples, s.tested(N)[0]
    entry = METRICS["divergence"].measure(s)
    order = torch.randperm(len(s.data.images), generator=torch.Generator().manual_seed(0))[:N].numpy()
    assert entry["value"] == plane_divergence(test, fake)
    assert entry["real"] == plane_divergence(test, torch.from_numpy(s.data.images[order]))
    assert {"divergence", "critic", "sliced", "exact"} == evaluate(runs["points"], n=N)["metrics"].keys()
    (runs["points"] / "evaluation.json").unlink()
    assert {"critic", "sliced", "exact"} == evaluate(runs["points"], n=2)["metrics"].keys()


def test_risk_is_the_error_on_the_images_that_are_sure(runs: dict[str, Path]) -> None:
    s = open_subject(runs["bayesgan"], 10, seed=0)
    value = METRICS["risk"].measure(s)["value"]
    order = s.probs.double().max(1).values.argsort(descending=True, stable=True)
    wrong = (s.probs.argmax(1) != s.y)[order].double()
    for share in (80, 90, 95):
        assert value[f"error_at_{share}"] == pytest.approx(100 * wrong[: 5 * share].mean().item(), abs=0.3)
    assert value["risk_coverage_area"] == pytest.approx(
        (wrong.cumsum(0) / torch.arange(1, 501)).mean().item(), abs=0.01
    )


def test_doubt_about_another_set(
    runs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 8, 8), np.uint8)
    np.savez(tmp_path / "noise.npz", images=noise)
    result = evaluate(runs["bayesgan"], ["outside"], n=4, outside=str(tmp_path / "noise.npz"))["metrics"]["outside"]
    s = open_subject(runs["bayesgan"], 4, seed=0)
    x = torch.from_numpy(noise[:, None])
    known, strange = (mutual_information(s.posterior.predict_each(y)) for y in (torch.from_numpy(s.test.images), x))
    assert result["value"].keys() == {"entropy", "mutual_information", "fake"}
    assert result["value"]["entropy"] == pytest.approx(auroc(entropy(known[0]), entropy(strange[0])))
    assert result["value"]["mutual_information"] == pytest.approx(auroc(known[1], strange[1]))
    real = torch.zeros(40)
    for path in s.posterior.bank:
        leaves = load_sample(path)["discriminator"]
        out = s.posterior.ensembles["discriminator"].bind({k: t[0] for k, t in leaves.items()})(images(noise[:, None]))
        real += out.logsumexp(1).sigmoid() / len(s.posterior.bank)
    assert s.posterior.chains("discriminator") == 1
    torch.testing.assert_close(s.posterior.realness(x), real)
    inside = s.posterior.realness(torch.from_numpy(s.test.images))
    assert result["value"]["fake"] == pytest.approx(auroc(-inside, -real), abs=1e-3)
    assert result["protocol"]["n_outside"] == 40 and result["protocol"]["outside"].endswith("noise.npz")
    alone = evaluate(runs["supervised"], ["outside"], n=4, outside=str(tmp_path / "noise.npz"))["metrics"]
    assert alone["outside"]["value"].keys() == {"entropy", "mutual_information"}
    np.savez(tmp_path / "large.npz", images=np.zeros((40, 9, 8), np.uint8))
    flags = ["--metrics", "outside", "--outside"]
    line = mistake(capsys, "evaluate", runs["bayesgan"], *flags, tmp_path / "large.npz", code=2)
    assert line.endswith("large.npz: images are 9x8 with 1 channel, the run's 8x8 with 1 channel")
    line = mistake(capsys, "evaluate", runs["vae"], "--outside", tmp_path / "noise.npz", code=2)
    assert line.endswith("metric 'outside' needs a run with labels, and --outside SPEC")
    line = mistake(capsys, "evaluate", runs["bayesgan"], "--metrics", "error", "--outside", "nowhere", code=2)
    assert line.endswith("--outside nowhere: no metric asked for reads it; add outside")
    assert classes.OUTSIDE >= 10_000
    monkeypatch.setattr(classes, "OUTSIDE", 20)
    np.savez(tmp_path / "sorted.npz", images=np.repeat(np.arange(100, dtype=np.uint8), 64).reshape(100, 8, 8))
    some = classes.outside_images(str(tmp_path / "sorted.npz"), None, s.data.shape)[:, 0, 0, 0].tolist()
    assert some == sorted(set(some)) and len(some) == 20 and max(some) > 50


@pytest.mark.parametrize("name", ["vae", "points"])
def test_more_samples_than_memory_holds_are_refused_before_anything_is_lost(
    name: str, runs: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    (runs[name] / "evaluation.json").write_text("what was there")
    line = mistake(capsys, "evaluate", runs[name], "-n", 10**9, code=2)
    assert line.startswith("bayesgan: -n 1000000000: the memory here, ")
    assert (runs[name] / "evaluation.json").read_text() == "what was there"
    (runs[name] / "evaluation.json").unlink()


def test_a_container_has_less_memory_than_its_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = memory.available()
    for content, expected in (("max", machine), ("1048576", 2**20), (str(2**63), machine)):
        (tmp_path / "limit").write_text(content)
        monkeypatch.setattr(memory, "LIMITS", (str(tmp_path / "limit"), str(tmp_path / "none")))
        assert memory.available() == expected


@pytest.mark.parametrize(
    ("name", "metric", "needs"),
    [
        ("vae", "error", "a run with labels and labelled test images"),
        ("vae", "divergence", "a generator of points"),
        ("points", "frechet", "a generator of images, and a data set with two classes at least or --features FILE"),
        ("points", "memorisation", "a generator of images"),
        ("points", "modes", "a generator of ring or grid, or of images with two classes at least"),
        ("critic", "smoothness", "two test images, and an encoder"),
        ("supervised", "sliced", "a generator"),
        ("bayesgan", "outside", "a run with labels, and --outside SPEC"),
    ],
)
def test_what_a_metric_needs_is_said(name: str, metric: str, needs: str, runs: dict[str, Path]) -> None:
    with pytest.raises(UsageError, match=f"metric '{metric}' needs {needs}"):
        evaluate(runs[name], [metric])


def test_without_classes_images_are_measured_in_pixels(vae: Subject) -> None:
    unknown = replace(vae, test=replace(vae.test, labels=None), known=None)
    for name in ("modes", *IN_SPACE):
        assert not METRICS[name].applies(unknown)
    assert all(METRICS[name].applies(unknown) for name in IMAGES if name != "modes")


def test_very_few_samples_leave_out_what_needs_more(runs: dict[str, Path]) -> None:
    (runs["vae"] / "evaluation.json").unlink(missing_ok=True)
    measured = evaluate(runs["vae"], n=2)["metrics"].keys()
    assert {"modes", "diversity", "support", "memorisation", "critic", "sliced", "exact"} <= measured
    assert not {*IN_SPACE} & measured


def test_earlier_numbers_stay_with_their_protocol(runs: dict[str, Path]) -> None:
    (runs["vae"] / "evaluation.json").unlink(missing_ok=True)
    evaluate(runs["vae"], ["sliced", "exact"], n=20, seed=3)
    metrics = evaluate(runs["vae"], ["exact"], n=30)["metrics"]
    assert (metrics["sliced"]["protocol"]["n_fake"], metrics["sliced"]["protocol"]["seed"]) == (20, 3)
    assert (metrics["exact"]["protocol"]["n_fake"], metrics["exact"]["protocol"]["seed"]) == (30, 0)


def test_only_what_was_asked_for_is_printed(runs: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    run("evaluate", runs["vae"], "-n", 20, "--metrics", "sliced")
    run("evaluate", runs["vae"], "-n", 20, "--metrics", "exact,coverage")
    shown = capsys.readouterr().out.splitlines()
    titles = [line.split("  ")[0] for line in shown if "[" in line]
    assert titles == ["sliced", "exact", "precision", "recall", "density", "coverage"]


def test_lines_say_what_numbers_are() -> None:
    how = {"n_real": 5, "space": "pixels, Euclidean"}
    metrics: dict[str, Any] = {
        "support": {"value": 28709.63, "real": 802.859, "above": ["value"], "protocol": how},
        "kernel": {"value": 0.00012345, "sd": 0.5, "real": -0.01, "real_sd": 0.1, "protocol": how},
        "outside": {"value": {"entropy": 0.75}, "protocol": how},
        "coverage": {"value": {"recall": 0.5}, "real": {"recall": 1.0}, "protocol": how},
    }
    shown = [" ".join(line.split()) for line in lines({"metrics": metrics})]
    assert shown[0] == "support > 28,710 real 802.9 [n_real=5; space=pixels, Euclidean]"
    assert shown[1].startswith("kernel 0.0001234 sd 0.5, real -0.01, real sd 0.1 [")
    assert shown[2].startswith("outside entropy 0.75 [") and shown[3].startswith("recall 0.5 real 1 [")
