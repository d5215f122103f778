/*
 * sms.h - how many segments a text costs (3GPP TS 23.038 and 23.040; the mainland's providers
 * count characters instead).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum sms_alphabet { SMS_GSM7, SMS_UCS2 };

/** Who counts: the network, or a provider of mainland China (70 characters, then pieces of 67). */
enum sms_rule { SMS_NETWORK, SMS_MAINLAND };

struct sms_size {
    enum sms_alphabet alphabet;
    size_t units; /* septets (GSM7; an escape pair is two) or UTF-16 units */
    int segments; /* at least 1 */
};

/**
 * Measure UTF-8 text, its 【signature】 included. Parts are filled without splitting an escape pair
 * or a surrogate pair, so there may be one more than units alone would give. Bytes that are not
 * UTF-8 count as one character each.
 */
void sms_measure(const char *text, enum sms_rule rule, struct sms_size *out);

/** The rule for a recipient: SMS_MAINLAND for "+86…". */
enum sms_rule sms_rule_for(const char *e164);

/** True if every character of the text is in GSM 03.38 with its extension. */
bool sms_is_gsm7(const char *text);

/** True if short messages can reach the number (E.164): mobiles of the mainland, Hong Kong and
 * Macau; of other countries, whose plans we do not know, any number. */
bool sms_reaches(const char *e164);
