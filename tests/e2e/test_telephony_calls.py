"""Calls as the API and the PBX see them: acks, numbers, any order of events, whole calls, restarts."""
import datetime
import random

import pytest

from steward import eventually

BEGAN = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) - datetime.timedelta(minutes=10)


def at(seconds):
    """So long after the calls of this run began: of long ago, a restart would take them for forgotten."""
    moment = BEGAN + datetime.timedelta(milliseconds=round(seconds * 1000))
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def the_call(site, call, source="pbx-a"):
    (found,) = site.get(f"/calls?source={source}&call={call}")["items"]
    return found


def play(site, events, pbx=None):
    pbx = pbx or site.pbx()
    for event, call, fields in events:
        pbx.event(event, call, **fields)
    pbx.sync()
    return pbx


def test_acks_are_cumulative_and_survive_kill_9(site):
    pbx = site.pbx()
    assert pbx.welcome["last_seq"] == 0 and pbx.welcome["v"] == 1
    for n in range(300):
        pbx.ring(f"k.{n}")
    acks = []
    while not acks or acks[-1] < 300:
        acks.append(pbx.expect("ack")["seq"])
    assert acks == sorted(set(acks)) and acks[-1] == 300
    site.kill()
    site.start()
    assert site.pbx().welcome["last_seq"] == 300
    assert len(site.get("/calls?limit=500")["items"]) == 300


def test_numbers(site):
    pbx = site.pbx()
    pbx.ring("n.1")
    pbx.sync()
    pbx.send({"type": "event", "seq": 1, "event": "cleared", "call": "n.1"})  # a repeat
    assert pbx.expect("ack")["seq"] == 1
    pbx.send({"type": "event", "seq": 2, "event": "delivered", "call": "n.1"})  # refused: no device
    error = pbx.expect("error")
    assert (error["code"], error["seq"]) == ("bad_event", 2) and "device" in error["message"]
    pbx.send({"type": "event", "seq": 2, "event": "established", "call": "n.1", "device": "1001"})
    pbx.ack(2)
    assert the_call(site, "n.1")["state"] == "established"
    pbx.send({"type": "event", "seq": 9, "event": "delivered", "call": "n.2", "device": "1002"})  # a gap
    pbx.ack(9)
    assert the_call(site, "n.1")["gap"] is True
    assert the_call(site, "n.2")["gap"] is False
    site.kill()
    site.start()
    assert site.pbx().welcome["last_seq"] == 9


WHOLE = [
    ("queued", {"direction": "inbound", "calling": "13800138000", "called": "4008000", "queue": "service", "at": at(0)}),
    ("delivered", {"device": "1002", "queue": "service", "at": at(0.5)}),
    ("diverted", {"device": "1002", "cause": "no_answer", "at": at(4.5)}),
    ("delivered", {"device": "1001", "queue": "service", "at": at(5.5)}),
    ("established", {"device": "1001", "at": at(6.1)}),
    ("held", {"device": "1001", "at": at(10)}),
    ("retrieved", {"device": "1001", "at": at(13)}),
    ("transferred", {"device": "1001", "to": "1003", "kind": "blind", "at": at(20)}),
    ("delivered", {"device": "1003", "at": at(20.1)}),
    ("established", {"device": "1003", "at": at(22)}),
    ("cleared", {"by": "caller", "at": at(48.1)}),
]


def check_whole(call):
    assert call["state"] == "cleared" and call["disposition"] == "answered"
    assert (call["party"], call["calling_raw"], call["called"], call["queue"]) == (
        "+8613800138000", "13800138000", "4008000", "service")
    assert (call["device"], call["hung_up_by"]) == ("1003", "caller")
    assert (call["wait_s"], call["talk_s"], call["hold_s"]) == (6.1, 42, 3)
    assert (call["started_at"], call["queued_at"], call["answered_at"], call["ended_at"]) == (at(0), at(0), at(6.1), at(48.1))
    assert [(o["device"], o["result"]) for o in call["offered"]] == [
        ("1002", "no_answer"), ("1001", "answered"), ("1003", "answered")]
    assert [(t["kind"], t["from_device"], t["to"]) for t in call["transfers"]] == [("blind", "1001", "1003")]


def test_a_whole_call(site):
    play(site, [(event, "w.1", fields) for event, fields in WHOLE])
    call = the_call(site, "w.1")
    check_whole(call)
    assert site.get(f"/calls/{call['id']}") == call


def test_any_order_ends_in_the_same_call(site):
    seed = random.randrange(1 << 30)
    print("seed", seed)
    shuffle = random.Random(seed)
    pbx = site.pbx()
    for n in range(10):
        events = [(event, f"o.{n}", fields) for event, fields in WHOLE]
        shuffle.shuffle(events)
        play(site, events, pbx)
        check_whole(the_call(site, f"o.{n}"))


def test_a_call_goes_on_after_kill_9(site):
    for n in range(1, len(WHOLE)):
        pbx = play(site, [(event, f"g.{n}", fields) for event, fields in WHOLE[:n]])
        site.kill()
        site.start()
        pbx = site.pbx()
        assert pbx.welcome["last_seq"] == pbx.seq
        play(site, [(event, f"g.{n}", fields) for event, fields in WHOLE[n:]], pbx)
        check_whole(the_call(site, f"g.{n}"))
    assert len(site.get("/calls?limit=500")["items"]) == len(WHOLE) - 1


