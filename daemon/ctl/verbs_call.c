/*
 * verbs_call.c - verbs for owners, calls, callbacks, messages, and who is there.
 */
#include "ctl/verbs.h"

static const struct ctl_column owner_columns[] = {{"id", "owner.id", AS_TEXT, 0},
                                                  {"name", "owner.name", AS_TEXT, 24},
                                                  {"certainty", "certainty", AS_TEXT, 0},
                                                  {"reason", "reason", AS_TEXT, 60},
                                                  {0}};
static const struct ctl_column person_columns[] = {{"id", "id", AS_TEXT, 0},
                                                   {"name", "name", AS_TEXT, 24},
                                                   {"segment", "segment", AS_TEXT, 16},
                                                   {"flags", "flags", AS_JOINED, 24},
                                                   {"tier", "membership.tier", AS_TEXT, 0},
                                                   {0}};
static const struct ctl_column call_columns[] = {{"id", "id", AS_TEXT, 0},
                                                 {"started", "started_at", AS_TIME, 0},
                                                 {"source", "source", AS_TEXT, 16},
                                                 {"direction", "direction", AS_TEXT, 0},
                                                 {"state", "state", AS_TEXT, 0},
                                                 {"disposition", "disposition", AS_TEXT, 0},
                                                 {"party", "party", AS_TEXT, 18},
                                                 {"device", "device", AS_TEXT, 12},
                                                 {"agent", "agent", AS_TEXT, 16},
                                                 {"ticket", "ticket", AS_TEXT, 0},
                                                 {0}};
static const struct ctl_column callback_columns[] = {{"id", "id", AS_TEXT, 0},
                                                     {"number", "number", AS_TEXT, 18},
                                                     {"reason", "reason", AS_TEXT, 0},
                                                     {"state", "state", AS_TEXT, 0},
                                                     {"attempts", "attempts", AS_TEXT, 0},
                                                     {"due", "due_at", AS_TIME, 0},
                                                     {"claimed by", "claimed_by", AS_TEXT, 16},
                                                     {"ticket", "ticket", AS_TEXT, 0},
                                                     {0}};
static const struct ctl_column message_columns[] = {{"id", "id", AS_TEXT, 0},
                                                    {"queued", "queued_at", AS_TIME, 0},
                                                    {"channel", "channel", AS_TEXT, 0},
                                                    {"gateway", "gateway", AS_TEXT, 12},
                                                    {"to", "to", AS_TEXT, 28},
                                                    {"ticket", "ticket", AS_TEXT, 0},
                                                    {"template", "template", AS_TEXT, 16},
                                                    {"state", "state", AS_TEXT, 0},
                                                    {"attempts", "attempts", AS_TEXT, 0},
                                                    {"error", "error", AS_TEXT, 40},
                                                    {0}};
static const struct ctl_column inbound_columns[] = {{"id", "id", AS_TEXT, 0},
                                                    {"at", "at", AS_TIME, 0},
                                                    {"from", "from", AS_TEXT, 28},
                                                    {"became", "became", AS_TEXT, 0},
                                                    {"ticket", "ticket", AS_TEXT, 0},
                                                    {"text", "text", AS_TEXT, 60},
                                                    {0}};
static const struct ctl_column alert_columns[] = {
    {"id", "id", AS_TEXT, 0},      {"at", "at", AS_TIME, 0},         {"kind", "kind", AS_TEXT, 20},
    {"text", "text", AS_TEXT, 80}, {"seen", "acked_at", AS_TIME, 0}, {0}};
static const struct ctl_column agent_columns[] = {{"user", "user", AS_TEXT, 24},
                                                  {"name", "name", AS_TEXT, 20},
                                                  {"role", "role", AS_TEXT, 0},
                                                  {"department", "department", AS_TEXT, 16},
                                                  {"device", "device", AS_TEXT, 16},
                                                  {"state", "state", AS_TEXT, 0},
                                                  {"since", "since", AS_TIME, 0},
                                                  {"call", "call_id", AS_TEXT, 0},
                                                  {0}};
