"""``--cluster``: calls by name on a Dask cluster. Everything that is Dask's stands in this file.

A call is a function and a few words: it does its work wherever it runs, keeps what it made itself, and comes back with a few numbers. It
may run twice, and what is lost with a worker or a scheduler is called again.
"""

from __future__ import annotations

import contextlib
import logging
import os
import platform
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, NamedTuple

from rich.console import Console

from scenarios.launcher.kernels import load_kernels
from simulator.errors import InputError, MarketSimError, explain

RETRIES = 5
"""Of a call that fails with an error of the store, say; a node that is lost with its worker is another matter."""
LOSSES = 100
"""Workers that may be lost over one call, in a cluster of our own, before the call counts as their murderer."""
ROUNDS = 20
"""How often the cluster itself may be lost, its scheduler killed, while we wait for it to come back."""
PATIENCE_S = 60.0
START_S = 3600.0
"""A worker of a local cluster that takes longer to be started again is given up. Dask does so after 15 s, which a busy machine takes, and
starts no other in its place."""
BACK_AFTER_S = 1.0
EXTRA = "pip install '.[cluster]'"
OWN = ("local", "slurm")
"""Clusters that are started here, and end with the command."""
JOB_MEMORY = "4GB"
"""Of a Slurm job with one process, if Dask's configuration says nothing."""


class Call(NamedTuple):
    """``work(*words)``, to be called on a node; ``work`` is found there by its name."""

    name: str
    work: Callable[..., Any]
    words: tuple[Any, ...]
    turn: int = 0


def prepare_node() -> str:
    """Once a node before its calls: compile the kernels, if they are not there, so that no two processes do it at once."""
    load_kernels(Console(stderr=True))
    return platform.node()


class Engine:
    """A cluster that makes calls, as long as there are any left."""

    def __init__(self, address: str, workers: int, say: Callable[[str], None]) -> None:
        """``workers``: processes, or jobs, of a cluster of our own. Raises ``InputError`` for what is no cluster, or a missing library."""
        try:
            import distributed

            if address == "slurm":
                import dask_jobqueue  # noqa: F401
        except ImportError as error:
            raise InputError(explain("--cluster", address, f"a library is missing: {error}", f"{EXTRA} has it.")) from error
        if address not in OWN and "://" not in address:
            limit = f"must be {', '.join(OWN)}, or a scheduler's address"
            raise InputError(explain("--cluster", address, limit, "For example tcp://10.0.0.5:8786."))
        self._distributed = distributed
        self._address = address
        self._workers = workers
        self._say = say

    def run(
        self, left: Callable[[], Sequence[Call]], heard: Callable[[Call, Any, str], None],
        until: Callable[[Collection[str]], int] = lambda done: 1,
    ) -> list[str]:  # fmt: skip
        """Make what is ``left``; returns what went wrong. ``heard(call, what it returned, "3 of 8")`` for each as it ends; calls wait
        whose ``turn`` is ``until(names of those that ended)`` or later. Raises ``MarketSimError``.
        """
        began = False
        for _ in range(ROUNDS):
            todo = left()
            if not todo:
                return []
            try:
                with self._client(min(self._workers, len(todo))) as client:
                    self._wait_for_a_worker(client)
                    began = True
                    faults = self._round(client, todo, heard, until)
            except self._lost() as error:
                if self._address not in OWN and not began:
                    limit = f"there is no scheduler that answers: {error}"
                    remedy = "Start one with `dask scheduler`, or use --cluster local."
                    raise InputError(explain("--cluster", self._address, limit, remedy)) from error
                self._say(f"The cluster was lost ({type(error).__name__}); looking for it again.")
                time.sleep(BACK_AFTER_S)
                continue
            if faults:
                return faults
        count = len(left())
        return [f"The cluster was lost {ROUNDS} times; {count} calls are left"] if count else []

    def _wait_for_a_worker(self, client: Any) -> None:
        queues = self._address == "slurm"  # where a job may wait for hours
        if queues:
            self._say("Waiting for Slurm to start the first job.")
        client.wait_for_workers(1, timeout=None if queues else PATIENCE_S)

    def _round(
        self, client: Any, todo: Sequence[Call], heard: Callable[[Call, Any, str], None], until: Callable[[Collection[str]], int]
    ) -> list[str]:
        """What went wrong, when all calls have ended."""
        self._prepare(client)
        futures: dict[Any, Call] = {}
        waiting, running = list(todo), self._distributed.as_completed()
        done: set[str] = set()
        faults: list[str] = []

        def submit() -> None:
            end = until(done)
            while waiting and waiting[0].turn < end:
                call = waiting.pop(0)
                future = client.submit(call.work, *call.words, pure=False, retries=RETRIES)
                futures[future] = call
                running.add(future)

        submit()
        for count, future in enumerate(running, 1):
            call = futures[future]
            if future.status == "cancelled":
                raise self._distributed.client.FutureCancelledError(call.name, "the scheduler is gone")
            error = future.exception()
            if error is not None:
                faults.append(f"{call.name}: {error if isinstance(error, MarketSimError) else f'{type(error).__name__}: {error}'}")
                continue
            done.add(call.name)
            submit()
            heard(call, future.result(), f"{count} of {len(todo)}")
        return faults

    def _prepare(self, client: Any) -> None:
        """One call a node, before all others. Raises ``InputError`` for a node without the program."""
        by_host: dict[str, str] = {}
        for name, worker in client.scheduler_info(n_workers=-1)["workers"].items():
            by_host.setdefault(worker["host"], name)
        prepared = {
            host: client.submit(prepare_node, workers=[name], allow_other_workers=True, pure=False) for host, name in by_host.items()
        }
        for host, future in prepared.items():
            error = future.exception()
            if isinstance(error, ImportError | AttributeError):
                limit = f"the program cannot be loaded there: {error}"
                raise InputError(explain("A node of the cluster", host, limit, "Install it there, the same version as here."))
            if error is not None:
                raise error

    @contextlib.contextmanager
    def _client(self, workers: int) -> Iterator[Any]:
        """Of a cluster of our own, one process a core, or of somebody's."""
        import dask

        distributed = self._distributed
        settings = {"distributed.scheduler.allowed-failures": LOSSES, "distributed.comm.timeouts.connect": f"{PATIENCE_S:.0f}s"}
        if self._address == "local":  # where Slurm's jobs are given up, others are submitted
            settings["distributed.deploy.lost-worker-timeout"] = f"{START_S:.0f}s"
        with dask.config.set(settings):
            if self._address not in OWN:
                with distributed.Client(self._address, timeout=PATIENCE_S) as client:
                    yield client
                return
            with (
                tempfile.TemporaryDirectory(prefix="shards-dask-", ignore_cleanup_errors=True) as folder,
                self._own_cluster(workers, folder) as cluster, distributed.Client(cluster) as client,
            ):  # fmt: skip
                yield client

    def _own_cluster(self, workers: int, folder: str) -> Any:
        if self._address == "slurm":
            return slurm_cluster(workers)
        one_a_core = {"n_workers": workers, "threads_per_worker": 1, "memory_limit": 0, "silence_logs": logging.ERROR}
        settings = {**one_a_core, "scheduler_kwargs": _http("127.0.0.1:0"), "host": "127.0.0.1", "local_directory": folder}
        try:
            return self._distributed.LocalCluster(**settings)
        except RuntimeError as error:  # a worker was killed before it had begun
            raise TimeoutError(str(error)) from error

    def _lost(self) -> tuple[type[BaseException], ...]:
        """What says that the scheduler is gone, or not there yet."""
        from concurrent.futures import CancelledError

        distributed = self._distributed
        return (distributed.client.FutureCancelledError, CancelledError, distributed.comm.CommClosedError, OSError, TimeoutError)


