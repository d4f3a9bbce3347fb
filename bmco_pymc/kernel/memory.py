"""Parts of a flat array of numbers seen as arrays of any shape.

numba's slices and ``reshape`` check and count references, 20 to 30 ns each: for a study of a few
hundred subjects the forty views of one evaluation would cost as much as the likelihood.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

type Floats = NDArray[np.float64]


@intrinsic
def _place(context: Any, flat: Any, at: Any) -> Any:
    """Return the address of an element of a C-contiguous array of float64."""

    def code(target: Any, builder: Any, signature: Any, args: Any) -> Any:
        array = target.make_array(signature.args[0])(target, builder, args[0])
        return builder.gep(array.data, [args[1]])

    return types.CPointer(types.float64)(flat, types.intp), code


@njit(error_model="numpy")
def view(flat: Floats, at: int, shape: tuple[int, ...]) -> Floats:
    """Return an array of this shape whose first element is ``flat[at]``; nothing is checked.

    The array does not keep ``flat`` alive: whoever calls a function that makes views must hold it.
    """
    return carray(_place(flat, at), shape)
