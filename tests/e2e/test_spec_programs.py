"""The contract's sentences about programs and their configuration, one assertion each."""
import json
import signal
import resource
import sqlite3
import subprocess

import pytest

import steward


def check(site):
    done = subprocess.run([str(site.binary), "-t", "-c", str(site.config)], capture_output=True, text=True, timeout=steward.TIMEOUT)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("old, new, says", [
    ("country: CN", "country: ZZ", "country: 'ZZ' is not an ISO region"),
    ("country: CN", "country: CN\n  area_code: \"0755\"", "area_code: '0755' must be digits without a leading 0"),
    ("country: CN", "country: CN\n  alt_countries: [HK, XX]", "alt_countries: 'XX' is not an ISO region"),
    ("country: CN", "country: CN\n  carrier_prefixes: [abc]", "carrier_prefixes: 'abc' must be digits"),
    ("forget_after: 6h", "forget_after: 9999d", "forget_after: '9999d' is over the most, 365d"),
])
def test_faults_have_their_line(make, old, new, says):
    site = make(start=False)
    site.config.write_text(site.config.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    code, text = check(site)
    lines = site.config.read_text(encoding="utf-8").split("\n")
    key = says.split(":")[0]
    line = next(i for i, t in enumerate(lines, 1) if t.strip().startswith(key + ":"))
    assert code == 1 and f"steward.yaml:{line}:" in text and says in text, text


def test_a_newer_database_is_refused_untouched(make):
    site = make()
    site.stop()
    file = site.folder / "steward.db"
    with sqlite3.connect(file) as db:
        db.execute("INSERT INTO migration SELECT 9999, '9999_future.sql', checksum, applied_at FROM migration LIMIT 1")
    db.close()
    done = subprocess.run([str(site.binary), "-c", str(site.config)], capture_output=True, text=True, timeout=steward.TIMEOUT)
    assert done.returncode == 1 and "newer than this program" in done.stderr, done.stderr


def test_what_is_no_database_is_said(make):
    site = make(start=False)
    (site.folder / "steward.db").write_bytes(b"no database at all " * 100)
    done = subprocess.run([str(site.binary), "-c", str(site.config)], capture_output=True, text=True, timeout=steward.TIMEOUT)
    assert done.returncode == 1 and "not a database" in done.stderr, done.stderr


def test_a_second_daemon_harms_not_the_first(site):
    done = subprocess.run([str(site.binary), "-c", str(site.config)], capture_output=True, text=True, timeout=steward.TIMEOUT)
    assert done.returncode == 1 and "in use" in done.stderr, done.stderr
    assert site.request("GET", "/healthz").status == 200
    assert site.request("GET", "/healthz", control=True).status == 200


def start_on_a_small_disk(site):
    """No file of the daemon may grow beyond 800 KiB."""
    def small():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (800 * 1024, resource.RLIM_INFINITY))
    site.allow_log = ["."]
    popen = subprocess.Popen
    try:
        subprocess.Popen = lambda *a, **kw: popen(*a, preexec_fn=small, **kw)
        site.start()
    finally:
        subprocess.Popen = popen


def test_a_full_disk_loses_nothing_and_ends(make):
    """The database may not grow; pops go on, nothing is acked that is not stored, and with room again all is."""
    site = make(start=False)
    infinite = resource.RLIM_INFINITY
    start_on_a_small_disk(site)
    pbx, phone = site.pbx(), site.agent("1001")
    for n in range(1500):
        pbx.ring(f"c{n}")
    steward.eventually(lambda: site.request("GET", "/readyz").status == 503, "calls cannot be stored")
    assert site.request("GET", "/healthz").status == 200
    phone.expect("pop", call="c399")
    refused = site.request("POST", "/api/v1/tickets", {"subject": "x"})
    assert refused.status == 503 and "retry-after" in refused.headers
    resource.prlimit(site.process.pid, resource.RLIMIT_FSIZE, (infinite, infinite))
    pbx.sync()
    steward.eventually(lambda: site.request("GET", "/readyz").status == 200, "it stores again")
    assert all(site.get(f"/calls?call=c{n}")["items"] for n in range(0, 1500, 10))


def test_after_a_clean_stop_the_database_is_one_file(site):
    site.post("/tickets", {"subject": "x"})
    site.request("GET", "/api/v1/owners?q=x")
    site.stop()
    copy = site.folder / "copy.db"
    copy.write_bytes((site.folder / "steward.db").read_bytes())
    done = subprocess.run(["sqlite3", str(copy), "SELECT count(*) FROM ticket; PRAGMA integrity_check"], capture_output=True, text=True)
    assert done.stdout.split() == ["1", "ok"], done
    assert not (site.folder / "steward.db-wal").exists() or (site.folder / "steward.db-wal").stat().st_size == 0


