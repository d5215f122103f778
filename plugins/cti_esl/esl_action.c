/*
 * esl_action.c - what agents do at the desk, as background jobs of FreeSWITCH: dial, hang up, hold,
 * retrieve, transfer, answer, ready and not ready.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "esl.h"

#define ACTION_MS 10000
#define DIAL_MS   180000
/* A phone that is not there is told at once; who hears nothing for so long is being rung. */
#define REFUSED_MS 800
#define JOBS_MAX   1000

uint32_t esl_can_all(const struct esl *e)
{
    return STEWARD_CAN_DIAL | STEWARD_CAN_HANGUP | STEWARD_CAN_HOLD | STEWARD_CAN_RETRIEVE |
           STEWARD_CAN_TRANSFER | STEWARD_CAN_AGENT_STATE |
           (e->conf.answer_notify ? STEWARD_CAN_ANSWER : 0);
}

static void done(struct esl *e, uint64_t token, bool ok, const char *code, const char *text)
{
    if (token)
        e->host->action_done(e->host, token, ok, code, text);
}

static int refuse(struct esl *e, const struct steward_action *act, const char *code,
                  const char *text)
{
    done(e, act->token, false, code, text);
    return 0;
}

void esl_uuid(struct esl *e, char out[40])
{
    uint64_t a = link_random(&e->link), b = link_random(&e->link);
    snprintf(out, 40, "%08" PRIx32 "-%04x-4%03x-%04x-%012" PRIx64, (uint32_t)(a >> 32),
             (unsigned)(a >> 16) & 0xffffu, (unsigned)a & 0xfffu,
             0x8000u | ((unsigned)(b >> 48) & 0x3fffu), b & 0xffffffffffffu);
}

/* The device without the name of its source. */
static const char *bare(const char *device)
{
    const char *slash = device ? strrchr(device, '/') : NULL;
    return slash ? slash + 1 : device ? device : "";
}

