"""Messages through a webhook gateway that answers well, slowly, with errors, or not at all."""
import base64
import hashlib
import hmac

import pytest

import steward

SECRET = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")


@pytest.fixture
def desk(make, sink):
    site = make(frozen=True, start=False)
    site.webhook("sms", sink.url)
    site.webhook("mail", sink.url)
    site.section("messages", '\n  quiet_hours: {from: "22:00", to: "08:00"}\n'
                             '  sms: {gateway: sms}\n  email: {gateway: mail}\n')
    site.start()
    site.li = site.user("li.na", device="1001")
    steward.sample_owners(site)
    site.sink = sink
    site.person = site.get("/owners?phone=13800138000")["items"][0]["owner"]["id"]
    return site


def send(site, **fields):
    body = {"channel": "sms", "class": "service", "person_id": site.person, "text": "您好"}
    body.update(fields)
    return site.post("/messages", body)


def state(site, message, want):
    return steward.eventually(lambda: (m := site.get("/messages?limit=500")["items"]) and
                              next((x for x in m if x["id"] == message["id"] and x["state"] == want), None), f"state {want}")


def test_signed_and_sent(desk):
    m = send(desk)
    request = desk.sink.next(id=m["id"])
    head, body = request["headers"], request["json"]
    content = f"{head['webhook-id']}.{head['webhook-timestamp']}.".encode() + request["body"]
    want = "v1," + base64.b64encode(hmac.new(SECRET, content, hashlib.sha256).digest()).decode()
    assert want in head["webhook-signature"].split()
    assert set(body) >= {"type", "timestamp", "data"} and body["type"] == "message.send"
    assert set(body["data"]) >= {"id", "key", "channel", "class", "to", "from", "text", "subject", "ticket", "template",
                                 "provider_template", "params"}
    assert body["data"]["to"] == "+8613800138000" and head["webhook-id"] == m["key"]
    sent = state(desk, m, "sent")
    assert sent["provider_id"].startswith("p-") and sent["sent_at"] and sent["attempts"] == 1


def test_errors_are_retried_under_one_key(desk):
    desk.sink.answer = lambda r: (503, {}) if len(desk.sink.all) < 3 else (200, {})
    m = send(desk)
    desk.sink.next(id=m["id"])
    for tries in 1, 2:
        steward.eventually(lambda: [x for x in desk.get("/messages")["items"] if x["state"] == "queued" and x["attempts"] == tries],
                           f"failed try {tries}")
        desk.advance(600)
    sent = state(desk, m, "sent")
    assert {r["json"]["data"]["key"] for r in desk.sink.all} == {m["key"]} and sent["attempts"] == 3


def test_no_answer_delays_nobody(desk):
    desk.sink.answer = lambda r: None if r["json"]["data"]["text"] == "慢" else (200, {})
    slow = send(desk, text="慢")
    desk.sink.next(id=slow["id"])
    quick = send(desk, text="快")
    state(desk, quick, "sent")


def test_receipts_only_move_forward(desk):
    m = send(desk)
    state(desk, m, "sent")

    def receipt(key, st, **more):
        return desk.request("POST", "/hooks/sms/receipt",
                            {"type": "message.receipt", "timestamp": "2026-11-22T08:00:00Z",
                             "data": {"key": key, "state": st, "at": "2026-11-22T08:00:00Z", "error": None, "provider_id": "x", **more}})

    assert receipt(m["key"], "delivered").status == 204
    state(desk, m, "delivered")
    assert receipt(m["key"], "sent").status == 204
    assert receipt(m["key"], "failed").status == 204
    assert state(desk, m, "delivered")["delivered_at"]
    assert receipt("not-known-yet", "delivered").status == 204
    anonymous = desk.request("POST", "/hooks/sms/receipt", {"type": "message.receipt", "data": {}}, token=None)
    assert anonymous.status == 401


def test_quiet_hours_hold_owners_back(desk):
    desk.advance(14 * 3600)  # 2026-11-22 23:13 in Shanghai
    m = send(desk)
    assert m["state"] == "queued" and m["not_before"] == "2026-11-23T00:00:00.000Z"
    desk.advance(3600)
    assert desk.get("/messages")["items"][0]["state"] == "queued"
    desk.advance(9 * 3600)
    desk.sink.next(id=m["id"])


