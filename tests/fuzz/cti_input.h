/*
 * cti_input.h - one fuzz input against a CTI adapter: the first byte says how the rest is cut into
 * reads; after it come the bytes of a PBX that already accepted the sign-in.
 */
#pragma once
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "cti_replay.h"
#include "track.h"

/* What leaves the adapter must be text that the host may store. */
static void cti_input_check(const char *text)
{
    char copy[512];
    if (text && strcmp(track_text(copy, sizeof copy, text, strlen(text)), text) != 0)
        abort();
}

static void cti_input_run(const struct steward_plugin *plugin, const char *conf, const char *hello,
                          const uint8_t *data, size_t size)
{
    static struct replay r;
    size_t step = size ? (size_t)data[0] * 17 + 1 : 1;
    if (step < size / 2000)
        step = size / 2000; /* what is unread is shown again with every piece */
    memset(&r, 0, sizeof r);
    replay_start(&r, plugin, conf, 1795310000000);
    replay_feed(&r, hello, strlen(hello));
    for (size_t at = 1; at < size; at += step) {
        replay_feed(&r, (const char *)data + at, step < size - at ? step : size - at);
        replay_until(&r, r.now + 40);
    }
    replay_until(&r, r.now + 7000);
    replay_eof(&r, "end");
    replay_until(&r, r.now + 2000);
    replay_feed(&r, hello, strlen(hello));
    for (size_t i = 0; i < r.n_events; i++) {
        const struct steward_cti_event *e = &r.events[i].ev;
        if (!e->call && e->kind != STEWARD_EV_AGENT_STATE)
            abort();
        cti_input_check(e->call);
        cti_input_check(e->calling);
        cti_input_check(e->called);
        cti_input_check(e->device);
        cti_input_check(e->to);
    }
    replay_stop(&r);
}
