/*
 * parts.h - how each part of the daemon starts, falls quiet, and goes: the rows of start.c's table.
 */
#pragma once
#include "main/daemon.h"

/* base and store */
int part_loop(struct daemon *d, struct errmsg *why);
void part_loop_free(struct daemon *d);
int part_tls(struct daemon *d, struct errmsg *why);
void part_tls_free(struct daemon *d);
int part_ledger(struct daemon *d, struct errmsg *why);
void part_ledger_quiet(struct daemon *d);
void part_ledger_free(struct daemon *d);

/* services */
int part_staff(struct daemon *d, struct errmsg *why);
void part_staff_free(struct daemon *d);
int part_registry(struct daemon *d, struct errmsg *why);
void part_registry_quiet(struct daemon *d);
void part_registry_free(struct daemon *d);
int part_pops(struct daemon *d, struct errmsg *why);
void part_pops_quiet(struct daemon *d);
void part_pops_free(struct daemon *d);
int part_outbox(struct daemon *d, struct errmsg *why);
void part_outbox_quiet(struct daemon *d);
void part_outbox_free(struct daemon *d);
int part_tell(struct daemon *d, struct errmsg *why);
void part_tell_free(struct daemon *d);
int part_clocks(struct daemon *d, struct errmsg *why);
void part_clocks_free(struct daemon *d);
int part_tickets(struct daemon *d, struct errmsg *why);
void part_tickets_free(struct daemon *d);
int part_auditor(struct daemon *d, struct errmsg *why);
void part_auditor_free(struct daemon *d);
int part_incidents(struct daemon *d, struct errmsg *why);
void part_incidents_quiet(struct daemon *d);
void part_incidents_free(struct daemon *d);
int part_digest(struct daemon *d, struct errmsg *why);
void part_digest_quiet(struct daemon *d);
void part_digest_free(struct daemon *d);
int part_importer(struct daemon *d, struct errmsg *why);
void part_importer_quiet(struct daemon *d);
int part_calls(struct daemon *d, struct errmsg *why);
void part_calls_free(struct daemon *d);

/* doors */
int part_plugins(struct daemon *d, struct errmsg *why);
void part_plugins_quiet(struct daemon *d);
void part_plugins_free(struct daemon *d);
int part_edge(struct daemon *d, struct errmsg *why);
void part_edge_quiet(struct daemon *d);
void part_edge_free(struct daemon *d);
int part_line(struct daemon *d, struct errmsg *why);
void part_line_quiet(struct daemon *d);
void part_line_free(struct daemon *d);
int part_work(struct daemon *d, struct errmsg *why);
/** A log line for each account that the configuration names and that does not exist yet. */
void daemon_say_unknown_accounts(struct daemon *d);
