"""Call rows, callbacks, agents, sources and sign-on, sentence by sentence."""
import pytest

import steward
from steward import eventually


@pytest.fixture
def desk(make):
    site = make(frozen=True, start=False)
    site.section("policies", "\n  standard:\n    calendar: always\n    clocks: {claim: 10m, first_reply: 1h, resolve: 48h, confirm: 3d}\n"
                             "    escalate:\n      - {at: 100%, tell: [supervisor]}\n      - {at: +1h, tell: [manager]}\n"
                             "    no_answer: {tries: 3, over: 3d, by: [call, sms]}\n")
    site.start()
    site.li = site.user("li.na", device="1001")
    site.zhao = site.user("zhao.lei", device="1002")
    site.audit = site.user("audit.a", role="auditor")
    site.sun = site.user("sun.li", role="supervisor", phone="13600136002")
    site.user("zhou.yu", role="manager", phone="13600136003")
    steward.sample_owners(site)
    site.line = site.pbx()
    return site


def at(seconds):
    minutes, seconds = divmod(seconds, 60)
    return f"2026-11-22T01:{13 + int(minutes):02d}:{seconds:06.3f}Z"


def play(site, name, *events, calling="13800138000", direction="inbound"):
    for when, event, fields in events:
        site.line.event(event, name, at=at(when), **{"calling": calling, "called": "4008000", "direction": direction, **fields})
    site.line.sync()
    return site.get(f"/calls?call={name}")["items"][0]


RING = lambda when, device="1001", **more: (when, "delivered", {"device": device, **more})
TALK = lambda when, device="1001": (when, "established", {"device": device})
END = lambda when, by="caller": (when, "cleared", {"by": by})


def offered(call):
    return [(o["device"], o["result"]) for o in call["offered"]]


def test_waiting_talking_holding(desk):
    c = play(desk, "q", (0, "queued", {"queue": "service"}), RING(2), TALK(5.5), (10, "held", {"device": "1001"}),
             (14, "retrieved", {"device": "1001"}), END(20.5, "agent"))
    assert (c["wait_s"], c["talk_s"], c["hold_s"], c["hung_up_by"]) == (5.5, 15.0, 4.0, "agent")
    assert (c["started_at"], c["queued_at"], c["answered_at"], c["ended_at"]) == (at(0), at(0), at(5.5), at(20.5))
    assert (c["source"], c["direction"], c["state"], c["disposition"], c["party"], c["calling"], c["calling_raw"], c["called"],
            c["queue"], c["device"], c["agent"], c["match"], c["gap"], c["transfers"]) == (
        "pbx-a", "inbound", "cleared", "answered", "+8613800138000", "+8613800138000", "13800138000", "4008000", "service",
        "1001", "li.na", "one", False, [])
    assert c["person_id"] and c["ticket"].startswith("T-")
    assert c["offered"] == [{"device": "1001", "from": at(2), "to": at(5.5), "result": "answered"}]


def test_waiting_runs_from_the_queue_or_the_start(desk):
    late = play(desk, "ivr", (0, "originated", {}), (10, "queued", {"queue": "s"}), RING(12), TALK(15), END(16))
    assert late["wait_s"] == 5.0 and late["started_at"] == at(0) and late["queued_at"] == at(10)
    direct = play(desk, "direct", (0, "originated", {}), RING(3), TALK(8), END(9, "system"))
    assert direct["wait_s"] == 8.0 and direct["queued_at"] is None and direct["hung_up_by"] == "system"
    lost = play(desk, "lost", (0, "queued", {"queue": "s"}), END(33))
    assert lost["wait_s"] == 33.0 and lost["disposition"] == "abandoned" and lost["answered_at"] is None


def test_held_at_the_end_counts(desk):
    c = play(desk, "h", RING(0), TALK(1), (5, "held", {"device": "1001"}), END(11))
    assert (c["talk_s"], c["hold_s"]) == (10.0, 6.0)


