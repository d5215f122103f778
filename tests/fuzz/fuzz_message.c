/*
 * fuzz_message.c - any bytes as a template, as an inbound text, as an SMS.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/embed.h"
#include "base/json.h"
#include "domain/consent.h"
#include "domain/sms.h"
#include "domain/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

extern const struct embedded_file templates_embedded[];
const struct embedded_file templates_embedded[] = {{0}};

/* Every other field is empty, one has bytes that must not survive. */
static const char *field(void *ctx, const char *name)
{
    return strlen(name) % 2 ? "a\r\nb" : "";
}

static void count(void *ctx, const char *name)
{
    (*(size_t *)ctx)++;
}

static void try_template(const char *text)
{
    struct buf out = BUF_INIT(TEMPLATE_TEXT_MAX);
    size_t fields = 0;
    if (template_render(text, field, NULL, &out) == 0 && !strchr(text, '\r') &&
        strchr(buf_str(&out), '\r'))
        abort(); /* a value brought a line end */
    template_fields(text, count, &fields);
    if (fields > strlen(text))
        abort();
    buf_free(&out);
}

/* Neither rule gives less than one segment, nor fewer than the units need. */
static void try_sms(const char *text)
{
    struct sms_size network, mainland;
    sms_measure(text, SMS_NETWORK, &network);
    sms_measure(text, SMS_MAINLAND, &mainland);
    size_t single = network.alphabet == SMS_GSM7 ? 160 : 70;
    if (network.segments < 1 || mainland.segments < 1 ||
        (network.units <= single) != (network.segments == 1))
        abort();
    if (sms_is_gsm7(text) != (network.alphabet == SMS_GSM7))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 8192)
        return 0;
    char *text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = 0;
    try_template(text);
    try_sms(text);
    if (consent_word(text, NULL) == CONSENT_STOP && consent_word(text, text) != CONSENT_STOP)
        abort();
    (void)sms_reaches(text);
    free(text);
    return 0;
}
