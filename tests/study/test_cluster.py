"""Compute on the workers of a cluster."""

from contextlib import suppress

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from distributed import Client, LocalCluster, default_client

from gdiv.command import main
from gdiv.study import cluster
from gdiv.study.cluster import ADDRESS, cluster_address, compute_threads, connect
from gdiv.study.opening import open_study
from gdiv.study.resumable import write_dataset
from gdiv.study.workspace import StudyError

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(600)]


@pytest.fixture
def workers(monkeypatch):
    """Two worker processes, named by the environment."""
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as started:
        monkeypatch.setenv(ADDRESS, started.scheduler_address)
        yield started
        with suppress(ValueError):  # there is none
            default_client().close()


def make_pairs():
    """Make lazy displacements of six pairs."""
    values = da.random.default_rng(0).normal(size=(6, 40, 40), chunks=(1, 40, 40))
    coords = {"pair": range(6), "y": np.arange(40.0), "x": np.arange(40.0)}
    return xr.Dataset({"u": (("pair", "y", "x"), values)}, coords)


def test_workers_and_threads_give_equal_results(workers, tmp_path, monkeypatch):
    write_dataset(make_pairs(), tmp_path / "cluster.zarr", 32632)
    client = connect()
    assert compute_threads() == 2
    done = client.run_on_scheduler(
        lambda dask_scheduler: sum(
            prefix.state_counts["memory"] + prefix.state_counts["released"]
            for prefix in dask_scheduler.task_prefixes.values()
        )
    )
    assert done > 0
    client.close()
    monkeypatch.delenv(ADDRESS)
    write_dataset(make_pairs(), tmp_path / "threads.zarr", 32632)
    stores = (
        xr.open_zarr(tmp_path / f"{n}.zarr", consolidated=False) for n in ("cluster", "threads")
    )
    first, second = (store.u.values for store in stores)
    assert np.array_equal(first, second)


def test_a_study_connects_when_it_opens(workers, tmp_path, capsys):
    open_study("mer-de-glace", "smoke", workspace=str(tmp_path))
    assert f"computing on 2 threads of {workers.scheduler_address}" in capsys.readouterr().out
    assert connect() is connect()


def test_an_unreachable_scheduler_gives_one_message(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(cluster, "PATIENCE", 1.0)
    address = "tcp://127.0.0.1:9"
    arguments = ["run", "mer-de-glace", "--workspace", str(tmp_path / "run"), "--cluster", address]
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert f"the scheduler {address} cannot be reached" in error and "omit both" in error
    assert not (tmp_path / "run").exists()


def test_a_cluster_without_workers_gives_one_message(monkeypatch):
    monkeypatch.setattr(cluster, "PATIENCE", 1.0)
    with LocalCluster(n_workers=0, dashboard_address=":0") as empty:
        monkeypatch.setenv(ADDRESS, empty.scheduler_address)
        with pytest.raises(StudyError, match="has no worker; start one"):
            connect()


def test_the_loss_of_all_workers_is_reported_and_aborts(workers, monkeypatch, capsys):
    monkeypatch.setattr(cluster, "REMINDER", 0.5)
    monkeypatch.setattr(cluster, "ABORT_AFTER", 1.0)
    client = Client(workers.scheduler_address)
    workers.scale(0)
    cluster._watch(client, "tcp://scheduler")
    out = capsys.readouterr().out
    assert "tcp://scheduler has no worker; waiting for one for" in out
    assert "aborted: tcp://scheduler has had no worker for" in out
    assert client.status == "closed"


def test_a_local_cluster_is_started_and_closed(monkeypatch):
    with cluster_address("local:1") as address:
        monkeypatch.setenv(ADDRESS, address)
        client = connect()
        assert compute_threads() == 1
    assert client.status == "closed"


def test_without_a_cluster_the_threads_of_this_machine_compute(monkeypatch):
    monkeypatch.delenv(ADDRESS, raising=False)
    with cluster_address("") as address:
        assert address == ""
    assert connect() is None
    assert 1 <= compute_threads() <= 8


@pytest.mark.parametrize("named", ["local", "local:", "local:many", "local:0"])
def test_a_local_cluster_needs_its_number_of_workers(named):
    with pytest.raises(StudyError, match="local:N"), cluster_address(named):
        pass
