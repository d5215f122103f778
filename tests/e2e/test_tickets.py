"""The first-responder rule through the real doors: calls on the line protocol, verbs over the API."""
import threading

import pytest

import steward


@pytest.fixture
def desk(frozen):
    """A frozen site with owners, two agents at 1001 and 1002, a supervisor and a PBX."""
    frozen.li = frozen.user("li.na", device="1001", display="李娜", phone="13600136001")
    frozen.zhao = frozen.user("zhao.lei", device="1002", display="赵磊")
    frozen.sun = frozen.user("sun.li", role="supervisor", phone="13600136002")
    steward.sample_owners(frozen)
    frozen.line = frozen.pbx("pbx-a")
    return frozen


def call(site, name, device="1001", calling="13800138000"):
    site.line.answered(name, device, calling=calling)
    site.line.event("cleared", name, by="caller")
    site.line.sync()


def test_first_answer_is_first_responder(desk):
    call(desk, "c1")
    ticket = desk.get("/tickets")["items"][0]
    assert (ticket["state"], ticket["responder"], ticket["channel"], ticket["cycle"]) == ("open", "li.na", "call", 1)
    assert ticket["caller"] == "+8613800138000" and ticket["person_id"] and ticket["unit"] == "1201"
    row = desk.get("/calls?call=c1")["items"][0]
    assert row["ticket"] == ticket["id"] and row["agent"] == "li.na" and row["disposition"] == "answered"
    assert ticket["calls"] == [row["id"]] and ticket["call_id"] == row["id"]
    clocks = {c["name"]: c["state"] for c in ticket["clocks"]}
    assert clocks["first_reply"] == "kept" and clocks["resolve"] == "running" and "claim" not in clocks


def test_second_call_joins_and_transfer_moves_nothing(desk):
    call(desk, "c1")
    call(desk, "c2", device="1002")
    call(desk, "c3", device="1002", calling="13900139000")  # the same household
    tickets = desk.get("/tickets")["items"]
    assert len(tickets) == 1 and tickets[0]["responder"] == "li.na" and len(tickets[0]["calls"]) == 3
    assert [e["kind"] for e in desk.timeline(tickets[0]["id"])].count("call_joined") == 2
    call(desk, "c4", device="1002", calling="13700137000")  # another household
    assert len(desk.get("/tickets")["items"]) == 2


def test_answered_where_nobody_stands(desk):
    call(desk, "c1", device="1009")
    ticket = desk.get("/tickets")["items"][0]
    assert ticket["state"] == "new" and ticket["responder"] is None
    assert {c["name"]: c["state"] for c in ticket["clocks"]}["claim"] == "running"
    claimed = desk.post(f"/tickets/{ticket['id']}/claim", token=desk.zhao)
    assert claimed["responder"] == "zhao.lei" and claimed["state"] == "open"
    assert {c["name"]: c["state"] for c in claimed["clocks"]}["claim"] == "kept"


def test_internal_and_outbound_open_none(desk):
    for name, direction in (("i1", "internal"), ("o1", "outbound")):
        desk.line.event("originated", name, device="1001", direction=direction, called="13800138000", calling="1001")
        desk.line.event("delivered", name, device="1002" if direction == "internal" else "trunk")
        desk.line.event("established", name, device="1002" if direction == "internal" else "trunk")
        desk.line.event("cleared", name)
    desk.line.sync()
    assert desk.get("/tickets")["items"] == []


