/*
 * number_plan.c - the numbering plans of mainland China, Hong Kong and Macau over plain digits,
 * and the order in which a site's rules try them. Shapes are wide on purpose: a range that opens
 * next year must not become unreadable.
 */
#include "domain/number_priv.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "domain/phone_shim.h"

/* ---- shapes ---- */

/* True when digits match a pattern of the same length: 'd' any digit, 'n' 2 to 9, 'l' 2 to 8, else
 * the digit itself. */
static bool shape(const char *digits, const char *pattern)
{
    for (; *pattern; pattern++, digits++) {
        char d = *digits;
        bool ok = *pattern == 'd'   ? d >= '0' && d <= '9'
                  : *pattern == 'n' ? d >= '2' && d <= '9'
                  : *pattern == 'l' ? d >= '2' && d <= '8'
                                    : d == *pattern;
        if (!ok)
            return false;
    }
    return *digits == '\0';
}

static bool shape_any(const char *digits, const char *const *patterns, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (shape(digits, patterns[i]))
            return true;
    return false;
}

static bool give_e164(struct number *out, const char *cc, const char *national)
{
    if (strlen(cc) + strlen(national) > 15)
        return false;
    out->kind = NUMBER_E164;
    snprintf(out->value, sizeof(out->value), "+%.4s%.15s", cc, national);
    return true;
}

static bool give_service(struct number *out, const char *cc, const char *digits)
{
    if (strlen(digits) > 20)
        return false;
    out->kind = NUMBER_SVC;
    snprintf(out->value, sizeof(out->value), "%.4s:%.20s", cc, digits);
    return true;
}

/* ---- mainland ---- */

bool plan_cn_mobile(const char *digits, size_t n)
{
    if (n != 11 || digits[0] != '1' || digits[1] < '3' || digits[1] > '9')
        return false;
    for (size_t i = 2; i < n; i++)
        if (digits[i] < '0' || digits[i] > '9')
            return false;
    return true;
}

static bool cn_service(const char *digits, struct number *out)
{
    static const char *const shapes[] = {"95ddd", "95dddd", "95ddddd", "95dddddd",
                                         "96ddd", "96dddd", "100dd",   "12ddd",
                                         "11d",   "12d",    "116dd",   "116ddd"};
    size_t n = strlen(digits);
    bool sms = n >= 5 && n <= 20 && text_starts(digits, "106");
    return (sms || shape_any(digits, shapes, ARRAY_LEN(shapes))) && give_service(out, "86", digits);
}

/* Areas of three digits whose local numbers have eight; the others have seven. */
static bool area_has_eight(const char *area)
{
    static const char areas[] =
        "311 371 377 379 411 431 432 433 435 451 510 511 512 513 514 515 516 517 518 519 523 527 "
        "531 532 551 571 573 574 575 576 577 579 591 595 731 754 755 757 760 769 791 851 871 898 ";
    char word[5] = {area[0], area[1], area[2], ' ', 0};
    return strstr(areas, word) != NULL;
}

/* Digits of an area code at the start of digits (without trunk 0): 2, 3 or 0. */
static size_t area_length(const char *digits)
{
    if (digits[0] == '1')
        return digits[1] == '0' ? 2 : 0;
    if (digits[0] == '2')
        return digits[1] && digits[1] != '6' ? 2 : 0;
    return digits[0] >= '3' && digits[0] <= '9' && digits[1] && digits[2] ? 3 : 0;
}

/* Area and local part, as after +86 or the trunk 0. */
static bool cn_landline(const char *digits, struct number *out)
{
    size_t area = area_length(digits);
    const char *local = digits + area;
    if (!area || !(shape(local, "ldddddd") || shape(local, "lddddddd")))
        return false;
    bool eight = strlen(local) == 8;
    bool must = area == 2 || area_has_eight(digits);
    if (eight != must && !(area == 3 && !eight)) /* some areas of eight keep old numbers of seven */
        return false;
    return give_e164(out, "86", digits);
}

/* A national significant number: what stands after +86 (a trunk 0 may still be there). */
static bool cn_significant(const char *digits, struct number *out)
{
    static const char *const free_phone[] = {"400ddddddd", "800ddddddd"};
    if (digits[0] == '0')
        digits++;
    if (plan_cn_mobile(digits, strlen(digits)) ||
        shape_any(digits, free_phone, ARRAY_LEN(free_phone)))
        return give_e164(out, "86", digits);
    return cn_landline(digits, out);
}

