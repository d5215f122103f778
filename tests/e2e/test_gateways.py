"""Gateways with faults, Kannel's own forms, what owners write back, and plugins as an operator sees them."""
import json
import re
import subprocess
import time
import urllib.parse

import pytest

import steward

KANNEL = """plugin: gw_kannel
name: sms
url: {url}cgi-bin/sendsms
username: steward
password: secret
sender: "10690000"
inbound_secret: mo-secret
"""


@pytest.fixture
def base(make, sink):
    """A site with owners and an SMS gateway by webhook; e-mail has no instance."""
    site = make(start=False)
    site.webhook("sms", sink.url)
    site.sink = sink
    return site


def begin(site):
    site.start()
    steward.sample_owners(site)
    site.person = site.get("/owners?phone=13800138000")["items"][0]["owner"]["id"]
    return site


def send(site, **fields):
    return site.post("/messages", {"channel": "sms", "class": "service", "person_id": site.person, "text": "您好", **fields})


def state(site, message, want):
    def probe():
        rows = site.get(f"/messages?person={site.person}&limit=500")["items"]
        return next((m for m in rows if m["id"] == message["id"] and m["state"] == want), None)
    return steward.eventually(probe, f"message {message['id']} {want}")


def instance(site, name):
    rows = json.loads(site.ctl("plugin", "list", "--json").stdout)
    rows = rows["items"] if isinstance(rows, dict) else rows
    return next((r for r in rows if r["name"] == name), None)


# -- faults on demand -------------------------------------------------------------------------------


def test_retry_after_is_honoured(base):
    base.sink.answer = lambda r: (429, {}, {"Retry-After": "3"}) if len(base.sink.all) < 2 else (200, {})
    begin(base)
    began = time.monotonic()
    m = send(base)
    sent = state(base, m, "sent")
    assert time.monotonic() - began > 2.9 and sent["attempts"] == 2


def test_refused_for_good(base):
    base.sink.answer = lambda r: (400, {"error": "bad number"})
    m = send(begin(base))
    failed = state(base, m, "failed")
    assert failed["failed_at"] and failed["error"] and failed["attempts"] == 1


def test_one_bad_number_holds_nobody_up(base):
    base.sink.answer = lambda r: (500, {}) if r["json"]["data"]["text"] == "坏" else (200, {})
    begin(base)
    bad = [send(base, text="坏") for _ in range(3)]
    good = [send(base, text=f"好{i}") for i in range(20)]
    for m in good:
        state(base, m, "sent")
    assert all(state(base, m, "queued")["error"] for m in bad)


def test_a_silent_gateway_leaves_the_daemon_quick(base):
    gate, spoke = steward.threading.Event(), []

    def silent(request):
        gate.wait()
        spoke.append(request)
        return 200, {}

    base.sink.answer = silent
    base.webhook("sms", base.sink.url, "timeout: 2m\n")
    begin(base)
    messages = [send(base) for _ in range(12)]
    for _ in range(20):
        base.get("/messages?limit=1")
    assert not spoke  # all answered within its silence
    assert len(base.sink.all) <= 4  # the instance's concurrency
    base.kill()
    gate.set()
    base.start()
    for m in messages:
        state(base, m, "sent")
    keys = [r["json"]["data"]["key"] for r in base.sink.all]
    assert set(keys) == {m["key"] for m in messages}  # sent again under the same key alone


def test_redirects_and_floods_are_not_followed(base):
    base.sink.answer = lambda r: (302, {}, {"Location": base.sink.url + "other"}) if "转" in r["json"]["data"]["text"] else (
        200, b"x" * 1000000)
    begin(base)
    flood = send(base, text="洪")
    state(base, flood, "sent")
    send(base, text="转")
    base.sink.next()
    steward.eventually(lambda: len(base.sink.all) >= 2)
    assert all(r["path"] == "/" for r in base.sink.all)


def test_private_addresses_need_permission(make, sink):
    site = make(start=False)
    site.plugin("sms", f"plugin: gw_webhook\nname: sms\nurl: {sink.url.replace('http:', 'https:')}\n")
    begin(site)
    m = send(site)
    row = steward.eventually(lambda: next((x for x in site.get("/messages")["items"] if x["id"] == m["id"] and x["error"]), None))
    assert row["state"] == "queued" and "not permitted" in row["error"] and not sink.all