static const struct ctl_column source_columns[] = {{"name", "name", AS_TEXT, 24},
                                                   {"plugin", "plugin", AS_TEXT, 0},
                                                   {"state", "state", AS_TEXT, 0},
                                                   {"since", "since", AS_TIME, 0},
                                                   {"can", "can", AS_JOINED, 48},
                                                   {"error", "error", AS_TEXT, 48},
                                                   {0}};
static const struct ctl_column department_columns[] = {
    {"key", "key", AS_TEXT, 24}, {"name", "name", AS_TEXT, 32}, {"head", "head", AS_TEXT, 24}, {0}};

static const struct ctl_arg page_args[] = {PAGE, {0}};
static const struct ctl_arg source_args[] = {
    {"NAME", NULL, "name", IN_PATH, ARG_TEXT, true, "A PBX's name"}, {0}};
static const struct ctl_arg owner_find_args[] = {
    {"TEXT", NULL, "q", IN_QUERY, ARG_WORDS, true,
     "Name, pinyin initials, number, plate or unit, whole or part"},
    PAGE,
    {0}};
static const struct ctl_arg owner_phone_args[] = {
    {"NUMBER", NULL, "phone", IN_QUERY, ARG_TEXT, true, "As a caller shows it: 13800138000"}, {0}};
static const struct ctl_arg owner_args[] = {ID("ID", "An owner's id"), {0}};
static const struct ctl_arg call_list_args[] = {
    {"--source", "NAME", "source", IN_QUERY, ARG_TEXT, false, "Of one PBX"},
    {"--call", "TEXT", "call", IN_QUERY, ARG_TEXT, false, "The PBX's name of the call"},
    {"--party", "NUMBER", "party", IN_QUERY, ARG_TEXT, false, "With one outside number"},
    {"--since", "TIME", "since", IN_QUERY, ARG_TEXT, false,
     "Begun since, for example 2026-11-22T00:00:00Z"},
    {"--state", "STATE", "state", IN_QUERY, ARG_TEXT, false,
     "queued, delivered, established, held or cleared"},
    PAGE,
    {0}};
static const struct ctl_arg call_args[] = {ID("ID", "A call's id"), {0}};
static const struct ctl_arg call_dial_args[] = {
    {"NUMBER", NULL, "number", IN_BODY, ARG_TEXT, true, "Whom to ring"},
    {"--device", "DEV", "device", IN_BODY, ARG_TEXT, false,
     "Whose phone rings first; your own by default"},
    {0}};
static const struct ctl_arg call_transfer_args[] = {
    ID("ID", "A call's id"),
    {"--to", "DEV", "to", IN_BODY, ARG_TEXT, true, "Device or number"},
    {0}};
static const struct ctl_arg callback_list_args[] = {{"--state", "STATE", "state", IN_QUERY,
                                                     ARG_TEXT, false,
                                                     "waiting, claimed, done or superseded"},
                                                    PAGE,
                                                    {0}};
static const struct ctl_arg callback_args[] = {ID("ID", "A callback's id"), {0}};
static const struct ctl_arg callback_done_args[] = {
    ID("ID", "A callback's id"),
    {"--outcome", "TEXT", "outcome", IN_BODY, ARG_TEXT, false, "What came of it"},
    {"--note", "TEXT", "note", IN_BODY, ARG_TEXT, false, "A note"},
    {0}};
static const struct ctl_arg message_list_args[] = {
    {"--state", "STATE", "state", IN_QUERY, ARG_TEXT, false,
     "queued, sending, sent, delivered, failed, expired or cancelled"},
    {"--ticket", "TICKET", "ticket", IN_QUERY, ARG_TICKET, false, "Of one ticket"},
    {"--person", "ID", "person", IN_QUERY, ARG_INT, false, "To one owner"},
    {"--gateway", "NAME", "gateway", IN_QUERY, ARG_TEXT, false, "By one gateway"},
    PAGE,
    {0}};
static const struct ctl_arg inbound_list_args[] = {
    {"--became", "WHAT", "became", IN_QUERY, ARG_TEXT, false,
     "confirmed, not_satisfied, reopened, noted, opened, opted_out, opted_in or kept"},
    {"--ticket", "TICKET", "ticket", IN_QUERY, ARG_TICKET, false, "Of one ticket"},
    {"--person", "ID", "person", IN_QUERY, ARG_INT, false, "Of one owner"},
    PAGE,
    {0}};
