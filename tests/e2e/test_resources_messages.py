"""Messages and persons, sentence by sentence: classes, consent, quiet hours, who is told by what."""
import pytest

import steward

MESSAGES = """
  quiet_hours: {from: "22:00", to: "08:00"}
  sms: {gateway: sms, signature: 四季花城, fallback: email}
  email: {gateway: mail}
  templates: templates/
"""
POLICIES = """
  standard:
    calendar: always
    clocks: {claim: 10m, first_reply: 1h, accept: 30m, resolve: 4h, feedback: 2h, confirm: 3d}
    escalate:
      - {at: 50%, tell: [responder], by: [desk]}
      - {at: 60%, tell: [responder, zhou.yu], by: [desk, email]}
      - {at: 70%, tell: [department_head]}
      - {at: 80%, tell: [on_shift]}
      - {at: 90%, tell: [building_steward]}
  urgent:
    urgent: true
    calendar: always
    clocks: {resolve: 24h, feedback: 2h, confirm: 3d}
    when: [{priority: 1}]
"""


@pytest.fixture
def desk(make, sink):
    site = make(frozen=True, start=False)
    site.webhook("sms", sink.url)
    site.webhook("mail", sink.url)
    site.section("messages", MESSAGES)
    site.section("policies", POLICIES)
    site.section("departments", "\n  engineering: {name: {zh: 工程部}, head: zhao.gang}\n")
    site.section("categories", "\n  leak: {name: {zh: 漏水}, department: engineering}\n")
    (site.folder / "templates").mkdir(exist_ok=True)
    (site.folder / "templates" / "hello.zh-Hans.txt").write_text(
        "provider_template: SMS_4711\nsubject: 您好\n\n{name}，{what}已完成\n", encoding="utf-8")
    (site.folder / "templates" / "hello.en.txt").write_text("subject: Hello\n\nDear {name}, {what} is done\n", encoding="utf-8")
    site.start()
    site.li = site.user("li.na", device="1001", phone="13600136001", email="li@example.com")
    site.user("zhou.yu", role="manager", email="zhou@example.com")
    site.user("zhao.gang", role="department", department="engineering", email="zhao@example.com")
    site.user("sun.li", phone="13600136005")
    site.user("shift.a", phone="13600136006")
    site.user("shift.b", phone="13600136007")
    steward.sample_owners(site)
    site.owners(buildings="estate,building,steward\n四季花城,3,sun.li\n",
                shifts="user,from,to,kind\nshift.a,2026-11-22T00:00:00Z,2026-11-23T00:00:00Z,on\n"
                       "shift.b,2026-11-22T00:00:00Z,2026-11-23T00:00:00Z,on\nshift.b,2026-11-22T00:00:00Z,2026-11-23T00:00:00Z,leave\n")
    site.sink = sink
    site.person = site.get("/owners?phone=13800138000")["items"][0]["owner"]["id"]
    return site


FIELDS = {"id", "key", "channel", "class", "gateway", "to", "person_id", "account", "ticket", "template", "provider_template", "params",
          "language", "text", "segments", "state", "attempts", "not_before", "queued_at", "sent_at", "delivered_at", "failed_at", "error",
          "provider_id", "resend_of"}


def send(site, status=(200, 201), **fields):
    return site.post("/messages", {"channel": "sms", "class": "service", "person_id": site.person, "text": "您好", **fields}, status=status)


def until(site, message, state):
    return steward.eventually(lambda: (lambda m: m if m["state"] == state else None)(site.get(f"/messages/{message['id']}")), state)


def test_every_field(desk):
    m = send(desk)
    assert set(m) >= FIELDS and m["text"] == "【四季花城】您好" and m["segments"] == 1 and m["gateway"] == "sms"
    assert (m["account"], m["ticket"], m["template"], m["resend_of"], m["to"], m["language"]) == (
        None, None, None, None, "+8613800138000", "zh-Hans")
    got = desk.sink.next(id=m["id"])["json"]["data"]
    assert set(got) >= {"id", "key", "channel", "class", "to", "from", "text", "subject", "ticket", "template", "provider_template", "params"}
    assert got["subject"] is None
    assert until(desk, m, "sent")["attempts"] == 1


def test_provider_template_and_params_travel(desk):
    m = send(desk, template="hello", params={"what": "维修"}, text=None)
    assert m["provider_template"] == "SMS_4711" and m["params"]["what"] == "维修" and m["text"] == "【四季花城】王芳，维修已完成"
    got = desk.sink.next(id=m["id"])["json"]["data"]
    assert (got["template"], got["provider_template"], got["params"]["what"]) == ("hello", "SMS_4711", "维修")
    m = send(desk, template="hello", params={"what": "it"}, text=None, language="en", channel="email")
    assert m["text"].strip() == "Dear 王芳, it is done" and m["provider_template"] is None
    assert desk.sink.next(id=m["id"])["json"]["data"]["subject"] == "Hello"
    m = send(desk, text="已批准的文字", provider_template="SMS_1", params={"code": "7"})
    got = desk.sink.next(id=m["id"])["json"]["data"]
    assert (m["provider_template"], got["provider_template"], got["params"]) == ("SMS_1", "SMS_1", {"code": "7"})