# -- receipts and inbound texts ----------------------------------------------------------------------


def test_kannel_there_and_back(make, sink):
    site = make(start=False)
    site.plugin("sms", KANNEL.format(url=sink.url))
    sink.answer = lambda r: (202, b"0: Accepted for delivery")
    begin(site)
    m = send(site)
    state(site, m, "sent")
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(sink.all[0]["path"]).query))
    assert query["username"] == "steward" and query["to"] == "+8613800138000" and query["coding"] == "2"
    assert query["charset"] == "UTF-8" and query["text"].endswith("您好") and query["from"] == "10690000"
    dlr = urllib.parse.urlsplit(query["dlr-url"])
    assert f"127.0.0.1:{site.http_port}" == dlr.netloc and dlr.path == "/hooks/sms/receipt"
    path = dlr.path + "?" + dlr.query.replace("%d", "1").replace("%A", "").replace("%F", "F-1").replace("%T", "1795310000")
    assert site.request("GET", path, token=None).status in (200, 202, 204)
    assert state(site, m, "delivered")["provider_id"] == "F-1"
    text = "secret=mo-secret&id=mo-1&from=%2B8613800138000&to=10690000&text=%E9%80%80%E8%AE%A2"
    assert site.request("GET", "/hooks/sms/inbound?" + text.replace("mo-secret", "wrong"), token=None).status == 401
    assert site.get(f"/owners/{site.person}")["consent"]["sms"] is True
    assert site.request("GET", "/hooks/sms/inbound?" + text, token=None).status in (200, 202, 204)
    assert site.get(f"/owners/{site.person}")["consent"]["sms"] is False


def test_stop_takes_back_consent_once(base):
    begin(base)
    inbound = {"type": "message.inbound", "timestamp": "2026-11-22T08:00:00Z",
               "data": {"id": "mo-1", "from": "13800138000", "to": "1069", "text": " stop ", "at": "2026-11-22T08:00:00Z", "reply_to_key": None}}
    assert base.request("POST", "/hooks/sms/inbound", inbound, token=None).status == 401
    assert base.request("POST", "/hooks/sms/inbound", inbound).status == 204
    assert base.request("POST", "/hooks/sms/inbound", [inbound, inbound]).status == 204
    assert base.get(f"/owners/{base.person}")["consent"]["sms"] is False
    assert base.sql("SELECT count(*) AS n FROM inbound") == [{"n": 1}]
    assert base.request("POST", "/api/v1/messages", {"channel": "sms", "person_id": base.person, "text": "x"}).status == 409


def test_bad_hooks(base):
    begin(base)
    for body in (b"", b"{", b"[1]", b"\xff", b'{"type":"message.receipt"}', b'{"type":"message.receipt","data":{"key":"k","state":"read"}}'):
        r = base.request("POST", "/hooks/sms/receipt", raw=body, headers={"Content-Type": "application/json"})
        assert r.status in (400, 422), (body, r)
    assert base.request("POST", "/hooks/nobody/receipt", []).status == 404


# -- plugins as the operator sees them ---------------------------------------------------------------


def test_events_are_posted_if_asked_for(make, sink):
    site = make(start=False)
    site.webhook("crm", sink.url, "events: [ticket.opened, ticket.closed]\n")
    begin(site)
    t = site.post("/tickets", {"subject": "漏水", "kind": "repair", "person_id": site.person})
    request = sink.next(id=t["id"])
    assert request["json"]["type"] == "ticket.opened" and request["headers"]["webhook-id"]
    assert set(request["json"]) == {"type", "timestamp", "data"}


def test_an_instance_that_comes_later(make, sink):
    site = begin(make(start=False))
    m = send(site)
    assert m["state"] == "queued"
    site.webhook("sms", sink.url)
    site.ctl("reload")
    state(site, m, "sent")
    assert instance(site, "sms")["state"] == "running"


