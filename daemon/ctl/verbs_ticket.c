/*
 * verbs_ticket.c - verbs for tickets. Each answers the ticket, shown as one row.
 */
#include "ctl/verbs.h"

static const struct ctl_column ticket_columns[] = {{"ticket", "id", AS_TEXT, 0},
                                                   {"state", "state", AS_TEXT, 0},
                                                   {"kind", "kind", AS_TEXT, 0},
                                                   {"prio", "priority", AS_TEXT, 0},
                                                   {"subject", "subject", AS_TEXT, 36},
                                                   {"unit", "unit", AS_TEXT, 12},
                                                   {"responder", "responder", AS_TEXT, 16},
                                                   {"cycle", "cycle", AS_TEXT, 0},
                                                   {"opened", "opened_at", AS_TIME, 0},
                                                   {0}};
static const struct ctl_column timeline_columns[] = {
    {"seq", "seq", AS_TEXT, 0},   {"at", "at", AS_TIME, 0},      {"by", "by", AS_TEXT, 20},
    {"kind", "kind", AS_TEXT, 0}, {"data", "data", AS_TEXT, 90}, {0}};

#define TICKET                                                                                     \
    {                                                                                              \
        "TICKET", NULL, "id", IN_PATH, ARG_TICKET, true, "T-000123, T-123 or 123"                  \
    }
#define NOTE                                                                                       \
    {                                                                                              \
        "NOTE", NULL, "note", IN_BODY, ARG_WORDS, false, "A note"                                  \
    }
#define BODY(name, value, field, type, required, help)                                             \
    {                                                                                              \
        name, value, field, IN_BODY, type, required, help                                          \
    }

static const struct ctl_arg list_args[] = {
    {"--state", "STATE", "state", IN_QUERY, ARG_TEXT, false,
     "new, open, dispatched, resolved, awaiting_confirmation, closed or cancelled"},
    {"--responder", "NAME", "responder", IN_QUERY, ARG_TEXT, false, "Of one responder"},
    {"--department", "KEY", "department", IN_QUERY, ARG_TEXT, false,
     "Dispatched to one department"},
    {"--person", "ID", "person", IN_QUERY, ARG_INT, false, "Of one owner"},
    {"--unit", "ID", "unit", IN_QUERY, ARG_INT, false, "Of one unit"},
    PAGE,
    {0}};
static const struct ctl_arg ticket_args[] = {TICKET, {0}};
static const struct ctl_arg timeline_args[] = {TICKET, PAGE, {0}};
static const struct ctl_arg note_only_args[] = {TICKET, NOTE, {0}};
static const struct ctl_arg open_args[] = {
    BODY("SUBJECT", NULL, "subject", ARG_WORDS, true, "What it is about"),
    BODY("--kind", "KIND", "kind", ARG_TEXT, false,
         "repair, complaint, enquiry, suggestion or praise"),
    BODY("--category", "KEY", "category", ARG_TEXT, false, "A category of steward.yaml"),
    BODY("--priority", "N", "priority", ARG_INT, false, "1 (highest) to 4"),
    BODY("--channel", "WORD", "channel", ARG_TEXT, false,
         "call, callback, walk_in, sms, email or web"),
    BODY("--person", "ID", "person_id", ARG_INT, false, "The owner"),
    BODY("--unit", "ID", "unit_id", ARG_INT, false, "The unit"),
    BODY("--caller", "NUMBER", "caller", ARG_TEXT, false, "The number to ring back"),
    BODY("--call", "ID", "call_id", ARG_INT, false, "The call it came by"),
    BODY("--note", "TEXT", "note", ARG_TEXT, false, "A note"),
    BODY("--take", NULL, "take", ARG_FLAG, false, "Be its first responder"),
    {0}};
static const struct ctl_arg set_args[] = {
    TICKET,
    BODY("--subject", "TEXT", "subject", ARG_TEXT, false, "What it is about"),
    BODY("--kind", "KIND", "kind", ARG_TEXT, false,
         "repair, complaint, enquiry, suggestion or praise"),
    BODY("--category", "KEY", "category", ARG_TEXT, false, "A category of steward.yaml"),
    BODY("--priority", "N", "priority", ARG_INT, false, "1 (highest) to 4"),
    BODY("--person", "ID", "person_id", ARG_INT, false, "The owner"),
    BODY("--unit", "ID", "unit_id", ARG_INT, false, "The unit"),
    {0}};
