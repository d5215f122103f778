/* bad_init.c - a descriptor without init. */
#include <steward/plugin.h>

STEWARD_PLUGIN_EXPORT = {.magic = STEWARD_PLUGIN_MAGIC,
                         .abi_major = STEWARD_ABI_MAJOR,
                         .abi_minor = STEWARD_ABI_MINOR,
                         .struct_size = sizeof(struct steward_plugin),
                         .name = "bad_init",
                         .version = "1",
                         .description = "wrong on purpose",
                         .init = NULL};
