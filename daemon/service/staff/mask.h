/*
 * mask.h - numbers and addresses for the eyes of those who need not see them (an auditor), whatever
 * door they come to: HTTP, events, CSV, the line protocol.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "base/buf.h"
#include "service/staff/staff.h"

/** Whether somebody of that kind and role sees numbers without their middle. */
bool mask_for(enum staff_kind kind, enum staff_role role);
/** Hides the middle of numbers and addresses in JSON: of the members that hold one, and of whatever
 * looks like one within any other text. What is no JSON becomes empty. */
void mask_json(struct buf *json);
/** The same for one number or address. out has as many bytes as s at most, but for addresses. */
void mask_text(const char *s, char *out, size_t cap);
