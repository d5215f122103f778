/*
 * fuzz_config.c - any bytes as steward.yaml and as a frozen policy: no crash, no leak, faults or a
 * site.
 */
#include <stdint.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/conf.h"
#include "domain/policy.h"
#include "domain/site.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct conf_faults faults = {0};
    struct buf out = BUF_INIT(1u << 24);
    struct errmsg why;
    struct site *s = site_load_text("/nowhere/steward.yaml", (const char *)data, size, &faults);
    if (!s == !faults.errors)
        abort();
    if (s)
        site_to_json(s, &out);
    conf_faults_print(&faults, &out);
    conf_faults_free(&faults);
    site_unref(&s);
    struct policy *p = policy_from_json((const char *)data, size, &why);
    policy_free(&p);
    buf_free(&out);
    return 0;
}