static const struct ctl_arg alert_list_args[] = {
    {"--open", "true", "open", IN_QUERY, ARG_TEXT, false, "true: only what nobody has seen yet"},
    PAGE,
    {0}};
static const struct ctl_arg alert_args[] = {ID("ID", "An alert's id"), {0}};
static const struct ctl_arg message_args[] = {ID("ID", "A message's id"), {0}};

const struct ctl_verb ctl_call_verbs[] = {
    {"owner find", "Find owners by any part of what is known",
     "  stewardctl owner find 王芳\n  stewardctl owner find wf 3-1201", owner_find_args, "GET",
     "/owners", SHOW_ROWS, person_columns, NULL, NULL},
    GET_LIST("owner phone", "Who a caller may be, with certainty and reason", owner_phone_args,
             "/owners", owner_columns),
    GET_ONE("owner show", "One owner", owner_args, "/owners/{id}"),
    GET_LIST("call list", "Calls, newest first", call_list_args, "/calls", call_columns),
    GET_ONE("call show", "One call", call_args, "/calls/{id}"),
    {"call dial", "Ring a number from a phone of ours", NULL, call_dial_args, "POST", "/calls",
     SHOW_NOTHING, NULL, "dialled", NULL},
    {"call hangup", "End a call", NULL, call_args, "POST", "/calls/{id}/hangup", SHOW_NOTHING, NULL,
     "hung up", NULL},
    {"call hold", "Hold a call", NULL, call_args, "POST", "/calls/{id}/hold", SHOW_NOTHING, NULL,
     "held", NULL},
    {"call retrieve", "Go on with a held call", NULL, call_args, "POST", "/calls/{id}/retrieve",
     SHOW_NOTHING, NULL, "retrieved", NULL},
    {"call transfer", "Send a call to another device", NULL, call_transfer_args, "POST",
     "/calls/{id}/transfer", SHOW_NOTHING, NULL, "transferred", NULL},
    GET_LIST("callback list", "Owners who are to be rung back", callback_list_args, "/callbacks",
             callback_columns),
    {"callback claim", "Take a callback: opens its ticket with you as responder", NULL,
     callback_args, "POST", "/callbacks/{id}/claim", SHOW_ROWS, callback_columns, NULL, NULL},
    {"callback done", "End a callback", NULL, callback_done_args, "POST", "/callbacks/{id}/done",
     SHOW_ROWS, callback_columns, NULL, NULL},
    GET_LIST("message list", "Messages, newest first", message_list_args, "/messages",
             message_columns),
    GET_LIST("inbound list", "What owners wrote and what became of it, newest first",
             inbound_list_args, "/inbound", inbound_columns),
    GET_ONE("message show", "One message", message_args, "/messages/{id}"),
    {"message resend", "Send a message again, as a new one", NULL, message_args, "POST",
     "/messages/{id}/resend", SHOW_ROWS, message_columns, NULL, NULL},
    {"message cancel", "Call a message off while it waits", NULL, message_args, "POST",
     "/messages/{id}/cancel", SHOW_ROWS, message_columns, NULL, NULL},
    GET_LIST("alert list", "What somebody should look at, newest first", alert_list_args, "/alerts",
             alert_columns),
    {"alert ack", "Say that an alert has been seen", NULL, alert_args, "POST", "/alerts/{id}/ack",
     SHOW_ROWS, alert_columns, NULL, NULL},
    GET_LIST("agent list", "People, where they stand and what they do", page_args, "/agents",
             agent_columns),
    GET_LIST("department list", "Departments", page_args, "/departments", department_columns),
    GET_LIST("source list", "PBXs: their links and what they can do", page_args, "/sources",
             source_columns),
    {"source remove", "Forget a PBX that has no calls and is not connected", NULL, source_args,
     "DELETE", "/sources/{name}", SHOW_NOTHING, NULL, "removed", NULL},
    {0}};
