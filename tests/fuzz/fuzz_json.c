/*
 * fuzz_json.c - any bytes as a line: the scanner of flat objects and jansson agree about them.
 */
#include <stddef.h>
#include <stdint.h>

#include "json_twin.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size <= 65536)
        twin_check((const char *)data, size);
    return 0;
}