static const struct ctl_arg note_args[] = {
    TICKET, BODY("TEXT", NULL, "text", ARG_WORDS, true, "The note"), {0}};
static const struct ctl_arg reply_args[] = {TICKET,
                                            NOTE,
                                            BODY("--channel", "WORD", "channel", ARG_TEXT, false,
                                                 "How the owner was told: call, sms, email …"),
                                            {0}};
static const struct ctl_arg attempt_args[] = {
    TICKET,
    BODY("--channel", "WORD", "channel", ARG_TEXT, true, "call, sms or email"),
    BODY("--outcome", "TEXT", "outcome", ARG_TEXT, true, "no_answer, busy, …"),
    {0}};
static const struct ctl_arg dispatch_args[] = {
    TICKET,
    BODY("DEPARTMENT", NULL, "department", ARG_TEXT, true, "Who shall do it"),
    BODY("--assignee", "NAME", "assignee", ARG_TEXT, false, "A colleague there"),
    BODY("--visit-from", "TIME", "visit.from", ARG_TEXT, false, "An appointment's begin, RFC 3339"),
    BODY("--visit-to", "TIME", "visit.to", ARG_TEXT, false, "Its end"),
    BODY("--note", "TEXT", "note", ARG_TEXT, false, "What is to be done"),
    BODY("--final", NULL, "final", ARG_FLAG, false, "It cannot be refused (supervisors)"),
    {0}};
static const struct ctl_arg order_args[] = {
    TICKET,
    {"N", NULL, "n", IN_PATH, ARG_TEXT, true, "The dispatch's number in this ticket"},
    NOTE,
    {0}};
static const struct ctl_arg resolve_args[] = {
    TICKET,
    NOTE,
    BODY("--told", NULL, "told", ARG_FLAG, false, "The owner was told within the call"),
    BODY("--satisfied", "yes|no", "satisfied", ARG_YES_NO, false, "… and said so"),
    BODY("--score", "N", "score", ARG_INT, false, "1 to 5"),
    {0}};
static const struct ctl_arg confirm_args[] = {
    TICKET,
    BODY("SATISFIED", NULL, "satisfied", ARG_YES_NO, true, "yes or no"),
    BODY("--score", "N", "score", ARG_INT, false, "1 to 5"),
    BODY("--via", "WORD", "via", ARG_TEXT, false, "survey, sms, link, call or staff"),
    BODY("--call", "ID", "call_id", ARG_INT, false, "The call in which it was said"),
    BODY("--note", "TEXT", "note", ARG_TEXT, false, "A note"),
    {0}};
static const struct ctl_arg handover_args[] = {
    TICKET,
    BODY("TO", NULL, "to", ARG_TEXT, true, "The successor"),
    BODY("--ground", "WORD", "ground", ARG_TEXT, true,
         "leave, left_company, conflict_of_interest, stage_two_review or reassignment"),
    BODY("--note", "TEXT", "note", ARG_TEXT, false, "A note"),
    {0}};
static const struct ctl_arg pause_args[] = {
    TICKET,
    BODY("CLOCK", NULL, "clock", ARG_TEXT, true, "resolve, accept, …"),
    BODY("REASON", NULL, "reason", ARG_TEXT, true, "One that the policy lists"),
    {0}};
static const struct ctl_arg resume_args[] = {
    TICKET, BODY("CLOCK", NULL, "clock", ARG_TEXT, true, "resolve, accept, …"), {0}};
static const struct ctl_arg extend_args[] = {
    TICKET,
    BODY("CLOCK", NULL, "clock", ARG_TEXT, true, "resolve, accept, …"),
    BODY("BY", NULL, "by", ARG_TEXT, true, "A duration: 4h, 2d"),
    BODY("REASON", NULL, "reason", ARG_WORDS, true, "Why"),
    {0}};
static const struct ctl_arg reason_args[] = {
    TICKET, BODY("REASON", NULL, "reason", ARG_WORDS, true, "Why"), {0}};
