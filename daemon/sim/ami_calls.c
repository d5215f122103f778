/*
 * ami_calls.c - manager events of simple calls, in the order and with the headers of Asterisk 22
 * (tests/recordings/ami), and the renaming of recorded ones.
 */
#include "sim/ami_calls.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

/* ---- generating ---- */

enum side { CALLER, AGENT };

/* One event: of whose channel, with the other side as Dest…, with which further headers. */
struct row {
    int64_t ms;
    const char *event;
    enum side side;
    bool dest;
    int state; /* of the channel: 4 Ring, 5 Ringing, 6 Up, 0 Down */
    const char *more;
};

#define QUEUE "Queue: service\r\n"

static const struct row QUEUE_ROWS[] = {
    {0, "Newchannel", CALLER, false, 4, ""},
    {5, "Newstate", CALLER, false, 6, ""},
    {10, "QueueCallerJoin", CALLER, false, 6, QUEUE "Position: 1\r\nCount: 1\r\n"},
    {300, "Newchannel", AGENT, false, 0, ""},
    {300, "AgentCalled", CALLER, true, 6, QUEUE "Interface: PJSIP/%s\r\nMemberName: %s\r\n"},
    {300, "DialBegin", CALLER, true, 6, "DialString: %s\r\n"},
    {350, "Newstate", AGENT, false, 5, ""},
    {2000, "Newstate", AGENT, false, 6, ""},
    {2000, "DialEnd", CALLER, true, 6, "DialStatus: ANSWER\r\n"},
    {2000, "QueueCallerLeave", CALLER, false, 6, QUEUE "Position: 1\r\nCount: 0\r\n"},
    {2000, "AgentConnect", CALLER, true, 6,
     QUEUE "Interface: PJSIP/%s\r\nMemberName: %s\r\nRingTime: 2\r\nHoldTime: 2\r\n"},
    {2005, "BridgeEnter", AGENT, false, 6, "BridgeUniqueid: b\r\nBridgeType: basic\r\n"},
    {2005, "BridgeEnter", CALLER, false, 6, "BridgeUniqueid: b\r\nBridgeType: basic\r\n"},
    {6000, "BridgeLeave", CALLER, false, 6, "BridgeUniqueid: b\r\nBridgeType: basic\r\n"},
    {6000, "AgentComplete", CALLER, true, 6,
     QUEUE "Interface: PJSIP/%s\r\nMemberName: %s\r\nTalkTime: 4\r\nReason: caller\r\n"},
    {6000, "Hangup", AGENT, false, 6, "Cause: 16\r\nCause-txt: Normal Clearing\r\n"},
    {6000, "Hangup", CALLER, false, 6, "Cause: 16\r\nCause-txt: Normal Clearing\r\n"},
    {0, NULL, CALLER, false, 0, NULL},
};

static const struct row DIRECT_ROWS[] = {
    {0, "Newchannel", CALLER, false, 4, ""},
    {10, "Newchannel", AGENT, false, 0, ""},
    {10, "DialBegin", CALLER, true, 4, "DialString: %s\r\n"},
    {60, "Newstate", AGENT, false, 5, ""},
    {2000, "Newstate", AGENT, false, 6, ""},
    {2000, "DialEnd", CALLER, true, 4, "DialStatus: ANSWER\r\n"},
    {2000, "Newstate", CALLER, false, 6, ""},
    {2005, "BridgeEnter", AGENT, false, 6, "BridgeUniqueid: b\r\nBridgeType: basic\r\n"},
    {2005, "BridgeEnter", CALLER, false, 6, "BridgeUniqueid: b\r\nBridgeType: basic\r\n"},
    {6000, "Hangup", AGENT, false, 6, "Cause: 16\r\nCause-txt: Normal Clearing\r\n"},
    {6000, "Hangup", CALLER, false, 6, "Cause: 16\r\nCause-txt: Normal Clearing\r\n"},
    {0, NULL, CALLER, false, 0, NULL},
};

static const struct row ABANDONED_ROWS[] = {
    {0, "Newchannel", CALLER, false, 4, ""},
    {5, "Newstate", CALLER, false, 6, ""},
    {10, "QueueCallerJoin", CALLER, false, 6, QUEUE "Position: 1\r\nCount: 1\r\n"},
    {300, "Newchannel", AGENT, false, 0, ""},
    {300, "DialBegin", CALLER, true, 6, "DialString: %s\r\n"},
    {350, "Newstate", AGENT, false, 5, ""},
    {3000, "QueueCallerAbandon", CALLER, false, 6,
     QUEUE "Position: 1\r\nOriginalPosition: 1\r\nHoldTime: 3\r\n"},
    {3000, "QueueCallerLeave", CALLER, false, 6, QUEUE "Position: 1\r\nCount: 0\r\n"},
    {3000, "DialEnd", CALLER, true, 6, "DialStatus: CANCEL\r\n"},
    {3000, "Hangup", AGENT, false, 5, "Cause: 0\r\nCause-txt: Unknown\r\n"},
    {3000, "Hangup", CALLER, false, 6, "Cause: 16\r\nCause-txt: Normal Clearing\r\n"},
    {0, NULL, CALLER, false, 0, NULL},
};