def test_consent(desk):
    owner = desk.get(f"/owners/{desk.person}")
    desk.request("PATCH", f"/api/v1/owners/{desk.person}", {"consent": {**owner["consent"], "sms": False}})
    r = desk.request("POST", "/api/v1/messages", {"channel": "sms", "class": "service", "person_id": desk.person, "text": "x"})
    assert r.status in (409, 422), r
    r = desk.request("POST", "/api/v1/messages", {"channel": "email", "class": "marketing", "person_id": desk.person, "text": "x"})
    assert r.status in (409, 422), r


def test_nothing_lost_across_a_kill(desk):
    desk.sink.answer = lambda r: (503, {})
    made = [send(desk, text=f"第{i}条") for i in range(10)]
    desk.sink.next(id=made[0]["id"])
    desk.kill()
    desk.sink.answer = lambda r: (200, {})
    desk.start()
    desk.advance(3600)  # whatever was tried is due again

    def all_sent():
        rows = desk.get("/messages?limit=500")["items"]
        return all(m["state"] == "sent" for m in rows) and rows
    rows = steward.eventually(all_sent, "all sent")
    assert {m["key"] for m in rows} == {m["key"] for m in made}


def test_resend_is_a_new_message(desk):
    m = send(desk)
    state(desk, m, "sent")
    again = desk.post(f"/messages/{m['id']}/resend")
    assert again["resend_of"] == m["id"] and again["key"] != m["key"]
    state(desk, again, "sent")


def test_without_gateway_messages_wait(make):
    site = make()
    steward.sample_owners(site)
    person = site.get("/owners?phone=13800138000")["items"][0]["owner"]["id"]
    m = site.post("/messages", {"channel": "sms", "class": "verification", "person_id": person, "text": "码"})
    assert m["state"] == "queued"
    site.restart()
    assert site.get("/messages")["items"][0]["state"] == "queued"


def test_everything_that_owners_write_is_listed(desk):
    texts = [("+8613800138000", "没解决"), ("+8613800138000", "谢谢"), ("+8613912345678", "1"), ("+8613912345678", "水管漏水")]
    for n, (sender, text) in enumerate(texts):
        r = desk.request("POST", "/hooks/sms/inbound", {"type": "message.inbound", "timestamp": "2026-11-22T00:00:00Z", "data": {
            "id": f"in-{n}", "from": sender, "to": "1069", "text": text, "at": "2026-11-22T00:00:00Z", "reply_to_key": None}})
        assert r.status == 204, r
    rows = desk.get("/inbound")["items"]
    assert [(r["text"], r["became"]) for r in rows] == [("水管漏水", "opened"), ("1", "kept"), ("谢谢", "noted"), ("没解决", "opened")]
    assert rows[2]["ticket"] == rows[3]["ticket"] and rows[1]["ticket"] is None and rows[3]["person_id"] == desk.person
    assert [r["id"] for r in desk.get("/inbound?became=opened")["items"]] == [rows[0]["id"], rows[3]["id"]]
    assert len(desk.get(f"/inbound?ticket={rows[3]['ticket']}")["items"]) == len(desk.get(f"/inbound?person={desk.person}")["items"]) == 2
    first = desk.get("/inbound?limit=3")
    assert [r["id"] for r in desk.get(f"/inbound?cursor={first['next']}")["items"]] == [rows[3]["id"]]
    assert desk.request("GET", "/api/v1/inbound?became=lost").status == 422
    assert desk.get("/inbound", token=desk.user("he.jing", role="auditor"))["items"][0]["from"] == "+86139****5678"
    assert "没解决" in desk.ctl("inbound", "list", "--became", "opened").stdout