static const struct ctl_arg incident_args[] = {
    TICKET, BODY("INCIDENT", NULL, "id", ARG_INT, true, "Its number"), {0}};
static const struct ctl_arg milestone_args[] = {
    TICKET,
    {"NAME", NULL, "name", IN_PATH, ARG_TEXT, true, "Of the policy's milestones"},
    NOTE,
    {0}};

#define VERB(words, help, more, args, path)                                                        \
    {                                                                                              \
        "ticket " words, help, more, args, "POST", "/tickets/{id}/" path, SHOW_ROWS,               \
            ticket_columns, NULL, NULL                                                             \
    }

const struct ctl_verb ctl_ticket_verbs[] = {
    GET_LIST("ticket list", "Tickets, newest first", list_args, "/tickets", ticket_columns),
    GET_ONE("ticket show", "One ticket, with its clocks, dispatches and what you may do",
            ticket_args, "/tickets/{id}"),
    GET_LIST("ticket timeline", "A ticket's history, in order", timeline_args,
             "/tickets/{id}/timeline", timeline_columns),
    {"ticket open", "Open a ticket",
     "  stewardctl ticket open --category leak --person 7 --take 厨房漏水", open_args, "POST",
     "/tickets", SHOW_ROWS, ticket_columns, NULL, NULL},
    {"ticket set", "Change what a ticket is about", NULL, set_args, "PATCH", "/tickets/{id}",
     SHOW_ROWS, ticket_columns, NULL, NULL},
    VERB("claim", "Become a new ticket's first responder", NULL, ticket_args, "claim"),
    VERB("take", "The same as claim", NULL, ticket_args, "take"),
    VERB("note", "Add a note", NULL, note_args, "note"),
    VERB("reply", "Tell the owner how it stands", NULL, reply_args, "reply"),
    VERB("attempt", "Record that the owner was not reached", NULL, attempt_args, "attempt"),
    VERB("dispatch", "Send a work order to a department",
         "  stewardctl ticket dispatch T-123 engineering --note 关阀检查", dispatch_args,
         "dispatch"),
    VERB("accept", "The department accepts a work order", NULL, order_args,
         "dispatches/{n}/accept"),
    VERB("progress", "The department says how it goes", NULL, order_args,
         "dispatches/{n}/progress"),
    VERB("done", "The department has done it", NULL, order_args, "dispatches/{n}/done"),
    VERB("refuse", "The department refuses a work order", NULL, order_args,
         "dispatches/{n}/refuse"),
    VERB("withdraw", "Take a work order back", NULL, order_args, "dispatches/{n}/withdraw"),
    VERB("urge", "Ask for haste", NULL, note_only_args, "urge"),
    VERB("resolve", "The matter is solved",
         "With --told and --satisfied yes it is resolved, told and confirmed in one step.",
         resolve_args, "resolve"),
    VERB("confirm", "The owner's yes or no",
         "  stewardctl ticket confirm T-123 yes --score 5 --via call", confirm_args, "confirm"),
    VERB("handover", "Ask that another be its responder", NULL, handover_args, "handover"),
    VERB("handover-accept", "The successor accepts", NULL, ticket_args, "handover/accept"),
    VERB("handover-approve", "A supervisor approves", NULL, ticket_args, "handover/approve"),
    VERB("handover-refuse", "The successor or a supervisor refuses", NULL, ticket_args,
         "handover/refuse"),
    VERB("pause", "Pause a clock", NULL, pause_args, "pause"),
    VERB("resume", "Let a clock run again", NULL, resume_args, "resume"),
    VERB("extend", "Give a clock more time (supervisors)",
         "  stewardctl ticket extend T-123 resolve 2d 等配件", extend_args, "extend"),
    VERB("cancel", "It was no request", "Reasons: wrong_number, no_request, duplicate, test.",
         reason_args, "cancel"),
    VERB("close", "Close it with a reason (supervisors)", NULL, reason_args, "close"),
    VERB("reopen", "Open a closed ticket again, one cycle higher", NULL, note_only_args, "reopen"),
    VERB("incident", "Join an incident", NULL, incident_args, "incident"),
    VERB("milestone", "Keep a named milestone", NULL, milestone_args, "milestones/{name}"),
    {0}};
