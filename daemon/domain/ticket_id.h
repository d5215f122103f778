/*
 * ticket_id.h - how a ticket's number is written for people: "T-000123".
 */
#pragma once
#include <stdint.h>
#include "base/err.h"

/** Room for the text of any id with its NUL. */
#define TICKET_ID_TEXT 24

/** "T-000123": at least six digits, as the contract shows tickets. Returns out. */
const char *ticket_id_format(int64_t id, char out[TICKET_ID_TEXT]);
/** "T-000123", "t-123" or "123"; E_INVALID otherwise. */
int ticket_id_parse(const char *text, int64_t *id) MUST_CHECK;
