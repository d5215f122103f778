/* bad_magic.c - a descriptor that is none. */
#include <steward/plugin.h>

static int init(const struct steward_host *host, const struct steward_conf *conf, void **ctx)
{
    return 0;
}

STEWARD_PLUGIN_EXPORT = {.magic = 0x12345678u,
                         .abi_major = STEWARD_ABI_MAJOR,
                         .abi_minor = STEWARD_ABI_MINOR,
                         .struct_size = sizeof(struct steward_plugin),
                         .name = "bad_magic",
                         .version = "1",
                         .description = "wrong on purpose",
                         .init = init};
