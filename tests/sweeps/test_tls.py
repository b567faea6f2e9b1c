"""A scheduler at tls:// and the credentials for it."""

import pytest

from feature_collapse.errors import InputError
from feature_collapse.sweeps.engine import run_sweep
from feature_collapse.sweeps.options import SweepOptions, TLSFiles
from feature_collapse.sweeps.spec import Sweep

from .conftest import start_scheduler, start_worker, stop

distributed = pytest.importorskip("distributed")
SWEEP = Sweep.from_mapping(
    {"name": "s", "base": {"n_w": 12, "K": 6, "L": 3, "d": 4, "epochs": 3}, "axes": {"seeds": 4}}
)


def write_credentials(folder):
    security = distributed.Security.temporary()
    folder.mkdir()
    for name, content in (
        ("ca", security.tls_ca_file),
        ("cert", security.tls_client_cert),
        ("key", security.tls_client_key),
    ):
        (folder / f"{name}.pem").write_text(content)
    return TLSFiles(folder / "ca.pem", folder / "cert.pem", folder / "key.pem")


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    """Address of a scheduler with one worker, and the credentials for it."""
    folder = tmp_path_factory.mktemp("tls")
    files = write_credentials(folder / "ours")
    flags = (
        "--tls-ca-file",
        str(files.ca),
        "--tls-cert",
        str(files.certificate),
        "--tls-key",
        str(files.key),
    )
    scheduler, address = start_scheduler(folder, "--protocol", "tls", *flags)
    worker = start_worker(address, folder, more=flags)
    yield address, files
    stop(worker, scheduler)


def test_with_its_credentials_a_secured_scheduler_runs_the_sweep(secured, tmp_path):
    address, files = secured
    assert address.startswith("tls://")
    end = run_sweep(SWEEP, tmp_path / "s.sweep", SweepOptions(scheduler=address, tls=files))
    assert (end.done, end.failed) == (4, 0)


@pytest.mark.parametrize("own", [False, True], ids=["none", "of one's own making"])
def test_without_them_it_refuses(secured, tmp_path, own):
    files = write_credentials(tmp_path / "forged") if own else None
    with pytest.raises(InputError, match="cannot be reached") as error:
        run_sweep(SWEEP, tmp_path / "s.sweep", SweepOptions(scheduler=secured[0], tls=files))
    assert "\n" not in str(error.value)


def test_credentials_are_for_a_scheduler_at_tls(tmp_path):
    files = write_credentials(tmp_path / "ours")
    for scheduler in (None, "tcp://127.0.0.1:8786"):
        with pytest.raises(InputError, match="need --scheduler tls://"):
            SweepOptions(scheduler=scheduler, tls=files)


@pytest.mark.parametrize("name", ["ca", "certificate", "key"])
@pytest.mark.parametrize("content", [None, b"", b"\xff\x00", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_a_file_that_is_no_credential_is_one_sentence(tmp_path, name, content):
    files = vars(write_credentials(tmp_path / "ours"))
    files[name] = tmp_path / "wrong.pem"
    if content is not None:
        files[name].write_bytes(content)
    with pytest.raises(InputError, match=r"wrong\.pem") as error:
        TLSFiles(**files)
    assert "\n" not in str(error.value)
