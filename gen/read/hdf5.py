"""HDF5 groups as plain arrays: sizes and kinds are checked before anything is read, and no link leaves the file."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...sim.errors import BitsmithError

FloatArray = NDArray[np.float64]
MAX_VALUES = 1 << 26
"""64 million values a tensor: far beyond any network that fits an FPGA."""


MAX_ATTRIBUTE_BYTES = 64 << 20
MAX_NAMES = 1 << 16
"""A damaged file may claim any size."""


def child(group: Any, path: str, where: str) -> Any | None:
    """The object at ``path`` below ``group``, None where there is none; BitsmithError for a link."""
    import h5py

    for part in path.split("/"):
        if not isinstance(group, h5py.Group) or part not in group:
            return None
        if not isinstance(group.get(part, getlink=True), h5py.HardLink):
            raise BitsmithError(f"{where}: '{path}' is a link; save the model again as one plain file")
        group = group[part]
    return group


def read_array(dataset: Any, where: str) -> FloatArray:
    """A finite float64 copy of a dataset; BitsmithError for strings, NaN, infinities or an unreasonable size."""
    import h5py

    if not isinstance(dataset, h5py.Dataset) or dataset.is_virtual or dataset.external:
        raise BitsmithError(f"{where}: no plain array of numbers; save the model again")
    if dataset.shape is None or dataset.size > MAX_VALUES:
        raise BitsmithError(f"{where}: shape {dataset.shape} is beyond the {MAX_VALUES} values a tensor may have")
    if dataset.dtype.kind not in "fiu" or dataset.dtype.itemsize > 8:
        raise BitsmithError(f"{where}: dtype {dataset.dtype} is no number; save the model in float32")
    try:
        values = np.asarray(dataset[()])
    except OSError:
        raise BitsmithError(f"{where}: the array's data is damaged or truncated; save the model again") from None
    return finite(values, where)


def finite(values: NDArray[Any], where: str) -> FloatArray:
    """The values as float64; BitsmithError, naming the first index, where one is NaN or infinite."""
    with np.errstate(invalid="ignore"):  # a signalling NaN
        array = np.asarray(values, dtype=np.float64)
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        index = tuple(int(i) for i in bad[0])
        raise BitsmithError(f"{where}[{index}] is {array[index]}; train or save the model again with finite weights")
    return array


def read_attribute(node: Any, name: str, where: str) -> Any:
    """An attribute's value, None where there is none; BitsmithError where it claims an unreasonable size."""
    if name not in node.attrs:
        return None
    handle = node.attrs.get_id(name)
    count = handle.get_space().get_simple_extent_npoints()
    if count > MAX_NAMES or count * handle.get_type().get_size() > MAX_ATTRIBUTE_BYTES:
        raise BitsmithError(f"{where}: the attribute {name} claims an unreasonable size; the file is damaged")
    return node.attrs[name]
