"""Run the notebooks and keep their outputs: ``python docs/notebooks/execute.py [name ...]``.

Without names all notebooks of this folder are run, one after the other.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
from base64 import b64decode, b64encode
from io import BytesIO
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
# Where a warning was raised is a file of the kernel that no reader has.
PLACE = re.compile(r"^\S*ipykernel_\S*:\d+: ", re.MULTILINE)


def execute(notebook: Any) -> Any:
    """Run a notebook from top to bottom in this Python; change it in place and return it.

    The kernel is that of this Python, whatever kernels are installed, and works in the folder of
    the notebooks.
    """
    from ipykernel.kernelspec import write_kernel_spec
    from nbclient import NotebookClient

    before = dict(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        write_kernel_spec(f"{folder}/kernels/python3")
        path = os.pathsep.join(filter(None, [str(HERE.parent.parent), before.get("PYTHONPATH")]))
        os.environ |= {
            "JUPYTER_PATH": folder,
            "JUPYTER_RUNTIME_DIR": f"{folder}/runtime",
            "IPYTHONDIR": f"{folder}/ipython",
            "PYTHONPATH": path,
        }
        try:
            resources = {"metadata": {"path": str(HERE)}}
            NotebookClient(
                notebook, timeout=900, kernel_name="python3", resources=resources
            ).execute()
        finally:
            os.environ.clear()
            os.environ.update(before)
    return tidy(notebook)


def tidy(notebook: Any) -> Any:
    """Take out of a notebook what differs from run to run and from machine to machine."""
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = joined(cell.outputs)
        for output in cell.get("outputs", []):
            if output.output_type == "stream":
                output.text = PLACE.sub("", output.text)
            if picture := output.get("data", {}).get("image/png"):
                output.data["image/png"] = smaller(picture)
                if "alt" in cell.metadata:  # of a picture that is not the package's
                    output.metadata["image/png"] = {"alt": cell.metadata["alt"]}
    notebook.metadata["language_info"] = {"name": "python"}
    return notebook


def joined(outputs: list[Any]) -> list[Any]:
    """Return the outputs with what a cell printed in one piece, however it arrived."""
    found: list[Any] = []
    for output in outputs:
        last = found[-1] if found else {}
        if output.output_type == "stream" and output.name == last.get("name"):
            last["text"] += output.text
        else:
            found.append(output)
    return found


def smaller(picture: str) -> str:
    """Return a PNG in base64 with 256 colours, which takes a third of the space."""
    from PIL import Image

    image = Image.open(BytesIO(b64decode(picture))).convert("RGB")
    kept = BytesIO()
    image.quantize(256).save(kept, "png", optimize=True)
    return b64encode(kept.getvalue()).decode() + "\n"


def main(names: list[str]) -> None:
    """Run the notebooks of these names, or all, and write them with their outputs."""
    import nbformat

    for path in [HERE / f"{name}.ipynb" for name in names] or sorted(HERE.glob("*.ipynb")):
        start = time.perf_counter()
        notebook = nbformat.read(path, as_version=4)
        nbformat.write(execute(notebook), path)
        print(f"{path.name}: {time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main([Path(name).stem for name in sys.argv[1:]])
