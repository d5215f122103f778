"""Clocks and ladders: every step exactly once, across restarts, kills and clock jumps."""
import pytest

import steward

POLICY = """
  standard:
    calendar: always
    clocks: {claim: 10m, first_reply: 1h, resolve: 4h, feedback: 2h, confirm: 3d}
    escalate:
      - {at: 80%, tell: [responder]}
      - {at: 100%, tell: [responder, supervisor]}
      - {at: +30m, tell: [manager], raise: priority}
      - {at: +1h, tell: [director], repeat: 1h, times: 3}
"""


@pytest.fixture
def desk(make, sink):
    site = make(frozen=True, start=False)
    site.section("policies", POLICY)
    site.webhook("sms", sink.url)
    site.start()
    site.li = site.user("li.na", device="1001", phone="13600136001")
    site.user("sun.li", role="supervisor", phone="13600136002")
    site.user("zhou.yu", role="manager", phone="13600136003")
    site.user("qian.wei", role="director", phone="13600136004")
    site.line = site.pbx("pbx-a")
    site.sink = sink
    return site


def open_ticket(site, name="c1", calling="13800138000"):
    site.line.answered(name, "1001", calling=calling)
    return site.ticket(caller="+86" + calling)["id"]


def steps(site, ticket, clock="resolve"):
    return [(e["data"]["step"], e["data"]["turn"], e["data"]["at"], e["data"]["told"])
            for e in site.timeline(ticket) if e["kind"] == "escalated" and e["data"]["clock"] == clock]


def wait_steps(site, ticket, n):
    return steward.eventually(lambda: len(steps(site, ticket)) >= n and steps(site, ticket), f"{n} steps")


def test_ladder_in_order(desk):
    key = open_ticket(desk)
    due = next(c["due_at"] for c in desk.get(f"/tickets/{key}")["clocks"] if c["name"] == "resolve")
    assert due == "2026-11-22T05:13:20.000Z"
    desk.advance(3 * 3600 + 11 * 60)
    assert steps(desk, key) == []
    desk.advance(60 + 1)
    assert [s[:3] + (s[3],) for s in wait_steps(desk, key, 1)] == [(1, 1, "80%", ["li.na"])]
    desk.advance(48 * 60)
    got = wait_steps(desk, key, 2)
    assert got[1][:3] == (2, 1, "100%") and sorted(got[1][3]) == ["li.na", "sun.li"]
    clock = next(c for c in desk.get(f"/tickets/{key}")["clocks"] if c["name"] == "resolve")
    assert clock["state"] == "breached"
    kinds = [e["kind"] for e in desk.timeline(key)]
    assert kinds.count("clock_breached") == 1
    before = desk.get(f"/tickets/{key}")["priority"]
    desk.advance(31 * 60)
    wait_steps(desk, key, 3)
    assert desk.get(f"/tickets/{key}")["priority"] == before - 1
    for turn in (1, 2, 3):
        desk.advance(3600)
        assert wait_steps(desk, key, 3 + turn)[2 + turn][:2] == (4, turn)
    desk.advance(24 * 3600)
    assert len(steps(desk, key)) == 6
    late = desk.post(f"/tickets/{key}/resolve", {"note": "晚了"}, token=desk.li)
    clock = next(c for c in late["clocks"] if c["name"] == "resolve")
    assert clock["state"] in ("kept", "breached")
    assert "clock_kept" in [e["kind"] for e in desk.timeline(key) if e["data"].get("clock") == "resolve"]
    desk.advance(24 * 3600)
    assert len(steps(desk, key)) == 6


def test_messages_of_a_step(desk):
    key = open_ticket(desk)
    desk.advance(3 * 3600 + 12 * 60 + 1)
    request = desk.sink.next(to="+8613600136001")
    data = request["json"]["data"]
    assert request["json"]["type"] == "message.send"
    assert data["template"] == "escalated" and data["ticket"] == key and data["class"] == "staff" and data["channel"] == "sms"
    assert data["params"]["ticket"] == key and request["headers"]["webhook-id"] == data["key"]
    event = next(e for e in desk.timeline(key) if e["kind"] == "escalated")
    assert event["data"]["messages"] == [data["id"]]
    message = desk.get(f"/messages?ticket={key}")["items"][0]
    assert message["id"] == data["id"] and message["account"] == "li.na" and message["key"] == data["key"]


def test_each_step_once_across_restarts_and_jumps(desk):
    key = open_ticket(desk)
    desk.advance(5 * 3600 - 60)  # three steps became due at once
    wait_steps(desk, key, 3)
    desk.kill()
    desk.start()
    assert [s[0] for s in wait_steps(desk, key, 3)] == [1, 2, 3]
    desk.advance(-3600)  # an hour back …
    desk.advance(3600)   # … and again
    desk.restart()
    assert [s[0] for s in steps(desk, key)] == [1, 2, 3]
    desk.kill()
    desk.frozen += 2 * 3600 * 1000  # time passed while it was dead
    desk.start()
    assert [s[:2] for s in wait_steps(desk, key, 5)][:5] == [(1, 1), (2, 1), (3, 1), (4, 1), (4, 2)]
    assert desk.ctl("audit", "verify").returncode == 0
    keys = [r["json"]["data"]["key"] for r in desk.sink.all]
    assert len(set(keys)) == len(desk.get("/messages?limit=500")["items"])


def test_nobody_found_tells_the_next_and_alerts(make, sink):
    site = make(frozen=True, start=False)
    site.section("policies", POLICY)
    site.webhook("sms", sink.url)
    site.start()
    site.user("li.na", device="1001")
    site.user("qian.wei", role="director", phone="13600136004")
    site.line = site.pbx("pbx-a")
    monitor = site.monitor()
    key = open_ticket(site)
    site.advance(4 * 3600 + 31 * 60)  # no supervisor, no manager: the director is told
    got = wait_steps(site, key, 3)
    assert any("qian.wei" in s[3] for s in got)
    assert monitor.fence() is not None


def test_ten_thousand_due_in_the_same_second(desk):
    n = 10000
    for i in range(n):
        desk.line.ring(f"m{i}", "1001", calling=f"139{i:08d}")
        desk.line.event("established", f"m{i}", device="1001")
    desk.line.sync()
    desk.advance(3 * 3600 + 13 * 60)
    count = "SELECT count(*) AS n FROM ticket_event WHERE kind = 'escalated'"
    steward.eventually(lambda: desk.sql(count)[0]["n"] >= n, "every step")
    once = "SELECT count(DISTINCT ticket_id) AS tickets, count(*) AS n FROM ticket_event WHERE kind = 'escalated'"
    assert desk.sql(once) == [{"tickets": n, "n": n}]
    assert desk.sql("SELECT count(*) AS n FROM message WHERE template = 'escalated'") == [{"n": n}]
    assert desk.request("GET", "/readyz").status == 200
