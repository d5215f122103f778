"""The API of the running daemon: sign-in, roles, masking, idempotency, events, calls, accounts, administration."""
import base64
import hashlib
import hmac
import json
import time

import pytest

import steward


def sign_in(site, user, password, **more):
    return site.request("POST", "/api/v1/session", {"user": user, "password": password, **more}, token=None)


def add(site, name, role="agent", **more):
    body = {"name": name, "role": role, **more}
    return site.post("/users", body, status=201)


def test_sign_in_and_off(site):
    add(site, "li.na", device="1001", display="李娜", password="correct horse")
    r = sign_in(site, "li.na", "correct horse", device="1002")
    assert r.status == 200 and {k: r.json[k] for k in ("user", "role", "device")} == {"user": "li.na", "role": "agent", "device": "1002"}
    cookie = r.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
    jar = {"Cookie": cookie.split(";")[0]}
    agent = next(a for a in site.get("/agents")["items"] if a["user"] == "li.na")
    assert agent["device"] == "1002" and agent["name"] == "李娜"
    assert site.request("GET", "/api/v1/tickets", token=None, headers=jar).status == 200
    assert site.request("GET", "/api/v1/tickets", token=r.json["token"]).status == 200
    evil = dict(jar, Origin="https://evil.example")
    assert site.request("POST", "/api/v1/tickets", {"subject": "x"}, token=None, headers=evil).status == 403
    own = dict(jar, Origin=f"http://127.0.0.1:{site.http_port}")
    assert site.request("POST", "/api/v1/tickets", {"subject": "x", "take": True}, token=None, headers=own).json["responder"] == "li.na"
    assert site.request("DELETE", "/api/v1/session", token=None, headers=jar).status == 204
    assert site.request("GET", "/api/v1/tickets", token=None, headers=jar).status == 401


def test_sessions_survive_a_restart(site):
    add(site, "li.na", password="correct horse")
    token = sign_in(site, "li.na", "correct horse", device="1001").json["token"]
    site.restart()
    assert site.request("GET", "/api/v1/session", token=token).json["device"] == "1001"


def test_guessing_is_slowed_down(site):
    add(site, "li.na", password="correct horse")
    answers = [sign_in(site, "li.na", f"wrong {i}").status for i in range(10)]
    assert answers[0] == 401 and answers[-1] == 429, answers


def test_a_second_sign_on_leaves_the_first_device(site):
    token = site.user("li.na", device="1001")
    assert site.request("POST", "/api/v1/session", {"device": "1005"}, token=token).status == 200
    assert next(a for a in site.get("/agents")["items"] if a["user"] == "li.na")["device"] == "1005"


def test_auditor_sees_masked_numbers_and_changes_nothing(site):
    steward.sample_owners(site)
    token = site.user("he.jing", role="auditor")
    found = site.request("GET", "/api/v1/owners?phone=13800138000", token=token)
    assert found.status == 200 and "王芳" in found.body
    person = site.request("GET", f"/api/v1/owners/{found.json['items'][0]['owner']['id']}", token=token)
    assert "13800138000" not in person.body and "+86138****8000" in person.body
    assert site.request("POST", "/api/v1/tickets", {"subject": "x"}, token=token).status == 403
    log = site.request("GET", "/api/v1/audit", token=token).json["items"]
    assert any(row["what"] == "person.read" and row["by"] == "he.jing" for row in log), log


def test_idempotency(site):
    body = {"subject": "厨房漏水", "caller": "13800138000"}
    first = site.request("POST", "/api/v1/tickets", body, headers={"Idempotency-Key": "k-1"})
    again = site.request("POST", "/api/v1/tickets", body, headers={"Idempotency-Key": "k-1"})
    assert first.status in (200, 201) and again.json == first.json and again.status == first.status
    site.restart()
    assert site.request("POST", "/api/v1/tickets", body, headers={"Idempotency-Key": "k-1"}).json == first.json
    other = site.request("POST", "/api/v1/tickets", {"subject": "y"}, headers={"Idempotency-Key": "k-1"})
    assert other.status == 422
    assert len(site.get("/tickets")["items"]) == 1


