"""Call control: each action through the line protocol and the API, at an Asterisk and at a FreeSWITCH."""
import pytest

import steward
from pbxs import actions, call_until, rack, source, start  # noqa: F401 (rack is a fixture)

CAN = {"ami": ["dial", "hangup", "transfer", "ready", "not_ready", "park"],
       "esl": ["dial", "hangup", "hold", "retrieve", "transfer", "ready", "not_ready"]}
FEATURES = {"ami": "features: {atxfer: true, answer_notify: true}\n", "esl": "features: {answer_notify: true}\n"}
# What is asked, and what the PBX is told for it: {leg} is the agent's, {call} the caller's.
ASKED = {
    "ami": [("hangup", {}, "Hangup", {"Channel": "{leg}"}),
            ("transfer", {"to": "1003"}, "BlindTransfer", {"Channel": "{leg}", "Context": "internal", "Exten": "1003"}),
            ("transfer", {"to": "1003", "kind": "attended"}, "Atxfer", {"Channel": "{leg}", "Exten": "1003"}),
            ("park", {}, "Park", {"Channel": "{call}", "TimeoutChannel": "{leg}"})],
    "esl": [("hangup", {}, "uuid_kill {leg}", None), ("hold", {}, "uuid_hold {leg}", None), ("retrieve", {}, "uuid_hold off {leg}", None),
            ("transfer", {"to": "1003"}, "uuid_transfer {call} 1003 XML default", None),
            ("transfer", {"to": "1003", "kind": "attended"}, "uuid_broadcast {leg} att_xfer::", None)],
}
ANSWER = {"ami": ("PJSIPNotify", {"Channel": "{leg}", "Variable": "Event=talk"}), "esl": ("uuid_phone_event {leg} talk", None)}
CANNOT = {"ami": ["answer", "hold", "retrieve"], "esl": ["answer", "park"]}
KINDS = pytest.mark.parametrize("kind", ["ami", "esl"])


def told(pbx, call, action, fields):
    """Waits until the PBX was told just that."""
    legs = {"call": call, "leg": f"{call}-1001"}
    if pbx.kind == "esl":
        return pbx.action(action.format(**legs))
    legs = {name: pbx.legs[id]["Channel"] for name, id in legs.items()}
    return pbx.action(action, **{k: v.format(**legs) for k, v in fields.items()})


@pytest.fixture
def desk(make, rack):
    """desk(kind) -> (site, PBX, li.na's token and softphone at 1001)."""
    def new(kind, more=""):
        pbx = rack(kind)
        site = start(make, {"pbx-a": pbx}, {"pbx-a": more})
        token = site.user("li.na", device="1001")
        return site, pbx, token, site.agent("1001", token=token)
    return new


def talk(site, pbx, call="1.1", device="1001"):
    pbx.ring(call, device)
    pbx.answer(call, device)
    return call_until(site, "pbx-a", call, state="established")["id"]


@KINDS
def test_what_a_source_can_is_done(desk, kind):
    site, pbx, token, phone = desk(kind, FEATURES[kind])
    assert source(site, "pbx-a")["can"] == ["dial", "answer", *CAN[kind][1:]]
    act = actions(phone)
    assert act("dial", number="13800138000")["ok"] is True
    assert pbx.dialled()[1:3] == ("1001", "13800138000")
    assert site.post("/calls", {"number": "13800138000", "device": "pbx-a/1001"}, token=token) == {"ok": True}
    assert pbx.dialled()[1:3] == ("1001", "13800138000")
    pbx.ring("1.1")
    phone.expect("pop", call="1.1")
    id = call_until(site, "pbx-a", "1.1", state="delivered")["id"]
    assert act("answer")["ok"] is True
    told(pbx, "1.1", *ANSWER[kind])
    assert site.post(f"/calls/{id}/answer", token=token) == {"ok": True}
    told(pbx, "1.1", *ANSWER[kind])
    pbx.answer("1.1")
    call_until(site, "pbx-a", "1.1", state="established")
    for action, fields, command, arguments in ASKED[kind]:
        result = act(action, **fields)
        assert result == {"type": "result", "id": result["id"], "ok": True}
        told(pbx, "1.1", command, arguments)
        assert site.post(f"/calls/{id}/{action}", fields, token=token) == {"ok": True}
        told(pbx, "1.1", command, arguments)
    if kind == "esl":
        pbx.hold("1.1")
        call_until(site, "pbx-a", "1.1", state="held")
        pbx.hold("1.1", held=False)
        call_until(site, "pbx-a", "1.1", state="established")