def test_a_wrong_instance_stops_nobody(make, sink):
    site = make(start=False)
    site.allow_log.append("no plugin 'gw_nothing'")
    site.webhook("sms", sink.url)
    site.plugin("other", "plugin: gw_nothing\nname: other\n")
    check = subprocess.run([steward.BIN / "stewardd", "-t", "-c", site.config], capture_output=True, text=True)
    assert check.returncode == 1 and re.search(r"other\.yaml:1:\d+: .*no plugin 'gw_nothing'", check.stdout + check.stderr)


def test_faults_of_an_instance_have_their_place(make):
    site = make(start=False)
    site.plugin("sms", "plugin: gw_webhook\nname: sms\nurl: http://127.0.0.1/\nsecrt: x\n")
    check = subprocess.run([steward.BIN / "stewardd", "-t", "-c", site.config], capture_output=True, text=True)
    assert check.returncode == 1
    assert re.search(r"sms\.yaml:4:1: .*secrt.*secret", check.stdout + check.stderr), check.stdout + check.stderr



def test_messages_are_told_to_whom_they_concern(base):
    begin(base)
    events = base.events()
    m = send(base)
    _, queued = events.next("message", id=m["id"])
    assert queued["key"] == m["key"] and queued["state"] == "queued"
    _, sent = events.next("message", id=m["id"], state="sent")
    assert sent["sent_at"]
    events.close()


def text_in(site, number, text, name):
    body = {"type": "message.inbound", "timestamp": "2026-11-22T08:00:00Z",
            "data": {"id": name, "from": number, "to": "1069", "text": text, "at": "2026-11-22T08:00:00Z", "reply_to_key": None}}
    assert site.request("POST", "/hooks/sms/inbound", body).status == 204


def test_what_owners_write_back(base):
    begin(base)
    li = base.user("li.na", device="1001", phone="13811112222")
    text_in(base, "13800138000", "厨房漏水，请派人来看", "mo-1")
    t = base.ticket(channel="sms")
    assert t["state"] == "new" and t["subject"] == "厨房漏水，请派人来看" and t["person_id"] == base.person
    text_in(base, "+8613800138000", "还在漏", "mo-2")
    assert base.ticket(channel="sms")["id"] == t["id"] and len(base.get("/tickets")["items"]) == 1
    assert "还在漏" in [e["data"].get("text") for e in base.timeline(t["id"]) if e["kind"] == "noted"]
    for verb, body in (("claim", {}), ("resolve", {"note": "已换阀门"}), ("reply", {"note": "已换阀门"})):
        base.post(f"/tickets/{t['id']}/{verb}", body, token=li)
    assert base.get(f"/tickets/{t['id']}")["state"] == "awaiting_confirmation"
    text_in(base, "13800138000", "2", "mo-3")
    again = base.get(f"/tickets/{t['id']}")
    assert again["state"] == "open" and again["cycle"] == 2 and again["responder"] == "li.na"
    for verb, body in (("resolve", {"note": "修好了"}), ("reply", {"note": "修好了"})):
        base.post(f"/tickets/{t['id']}/{verb}", body, token=li)
    text_in(base, "13800138000", "满意", "mo-4")
    closed = base.get(f"/tickets/{t['id']}")
    assert closed["state"] == "closed" and closed["close_kind"] == "confirmed"
    assert [e["data"]["via"] for e in base.timeline(t["id"]) if e["kind"] == "confirmed"][-1] == "sms"
    text_in(base, "13800138000", "1", "mo-5")  # an answer to nothing
    assert len(base.get("/tickets")["items"]) == 1


def test_kannel_texts_in_gbk_and_bare_numbers(make, sink):
    site = make(start=False)
    site.plugin("sms", KANNEL.format(url=sink.url))
    site.start()
    for i, (word, charset) in enumerate([("水管漏水了", "gbk"), ("电梯坏了𠮷", "gb18030"), ("门坏了", "utf-8")]):
        text = "".join(f"%{b:02X}" for b in word.encode(charset))
        r = site.request("GET", f"/hooks/sms/inbound?secret=mo-secret&id=g{i}&from=+8613311110000&to=106&text={text}", token=None)
        assert r.status < 300, r
        assert steward.eventually(lambda: site.get("/inbound")["items"] and site.get("/inbound")["items"][0]["text"] == word and
                                  site.get("/inbound")["items"][0]["from"] == "+8613311110000", word)
