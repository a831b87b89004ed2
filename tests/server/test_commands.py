"""`flowstone server`, `open` and `token`, as a user runs them."""

from __future__ import annotations

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request

import msgspec
import pytest

from flowstone.server.presence import running_servers
from tests.server.commands import environ_of, flowstone, flowstone_server, ran

FLOW = "from flowstone import flow\n@flow\ndef nightly(): pass\nnightly()"


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


def unwrapped(text):
    return " ".join(text.split())


def asked(url, path, key=None):
    request = urllib.request.Request(f"{url}/api/{path}")
    if key:
        request.add_header("Authorization", f"Bearer {key}")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return msgspec.json.decode(answer.read())


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A home with a run that was made before its server was first started, and that server."""
    home = tmp_path_factory.mktemp("shared") / "home"
    ran(home, FLOW)
    with flowstone_server(home) as url:
        yield home, url


@pytest.mark.timeout(120)
def test_a_run_made_before_the_server_was_first_started_is_shown(shared):
    _, url = shared
    until = time.monotonic() + 15
    while not (items := asked(url, "flow-runs")["items"]):
        assert time.monotonic() < until
        time.sleep(0.02)
    assert [run["flow"] for run in items] == ["nightly"]


@pytest.mark.timeout(120)
def test_a_home_has_one_server_and_the_second_says_where_it_is(shared):
    home, url = shared
    pid = running_servers(home)[0].pid
    for words in (["--port", "0"], ["--port", "0", "--background"]):
        second = flowstone(home, "server", "start", *words)
        assert second.returncode == 1
        assert f"running already at {url} (pid {pid})" in second.stderr


@pytest.mark.timeout(120)
def test_what_asks_how_it_is_is_told_where_it_is(shared):
    home, url = shared
    pid = running_servers(home)[0].pid
    status = flowstone(home, "server", "status", "--wait", "30")
    assert status.returncode == 0
    assert f"{url}  ready, pid {pid}" in status.stdout
    opened = flowstone(home, "open", DISPLAY="", WAYLAND_DISPLAY="", BROWSER="")
    assert opened.stdout == f"{url}/\n"
    missing = flowstone(home, "open", "nosuch")
    assert "There is no flow run or task run with the id" in missing.stderr
    assert f"serves at {url} (pid {pid})" in unwrapped(flowstone(home, "doctor").stdout)


@pytest.mark.timeout(120)
def test_a_port_in_use_is_told_with_who_uses_it(shared, home):
    _, url = shared
    port = url.rpartition(":")[2]
    taken = flowstone(home, "server", "start", "--port", port)
    assert taken.returncode == 1
    assert f"port {port} of 127.0.0.1 is in use by a Flowstone server of" in taken.stderr
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        taken = flowstone(home, "server", "start", "--port", str(port), "--background")
        assert taken.returncode == 1
        assert f"port {port} of 127.0.0.1 is in use by another program" in taken.stderr


def test_where_no_server_runs_that_is_said(home):
    gone = flowstone(home, "server", "status")
    assert gone.returncode == 1
    assert gone.stdout.startswith(f"No server runs over {home}.")
    assert flowstone(home, "server", "stop").returncode == 0


@pytest.mark.timeout(120)
def test_a_server_that_was_killed_is_none(home):
    with flowstone_server(home):
        pid = running_servers(home)[0].pid
        os.kill(pid, signal.SIGKILL)
        until = time.monotonic() + 10
        while running_servers(home):
            assert time.monotonic() < until
            time.sleep(0.01)
        with flowstone_server(home) as url:
            assert asked(url, "health") == {"status": "ok"}


def test_an_address_that_others_can_reach_needs_a_token_first(home):
    refused = flowstone(home, "server", "start", "--host", "0.0.0.0", "--port", "0")
    assert refused.returncode == 1
    assert "flowstone token create --scope admin" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.timeout(120)
def test_with_a_token_it_listens_where_others_can_reach_it(home):
    made = flowstone(home, "token", "create", "--scope", "read", "--name", "me", "-o", "json")
    secret = msgspec.json.decode(made.stdout)["secret"]
    with flowstone_server(home, "--host", "0.0.0.0") as url:
        with pytest.raises(urllib.error.HTTPError, match="401"):
            asked(url, "flow-runs")
        assert asked(url, "flow-runs", secret)["items"] == []
        checked = flowstone(home, "doctor", FLOWSTONE_API_URL=url, FLOWSTONE_API_KEY=secret)
        assert "token 'me', scope read" in unwrapped(checked.stdout)
        checked = flowstone(home, "doctor", FLOWSTONE_API_URL=url, FLOWSTONE_API_KEY="flst_x")
        assert checked.returncode == 1
        assert "FLOWSTONE_API_KEY" in unwrapped(checked.stdout)


def test_doctor_says_where_no_server_answers(home):
    checked = flowstone(home, "doctor", FLOWSTONE_API_URL="http://127.0.0.1:9")
    assert checked.returncode == 1
    assert "nothing answers at http://127.0.0.1:9" in unwrapped(checked.stdout)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--workers", "2"], "several workers need Postgres"),
        (["--tls-cert", "here.pem"], "both --tls-cert and --tls-key"),
        (["--tls-cert", "no.pem", "--tls-key", "no.key"], "no.pem is not there"),
        (["--host", "no-such-host.invalid"], "cannot listen on 'no-such-host.invalid'"),
        (["--port", "99999"], "server.api.port"),
        (["--database-url", "mysql://there"], "mysql"),
    ],
)
def test_what_cannot_be_served_is_refused_in_a_line(home, words, said):
    refused = flowstone(home, "server", "start", "--port", "0", *words)
    assert refused.returncode == 1
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.timeout(120)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_time_whatever_is_open(home, number):
    with subprocess.Popen(
        [sys.executable, "-m", "flowstone.cli", "server", "start", "--port", "0"],
        env=environ_of(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        url = process.stdout.readline().split()[-1]
        address = ("127.0.0.1", int(url.rpartition(":")[2]))
        # A request that never ends, and one that waits for what happens.
        half = socket.create_connection(address)
        half.sendall(b"POST /api/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{")
        stream = socket.create_connection(address)
        stream.sendall(b"GET /api/live?topics=runs HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert stream.recv(12) == b"HTTP/1.1 200"
        begun = time.monotonic()
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
        assert time.monotonic() - begun < 6  # 2 s on a machine that is not busy
        half.close()
        stream.close()
    assert process.returncode == 0
    assert "Traceback" not in said, said
    assert running_servers(home) == []


@pytest.mark.timeout(120)
def test_it_speaks_tls_with_a_certificate(home, tmp_path):
    x509 = pytest.importorskip("cryptography.x509")
    cert, key = _certificate(x509, tmp_path)
    with flowstone_server(home, "--tls-cert", str(cert), "--tls-key", str(key)) as url:
        assert url.startswith("https://127.0.0.1:")
        context = ssl.create_default_context(cafile=str(cert))
        with urllib.request.urlopen(f"{url}/api/health", context=context, timeout=10) as answer:
            assert answer.status == 200
        assert flowstone(home, "server", "status").returncode == 0
        checked = flowstone(
            home, "doctor", FLOWSTONE_API_URL=url, FLOWSTONE_API_SSL_CERT_FILE=str(cert)
        )
        assert "All is well." in checked.stdout, checked.stdout
        checked = flowstone(home, "doctor", FLOWSTONE_API_URL=url)
        assert "FLOWSTONE_API_SSL_CERT_FILE" in checked.stdout


@pytest.mark.timeout(120)
def test_several_workers_share_a_postgres(home, postgres_url):
    words = ["--database-url", postgres_url, "--workers", "2"]
    with flowstone_server(home, *words) as url:
        assert flowstone(home, "server", "status", "--wait", "60").returncode == 0
        assert asked(url, "version")["database"] == "postgres"
        assert asked(url, "flow-runs")["items"] == []
        said = flowstone(home, "server", "status").stdout
        assert postgres_url.rpartition("/")[2] in said
    assert running_servers(home) == []


@pytest.mark.timeout(60)
def test_tokens_are_made_listed_and_revoked(home):
    made = flowstone(home, "token", "create", "--scope", "run", "--name", "etl", "--expires", "30d")
    secret = made.stdout.removesuffix("\n")
    assert re.fullmatch(r"flst_[\w-]+", secret)  # by itself, for $(…)
    assert f"export FLOWSTONE_API_KEY={secret}" in made.stderr
    listed = flowstone(home, "token", "ls")
    assert "etl" in listed.stdout
    assert secret not in listed.stdout
    again = flowstone(home, "token", "create", "--scope", "run", "--name", "etl")
    assert again.returncode == 1
    assert "already" in again.stderr
    assert flowstone(home, "token", "revoke", "etl").returncode == 0
    assert flowstone(home, "token", "revoke", "etl").returncode == 1
    assert flowstone(home, "token", "ls", "-o", "json").stdout.strip() == "[]"
    wrong = flowstone(home, "token", "create", "--scope", "run", "--expires", "soon")
    assert wrong.returncode == 2


@pytest.mark.timeout(60)
def test_what_only_asks_loads_no_framework(home):
    code = (
        "import sys; from flowstone.cli.main import main; main(['server', 'status']); "
        "main(['token', 'ls']); "
        "print(sorted({'litestar', 'uvicorn', 'psycopg', 'asyncio'} & set(sys.modules)))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code],
        env=environ_of(home),
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.splitlines()[-1] == "[]"


def _certificate(x509, tmp_path):
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    import datetime as dt
    import ipaddress

    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    cert_path, key_path = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert_path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return cert_path, key_path