@KINDS
def test_what_a_source_cannot_is_not_supported(desk, kind):
    site, pbx, token, phone = desk(kind)
    assert source(site, "pbx-a")["can"] == CAN[kind]
    act = actions(phone)
    pbx.ring("1.1")
    id = call_until(site, "pbx-a", "1.1", state="delivered")["id"]
    for action in CANNOT[kind]:
        if action != "answer":
            pbx.answer("1.1")
            call_until(site, "pbx-a", "1.1", state="established")
        result = act(action)
        assert (result["ok"], result["code"]) == (False, "not_supported") and len(result["message"]) > 10
        r = site.request("POST", f"/api/v1/calls/{id}/{action}", {}, token=token)
        assert (r.status, r.json["code"]) == (501, "not_supported") and r.json["detail"] and "problem+json" in r.headers["content-type"]
    if kind == "ami":
        result = act("transfer", to="1003", kind="attended")
        assert (result["code"], "features.atxfer" in result["message"]) == ("not_supported", True)


@KINDS
def test_calls_that_are_not_there_or_not_ones_own(desk, kind):
    site, pbx, token, phone = desk(kind)
    act = actions(phone)
    for action in "hangup", "transfer":
        result = act(action, to="1003")
        assert (result["ok"], result["code"]) == (False, "no_such_call") and result["message"]
    assert site.request("POST", "/api/v1/calls/99/hangup", {}, token=token).status == 404
    id = talk(site, pbx, "2.1", "1002")
    r = site.request("POST", f"/api/v1/calls/{id}/hangup", {}, token=token)
    assert (r.status, r.json["code"]) == (403, "forbidden")
    assert site.request("POST", f"/api/v1/calls/{id}/hangup", {"device": "1002"}, token=token).status == 403
    result = act("hangup", call="2.1")
    assert (result["ok"], result["code"]) == (False, "forbidden") and result["message"]
    boss = site.user("boss", role="supervisor")
    assert site.post(f"/calls/{id}/hangup", token=boss) == {"ok": True}  # from outside: the caller's side
    pbx.action("Hangup", Channel=pbx.legs["2.1"]["Channel"]) if kind == "ami" else pbx.action("uuid_kill 2.1 ")
    pbx.hang_up("2.1", by="2.1")
    call_until(site, "pbx-a", "2.1", state="cleared")
    for action in "hangup", "transfer":
        r = site.request("POST", f"/api/v1/calls/{id}/{action}", {"to": "1003"}, token=boss)
        assert (r.status, r.json["state"], r.json["allowed"]) == (409, "cleared", [])
    mine = talk(site, pbx, "3.1")
    for fields in {}, {"to": ""}, {"to": "x; y"}, {"to": "1003", "kind": "sly"}:
        assert site.request("POST", f"/api/v1/calls/{mine}/transfer", fields, token=token).status == 422, fields
    for fields in {}, {"number": ""}, {"number": "12 x; y"}:
        assert site.request("POST", "/api/v1/calls", fields, token=token).status == 422, fields
    r = site.request("POST", "/api/v1/calls", {"number": "13800138000"}, token=boss)  # stands nowhere
    assert (r.status, r.json["field"]) == (422, "device")


@KINDS
def test_what_the_pbx_refuses_is_said_in_its_words(desk, kind):
    site, pbx, token, phone = desk(kind)
    id = talk(site, pbx)
    pbx.replies["Hangup"] = lambda f: pbx.text("Response: Error", f, Message="No such channel")
    pbx.replies["uuid_kill"] = lambda words: "-ERR No such channel!"
    result = actions(phone)("hangup")
    assert (result["ok"], result["code"]) == (False, "failed") and "No such channel" in result["message"]
    r = site.request("POST", f"/api/v1/calls/{id}/hangup", {}, token=token, headers={"Idempotency-Key": "k1"})
    assert (r.status, r.json["code"]) == (502, "failed") and "No such channel" in r.json["detail"]
    pbx.replies.clear()
    r = site.request("POST", f"/api/v1/calls/{id}/hangup", {}, token=token, headers={"Idempotency-Key": "k1"})
    assert r.status == 200 and r.json == {"ok": True}  # what failed had no effect: the key may be used again


@KINDS
def test_a_source_that_goes_down_answers_what_waits(desk, kind):
    site, pbx, token, phone = desk(kind)
    id = talk(site, pbx)
    pbx.replies["Hangup"] = pbx.replies["uuid_kill"] = lambda _: None
    phone.send({"type": "action", "id": "x", "action": "hangup"})
    told(pbx, "1.1", "Hangup" if kind == "ami" else "uuid_kill", {})
    pbx.down()
    result = phone.expect("result", id="x")
    assert (result["ok"], result["code"]) == (False, "source_down") and result["message"]
    steward.eventually(lambda: source(site, "pbx-a")["state"] != "up", "down")
    r = site.request("POST", f"/api/v1/calls/{id}/hangup", {}, token=token)
    assert (r.status, r.json["code"]) == (503, "source_down") and r.json["detail"]
