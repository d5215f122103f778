/*
 * test_calendar.c - working time against a minute-by-minute walk of local time (random calendars,
 * zones with daylight saving, holidays), and the spans of the contract.
 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "domain/calendar.h"
#include "domain/site.h"
#include "domain/zone.h"

#define MINUTE INT64_C(60000)
#define DAY    (1440 * MINUTE)

static struct site_hours plain[2] = {{510, 720}, {810, 1080}}; /* 08:30-12:00, 13:30-18:00 */
static struct site_hours weekend[1] = {{540, 1050}};           /* 09:00-17:30 */

static struct site_calendar office(const char *zone)
{
    struct site_calendar c = {.name = (char *)"office", .timezone = (char *)zone};
    for (int d = 0; d < 7; d++)
        c.days[d] = d < 5 ? (struct site_day){plain, 2} : (struct site_day){weekend, 1};
    return c;
}

static struct calendar *make(const struct site_calendar *def)
{
    struct errmsg why = {""};
    struct calendar *c = calendar_new(def, &why);
    if (!c)
        fail_msg("%s", why.text);
    return c;
}

static int64_t at(const char *text)
{
    int64_t ms = 0;
    assert_int_equal(clock_parse(text, &ms), 0);
    return ms;
}

static struct span span(const char *text)
{
    struct span s;
    assert_int_equal(span_parse(text, &s), 0);
    return s;
}

/* ---- spans of the contract ---- */

static void spans(void **state)
{
    static const struct {
        const char *from, *span, *due;
    } rows[] = {
        /* 2026-11-20 is a Friday in Shanghai (UTC+8) */
        {"2026-11-20T09:00:00+08:00", "1h", "2026-11-20T10:00:00+08:00"},
        {"2026-11-20T11:30:00+08:00", "1h", "2026-11-20T14:00:00+08:00"},
        {"2026-11-20T12:30:00+08:00", "30m", "2026-11-20T14:00:00+08:00"},
        {"2026-11-20T17:00:00+08:00", "2h", "2026-11-21T10:00:00+08:00"},
        {"2026-11-20T07:00:00+08:00", "1s", "2026-11-20T08:30:01+08:00"},
        {"2026-11-20T09:00:00+08:00", "1d", "2026-11-21T09:00:00+08:00"},
        {"2026-11-20T17:45:00+08:00", "1d", "2026-11-22T09:00:00+08:00"}, /* closed: next opening */
        {"2026-11-20T12:30:00+08:00", "3d", "2026-11-23T13:30:00+08:00"},
        {"2026-11-20T09:00:00+08:00", "1wd", "2026-11-21T17:30:00+08:00"},
        {"2026-11-20T23:00:00+08:00", "3wd", "2026-11-23T18:00:00+08:00"},
        {"2026-11-30T09:00:00+08:00", "3 months", "2027-02-28T09:00:00+08:00"},
    };
    struct site_calendar def = office("Asia/Shanghai");
    struct calendar *c = make(&def);

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct span s = span(rows[i].span);
        char got[CLOCK_TEXT_MAX], want[CLOCK_TEXT_MAX];
        int64_t due = calendar_due(c, at(rows[i].from), &s);
        if (due != at(rows[i].due))
            fail_msg("%s + %s: %s, not %s", rows[i].from, rows[i].span, clock_format(due, got),
                     clock_format(at(rows[i].due), want));
    }
    calendar_free(&c);
}

static void always(void **state)
{
    struct calendar *c = calendar_new_always();
    struct span d = span("2d"), wd = span("1wd");
    assert_true(calendar_is_open(c, 12345));
    assert_int_equal(calendar_add(c, 1000, 500), 1500);
    assert_int_equal(calendar_between(c, 1000, 500), 0);
    assert_int_equal(calendar_due(c, at("2026-11-20T09:00:00.250Z"), &d),
                     at("2026-11-22T09:00:00.250Z"));
    assert_int_equal(calendar_due(c, at("2026-11-20T09:00:00Z"), &wd), at("2026-11-22T00:00:00Z"));
    calendar_free(&c);
}

