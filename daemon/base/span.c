/*
 * span.c - parse and write durations (span.h). Units stand in one table.
 */
#include "base/span.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

static const struct {
    const char *word;
    enum span_unit unit;
    int64_t rough_ms;
    bool fixed;
} units[] = {
    {"ms", SPAN_MS, 1, true},
    {"s", SPAN_SECOND, 1000, true},
    {"m", SPAN_MINUTE, 60000, true},
    {"h", SPAN_HOUR, 3600000, true},
    {"d", SPAN_DAY, 86400000, false},
    {"wd", SPAN_WORKING_DAY, 86400000, false},
    {" months", SPAN_MONTH, INT64_C(2592000000), false},
    {"months", SPAN_MONTH, INT64_C(2592000000), false},
    {"month", SPAN_MONTH, INT64_C(2592000000), false},
};

int span_parse(const char *text, struct span *out)
{
    size_t digits = strspn(text, "0123456789");
    char number[16];
    int64_t n;
    if (digits == 0 || digits >= sizeof(number) || strlen(text) >= SPAN_TEXT_MAX)
        return E_INVALID;
    (void)text_copyn(number, sizeof(number), text, digits);
    if (text_int(number, 0, SPAN_N_MAX, &n) < 0)
        return E_INVALID;
    const char *unit = text + digits;
    if (*unit == ' ')
        unit++;
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (strcmp(unit, units[i].word) != 0)
            continue;
        *out = (struct span){.n = n, .unit = units[i].unit};
        (void)text_copy(out->text, sizeof(out->text), text);
        return E_OK;
    }
    return E_INVALID;
}

struct span span_make(int64_t n, enum span_unit unit)
{
    struct span s = {.n = n, .unit = unit};
    for (size_t i = 0; i < ARRAY_LEN(units) && n >= 0; i++) {
        if (units[i].unit != unit)
            continue;
        (void)snprintf(s.text, sizeof(s.text), "%" PRId64 "%s", n, units[i].word);
        break;
    }
    return s;
}

bool span_is_set(const struct span *s)
{
    return s->unit != SPAN_NONE;
}

bool span_fixed_ms(const struct span *s, int64_t *ms)
{
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (units[i].unit == s->unit && units[i].fixed) {
            *ms = s->n * units[i].rough_ms;
            return true;
        }
    }
    return false;
}

int64_t span_rough_ms(const struct span *s)
{
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (units[i].unit == s->unit)
            return s->n * units[i].rough_ms;
    return 0;
}
