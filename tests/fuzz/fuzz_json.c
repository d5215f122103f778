/*
 * fuzz_json.c - any bytes as a line: the scanner of flat objects and jansson agree about them.
 *
 * sources: daemon/base/json_obj.c daemon/base/json.c daemon/base/buf.c daemon/base/mem.c
 * sources: daemon/base/text.c daemon/base/err.c daemon/base/clock.c
 * libs: -ljansson -lcrypto
 * corpus: tests/data/json
 */
#include <stddef.h>
#include <stdint.h>

#include "../unit/json_twin.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size <= 65536)
        twin_check((const char *)data, size);
    return 0;
}