/* ---- holidays ---- */

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void holidays(void **state)
{
    char path[64] = "/tmp/steward-holidays-XXXXXX";
    char *items[1] = {path};
    struct site_calendar def = office("Asia/Shanghai");
    struct calendar *c;
    struct span s = span("1wd");
    def.days[5] = def.days[6] = (struct site_day){0}; /* weekends closed */
    assert_true(mkstemp(path) >= 0);
    write_file(path, "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n"
                     "BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261001\r\nDTEND;VALUE=DATE:20261008\r\n"
                     "SUMMARY:National Day\r\nEND:VEVENT\r\n"
                     "BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261010\r\nCATEGORIES:WORKDAY\r\n"
                     "SUMMARY:make-up\r\nEND:VEVENT\r\n"
                     "BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20260101\r\nRRULE:FREQ=YEARLY\r\n"
                     "SUMMARY:New Year\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n");
    def.holidays = (struct conf_texts){items, 1};
    c = make(&def);
    assert_false(calendar_is_open(c, at("2026-10-01T10:00:00+08:00")));
    assert_false(calendar_is_open(c, at("2026-10-07T10:00:00+08:00")));
    assert_true(calendar_is_open(c, at("2026-10-08T10:00:00+08:00")));
    assert_true(calendar_is_open(c, at("2026-10-10T10:00:00+08:00"))); /* a Saturday that works */
    assert_false(calendar_is_open(c, at("2026-10-11T10:00:00+08:00")));
    assert_false(calendar_is_open(c, at("2030-01-01T10:00:00+08:00")));
    assert_int_equal(calendar_due(c, at("2026-09-30T09:00:00+08:00"), &s),
                     at("2026-10-08T18:00:00+08:00"));
    assert_int_equal(calendar_due(c, at("2026-10-09T09:00:00+08:00"), &s),
                     at("2026-10-10T18:00:00+08:00"));
    calendar_free(&c);
    unlink(path);
}

