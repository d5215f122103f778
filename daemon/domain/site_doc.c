/*
 * site_doc.c - the site's part of docs/configuration.md: what holds for all keys, then the table's
 * own words.
 */
#include "domain/site_priv.h"

static const char intro[] =
    "# Configuration\n"
    "\n"
    "This page is written by `stewardd --config-reference` from the tables in the code; `./dev "
    "lint`\n"
    "fails when the two differ. A complete example is `config/steward.yaml`.\n"
    "\n"
    "A site is one YAML file, `steward.yaml`, and one file for each plugin instance in "
    "`plugins.d/` beside\n"
    "it. Every key has a default or is reported when it is missing; an unknown key is an error and "
    "is\n"
    "answered with the nearest name. `stewardd -t -c FILE` reads everything and prints every fault "
    "of every\n"
    "file as `file:line:column: what is wrong`, exit 1; warnings (a gateway without an instance, a "
    "word\n"
    "that is nearly a role) leave exit 0. HUP or `stewardctl reload` reads the files again: when "
    "they hold\n"
    "a fault the running configuration stays; otherwise what changed is taken, and keys that need "
    "a\n"
    "restart are named in the log. `stewardctl config show` prints what the daemon runs with.\n"
    "\n"
    "- **Durations** are a whole number and a unit: `250ms`, `90s`, `30m`, `4h`, `2d`, `10wd`, `35 "
    "months`.\n"
    "  In a clock, `s m h` count while its calendar is open; `d` is the same time of day that many "
    "days\n"
    "  later (the next opening if closed); `wd` is the close of that many working days later.\n"
    "- **Sizes** are `512B`, `64KiB`, `1MiB`; **shares** are `75%`; **rates** are `50/s`, "
    "`90/min`, `10/h`.\n"
    "- **Text by language** is one text for all, or `{zh: …, zh-Hant: …, en: …}`.\n"
    "- **Lists of text** may be written as one text.\n"
    "- **Paths** are relative to the file that names them.\n"
    "- **Secrets** stand in the file (`secret:`), in a file of their own (`secret_file: PATH`, its "
    "first\n"
    "  line) or in the environment (`secret_env: VARIABLE`), one of the three. They are never "
    "shown.\n"
    "- Quotes keep a value text: `\"22:00\"`, `\"0755\"`. A key without a value counts as not "
    "written.\n"
    "- A file is at most 1 MiB, 32 levels deep, one document, UTF-8, indented with blanks.\n"
    "- Names of accounts need not exist yet: a log line and `stewardctl doctor` say which do not.\n"
    "\n"
    "Below, `NAME` is a name of your choice and `[]` an entry of a list. `required` means within "
    "its part:\n"
    "a calendar needs hours, but no calendar is needed.\n"
    "\n";

void site_document(struct buf *out)
{
    buf_adds(out, intro);
    conf_table_document(site_table, out);
}