/* After +86: as cn_significant(), and services, and the country code written twice. */
static bool cn_after_code(const char *digits, struct number *out)
{
    size_t n = strlen(digits);
    if (n == 13 && text_starts(digits, "86") && plan_cn_mobile(digits + 2, 11))
        digits += 2;
    return cn_significant(digits, out) || cn_service(digits, out);
}

/* A service behind an area code, "02095588": the area is dropped. */
static bool cn_area_service(const char *digits, struct number *out)
{
    size_t area = digits[0] == '0' ? area_length(digits + 1) : 0;
    return area && cn_service(digits + 1 + area, out);
}

static bool cn_national(const struct number_rules *rules, const char *digits, struct number *out);

/* Carrier selection (17951, 12593, …) in front of a complete number, trunk 0 or 00 allowed. The
 * whole must be long, so that no mobile is mistaken for one; a site's own prefix may be shorter. */
static bool cn_carrier(const struct number_rules *rules, const char *digits, struct number *out)
{
    size_t n = strlen(digits);
    for (int i = 0; i < rules->n_carriers; i++) {
        size_t len = strlen(rules->carriers[i]);
        if (len && n >= len + 10 && text_starts(digits, rules->carriers[i]) &&
            cn_national(rules, digits + len, out))
            return true;
    }
    bool known = digits[0] == '1' &&
                 (digits[1] == '1' || digits[1] == '2' || (digits[1] == '7' && digits[2] == '9'));
    return known && n >= 15 && cn_national(rules, digits + 5, out);
}

static bool cn_national(const struct number_rules *rules, const char *digits, struct number *out)
{
    size_t n = strlen(digits);
    if (text_starts(digits, "00"))
        return plan_international(digits + 2, out);
    if (n == 11 && (text_starts(digits, "852") || text_starts(digits, "853")) &&
        plan_international(digits, out))
        return true;
    if (cn_significant(digits, out) || cn_area_service(digits, out))
        return true;
    if ((n == 12 || n == 13) && text_starts(digits, "86") && cn_significant(digits + 2, out))
        return true;
    if (cn_carrier(rules, digits, out))
        return true;
    if (rules->area[0] && text_eq(rules->country, "CN") && (n == 7 || n == 8)) {
        char whole[DIGITS_MAX];
        snprintf(whole, sizeof(whole), "%.7s%.8s", rules->area, digits);
        return cn_landline(whole, out);
    }
    return false;
}

/* ---- Hong Kong and Macau ---- */

static bool hk_significant(const char *digits, struct number *out)
{
    static const char *const shapes[] = {"nddddddd", "800dddddd", "900dddddddd"};
    return shape_any(digits, shapes, ARRAY_LEN(shapes)) && give_e164(out, "852", digits);
}

static bool hk_service(const char *digits, struct number *out)
{
    static const char *const shapes[] = {"999", "112", "992", "18ddd", "10dd", "10ddd", "10dddd"};
    return shape_any(digits, shapes, ARRAY_LEN(shapes)) && give_service(out, "852", digits);
}

static bool mo_significant(const char *digits, struct number *out)
{
    static const char *const shapes[] = {"28dddddd", "8ddddddd", "6ddddddd", "0800ddd"};
    return shape_any(digits, shapes, ARRAY_LEN(shapes)) && give_e164(out, "853", digits);
}

static bool mo_service(const char *digits, struct number *out)
{
    static const char *const shapes[] = {"999", "112", "110", "181", "18dd", "10dd"};
    return shape_any(digits, shapes, ARRAY_LEN(shapes)) && give_service(out, "853", digits);
}

/* What people in Hong Kong dial before a country code; longer ones first. */
static bool hk_dialled(const char *digits, struct number *out)
{
    static const char *const access[] = {"0030", "0050", "0059", "0060", "001",
                                         "002",  "006",  "007",  "008",  "009"};
    for (size_t i = 0; i < ARRAY_LEN(access); i++)
        if (text_starts(digits, access[i]) && plan_international(digits + strlen(access[i]), out))
            return true;
    return false;
}

/* Both use 00 for abroad, no trunk prefix, and show their neighbours with a bare country code. */
static bool sar_national(const struct number_rules *rules, const char *digits, struct number *out,
                         bool (*significant)(const char *, struct number *))
{
    size_t n = strlen(digits);
    if (text_starts(digits, "00") && plan_international(digits + 2, out))
        return true;
    if (rules->dialled && hk_dialled(digits, out))
        return true;
    if (significant(digits, out))
        return true;
    bool neighbour = n == 11 && (text_starts(digits, "852") || text_starts(digits, "853"));
    bool mainland = (n == 12 || n == 13) && text_starts(digits, "86");
    return (neighbour || mainland) && plan_international(digits, out);
}

