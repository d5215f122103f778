"""Softphones and monitors on the line protocol: who gets which pop, event and result."""
import socket

import steward
from steward import Line


def test_a_pop_goes_to_every_connection_that_bears_the_device(site):
    steward.sample_owners(site)
    token = site.user("li.na", device="1001")
    one, two, hers = site.agent("1001"), site.agent("1001"), site.agent("1001", token)
    other, qualified, foreign = site.agent("1002"), site.agent("pbx-a/1001"), site.agent("pbx-b/1001")
    wall = site.monitor(site.ctl("token", "add", "--monitor", "wall").stdout.strip())
    pbx = site.pbx("pbx-a")
    pbx.ring("c1", "1001", queue="service")
    for line in one, two, hers, qualified, wall:
        pop = line.expect("pop", call="c1")
        assert (pop["source"], pop["device"], pop["direction"], pop["queue"]) == ("pbx-a", "1001", "inbound", "service")
        assert (pop["party"], pop["calling"], pop["calling_raw"], pop["called"]) == \
            ("+8613800138000", "+8613800138000", "13800138000", "4008000")
        assert pop["match"] == "one" and pop["owners"][0]["name"] == "王芳" and pop["update"] is False
    pbx.event("cleared", "c1", by="caller")
    pbx.sync()
    for line in one, two, hers, qualified, wall:
        assert line.expect("pop_end", call="c1")["reason"] == "caller_left"
    for line in other, foreign:
        assert not [o for o in line.fence() if o["type"] in ("pop", "pop_end")]


def test_a_call_is_told_to_its_device_and_to_monitors(site):
    phone, other, wall, pbx = site.agent("1001"), site.agent("1002"), site.monitor(), site.pbx()
    pbx.answered("c1", "1001")
    for line in phone, wall:
        while line.expect("call")["data"]["state"] != "established":
            pass
    assert not [o for o in other.fence() if o["type"] == "call"]


def test_an_answer_ends_the_pops_of_the_others(site):
    phones = {d: site.agent(d) for d in ("1001", "1002", "1003")}
    pbx = site.pbx()
    for device in phones:
        pbx.ring("c1", device)
    pbx.event("established", "c1", device="1002")
    for device, phone in phones.items():
        phone.expect("pop", call="c1", device=device)
        if device != "1002":
            assert phone.expect("pop_end", call="c1")["reason"] == "answered_elsewhere"
    assert not [o for o in phones["1002"].fence() if o["type"] == "pop_end"]


def test_a_late_phone_gets_the_pop_that_stands(site):
    first, pbx = site.agent("1001"), site.pbx()
    pbx.ring("c1", "1001")
    first.expect("pop", call="c1")
    late = site.agent("1001")
    assert late.expect("pop", call="c1")["device"] == "1001"


def test_a_persons_hello_signs_them_on(site):
    token = site.user("li.na", device="1001")
    site.agent("1005", token)
    agents = {a["user"]: a for a in site.get("/agents")["items"]}
    assert agents["li.na"]["device"] == "1005"
    pbx = site.pbx()
    pbx.answered("c1", "1005")
    assert site.ticket(caller="+8613800138000")["responder"] == "li.na"
    site.restart()
    assert {a["user"]: a["device"] for a in site.get("/agents")["items"]}["li.na"] == "1005"


def test_dev_signs_nobody_on(site):
    site.agent("1005")
    assert not [a for a in site.get("/agents")["items"] if a["device"] == "1005"]


def test_a_ticket_is_told_to_its_responder(site):
    token, stranger = site.user("li.na", device="1001"), site.user("wang.wei", device="1002")
    hers, his, pbx = site.agent("1001", token), site.agent("1002", stranger), site.pbx()
    pbx.answered("c1", "1001")
    ticket = hers.expect("ticket")["data"]
    assert ticket["responder"] == "li.na" and ticket["channel"] == "call"
    assert not [o for o in his.fence() if o["type"] == "ticket"]


def test_a_callback_is_told_to_everybody_at_a_desk(site):
    one, two, wall, pbx = site.agent("1001"), site.agent("1002"), site.monitor(), site.pbx()
    pbx.event("queued", "c1", queue="service", direction="inbound", calling="13800138000", called="4008000")
    pbx.event("cleared", "c1", by="caller")
    pbx.sync()
    for line in one, two, wall:
        assert line.expect("callback")["data"]["number"] == "+8613800138000"


def test_actions_are_answered(site):
    phone = site.agent("1001")
    pbx = site.pbx()
    for n, action in enumerate(["dial", "answer", "hangup", "hold", "retrieve", "transfer", "ready", "not_ready"]):
        phone.send({"type": "action", "id": f"a{n}", "action": action, "number": "13800138000", "to": "1002", "reason": "lunch",
                    "source": "pbx-a"})
        result = phone.expect("result", id=f"a{n}")
        assert result["ok"] is False and result["message"], result
        assert result["code"] in ("not_supported", "no_such_call"), result
    phone.send({"type": "action", "id": 9, "action": "dance"})
    assert phone.expect("result", id=9)["ok"] is False
    phone.send({"type": "action", "action": "dial"})
    assert phone.expect("error")["code"] == "bad_event"
    phone.send({"type": "event", "seq": 1, "event": "delivered", "call": "c1"})
    assert phone.expect("error")["code"] == "unknown_type"
    pbx.close()  # until then it was a source, though it said nothing


def test_a_phone_that_never_reads_delays_nobody(site):
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 131072)  # more than a segment: else it is read in drops
    deaf.connect(("127.0.0.1", site.line_port))
    line = Line(0, deaf)
    line.send({"type": "hello", "v": 1, "role": "agent", "device": "1001", "token": steward.TOKEN})
    line.expect("welcome")
    phone, pbx = site.agent("1001"), site.pbx()
    slow = "steward_line_too_slow_total 1"
    for n in range(20000):
        pbx.ring(f"c{n}", "1001")
        phone.expect("pop", call=f"c{n}")
        pbx.event("cleared", f"c{n}", by="caller")
        if n % 10 == 9:  # often: its last words wait 5 s for it to read
            pbx.sync()
            if slow in site.request("GET", "/metrics").body:
                break
    assert slow in site.request("GET", "/metrics").body
    kinds = []
    while (obj := line.read()) is not None:
        kinds.append(obj)
    assert kinds[-1]["type"] == "error" and kinds[-1]["code"] == "too_slow"


def test_a_monitor_of_an_agent_sees_only_their_own(site):
    token = site.user("li.na", device="1001")
    site.user("wang.wei", device="1002")
    hers, pbx = site.monitor(token), site.pbx()
    pbx.answered("c1", "1002", calling="13900139000")
    pbx.answered("c2", "1001")
    assert hers.expect("ticket")["data"]["responder"] == "li.na"
    assert not [o for o in hers.seen + hers.fence() if o["type"] == "ticket" and o["data"]["responder"] != "li.na"]
