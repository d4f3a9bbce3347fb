"""``bmco-pymc plot``: a picture of a fit that was kept."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import typer

from bmco_pymc.cli.app import CODES, Grouped, app
from bmco_pymc.cli.blocks import unfolded
from bmco_pymc.cli.declared import (
    CI,
    RESULT,
    Deciding,
    KeptFit,
    Talk,
    Whom,
    completing,
    given,
    option,
)
from bmco_pymc.cli.run import running
from bmco_pymc.cli.speech import SAME

PICTURE = "Picture"
NAMES = (
    *("effect", "theta", "delta", "joint", "trace", "density", "autocorr", "rank", "check"),
    *("clusters", "shrinkage", "missing", "sensitivity", "tipping", "curve", "subgroups"),
    "overlap",
)
FORMATS = (".png", ".svg", ".pdf")
# Arguments that options are called like, where others do not have them.
SPELT_SO = SAME | {"which", "kind", "what", "most", "covariate", "by", "bins", "scale"}


@dataclass(frozen=True)
class Own:
    """What single pictures are asked."""

    which: Annotated[
        str | None,
        option(
            PICTURE,
            "trace, density, autocorr, rank: a block of parameters, by default all but the "
            "clusters'.",
            choices=("all", "fixed", "random", "variance", "clusters"),
        ),
    ] = None
    kind: Annotated[
        str | None,
        option(
            PICTURE,
            "check: what is compared with replicated data. Default: rates.",
            choices=("rates", "correlations", "patterns", "clusters", "calibration"),
        ),
    ] = None
    draws: Annotated[
        int | None, option(PICTURE, "check: number of replicates, at most. Default: 2000.")
    ] = None
    seed: Annotated[
        int | None, option(PICTURE, "check: seed of the replicates. Default: that of the fit.")
    ] = None
    what: Annotated[
        str | None,
        option(
            PICTURE,
            "clusters: the effect in each (delta, the default), or its coefficients.",
            choices=("delta", "coefficients"),
        ),
    ] = None
    most: Annotated[
        int | None, option(PICTURE, "clusters, shrinkage: how many clusters to show. Default: 60.")
    ] = None
    outcomes: Annotated[
        str | None,
        option(PICTURE, "joint: which two, where there are more.", "COLUMN,COLUMN"),
    ] = None
    covariate: Annotated[
        str | None, option(PICTURE, "curve: the covariate to go along.", "COLUMN")
    ] = None
    by: Annotated[
        str | None, option(PICTURE, "subgroups: the column that tells them apart.", "COLUMN")
    ] = None
    bins: Annotated[
        str | None,
        option(PICTURE, "subgroups: how many of a number, or their edges: 18:40:65.", "NUMBER"),
    ] = None
    scale: Annotated[
        str | None,
        option(
            PICTURE,
            "sensitivity: what is scaled: prior, likelihood, or a block of the prior; several "
            "are separated by commas. Default: prior,likelihood.",
            "NAMES",
        ),
    ] = None


@app.command(cls=Grouped, epilog=CODES)
@unfolded
def plot(
    context: typer.Context,
    *,
    fit: KeptFit,
    picture: Annotated[
        str,
        typer.Argument(
            help=f"One of {', '.join(NAMES)}.",
            metavar="PICTURE",
            autocompletion=completing(NAMES),
        ),
    ],
    out: Annotated[Path, option(RESULT, "File of the picture: .png, .svg or .pdf.", "FILE")],
    dpi: Annotated[int, option(RESULT, "Dots per inch of a .png.")] = 150,
    own: Own,
    whom: Whom,
    deciding: Deciding,
    ci: CI = 0.95,
    talk: Talk,
) -> None:
    """Draw a picture of a kept fit.

    A file of that name is replaced. The help says which pictures an option of their own is for;
    those of population and decision are for the pictures that show an effect.
    """
    from bmco_pymc.arguments import whole
    from bmco_pymc.cli import kept_fits, options, output
    from bmco_pymc.cli.pictures import check_options
    from bmco_pymc.errors import InputError

    with running("plot", talk, same=SPELT_SO) as run:
        always = {"context", "fit", "picture", "out", "dpi", *(f.name for f in fields(Talk))}
        asked = {
            name: value
            for name, value in context.params.items()
            if name not in always and _was_given(context, name)
        }
        drawn = check_options(picture, asked)
        if out.suffix.lower() not in FORMATS:
            raise InputError("--out", str(out), "the end of its name says no format", FORMATS)
        whole("--dpi", dpi, least=10, most=2400)
        fitted = kept_fits.take_up(fit)
        named = not drawn.without_rule or "rule" in asked
        question = options.read_look(fitted.model, whom, deciding, ci, named=named)
        output.writable_file(out, "--out")
        more: dict[str, Any] = given(**vars(own))
        if drawn.needed in ("covariate", "by"):
            more["progress"] = run.progress
        figure = drawn.draw(fitted, question, more)
        run.write(out.parent, {out.name: lambda path: figure.savefig(path, dpi=dpi)})
        output.judge(run, fitted, kept=True)


def _was_given(context: Any, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