def test_states_of_a_call(desk):
    step = lambda *e: play(desk, "st", e)["state"]
    assert [step(0, "queued", {"queue": "s"}), step(1, "delivered", {"device": "1001"}), step(2, "established", {"device": "1001"}),
            step(3, "held", {"device": "1001"}), step(4, "retrieved", {"device": "1001"}), step(5, "cleared", {"by": "caller"})] == [
        "queued", "delivered", "established", "held", "established", "cleared"]


@pytest.mark.parametrize("events,disposition,results", [
    ([(0, "queued", {"queue": "s"}), RING(1, "1001"), RING(1, "1002"), TALK(3, "1002"), END(9)], "answered",
     [("1001", "withdrawn"), ("1002", "answered")]),
    ([(0, "queued", {"queue": "s"}), RING(1), (16, "diverted", {"device": "1001", "cause": "no_answer"}), RING(17, "1002"),
      (20, "diverted", {"device": "1002", "cause": "rejected"}), END(25)], "abandoned", [("1001", "no_answer"), ("1002", "rejected")]),
    ([(0, "queued", {"queue": "s"}), RING(1), (16, "diverted", {"device": "1001", "cause": "no_answer"}), END(25, "system")],
     "missed", [("1001", "no_answer")]),
    ([RING(0), (15, "diverted", {"device": "1001", "cause": "no_answer"}), END(15, "system")], "missed", [("1001", "no_answer")]),
    ([RING(0), END(4, "caller")], "missed", [("1001", "withdrawn")]),
    ([RING(0), RING(0, "1002"), (2, "diverted", {"device": "1001", "cause": "rejected"}),
      (3, "diverted", {"device": "1002", "cause": "rejected"}), END(3, "system")], "busy",
     [("1001", "rejected"), ("1002", "rejected")]),
    ([(0, "originated", {}), (1, "failed", {"device": "1001", "cause": "busy"}), (1, "failed", {"device": "1002", "cause": "busy"}),
      END(2, "system")], "busy", [("1001", "busy"), ("1002", "busy")]),
    ([RING(0), (15, "diverted", {"device": "1001", "cause": "no_answer"}), (16, "failed", {"device": "1002", "cause": "busy"}),
      END(17, "system")], "missed", [("1001", "no_answer"), ("1002", "busy")]),
    ([(0, "originated", {}), (1, "failed", {"device": "1001", "cause": "congestion"}), END(2, "system")], "failed", []),
    ([RING(0), TALK(1, "1001"), RING(5, "1002"), (6, "diverted", {"device": "1002", "cause": "busy"}), END(8)], "answered",
     [("1001", "answered"), ("1002", "rejected")]),
])
def test_offers_and_dispositions(desk, events, disposition, results):
    c = play(desk, "d", *events)
    assert (c["disposition"], offered(c)) == (disposition, results)


def test_rings_twice_are_two_offers(desk):
    c = play(desk, "r", (0, "queued", {"queue": "s"}), RING(1), (10, "diverted", {"device": "1001", "cause": "no_answer"}), RING(12),
             TALK(14), END(20))
    assert offered(c) == [("1001", "no_answer"), ("1001", "answered")]


def test_transfers_stay_one_call(desk):
    c = play(desk, "b", RING(0), TALK(2), (10, "transferred", {"device": "1001", "to": "1002", "kind": "blind"}), RING(10, "1002"),
             TALK(13, "1002"), END(30))
    assert c["transfers"] == [{"at": at(10), "kind": "blind", "from_device": "1001", "to": "1002"}]
    assert (c["device"], c["talk_s"], c["agent"]) == ("1002", 28.0, "zhao.lei")
    assert desk.get(f"/tickets/{c['ticket']}")["responder"] == "li.na"


def test_a_further_call_of_the_number_joins_the_row(desk):
    ids = [play(desk, f"c{i}", RING(i), END(i + 1, "system"))["id"] for i in range(3)]
    (row,) = desk.get("/callbacks")["items"]
    assert row["calls"] == ids and row["reason"] == "missed" and row["attempts"] == 0 and row["claimed_by"] is None
    assert row["due_at"] == "2026-11-22T01:23:20.000Z"
    assert desk.get(f"/callbacks/{row['id']}") == row