/* How feeds write a day, and whether that day is open: a Saturday without a mark is closed. */
static const struct {
    const char *lines, *day;
    bool open;
} FORMS[] = {
    /* working days, as public Chinese feeds name them */
    {"DTSTART;VALUE=DATE:20261010\r\nSUMMARY:国庆节 补班 第1天/共1天\r\n", "2026-10-10", true},
    {"DTSTART;VALUE=DATE:20261010\r\nSUMMARY:国庆节（班）\r\n", "2026-10-10", true},
    {"DTSTART;VALUE=DATE:20261010\r\nSUMMARY;LANGUAGE=zh_CN:国庆节(班)\r\n", "2026-10-10", true},
    {"DTSTART;VALUE=DATE:20261010\r\nSUMMARY:国庆节（调休上班）\r\n", "2026-10-10", true},
    {"DTSTART;VALUE=DATE:20261010\r\nSUMMARY:调休上班\r\n", "2026-10-10", true},
    {"DTSTART;VALUE=DATE:20261010\r\nSUMMARY:国庆补周五\r\n", "2026-10-10", true},
    {"DTSTART;VALUE=DATE:20261010\r\nSUMMARY:National Day Make-up Workday\r\n", "2026-10-10", true},
    {"DTSTART;VALUE=DATE:20261010\r\nSUMMARY:x\r\nX-APPLE-SPECIAL-DAY:ALTERNATE-WORKDAY\r\n",
     "2026-10-10", true},
    {"DTSTART;VALUE=DATE:20261010\r\nSUMMARY:x\r\nX-FEED-KIND:WORKDAY\r\n", "2026-10-10", true},
    /* days off, though their description quotes who works when */
    {"DTSTART;VALUE=DATE:20261001\r\nSUMMARY:国庆节 假期 "
     "第1天/共7天\r\nDESCRIPTION:10月10日（周六）上班"
     "\r\n",
     "2026-10-01", false},
    {"DTSTART;VALUE=DATE:20261001\r\nSUMMARY:国庆节（休）\r\nX-APPLE-SPECIAL-DAY:WORK-HOLIDAY\r\n",
     "2026-10-01", false},
    {"DTSTART;VALUE=DATE:20261001\r\nSUMMARY:放假，不上班\r\n", "2026-10-01", false},
    /* whole days as times */
    {"DTSTART:20260930T160000Z\r\nDTEND:20261001T160000Z\r\n", "2026-10-01", false},
    {"DTSTART:20260930T160000Z\r\nDTEND:20261001T160000Z\r\n", "2026-09-30", true},
    {"DTSTART:20260930T160000Z\r\nDTEND:20261001T160000Z\r\n", "2026-10-02", true},
    {"DTSTART:20261001T000000Z\r\nDTEND:20261002T000000Z\r\n", "2026-10-01", false},
    {"DTSTART:20261001T000000Z\r\nDTEND:20261002T000000Z\r\n", "2026-10-02", true},
    {"DTSTART:20261001T000000\r\nDTEND:20261002T000000\r\n", "2026-10-02", true},
    {"DTSTART;VALUE=DATE:20261001\r\nDURATION:P2D\r\n", "2026-10-02", false},
    /* called off, left out, added */
    {"DTSTART;VALUE=DATE:20261001\r\nSTATUS:CANCELLED\r\n", "2026-10-01", true},
    {"DTSTART;VALUE=DATE:20261001\r\nSTATUS:CONFIRMED\r\n", "2026-10-01", false},
    {"DTSTART;VALUE=DATE:20261001\r\nRRULE:FREQ=DAILY;COUNT=5\r\nEXDATE;VALUE=DATE:20261002\r\n",
     "2026-10-02", true},
    {"DTSTART;VALUE=DATE:20261001\r\nRRULE:FREQ=DAILY;COUNT=5\r\nEXDATE;VALUE=DATE:20261002\r\n",
     "2026-10-05", false},
    {"DTSTART;VALUE=DATE:20261001\r\nRRULE:FREQ=DAILY;COUNT=5\r\n"
     "EXDATE;VALUE=DATE:20261001,20261002\r\n",
     "2026-10-01", true},
    {"DTSTART:20260930T160000Z\r\nDTEND:20261001T160000Z\r\nRRULE:FREQ=DAILY;COUNT=5\r\n"
     "EXDATE:20261001T160000Z\r\n",
     "2026-10-02", true},
    {"DTSTART;VALUE=DATE:20261001\r\nRDATE;VALUE=DATE:20261105,20261106\r\n", "2026-11-06", false},
    {"DTSTART;VALUE=DATE:20261001\r\nRDATE;VALUE=DATE:20261105,20261106\r\n", "2026-11-04", true},
    {"DTSTART;VALUE=DATE:20261001\r\nDTEND;VALUE=DATE:20261003\r\nRDATE;VALUE=DATE:20261105\r\n",
     "2026-11-06", false},
    {"UID:a\r\nDTSTART;VALUE=DATE:20260101\r\nRRULE:FREQ=MONTHLY\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\n"
     "UID:a\r\nRECURRENCE-ID;VALUE=DATE:20261001\r\nDTSTART;VALUE=DATE:20261002\r\n",
     "2026-10-01", true},
    {"UID:a\r\nDTSTART;VALUE=DATE:20260101\r\nRRULE:FREQ=MONTHLY\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\n"
     "UID:a\r\nRECURRENCE-ID;VALUE=DATE:20261001\r\nDTSTART;VALUE=DATE:20261002\r\n",
     "2026-10-02", false},
    {"UID:a\r\nDTSTART;VALUE=DATE:20260101\r\nRRULE:FREQ=MONTHLY\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\n"
     "UID:a\r\nRECURRENCE-ID;VALUE=DATE:20261001\r\nDTSTART;VALUE=DATE:20261001\r\n"
     "STATUS:CANCELLED\r\n",
     "2026-10-01", true},
};

static void forms_of_feeds(void **state)
{
    char path[64] = "/tmp/steward-holidays-XXXXXX", *items[1] = {path}, noon[40];
    struct site_calendar def = office("Asia/Shanghai");
    def.days[5] = def.days[6] = (struct site_day){0}; /* weekends closed */
    def.holidays = (struct conf_texts){items, 1};
    assert_true(mkstemp(path) >= 0);
    for (size_t i = 0; i < ARRAY_LEN(FORMS); i++) {
        struct buf text = BUF_INIT(4096);
        buf_printf(&text,
                   "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\n%sEND:VEVENT\r\n"
                   "END:VCALENDAR\r\n",
                   FORMS[i].lines);
        write_file(path, buf_str(&text));
        buf_free(&text);
        struct calendar *c = make(&def);
        snprintf(noon, sizeof(noon), "%sT10:00:00+08:00", FORMS[i].day);
        if (calendar_is_open(c, at(noon)) != FORMS[i].open)
            fail_msg("%s is %s with\n%s", FORMS[i].day, FORMS[i].open ? "closed" : "open",
                     FORMS[i].lines);
        calendar_free(&c);
    }
    unlink(path);
}

