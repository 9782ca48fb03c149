"""Compute on a Dask cluster, if one is given, instead of with local threads.

A connected client becomes Dask's default scheduler, so its workers compute all lazy objects of the
notebooks, such as cubes, labels, matches, mosaics and time series.
"""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from gdiv.extras import requires
from gdiv.study.workspace import StudyError

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["ADDRESS", "cluster_address", "compute_threads", "connect"]

#: Environment variable of Dask with the address of the scheduler.
ADDRESS = "DASK_SCHEDULER_ADDRESS"
#: Seconds to wait for the scheduler and for its first worker.
PATIENCE = 30.0
#: Without workers: seconds between messages, and seconds after which the run is aborted.
REMINDER = 30.0
ABORT_AFTER = 600.0
#: Maximum number of tasks computed in parallel by the threads of this machine.
MAX_THREADS = 8


@contextmanager
def cluster_address(named: str) -> Iterator[str]:
    """Yield the address of the cluster given by an option, starting it if it is local.

    Parameters
    ----------
    named : str
        Address of a scheduler; ``"local:N"`` for N worker processes on this machine; empty to use
        the environment variable ``DASK_SCHEDULER_ADDRESS``.

    Yields
    ------
    str
        Address; empty without a cluster.

    Raises
    ------
    StudyError
        If a local cluster has no number of workers.
    MissingPackageError
        If ``distributed`` is not installed.
    """
    kind, _, number = named.partition(":")
    if kind != "local":
        yield named or os.environ.get(ADDRESS, "")
        _disconnect()
        return
    if not number.isdigit() or not int(number):
        raise StudyError(f"--cluster {named} must be local:N with a number of workers N")
    with requires("study", "a cluster"):
        from distributed import LocalCluster
    # Matchers use threads themselves, so a worker takes one task at a time.
    with LocalCluster(
        n_workers=int(number), threads_per_worker=1, dashboard_address=":0"
    ) as cluster:
        yield str(cluster.scheduler_address)
        _disconnect()


def _disconnect() -> None:
    """Close the client of this process, if there is one, before its scheduler ends."""
    if "distributed" in sys.modules:
        with suppress(ValueError):  # no client
            sys.modules["distributed"].default_client().close()


def connect() -> "Client | None":
    """Connect to the cluster given by the environment, once per process.

    Returns
    -------
    distributed.Client or None
        Client; None if no cluster is given.

    Raises
    ------
    StudyError
        If the scheduler cannot be reached, has no worker, or runs other versions.
    MissingPackageError
        If ``distributed`` is not installed.
    """
    address = os.environ.get(ADDRESS, "")
    if not address:
        return None
    with requires("study", "a cluster"):
        from distributed import Client, default_client

    try:
        return default_client()
    except ValueError:
        pass
    cure = f"check {ADDRESS} or --cluster, or omit both to compute locally"
    try:
        client = Client(address, timeout=PATIENCE)
    except (OSError, ValueError) as error:
        raise StudyError(f"the scheduler {address} cannot be reached ({error}); {cure}") from None
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError:
        client.close()
        raise StudyError(f"the scheduler {address} has no worker; start one, or {cure}") from None
    try:
        client.get_versions(check=True)
    except ValueError as error:
        client.close()
        raise StudyError(f"use equal versions on the workers of {address}: {error}") from None
    threading.Thread(target=_watch, args=(client, address), daemon=True).start()
    print(f"computing on {_threads(client)} threads of {address}", flush=True)
    return client


def compute_threads() -> int:
    """Count the tasks that can be computed in parallel.

    Returns
    -------
    int
        Threads of the cluster's workers, or those of this machine, at most eight.
    """
    client = connect()
    if client is not None:
        return max(_threads(client), 1)
    return min(os.cpu_count() or 1, MAX_THREADS)


def _threads(client: "Client") -> int:
    """Threads of all workers."""
    return sum(client.nthreads().values())


def _watch(client: "Client", address: str) -> None:
    """Report that no worker is left, and abort after a while; Dask itself would wait forever."""
    waited = 0.0
    while client.status == "running":
        time.sleep(REMINDER)
        try:
            workers: dict[str, Any] = client.nthreads()
        except Exception:  # the connection is closed, which the computation itself reports
            return
        waited = 0.0 if workers else waited + REMINDER
        if waited:
            print(f"{address} has no worker; waiting for one for {waited:.0f} s", flush=True)
        if waited >= ABORT_AFTER:
            print(f"aborted: {address} has had no worker for {waited:.0f} s", flush=True)
            client.close(timeout=1)
            return
