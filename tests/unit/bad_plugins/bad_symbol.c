/* bad_symbol.c - a module without the exported constant. */
#include <steward/plugin.h>

__attribute__((visibility("default"))) extern const int steward_nothing;
__attribute__((visibility("default"))) const int steward_nothing = 1;
