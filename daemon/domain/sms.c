/*
 * sms.c - segments of short messages: GSM 7-bit if it fits, UTF-16 otherwise.
 */
#include "domain/sms.h"

#include <stdint.h>
#include <string.h>

#include "base/text.h"
#include "domain/utf8.h"

/* GSM 03.38 beyond the ASCII letters and digits: lower-case ç and the back quote are not in it. */
static const char basic_set[] =
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà";
static const char extension_set[] = "^{}\\[~]|€\f";

/* Sizes of one message and of one part of several, in units of the alphabet. */
static const struct {
    size_t single, part;
} limits[] = {[SMS_GSM7] = {160, 153}, [SMS_UCS2] = {70, 67}};

static bool in_set(const char *set, uint32_t cp)
{
    while (*set)
        if (utf8_next(&set) == cp)
            return true;
    return false;
}

/* Septets that a character takes: 1, 2 with its escape, 0 if it has none. */
static int septets(uint32_t cp)
{
    if ((cp >= '0' && cp <= '9') || (cp >= 'A' && cp <= 'Z') || (cp >= 'a' && cp <= 'z'))
        return 1;
    if (in_set(basic_set, cp))
        return 1;
    return in_set(extension_set, cp) ? 2 : 0;
}

static int utf16_units(uint32_t cp)
{
    return cp > 0xffff ? 2 : 1;
}

bool sms_is_gsm7(const char *text)
{
    while (*text)
        if (septets(utf8_next(&text)) == 0)
            return false;
    return true;
}

enum sms_rule sms_rule_for(const char *e164)
{
    return e164 && text_starts(e164, "+86") ? SMS_MAINLAND : SMS_NETWORK;
}

/* Fill parts in order; a character of two units never straddles two parts. */
static int parts_of(const char *text, int (*units)(uint32_t), size_t part)
{
    size_t used = 0;
    int parts = 1;
    while (*text) {
        size_t n = (size_t)units(utf8_next(&text));
        if (used + n > part) {
            parts++;
            used = 0;
        }
        used += n;
    }
    return parts;
}

void sms_measure(const char *text, enum sms_rule rule, struct sms_size *out)
{
    bool gsm = rule == SMS_NETWORK && sms_is_gsm7(text);
    int (*units)(uint32_t) = gsm ? septets : utf16_units;
    out->alphabet = gsm ? SMS_GSM7 : SMS_UCS2;
    out->units = 0;
    for (const char *p = text; *p;)
        out->units += (size_t)units(utf8_next(&p));
    if (out->units <= limits[out->alphabet].single)
        out->segments = 1;
    else if (rule == SMS_MAINLAND)
        out->segments = (int)((out->units + 66) / 67);
    else
        out->segments = parts_of(text, units, limits[out->alphabet].part);
}

bool sms_reaches(const char *e164)
{
    /* prefix, then the digits that a mobile may go on with, and its whole length */
    static const struct {
        const char *prefix, *next;
        size_t len;
    } plans[] = {{"+861", "3456789", 14}, {"+852", "456789", 12}, {"+853", "6", 12}};

    for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
        size_t n = strlen(plans[i].prefix);
        if (strncmp(e164, plans[i].prefix, i == 0 ? 3 : n) != 0)
            continue;
        return text_starts(e164, plans[i].prefix) && e164[n] && strchr(plans[i].next, e164[n]) &&
               strlen(e164) == plans[i].len;
    }
    return e164[0] == '+';
}
