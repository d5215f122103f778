/*
 * fuzz_ami.c - any bytes as an Asterisk that has accepted our login: no crash, no leak, clean text.
 *
 * sources: plugins/cti_ami/ami_*.c plugins/lib/track/track*.c tests/unit/cti_replay.c
 * sources: daemon/base/hash.c daemon/base/mem.c
 * libs: -Iplugins/cti_ami -Iplugins/lib/track -Itests/unit -Itests/fuzz -ljansson -lcrypto
 * corpus: tests/recordings/ami
 */
#include "cti_input.h"

extern const struct steward_plugin steward_plugin;
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cti_input_run(&steward_plugin,
                  "{\"username\":\"u\",\"secret\":\"s\",\"contexts.inbound\":[\"from-trunk\"]}",
                  "Asterisk Call Manager/11.0.0\r\nResponse: Success\r\n"
                  "Message: Authentication accepted\r\n\r\n",
                  data, size);
    return 0;
}
