/*
 * fuzz_esl.c - any bytes as a FreeSWITCH that has accepted our password: no crash, no leak, clean
 * text.
 */
#include "cti_input.h"

extern const struct steward_plugin steward_plugin;
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cti_input_run(&steward_plugin, "{\"password\":\"p\",\"contexts.inbound\":[\"public\"]}",
                  "Content-Type: auth/request\n\n"
                  "Content-Type: command/reply\nReply-Text: +OK accepted\n\n",
                  data, size);
    return 0;
}