def test_classes_and_consent(desk):
    send(desk, **{"class": "marketing"}, status=409)
    assert desk.request("PATCH", f"/api/v1/owners/{desk.person}", {"consent": {"marketing": True}}).status == 200
    m = send(desk, **{"class": "marketing"}, text="促销，回复TD退订")
    until(desk, m, "sent")
    send(desk, **{"class": "rubbish"}, status=422)
    body = {"type": "message.inbound", "timestamp": "2026-11-22T08:00:00Z",
            "data": {"id": "mo-1", "from": "13800138000", "to": "1069", "text": "TD", "at": "2026-11-22T08:00:00Z",
                     "reply_to_key": m["key"]}}
    assert desk.request("POST", "/hooks/sms/inbound", body).status == 204
    consent = desk.get(f"/owners/{desk.person}")["consent"]
    assert consent == {"sms": True, "email": True, "call": True, "marketing": False}
    m = send(desk, text="师傅已出发")
    until(desk, m, "sent")
    for i, word in enumerate(("退订", "STOP", "td")):
        body["data"].update(id=f"mo-{i + 2}", text=word, reply_to_key=m["key"])
        assert desk.request("POST", "/hooks/sms/inbound", body).status == 204
        assert desk.get(f"/owners/{desk.person}")["consent"]["sms"] is False, word
        assert desk.request("PATCH", f"/api/v1/owners/{desk.person}", {"consent": {"sms": True}}).status == 200
    assert desk.get("/tickets")["items"] == []


def test_staff_know_no_quiet_hours(desk):
    desk.advance(14 * 3600)  # 23:13 in Shanghai
    m = desk.post("/messages", {"account": "li.na", "class": "staff", "text": "x", "channel": "sms"})
    assert m["not_before"] is None
    until(desk, m, "sent")
    assert send(desk)["not_before"] == "2026-11-23T00:00:00.000Z"


def test_an_urgent_policy_goes_at_once(desk):
    desk.advance(14 * 3600)
    for priority, urgent in ((1, True), (3, False)):
        t = desk.post("/tickets", {"subject": "x", "person_id": desk.person, "priority": priority, "take": True}, token=desk.li)
        desk.post(f"/tickets/{t['id']}/reply", {"note": "在路上", "channel": "sms"}, token=desk.li)
        (m,) = [m for m in desk.get(f"/messages?ticket={t['id']}")["items"] if m["person_id"]]
        assert (m["not_before"] is None) == urgent and m["class"] == "service"
    assert [a for a in desk.get("/audit?limit=100")["items"] if a["what"] == "urgent_message"]


def test_resend_and_cancel(desk):
    m = until(desk, send(desk), "sent")
    again = desk.post(f"/messages/{m['id']}/resend")
    assert again["resend_of"] == m["id"] and again["key"] != m["key"] and again["text"] == m["text"]
    until(desk, again, "sent")
    desk.post(f"/messages/{m['id']}/cancel", status=409)
    desk.advance(14 * 3600)
    waiting = desk.post(f"/messages/{m['id']}/resend")
    assert waiting["not_before"] == "2026-11-23T00:00:00.000Z"
    assert desk.post(f"/messages/{waiting['id']}/cancel")["state"] == "cancelled"
    desk.advance(10 * 3600)
    assert desk.get(f"/messages/{waiting['id']}")["state"] == "cancelled"
    assert desk.request("PATCH", f"/api/v1/owners/{desk.person}", {"consent": {"sms": False, "email": False}}).status == 200
    desk.post(f"/messages/{m['id']}/resend", status=409)


def test_no_number_falls_back_to_mail(desk):
    other = desk.post("/owners", {"name": "赵六", "emails": ["zl@example.com"]})
    m = desk.post("/messages", {"person_id": other["id"], "text": "您好"})
    assert (m["channel"], m["to"], m["gateway"]) == ("email", "zl@example.com", "mail")


def test_who_is_told_by_what(desk):
    unit = desk.get(f"/owners/{desk.person}")["tenures"][0]["unit_id"]
    t = desk.post("/tickets", {"subject": "x", "category": "leak", "unit_id": unit, "take": True}, token=desk.li)
    desk.advance(4 * 3600 - 60)
    got = steward.eventually(lambda: (lambda e: e if len(e) >= 5 else None)(
        [e["data"] for e in desk.timeline(t["id"]) if e["kind"] == "escalated" and e["data"]["clock"] == "resolve"]), "five steps")
    assert [sorted(e["told"]) for e in got] == [["li.na"], ["li.na", "zhou.yu"], ["zhao.gang"], ["shift.a"], ["sun.li"]]
    by = {m["id"]: (m["channel"], m["to"]) for m in desk.get(f"/messages?ticket={t['id']}")["items"]}
    assert [[by[i] for i in e["messages"]] for e in got] == [
        [], [("email", "li@example.com"), ("email", "zhou@example.com")], [("email", "zhao@example.com")],
        [("sms", "+8613600136006")], [("sms", "+8613600136005")]]


