"""The operating characteristics of a plan by simulation."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bmco_pymc.arguments import of_kind, whole
from bmco_pymc.data.study import Study
from bmco_pymc.errors import InputError, InputWarning, warn_user
from bmco_pymc.population.pilot import AnyTruth
from bmco_pymc.population.scenario import Scenario, of_draws
from bmco_pymc.priors.components import draw_phi
from bmco_pymc.priors.priors import Dirichlet, Mixture
from bmco_pymc.trial.characteristics import OperatingCharacteristics
from bmco_pymc.trial.plan import Plan
from bmco_pymc.trial.probabilities import claims_hold
from bmco_pymc.trial.recruitment import InClusters, OneByOne
from bmco_pymc.trial.setting import outcomes_of
from bmco_pymc.trial.simulated.analysed import Analysed
from bmco_pymc.trial.simulated.described import described
from bmco_pymc.trial.simulated.ended import Both, numbers
from bmco_pymc.trial.simulated.engine import Engine
from bmco_pymc.trial.simulated.laplace import supported
from bmco_pymc.trial.simulated.mixtures import deciding
from bmco_pymc.trial.simulated.running import run
from bmco_pymc.trial.simulated.samples import Simulator
from bmco_pymc.trial.simulated.stratified import near_cut
from bmco_pymc.trial.simulated.work import Work, analyse

TRIALS = {"BMVB": 10_000, "BGLM": 10_000, "BGLMM": 2_000}
TRIALS_BY_NUTS = 1_000
DRAWS = 1_000  # truths from a design prior
SUBJECTS = 300  # of each group, in data that formulas are tried on

_COMPILED: set[tuple[str, int, str]] = set()


@dataclass(frozen=True, eq=False)
class Simulation:
    """A plan with an engine, ready for any truth.

    Attributes
    ----------
    plan : Plan
    engine : Engine
        With a number of trials.
    progress : bool
    """

    plan: Plan
    engine: Engine
    progress: bool = True

    @classmethod
    def of(cls, plan: Plan, engine: Engine, progress: bool) -> Simulation:
        """Return the simulation of a plan, its engine made to fit.

        Raises
        ------
        InputError
            If the fast analysis cannot do what the plan asks for.
        """
        name = plan.analysis.name
        if name == "BMVB":  # its posterior is known
            engine = replace(engine, method="laplace", audit=0)
        elif engine.method == "laplace" and not supported(plan.analysis):
            problem = (
                "the fast analysis averages over the whole sample and, where there are clusters, "
                "new ones"
            )
            raise InputError("engine", engine.method, problem, ["nuts"])
        futility = None if plan.looks is None else plan.looks.futility
        if (
            plan.looks is not None
            and futility is not None
            and plan.looks.futility_by != "posterior"
        ):
            problem = "simulated trials are given up by their posterior probability"
            raise InputError("futility_by", plan.looks.futility_by, problem, ["posterior"])
        default = TRIALS_BY_NUTS if engine.method == "nuts" else TRIALS[name]
        return cls(plan, engine.resolved(default), progress)

    def with_plan(self, plan: Plan) -> Simulation:
        """Return the same for another plan."""
        return replace(self, plan=plan)

    def trials(
        self,
        truths: Sequence[AnyTruth],
        scenario: dict[str, Any],
        label: str = "",
        *,
        alone: bool = False,
    ) -> Both:
        """Return the analysed trials under a truth, or under several in turn.

        After an interrupt, fewer trials are an answer where these stand ``alone``; where others
        would follow, the interrupt is passed on.
        """
        settings = self.engine.settings["nuts"]
        work = Work.of(self.plan, truths, self.engine.seed, settings)
        description = {"design": described(self.plan), "truth": scenario}

        def told(fast: Analysed, nuts: Analysed) -> str:
            estimate = self.both(fast, nuts).success
            return f"{label or 'Simulating'}: {estimate.value:.3f} ± {estimate.mcse:.3f}"

        def before() -> None:
            compile_for(work, self.engine)

        fast, nuts = run(
            work, description, self.engine, analyse, choose=self.to_audit, before=before,
            told=told, progress=self.progress,
        )  # fmt: skip
        done = max(len(fast), len(nuts)) == len(self.engine.trials)
        if not alone and not (done and len(nuts) >= self.engine.n_audit):
            raise KeyboardInterrupt("interrupted: with Engine(path=...) trials are kept")
        return self.both(fast, nuts)

    def both(self, fast: Analysed, nuts: Analysed) -> Both:
        """Return trials with what decides them in this plan."""
        part = fast if len(fast) else nuts
        rule = self.plan.rule_of(part.estimate.shape[-1])
        futility = None if self.plan.looks is None else self.plan.looks.futility
        known, cuts = self.plan.analysis.name == "BMVB", self.plan.cuts_of(rule)
        near = near_cut(deciding(rule, fast.probability), cuts) if len(fast) else None
        return Both(fast, nuts, rule, cuts, futility, known, near)

    def to_audit(self, fast: Analysed, number: int) -> NDArray[np.int64]:
        """Return the numbers of the trials that NUTS analyses too, half of them close ones."""
        rule = self.plan.rule_of(fast.sizes[3])
        near = near_cut(deciding(rule, fast.probability), self.plan.cuts_of(rule))
        few = min(int((~near).sum()), max(number // 2, number - int(near.sum())))
        chosen = [fast.trial[~near][:few], fast.trial[near][: number - few]]
        return np.sort(np.concatenate(chosen))


def compile_for(work: Work, engine: Engine) -> None:
    """Analyse a trial by each method, once in a process: compiled code is on disk for workers."""
    methods = [engine.method, *(["nuts"] if engine.n_audit else [])]
    for method in methods:
        kind = work.analysis.name, len(work.rule.outcomes), method
        if kind not in _COMPILED:
            analyse(work, range(engine.first, engine.first + 1), method)
            _COMPILED.add(kind)


def evaluate(
    plan: Plan, scenario: Scenario, engine: Engine, progress: bool
) -> OperatingCharacteristics:
    """Return the operating characteristics under truths, or averaged over draws of them."""
    simulation = Simulation.of(plan, engine, progress)
    check(plan, scenario)
    if scenario.averaged:
        truths = [scenario.truth(s) for s in range(len(scenario))]
        both = simulation.trials(truths, scenario.described(), "Averaging", alone=True)
        return of_trials(simulation, scenario, [both])
    found = []
    for s, label in enumerate(scenario.labels):
        one = scenario.part([s])
        alone = len(scenario) == 1
        found.append(simulation.trials([one.truth(0)], one.described(), label, alone=alone))
    return of_trials(simulation, scenario, found)


def of_trials(
    simulation: Simulation, scenario: Scenario, found: Sequence[Both]
) -> OperatingCharacteristics:
    """Return the characteristics from analysed trials: of each truth, or of all in turn."""
    if scenario.averaged:
        return _averaged(simulation, scenario, found[0])
    plan = simulation.plan
    rule = plan.rule_of(scenario.n_outcomes)
    data = xr.concat(
        [numbers(both, scenario.delta[s : s + 1], plan.looks_at) for s, both in enumerate(found)],
        dim="scenario",
    ).assign_coords(scenario=list(scenario.labels))
    return result(simulation, data, scenario, claims_hold(rule, scenario.phi, rule.sides[0]))


def one_trial(plan: Plan, scenario: Scenario, trial: int, seed: int, look: int | None) -> Study:
    """Return what `Design.simulate` says."""
    of_kind("truth", scenario, Scenario, "must be a bmco_pymc.Scenario")
    whole("trial", trial, least=0)
    whole("seed", seed, least=0)
    check(plan, scenario)
    looks = len(plan.looks_at)
    place = looks if look is None else whole("look", look, 1, looks)
    simulator = Simulator.of(plan, scenario.truth(trial % len(scenario)), seed)
    return simulator.study(simulator.sample(trial).at(place - 1))


def check(plan: Plan, scenario: Scenario) -> None:
    """Refuse truths that the plan's subjects cannot have, and formulas that mean nothing in them.

    Raises
    ------
    InputError
    """
    if scenario.clustered and plan.clusters is None:
        problem = "has clusters, and the design has none: Design(clusters=..., size=...)"
        raise InputError("truth", "icc", problem)
    simulator = Simulator.of(plan, scenario.truth(0), 0)
    if plan.analysis.name == "BMVB":
        return
    clusters, many = plan.in_clusters, OneByOne(np.array([[SUBJECTS, SUBJECTS]]))
    if clusters is not None:  # subjects enough for any category
        size = max(2, 2 * SUBJECTS // clusters.total)
        at = np.array([float(clusters.total)])
        simulator = replace(simulator, recruitment=InClusters(clusters.with_size(size), at))
    else:
        simulator = replace(simulator, recruitment=many)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InputWarning)
        plan.analysis.of(simulator.study(simulator.sample(0)))


def result(
    simulation: Simulation, data: xr.Dataset, scenario: Scenario, effect: Any
) -> OperatingCharacteristics:
    """Return numbers by scenario with what they are about."""
    plan = simulation.plan
    rule = plan.rule_of(scenario.n_outcomes)
    data = data.assign(
        theta=(("scenario", "group", "outcome"), scenario.theta),
        effect=("scenario", effect),
        n=(("look", "group"), plan.looks_at),
        cut=("look", plan.cuts_of(rule)),
    )
    if scenario.n_outcomes > 1:
        data["rho"] = (("scenario", "group", "pair"), scenario.rho)
    if scenario.icc is not None:
        data["icc"] = (("scenario", "group", "outcome"), scenario.icc)
    return OperatingCharacteristics(
        plan, described_by(simulation, data), "power", words=scenario.words
    )


def described_by(simulation: Simulation, data: xr.Dataset) -> xr.Dataset:
    """Return numbers with how they were made, after a warning where the fast analysis is off."""
    engine, plan = simulation.engine, simulation.plan
    how = "BMVB" if plan.analysis.name == "BMVB" else engine.method
    data.attrs.update(engine=how, trials=int(np.max(data["trials"])), seed=engine.seed)
    if bool(np.any(data["refused"])):
        warn_user(
            "the fast analysis decides too often otherwise than NUTS and is not used: the numbers "
            "are those of the audited trials alone; for more, engine=Engine(method='nuts')"
        )
    return data


def _averaged(simulation: Simulation, scenario: Scenario, both: Both) -> OperatingCharacteristics:
    """Return averages over truths that are draws from a distribution: trials take them in turn."""
    plan = simulation.plan
    rule = plan.rule_of(scenario.n_outcomes)
    data = numbers(both, scenario.delta, plan.looks_at)
    holds = claims_hold(rule, scenario.phi, rule.sides[0])
    true = holds[both.trial % len(holds)]
    refuse = both.refused or None
    wrong = both.probability(lambda ended: ended.success.any(axis=1), ~true, refuse=refuse)
    success = max(float(data["success"]), 1e-300)
    data = data.assign(
        effect=holds.mean(),
        effect_mcse=holds.std(ddof=1) / np.sqrt(len(holds)),
        success_without_effect=wrong.value,
        success_without_effect_mcse=wrong.mcse,
        effect_given_success=min(max(1 - wrong.value / success, 0.0), 1.0),
        effect_given_success_mcse=wrong.mcse / success,
        theta=(("group", "outcome"), scenario.theta.mean(axis=0)),
        n=(("look", "group"), plan.looks_at),
        cut=("look", plan.cuts_of(rule)),
    )
    # Trials are of different truths, so that their spread has that of the truths in it.
    return OperatingCharacteristics(
        plan, described_by(simulation, data), "assurance", words=scenario.words
    )


def of_prior(plan: Plan, prior: Dirichlet | Mixture, seed: int) -> Scenario:
    """Return truths drawn from a design prior of the pattern probabilities.

    Raises
    ------
    InputError
        If the design has clusters, of which such a prior says nothing.
    """
    if plan.clusters is not None:
        problem = "says nothing about clusters: take draws from a pilot, fit.scenario()"
        raise InputError("truth", prior, problem)
    n_outcomes = outcomes_of(prior)
    from bmco_pymc import patterns

    if n_outcomes is None:
        n_outcomes = len(plan.rule_of(None).outcomes)
    rng = np.random.default_rng(seed)
    both = [
        draw_phi(*part, DRAWS, rng)
        for part in prior.components("prior", patterns.labels(n_outcomes))
    ]
    return of_draws(np.stack(both, axis=1), f"{DRAWS:,} draws from the design prior {prior}.")
