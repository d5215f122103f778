"""The contract's sentences about calls that other tests do not have, one assertion each."""


def test_a_pbx_whose_clock_stands_elsewhere_loses_no_call_at_a_restart(site):
    pbx = site.pbx()
    pbx.ring("old", at="2020-01-01T08:00:00.000Z")
    pbx.event("established", "old", device="1001", at="2020-01-01T08:00:04.000Z")
    pbx.sync()
    site.kill()
    site.start()
    pbx = site.pbx()
    assert site.get("/calls?call=old")["items"][0]["state"] == "established"
    pbx.event("cleared", "old", by="caller", at="2020-01-01T08:00:09.000Z")
    pbx.sync()
    call = site.get("/calls?call=old")["items"][0]
    assert (call["calling_raw"], call["wait_s"], call["talk_s"], call["gap"]) == ("13800138000", 4, 5, False)
