/*
 * policy_table.h - the table of a policy's configuration keys, shared by policy.c and the site's
 * table.
 */
#pragma once
#include "base/conf_table.h"

/** Keys of struct policy, but its name. */
extern const struct conf_key policy_table[];
/** Keys of struct policy_step. */
extern const struct conf_key policy_step_table[];
/** Names of clocks; NULL-terminated. */
extern const char *const policy_clock_names[];
/** Role words of `tell`; NULL-terminated. */
extern const char *const policy_roles[];
/** struct policy_ladder: a list of steps, in order of their moments whatever the file's order. */
extern const struct conf_kind policy_ladder_kind;
/** The policy `standard` where the file has none, as YAML. */
extern const char policy_standard_yaml[];