/* Numbers and users become words of a command: nothing else may. */
static bool is_dialable(const char *text)
{
    size_t n = text ? strspn(text, "+*#0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "abcdefghijklmnopqrstuvwxyz_.-")
                    : 0;
    return n > 0 && n < TRACK_NUMBER_MAX && !text[n];
}

/* ---- jobs ---- */

/* A job is known by its UUID before it is sent; bounded, as a dead PBX ends none. */
static struct esl_job *job_new(struct esl *e, uint64_t token)
{
    struct esl_job *j, *each;
    size_t n = 0;
    for (each = e->jobs; each; each = each->next)
        n++;
    if (n >= JOBS_MAX)
        return NULL;
    j = calloc(1, sizeof *j);
    if (!j)
        abort();
    esl_uuid(e, j->uuid);
    j->token = token;
    j->at = e->host->now_ms(e->host);
    j->next = e->jobs; /* before it is sent: its result may come with the answer */
    e->jobs = j;
    return j;
}

static void job_forget(struct esl *e, struct esl_job *j)
{
    struct esl_job **at = &e->jobs;
    while (*at && *at != j)
        at = &(*at)->next;
    if (*at)
        *at = j->next;
    free(j);
}

static int run(struct esl *e, struct esl_job *j, const char *command)
{
    char line[1400], more[80];
    int n = snprintf(line, sizeof line, "bgapi %s", command);
    snprintf(more, sizeof more, "Job-UUID: %s", j->uuid);
    if (n > 0 && (size_t)n < sizeof line && !strpbrk(line, "\r\n") &&
        esl_send(e, ESL_ASK_COMMAND, line, more))
        return 0;
    job_forget(e, j);
    return -1;
}

void esl_jobs_timeout(struct esl *e, bool all)
{
    struct esl_job *j, *next;
    int64_t now = e->host->now_ms(e->host);
    for (j = e->jobs; j; j = next) {
        next = j->next;
        if (!all && now - j->at < (j->dial ? REFUSED_MS : ACTION_MS))
            continue;
        if (!j->accepted)
            done(e, j->token, j->dial && !all, all ? "source_down" : "timeout",
                 all ? "the link to the PBX is down" : "the PBX did not answer");
        j->accepted = true;
        if (all || !j->dial || now - j->at >= DIAL_MS)
            job_forget(e, j);
    }
}

struct esl_job *esl_dial_seen(struct esl *e, const char *uuid)
{
    struct esl_job *j;
    for (j = e->jobs; j; j = j->next)
        if (j->dial && uuid && strcmp(j->call, uuid) == 0) {
            j->seen = true;
            if (!j->accepted)
                done(e, j->token, true, NULL, NULL);
            j->accepted = true;
            return j;
        }
    return NULL;
}

static enum steward_cause dial_cause(const char *body)
{
    static const struct {
        const char *word;
        enum steward_cause cause;
    } table[] = {
        {"USER_BUSY", STEWARD_CAUSE_BUSY},      {"CALL_REJECTED", STEWARD_CAUSE_BUSY},
        {"NO_ANSWER", STEWARD_CAUSE_NO_ANSWER}, {"CONGESTION", STEWARD_CAUSE_CONGESTION},
        {"FAILURE", STEWARD_CAUSE_CONGESTION},  {"UNALLOCATED", STEWARD_CAUSE_INVALID_NUMBER},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strstr(body, table[i].word))
            return table[i].cause;
    return STEWARD_CAUSE_UNREGISTERED;
}

void esl_job_done(struct esl *e, const struct esl_event *ev)
{
    struct esl_job *j;
    const char *uuid = ev->v[ESL_JOB_UUID];
    for (j = e->jobs; j; j = j->next)
        if (uuid && strcmp(j->uuid, uuid) == 0)
            break;
    if (!j)
        return; /* another client's */
    bool ok = strncmp(ev->body, "+OK", 3) == 0;
    char text[200];
    track_text(text, sizeof text, ev->body, strcspn(ev->body, "\n"));
    if (j->dial && !ok && !j->seen)
        track_stillborn(e->track, j->call, j->device, j->number, dial_cause(ev->body));
    if (!j->accepted)
        done(e, j->token, ok, ok ? NULL : "failed", ok ? NULL : text);
    job_forget(e, j);
}

/* ---- dialling ---- */

/* A name within single quotes of a variable list. */
static void quoted(char *out, size_t cap, const char *name)
{
    char clean[80];
    size_t n = 0;
    track_text(clean, sizeof clean, name ? name : "", name ? strlen(name) : 0);
    for (const char *p = clean; *p; p++)
        if (!strchr("'\"\\{}[]<>,^$`;|", *p))
            clean[n++] = *p;
    clean[n] = '\0';
    snprintf(out, cap, "%s", clean);
}

/* The agent's phone rings first and shows the owner's name; the owner sees the outbound number. */
static int do_dial(struct esl *e, const struct steward_action *act)
{
    char command[1200], name[80];
    const char *device = bare(act->device);
    if (!is_dialable(act->number) || !is_dialable(device))
        return refuse(e, act, "bad_number", "the number or the device cannot be dialled");
    struct esl_job *j = job_new(e, act->token);
    if (!j)
        return refuse(e, act, "failed", "too many jobs are under way");
    j->dial = true;
    esl_uuid(e, j->call);
    snprintf(j->device, sizeof j->device, "%s", device);
    snprintf(j->number, sizeof j->number, "%s", act->number);
    /* The phone shows the owner's name; the owner sees the outbound number, never his own. */
    const char *shown =
        act->outbound_number && is_dialable(act->outbound_number) ? act->outbound_number : device;
    quoted(name, sizeof name, act->caller_name ? act->caller_name : act->number);
    snprintf(command, sizeof command,
             "originate {origination_uuid=%s,origination_caller_id_name='%s',"
             "origination_caller_id_number=%s,effective_caller_id_name=%s,"
             "effective_caller_id_number=%s,ignore_early_media=true,originate_timeout=%" PRId64
             "}user/%s%s%s %s XML %s",
             j->call, name, shown, shown, shown, e->conf.link.dial_ms / 1000, device,
             e->conf.domain[0] ? "@" : "", e->conf.domain, act->number, e->conf.internal);
    return run(e, j, command); /* accepted when the phone is being rung: see esl_dial_seen() */
}

/* ---- live calls ---- */

/* `format` takes the id of a leg, then `word`. */
static int on_leg(struct esl *e, const struct steward_action *act, struct track_leg *leg,
                  const char *command, const char *words)
{
    char text[1200];
    struct track_view v;
    if (!leg)
        return refuse(e, act, "no_such_call", "the device has no part in this call");
    track_view(leg, &v);
    struct esl_job *j = job_new(e, act->token);
    if (!j)
        return refuse(e, act, "failed", "too many jobs are under way");
    snprintf(text, sizeof text, "%s %s%s%s", command, v.id, *words ? " " : "", words);
    return run(e, j, text);
}

/* The leg that acts, or a refusal that says why there is none. */
static struct track_leg *acting(struct esl *e, const struct steward_action *act,
                                enum track_part part)
{
    const char *why;
    struct track_leg *leg = track_acting(e->track, act->call, bare(act->device), part, &why);
    if (!leg)
        refuse(e, act, "no_such_call", why);
    return leg;
}

/* Refused while it rings, hung up while it talks; of somebody without a part it ends the call. */
static int do_hangup(struct esl *e, const struct steward_action *act)
{
    const char *device = bare(act->device);
    struct track_leg *leg = *device ? track_find(e->track, act->call, device) : NULL;
    struct track_view v = {.ringing = false};
    if (leg) {
        track_view(leg, &v);
        if (v.ringing)
            track_cause(leg, STEWARD_CAUSE_REJECTED);
        track_asked_hangup(e->track, leg);
    } else {
        leg = track_party(e->track, act->call);
        if (leg)
            track_ended_from_outside(leg);
    }
    return on_leg(e, act, leg, "uuid_kill", v.ringing ? "CALL_REJECTED" : "NORMAL_CLEARING");
}

static int do_hold(struct esl *e, const struct steward_action *act)
{
    struct track_leg *leg = acting(e, act, TRACK_TALKS);
    return leg ? on_leg(e, act, leg, "uuid_hold", "") : 0;
}

static int do_retrieve(struct esl *e, const struct steward_action *act)
{
    struct track_leg *leg = acting(e, act, TRACK_TALKS);
    return leg ? on_leg(e, act, leg, "uuid_hold off", "") : 0;
}

/* The phone's own leg rings the other one and talks to it; hanging up hands the call over. */
static int consult(struct esl *e, const struct steward_action *act, struct track_leg *own,
                   const char *to)
{
    char words[600];
    struct track_view v;
    track_view(own, &v);
    snprintf(words, sizeof words, "att_xfer::{origination_caller_id_number=%s}user/%s%s%s aleg",
             v.device, to, e->conf.domain[0] ? "@" : "", e->conf.domain);
    return on_leg(e, act, own, "uuid_broadcast", words);
}

static int do_transfer(struct esl *e, const struct steward_action *act)
{
    char words[300];
    const char *to = bare(act->to);
    if (!is_dialable(to))
        return refuse(e, act, "bad_number", "no such place to transfer to");
    struct track_leg *own = acting(e, act, TRACK_TALKS), *party;
    if (!own)
        return 0;
    if (act->transfer == STEWARD_TRANSFER_ATTENDED)
        return consult(e, act, own, to);
    party = track_party(e->track, act->call);
    if (!party || party == own)
        return refuse(e, act, "no_such_call", "nobody is there to be transferred");
    snprintf(words, sizeof words, "%s XML %s", to, e->conf.internal);
    return on_leg(e, act, party, "uuid_transfer", words);
}

static int do_answer(struct esl *e, const struct steward_action *act)
{
    struct track_leg *leg = acting(e, act, TRACK_RINGS);
    return leg ? on_leg(e, act, leg, "uuid_phone_event", "talk") : 0;
}

/* mod_callcenter knows agents by name, not by phone. */
static int do_agent_state(struct esl *e, const struct steward_action *act)
{
    const char *name = esl_agents_name(e, bare(act->device));
    bool ready = act->agent_state == STEWARD_AGENT_READY;
    char command[300];
    if (!ready && act->agent_state != STEWARD_AGENT_NOT_READY)
        return refuse(e, act, "not_supported", "only ready and not_ready can be set");
    if (!name || name[strcspn(name, " '\"\\|{}")])
        return refuse(e, act, "failed", "the device is no agent of a queue");
    struct esl_job *j = job_new(e, act->token);
    if (!j)
        return refuse(e, act, "failed", "too many jobs are under way");
    snprintf(command, sizeof command, "callcenter_config agent set status %s '%s'", name,
             ready ? "Available" : "On Break");
    return run(e, j, command);
}

/* What needs a living call is refused here once for all. */
static int carry_out(struct esl *e, const struct steward_action *act)
{
    static const struct {
        uint32_t what;
        bool call;
        int (*fn)(struct esl *e, const struct steward_action *act);
    } table[] = {
        {STEWARD_CAN_DIAL, false, do_dial},
        {STEWARD_CAN_HANGUP, true, do_hangup},
        {STEWARD_CAN_HOLD, true, do_hold},
        {STEWARD_CAN_RETRIEVE, true, do_retrieve},
        {STEWARD_CAN_TRANSFER, true, do_transfer},
        {STEWARD_CAN_ANSWER, true, do_answer},
        {STEWARD_CAN_AGENT_STATE, false, do_agent_state},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (table[i].what != act->what || !(e->can & act->what))
            continue;
        if (table[i].call && (!act->call || !track_lives(e->track, act->call)))
            return refuse(e, act, "no_such_call", "the call is over");
        return table[i].fn(e, act);
    }
    return refuse(e, act, "not_supported", "this PBX cannot do that");
}

int esl_action(void *ctx, const struct steward_action *act)
{
    struct esl *e = ctx;
    if (!e->link.stream || e->state != ESL_ON)
        return refuse(e, act, "source_down", "the link to the PBX is down");
    int rc = e->link.drop[0] ? -1 : carry_out(e, act);
    return e->link.drop[0] ? refuse(e, act, "source_down", e->link.drop) : rc;
}
