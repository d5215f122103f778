/*
 * verbs_site.c - verbs for the site itself: set-up, people and tokens, plugins, history, backup.
 */
#include "ctl/verbs.h"

static const struct ctl_column user_columns[] = {{"name", "name", AS_TEXT, 24},
                                                 {"kind", "kind", AS_TEXT, 0},
                                                 {"role", "role", AS_TEXT, 0},
                                                 {"display", "display", AS_TEXT, 24},
                                                 {"department", "department", AS_TEXT, 20},
                                                 {"device", "device", AS_TEXT, 16},
                                                 {"disabled", "disabled", AS_TEXT, 0},
                                                 {0}};
static const struct ctl_column token_columns[] = {{"id", "id", AS_TEXT, 0},
                                                  {"account", "account", AS_TEXT, 24},
                                                  {"kind", "kind", AS_TEXT, 0},
                                                  {"purpose", "purpose", AS_TEXT, 0},
                                                  {"created", "created_at", AS_TIME, 0},
                                                  {"expires", "expires_at", AS_TIME, 0},
                                                  {0}};
static const struct ctl_column token_column[] = {{"token", "token", AS_TEXT, 0}, {0}};
static const struct ctl_column plugin_columns[] = {
    {"name", "name", AS_TEXT, 24},      {"plugin", "plugin", AS_TEXT, 0},
    {"version", "version", AS_TEXT, 0}, {"state", "state", AS_TEXT, 0},
    {"error", "error", AS_TEXT, 60},    {0}};
static const struct ctl_column audit_columns[] = {
    {"at", "at", AS_TIME, 0},          {"by", "by", AS_TEXT, 20},     {"what", "what", AS_TEXT, 24},
    {"object", "object", AS_TEXT, 24}, {"data", "data", AS_TEXT, 48}, {0}};

static const struct ctl_arg init_args[] = {
    {"DIR", NULL, "dir", LOCAL, ARG_TEXT, true, "A folder; made if it is not there"},
    {"--line", "ADDR", "line", LOCAL, ARG_TEXT, false,
     "Address of the CTI line protocol (127.0.0.1:7070)"},
    {"--http", "ADDR", "http", LOCAL, ARG_TEXT, false,
     "Address of the API and the desk (127.0.0.1:8080)"},
    {0}};
static const struct ctl_arg import_args[] = {
    {"DIR", NULL, "dir", LOCAL, ARG_TEXT, true,
     "Folder with units.csv, persons.csv, tenures.csv, vehicles.csv, …"},
    {"--dry-run", NULL, "dry_run", LOCAL, ARG_FLAG, false, "Check everything, change nothing"},
    {0}};
static const struct ctl_arg user_add_args[] = {
    {"NAME", NULL, "name", IN_BODY, ARG_TEXT, true, "Account name, for example li.na"},
    {"--role", "ROLE", "role", IN_BODY, ARG_TEXT, true,
     "agent, department, supervisor, manager, director, admin or auditor"},
    {"--department", "KEY", "department", IN_BODY, ARG_TEXT, false, "A department of steward.yaml"},
    {"--device", "DEV", "device", IN_BODY, ARG_TEXT, false,
     "Where they stand until the first sign-on: 1001 or pbx-a/1001"},
    {"--display", "TEXT", "display", IN_BODY, ARG_TEXT, false, "The name that others see"},
    {"--phone", "NUMBER", "phone", IN_BODY, ARG_TEXT, false, "Told by SMS here"},
    {"--email", "ADDR", "email", IN_BODY, ARG_TEXT, false, "Told by e-mail here"},
    {"--language", "TAG", "language", IN_BODY, ARG_TEXT, false, "zh-Hans, zh-Hant or en"},
    {"--password-stdin", NULL, "password", IN_BODY, ARG_STDIN, false,
     "Read a password from standard input"},
    {0}};