def test_idempotency_on_every_post(site, tmp_path):
    """Also where the answer is a secret, or the effect no row: accounts, tokens, sessions, events, imports, backups."""
    def post(path, body, key, **kw):
        return site.request("POST", path, body, headers={"Idempotency-Key": key}, **kw)

    def twice(path, body, key, other, **kw):
        first = post(path, body, key, **kw)
        again = post(path, dict(reversed(body.items())) if isinstance(body, dict) else body, key, **kw)
        assert first.status in (200, 201, 202) and (again.status, again.body) == (first.status, first.body), (path, first, again)
        refused = post(path, other, key, **kw)
        assert refused.status == 422 and refused.json["field"] == "Idempotency-Key", (path, refused)
        return first, again

    user = {"name": "li.na", "role": "agent", "password": "correct horse"}
    twice("/api/v1/users", user, "u", dict(user, display="x"))
    twice("/api/v1/users/li.na/password", {"password": "battery staple"}, "p", {"password": "correct horse"})
    first, _ = twice("/api/v1/tokens", {"user": "li.na"}, "t", {"integration": "crm"})
    who = {"user": "li.na", "password": "battery staple"}
    signed, again = twice("/api/v1/session", who, "s", dict(who, device="1001"), token=None)
    assert again.headers["set-cookie"] == signed.headers["set-cookie"]
    rows = site.sql("SELECT group_concat(key || digest || body) AS kept FROM idempotency")[0]["kept"]
    assert len(rows) > 500
    for secret in (first.json["token"], signed.json["token"], "battery", '"token"'):
        assert secret not in rows
    assert site.request("GET", "/api/v1/session", token=first.json["token"]).status == 200
    twice("/api/v1/tokens/revoke", {"token": first.json["token"]}, "r", {"account": "li.na"})
    assert site.request("GET", "/api/v1/session", token=first.json["token"]).status == 401

    event = {"event": "delivered", "call": "h1", "direction": "inbound", "calling": "13800138000", "device": "1001"}
    twice("/cti/cloud", event, "c", dict(event, call="h2"))
    assert [c["call"] for c in site.get("/calls")["items"]] == ["h1"]
    copy = tmp_path / "copy.db"
    twice("/api/v1/backup", {"file": str(copy)}, "b", {"file": str(tmp_path / "x.db")}, control=True)
    site.restart()
    assert post("/api/v1/backup", {"file": str(copy)}, "b", control=True).status == 200
    assert post("/cti/cloud", event, "c").json == {"ok": True, "events": 1}

    csv = "key,name\np1,王芳\n".encode()
    head = {"Idempotency-Key": "i"}
    started = site.request("POST", "/api/v1/import?file=persons.csv", raw=csv, headers=head)
    done = steward.eventually(lambda: (s := site.get("/import/" + started.json["id"]))["state"] == "done" and s, "the import is done")
    assert [f["added"] for f in done["files"] if f["file"] == "persons.csv"] == [1]
    again = site.request("POST", "/api/v1/import?file=persons.csv", raw=csv, headers=head)
    assert (again.status, again.json["id"]) == (202, started.json["id"])
    assert site.request("POST", "/api/v1/import?file=units.csv", raw=csv, headers=head).status == 422
    assert site.request("POST", "/api/v1/import?file=persons.csv", raw=csv + b"p2,x\n", headers=head).status == 422
    assert site.get("/import")["id"] == started.json["id"]
    assert site.request("POST", "/api/v1/reload", {}, headers={"Idempotency-Key": "b"}).status == 200


@pytest.mark.parametrize("body", [b"{", b"nonsense", b"[]", b'"x"', b"{\"a\":1}{", b"{\"a\":\"\xff\"}", b"{\"a\":\"\\u0000\"}",
                                  b'{"a":1,"a":2}', b"[" * 100 + b"]" * 100])
def test_a_body_that_is_no_json_object(site, body):
    ticket = site.post("/tickets", {"subject": "x"})["id"]
    for method, path in (("POST", "/api/v1/tickets"), ("PATCH", f"/api/v1/tickets/{ticket}"), ("POST", "/api/v1/owners"),
                         ("POST", f"/api/v1/tickets/{ticket}/note"), ("POST", "/api/v1/session"), ("POST", "/api/v1/users")):
        r = site.request(method, path, raw=body)
        assert r.status == 422 and r.json["field"] and r.headers["content-type"] == "application/problem+json", (path, r)
    r = site.request("POST", "/cti/cloud", raw=body)
    assert r.status == 422 and r.json["field"], r


def test_unknown_fields_are_ignored_but_not_alone(site):
    ticket = site.post("/tickets", {"subject": "x", "colour": "red"})
    owner = site.post("/owners", {"name": "王芳", "colour": "red"})
    assert "colour" not in owner
    for path, field in ((f"/api/v1/tickets/{ticket['id']}", "subject"), (f"/api/v1/owners/{owner['id']}", "name")):
        assert site.request("PATCH", path, {field: "y", "colour": "red"}).json[field] == "y"
        refused = site.request("PATCH", path, {"colour": "red", "state": "closed"})
        assert refused.status == 422 and refused.json["field"] == "colour", refused
        assert site.request("PATCH", path, {}).status == 200
    assert site.get(f"/tickets/{ticket['id']}")["state"] == "new"