/* From October on the next year should be known. */
static void years_that_files_lack(void **state)
{
    static char first[] = TEST_DATA "/../config/holidays-cn-2026.ics";
    static char second[] = TEST_DATA "/../config/holidays-cn-2027.ics";
    char *items[2] = {first, second};
    struct site_calendar def = office("Asia/Shanghai");
    struct calendar *c = make(&def);
    assert_int_equal(calendar_lacks_year(c, at("2026-12-01T00:00:00Z")), 0); /* names no file */
    calendar_free(&c);
    def.holidays = (struct conf_texts){items, 1};
    c = make(&def);
    assert_int_equal(calendar_lacks_year(c, at("2026-09-30T12:00:00+08:00")), 0);
    assert_int_equal(calendar_lacks_year(c, at("2026-10-01T00:00:00+08:00")), 2027);
    assert_int_equal(calendar_lacks_year(c, at("2026-12-31T23:00:00+08:00")), 2027);
    assert_int_equal(calendar_lacks_year(c, at("2027-01-01T00:00:00+08:00")), 2027);
    assert_int_equal(calendar_lacks_year(c, at("2025-12-01T00:00:00+08:00")), 2025);
    calendar_free(&c);
    def.holidays = (struct conf_texts){items, 2};
    c = make(&def);
    assert_int_equal(calendar_lacks_year(c, at("2026-12-01T00:00:00+08:00")), 0);
    assert_false(calendar_is_open(c, at("2027-02-08T10:00:00+08:00")));
    assert_true(calendar_is_open(c, at("2027-02-09T10:00:00+08:00")));
    calendar_free(&c);
}

/* Of the State Council's notice of 4 November 2025: which days are off, and which weekend days
 * work. Every other day is as the week says. */
static void holidays_of_2026(void **state)
{
    static const struct {
        int first, last; /* month * 100 + day */
    } off[] = {{101, 103}, {215, 223}, {404, 406},  {501, 505},
               {619, 621}, {925, 927}, {1001, 1007}};
    static const int works[] = {104, 214, 228, 509, 920, 1010};
    char path[] = TEST_DATA "/../config/holidays-cn-2026.ics", *items[1] = {path}, text[32];
    struct site_calendar def = office("Asia/Shanghai");
    int64_t noon = at("2026-01-01T10:00:00+08:00");

    def.days[5] = def.days[6] = (struct site_day){0}; /* weekends closed */
    def.holidays = (struct conf_texts){items, 1};
    struct calendar *c = make(&def);
    for (int day = 0; day < 365; day++, noon += INT64_C(86400000)) {
        int month, date, weekday = (3 + day) % 7; /* 2026 began on a Thursday */
        bool open = weekday < 5;
        assert_int_equal(sscanf(clock_format(noon, text), "2026-%d-%dT", &month, &date), 2);
        for (size_t i = 0; i < ARRAY_LEN(off); i++)
            if (month * 100 + date >= off[i].first && month * 100 + date <= off[i].last)
                open = false;
        for (size_t i = 0; i < ARRAY_LEN(works); i++)
            open |= month * 100 + date == works[i];
        if (calendar_is_open(c, noon) != open)
            fail_msg("%s", text);
    }
    calendar_free(&c);
}

static void refused(void **state)
{
    static struct site_day closed[7];
    struct site_calendar def = office("Asia/Shanghai");
    struct errmsg why = {""};
    char file[] = "/nonexistent/x.ics", *items[1] = {file};
    char path[64] = "/tmp/steward-holidays-XXXXXX";
    def.timezone = (char *)"Mars/Olympus";
    assert_null(calendar_new(&def, &why));
    assert_non_null(strstr(why.text, "Mars/Olympus"));
    def = office("Asia/Shanghai");
    memcpy(def.days, closed, sizeof(closed));
    assert_null(calendar_new(&def, &why));
    assert_non_null(strstr(why.text, "no working time"));
    def = office("Asia/Shanghai");
    def.holidays = (struct conf_texts){items, 1};
    struct calendar *c = make(&def); /* not there: no day off is known of it */
    calendar_free(&c);
    assert_true(mkstemp(path) >= 0);
    write_file(path, "no calendar");
    items[0] = path;
    assert_null(calendar_new(&def, &why));
    assert_non_null(strstr(why.text, "iCalendar"));
    unlink(path);
}

