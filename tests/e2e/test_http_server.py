"""The HTTP door of the running daemon: malformed requests, many connections, the machines' pages, the API document."""
import http.client
import json
import resource
import socket
import ssl
import time

import pytest

import steward


def raw(site, data):
    """What comes back for these bytes, until the daemon closes or one answer without body is there."""
    with socket.create_connection(("127.0.0.1", site.http_port), timeout=steward.TIMEOUT) as s:
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        got = b""
        while chunk := s.recv(65536):
            got += chunk
        return got


@pytest.mark.parametrize("data", [
    b"POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabcde",
    b"GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length : 0\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: a\r\nX\x00: 1\r\n\r\n",
    b"GET /healthz HTTP/1.1\nHost: a\n\n",
    b"GET /healthz HTTP/1.1\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
])
def test_smuggling_is_refused(site, data):
    got = raw(site, data + b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
    head, _, body = got.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ") and b"Connection: close" in head, got
    assert json.loads(body)["status"] == 400 and got.count(b"HTTP/1.1 ") == 1


def test_problems_are_json(site):
    for method, path, status in (("GET", "/nothing", 404), ("GET", "/api/v1/nothing", 404), ("DELETE", "/api/v1/tickets", 405),
                                 ("GET", "/api/v1/tickets?limit=0", 422), ("GET", "/api/v1/tickets/T-000001", 404)):
        r = site.request(method, path)
        assert r.status == status and r.headers["content-type"] == "application/problem+json", r
        assert r.json["status"] == status and r.json["title"], r
    assert site.request("GET", "/api/v1/tickets", token=None).status == 401
    assert site.request("GET", "/api/v1/tickets", token="wrong").status == 401
    assert site.request("DELETE", "/api/v1/tickets").headers["allow"] == "GET, HEAD, POST"


def test_head_keeps_the_connection(site):
    with socket.create_connection(("127.0.0.1", site.http_port), timeout=steward.TIMEOUT) as s:
        s.sendall(b"HEAD /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        got = b""
        while chunk := s.recv(65536):
            got += chunk
    assert got.count(b"HTTP/1.1 200 OK") == 2 and got.count(b'{"status":"ok"}') == 1, got


def test_machines_pages(site):
    assert site.request("GET", "/healthz", token=None).json == {"status": "ok"}
    ready = site.request("GET", "/readyz", token=None)
    assert ready.status == 200 and ready.json["checks"]["store"] == {"status": "ok"}, ready
    pbx = site.pbx()
    pbx.ring("c1")
    pbx.sync()
    assert site.request("GET", "/readyz", token=None).json["checks"]["source:pbx-a"]["status"] == "ok"
    pbx.close()
    steward.eventually(lambda: site.request("GET", "/readyz", token=None).json["checks"]["source:pbx-a"]["status"] == "degraded",
                       "a PBX that is down is degraded")
    answer = site.request("GET", "/readyz", token=None)
    assert answer.status == 200 and answer.json["status"] == "degraded"
    text = site.request("GET", "/metrics", token=None).body
    names = [line.split("{")[0].split(" ")[0] for line in text.splitlines() if line and not line.startswith("#")]
    assert names and all(n.startswith("steward_") for n in names), names
    heads = [line.split(" ")[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(heads) == len(set(heads)), "a family is written twice"
    samples = [line.rsplit(" ", 1)[0] for line in text.splitlines() if line and not line.startswith("#")]
    assert len(samples) == len(set(samples)), [s for s in samples if samples.count(s) > 1]
    assert 'steward_source_up{source="pbx-a"} 0' in text


def test_openapi(site):
    doc = site.request("GET", "/api/v1/openapi.json", token=None).json
    assert doc["openapi"].startswith("3.1") and doc["info"]["title"] == "steward"
    for path in ("/api/v1/owners", "/api/v1/tickets/{id}/claim", "/api/v1/calls", "/api/v1/events", "/api/v1/messages"):
        assert path in doc["paths"], path
    names = set(doc["components"]["schemas"])

    def refs(v):
        if isinstance(v, dict):
            for key, value in v.items():
                if key == "$ref":
                    yield value
                else:
                    yield from refs(value)
        elif isinstance(v, list):
            for item in v:
                yield from refs(item)
    for ref in refs(doc):
        kind, name = ref.split("/")[-2:]
        assert name in (names if kind == "schemas" else doc["components"]["responses"]), ref
    ids = [(p, m) for p, ops in doc["paths"].items() for m in ops]
    assert len(ids) > 60


def test_idle_connections_hurt_nobody(site):
    """Many connections that say nothing; meanwhile a call pops and the API answers."""
    want = 10000
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft = min(hard, want + 500)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    n = min(want, soft - 400)
    idle = []
    try:
        for _ in range(n):
            idle.append(socket.create_connection(("127.0.0.1", site.http_port), timeout=steward.TIMEOUT))
        assert site.get("/tickets")["items"] == []
        phone, pbx = site.agent("1001"), site.pbx()
        pbx.ring("c1", "1001")
        assert phone.expect("pop", call="c1")
        pbx.sync()
        assert site.request("GET", "/healthz", token=None).status == 200
    finally:
        for s in idle:
            s.close()


def test_slow_reader_of_events_is_cut_off(site):
    """One stream is never read; the other gets every call. It is read between the rounds: one fits what a reader may be behind."""
    slow = socket.create_connection(("127.0.0.1", site.http_port))
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.sendall(f"GET /api/v1/events HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {steward.TOKEN}\r\n\r\n".encode())
    quick, pbx = site.events(), site.pbx()
    for n in range(200):
        for i in range(100):
            pbx.ring(f"c{n}-{i}", "1001")
            pbx.event("cleared", f"c{n}-{i}", by="caller")
        pbx.sync()
        for i in range(100):
            quick.next("call", call=f"c{n}-{i}", state="cleared")
        if "steward_events_cut_off_total 1" in site.request("GET", "/metrics", token=None).body:
            break
    else:
        raise AssertionError("the stream that nobody reads was not cut off")
    slow.close()
    quick.close()


def test_tls(make, certificate):
    """HTTPS answers, at once (no Nagle delay), keeps its connection, and marks the cookie Secure; the stream works too."""
    site = make(start=False)
    text = site.config.read_text(encoding="utf-8")
    site.config.write_text(text.replace("listen:\n", f"listen:\n  tls: {{certificate: {certificate[0]}, key: {certificate[1]}, for: [http]}}\n"),
                           encoding="utf-8")
    site.start(wait=True)
    context = ssl.create_default_context(cafile=certificate[0])
    context.check_hostname = False
    https = http.client.HTTPSConnection("127.0.0.1", site.http_port, timeout=steward.TIMEOUT, context=context)
    auth = {"Authorization": f"Bearer {steward.TOKEN}"}

    def at_once():
        began = time.monotonic()
        https.request("GET", "/api/v1/tickets", headers=auth)
        reply = https.getresponse()
        assert reply.status == 200 and json.loads(reply.read())["items"] == []
        return time.monotonic() - began < 0.030
    steward.eventually(at_once, "an answer that waits for no delayed acknowledgement (40 ms)")
    https.request("POST", "/api/v1/users", json.dumps({"name": "li.na", "role": "agent", "password": "correct horse"}), auth)
    assert https.getresponse().read()
    https.request("POST", "/api/v1/session", json.dumps({"user": "li.na", "password": "correct horse"}))
    reply = https.getresponse()
    assert "; Secure" in reply.getheader("set-cookie") and reply.read()
    https.request("GET", "/api/v1/events", headers=auth)
    assert https.getresponse().readline().startswith(b"retry:")
    https.close()
    with socket.create_connection(("127.0.0.1", site.http_port), timeout=steward.TIMEOUT) as plain:
        plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        try:
            assert not plain.recv(100).startswith(b"HTTP/1.1 200")
        except ConnectionResetError:
            pass
