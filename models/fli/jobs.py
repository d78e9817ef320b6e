"""Which networks ``bitsmith train fli`` trains, in which order, and which of them become files."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .network import STUDENTS, TEACHER, Units
from .quantization import PRECISIONS, Precision

ALPHA = 0.5
"""The teacher's share of the loss: it says the mean of what a noisy curve may stand for, the truth one case of it."""
OTHER_STATES = (8,)
"""Widths of the state that Lite 32 is also trained with, for comparison."""
FLOAT_RATE, TEACHER_RATE = 4e-3, 2e-3
"""First learning rates of a training from scratch, and of the large teacher's."""
FIXED_RATE = {8: 2e-3, 16: 5e-4}
"""First learning rate of quantization-aware training, by width: sixteen bits have little to mend."""


@dataclass(frozen=True)
class Job:
    """One training. ``bits`` 0 is float. It begins with the weights of the job ``start``, if empty with random ones.

    ``teacher`` names the job whose curves it also learns; none if empty. ``state_type`` takes the place of the
    precision's own.
    """

    name: str
    units: Units
    steps: int
    rate: float
    seed: int
    bits: int = 0
    start: str = ""
    teacher: str = ""
    state_type: str = ""

    @property
    def alpha(self) -> float:
        return ALPHA if self.teacher else 0.0

    @property
    def precision(self) -> Precision:
        """The precision of a fixed-point network."""
        own = PRECISIONS[self.bits]
        return replace(own, state_type=self.state_type) if self.state_type else own


@dataclass(frozen=True)
class Plan:
    """The jobs in an order in which each finds what it needs; ``files`` maps a file's stem to the job inside it."""

    jobs: tuple[Job, ...]
    files: dict[str, str]
    images: tuple[int, int, int]
    """Synthetic training, validation and test images."""
    mono_curves: int


def key(units: Units) -> str:
    """``lite32`` or ``64x16``."""
    return f"lite{units[0]}" if len(units) == 1 else "x".join(str(number) for number in units)


def full_plan(seed: int) -> Plan:
    """All rows of the paper's three tables, five files, and the 8-bit Lite 32 with four further seeds."""
    first = Job(f"{key(TEACHER)}_float", TEACHER, 700, TEACHER_RATE, seed)
    teacher = Job(f"{key(TEACHER)}_float_more", TEACHER, 1000, TEACHER_RATE / 2, seed, start=first.name)
    jobs = [first, teacher, _float((64, 16), 600, seed), _fixed((64, 16), 8, 1000, seed, teacher)]
    for units in ((32,), (16,)):
        jobs += [_float(units, 2000, seed)]
        jobs += [_fixed(units, 8, 2000, seed), _fixed(units, 8, 2000, seed, teacher)]
        jobs += [_fixed(units, 16, 200, seed), _fixed(units, 16, 200, seed, teacher)]
    qat = next(job for job in jobs if job.name == "lite32_8_qat")
    jobs += [replace(qat, name=f"{qat.name}_state{bits}", state_type=f"fixed<{bits},1>") for bits in OTHER_STATES]
    jobs += [_float(units, 600, seed) for units in STUDENTS if units != (64, 16)]
    for other in range(seed + 1, seed + 5):
        jobs += [_float((32,), 2000, other, True), _fixed((32,), 8, 2000, other, None, True)]
        jobs += [_fixed((32,), 8, 2000, other, teacher, True)]
    jobs += [_float((128,), 600, seed), _fixed((128,), 8, 1000, seed), _fixed((128,), 16, 100, seed)]
    files = {"lite32_8": "lite32_8_kd", "lite32_16": "lite32_16_kd", "lite16_8": "lite16_8_kd"}
    files |= {"lite16_16": "lite16_16_kd", "stacked64x16_8": "64x16_8_kd"}
    return Plan(tuple(jobs), files, (200, 20, 20), 2000)


def quick_plan(seed: int) -> Plan:
    """A few minutes: Lite 16 in float and in 8 bits, with a Lite 32 as its teacher."""
    teacher, student = _float((32,), 400, seed), _float((16,), 400, seed)
    jobs = (teacher, student, _fixed((16,), 8, 200, seed), _fixed((16,), 8, 200, seed, teacher))
    return Plan(jobs, {"lite16_8": "lite16_8_kd"}, (20, 4, 4), 200)


def _float(units: Units, steps: int, seed: int, numbered: bool = False) -> Job:
    return Job(f"{key(units)}_float{_suffix(seed, numbered)}", units, steps, FLOAT_RATE, seed)


def _fixed(units: Units, bits: int, steps: int, seed: int, teacher: Job | None = None, numbered: bool = False) -> Job:
    """Quantization-aware training from the float network of the same units and seed."""
    suffix, way = _suffix(seed, numbered), "kd" if teacher else "qat"
    name, start = f"{key(units)}_{bits}_{way}{suffix}", f"{key(units)}_float{suffix}"
    return Job(name, units, steps, FIXED_RATE[bits], seed, bits, start, teacher.name if teacher else "")


def _suffix(seed: int, numbered: bool) -> str:
    return f"_seed{seed}" if numbered else ""
