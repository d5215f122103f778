"""Who may come in, and what it costs the others: guests, roles at every door, sign-in, what a token may write."""
import base64
import hashlib
import hmac
import json
import resource
import socket
import threading
import time

import pytest

import steward
from steward import Line

SECRET = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")  # of Steward.webhook()


def answer(site, head, body=b""):
    """The answer to a head whose body is not sent, or not whole."""
    with socket.create_connection(("127.0.0.1", site.http_port), timeout=steward.TIMEOUT) as s:
        s.sendall(head.replace("\n", "\r\n").encode() + b"\r\n" + body)
        got = b""
        while b"\r\n\r\n" not in got:
            piece = s.recv(65536)
            assert piece, got
            got += piece
        return int(got.split()[1])


def test_who_asks_is_known_before_the_body_comes(site):
    """A refusal arrives though not one byte of the body was sent."""
    for path in "/api/v1/tickets", "/api/v1/import":
        assert answer(site, f"POST {path} HTTP/1.1\nHost: a\nContent-Length: 1000000\n") == 401
        assert answer(site, f"POST {path} HTTP/1.1\nHost: a\nAuthorization: Bearer wrong\nContent-Length: 1000000\n") == 401
    for path in "/api/v1/session", "/hooks/x/receipt", "/cti/x":
        assert answer(site, f"POST {path} HTTP/1.1\nHost: a\nContent-Length: 1000000\n") == 413


def test_nobody_reads_the_body_of_a_stranger(site):
    """What is no JSON at all is 401, not 422: it was not looked at."""
    site.webhook("cloud", "http://127.0.0.1:9/")
    site.ctl("reload")
    for path in "/hooks/cloud/receipt", "/cti/cloud":
        assert site.request("POST", path, raw=b"[[],[", token=None).status == 401, path


def test_large_bodies_of_known_senders(site):
    note = "x" * 3000
    events = [{"event": "delivered", "call": f"h{i}", "direction": "inbound", "calling": "13800138000", "device": "1001", "note": note}
              for i in range(300)]
    assert site.request("POST", "/cti/cloud", events).json["events"] == 300
    r = site.request("POST", "/cti/cloud", raw=b"[" * 500000)
    assert r.status == 422 and r.json["field"] == "body"
    assert site.request("POST", "/api/v1/tickets", raw=b'{"a":' + b"[" * 200000).status == 422