def test_if_match(site):
    t = site.post("/tickets", {"subject": "x"}, status=201)
    path = f"/api/v1/tickets/{t['id']}"
    r = site.request("POST", path + "/note", {"text": "n"}, headers={"If-Match": f'"{t["version"]}"'})
    assert r.status == 200 and r.json["version"] > t["version"]
    assert site.request("POST", path + "/note", {"text": "n"}, headers={"If-Match": str(t["version"])}).status == 412


def test_pages(site):
    made = [site.post("/tickets", {"subject": f"t{i}"}, status=201)["id"] for i in range(5)]
    got, cursor = [], ""
    while True:
        page = site.get(f"/tickets?limit=2{cursor}")
        assert len(page["items"]) <= 2
        got += [t["id"] for t in page["items"]]
        if not page["next"]:
            break
        cursor = "&cursor=" + page["next"]
    assert sorted(got) == sorted(made) and len(got) == 5
    assert site.request("GET", "/api/v1/tickets?cursor=!").status == 422
    assert len(site.get("/tickets?limit=100000")["items"]) == 5


def test_events_concern_whom_they_concern(site):
    li, zhao = site.user("li.na", device="1001"), site.user("zhao.gang", device="1002")
    mine, other, all_ = site.events(token=li), site.events(token=zhao), site.events()
    pbx = site.pbx()
    pbx.ring("c1", "1001")
    pop = mine.next("pop", call="c1")[1]
    assert pop["device"] == "1001" and all_.next("pop", call="c1")
    pbx.ring("c2", "1002")
    assert other.next("pop")[1]["call"] == "c2"  # the first pop that it gets
    pbx.event("established", "c1", device="1001")
    pbx.sync()
    ticket = mine.next("ticket")[1]
    assert ticket["responder"] == "li.na"
    for stream in (mine, other, all_):
        stream.close()


def test_events_resume(site):
    pbx, stream = site.pbx(), site.events()
    pbx.ring("c1")
    stream.next("pop", call="c1")
    last = stream.last
    stream.close()
    pbx.ring("c2")
    pbx.sync()
    stream = site.events(last=last)
    assert stream.next("pop")[1]["call"] == "c2"
    stream.close()
    site.restart()
    stream = site.events(last=last)
    assert stream.next()[0] == "reset"
    stream.close()


def test_a_desk_that_opens_while_the_phone_rings(site):
    token, pbx = site.user("li.na", device="1001"), site.pbx()
    pbx.ring("c1", "1001")
    pbx.sync()
    stream = site.events(token=token)
    assert stream.next("pop")[1]["call"] == "c1"
    stream.close()


def test_call_control_that_a_source_cannot_do(site):
    token, pbx = site.user("li.na", device="1001"), site.pbx()
    pbx.answered("c1", "1001")
    r = site.request("POST", "/api/v1/calls", {"number": "13800138000"}, token=token)
    assert r.status == 501 and r.json["code"] == "not_supported", r
    call = site.get("/calls?call=c1")["items"][0]
    r = site.request("POST", f"/api/v1/calls/{call['id']}/hangup", {}, token=token)
    assert r.status == 501, r
    assert site.request("POST", "/api/v1/calls/999/hangup", {}, token=token).status == 404
    assert site.request("POST", "/api/v1/calls", {}, token=token).status == 422
    other = site.request("POST", "/api/v1/calls", {"number": "1", "device": "1002"}, token=token)
    assert other.status == 403, other


def test_calls_pushed_over_http(site):
    token = site.ctl("token", "add", "--integration", "cloud").stdout.strip()
    events = [{"seq": 1, "event": "delivered", "call": "h1", "direction": "inbound", "calling": "13800138000", "called": "4008000",
               "device": "1001"},
              {"seq": 2, "event": "cleared", "call": "h1", "by": "caller"}]
    r = site.request("POST", "/cti/cloud-pbx", events, token=token)
    assert r.status == 200, r
    call = site.get("/calls?source=cloud-pbx")["items"][0]
    assert call["state"] == "cleared" and call["disposition"] == "missed"
    assert site.request("POST", "/cti/cloud-pbx", events, token=token).status == 200  # repeats change nothing
    assert len(site.get("/calls?source=cloud-pbx")["items"]) == 1
    assert site.request("POST", "/cti/cloud-pbx", [{"event": "nonsense", "call": "x"}], token=token).status == 422
    assert site.request("POST", "/cti/cloud-pbx", events, token=None).status == 401
    pbx = site.ctl("token", "add", "--pbx", "pbx-z").stdout.strip()
    assert site.request("POST", "/cti/cloud-pbx", events, token=pbx).status == 403


