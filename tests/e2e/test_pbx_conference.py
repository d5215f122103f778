"""Three talk at once: whoever had the call keeps it."""
import steward
from manager import Direct, Manager, shot


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