def test_a_full_disk_fills_no_log(make):
    """However many events wait, running or stopping, a few lines say so with their number; they come again after."""
    site = make(start=False)
    start_on_a_small_disk(site)
    pbx = site.pbx()
    for n in range(1500):
        pbx.ring(f"c{n}")
    steward.eventually(lambda: site.request("GET", "/readyz").status == 503, "calls cannot be stored")
    for n in range(1500, 3000):
        pbx.ring(f"c{n}")
    site.stop()
    assert len(site.log) < 40, site.log_text()
    site.logged("telephony: [0-9]+ events were not stored: their sources send them again")
    site.start()
    link = site.pbx()
    assert link.welcome["last_seq"] < 2000


def test_what_was_dialled_is_no_phone_of_the_site(site):
    pbx = site.pbx()
    site.user("li.na", device="1001")
    pbx.event("originated", "o1", device="1001", direction="outbound", calling="1001", called="913800138000")
    pbx.event("established", "o1", device="913800138000")
    pbx.event("cleared", "o1", by="agent")
    pbx.sync()
    call = site.get("/calls?call=o1")["items"][0]
    assert (call["device"], call["agent"], call["offered"]) == ("1001", "li.na", [])


def test_a_dry_run_says_how_many_rows_are_good(site):
    folder = site.folder / "csv"
    folder.mkdir()
    (folder / "persons.csv").write_text("key,name\np1,A\np2,\n", encoding="utf-8")
    done = site.ctl("import", folder, "--dry-run", "--json", ok=False)
    file = json.loads(done.stdout)["files"][0]
    assert done.returncode == 1
    assert (file["rows"], file["good"], file["refused"], file["added"]) == (2, 1, 1, None)


@pytest.mark.parametrize("args, says", [
    (["x", "--phone", "abc"], "phone"), (["x", "--email", "nomail"], "email"), (["steward"], "daemon itself"),
    (["control"], "daemon itself"), (["dev"], "development account"), (["a b"], "name"), (["x", "--device", "a/b/c"], "device"),
])
def test_an_account_that_cannot_be_told_is_refused(site, args, says):
    done = site.ctl("user", "add", *args, "--role", "agent", ok=False)
    assert done.returncode == 1 and says in done.stderr, done


def test_a_history_changed_under_the_running_daemon_degrades_at_once(site):
    site.allow_log = ["."]
    site.post("/tickets", {"subject": "x"})
    assert site.ctl("audit", "verify").returncode == 0
    alerts = site.events()
    site.sql("PRAGMA busy_timeout=5000; UPDATE ticket_event SET by = 'eve' WHERE seq = 1")
    verified = site.ctl("audit", "verify", ok=False)
    assert verified.returncode == 1 and "T-000001" in verified.stdout
    ready = site.request("GET", "/readyz")
    assert ready.status == 200 and ready.json["checks"]["history"]["status"] == "degraded"
    assert alerts.next("alert")
    alerts.close()
    for shape in ([], ["--json"]):
        assert site.ctl("doctor", *shape, ok=False).returncode == 1, "a broken history is something wrong"


def test_a_second_daemon_on_the_store_is_refused(site, tmp_path):
    """Under a name of its own for the database, and before it migrates; after a kill -9 the store is free."""
    other = tmp_path / "other"
    site.ctl("init", other, "--line", f"127.0.0.1:{steward.free_port()}", "--http", f"127.0.0.1:{steward.free_port()}",
             offline=True)
    database = next(site.folder.glob("*.db"))
    (other / database.name).symlink_to(database)
    command = [str(steward.BIN / "stewardd"), "-c", str(other / "steward.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and f"in use by stewardd with pid {site.process.pid}" in done.stderr, done
    assert site.ctl("doctor").returncode == 0
    site.kill()
    site.start()


def test_doctor_names_what_is_named_and_not_there(make):
    site = make(start=False)
    kept = "\n  engineering:\n    name: {zh: 工程部}\n    head: zhao.gang"
    site.section("departments", kept + "\n  enginering:\n    name: {zh: 工程部}")
    site.start()
    site.ctl("user", "add", "li.na", "--role", "department", "--department", "enginering")
    site.stop()
    site.section("departments", kept)
    site.start()
    warnings = json.loads(site.ctl("doctor", "--json").stdout)["warnings"]
    assert any("zhao.gang" in w for w in warnings) and any("enginering" in w and "li.na" in w for w in warnings), warnings
    assert site.logged("zhao.gang")
