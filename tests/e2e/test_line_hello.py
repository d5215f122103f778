"""The line protocol's first sentences: hello, welcome, tokens, TLS, who may be what."""
import resource
import select
import socket
import ssl
import warnings
import time

import pytest
import steward
from steward import Line

PBX = {"type": "hello", "v": 1, "role": "pbx", "name": "pbx-a", "token": steward.TOKEN}
AGENT = {"type": "hello", "v": 1, "role": "agent", "name": "desk", "device": "1001", "token": steward.TOKEN}


def refused(site, hello):
    """The code of the one error that closes the link."""
    line = Line(site.line_port)
    line.send(hello)
    error = line.read()
    assert error["type"] == "error" and error["message"], error
    assert line.read() is None
    line.close()
    return error["code"]


def test_welcome_of_a_pbx(site):
    line = Line(site.line_port)
    line.send(PBX)
    welcome = line.read()
    assert welcome == {"type": "welcome", "v": 1, "name": "pbx-a", "last_seq": 0, "server": welcome["server"]}
    assert welcome["server"].startswith("stewardd/")
    line.close()


@pytest.mark.parametrize("hello, code", [
    (b"{\"type\":\"hel", "bad_json"),
    (b"[]", "bad_json"),
    (b"{\"type\":\"hello\xff\xfe\"}", "bad_json"),
    (b"{\"type\":\"he\x00llo\"}", "bad_json"),
    (b"GET / HTTP/1.1\r", "bad_json"),
    ({}, "bad_hello"),
    ({"type": "event", "seq": 1}, "bad_hello"),
    ({**PBX, "v": 2}, "bad_hello"),
    ({**PBX, "role": "emperor"}, "bad_hello"),
    ({k: v for k, v in PBX.items() if k != "name"}, "bad_hello"),
    ({**PBX, "name": "no/slash"}, "bad_hello"),
    ({**PBX, "name": 7}, "bad_hello"),
    ({k: v for k, v in AGENT.items() if k != "device"}, "bad_hello"),
    ({**PBX, "token": "wrong"}, "unauthorized"),
    ({k: v for k, v in PBX.items() if k != "token"}, "unauthorized"),
    (b"x" * 70000, "line_too_long"),
])
def test_bad_hellos_close(site, hello, code):
    assert refused(site, hello) == code


def test_every_kind_of_token_takes_its_own_roles(site):
    tokens = {
        "pbx": site.ctl("token", "add", "--pbx", "pbx-a").stdout.strip(),
        "monitor": site.ctl("token", "add", "--monitor", "wall").stdout.strip(),
        "integration": site.ctl("token", "add", "--integration", "crm").stdout.strip(),
        "person": site.user("li.na"),
        "dev": steward.TOKEN,
    }
    allowed = {("pbx", "pbx"), ("monitor", "monitor"), ("person", "agent"), ("person", "monitor"),
               ("dev", "pbx"), ("dev", "agent"), ("dev", "monitor")}
    for kind, token in tokens.items():
        for hello in PBX, AGENT, {**AGENT, "role": "monitor"}:
            if (kind, hello["role"]) in allowed:
                line = Line(site.line_port)
                line.send({**hello, "token": token})
                line.expect("welcome")
                line.close()
            else:
                assert refused(site, {**hello, "token": token}) == "forbidden", (kind, hello)
    assert refused(site, {**PBX, "name": "pbx-b", "token": tokens["pbx"]}) == "forbidden"


def test_a_revoked_token_ends_its_links(site):
    token = site.ctl("token", "add", "--pbx", "pbx-a").stdout.strip()
    pbx = site.pbx("pbx-a", token)
    site.ctl("token", "revoke", token)
    assert pbx.expect("error")["code"] == "unauthorized"
    assert pbx.closed()
    assert refused(site, {**PBX, "token": token}) == "unauthorized"


def test_a_disabled_person_is_out(site):
    token = site.user("li.na", device="1001")
    phone = site.agent("1001", token)
    site.ctl("user", "disable", "li.na")
    assert phone.expect("error")["code"] == "unauthorized"
    assert phone.closed()
    assert refused(site, {**AGENT, "token": token}) == "unauthorized"


def test_a_hello_that_does_not_come(site):
    silent, slow = Line(site.line_port), Line(site.line_port)
    start = time.monotonic()
    slow.send(b"", b"\r")  # empty lines are no hello
    for line in silent, slow:
        assert line.read()["code"] == "bad_hello"
        assert line.read() is None
    assert time.monotonic() - start > 9


def test_a_second_hello_takes_over(site):
    old = site.pbx()
    old.ring("c1")
    old.sync()
    new = site.pbx()
    assert new.welcome["last_seq"] == 1
    error = old.expect("error")
    assert error["code"] == "replaced"
    assert old.closed()
    new.event("cleared", "c1")
    new.sync()


def test_last_seq_covers_what_was_read_though_not_acked_yet(site):
    for n in range(20):
        old = site.pbx()
        for i in range(5):
            old.ring(f"c{n}-{i}")
        old.send({"type": "ping"})
        while old.read()["type"] != "pong":
            pass
        new = site.pbx()  # takes over while events are in flight
        assert new.welcome["last_seq"] == 5 * (n + 1)
        new.close()


def test_two_pbxs_have_their_own_numbers(site):
    a, b = site.pbx("pbx-a"), site.pbx("pbx-b")
    a.ring("c1")
    a.ring("c2")
    b.ring("c1")
    a.sync()
    b.sync()
    assert len(site.get("/calls?call=c1")["items"]) == 2
    a.close()
    assert site.pbx("pbx-a").welcome["last_seq"] == 2


def test_tls(make, certificate):
    site = make(start=False)
    text = site.config.read_text(encoding="utf-8")
    site.config.write_text(text.replace("listen:\n", f"listen:\n  tls: {{certificate: {certificate[0]}, key: {certificate[1]}, for: [line]}}\n"),
                           encoding="utf-8")
    site.start()
    context = ssl.create_default_context(cafile=certificate[0])
    line = Line(0, context.wrap_socket(socket.create_connection(("127.0.0.1", site.line_port)), server_hostname="localhost"))
    line.send(PBX)
    assert line.expect("welcome")["name"] == "pbx-a"
    for n in range(1, 201):  # many lines in few records
        line.send({"type": "event", "seq": n, "event": "delivered", "call": f"c{n}", "device": "1001", "direction": "inbound"})
    line.ack(200)
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("DEFAULT:@SECLEVEL=0")  # else this side already refuses to say hello so
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # an old peer is what is wanted
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        old.wrap_socket(socket.create_connection(("127.0.0.1", site.line_port)))
    plain = Line(site.line_port)
    plain.send(PBX)
    try:
        assert b"welcome" not in plain.sock.recv(100)
    except ConnectionResetError:
        pass
    line.close()


def test_ten_thousand_idle_connections(site):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 10500:
        pytest.skip(f"only {hard} descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20000), hard))
    pbx, phone = site.pbx(), site.agent("1001")
    idle = []
    for _ in range(10000 // 2):
        idle.append(Line(site.line_port))
        idle[-1].send({**AGENT, "device": "9999"})
    for line in idle:
        line.expect("welcome")
    idle += [Line(site.line_port) for _ in range(10000 // 2)]  # these say nothing at all
    pbx.ring("c1", "1001")
    phone.expect("pop", call="c1")
    pbx.sync()
    poll = select.poll()
    for line in idle[:100]:
        poll.register(line.sock, select.POLLIN)
    assert not poll.poll(0)  # nobody else was told
    for line in idle:
        line.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
