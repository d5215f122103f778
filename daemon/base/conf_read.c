/*
 * conf_read.c - read a YAML text to its end whatever is wrong in it: bytes that are no text are
 * replaced, a tab becomes a blank, a section with broken syntax is left out; each is reported.
 */
#include <stdlib.h>
#include <string.h>

#include "base/conf_node.h"
#include "base/json.h"
#include "base/mem.h"

/* Most repairs of one file. */
#define REPAIRS_MAX 50

/* How many bytes the character at s has; 0 for a byte that begins no valid one. */
static size_t character(const char *s, size_t left)
{
    for (size_t n = 1; n <= 4 && n <= left; n++)
        if (utf8_valid(s, n))
            return n;
    return 0;
}

static bool is_control(unsigned char c)
{
    return (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f;
}

/* Replace what is no text by '_', so that the rest can be read. */
static void replace_bad_bytes(const char *file, char *text, size_t len, struct conf_faults *faults)
{
    int line = 1, column = 1;
    for (size_t i = 0; i < len;) {
        size_t n = character(text + i, len - i);
        if (n == 0 && text[i] != '\0') {
            conf_fault_in(faults, file, line, column, "not UTF-8 text");
        } else if (is_control((unsigned char)text[i])) {
            conf_fault_in(faults, file, line, column, "a control character (0x%02x)",
                          (unsigned char)text[i]);
            n = 0;
        }
        if (n == 0)
            text[i] = '_';
        bool newline = text[i] == '\n';
        line += newline;
        column = newline ? 1 : column + 1;
        i += n ? n : 1;
    }
}

static char *line_start(char *text, int line)
{
    for (int i = 1; text && i < line; i++) {
        text = strchr(text, '\n');
        if (text)
            text++;
    }
    return text;
}

/* A line that begins a top-level section. */
static bool begins_section(const char *s)
{
    return *s && !strchr(" \t\r\n#-]}", *s);
}

/* A tab where libyaml stopped: blanks instead. */
static bool repair_tab(char *text, const struct conf_syntax *at)
{
    char *s = line_start(text, at->line);
    bool found = false;
    for (; s && (*s == ' ' || *s == '\t'); s++) {
        found |= *s == '\t';
        *s = ' ';
    }
    return found;
}

/* Blank out the section around a line, newlines excepted. False: there was nothing left in it. */
static bool blank_section(char *text, int line)
{
    char *start = text, *s = text;
    for (int i = 1; s && i <= line; i++) {
        if (begins_section(s))
            start = s;
        s = strchr(s, '\n');
        if (s)
            s++;
    }
    bool any = false;
    for (s = start; *s; s++) {
        if (s > start && s[-1] == '\n' && begins_section(s))
            break;
        if (*s != '\n' && *s != '\r') {
            any |= *s != ' ';
            *s = ' ';
        }
    }
    return any;
}

/* True when the text was changed so that another try makes sense. */
static bool repair(const char *file, char *text, const struct conf_syntax *at,
                   struct conf_faults *faults)
{
    if (repair_tab(text, at)) {
        conf_fault_in(faults, file, at->line, at->column, "a tab where blanks belong");
        return true;
    }
    conf_fault_in(faults, file, at->line, at->column, "%s", at->text);
    return blank_section(text, at->from) || blank_section(text, at->line);
}

struct conf_node *conf_node_read(const char *file, const char *text, size_t len,
                                 struct conf_faults *faults)
{
    if (len > CONF_FILE_MAX) {
        conf_fault_in(faults, file, 0, 0, "is larger than 1 MiB");
        return NULL;
    }
    char *copy = xmalloc(len + 1), *name = xstrdup(file);
    memcpy(copy, text, len);
    copy[len] = '\0';
    replace_bad_bytes(file, copy, len, faults);
    struct conf_syntax stopped;
    struct conf_node *root = conf_yaml_parse(name, copy, len, faults, &stopped);
    bool partial = stopped.line != 0;
    for (int i = 0; stopped.line && i < REPAIRS_MAX && repair(file, copy, &stopped, faults); i++)
        root = conf_yaml_parse(name, copy, len, faults, &stopped);
    if (!root)
        root = conf_node_new(CONF_MAPPING, name, 1, 1);
    root->owned_file = name;
    root->partial = partial;
    free(copy);
    return root;
}
