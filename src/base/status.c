/* Owns the tables behind fm_status and the text of an fm_err. */
#include "fathom/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int exit_code;
    const char *meaning;
} status_table[FM_STATUS_COUNT] = {
#define FM_STATUS_ROW(code, name, exit, text) [FM_##code] = {name, exit, text},
    FM_STATUS_MAP(FM_STATUS_ROW)
#undef FM_STATUS_ROW
};

static int known(fm_status st)
{
    return (unsigned)st < FM_STATUS_COUNT;
}

const char *fm_status_name(fm_status st)
{
    return known(st) ? status_table[st].name : "unknown";
}

int fm_status_exit_code(fm_status st)
{
    return known(st) ? status_table[st].exit_code : 1;
}

const char *fm_status_meaning(fm_status st)
{
    return known(st) ? status_table[st].meaning : "";
}

/* A message cut inside a multi-byte character would print as a replacement mark: step back to its
 * first byte. */
static void cut_at_character(char *text, size_t size)
{
    size_t end = size - 1;

    while (end > 0 && ((unsigned char)text[end] & 0xC0) == 0x80)
        end--;
    text[end] = '\0';
}

/* A name or a value from a file may hold a line break; a message is one line all the same. */
static void join_lines(char *text)
{
    for (; *text; text++)
        if (*text == '\n' || *text == '\r')
            *text = ' ';
}

fm_status fm_fail(fm_err *err, fm_status st, const char *fmt, ...)
{
    va_list args;
    char text[FM_ERR_TEXT_BYTES + 1];

    if (!err)
        return st;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (n < 0)
        text[0] = '\0';
    else if ((size_t)n >= FM_ERR_TEXT_BYTES)
        cut_at_character(text, FM_ERR_TEXT_BYTES);
    join_lines(text);
    err->code = st;
    memcpy(err->text, text, FM_ERR_TEXT_BYTES - 1);
    err->text[FM_ERR_TEXT_BYTES - 1] = '\0';
    return st;
}

fm_status fm_fail_within(fm_err *err, fm_status st, const char *fmt, ...)
{
    va_list args;
    char context[FM_ERR_TEXT_BYTES + 1], inner[FM_ERR_TEXT_BYTES];

    if (!err)
        return st;
    va_start(args, fmt);
    int n = vsnprintf(context, sizeof(context), fmt, args);
    va_end(args);
    if (n >= FM_ERR_TEXT_BYTES)
        cut_at_character(context, FM_ERR_TEXT_BYTES);
    memcpy(inner, err->text, sizeof(inner));
    return fm_fail(err, st, "%s: %s", n < 0 ? "" : context, inner);
}
