/*
 * fuzz_ami.c - any bytes as an Asterisk that has accepted our login: no crash, no leak, clean text.
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