static const struct ctl_arg user_set_args[] = {
    {"NAME", NULL, "name", IN_PATH, ARG_TEXT, true, "Account name"},
    {"--role", "ROLE", "role", IN_BODY, ARG_TEXT, false,
     "agent, department, supervisor, manager, director, admin or auditor"},
    {"--department", "KEY", "department", IN_BODY, ARG_TEXT, false, "A department of steward.yaml"},
    {"--device", "DEV", "device", IN_BODY, ARG_TEXT, false,
     "Where they stand until the first sign-on: 1001 or pbx-a/1001"},
    {"--display", "TEXT", "display", IN_BODY, ARG_TEXT, false, "The name that others see"},
    {"--phone", "NUMBER", "phone", IN_BODY, ARG_TEXT, false, "Told by SMS here"},
    {"--email", "ADDR", "email", IN_BODY, ARG_TEXT, false, "Told by e-mail here"},
    {"--language", "TAG", "language", IN_BODY, ARG_TEXT, false, "zh-Hans, zh-Hant or en"},
    {0}};
static const struct ctl_arg user_name_args[] = {
    {"NAME", NULL, "name", IN_PATH, ARG_TEXT, true, "Account name"}, {0}};
static const struct ctl_arg user_password_args[] = {
    {"NAME", NULL, "name", IN_PATH, ARG_TEXT, true, "Account name"},
    {"--password-stdin", NULL, "password", IN_BODY, ARG_STDIN, true,
     "Read the password from standard input"},
    {0}};
static const struct ctl_arg page_args[] = {PAGE, {0}};
static const struct ctl_arg token_add_args[] = {
    {"--user", "NAME", "user", LOCAL, ARG_TEXT, false, "For a person"},
    {"--pbx", "NAME", "pbx", LOCAL, ARG_TEXT, false,
     "For a PBX on the line protocol, which says hello under this name"},
    {"--monitor", "NAME", "monitor", LOCAL, ARG_TEXT, false, "For a monitor: receives every event"},
    {"--integration", "NAME", "integration", LOCAL, ARG_TEXT, false,
     "For another program: API and hooks"},
    {0}};
static const struct ctl_arg token_list_args[] = {
    {"--of", "NAME", "account", IN_QUERY, ARG_TEXT, false, "Of this account only"}, PAGE, {0}};
static const struct ctl_arg token_revoke_args[] = {
    {"TOKEN", NULL, "token", IN_BODY, ARG_TEXT, false, "The token itself"},
    {"--id", "NUMBER", "id", IN_BODY, ARG_INT, false, "Its number in token list"},
    {"--all-of", "NAME", "account", IN_BODY, ARG_TEXT, false,
     "Every token and session of an account"},
    {0}};
static const struct ctl_arg backup_args[] = {
    {"FILE", NULL, "file", LOCAL, ARG_TEXT, true, "The copy; must not exist"}, {0}};