def test_a_question_that_asks_for_a_figure(make):
    """1 to a question from 1 to 5 is a no; to a yes or no question it would be a yes."""
    site = make(frozen=True, start=False)
    (site.folder / "templates").mkdir(exist_ok=True)
    (site.folder / "templates" / "confirm.zh.txt").write_text("{ticket}已处理完成，请回复1-5打分，5为最满意。\n", encoding="utf-8")
    site.section("messages", "\n  templates: templates/\n  sms: {gateway: sms}\n")
    site.start()
    token = site.user("li.na")
    numbers = iter(range(10))

    def ticket():
        t = site.post("/tickets", {"subject": "漏水", "caller": "13912345678", "take": True}, token=token)["id"]
        site.post(f"/tickets/{t}/resolve", token=token)
        site.post(f"/tickets/{t}/reply", token=token)
        return t

    def sms(text):
        r = site.request("POST", "/hooks/sms/inbound", {"type": "message.inbound", "timestamp": "2026-11-22T00:00:00Z", "data": {
            "id": f"in-{next(numbers)}", "from": "+8613912345678", "to": "1069", "text": text, "at": "2026-11-22T00:00:00Z", "reply_to_key": None}})
        assert r.status == 204, r
        return site.get("/inbound")["items"][0]["became"]

    low, high = ticket(), ticket()
    assert sms("5分") == "confirmed" and site.get(f"/tickets/{high}")["state"] == "closed"
    assert sms("1") == "not_satisfied"
    t = site.get(f"/tickets/{low}")
    assert (t["state"], t["cycle"]) == ("open", 2)
    said = [e["data"] for e in site.timeline(low) if e["kind"] == "confirmed"]
    assert said[0]["score"] == 1 and said[0]["satisfied"] is False


def refused(site, **fields):
    r = site.request("POST", "/api/v1/messages", {"text": "x", **fields})
    assert r.status == 409, r
    return r


def test_whom_a_message_reaches_decides(desk):
    desk.request("PATCH", f"/api/v1/owners/{desk.person}", {"consent": {"sms": False}})
    for fields in ({"to": "138-0013-8000"}, {"to": "+8613800138000", "account": "li.na"},
                   {"to": "13800138000", "class": "staff"}, {"to": "008613800138000", "class": "staff", "account": "li.na"}):
        refused(desk, channel="sms", **fields)
    r = desk.request("POST", "/api/v1/messages", {"to": "13800138000", "account": "no.body", "text": "x"})
    assert r.status == 422 and r.json["field"] == "account", r
    lines = [a for a in desk.get("/audit")["items"] if a["what"] == "message_refused"]
    assert len(lines) == 4 and "sms" in str(lines[0])
    assert not desk.get("/messages")["items"]


def inbound(site, n, sender, text):
    r = site.request("POST", "/hooks/sms/inbound",
                     {"type": "message.inbound", "timestamp": "2026-11-22T08:00:00Z",
                      "data": {"id": f"in-{n}", "from": sender, "to": "106", "text": text, "at": "2026-11-22T08:00:00Z"}})
    assert r.status == 204, r


def test_stop_of_an_unknown_number(desk):
    inbound(desk, 1, "13311112222", "Opt-out")
    refused(desk, to="+8613311112222")
    owner = desk.post("/owners", {"name": "新业主", "phones": ["13311112222"]})
    refused(desk, person_id=owner["id"], channel="sms")
    assert desk.get("/inbound")["items"][0]["became"] == "opted_out"
    desk.request("PATCH", f"/api/v1/owners/{owner['id']}", {"consent": {"sms": True}})  # said so at the desk
    desk.post("/messages", {"person_id": owner["id"], "channel": "sms", "text": "x"})


@pytest.mark.parametrize("status", [301, 308, 401, 403, 404, 405])
def test_what_is_wrong_with_the_gateway_loses_no_message(desk, status):
    desk.sink.answer = lambda r: (status, {})
    m = send(desk)
    desk.sink.next(id=m["id"])
    queued = state(desk, m, "queued")
    steward.eventually(lambda: [x for x in desk.get("/messages")["items"] if x["attempts"] == 1 and x["error"]], "the error is told")
    assert queued["failed_at"] is None
    desk.sink.answer = lambda r: (200, {})
    desk.advance(60)
    state(desk, m, "sent")


def test_what_is_wrong_with_the_message_fails_it(desk):
    desk.sink.answer = lambda r: (422, {})
    state(desk, send(desk), "failed")


def test_doctor_names_roles_that_nobody_has(desk):
    warnings = desk.get("/doctor")["warnings"]
    assert any("manager" in w and "nobody has that role" in w for w in warnings) == any("tells manager" in w for w in warnings)
