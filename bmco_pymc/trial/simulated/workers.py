"""Who analyses the trials: this process, or workers of joblib, on this machine or on others."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import closing
from typing import Any

from threadpoolctl import threadpool_limits

from bmco_pymc.errors import SamplingError
from bmco_pymc.trial.simulated.analysed import Analysed
from bmco_pymc.trial.simulated.chunks import Chunk

Analyse = Callable[[Any, range, str], Analysed]
Done = Generator[tuple[Chunk, Analysed]]

TRIES = 2  # of a chunk whose worker dies


def analysed(work: Any, analyse: Analyse, chunks: Sequence[Chunk], jobs: int) -> Done:
    """Give each chunk with its trials, in the order in which they are ready.

    Where a worker dies, as one does that the system kills for want of memory, what was being
    analysed is analysed again by new workers, once.

    Parameters
    ----------
    work : object
        What ``analyse`` needs; it goes to the workers with each chunk.
    analyse : callable
        Of the work, the numbers of trials and a method.
    chunks : sequence of Chunk
    jobs : int
        Processes, -1 for one on each processor; with 1, what ``joblib.parallel_config`` says.

    Raises
    ------
    SamplingError
        If a worker dies on the same chunk again.
    """
    import joblib

    # 1 is the default: not a wish to be alone where the user has set up workers.
    workers = None if jobs == 1 else jobs
    client = _dask()
    if client is None and joblib.effective_n_jobs(workers) == 1:
        for chunk in chunks:
            yield _one(work, analyse, chunk)
        return
    left, died = dict.fromkeys(chunks), Counter[Chunk]()
    while left:
        lost: dict[Chunk, None] = {}
        try:
            if client is None:
                busy = _in_parallel(work, analyse, list(left), workers, lost)
            else:
                busy = _on_cluster(work, analyse, list(left), client, lost)
            with closing(busy) as done:
                for chunk, found in done:
                    del left[chunk]
                    yield chunk, found
        except Exception as error:
            if not _is_death(error):
                raise
            died.update(chunk for chunk in lost if chunk in left)
            if not died or max(died.values()) >= TRIES:
                raise SamplingError(_death(died)) from error


def _in_parallel(
    work: Any,
    analyse: Analyse,
    chunks: Sequence[Chunk],
    workers: int | None,
    lost: dict[Chunk, None],
) -> Done:
    """Give what joblib's workers give; ``lost`` are those that they have got, any may kill them."""
    import joblib

    def tasks() -> Iterator[Any]:
        for chunk in chunks:
            lost[chunk] = None
            yield joblib.delayed(_one)(work, analyse, chunk)

    # No backend is named: parallel_config may have named one. One chunk at a time, so that each
    # is kept when it is ready; arrays in the work go as they are, not as read-only maps.
    parallel = joblib.Parallel(
        n_jobs=workers, return_as="generator_unordered", batch_size=1, max_nbytes=None
    )
    done = parallel(tasks())
    try:
        # one by one: "yield from" would close it before the warning below is silenced
        for chunk, found in done:  # noqa: UP028
            yield chunk, found
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # joblib's, that there was work left
            done.close()


def _on_cluster(
    work: Any, analyse: Analyse, chunks: Sequence[Chunk], client: Any, lost: dict[Chunk, None]
) -> Done:
    """Give what the workers of a dask cluster give; ``lost`` are those that killed several.

    Not by joblib, which waits for ever for a task that dask gives up.
    """
    from distributed import as_completed

    futures = {client.submit(_one, work, analyse, chunk, pure=False): chunk for chunk in chunks}
    death = None
    try:
        for future in as_completed(list(futures)):
            if (error := future.exception()) is None:
                yield future.result()
            elif _is_death(error):  # the others go on
                lost[futures[future]], death = None, error
            else:
                raise error
            del futures[future]  # so that the cluster forgets what it has found
    finally:
        client.cancel(list(futures))
    if death is not None:
        raise death


def _dask() -> Any:
    """Return the client of the dask cluster that `joblib.parallel_config` names; or None."""
    from joblib.parallel import get_active_backend

    backend, _ = get_active_backend()
    return backend.client if type(backend).__name__ == "DaskDistributedBackend" else None


def _one(work: Any, analyse: Analyse, chunk: Chunk) -> tuple[Chunk, Analysed]:
    """Analyse a chunk in one thread: the work is shared by trials, and sums keep their order."""
    with threadpool_limits(limits=1):
        return chunk, analyse(work, chunk.trials, chunk.method)


def _is_death(error: BaseException) -> bool:
    # distributed's own error needs no import of distributed where it is not used
    return isinstance(error, BrokenExecutor) or type(error).__name__ == "KilledWorker"


def _death(died: Counter[Chunk]) -> str:
    """Say which chunks may have killed their workers."""
    most = max(died.values(), default=0)
    which = "; ".join(str(chunk) for chunk, times in died.items() if times == most)
    return (
        f"workers died {most} times while they analysed one of these: {which or 'none'}. "
        "The usual reason is too little memory: take fewer jobs. What was analysed before is kept "
        "if the engine has a path: the same call goes on from there."
    )
