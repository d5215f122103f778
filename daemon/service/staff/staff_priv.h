/*
 * staff_priv.h - what staff.c (memory, on the loop) and staff_change.c (rows, in ledger commands)
 * share.
 */
#pragma once
#include "service/staff/staff.h"
#include "store/repo_account.h"

#define STAFF_DEV_NAME "dev"

/** Fill an account from its row. */
void staff_account_of_row(const struct account_row *row, struct staff_account *out);
enum staff_kind staff_kind_parse(const char *name);
/** Hex SHA-256 of a token. */
void staff_digest(const char *token, char out[65]);

/* Effects, on the loop after the commit: memory follows the rows. */
void staff_apply_account(void *staff, void *row);          /* struct account_row */
void staff_apply_token(void *staff, void *row);            /* struct token_row */
void staff_apply_token_revoked(void *staff, void *digest); /* char * */
void staff_apply_tokens_revoked(void *staff, void *id);    /* int64_t * */
void staff_apply_sessions_revoked(void *staff, void *id);  /* int64_t * */

/** Calls every hook of staff_on_disable(). Set before the ledger works, read on its thread. */
int staff_call_disabled(struct staff *s, struct ledger_tx *tx, const char *account,
                        const struct staff_account *by) MUST_CHECK;
