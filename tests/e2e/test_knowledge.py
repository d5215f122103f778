"""What an employee needs to know: categories with their guides and promises, and the shift plan."""

POLICY = """
  urgent:
    urgent: true
    clocks: {claim: 2m, first_reply: 10m, resolve: 24h}
    milestones: {make_safe: {within: 5wd, from: opened}}
"""
CATEGORIES = """
  leak:
    name: {zh: 漏水, en: Water leak}
    department: engineering
    policy: urgent
    guide: {zh: 先请业主关闭入户总阀。, en: Ask the owner to shut the main valve.}
  noise: {name: {zh: 噪音, en: Noise}, kind: complaint}
"""


def knowing(make):
    site = make(start=False)
    site.section("departments", "\n  engineering: {name: {zh: 工程部, en: Engineering}}\n")
    site.section("categories", CATEGORIES)
    site.section("policies", POLICY)
    return site.start()


def test_categories_in_the_language_asked_for(make):
    site = knowing(make)
    leak, noise = site.get("/categories")["items"]
    assert (leak["key"], leak["name"], leak["department"], leak["department_name"]) == ("leak", "漏水", "engineering", "工程部")
    assert leak["guide"] == "先请业主关闭入户总阀。" and leak["policy"] == "urgent" and leak["urgent"]
    promises = {p["name"]: p for p in leak["promises"]}
    assert promises["resolve"]["within"] == "24h" and promises["resolve"]["words"] == "24小时内解决"
    assert promises["make_safe"]["words"] == "5个工作日内make_safe"
    assert noise["guide"] is None and noise["policy"] == "standard" and noise["kind"] == "complaint"
    english = site.get("/categories?language=en")["items"][0]
    assert english["name"] == "Water leak" and english["guide"].startswith("Ask the owner")
    assert "resolved within 24 hours" in [p["words"] for p in english["promises"]]


def test_the_guide_where_it_is_picked(make):
    site = knowing(make)
    token = site.user("tom", role="agent")
    r = site.request("GET", "/api/v1/categories/leak", token=token)
    assert r.status == 200 and r.json["guide"] == "先请业主关闭入户总阀。"
    assert site.get("/categories/leak?language=en")["department_name"] == "Engineering"
    assert site.request("GET", "/api/v1/categories/nothing").status == 404


def test_the_accounts_own_language(make):
    site = knowing(make)
    site.post("/users", {"name": "ann", "role": "agent", "language": "en"})
    token = site.ctl("token", "add", "--user", "ann").stdout.strip()
    assert site.get("/categories/leak", token=token)["name"] == "Water leak"


def test_shift_plan(site):
    agent = site.user("li.na")
    boss = site.user("sun.li", role="supervisor")
    site.owners(shifts="user,from,to,kind\nli.na,2026-11-22 08:00,2026-11-22 17:00,on\n")
    first = site.get("/shifts", token=agent)["items"]
    assert [(s["user"], s["from"], s["to"], s["kind"]) for s in first] == [
        ("li.na", "2026-11-22T00:00:00.000Z", "2026-11-22T09:00:00.000Z", "on")]
    new = {"user": "li.na", "from": "2026-11-23T00:00:00Z", "to": "2026-11-24T00:00:00Z", "kind": "leave"}
    assert site.request("POST", "/api/v1/shifts", new, token=agent).status == 403
    made = site.post("/shifts", new, status=201, token=boss)
    assert made["kind"] == "leave" and made["to"] == "2026-11-24T00:00:00.000Z"
    longer = site.post("/shifts", dict(new, to="2026-11-25T00:00:00Z"), status=200, token=boss)
    assert longer["id"] == made["id"]
    assert [s["id"] for s in site.get("/shifts?from=2026-11-24T12:00:00Z")["items"]] == [made["id"]]
    assert site.get("/shifts?user=nobody")["items"] == []
    page = site.get("/shifts?limit=1")
    assert len(page["items"]) == 1 and len(site.get(f"/shifts?limit=1&cursor={page['next']}")["items"]) == 1
    assert site.request("DELETE", f"/api/v1/shifts/{made['id']}", token=agent).status == 403
    assert site.request("DELETE", f"/api/v1/shifts/{made['id']}", token=boss).status == 200
    assert site.request("DELETE", f"/api/v1/shifts/{made['id']}", token=boss).status == 404
    assert len(site.get("/shifts")["items"]) == 1


def test_shifts_by_the_clocks_of_the_site(site):
    site.user("li.na", device="1001")
    site.ctl("shift", "add", "li.na", "2026-11-24 08:00", "2026-11-24 17:30")
    site.ctl("shift", "add", "li.na", "2026/11/25", "2026/11/25", "--kind", "leave")
    shifts = [(s["kind"], s["from"], s["to"]) for s in site.get("/shifts")["items"]]
    assert shifts == [("on", "2026-11-24T00:00:00.000Z", "2026-11-24T09:30:00.000Z"),
                      ("leave", "2026-11-24T16:00:00.000Z", "2026-11-25T16:00:00.000Z")]
    kinds = [s["kind"] for s in site.get("/shifts?from=2026-11-24%2017:30&to=2026-11-26")["items"]]
    assert kinds == ["leave"]  # from and to by the same clocks


def test_bad_shifts(site):
    site.user("li.na")
    good = {"user": "li.na", "from": "2026-11-23T00:00:00Z", "to": "2026-11-24T00:00:00Z"}
    for change, field in (({"user": "nobody"}, "user"), ({"user": None}, "user"), ({"from": "soon"}, "from"),
                          ({"to": "2026-11-23T00:00:00Z"}, "to"), ({"kind": "holiday"}, "kind"), ({"from": 5}, "from")):
        r = site.request("POST", "/api/v1/shifts", dict(good, **change))
        assert r.status == 422 and r.json["field"] == field, (change, r)
    assert site.request("GET", "/api/v1/shifts?from=soon").status == 422