static const struct {
    const char *kind;
    const struct row *rows;
} KINDS[] = {{"queue", QUEUE_ROWS}, {"direct", DIRECT_ROWS}, {"abandoned", ABANDONED_ROWS}};

struct call {
    const char *caller, *device;
    int64_t epoch;
};

static const char *state_text(int state)
{
    static const char *const names[] = {[0] = "Down", [4] = "Ring", [5] = "Ringing", [6] = "Up"};
    return names[state];
}

static void channel(const struct call *c, enum side side, int state, const char *prefix,
                    struct buf *out)
{
    const char *p = prefix;
    bool caller = side == CALLER;
    buf_printf(out, "%sChannel: PJSIP/%s-%08x\r\n", p, caller ? "trunk" : c->device,
               caller ? 1 : 2);
    buf_printf(out, "%sChannelState: %d\r\n%sChannelStateDesc: %s\r\n", p, state, p,
               state_text(state));
    buf_printf(out, "%sCallerIDNum: %s\r\n%sCallerIDName: <unknown>\r\n", p,
               caller ? c->caller : c->device, p);
    buf_printf(out, "%sConnectedLineNum: %s\r\n%sConnectedLineName: <unknown>\r\n", p,
               caller ? "<unknown>" : c->caller, p);
    buf_printf(out, "%sLanguage: en\r\n%sAccountCode: \r\n%sContext: %s\r\n", p, p, p,
               caller ? "from-trunk" : "internal");
    buf_printf(out, "%sExten: 4008000\r\n%sPriority: 1\r\n", p, p);
    buf_printf(out, "%sUniqueid: %lld.%d\r\n%sLinkedid: %lld.1\r\n", p, (long long)c->epoch,
               caller ? 1 : 2, p, (long long)c->epoch);
}

/* The further headers; each "%s" is the device. */
static void further(const char *text, const char *device, struct buf *out)
{
    for (; *text; text++) {
        if (text[0] == '%' && text[1] == 's') {
            buf_adds(out, device);
            text++;
        } else {
            buf_addc(out, *text);
        }
    }
}

static void write_row(const struct call *c, const struct row *r, struct buf *out)
{
    bool queue = text_starts(r->event, "Queue") || text_starts(r->event, "Agent");
    buf_printf(out, "Event: %s\r\nPrivilege: %s,all\r\n", r->event, queue ? "agent" : "call");
    channel(c, r->side, r->state, "", out);
    if (r->dest)
        channel(c, AGENT, 5, "Dest", out);
    further(r->more, c->device, out);
    buf_adds(out, "\r\n");
}

size_t ami_generate(const char *kind, const char *caller, const char *device, int64_t epoch,
                    struct buf *out, struct ami_moment moments[AMI_MOMENTS_MAX])
{
    const struct call c = {caller, device, epoch};
    const struct row *rows = NULL;
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(KINDS); i++)
        if (strcmp(kind, KINDS[i].kind) == 0)
            rows = KINDS[i].rows;
    for (; rows && rows->event; rows++) {
        if (n == 0 || moments[n - 1].ms != rows->ms)
            moments[n++] = (struct ami_moment){rows->ms, out->len, 0};
        write_row(&c, rows, out);
        moments[n - 1].len = out->len - moments[n - 1].from;
    }
    return n;
}

/* ---- renaming ---- */

enum { EPOCH_DIGITS = 10, CHANNEL_DIGITS = 8, SECONDS_APART = 1000, CHANNELS_APART = 4096 };

static size_t run_of(const char *p, const char *end, int (*is)(int))
{
    size_t n = 0;
    while (p + n < end && is((unsigned char)p[n]))
        n++;
    return n;
}

void ami_rename(const char *text, size_t len, int64_t shift, struct buf *out)
{
    const char *end = text + len;
    for (const char *p = text; p < end;) {
        size_t digits = run_of(p, end, isdigit);
        if (shift && digits == EPOCH_DIGITS && p + digits < end && p[digits] == '.') {
            buf_printf(out, "%010lld", strtoll(p, NULL, 10) + (long long)shift * SECONDS_APART);
            p += digits;
        } else if (shift && *p == '-' && run_of(p + 1, end, isxdigit) == CHANNEL_DIGITS) {
            buf_printf(out, "-%08lx",
                       (strtoul(p + 1, NULL, 16) + (unsigned long)shift * CHANNELS_APART) &
                           0xffffffff);
            p += 1 + CHANNEL_DIGITS;
        } else {
            size_t n = digits ? digits : 1;
            buf_add(out, p, n);
            p += n;
        }
    }
}