@pytest.mark.parametrize("events,disposition,offered", [
    ([("queued", {"queue": "s"}), ("cleared", {"by": "caller"})], "abandoned", []),
    ([("queued", {"queue": "s"}), ("delivered", {"device": "1001"}), ("cleared", {"by": "caller"})], "abandoned",
     ["withdrawn"]),
    ([("queued", {"queue": "s"}), ("cleared", {"by": "system"})], "missed", []),
    ([("delivered", {"device": "1001"}), ("cleared", {"by": "system"})], "missed", ["no_answer"]),
    ([("delivered", {"device": "1001"}), ("diverted", {"device": "1001", "cause": "rejected"}), ("cleared", {"by": "system"})],
     "busy", ["rejected"]),
    ([("originated", {}), ("failed", {"device": "1001", "cause": "busy"}), ("cleared", {"by": "system"})], "busy", ["busy"]),
    ([("originated", {}), ("failed", {"device": "1001", "cause": "unregistered"}), ("cleared", {"by": "system"})], "failed", []),
])
def test_dispositions(site, events, disposition, offered):
    play(site, [(event, "d.1", {"direction": "inbound", "calling": "13800138000", **fields}) for event, fields in events])
    call = the_call(site, "d.1")
    assert call["disposition"] == disposition and call["talk_s"] is None and call["device"] is None
    assert [o["result"] for o in call["offered"]] == offered


def test_a_consultation_is_no_call_of_the_caller(site):
    play(site, [
        ("delivered", "t.1", {"direction": "inbound", "calling": "13800138000", "device": "1001"}),
        ("established", "t.1", {"device": "1001"}),
        ("held", "t.1", {"device": "1001"}),
        ("originated", "t.2", {"direction": "internal", "calling": "1001", "called": "1002", "device": "1001"}),
        ("delivered", "t.2", {"device": "1002"}),
        ("established", "t.2", {"device": "1002"}),
        ("transferred", "t.1", {"device": "1001", "to": "1002", "kind": "attended", "other_call": "t.2"}),
        ("cleared", "t.1", {"by": "caller"})])
    (call,) = site.get("/calls?party=%2B8613800138000")["items"]
    assert call["device"] == "1002" and call["transfers"][0]["kind"] == "attended"
    assert the_call(site, "t.2")["state"] == "cleared"


def test_a_hang_up_that_never_comes(make):
    site = make(start=False, frozen=True)
    site.section("calls", " {forget_after: 1h}")
    site.start()
    pbx, phone = site.pbx(), site.agent("1001")
    pbx.ring("f.1")
    phone.expect("pop")
    pbx.sync()
    site.advance(3600 + 5)
    phone.expect("pop_end")
    call = eventually(lambda: [c for c in site.get("/calls")["items"] if c["state"] == "cleared"], "the call forgotten")[0]
    assert call["gap"] is True and call["disposition"] == "missed"


def test_a_lost_link_ends_no_call(site):
    pbx = site.pbx()
    pbx.answered("l.1")
    pbx.close()
    eventually(lambda: site.get("/sources")["items"][0]["state"] == "down", "the source down")
    assert the_call(site, "l.1")["state"] == "established"
    pbx = site.pbx()
    pbx.event("cleared", "l.1", by="agent")
    pbx.sync()
    assert the_call(site, "l.1")["hung_up_by"] == "agent" and the_call(site, "l.1")["gap"] is False


def test_sources_say_what_they_can(site):
    links = site.pbx("pbx-b"), site.pbx("pbx-a")
    sources = site.get("/sources")["items"]
    assert [(s["name"], s["state"], s["can"], s["error"]) for s in sources] == [
        ("pbx-a", "up", [], None), ("pbx-b", "up", [], None)]
    phone = site.agent("1001")
    phone.send({"type": "action", "id": "a1", "action": "dial", "number": "13800138000"})
    result = phone.expect("result", id="a1")
    assert (result["ok"], result["code"]) == (False, "not_supported")
    assert len(links) == 2


def test_agent_states(site):
    token = site.user("li.na", display="李娜", device="1001")
    pbx = site.pbx()

    def state():
        return {a["user"]: a["state"] for a in site.get("/agents")["items"]}["li.na"]

    for word in ("not_ready", "ready", "working_after_call", "logged_off"):
        pbx.event("agent_state", "", device="1001", state=word, reason="lunch")
        pbx.sync()
        assert state() == word
    site.kill()
    site.start()
    assert state() == "logged_off"
    pbx = site.pbx()
    pbx.event("agent_state", "", device="1001", state="ready")
    pbx.answered("s.1")
    assert state() == "busy"
    assert the_call(site, "s.1")["agent"] == "li.na"
    assert token


def test_events_for_calls_never_seen(site):
    play(site, [("held", "u.1", {"device": "1001"}), ("cleared", "u.2", {"by": "caller"}),
                ("connection_cleared", "u.3", {"device": "1001"}), ("established", "u.4", {"device": "1001"}),
                ("transferred", "u.5", {"other_call": "never", "to": "1002", "kind": "attended"})])
    assert the_call(site, "u.2")["state"] == "cleared"
    assert the_call(site, "u.4")["disposition"] is None and the_call(site, "u.4")["state"] == "established"