def test_claim_race(desk):
    ticket = desk.post("/tickets", {"subject": "电梯停了", "channel": "web"})
    answers = []
    gate = threading.Barrier(2)

    def claim(token):
        gate.wait()
        answers.append(desk.request("POST", f"/api/v1/tickets/{ticket['id']}/claim", {}, token=token))

    threads = [threading.Thread(target=claim, args=(t,)) for t in (desk.li, desk.zhao)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    won = [a for a in answers if a.status == 200]
    lost = [a for a in answers if a.status == 409]
    assert len(won) == 1 and len(lost) == 1
    assert lost[0].headers["content-type"].startswith("application/problem+json")
    assert lost[0].json["responder"] == won[0].json["responder"] and lost[0].json["state"] == "open"
    assert isinstance(lost[0].json["allowed"], list)


def test_loop_until_satisfied(desk):
    call(desk, "c1")
    key = desk.get("/tickets")["items"][0]["id"]
    t = desk.post(f"/tickets/{key}/resolve", {"note": "换了阀门"}, token=desk.li)
    assert t["state"] == "resolved"
    t = desk.post(f"/tickets/{key}/reply", {"note": "已修好", "channel": "call"}, token=desk.li)
    assert t["state"] == "awaiting_confirmation"
    assert {c["name"]: c["state"] for c in t["clocks"] if c["cycle"] == 1}["confirm"] == "running"
    t = desk.post(f"/tickets/{key}/confirm", {"satisfied": False, "via": "staff", "note": "还漏"}, token=desk.li)
    assert (t["state"], t["cycle"], t["responder"]) == ("open", 2, "li.na")
    assert [c["state"] for c in t["clocks"] if c["name"] == "resolve" and c["cycle"] == 2] == ["running"]
    desk.post(f"/tickets/{key}/resolve", {"note": "换了管"}, token=desk.li)
    desk.post(f"/tickets/{key}/reply", {"note": "好了", "channel": "call"}, token=desk.li)
    t = desk.post(f"/tickets/{key}/confirm", {"satisfied": True, "score": 5, "via": "staff"}, token=desk.li)
    assert (t["state"], t["close_kind"]) == ("closed", "confirmed") and t["closed_at"]
    kinds = [e["kind"] for e in desk.timeline(key)]
    for kind in ("opened", "resolved", "replied", "confirmed", "reopened", "closed", "clock_kept"):
        assert kind in kinds, kinds
    assert desk.ctl("audit", "verify").returncode == 0


def test_settled_within_the_call(desk):
    call(desk, "c1")
    key = desk.get("/tickets")["items"][0]["id"]
    t = desk.post(f"/tickets/{key}/resolve", {"note": "已解答", "told": True, "satisfied": True, "score": 5}, token=desk.li)
    assert t["state"] == "closed" and t["close_kind"] == "confirmed"
    kinds = [e["kind"] for e in desk.timeline(key)]
    assert "resolved" in kinds and "told" in kinds and "confirmed" in kinds


def test_what_is_forbidden(desk):
    call(desk, "c1")
    key = desk.get("/tickets")["items"][0]["id"]
    r = desk.request("POST", f"/api/v1/tickets/{key}/confirm", {"satisfied": True, "via": "staff"}, token=desk.li)
    assert r.status == 409 and r.json["state"] == "open" and "resolve" in r.json["allowed"]
    r = desk.request("POST", f"/api/v1/tickets/{key}/resolve", {"note": "x"}, token=desk.zhao)
    assert r.status == 403
    r = desk.request("POST", f"/api/v1/tickets/{key}/close", {"reason": "x"}, token=desk.li)
    assert r.status == 403
    r = desk.request("POST", f"/api/v1/tickets/{key}/cancel", {"reason": "because"}, token=desk.li)
    assert r.status == 422
    r = desk.request("POST", "/api/v1/tickets/T-999999/note", {"text": "x"}, token=desk.li)
    assert r.status == 404
    version = desk.get(f"/tickets/{key}")["version"]
    r = desk.request("POST", f"/api/v1/tickets/{key}/note", {"text": "x"}, token=desk.li, headers={"If-Match": f'"{version}"'})
    assert r.status == 200 and r.json["version"] == version + 1
    r = desk.request("POST", f"/api/v1/tickets/{key}/note", {"text": "x"}, token=desk.li, headers={"If-Match": f'"{version}"'})
    assert r.status == 412
    t = desk.post(f"/tickets/{key}/cancel", {"reason": "test"}, token=desk.li)
    assert t["state"] == "cancelled" and all(c["state"] != "running" for c in t["clocks"])


def test_dev_is_nobody(desk):
    t = desk.post("/tickets", {"subject": "路灯坏了", "take": True})
    assert t["state"] == "new" and t["responder"] is None
    r = desk.request("POST", f"/api/v1/tickets/{t['id']}/claim", {})
    assert r.status == 403, r
    t = desk.post("/tickets", {"subject": "路灯又坏了", "channel": "walk_in", "take": True}, token=desk.zhao)
    assert t["state"] == "open" and t["responder"] == "zhao.lei"


def test_supervisor_closes_with_a_reason(desk):
    call(desk, "c1")
    key = desk.get("/tickets")["items"][0]["id"]
    t = desk.post(f"/tickets/{key}/close", {"reason": "业主搬走"}, token=desk.sun)
    assert (t["state"], t["close_kind"]) == ("closed", "supervisor")


def test_idempotency_key(desk):
    head = {"Idempotency-Key": "k-1"}
    a = desk.request("POST", "/api/v1/tickets", {"subject": "一次"}, headers=head)
    b = desk.request("POST", "/api/v1/tickets", {"subject": "一次"}, headers=head)
    assert a.status == b.status and a.json["id"] == b.json["id"]
    assert desk.request("POST", "/api/v1/tickets", {"subject": "两次"}, headers=head).status == 422
    assert len(desk.get("/tickets")["items"]) == 1


def test_history_changed_is_found(desk):
    call(desk, "c1")
    key = desk.get("/tickets")["items"][0]["id"]
    desk.post(f"/tickets/{key}/note", {"text": "真话"}, token=desk.li)
    assert desk.ctl("audit", "verify").returncode == 0
    desk.stop()
    desk.allow_log.append("the data of event")
    desk.sql("UPDATE ticket_event SET data = replace(data, '真话', '假话') WHERE kind = 'noted'")
    desk.start()
    broken = desk.ctl("audit", "verify", ok=False)
    assert broken.returncode == 1 and key in broken.stdout + broken.stderr
    assert desk.request("GET", "/readyz").json["status"] == "degraded"


@pytest.mark.parametrize("gone", ["id = 2", "id = 3", "id >= 2"])
def test_a_ticket_that_is_taken_away_is_found_by_what_it_left(desk, gone):
    desk.allow_log.append("auditor: T-")
    for n in range(3):
        desk.post("/tickets", {"subject": f"t{n}"})
    assert desk.get("/audit/verify")["ok"]
    desk.sql(f"PRAGMA busy_timeout=5000; DELETE FROM ticket WHERE {gone}")
    report = desk.get("/audit/verify")
    first = int(gone[-1])
    assert not report["ok"] and report["broken"]["ticket"] == f"T-{first:06d}" and report["broken"]["kind"] == "changed", report
    done = desk.ctl("audit", "verify", ok=False)
    assert done.returncode == 1 and f"T-{first:06d}" in done.stdout + done.stderr
    assert desk.request("GET", "/readyz").json["status"] == "degraded"


def test_the_history_verifies_while_it_grows(desk):
    tokens = desk.user("wu.lan"), desk.user("he.lan")
    ids = [desk.post("/tickets", {"subject": f"t{n}"})["id"] for n in range(100)]
    going = threading.Event()

    def write(token):
        n = 0
        while not going.is_set():
            desk.post(f"/tickets/{ids[-1 - n % 5]}/note", {"text": "x"}, token=token)
            n += 1

    writers = [threading.Thread(target=write, args=(token,)) for token in tokens]
    for w in writers:
        w.start()
    try:
        for _ in range(20):
            report = desk.get("/audit/verify")
            assert report["ok"], report
    finally:
        going.set()
        for w in writers:
            w.join()
