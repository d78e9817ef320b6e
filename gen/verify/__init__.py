"""Whether what was built gives the reference's integers: ``verify`` and the simulators behind it."""

from .ladder import verify
from .rtl_model import RtlModel

__all__ = ["RtlModel", "verify"]