@pytest.mark.parametrize("events,reason", [
    ([(0, "originated", {}), (1, "failed", {"device": "1001", "cause": "busy"}), END(2, "system")], "busy"),
    ([(0, "originated", {}), (1, "failed", {"device": "1001", "cause": "unregistered"}), END(2, "system")], "failed"),
    ([(0, "queued", {"queue": "s"}), END(3)], "abandoned"),
])
def test_every_unanswered_call_leaves_one(desk, events, reason):
    play(desk, "u", *events)
    assert [c["reason"] for c in desk.get("/callbacks")["items"]] == [reason]
    play(desk, "own", (5, "originated", {"device": "1001"}), END(6), calling="1001", direction="internal")
    assert len(desk.get("/callbacks")["items"]) == 1


def test_unknown_people_are_rung_back_too(desk):
    play(desk, "x", RING(0), END(3, "system"), calling="13012345678")
    (row,) = desk.get("/callbacks")["items"]
    assert row["number"] == "+8613012345678" and row["person_id"] is None


def test_who_may_claim(desk):
    play(desk, "c", RING(0), END(1, "system"))
    (row,) = desk.get("/callbacks")["items"]
    for token in (desk.audit, steward.TOKEN):
        assert desk.request("POST", f"/api/v1/callbacks/{row['id']}/claim", {}, token=token).status == 403
    got = desk.post(f"/callbacks/{row['id']}/claim", token=desk.zhao)
    t = desk.get(f"/tickets/{got['ticket']}")
    assert (t["channel"], t["responder"], t["state"], t["caller"], t["calls"]) == ("callback", "zhao.lei", "open", "+8613800138000", row["calls"])
    lost = desk.request("POST", f"/api/v1/callbacks/{row['id']}/claim", {}, token=desk.li)
    assert lost.status == 409 and lost.json["responder"] == "zhao.lei" and lost.json["state"] == "claimed"
    assert desk.get("/callbacks?state=claimed")["items"] and not desk.get("/callbacks?state=waiting")["items"]
    assert desk.post(f"/callbacks/{row['id']}/done", {"outcome": "reached", "note": "好"}, token=desk.zhao)["state"] == "done"
    assert desk.request("POST", f"/api/v1/callbacks/{row['id']}/done", {}, token=desk.zhao).status == 409
    play(desk, "c2", RING(5), END(6, "system"))
    assert len(desk.get("/callbacks")["items"]) == 2


def dial(site, name, when, answered, device="1001", number="13800138000"):
    events = [(when, "originated", {"device": device}), (when + 1, "delivered", {"device": number})]
    events += [TALK(when + 2, number), END(when + 5)] if answered else [END(when + 20, "agent")]
    for moment, event, fields in events:
        site.line.event(event, name, at=at(moment), **{"calling": device, "called": number, "direction": "outbound", **fields})
    site.line.sync()
    return site.get(f"/calls?call={name}")["items"][0]


def test_ringing_back(desk):
    play(desk, "c", RING(0), END(1, "system"))
    (row,) = desk.get("/callbacks")["items"]
    row = desk.post(f"/callbacks/{row['id']}/claim", token=desk.li)
    c = dial(desk, "o1", 10, False)
    assert (c["party"], c["direction"], c["calling_raw"]) == ("+8613800138000", "outbound", "1001")
    assert desk.get(f"/callbacks/{row['id']}")["attempts"] == 1
    dial(desk, "o2", 60, True, device="1002")
    assert desk.get(f"/callbacks/{row['id']}")["state"] == "claimed", "somebody else's call does not end it"
    dial(desk, "o3", 120, True)
    assert desk.get(f"/callbacks/{row['id']}")["state"] == "done"


