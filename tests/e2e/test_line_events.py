"""Events and acks of the line protocol: numbers, repeats, gaps, refusals, bad lines, crashes."""
import json

import pytest
import steward
from steward import eventually


def call(site, name, source="pbx-a"):
    items = site.get(f"/calls?call={name}&source={source}")["items"]
    assert len(items) == 1, items
    return items[0]


def metric(site, name):
    for line in site.request("GET", "/metrics").body.split("\n"):
        if line.startswith(name + " ") or line.startswith(name + "{"):
            return float(line.rsplit(" ", 1)[1])
    raise AssertionError(f"no metric {name}")


def raw(site):
    """A welcomed PBX whose lines the test writes byte by byte."""
    pbx = site.pbx()
    return pbx, lambda data: pbx.sock.sendall(data)


def test_an_ack_comes_after_the_commit_and_is_cumulative(site):
    pbx = site.pbx()
    for n in range(500):
        pbx.ring(f"c{n}")
    acks = []
    while not acks or acks[-1] < 500:
        acks.append(pbx.expect("ack")["seq"])
    assert acks == sorted(set(acks)) and len(acks) < 500
    site.kill()
    site.start()
    assert site.pbx().welcome["last_seq"] == 500
    assert metric(site, "steward_calls_live") == 500


def test_a_repeat_is_acked_and_changes_nothing(site):
    pbx = site.pbx()
    pbx.answered("c1")
    before = call(site, "c1")
    pbx.send({"type": "event", "seq": 1, "event": "delivered", "call": "c1", "device": "1003", "direction": "inbound"},
             {"type": "event", "seq": 2, "event": "cleared", "call": "c1"},
             {"type": "event", "seq": 2, "event": "cleared", "call": "other"})
    pbx.ack(2)
    pbx.fence()
    assert call(site, "c1") == before
    assert not site.get("/calls?call=other")["items"]


def test_a_resent_tail_counts_once_after_a_crash(site):
    pbx = site.pbx()
    for n in range(10):
        pbx.ring(f"c{n}", device=str(1000 + n))
    pbx.sync()
    site.kill()
    site.start()
    pbx = site.pbx()
    assert pbx.welcome["last_seq"] == 10
    for n in range(5, 15):  # some already seen, some new
        pbx.send({"type": "event", "seq": n + 1, "event": "delivered", "call": f"c{n}", "device": str(1000 + n), "direction": "inbound"})
    pbx.ack(15)
    assert len(site.get("/calls?limit=100")["items"]) == 15
    assert all(len(c["offered"]) == 1 for c in site.get("/calls?limit=100")["items"])


def test_a_refused_event_takes_no_number(site):
    pbx = site.pbx()
    pbx.ring("c1")
    bad = {"type": "event", "seq": 2, "event": "dances", "call": "c1", "device": "1001"}
    pbx.send(bad)
    error = pbx.expect("error", code="bad_event")
    assert error["seq"] == 2 and "event" in error["message"]
    pbx.send({**bad, "event": "established"})  # mended, under the same number
    pbx.ack(2)
    assert call(site, "c1")["state"] == "established"
    assert not call(site, "c1")["gap"]
    assert metric(site, "steward_call_gaps_total") == 0


def test_a_gap_is_counted_and_marks_live_calls(site):
    pbx = site.pbx()
    pbx.ring("old")
    pbx.event("cleared", "old")
    pbx.ring("live")
    pbx.sync()
    pbx.send({"type": "event", "seq": 10, "event": "delivered", "call": "new", "device": "1002", "direction": "inbound"})
    pbx.ack(10)
    assert call(site, "live")["gap"] is True
    assert call(site, "old")["gap"] is False
    assert metric(site, "steward_call_gaps_total") == 1
    pbx.seq = 10
    pbx.event("cleared", "live")
    pbx.sync()
    assert call(site, "live")["gap"] is True


BAD_EVENTS = [
    ({"seq": None}, "seq"), ({"seq": "1"}, "seq"), ({"seq": 0}, "seq"), ({"seq": -1}, "seq"), ({"seq": 1.5}, "seq"),
    ({"event": None}, "event"), ({"event": 5}, "event"), ({"call": None}, "call"), ({"call": ""}, "call"), ({"call": 7}, "call"),
    ({"call": "c" * 129}, "call"), ({"device": 1001}, "device"), ({"at": "yesterday"}, "at"), ({"at": 1732240000}, "at"),
    ({"direction": "sideways"}, "direction"), ({"calling": ["138"]}, "calling"), ({"queue": {}}, "queue"),
    ({"event": "diverted", "cause": "boredom"}, "cause"),
    ({"event": "cleared", "by": "nobody"}, "by"), ({"event": "transferred", "kind": "magic"}, "kind"),
    ({"event": "agent_state", "state": "sleepy"}, "state"),
]


@pytest.mark.parametrize("change, field", BAD_EVENTS, ids=lambda v: json.dumps(v) if isinstance(v, dict) else v)
def test_bad_events_name_their_field(site, change, field):
    pbx = site.pbx()
    good = {"type": "event", "seq": 1, "event": "delivered", "call": "c1", "device": "1001", "direction": "inbound", "calling": "13800138000"}
    bad = {k: v for k, v in {**good, **change}.items() if v is not None}
    pbx.send(bad)
    assert field in pbx.expect("error", code="bad_event")["message"]
    pbx.send(good)
    pbx.ack(1)


