"""Datasets of a run on an object store."""

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from counted_pairs import make_counted_pairs
from distributed import Client, LocalCluster

from gdiv.command import main
from gdiv.files import file_sizes, write_json
from gdiv.study.cluster import ADDRESS
from gdiv.study.integrity import RECORD, check_run, measure_size
from gdiv.study.opening import open_study
from gdiv.study.results import find_result
from gdiv.study.resumable import write_dataset
from gdiv.study.storage import OWNER, STORAGE, choose_storage, dataset_folder
from gdiv.study.store import read_result
from gdiv.study.workspace import StudyError

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(600)]
NAME = "displacement-dis"


@pytest.fixture(scope="module")
def emulator():
    """Address of an emulator of S3."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(emulator, monkeypatch, request):
    """URL of an empty bucket; its address and credentials are in the environment."""
    import s3fs

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", emulator)
    url = f"s3://bucket-{abs(hash(request.node.name))}"
    files = s3fs.S3FileSystem(use_listings_cache=False)
    files.mkdir(url)
    yield url
    files.rm(url, recursive=True)


def make_pairs(rows=256):
    """Make lazy displacements of four pairs, computed in blocks of some rows."""
    values = da.random.default_rng(0).normal(size=(4, 256, 20), chunks=(1, rows, 20))
    coords = {"pair": range(4), "y": np.arange(256.0), "x": np.arange(20.0)}
    layers = dict.fromkeys(("u", "v", "quality", "sigma_u", "sigma_v"), values)
    scores = dict.fromkeys(find_result(NAME).content, np.zeros(4))
    named = {name: ("pair", score) for name, score in scores.items()}
    return xr.Dataset(named | {key: (("pair", "y", "x"), v) for key, v in layers.items()}, coords)


def open_on(folder, url):
    """Open a study whose datasets are stored at a URL."""
    study = open_study("mer-de-glace", "smoke", workspace=str(folder))
    choose_storage(study.folder, url)
    return study


@pytest.mark.parametrize("rows", [256, 128], ids=["whole", "blocks"])
def test_workers_write_and_read_an_object_store(rows, bucket, tmp_path, monkeypatch, capsys):
    expected = make_pairs(rows).load()
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
        monkeypatch.setenv(ADDRESS, cluster.scheduler_address)
        with Client(cluster):
            study = open_on(tmp_path, f"{bucket}/run")
            study.save(NAME, make_pairs(rows))
            stored = study.open(NAME)
            assert f"saved {bucket}/run/{NAME}.zarr" in capsys.readouterr().out
            assert np.array_equal(stored.u.mean("pair").values, expected.u.mean("pair").values)
    assert not list((tmp_path / "data").iterdir()), "no dataset and no journal is left"
    assert sorted(path.name for path in study.path(NAME).parent.iterdir()) == [
        f"{NAME}.zarr",
        OWNER,
    ]


def test_a_replaced_dataset_is_read_as_it_is_now(bucket, tmp_path):
    study = open_on(tmp_path, f"{bucket}/run")
    study.save(NAME, make_pairs())
    assert "new" not in study.open(NAME)
    study.save(NAME, make_pairs().assign(new=make_pairs().u))
    assert study.open(NAME).new.shape == (4, 256, 20)


def test_a_lost_object_is_named_and_clean_removes_the_objects(bucket, tmp_path, capsys):
    study = open_on(tmp_path, f"{bucket}/run")
    study.save(NAME, make_pairs())
    path = study.path(NAME)
    name = f"data/{NAME}.zarr"
    write_json(tmp_path / RECORD, {"05": {"measures": {name: measure_size(path)}}})
    assert check_run(tmp_path) == {name: ""}
    path.fs.rm(f"{path.path}/u/c/2/0/0")
    with pytest.raises(StudyError, match=rf"'{NAME}' is damaged: it has \d+ files instead of"):
        study.open(NAME)
    assert "files instead of" in check_run(tmp_path)[name]
    arguments = ["clean", "mer-de-glace", "--profile", "smoke", "--workspace", str(tmp_path)]
    assert main(arguments) == 0
    assert not path.exists() and not tmp_path.exists()


@pytest.mark.parametrize("allowed", [0, 1])
@pytest.mark.parametrize("stopped", ["copy", "rm"])
def test_a_save_that_is_killed_at_its_end_loses_nothing(
    stopped, allowed, bucket, tmp_path, monkeypatch
):
    """Killed while objects are copied to their final names, or while earlier ones are removed."""
    write_json(tmp_path / STORAGE, {"url": f"{bucket}/run"})
    path, journal = dataset_folder(tmp_path) / f"{NAME}.zarr", tmp_path / "journal.json"
    calls = []

    def stop(*arguments, **options):
        calls.append(arguments)
        if len(calls) > allowed:
            raise KeyboardInterrupt
        return original(*arguments, **options)

    original = getattr(path.fs, stopped)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(path.fs, stopped, stop)
        write_dataset(make_pairs(), path, 32632, journal)
        write_dataset(make_pairs(), path, 32632, journal)
    write_dataset(make_pairs(), path, 32632, journal)
    stored = read_result(path, "dataset")
    assert np.array_equal(stored.u.values, make_pairs().u.values)
    assert not path.with_suffix(".part").exists()


def test_an_interrupted_save_resumes_on_an_object_store(bucket, tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    write_json(tmp_path / STORAGE, {"url": f"{bucket}/run"})
    path, journal = dataset_folder(tmp_path) / "labels.zarr", tmp_path / "labels.journal.json"
    with pytest.raises(KeyboardInterrupt):
        write_dataset(make_counted_pairs(calls, 4, killed_from=2), path, 32632, journal)
    assert set(calls) == {0, 1} and not path.exists() and journal.exists()
    calls.clear()
    write_dataset(make_counted_pairs(calls, 4), path, 32632, journal)
    assert set(calls) == {2, 3} and len(file_sizes(path)) > 4
    assert (read_result(path, "dataset").u == 1).all()
    assert not path.with_suffix(".part").exists()


def test_a_folder_of_a_shared_file_system_is_a_store(tmp_path):
    study = open_on(tmp_path / "run", str(tmp_path / "shared"))
    study.save(NAME, make_pairs())
    assert (tmp_path / "shared" / f"{NAME}.zarr").is_dir()
    assert not list((tmp_path / "run" / "data").glob("*.zarr"))
    again = open_study("mer-de-glace", "smoke", workspace=str(tmp_path / "run"))
    assert again.open(NAME).sizes["pair"] == 4, "the folder of the run names its store"


def test_unusable_stores_are_refused_with_the_cure(bucket, tmp_path):
    with pytest.raises(StudyError, match="a password or a query"):
        choose_storage(tmp_path, "s3://me:secret@bucket/run")
    with pytest.raises(StudyError, match="the store s3://no-such-bucket/run cannot be used"):
        choose_storage(tmp_path, "s3://no-such-bucket/run")
    with pytest.raises(StudyError, match="is not a URL of fsspec"):
        choose_storage(tmp_path, "magic://bucket/run")
    assert not (tmp_path / STORAGE).exists()
    choose_storage(tmp_path, f"{bucket}/one")
    choose_storage(tmp_path, f"{bucket}/one")
    with pytest.raises(StudyError, match=r"are in .*/one; omit --store"):
        choose_storage(tmp_path, f"{bucket}/two")
    with pytest.raises(StudyError, match="has the datasets of another run"):
        choose_storage(tmp_path / "other", f"{bucket}/one")


def test_a_folder_with_other_files_is_not_taken(tmp_path):
    """`gdiv clean` removes the store of a run, which therefore holds nothing else."""
    other = tmp_path / "shared" / "mine.zarr"
    other.mkdir(parents=True)
    with pytest.raises(StudyError, match="is not empty; use an empty URL of its own"):
        choose_storage(tmp_path / "run", str(tmp_path / "shared"))
    assert other.exists() and not (tmp_path / "run").exists()


def test_a_store_that_is_gone_is_one_message(bucket, tmp_path, capsys):
    study = open_on(tmp_path, f"{bucket}/run")
    study.save(NAME, make_pairs())
    write_json(tmp_path / RECORD, {"05": {"measures": {}}})
    files = dataset_folder(tmp_path).fs
    files.rm(bucket, recursive=True)
    for command in ("check", "clean"):
        arguments = ["mer-de-glace", "--profile", "smoke", "--workspace", str(tmp_path)]
        assert main([command, *arguments]) == 1
        assert f"the store {bucket}/run cannot be used" in capsys.readouterr().err
    assert tmp_path.exists()
    files.mkdir(bucket)


def test_a_run_with_local_datasets_is_not_moved(tmp_path):
    (tmp_path / "data" / "cube.zarr").mkdir(parents=True)
    with pytest.raises(StudyError, match="omit --store, or use another folder"):
        choose_storage(tmp_path, str(tmp_path / "shared"))
