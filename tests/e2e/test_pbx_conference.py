"""Three at once: whoever had the call keeps it in a conference, and gives it away after a consultation."""
import steward
from manager import Direct, Manager, shot
from pbxs import call_of, call_until, rack, start  # noqa: F401 (rack is a fixture)


def test_three_ways(make):
    """The consultation is joined into the call; when the holder leaves, the one who came in has it."""
    manager, site = Manager(booted=443), make(start=False)
    site.plugin("pbx-a", manager.instance("pbx-a"))
    site.start()
    manager.up(site, "pbx-a")
    steward.sample_owners(site)
    first, third = site.agent("1001", name="phone-1001"), site.agent("1002", name="phone-1002")
    call = Direct()
    manager.say(*call.ring())
    first.expect("pop", call="1.1")
    manager.say(*call.answer(), ("Hold", call.p(6)))

    def line(state, prefix="", linked="3.1"):
        return shot("3.1", linked, "PJSIP/1001-05", "internal", "1001", state, prefix, "1002")

    def second(state, prefix="", linked="3.1"):
        return shot("3.2", linked, "PJSIP/1002-06", "internal", "1002", state, prefix)

    manager.say(("Newchannel", line(4)), ("Newchannel", second(0)), ("DialBegin", line(4) + second(0, "Dest")), ("Newstate", second(5)),
                ("Newstate", second(6)), ("DialEnd", line(4) + second(6, "Dest") + "DialStatus: ANSWER\r\n"),
                ("BridgeEnter", "BridgeUniqueid: b2\r\n" + second(6)), ("BridgeEnter", "BridgeUniqueid: b2\r\n" + line(6)))

    def rows():
        return {c["call"]: c for c in site.get("/calls?source=pbx-a")["items"]}

    steward.eventually(lambda: rows().get("3.1", {}).get("state") == "established", "the consultation")
    assert rows()["1.1"]["state"] == "held"
    manager.say(("Unhold", call.p(6)),
                ("AttendedTransfer", "Result: Success\r\nDestType: Threeway\r\n" + call.p(6, "OrigTransferer") + line(6, "SecondTransferer")
                 + call.t(6, "Transferee") + second(6, "TransferTarget", "1.1")),
                ("BridgeEnter", "BridgeUniqueid: b1.1\r\n" + second(6, "", "1.1")), ("Hangup", line(6, "", "1.1") + "Cause: 16\r\n"))
    steward.eventually(lambda: rows()["3.1"]["state"] == "cleared", "one call")
    assert rows()["1.1"]["state"] == "established" and rows()["1.1"]["device"] == "1001" and not rows()["1.1"]["transfers"]
    assert not [o for o in third.fence() if o["type"] == "pop"] and not [o for o in first.fence() if o["type"] == "pop_end"]
    manager.say(("HangupRequest", call.p(6)), ("BridgeLeave", "BridgeUniqueid: b1.1\r\n" + call.p(6)), ("Hangup", call.p(6) + "Cause: 16\r\n"))
    first.expect("pop_end", call="1.1")
    third.expect("pop", call="1.1")
    steward.eventually(lambda: rows()["1.1"]["device"] == "1002", "the next holder")
    assert rows()["1.1"]["state"] == "established"
    manager.say(("HangupRequest", call.t(6)), ("Hangup", second(6, "", "1.1") + "Cause: 16\r\n"), ("Hangup", call.t(6) + "Cause: 16\r\n"))
    steward.eventually(lambda: rows()["1.1"]["state"] == "cleared", "the end")
    assert rows()["1.1"]["hung_up_by"] == "caller" and rows()["1.1"]["disposition"] == "answered"
    manager.close()


def consult(pbx):
    """1001, who talks in 1.1, has 1002 rung by att_xfer."""
    pbx.leg("c", "sofia/internal/1002@phone", "outbound", "1001", "1002", "default",
            **{"Channel-Call-UUID": "1.1", "Other-Leg-Unique-ID": "1.1-1001", "variable_dialed_user": "1002"})
    pbx.event("CHANNEL_PROGRESS", pbx.legs["c"])


