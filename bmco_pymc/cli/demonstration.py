"""``bmco-pymc demo``: the school study from data to decisions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from bmco_pymc.cli.app import CODES, Grouped, app
from bmco_pymc.cli.blocks import unfolded
from bmco_pymc.cli.declared import RESULT, Talk, option
from bmco_pymc.cli.run import running

SEED = 2025


@app.command(cls=Grouped, epilog=CODES)
@unfolded
def demo(
    *,
    out: Annotated[Path, option(RESULT, "Folder for the files.", "FOLDER")] = Path("bmco-demo"),
    talk: Talk,
) -> None:
    """Analyse the school study that comes with the package.

    20 schools were randomised to a traditional or a new teaching method. Did more of their 300
    pupils pass mathematics and reading? Prints the answer and writes summary.txt, estimates.csv
    and effect.png. Takes a minute or two, most of it for compiling.
    """
    from bmco_pymc.cli.output import finish, writable
    from bmco_pymc.data.examples import load_schools
    from bmco_pymc.data.study import Study
    from bmco_pymc.models.bglmm import BGLMM

    with running("demo", talk) as run:
        folder = writable(out)
        study = Study(
            load_schools(),
            outcomes=["math_pass", "reading_pass"],
            group="method",
            control="traditional",
            treatment="new_method",
            cluster="school_id",
        )
        model = BGLMM(study, fixed="method * baseline_ability", random="1")
        run.add("THE STUDY", study)
        run.show()
        fit = model.fit(seed=SEED, progress=run.progress)
        run.add("THE FIT", fit)
        run.show()

        run.say("\nAveraging over schools and pupils ...")
        new = fit.effect(clusters="new")
        decisions = [new.decide(rule) for rule in ("All", "Any", "Comp")]
        run.add("IN NEW SCHOOLS LIKE THESE: is the new method better?", new)
        run.add(*decisions)

        observed = fit.effect(clusters="observed", standardise="own")
        run.add(
            "IN THE SCHOOLS OBSERVED, each group over its own pupils (as bmco reports)", observed
        )
        run.add(observed.decide("All"))
        run.add(
            "The two answers differ because few schools were randomised: how the new method does "
            "in other schools is less certain than how these pupils did."
        )
        finish(run, new, decisions, 0.95, folder)
