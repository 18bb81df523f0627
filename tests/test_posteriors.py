"""Whole posteriors that are known, from every sampler."""


@pytest.mark.parametrize("spec", [
    SGHMCSpec(lr=0.4, friction=1.0),
    SGHMCSpec(lr=0.4, friction=1.0, temperature=0.25),
    SGHMCSpec(lr=0.15, friction=2.0, damping=0.05, burn_in=AdamSpec(0.05)),
], ids=["plain", "cold", "preconditioned"])  # fmt: skip
def test_a_thousand_chains_recover_the_posterior_of_linear_regression(spec: SGHMCSpec) -> None:
    """Mean within 3 % of a posterior standard deviation, standard deviations within 3 % of themselves.

    1,000 chains by 20 draws: the Monte Carlo error is about 0.7 % of a standard deviation.
    """
    chains, burn_in, warm, steps = 1000, 50 if spec.damping else 0, 100, 300
    problem = LinearRegression.make()
    ensemble = Ensemble.init(lambda: nn.Linear(problem.x.shape[1], 1, bias=False), chains, 0)
    names = ("regressor",)
    num_obs = len(problem.x)
    game = Game(
        problem, {"regressor": ensemble}, dict.fromkeys(names, "k"), {"regressor": Normal(problem.tau)},
        dict.fromkeys(names, num_obs),
    )  # fmt: skip
    leaves = [*ensemble.params.values()]
    setting = Setting(num_obs, burn_in, burn_in + steps, range(chains), {})
    optimiser, draws = spec.build(leaves, setting), []
    for step in range(burn_in + steps):
        optimiser.param_groups[0]["lr"] = spec.step_size(step, setting)
        optimiser.zero_grad()
        (-log_posterior(game, "regressor", {"x": problem.x, "y": problem.y})).sum().backward()
        optimiser.step()
        if step >= burn_in + warm and step % 10 == 0:
            draws.append(leaves[0].detach()[:, 0].double().clone())
    mean, covariance = problem.posterior(spec.temperature)
    sd, found = covariance.diagonal().sqrt(), torch.cat(draws)
    assert ((found.mean(0) - mean) / sd).abs().max() < 0.03
    assert (found.std(0) / sd - 1).abs().max() < 0.03
    correlation, exact = (
        c / torch.outer(c.diagonal().sqrt(), c.diagonal().sqrt()) for c in (found.T.cov(), covariance)
    )
    assert (correlation - exact).abs().max() < 0.03