def talks(pbx, one, two):
    pbx.event("CHANNEL_BRIDGE", pbx.legs[one], **{"Bridge-A-Unique-ID": one, "Bridge-B-Unique-ID": two, "Other-Leg-Unique-ID": two})


def test_att_xfer(make, rack):
    """The card moves when the call does, not when the consultation begins."""
    pbx = rack("esl")
    site = start(make, {"pbx-a": pbx})
    steward.sample_owners(site)
    first, third = site.agent("1001", name="phone-1001"), site.agent("1002", name="phone-1002")
    pbx.ring("1.1")
    first.expect("pop", call="1.1")
    pbx.answer("1.1")
    consult(pbx)
    pbx.event("CHANNEL_ANSWER", pbx.legs["c"])
    talks(pbx, "1.1-1001", "c")
    call_until(site, "pbx-a", "c", state="established", direction="internal")
    call = call_of(site, "pbx-a", "1.1")
    assert (call["state"], call["device"], call["transfers"]) == ("established", "1001", [])
    assert not [o for o in third.fence() if o["type"] == "pop"] and not [o for o in first.fence() if o["type"] == "pop_end"]
    pbx.event("CHANNEL_HANGUP_COMPLETE", pbx.legs.pop("1.1-1001"),
              **{"Hangup-Cause": "NORMAL_CLEARING", "variable_sip_hangup_disposition": "recv_bye"})
    talks(pbx, "1.1", "c")
    assert first.expect("pop_end", call="1.1")["reason"] == "transferred"
    assert third.expect("pop", call="1.1")["party"] == "+8613800138000"
    call = call_until(site, "pbx-a", "1.1", device="1002", state="established")
    assert [(t["kind"], t["from_device"], t["to"]) for t in call["transfers"]] == [("attended", "1001", "1002")]
    pbx.legs["1.1-c"] = pbx.legs.pop("c")
    pbx.hang_up("1.1", by="1.1")
    call = call_until(site, "pbx-a", "1.1", state="cleared")
    assert (call["disposition"], call["hung_up_by"], call["device"]) == ("answered", "caller", "1002")
    assert call_of(site, "pbx-a", "c")["state"] == "cleared"


def test_a_room(make, rack):
    """Both are sent into a room of mod_conference, and a third phone dials in."""
    pbx = rack("esl")
    site = start(make, {"pbx-a": pbx})
    first, third = site.agent("1001", name="phone-1001"), site.agent("1003", name="phone-1003")
    pbx.ring("1.1")
    first.expect("pop", call="1.1")
    pbx.answer("1.1")

    def room(leg, action):
        pbx.event("CUSTOM", pbx.legs[leg], **{"Event-Subclass": "conference::maintenance", "Conference-Name": "3000", "Action": action})

    for leg in ("1.1", "1.1-1001"):
        room(leg, "add-member")
    pbx.leg("p", "sofia/internal/1003@phone", "inbound", "1003", "3000", "default", variable_user_name="1003")
    room("p", "add-member")
    call = call_until(site, "pbx-a", "1.1", device="1001", state="established")
    assert not [o for o in third.fence() if o["type"] == "pop"]
    room("1.1-1001", "del-member")
    pbx.event("CHANNEL_HANGUP_COMPLETE", pbx.legs.pop("1.1-1001"), **{"Hangup-Cause": "NORMAL_CLEARING"})
    first.expect("pop_end", call="1.1")
    third.expect("pop", call="1.1")
    call = call_until(site, "pbx-a", "1.1", device="1003", state="established")
    assert call["transfers"] == [] and [o["device"] for o in call["offered"]] == ["1001"]
    pbx.hang_up("1.1", by="1.1")
    call_until(site, "pbx-a", "1.1", state="cleared", hung_up_by="caller")