static bool hk_national(const struct number_rules *rules, const char *digits, struct number *out)
{
    return sar_national(rules, digits, out, hk_significant);
}

static bool mo_national(const struct number_rules *rules, const char *digits, struct number *out)
{
    return sar_national(rules, digits, out, mo_significant);
}

/* ---- by country ---- */

/* A country whose plan is written out here. */
struct plan {
    const char *region, *code;
    bool (*national)(const struct number_rules *rules, const char *digits, struct number *out);
    bool (*after_code)(const char *digits, struct number *out);
    bool (*service)(const char *digits, struct number *out);
};

static const struct plan plans[] = {
    {"CN", "86", cn_national, cn_after_code, cn_service},
    {"HK", "852", hk_national, hk_significant, hk_service},
    {"MO", "853", mo_national, mo_significant, mo_service},
};

static const struct plan *plan_of(const char *region)
{
    for (size_t i = 0; i < ARRAY_LEN(plans); i++)
        if (text_eq(plans[i].region, region))
            return &plans[i];
    return NULL;
}

const char *plan_country_code(const char *region)
{
    const struct plan *p = plan_of(region);
    return p ? p->code : NULL;
}

/* Any other country: libphonenumber's judgement, and for a length that fits but a pattern it does
 * not know, the digits as they came. */
static bool elsewhere(const char *digits, struct number *out)
{
    size_t n = strlen(digits);
    if (n < 7 || n > 18 || (digits[0] == '1' && !shape(digits, "1nddndddddd")))
        return false;
    char text[DIGITS_MAX + 2], e164[NUMBER_TEXT_MAX];
    snprintf(text, sizeof(text), "+%.*s", DIGITS_MAX, digits);
    enum phone_grade grade = phone_read(text, "ZZ", e164, sizeof(e164));
    if (grade == PHONE_NONE || (grade == PHONE_POSSIBLE && n > 15))
        return false;
    out->kind = NUMBER_E164;
    text_copy(out->value, sizeof(out->value), grade == PHONE_VALID ? e164 : text);
    return true;
}

bool plan_international(const char *digits, struct number *out)
{
    for (size_t i = 0; i < ARRAY_LEN(plans); i++)
        if (text_starts(digits, plans[i].code))
            return plans[i].after_code(digits + strlen(plans[i].code), out);
    return digits[0] >= '1' && digits[0] <= '9' && elsewhere(digits, out);
}

/* Bare digits by one country's rules. */
static bool by_country(const struct number_rules *rules, const char *region, const char *digits,
                       struct number *out)
{
    const struct plan *p = plan_of(region);
    if (p)
        return p->national(rules, digits, out);
    char e164[NUMBER_TEXT_MAX];
    if (phone_read(digits, region, e164, sizeof(e164)) != PHONE_VALID)
        return false;
    out->kind = NUMBER_E164;
    text_copy(out->value, sizeof(out->value), e164);
    return true;
}

/* A complete number of this site's country or of one of the others it reads, or a service. */
static bool complete(const struct number_rules *rules, const char *digits, struct number *out)
{
    if (by_country(rules, rules->country, digits, out))
        return true;
    for (int i = 0; i < rules->n_alt; i++)
        if (by_country(rules, rules->alt[i], digits, out))
            return true;
    const struct plan *p = plan_of(rules->country);
    return p && p->service(digits, out);
}

/* Behind the outside prefix. A prefix of "0" cannot be told from a trunk 0 by what remains, so it
 * always goes first; any other only where the number is none with it. */
static bool outside(const struct number_rules *rules, const char *digits, struct number *out)
{
    size_t n = strlen(rules->outside);
    return n && (int)strlen(digits) > rules->ext_max && text_starts(digits, rules->outside) &&
           complete(rules, digits + n, out);
}

bool plan_local(const struct number_rules *rules, const char *digits, struct number *out)
{
    bool zero = text_eq(rules->outside, "0");
    if (zero && outside(rules, digits, out))
        return true;
    if (complete(rules, digits, out) || (!zero && outside(rules, digits, out)))
        return true;
    int n = (int)strlen(digits);
    if (n < rules->ext_min || n > rules->ext_max || text_starts(digits, "00"))
        return false;
    out->kind = NUMBER_EXT;
    text_copy(out->value, sizeof(out->value), digits);
    return true;
}
