"""The app, which the commands join: its help, its version, the codes that it ends with."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from bmco_pymc.cli.document import document, failure
from bmco_pymc.cli.speech import BAD_INPUT

# \b keeps the lines as they are.
CODES = """\b
Ends with
  0    the result can be used;
  1    something unexpected went wrong, or the files could not be written;
  2    bad input: nothing was computed;
  3    there is a result, not to be used yet: not converged, too few draws, or of an
       interrupted fit;
  130  interrupted: if draws were made, the result from them is printed and written, marked so.
"""
# As they come in somebody's work, in the help.
ORDER = ("demo", "fit", "effect", "check", "compare", "plot", "report", "power", "size")
# What the usage errors of typer's parser, of whichever version, have in common.
UsageError: Any = typer.BadParameter.__base__


class Commands(TyperGroup):
    """The commands; what is wrong with how one is called is a document if that was asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return their names, in an order."""
        return sorted(self.commands, key=ORDER.index)

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was named."""
        words = [*ctx._protected_args, *ctx.args]
        try:
            return super().invoke(ctx)
        except UsageError as error:
            if "--json" not in words:
                raise
            typer.echo(f"Error: {error.format_message()}", err=True)
            name = words[0] if words[0] in self.commands else None
            what = failure(None, None, error.format_message())
            typer.echo(document(name, BAD_INPUT, error=what))
            raise typer.Exit(BAD_INPUT) from None


class Grouped(TyperCommand):
    """A command whose help has options under headings, their panels."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options, panel by panel."""
        panels: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            if (record := param.get_help_record(ctx)) is not None:
                panel = getattr(param, "rich_help_panel", None) or "Options"
                panels.setdefault(panel, []).append(record)
        for panel, records in panels.items():
            with formatter.section(panel):
                formatter.write_dl(records)


app = typer.Typer(
    name="bmco-pymc",
    cls=Commands,
    help="Bayesian decisions on several correlated binary outcomes, flat or in clusters.",
    epilog=CODES,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        from bmco_pymc import __version__

        typer.echo(f"bmco_pymc {__version__}")
        raise typer.Exit


@app.callback(epilog=CODES)
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Bayesian decisions on several correlated binary outcomes, flat or in clusters."""