def test_pipelined_requests_share_the_turns(site):
    """Three hundred at once on one connection are all answered, in turns."""
    one = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
    with socket.create_connection(("127.0.0.1", site.http_port), timeout=steward.TIMEOUT) as s:
        s.sendall(one * 299 + one.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        got = b""
        while piece := s.recv(1 << 20):
            got += piece
    assert got.count(b"HTTP/1.1 200 OK") == 300
    metrics = site.request("GET", "/metrics", token=None).body
    rested = next(int(line.split()[1]) for line in metrics.splitlines() if line.startswith("steward_http_rested_total "))
    assert rested >= 10


def test_strangers_make_room_for_each_other(site):
    """Two thousand half requests: the oldest are closed, whoever has a token and the control socket get in."""
    half, phone, pbx = [], site.agent("1001"), site.pbx()
    try:
        for _ in range(1500):
            s = socket.create_connection(("127.0.0.1", site.http_port), timeout=steward.TIMEOUT)
            s.sendall(b"POST /api/v1/session HTTP/1.1\r\nHost: a\r\nContent-Length: 16000\r\n\r\n{")
            half.append(s)
        assert site.get("/tickets")["items"] == []
        assert site.request("GET", "/api/v1/tickets", control=True).status == 200
        metrics = site.request("GET", "/metrics", token=None).body
        values = dict(line.rsplit(" ", 1) for line in metrics.splitlines() if not line.startswith("#"))
        assert int(values["steward_http_guests"]) <= 1024 and int(values["steward_http_guest_bytes"]) <= 4 << 20
        assert int(values["steward_http_evicted_total"]) > 400
        pbx.ring("c1", "1001")
        assert phone.expect("pop", call="c1")
    finally:
        for s in half:
            s.close()


def test_a_silent_link_is_told_why_it_makes_room(site):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 5000:
        pytest.skip(f"only {hard} descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 5000), hard))
    silent = [Line(site.line_port) for _ in range(4100)]
    assert silent[0].read()["code"] == "rate_limited" and silent[0].read() is None
    site.pbx()
    for line in silent:
        line.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_unknown_parameters_are_refused_by_name(site):
    for path in "/api/v1/tickets?stat=open", "/api/v1/calls?limit=5&since_=x", "/healthz?a=1":
        r = site.request("GET", path)
        assert r.status == 422 and r.json["field"] in ("stat", "since_", "a"), r


def test_an_auditor_is_one_at_every_door(site):
    """Reads, masked; bears no device, rings nobody, signs on nowhere."""
    token = site.user("he.jing", role="auditor")
    line = Line(site.line_port)
    line.send({"type": "hello", "v": 1, "role": "agent", "name": "x", "device": "1001", "token": token})
    assert line.read()["code"] == "forbidden" and line.read() is None
    assert site.request("POST", "/api/v1/session", {"device": "1001"}, token=token).status == 403
    assert site.request("POST", "/api/v1/calls", {"device": "1001", "number": "13800138000"}, token=token).status in (403, 405)
    monitor, plain, pbx = site.monitor(token), site.monitor(), site.pbx()
    pbx.ring("c1", "1001", calling="13800138000")
    assert "+8613800138000" in json.dumps(plain.expect("pop", call="c1"))
    told = json.dumps(monitor.expect("pop", call="c1"))
    assert "+86138****8000" in told and "13800138000" not in told
    pbx.sync()
    ticket = site.post("/tickets", {"subject": "拨 13800138000", "category": None, "department": None}, status=(200, 201, 422))
    if "id" in ticket:
        seen = site.request("GET", f"/api/v1/tickets/{ticket['id']}", token=token).body
        assert "13800138000" not in seen and "138****8000" in seen


def test_tries_count_when_they_are_queued(site):
    """Thirty wrong passwords at once: no more than eight are looked at."""
    site.post("/users", {"name": "li.na", "role": "agent", "password": "correct horse"})
    seen = []
    threads = [threading.Thread(target=lambda: seen.append(site.request(
        "POST", "/api/v1/session", {"user": "li.na", "password": "wrong horse"}, token=None).status)) for _ in range(30)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert seen.count(401) <= 8 and seen.count(401) + seen.count(429) == 30, seen


def test_right_passwords_are_no_tries(site):
    site.post("/users", {"name": "li.na", "role": "agent", "password": "correct horse"})
    for _ in range(12):
        assert site.request("POST", "/api/v1/session", {"user": "li.na", "password": "correct horse"}, token=None).status == 200


@pytest.mark.parametrize("headers,status", [
    ({"Origin": "https://evil.example"}, 403), ({"Origin": "null"}, 403), ({"Sec-Fetch-Site": "cross-site"}, 403),
    ({"Sec-Fetch-Site": "same-site"}, 403), ({"Sec-Fetch-Site": "same-origin"}, 200), ({"Sec-Fetch-Site": "none"}, 200), ({}, 200)])
def test_a_page_of_another_origin_signs_nobody_in(site, headers, status):
    site.post("/users", {"name": "li.na", "role": "agent", "password": "correct horse"})
    r = site.request("POST", "/api/v1/session", {"user": "li.na", "password": "correct horse"}, token=None, headers=headers)
    assert r.status == status and ("set-cookie" in r.headers) == (status == 200)


def test_a_changed_password_ends_sessions(site):
    site.post("/users", {"name": "li.na", "role": "agent", "password": "correct horse"})
    session = site.request("POST", "/api/v1/session", {"user": "li.na", "password": "correct horse"}, token=None).json["token"]
    token = site.post("/tokens", {"user": "li.na"})["token"]
    assert site.request("GET", "/api/v1/session", token=session).status == 200
    site.post("/users/li.na/password", {"password": "battery staple"})
    assert site.request("GET", "/api/v1/session", token=session).status == 401
    assert site.request("GET", "/api/v1/session", token=token).status == 200
    site.restart()
    assert site.request("GET", "/api/v1/session", token=session).status == 401


def test_backups_over_the_network_have_a_name_alone(make, tmp_path):
    site = make(start=False)
    text = site.config.read_text(encoding="utf-8")
    site.start()
    assert site.request("POST", "/api/v1/backup", {"file": "a.db"}).status == 403
    (tmp_path / "copies").mkdir()
    assert "\nstore:\n" in text
    site.config.write_text(text.replace("\nstore:\n", f"\nstore:\n  backups: {tmp_path}/copies\n"), encoding="utf-8")
    site.ctl("reload")
    for bad in str(tmp_path / "x.db"), "../x.db", ".x.db", "a/b.db", "":
        assert site.request("POST", "/api/v1/backup", {"file": bad}).status == 422, bad
    assert site.request("POST", "/api/v1/backup", {"file": "a.db"}).status == 200
    assert site.request("POST", "/api/v1/backup", {"file": "a.db"}).status == 409
    assert (tmp_path / "copies" / "a.db").stat().st_size > 0
    assert site.request("POST", "/api/v1/backup", {"file": str(tmp_path / "y.db")}, control=True).status == 200


def test_a_signed_push_that_comes_twice_counts_once(make):
    site = make(start=False)
    site.webhook("cloud-pbx", "http://127.0.0.1:9/")
    site.start()

    def push(push_id, body, at):
        data = json.dumps(body).encode()
        mac = base64.b64encode(hmac.new(SECRET, f"{push_id}.{at}.".encode() + data, hashlib.sha256).digest()).decode()
        return site.request("POST", "/cti/cloud-pbx", raw=data, token=None,
                            headers={"webhook-id": push_id, "webhook-timestamp": str(at), "webhook-signature": f"v1,{mac}"})
    now = int(time.time())
    events = [{"event": "delivered", "call": "h1", "direction": "inbound", "calling": "13800138000", "device": "1001"},
              {"event": "cleared", "call": "h1", "by": "caller"}]
    first, again = push("m1", events, now), push("m1", events, now + 1)
    assert (first.status, again.status) == (200, 200) and first.body == again.body
    assert push("m1", events[:1], now).status == 422
    assert len(site.get("/calls?source=cloud-pbx")["items"]) == 1
    assert push("m2", events, -2**63).status == 401 and push("m2", events, 2**63 - 1).status == 401