/* ---- against a minute-by-minute walk ---- */

struct walk {
    struct site_calendar def;
    struct site_hours hours[7][3];
    struct zone *zone;
    struct calendar *calendar;
};

static void random_day(struct site_day *day, struct site_hours *spans)
{
    int n = rand() % 4, from = rand() % 300;
    day->spans = spans;
    day->spans_n = 0;
    for (int i = 0; i < n; i++) {
        int to = from + 1 + rand() % 400;
        if (to > 1440)
            break;
        spans[day->spans_n++] = (struct site_hours){from, to};
        from = to + 1 + rand() % 200;
    }
}

static void random_walk(struct walk *w)
{
    static const char *const zones[] = {"Asia/Shanghai",       "Europe/Berlin",  "America/New_York",
                                        "Australia/Lord_Howe", "Asia/Kathmandu", "UTC",
                                        "Africa/Casablanca"};
    struct errmsg why;
    memset(w, 0, sizeof(*w));
    w->def.name = (char *)"random";
    w->def.timezone = (char *)zones[(size_t)rand() % ARRAY_LEN(zones)];
    do {
        for (int d = 0; d < 7; d++)
            random_day(&w->def.days[d], w->hours[d]);
        if (rand() % 4 == 0) {
            w->def.days[6].spans = w->hours[6];
            w->def.days[6].spans_n = 1;
            w->hours[6][0] = (struct site_hours){0, 1440}; /* Sundays: when clocks change */
        }
        w->calendar = calendar_new(&w->def, &why);
    } while (!w->calendar);
    w->zone = zone_load(w->def.timezone, &why);
    assert_non_null(w->zone);
}

static bool open_by_walk(const struct walk *w, int64_t ms)
{
    struct zone_time t;
    zone_local(w->zone, ms, &t);
    int minute = t.hour * 60 + t.minute;
    const struct site_day *d = &w->def.days[t.weekday];
    for (size_t i = 0; i < d->spans_n; i++)
        if (minute >= d->spans[i].from && minute < d->spans[i].to)
            return true;
    return false;
}

static void compare_walk(const struct walk *w, unsigned seed)
{
    /* Two weeks around a change of the clocks in spring or autumn, or anywhere. */
    static const char *const starts[] = {"2026-03-20T00:00:00Z", "2026-10-20T00:00:00Z",
                                         "2027-03-08T00:00:00Z", "2026-11-22T00:00:00Z",
                                         "2026-04-01T00:00:00Z", "2031-10-30T00:00:00Z"};
    int64_t from = at(starts[(size_t)rand() % ARRAY_LEN(starts)]) + rand() % 4000 * MINUTE;
    int64_t end = from + 14 * DAY, worked = 0;
    for (int64_t t = from; t < end; t += MINUTE) {
        bool open = open_by_walk(w, t);
        if (open != calendar_is_open(w->calendar, t))
            fail_msg("seed %u: %s at %lld: open %d", seed, w->def.timezone, (long long)t, open);
        worked += open ? MINUTE : 0;
        if (calendar_between(w->calendar, from, t + MINUTE) != worked)
            fail_msg("seed %u: %s between %lld and %lld", seed, w->def.timezone, (long long)from,
                     (long long)(t + MINUTE));
        if (open && calendar_add(w->calendar, from, worked) != t + MINUTE)
            fail_msg("seed %u: %s: %lld + %lld is not %lld", seed, w->def.timezone, (long long)from,
                     (long long)worked, (long long)(t + MINUTE));
    }
}

static void property(void **state)
{
    const char *given = getenv("SEED");
    unsigned seed = given ? (unsigned)atoi(given) : (unsigned)time(NULL);
    printf("seed %u (SEED=%u repeats it)\n", seed, seed);
    srand(seed);
    for (int i = 0; i < 60; i++) {
        struct walk w;
        random_walk(&w);
        compare_walk(&w, seed);
        calendar_free(&w.calendar);
        zone_free(&w.zone);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans),
        cmocka_unit_test(always),
        cmocka_unit_test(holidays),
        cmocka_unit_test(forms_of_feeds),
        cmocka_unit_test(years_that_files_lack),
        cmocka_unit_test(holidays_of_2026),
        cmocka_unit_test(refused),
        cmocka_unit_test(property),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
