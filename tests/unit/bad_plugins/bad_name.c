/* bad_name.c - another name than its file's. */
#include <steward/plugin.h>

static int init(const struct steward_host *host, const struct steward_conf *conf, void **ctx)
{
    return 0;
}

STEWARD_PLUGIN_EXPORT = {.magic = STEWARD_PLUGIN_MAGIC,
                         .abi_major = STEWARD_ABI_MAJOR,
                         .abi_minor = STEWARD_ABI_MINOR,
                         .struct_size = sizeof(struct steward_plugin),
                         .name = "somebody_else",
                         .version = "1",
                         .description = "wrong on purpose",
                         .init = init};
