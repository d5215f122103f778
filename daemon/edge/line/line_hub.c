/*
 * line_hub.c - what happens, handed to the softphones and monitors that it concerns. The line is
 * made once, whoever gets it.
 */
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "base/text.h"
#include "edge/line/line_priv.h"

/* One event on its way to those it concerns. */
struct round {
    struct line *line;
    const struct hub_event *ev;
    bool made;   /* line->out holds it … */
    bool masked; /* … and line->masked */
};

static void make(struct round *r)
{
    struct buf *b = &r->line->out;
    buf_reset(b);
    if (r->ev->kind == HUB_POP || r->ev->kind == HUB_POP_END) {
        buf_add(b, r->ev->json, r->ev->len);
    } else {
        buf_printf(b, "{\"type\":\"%s\",\"data\":", hub_kind_name(r->ev->kind));
        buf_add(b, r->ev->json, r->ev->len);
        buf_addc(b, '}');
    }
    buf_addc(b, '\n');
    r->made = true;
}

/* The event as this link may see it. */
static const struct buf *sight(struct round *r, const struct link *k)
{
    struct line *l = r->line;
    if (!r->made)
        make(r);
    if (!k->masked || l->out.overflow)
        return &l->out;
    if (!r->masked) {
        buf_reset(&l->masked);
        buf_add(&l->masked, l->out.data, l->out.len);
        mask_json(&l->masked);
        buf_addc(&l->masked, '\n');
        r->masked = true;
    }
    return &l->masked;
}

static void tell(struct round *r, struct link *k)
{
    if (k->told == r->ev->id || !k->welcomed || k->slow)
        return;
    k->told = r->ev->id;
    const struct buf *b = sight(r, k);
    if (b->overflow)
        return;
    if (r->ev->kind == HUB_POP && k->role == LINE_AGENT)
        r->line->stats.pops++;
    conn_write(k->conn, b->data, b->len);
}

static void tell_group(struct round *r, struct line_group *g)
{
    struct line_member *m;
    if (!g)
        return;
    DL_FOREACH (g->members, m)
        tell(r, m->link);
}

/* Everybody who bears the device: written "1001", or "pbx-a/1001". */
static void tell_device(struct round *r, const char *source, const char *device)
{
    char qualified[136];
    if (!device || !device[0] || !r->line->devices)
        return;
    tell_group(r, line_group(r->line->devices, device));
    if (!source || !r->line->qualified || strchr(device, '/'))
        return;
    snprintf(qualified, sizeof(qualified), "%.64s/%.64s", source, device);
    tell_group(r, line_group(r->line->devices, qualified));
}

/* A person: their own connections, and whoever bears the device where they stand. */
static void tell_user(struct round *r, const char *user)
{
    const struct staff_account *a = staff_by_name(r->line->opts.staff, user);
    tell_group(r, line_group(r->line->accounts, user));
    if (a && a->device[0])
        tell_device(r, NULL, a->device);
}

static void tell_department(struct round *r, const char *department)
{
    struct line_group *g, *tmp;
    HASH_ITER (hh, r->line->accounts, g, tmp) {
        const struct staff_account *a = staff_by_name(r->line->opts.staff, g->key);
        if (a && strcmp(a->department, department) == 0)
            tell_user(r, a->name);
    }
}

static void tell_monitors(struct round *r)
{
    struct line_group *g = line_group(r->line->roles, "monitor");
    struct line_member *m;
    if (!g)
        return;
    DL_FOREACH (g->members, m)
        if (m->link->sees_all)
            tell(r, m->link);
}

void line_on_hub(void *line, const struct hub_event *ev)
{
    static const bool spoken[HUB_KINDS] = {[HUB_POP] = true,
                                           [HUB_POP_END] = true,
                                           [HUB_CALL] = true,
                                           [HUB_TICKET] = true,
                                           [HUB_CALLBACK] = true};
    struct round r = {.line = line, .ev = ev};
    if (!spoken[ev->kind] || !r.line->roles)
        return;
    tell_device(&r, ev->source, ev->device);
    for (size_t i = 0; ev->devices && ev->devices[i]; i++)
        tell_device(&r, ev->source, ev->devices[i]);
    for (size_t i = 0; ev->users && ev->users[i]; i++)
        tell_user(&r, ev->users[i]);
    if (ev->department)
        tell_department(&r, ev->department);
    if (ev->all_staff)
        tell_group(&r, line_group(r.line->roles, "agent"));
    tell_monitors(&r);
}
