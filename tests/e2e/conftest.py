"""Fixtures: a started site, a site to be configured first, a gateway. Teardown reads every log."""
import subprocess

import pytest

import steward


def pytest_configure(config):
    config.addinivalue_line("markers", "spread: runs beside the other tests of its file (pytest -n, --dist loadgroup)")


def pytest_collection_modifyitems(items):
    """A file's tests run one after another, files beside each other; tests that are marked `spread` each on their own."""
    for item in items:
        if not item.get_closest_marker("spread"):
            item.add_marker(pytest.mark.xdist_group(item.path.name))


@pytest.fixture
def make(tmp_path):
    """make(frozen=…, start=…): a new site folder; every daemon it starts is stopped and its log read."""
    made = []

    def new(frozen=False, start=True, name="site", **kw):
        site = steward.Steward(tmp_path / f"{name}{len(made)}", frozen=frozen, **kw)
        made.append(site)
        if start:
            site.start()
        return site

    yield new
    errors = []
    for site in made:
        try:
            site.close()
        except AssertionError as e:
            errors.append(e)
    if errors:
        raise errors[0]


@pytest.fixture
def site(make):
    """A started site in real time."""
    return make()


@pytest.fixture
def frozen(make):
    """A started site whose wall clock moves by site.advance(seconds) only."""
    return make(frozen=True)


@pytest.fixture
def sink():
    """An HTTP gateway that keeps what it gets."""
    made = steward.Sink()
    yield made
    made.close()


@pytest.fixture
def certificate(tmp_path):
    """A certificate for localhost and its key."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem"], check=True, capture_output=True)
    return tmp_path / "cert.pem", tmp_path / "key.pem"
