"""Several PBXs at once: each its own name, the same extension on two is two devices."""
import pytest

import steward
from pbxs import actions, call_until, checks, rack, source, start, until  # noqa: F401 (rack is a fixture)


def no_pop_of(source, line):
    line.fence()
    return not [o for o in line.seen if o["type"].startswith("pop") and o["source"] == source]


@pytest.mark.parametrize("kinds", [("ami", "ami"), ("ami", "esl")], ids="-".join)
def test_one_extension_on_two_pbxs_is_two_devices(make, rack, kinds):
    """Both PBXs even name their calls alike."""
    pbxs = {name: rack(kind) for name, kind in zip(("pbx-a", "pbx-b"), kinds)}
    for pbx in pbxs.values():
        pbx.member("1001")
    site = start(make, pbxs)
    steward.sample_owners(site)
    assert [(s["name"], s["plugin"], s["error"]) for s in site.get("/sources")["items"]] == [
        (name, f"cti_{pbx.kind}", None) for name, pbx in pbxs.items()]
    tokens = {name: site.user(user, device=f"{name}/1001") for name, user in (("pbx-a", "li.na"), ("pbx-b", "wang.wei"))}
    own = {name: site.agent(f"{name}/1001", token=token) for name, token in tokens.items()}
    either = site.agent("1001")
    for name, other, person, party, owner in (("pbx-a", "pbx-b", "li.na", "+8613800138000", "王芳"),
                                              ("pbx-b", "pbx-a", "wang.wei", "+85291234567", "Chan Tai Man")):
        pbxs[name].ring("1732240000.1", calling=party)
        for line in own[name], either:
            pop = line.expect("pop", source=name)
            assert (pop["call"], pop["device"], pop["party"], pop["owners"][0]["name"]) == (
                "1732240000.1", "1001", party, owner)
        pbxs[name].answer("1732240000.1")
        call = call_until(site, name, "1732240000.1", state="established")
        assert (call["agent"], call["device"]) == (person, "1001")
        assert no_pop_of(name, own[other])
    assert len(site.get("/calls")["items"]) == 2
    agents = {a["user"]: a for a in site.get("/agents")["items"]}
    assert agents["li.na"]["call_id"] != agents["wang.wei"]["call_id"]
    tickets = {t["responder"] for t in site.get("/tickets")["items"]}
    assert tickets == {"li.na", "wang.wei"}
    pbxs["pbx-a"].hang_up("1732240000.1", by="1732240000.1")
    call_until(site, "pbx-a", "1732240000.1", state="cleared", hung_up_by="caller")
    assert call_until(site, "pbx-b", "1732240000.1", state="established")
    for line in own["pbx-a"], either:
        assert line.expect("pop_end", source="pbx-a")["reason"] == "cleared"
    assert no_pop_of("pbx-a", own["pbx-b"])

    def states():
        return {a["user"]: a["state"] for a in site.get("/agents")["items"]}

    pbxs["pbx-b"].hang_up("1732240000.1")
    steward.eventually(lambda: states() == {"li.na": "ready", "wang.wei": "ready"}, "both free")
    pbxs["pbx-b"].paused("1001", True, "lunch")
    steward.eventually(lambda: states() == {"li.na": "ready", "wang.wei": "not_ready"}, "one of them paused")


def test_one_comes_and_goes_with_a_reload(make, rack):
    """The others are not touched, and the answer names what was taken."""
    pbxs = {"pbx-a": rack("ami"), "pbx-b": rack("esl")}
    site = start(make, {"pbx-a": pbxs["pbx-a"]})
    assert "nothing has changed" in site.ctl("reload").stdout
    site.plugin("pbx-b", pbxs["pbx-b"].conf("pbx-b"))
    assert "taken: plugin pbx-b\n" in site.ctl("reload").stdout
    until(site, "pbx-b", "up")
    site.plugin("pbx-b", pbxs["pbx-b"].conf("pbx-b", "domain: fs.local\n"))
    assert "taken: plugin pbx-b\n" in site.ctl("reload").stdout
    steward.eventually(lambda: pbxs["pbx-b"].signed_in == 2, "signed in with what is new")
    (site.folder / "plugins.d" / "pbx-b.yaml").unlink()
    assert "taken: plugin pbx-b\n" in site.ctl("reload").stdout
    steward.eventually(lambda: source(site, "pbx-b") is None, "a link that carried no call is no source once it is gone")
    assert pbxs["pbx-a"].signed_in == 1 and until(site, "pbx-a", "up")


def test_one_that_is_down_disturbs_nobody(make, rack):
    pbxs = {"pbx-a": rack("ami"), "pbx-b": rack("esl"), "pbx-c": rack("ami")}
    site = start(make, pbxs)
    assert checks(site)[:2] == (200, "ok")
    token = site.user("li.na", device="pbx-a/1001")
    line, other = site.agent("pbx-a/1001", token=token), site.agent("pbx-b/1001")
    pbxs["pbx-b"].ring("b.1")
    pbxs["pbx-b"].answer("b.1")
    call_until(site, "pbx-b", "b.1", state="established")
    for name in "pbx-b", "pbx-c":
        pbxs[name].down()
    for name in "pbx-b", "pbx-c":
        down = steward.eventually(lambda: (s := until(site, name, "down"))["error"] and s, "a reason")
        status, word, named = checks(site)
        assert (status, word) == (200, "degraded")
        assert named[f"source:{name}"]["status"] == "degraded" and "down" in named[f"source:{name}"]["detail"], named
        assert down["since"] and down["can"]
    assert named["source:pbx-a"]["status"] == "ok"
    assert 'steward_source_up{source="pbx-b"} 0' in site.request("GET", "/metrics").body
    call_until(site, "pbx-b", "b.1", state="established", gap=False)  # a lost link ends no call; its gap shows when it is back
    result = actions(other)("hangup")
    assert (result["ok"], result["code"]) == (False, "source_down") and result["message"]
    r = site.request("POST", "/api/v1/calls", {"number": "13800138000", "device": "pbx-b/1001"})
    assert (r.status, r.json["code"]) == (503, "source_down")
    pbxs["pbx-a"].ring("a.1")
    assert line.expect("pop")["call"] == "a.1"
    pbxs["pbx-a"].answer("a.1")
    assert actions(line)("hangup")["ok"] is True
    assert pbxs["pbx-a"].action("Hangup")["Channel"].startswith("PJSIP/1001-")
    pbxs["pbx-b"].up()
    assert until(site, "pbx-b", "up")["error"] is None
    assert call_until(site, "pbx-b", "b.1", state="cleared")["gap"] is True
    pbxs["pbx-c"].up()
    until(site, "pbx-c", "up")
    assert checks(site)[:2] == (200, "ok")
    assert call_until(site, "pbx-a", "a.1", gap=False)