def slurm_cluster(jobs: int) -> Any:
    """So many jobs by ``sbatch``; one that ends is submitted again. Partition, account, time and the rest stand in Dask's configuration
    (``jobqueue.slurm``, also as ``DASK_JOBQUEUE__SLURM__QUEUE`` and so on). Raises ``InputError`` if jobs cannot be submitted.
    """
    import dask
    import dask_jobqueue

    cores = dask.config.get("jobqueue.slurm.cores") or 1
    settings = {
        "cores": cores, "processes": dask.config.get("jobqueue.slurm.processes") or cores,
        "memory": dask.config.get("jobqueue.slurm.memory") or JOB_MEMORY,
        "scheduler_options": {**_http(":0"), **(dask.config.get("jobqueue.slurm.scheduler-options", None) or {})},
    }  # fmt: skip
    if shutil.which("sbatch") is None:
        limit = "jobs cannot be submitted here: there is no sbatch"
        raise InputError(explain("--cluster", "slurm", limit, "Start the command on a login node of the cluster."))
    cluster = dask_jobqueue.SLURMCluster(**settings)
    try:
        _try_out(cluster.job_script())
        cluster.adapt(minimum_jobs=jobs, maximum_jobs=jobs)
    except BaseException:
        cluster.close()
        raise
    return cluster


def _try_out(script: str) -> None:
    """Whether Slurm would take the job: a wrong partition is said now. Raises ``InputError``."""
    with tempfile.NamedTemporaryFile("w", suffix=".sh") as file:
        file.write(script)
        file.flush()
        tried = subprocess.run(["sbatch", "--test-only", file.name], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if tried.returncode:
        limit = f"jobs cannot be submitted here: {' '.join((tried.stderr or tried.stdout).split())}"
        raise InputError(explain("--cluster", "slurm", limit, "Correct jobqueue.slurm in Dask's configuration (docs/scale.md)."))


def _http(free: str) -> dict[str, Any]:
    """Of the scheduler of a cluster of our own: a dashboard where the environment says, else none, and a port that nobody has."""
    address = os.environ.get("DASK_DASHBOARD_ADDRESS")
    return {"dashboard": True, "dashboard_address": address} if address else {"dashboard": False, "dashboard_address": free}
