"""The contract's sentences about HTTP, one assertion each: lists, problems, what a token may."""
import pytest

import steward

LISTS = ["owners", "units", "estates", "tickets", "calls", "callbacks", "messages", "agents", "departments", "shifts", "sources", "audit"]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    made = steward.Steward(tmp_path_factory.mktemp("http") / "site")
    made.start()
    steward.sample_owners(made)
    yield made
    made.close()


def problem(site, method, path, body=None, **kw):
    r = site.request(method, "/api/v1" + path, body, **kw)
    assert r.headers["content-type"] == "application/problem+json", r
    return r.json


@pytest.mark.parametrize("name", LISTS)
def test_lists_take_limit_and_cursor(site, name):
    assert set(site.get(f"/{name}?limit=1")) == {"items", "next"}
    assert site.get(f"/{name}?limit=501")["items"] is not None  # more is taken as 500
    assert site.get(f"/{name}?limit=99999999999999999999999")["items"] is not None
    for limit in ("0", "-1", "x", "1.5"):
        wrong = problem(site, "GET", f"/{name}?limit={limit}")
        assert (wrong["status"], wrong["field"]) == (422, "limit") and "1 to 500" in wrong["detail"]
    for cursor in ("!", "abc", "1%00"):
        wrong = problem(site, "GET", f"/{name}?cursor={cursor}")
        assert wrong["status"] in (400, 422) and wrong.get("field", "cursor") == "cursor", wrong


def test_owners_without_a_question_are_everybody(site):
    first = site.get("/owners?limit=3")
    assert len(first["items"]) == 3 and first["next"]
    assert [p["name"] for p in site.get(f"/owners?limit=3&cursor={first['next']}")["items"]] == ["陈静"]


def test_an_owner_is_found_by_parking_space(site):
    assert [p["name"] for p in site.get("/owners?q=B2-118")["items"]] == ["王芳"]


@pytest.mark.parametrize("name", ["tickets", "calls", "callbacks", "messages"])
def test_a_state_that_is_none_is_invalid(site, name):
    wrong = problem(site, "GET", f"/{name}?state=sleepy")
    assert (wrong["status"], wrong["field"]) == (422, "state")


def test_a_refused_ticket_takes_no_number(site):
    first = site.post("/tickets", {"subject": "one"})["id"]
    for body in {}, {"subject": "x", "kind": "magic"}, {"subject": "x", "person_id": 999}:
        assert problem(site, "POST", "/tickets", body)["status"] == 422
    assert int(site.post("/tickets", {"subject": "two"})["id"][2:]) == int(first[2:]) + 1


def test_409_says_the_state_and_what_is_allowed(site):
    message = site.post("/messages", {"channel": "sms", "person_id": 1, "text": "x"})
    site.post(f"/messages/{message['id']}/cancel")
    wrong = problem(site, "POST", f"/messages/{message['id']}/cancel", {})
    assert (wrong["status"], wrong["state"], wrong["allowed"]) == (409, "cancelled", ["resend"])
    pbx = site.pbx()
    pbx.ring("m1", calling="13900139000")
    pbx.event("cleared", "m1", by="caller")
    pbx.sync()
    row = steward.eventually(lambda: site.get("/callbacks")["items"], "the callback")[0]
    site.post(f"/callbacks/{row['id']}/done", {"outcome": "reached"})
    wrong = problem(site, "POST", f"/callbacks/{row['id']}/done", {"outcome": "reached"})
    assert (wrong["status"], wrong["state"], wrong["allowed"]) == (409, "done", [])


def test_hooks_tell_who_are_you_from_not_your_role(site, make, sink):
    other = make(start=False)
    other.webhook("sms", sink.url)
    other.start()
    body = {"type": "message.receipt", "timestamp": "2026-11-22T08:00:00.000Z",
            "data": {"key": "k", "state": "sent", "at": "2026-11-22T08:00:00.000Z", "error": None, "provider_id": None}}

    def post(token, change=None):
        return other.request("POST", "/hooks/sms/receipt", {**body, "data": {**body["data"], **(change or {})}}, token=token)
    assert post(None).status == 401
    assert post(other.ctl("token", "add", "--monitor", "m").stdout.strip()).status == 403
    crm = other.ctl("token", "add", "--integration", "crm").stdout.strip()
    assert post(crm).status == 204
    wrong = post(crm, {"state": "flying"})
    assert (wrong.status, wrong.json["field"]) == (422, "state")