def test_the_protocol_goes_on_after_the_tries(desk):
    play(desk, "c", RING(0), END(1, "system"))
    (row,) = desk.get("/callbacks")["items"]
    row = desk.post(f"/callbacks/{row['id']}/claim", token=desk.li)
    for n in range(3):
        dial(desk, f"o{n}", 10 + 60 * n, False)
    t = desk.get(f"/tickets/{row['ticket']}")
    assert desk.get(f"/callbacks/{row['id']}")["attempts"] == 3
    assert [e["data"]["outcome"] for e in desk.timeline(t["id"]) if e["kind"] == "attempted"] == ["no_answer"] * 3


def test_the_ladder_of_a_callback(desk):
    play(desk, "c", RING(0), END(1, "system"))
    desk.advance(601)
    m = eventually(lambda: desk.get("/messages")["items"], "the supervisor is told")
    assert [(x["account"], x["template"]) for x in m] == [("sun.li", "callback")]
    desk.advance(3600)
    eventually(lambda: len(desk.get("/messages")["items"]) == 2, "the manager is told")


def test_agents_and_sources(desk):
    r = desk.request("POST", "/api/v1/session", {"user": "li.na", "password": "x"})
    assert r.status == 401
    desk.ctl("user", "add", "qian.yi", "--role", "agent", "--password-stdin", stdin="correct horse\n")
    r = desk.request("POST", "/api/v1/session", {"user": "qian.yi", "password": "correct horse", "device": "1007"}, token=None)
    assert r.status in (200, 201) and {"user", "role", "device", "token"} <= set(r.json)
    cookie = r.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
    agents = {a["user"]: a for a in desk.get("/agents")["items"]}
    assert set(agents["qian.yi"]) >= {"user", "name", "role", "department", "device", "state", "since", "call_id"}
    assert agents["qian.yi"]["device"] == "1007" and agents["li.na"]["device"] == "1001"
    head = {"Cookie": cookie.split(";")[0]}
    assert desk.request("GET", "/api/v1/agents", token=None, headers=head).status == 200
    assert desk.request("GET", "/api/v1/agents", token=r.json["token"]).status == 200
    desk.line.ring("busy", "1001")
    desk.line.event("established", "busy", device="1001")
    desk.line.sync()
    call = desk.get("/calls?call=busy")["items"][0]
    agents = {a["user"]: a for a in desk.get("/agents")["items"]}
    assert agents["li.na"]["call_id"] == call["id"], agents["li.na"]
    assert desk.request("DELETE", "/api/v1/session", token=None, headers=head).status in (200, 204)
    assert desk.request("GET", "/api/v1/agents", token=None, headers=head).status == 401
    assert {a["user"]: a for a in desk.get("/agents")["items"]}["qian.yi"]["device"] is None
    (source,) = desk.get("/sources")["items"]
    assert set(source) >= {"name", "plugin", "state", "since", "can", "error"} and source["name"] == "pbx-a" and source["can"] == []
    r = desk.request("POST", f"/api/v1/calls/{call['id']}/hangup", {})
    assert r.status == 501


def test_pops_leave_no_second_audit_line(desk):
    before = len(desk.get("/audit?limit=500")["items"])
    play(desk, "p", RING(0), TALK(1), END(5))
    assert len(desk.get("/audit?limit=500")["items"]) == before


def test_lists_of_calls(desk):
    a = play(desk, "l1", RING(0), TALK(1), END(2))
    desk.line.ring("l2", "1002", calling="13900139000", at=at(100))
    desk.line.sync()
    ids = lambda query: [c["call"] for c in desk.get("/calls?" + query)["items"]]
    assert ids("party=%2B8613800138000") == ["l1"] and ids("party=13900139000") == ["l2"]
    assert ids("state=delivered") == ["l2"] and ids("source=pbx-a&call=l1") == ["l1"] and ids("source=pbx-b") == []
    assert ids(f"since={at(50)}") == ["l2"]
    assert desk.get(f"/calls/{a['id']}")["id"] == a["id"]
