/*
 * ticket_id.c - the one place that spells a ticket's number.
 */
#include "domain/ticket_id.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"

const char *ticket_id_format(int64_t id, char out[TICKET_ID_TEXT])
{
    snprintf(out, TICKET_ID_TEXT, "T-%06" PRId64, id);
    return out;
}

int ticket_id_parse(const char *text, int64_t *id)
{
    if (text && (*text == 'T' || *text == 't') && text[1] == '-')
        text += 2;
    return text ? text_int(text, 1, INT64_C(999999999999), id) : E_INVALID;
}