def test_filters(desk):
    m = until(desk, send(desk), "sent")
    for query, there in (("state=sent", True), ("state=failed", False), (f"person={desk.person}", True), ("person=99", False),
                         ("gateway=sms", True), ("gateway=mail", False)):
        assert (m["id"] in [x["id"] for x in desk.get("/messages?" + query)["items"]]) == there, query


# -- persons -----------------------------------------------------------------------------------------


def test_every_form_of_a_number(desk):
    for form in ("13800138000", "+8613800138000", "%2B8613800138000", "008613800138000", "013800138000", "8613800138000"):
        got = desk.request("GET", f"/api/v1/owners?phone={form}")
        assert got.status == 200 and (got.json["match"], len(got.json["items"])) == ("one", 1), (form, got)
    item = desk.get("/owners?phone=13800138000")["items"][0]
    assert set(item) >= {"owner", "certainty", "reason"} and item["certainty"] == "certain" and "3-1201" in item["reason"]
    assert desk.get("/owners?phone=13000000000")["match"] == "none"


def test_versions(desk):
    path = f"/api/v1/owners/{desk.person}"
    one = desk.request("GET", path).json
    assert {"phones", "emails", "tenures", "version"} <= set(one)
    two = desk.request("PATCH", path, {"name": "王芳芳"}, headers={"If-Match": f'"{one["version"]}"'})
    assert two.status == 200 and two.json["version"] == one["version"] + 1 and two.json["name"] == "王芳芳"
    assert desk.request("PATCH", path, {"name": "x"}, headers={"If-Match": f'"{one["version"]}"'}).status == 412
    assert desk.request("PATCH", path, {"phones": ["12"]}).status == 422
    assert desk.request("PATCH", path, {"name": ""}).status == 422


def test_consent_in_the_file(desk):
    desk.owners(persons="key,name,language,phones,emails,segment,flags,tier,consent\n"
                        "c1,周杰,zh-Hans,13100131000,,,,,sms;marketing\nc2,吴敏,zh-Hans,13200132000,,,,,\n")
    first = desk.get("/owners?phone=13100131000")["items"][0]["owner"]["consent"]
    second = desk.get("/owners?phone=13200132000")["items"][0]["owner"]["consent"]
    assert first == {"sms": True, "email": False, "call": False, "marketing": True}, first
    assert second == {"sms": True, "email": True, "call": True, "marketing": False}, second


def test_buildings_have_stewards(desk):
    card = desk.get(f"/owners/{desk.person}")
    assert card["steward"]["user"] == "sun.li"


def test_faults_name_their_field(desk):
    for field, body in (("to", {"text": "x"}), ("to", {"to": "abc", "text": "x"}), ("person_id", {"person_id": 999, "text": "x"}),
                        ("account", {"account": "nobody", "text": "x"}), ("template", {"person_id": desk.person, "template": "nope"}),
                        ("text", {"person_id": desk.person}), ("channel", {"person_id": desk.person, "text": "x", "channel": "fax"}),
                        ("class", {"person_id": desk.person, "text": "x", "class": "spam"}),
                        ("params", {"person_id": desk.person, "text": "x", "params": []})):
        r = desk.request("POST", "/api/v1/messages", body)
        assert r.status == 422 and r.json.get("field") == field, (field, body, r)


def test_a_refused_sms_goes_by_mail(desk):
    desk.sink.answer = lambda r: (400, {}) if r["json"]["data"].get("channel") == "sms" else (200, {})
    m = send(desk, text="停水通知")
    failed = until(desk, m, "failed")
    assert failed["failed_at"] and failed["error"] and failed["sent_at"] is None
    mail = steward.eventually(lambda: [x for x in desk.get(f"/messages?person={desk.person}")["items"] if x["channel"] == "email"], "mail")[0]
    assert mail["resend_of"] == m["id"] and mail["to"] == "wang@example.com" and mail["key"] != m["key"] and mail["text"] == "停水通知"
    desk.post(f"/messages/{m['id']}/cancel", status=409)


def test_told_at_the_desk_always(desk):
    manager = desk.ctl("token", "add", "--user", "zhou.yu").stdout.strip()
    t = desk.post("/tickets", {"subject": "x", "category": "leak", "take": True}, token=desk.li)
    events = desk.events(token=manager)
    desk.advance(int(4 * 3600 * 0.6) + 1)
    _, seen = events.next("ticket", id=t["id"])
    assert seen["responder"] == "li.na"
    events.close()


def test_expired(desk):
    desk.sink.answer = lambda r: (503, {})
    m = send(desk)
    desk.sink.next(id=m["id"])
    desk.advance(30 * 86400)
    assert until(desk, m, "expired")["attempts"] >= 1
    desk.post(f"/messages/{m['id']}/cancel", status=409)
