"""A calendar whose holiday files end: said before the year does, by -t and by doctor."""
import subprocess

import steward

FEED = """BEGIN:VCALENDAR
VERSION:2.0
BEGIN:VEVENT
DTSTART;VALUE=DATE:20261001
DTEND;VALUE=DATE:20261008
SUMMARY:国庆节（休）
END:VEVENT
{more}END:VCALENDAR
"""
MORE = "BEGIN:VEVENT\nDTSTART;VALUE=DATE:20270101\nSUMMARY:元旦\nEND:VEVENT\n"


def check(site):
    command = [str(steward.BIN / "stewardd"), "-t", "-c", str(site.config), "--test-clock", str(steward.START_MS)]
    return subprocess.run(command, capture_output=True, text=True)


def test_a_missing_year_is_said(make):
    site = make(frozen=True, start=False)  # 22 November 2026
    feed = site.folder / "feed.ics"
    site.section("calendars", '\n  always: {hours: {mon-sun: "00:00-24:00"}}\n'
                              '  office: {hours: {mon-fri: "09:00-18:00"}, holidays: feed.ics}\n')
    feed.write_text(FEED.format(more=""), encoding="utf-8")
    done = check(site)
    assert done.returncode == 0 and "calendars.office: its holiday files have no day of 2027" in done.stdout + done.stderr
    site.start()
    said = "the holiday files of calendar office have no day of 2027"
    assert said in site.get("/doctor")["warnings"]
    feed.write_text(FEED.format(more=MORE), encoding="utf-8")
    assert "2027" not in check(site).stderr
    site.ctl("reload")
    steward.eventually(lambda: said not in site.get("/doctor")["warnings"], "the new calendar")