const struct ctl_verb ctl_site_verbs[] = {
    {"init", "Make a site in a folder",
     "Writes DIR/steward.yaml (SQLite, every section once) and DIR/dev.token. Needs no running "
     "daemon.\n"
     "The token given by --token belongs to the machine account `dev`, which may do everything and "
     "is\n"
     "nobody; without --token one is made. A folder that holds a steward.yaml is refused.\n\n"
     "  stewardctl init site --line 127.0.0.1:7070 --http 127.0.0.1:8080 --token dev-token",
     init_args, NULL, NULL, SHOW_NOTHING, NULL, NULL, ctl_init},
    {"import", "Read owners, homes and cars from CSV files",
     "Files (UTF-8 or GB18030, first line names the columns; one that is not there is left out):\n"
     "  units.csv      estate,building,unit,area_m2,delivered_on\n"
     "  persons.csv    key,name,language,phones,emails,segment,flags,tier[,consent]\n"
     "  tenures.csv    person_key,estate,building,unit,role,from,to\n"
     "  vehicles.csv   person_key,plate,space\n"
     "  buildings.csv  estate,building,steward\n"
     "  shifts.csv     user,from,to,kind\n"
     "Several phones, e-mails or flags stand with ';' between. Safe to run twice. Refused rows are "
     "listed as\n"
     "file:line: reason, the rest is in, and the exit code is 1.",
     import_args, NULL, NULL, SHOW_NOTHING, NULL, NULL, ctl_import},
    {"user add", "Add a person who works here",
     "  stewardctl user add li.na --role agent --device 1001 --display 李娜 --phone 13600136001\n"
     "  echo secret | stewardctl user add sun.li --role supervisor --password-stdin",
     user_add_args, "POST", "/users", SHOW_ROWS, user_columns, "added", NULL},
    GET_LIST("user list", "Accounts: people and machines", page_args, "/users", user_columns),
    GET_ONE("user show", "One account", user_name_args, "/users/{name}"),
    {"user set", "Change a person who works here",
     "What is given is set; an empty text clears.\n"
     "  stewardctl user set li.na --role supervisor --department engineering --phone \"\"",
     user_set_args, "PATCH", "/users/{name}", SHOW_ROWS, user_columns, "set", NULL},
    {"user enable", "Let a disabled account be used again",
     "Its tokens stay revoked: make new ones with token add.", user_name_args, "POST",
     "/users/{name}/enable", SHOW_NOTHING, NULL, "enabled", NULL},
    {"user password", "Set a person's password",
     "  echo secret | stewardctl user password li.na --password-stdin", user_password_args, "POST",
     "/users/{name}/password", SHOW_NOTHING, NULL, "set", NULL},
    {"user disable", "Disable an account",
     "Signs it off, revokes its tokens and starts a handover for each of its open tickets.",
     user_name_args, "POST", "/users/{name}/disable", SHOW_NOTHING, NULL, "disabled", NULL},
    {"token add", "Make a token and print it alone",
     "  stewardctl token add --user li.na\n"
     "  stewardctl token add --pbx pbx-a       (machine accounts are made if they are not there)",
     token_add_args, "POST", "/tokens", SHOW_ONE, token_column, NULL, ctl_token_add},
    GET_LIST("token list", "Live tokens and sessions: whose, and until when", token_list_args,
             "/tokens", token_columns),
    {"token revoke", "Make a token worthless", "Give the token, its --id, or --all-of an account.",
     token_revoke_args, "POST", "/tokens/revoke", SHOW_NOTHING, NULL, "revoked", NULL},
    GET_LIST("plugin list", "Plugin instances and how they are", page_args, "/plugins",
             plugin_columns),
    GET_LIST("audit list", "Who read or changed what", page_args, "/audit", audit_columns),
    {"audit verify", "Check the history of every ticket",
     "Recomputes every hash and every step that should have happened. Exit 1, with the first "
     "broken place,\n"
     "when the history was changed or a step is missing.",
     NULL, "GET", "/audit/verify", SHOW_CHECK, NULL, NULL, NULL},
    {"backup", "Copy the database while the daemon runs",
     "  stewardctl backup /srv/backup/steward-2026-11-22.db", backup_args, "POST", "/backup",
     SHOW_FIELDS, NULL, "done", ctl_backup},
    {"doctor", "Look for what is wrong or forgotten", "Exit 1 when something is.", NULL, "GET",
     "/doctor", SHOW_CHECK, NULL, NULL, NULL},
    {"reload", "Read the configuration again",
     "When the files hold a fault, it is shown and the running configuration stays. What needs a "
     "restart is named.",
     NULL, "POST", "/reload", SHOW_FIELDS, NULL, NULL, ctl_reload},
    {"config show", "The configuration that the daemon runs with",
     "Defaults filled in, secrets hidden.", NULL, "GET", "/config", SHOW_FIELDS, NULL, NULL, NULL},
    {"config check", "Check the configuration files",
     "The same as stewardd -t -c FILE. Needs no running daemon.", NULL, NULL, NULL, SHOW_NOTHING,
     NULL, NULL, ctl_config_check},
    {0}};
