"""``python -m bmco_pymc``: the command line, where the script is not on the path."""

from bmco_pymc.cli import app

if __name__ == "__main__":
    app(prog_name="python -m bmco_pymc")