def test_bad_lines_are_refused_by_themselves(site):
    pbx, write = raw(site)
    lines = [(b"nonsense", "bad_json"), (b"{\"a\":1,\"a\":2}", "bad_json"), (b"null", "bad_json"), (b"{} {}", "bad_json"),
             (b"{\"type\":\"event\",\"call\":\"\xc3\x28\"}", "bad_json"), (b"{\"type\":\"pi\x00ng\"}", "bad_json"),
             (b"[" * 5000, "bad_json"), (b"{}", "unknown_type"), (b"{\"type\":\"sing\"}", "unknown_type"),
             (b"{\"type\":\"action\",\"id\":\"a\",\"action\":\"dial\"}", "unknown_type")]
    for line, code in lines:
        write(line + b"\n")
        assert pbx.expect("error")["code"] == code, line
    pbx.ring("c1")
    pbx.sync()


def test_empty_lines_unknown_fields_and_crlf(site):
    pbx, write = raw(site)
    write(b"\n\r\n\n{\"type\":\"event\",\"seq\":1,\"event\":\"delivered\",\"call\":\"c1\",\"device\":\"1001\","
          b"\"direction\":\"inbound\",\"colour\":{\"deep\":[1,2,{}]}}\r\n")
    pbx.ack(1)
    write(b"{\"type\":\"ping\"}\r\n")
    pbx.expect("pong")
    assert [o["type"] for o in pbx.seen if o["type"] == "error"] == []


def test_lines_in_any_pieces(site):
    pbx, write = raw(site)
    text = json.dumps({"type": "event", "seq": 1, "event": "delivered", "call": "电话一", "device": "1001", "direction": "inbound"},
                      ensure_ascii=False).encode() + b"\n"
    for i in range(len(text)):
        write(text[i:i + 1])
    pbx.ack(1)
    assert call(site, "%E7%94%B5%E8%AF%9D%E4%B8%80")["call"] == "电话一"


def test_the_longest_line(site):
    pbx, write = raw(site)
    head = b"{\"type\":\"event\",\"seq\":1,\"event\":\"delivered\",\"call\":\"c1\",\"device\":\"1001\",\"direction\":\"inbound\",\"x\":\""
    write(head + b"x" * (65536 - len(head) - 2) + b"\"}\n")
    pbx.ack(1)
    write(head + b"x" * (65537 - len(head) - 2) + b"\"}\n")
    assert pbx.expect("error")["code"] == "line_too_long"
    assert pbx.closed()


def test_a_line_without_end_is_closed_too(site):
    pbx, write = raw(site)
    try:
        for _ in range(100):
            write(b"x" * 65536)
    except OSError:
        pass
    assert pbx.expect("error")["code"] == "line_too_long"
    assert pbx.closed()


def test_events_in_any_order(site):
    pbx = site.pbx()
    pbx.event("established", "early", device="1001", direction="inbound", calling="13800138000", at="2026-11-22T08:00:05.000Z")
    pbx.event("delivered", "early", device="1001", at="2026-11-22T08:00:00.000Z")
    pbx.event("cleared", "early", by="caller", at="2026-11-22T08:00:15.000Z")
    pbx.event("cleared", "unheard of")
    pbx.event("held", "also unheard of", device="1001")
    pbx.sync()
    c = call(site, "early")
    assert (c["state"], c["disposition"], c["wait_s"], c["talk_s"]) == ("cleared", "answered", 5, 10)


def test_agent_state_needs_no_call(site):
    pbx = site.pbx()
    site.user("li.na", device="1001")
    pbx.event("agent_state", None, device="1001", state="not_ready", reason="lunch")
    del pbx.seen[:]
    pbx.sync()
    agent = eventually(lambda: [a for a in site.get("/agents")["items"] if a["state"] == "not_ready"], "not_ready")[0]
    assert agent["user"] == "li.na"


def test_a_pbx_that_never_reads_is_acked_in_one_piece_or_closed(site):
    """Acks to a peer that does not read cost one line, whatever it sends; its events are all stored."""
    pbx = site.pbx()
    for n in range(5000):
        pbx.send({"type": "event", "seq": n + 1, "event": "delivered", "call": f"c{n % 50}", "device": "1001", "direction": "inbound"})
    pbx.ack(5000)
    pings = b"{\"type\":\"ping\"}\n" * 4096
    try:
        while True:  # pongs pile up, unread
            pbx.sock.sendall(pings)
    except OSError:
        pass
    eventually(lambda: metric(site, "steward_line_too_slow_total") == 1, "too_slow")
    again = site.pbx()
    assert again.welcome["last_seq"] == 5000


def test_term_commits_what_is_in_flight(site):
    pbx = site.pbx()
    for n in range(2000):
        pbx.ring(f"c{n}")
    pbx.fence()  # all were read
    site.stop()
    last = 0
    while (obj := pbx.read()) is not None:
        last = obj["seq"] if obj["type"] == "ack" else last
    last = max([last] + [o["seq"] for o in pbx.seen if o["type"] == "ack"])
    assert last == 2000
    site.start()
    assert site.pbx().welcome["last_seq"] == 2000