def test_one_source_one_speaker(site):
    token = site.ctl("token", "add", "--integration", "cloud").stdout.strip()

    def push(name, seq=None, event="queued"):
        body = {"event": event, "call": "h9", "seq": seq}
        return site.request("POST", f"/cti/{name}", {k: v for k, v in body.items() if v is not None}, token=token)

    def names():
        return [s["name"] for s in site.get("/sources")["items"]]

    for n in range(20):
        assert push(f"wrong-{n}", event="nonsense").status == 422
    assert not [n for n in names() if n.startswith("wrong")]
    link = site.pbx("two-doors")
    link.event("queued", call="l1")
    link.sync()
    taken = push("two-doors")
    assert taken.status == 409 and taken.json["code"] == "source_taken", taken
    assert site.request("DELETE", "/api/v1/sources/two-doors").status == 409
    link.close()
    steward.eventually(lambda: [s for s in site.get("/sources")["items"] if s["name"] == "two-doors"][0]["state"] == "down")
    assert push("two-doors").status == 422  # it counts its events
    assert push("two-doors", seq=2 ** 53).status == 422
    assert site.ctl("source", "remove", "two-doors", ok=False).returncode == 1  # it has a call
    assert push("idle", event="agent_state").status == 422
    event = {"event": "agent_state", "device": "77", "state": "ready"}
    assert site.request("POST", "/cti/idle", event, token=token).status == 200
    assert "idle" in names()
    site.ctl("source", "remove", "idle")
    assert "idle" not in names()
    assert site.request("DELETE", "/api/v1/sources/idle").status == 404


def test_pushed_calls_may_be_signed(make):
    site = make(start=False)
    site.webhook("cloud-pbx", "http://127.0.0.1:9/")
    site.start()
    event = json.dumps({"event": "delivered", "call": "h1", "direction": "inbound", "calling": "13800138000", "device": "1001"}).encode()

    def push(secret, at):
        content = f"m1.{at}.".encode() + event
        mac = base64.b64encode(hmac.new(secret, content, hashlib.sha256).digest()).decode()
        return site.request("POST", "/cti/cloud-pbx", raw=event, token=None,
                            headers={"webhook-id": "m1", "webhook-timestamp": str(at), "webhook-signature": f"v1,{mac}"}).status
    secret, now = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), int(time.time())
    assert push(secret, now) == 200
    assert push(b"x" * 24, now) == 401
    assert push(secret, now - 3600) == 401
    assert len(site.get("/calls?source=cloud-pbx")["items"]) == 1


def test_accounts(site):
    assert site.request("POST", "/api/v1/users", {"name": "x", "role": "agent"}, token=site.user("li.na")).status == 403
    assert site.request("POST", "/api/v1/users", {"name": "li.na", "role": "agent"}).status == 409
    assert site.request("POST", "/api/v1/users", {"name": "y", "role": "king"}).json["field"] == "role"
    token = site.user("zhao.gang")
    site.post("/users/zhao.gang/disable")
    assert site.request("GET", "/api/v1/tickets", token=token).status == 401


def test_clock_is_for_tests_alone(site):
    assert site.request("POST", "/api/v1/test/clock", {"set": 1}, control=True).status == 404
    assert site.request("POST", "/api/v1/test/clock", {"set": 1}).status == 404


def test_operator(site, tmp_path):
    assert site.request("GET", "/api/v1/doctor", control=True).json["status"] == "ok"
    assert site.request("GET", "/api/v1/audit/verify", control=True).json["ok"] is True
    copy = tmp_path / "copy.db"
    assert site.request("POST", "/api/v1/backup", {"file": str(copy)}, control=True).status == 200 and copy.stat().st_size > 0
    assert site.request("POST", "/api/v1/backup", {"file": str(copy)}, control=True).status == 409
    assert site.request("POST", "/api/v1/backup", {"file": "relative.db"}, control=True).status == 422
    assert site.request("POST", "/api/v1/reload", {}, control=True).status == 200
    good = site.config.read_text(encoding="utf-8")
    site.config.write_text(good + "\nnonsense: 1\n", encoding="utf-8")
    r = site.request("POST", "/api/v1/reload", {}, control=True)
    assert r.status == 422 and "nonsense" in r.json["detail"], r
    site.config.write_text(good, encoding="utf-8")
    assert site.get("/config", control=True)["site"]["name"]
