/* Owns how text reaches the terminal: style, wrapping, messages, the line that is redrawn. */
#include "terminal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/size.h"
#include "base/text.h"

static cli_colour colour_choice = CLI_COLOUR_AUTO;

/* A line without its end is on the terminal: what is printed next has to take it off. */
static bool line_is_drawn;

void cli_set_colour(cli_colour when)
{
    colour_choice = when;
}

static bool set_and_filled(const char *variable)
{
    const char *value = getenv(variable);

    return value && *value;
}

/* Of a terminal its own; what goes into a pipe often ends on one, whose width a shell may have exported. */
static int columns_of(FILE *stream, bool terminal)
{
    enum { LEAST = 40, MOST = 1000 };
    const char *stated = getenv("COLUMNS");
    struct winsize size;
    uint64_t n = 0;

    if (terminal)
        n = ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
    else if (!stated || !fm_text_to_uint64(stated, &n) || n > MOST)
        n = 0;
    return n >= LEAST ? (int)n : 0;
}

cli_style cli_style_for(FILE *stream)
{
    cli_style style = {.terminal = isatty(fileno(stream)) == 1};
    const char *term = getenv("TERM");

    style.colour = colour_choice == CLI_COLOUR_ALWAYS ||
                   (colour_choice == CLI_COLOUR_AUTO && style.terminal &&
                    !set_and_filled("NO_COLOR") && term && strcmp(term, "dumb") != 0);
    style.given = columns_of(stream, style.terminal);
    style.width = style.given ? style.given : 80;
    return style;
}

const char *cli_bold(const cli_style *style)
{
    return style->colour ? "\033[1m" : "";
}

const char *cli_faint(const cli_style *style)
{
    return style->colour ? "\033[2m" : "";
}

const char *cli_accent(const cli_style *style)
{
    return style->colour ? "\033[36m" : "";
}

const char *cli_plain(const cli_style *style)
{
    return style->colour ? "\033[0m" : "";
}

static void spaces(fm_buf *out, int n)
{
    for (int i = 0; i < n; i++)
        fm_buf_putc(out, ' ');
}

void cli_wrap(fm_buf *out, const char *text, int at, int indent, int width)
{
    bool fresh = true;

    for (const char *word = text + strspn(text, " "); *word;) {
        size_t size = strcspn(word, " ");
        char copy[256];

        snprintf(copy, sizeof(copy), "%.*s", (int)(size < sizeof(copy) ? size : sizeof(copy) - 1),
                 word);
        int columns = (int)fm_text_columns(copy);
        if (!fresh && at + 1 + columns > width) {
            fm_buf_putc(out, '\n');
            spaces(out, indent);
            at = indent;
            fresh = true;
        }
        if (!fresh) {
            fm_buf_putc(out, ' ');
            at++;
        }
        fm_buf_append(out, word, size);
        at += columns;
        fresh = false;
        word += size;
        word += strspn(word, " ");
    }
    fm_buf_putc(out, '\n');
}

void cli_table(fm_buf *out, const cli_style *style, const char *const *heading,
               const char *const *cells, size_t rows, size_t columns)
{
    enum { MAX_COLUMNS = 8, GAP = 2 };
    int widths[MAX_COLUMNS] = {0};

    for (size_t r = 0; r <= rows; r++) {
        for (size_t c = 0; c < columns; c++) {
            const char *cell = r == 0 ? heading[c] : cells[(r - 1) * columns + c];
            int w = cell ? (int)fm_text_columns(cell) : 0;

            widths[c] = w > widths[c] ? w : widths[c];
        }
    }
    for (size_t r = 0; r <= rows; r++) {
        int at = GAP;

        spaces(out, GAP);
        if (r == 0)
            fm_buf_puts(out, cli_faint(style));
        for (size_t c = 0; c < columns; c++) {
            const char *cell = r == 0 ? heading[c] : cells[(r - 1) * columns + c];

            cell = cell ? cell : "";
            if (c + 1 == columns) {
                cli_wrap(out, cell, at, at, style->width);
                break;
            }
            if (r > 0 && c == 0)
                fm_buf_puts(out, cli_accent(style));
            fm_buf_puts(out, cell);
            if (r > 0 && c == 0)
                fm_buf_puts(out, cli_plain(style));
            spaces(out, widths[c] - (int)fm_text_columns(cell) + GAP);
            at += widths[c] + GAP;
        }
        if (r == 0)
            fm_buf_puts(out, cli_plain(style));
    }
}

void cli_put_size(fm_buf *out, uint64_t bytes)
{
    static const char *const names[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    size_t i = 0;

    while (value >= 1024 && i + 1 < FM_COUNT_OF(names)) {
        value /= 1024;
        i++;
    }
    fm_buf_printf(out, "%.*f %s", i ? 1 : 0, value, names[i]);
}

/* ---- lines on stderr ---- */

/* One write, so that lines of two processes do not mix. */
static void write_line(const char *before, const fm_buf *line, const char *after)
{
    fm_buf whole = {0};

    fm_buf_puts(&whole, before);
    fm_buf_append(&whole, fm_buf_text(line), line->size);
    fm_buf_puts(&whole, after);
    (void)!fwrite(fm_buf_text(&whole), 1, whole.size, stderr);
    fm_buf_release(&whole);
}

void cli_line_draw(const fm_buf *line)
{
    write_line("\r\033[K", line, "");
    line_is_drawn = true;
}

void cli_line_print(const fm_buf *line)
{
    cli_line_clear();
    write_line("", line, "\n");
}

void cli_line_clear(void)
{
    if (line_is_drawn)
        fputs("\r\033[K", stderr);
    line_is_drawn = false;
}

/* ---- messages ---- */

static void say(const char *before, const char *text, const char *after)
{
    fm_buf line = {0};

    fm_buf_puts(&line, before);
    fm_text_for_terminal(&line, text, strlen(text));
    fm_buf_puts(&line, after);
    cli_line_print(&line);
    fm_buf_release(&line);
}

void cli_error(const char *text)
{
    cli_style style = cli_style_for(stderr);
    char before[32];

    snprintf(before, sizeof(before), "%sfathom:%s ", style.colour ? "\033[1;31m" : "",
             cli_plain(&style));
    say(before, text, "");
}

void cli_hint(const char *text)
{
    cli_style style = cli_style_for(stderr);

    say(cli_faint(&style), text, cli_plain(&style));
}

void cli_notice(void *context, const char *text)
{
    (void)context;
    say("fathom: ", text, "");
}

fm_status cli_print(const fm_buf *text, fm_err *err)
{
    fm_status st = fm_buf_check(text, "the output", err);

    /* What stays in the stream's buffer is main's to check. */
    if (st == FM_OK && fwrite(fm_buf_text(text), 1, text->size, stdout) != text->size) {
        st = fm_fail(err, FM_E_IO, "cannot write to standard output: %s", strerror(errno));
        clearerr(stdout); /* it is told once, with its reason */
    }
    return st;
}

fm_status cli_print_folder(const char *folder, fm_err *err)
{
    fm_buf out = {0};

    fm_text_for_terminal(&out, folder, strlen(folder));
    fm_buf_putc(&out, '\n');
    fm_status st = cli_print(&out, err);
    fm_buf_release(&out);
    return st;
}
