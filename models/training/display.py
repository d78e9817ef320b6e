"""The progress bar of a training run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .run_folder import Report


@contextmanager
def progress_bar(stages: dict[str, int], seed: int, shown: bool) -> Iterator[Report]:
    """A bar per stage on stderr with its epochs and, once there is one, its loss; the seed stands above them.

    ``shown`` False: nothing.
    """
    if not shown:
        yield lambda stage, done, epochs, loss: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    console.print(f"seed {seed}")
    columns = (
        TextColumn("{task.description:22}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[loss]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bar:
        tasks = {name: bar.add_task(name, total=epochs, loss="", start=False) for name, epochs in stages.items()}

        def report(stage: str, done: int, epochs: int, loss: float | None) -> None:
            bar.start_task(tasks[stage])
            shown = "" if loss is None else f"loss {loss:.4f}"
            bar.update(tasks[stage], completed=done, total=epochs, loss=shown)

        yield report
