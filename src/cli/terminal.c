/* Owns every byte that is meant for eyes: style, wrapping, messages, progress. */
#include "terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/size.h"
#include "base/text.h"

static cli_colour colour_choice = CLI_COLOUR_AUTO;

/* The line that messages have to step over. */
static cli_progress *shown_progress;

void cli_set_colour(cli_colour when)
{
    colour_choice = when;
}

static bool set_and_filled(const char *variable)
{
    const char *value = getenv(variable);

    return value && *value;
}

cli_style cli_style_for(FILE *stream)
{
    cli_style style = {.terminal = isatty(fileno(stream)) == 1, .width = 80};
    const char *term = getenv("TERM");
    struct winsize size;

    style.colour = colour_choice == CLI_COLOUR_ALWAYS ||
                   (colour_choice == CLI_COLOUR_AUTO && style.terminal &&
                    !set_and_filled("NO_COLOR") && term && strcmp(term, "dumb") != 0);
    if (style.terminal && ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col >= 40)
        style.width = size.ws_col;
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

/* ---- messages ---- */

static void say(const char *before, const char *text, const char *after)
{
    fm_buf line = {0};

    if (shown_progress)
        cli_progress_clear(shown_progress);
    fm_buf_puts(&line, before);
    fm_text_for_terminal(&line, text, strlen(text));
    fm_buf_puts(&line, after);
    fm_buf_putc(&line, '\n');
    /* One write, so that lines of two processes do not mix. */
    (void)!fwrite(fm_buf_text(&line), 1, line.size, stderr);
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

    if (st == FM_OK)
        (void)!fwrite(fm_buf_text(text), 1, text->size, stdout); /* main checks the stream */
    return st;
}

/* ---- progress ---- */

#define REDRAW_S     0.1
#define PLAIN_LINE_S 10.0
#define BAR_CELLS    30

static void put_duration(fm_buf *out, double seconds)
{
    long s = (long)(seconds + 0.5);

    if (s < 60)
        fm_buf_printf(out, "%ld s", s);
    else if (s < 3600)
        fm_buf_printf(out, "%ld min %02ld s", s / 60, s % 60);
    else
        fm_buf_printf(out, "%ld h %02ld min", s / 3600, s / 60 % 60);
}

static void put_bar(fm_buf *out, const cli_style *style, double share, int cells)
{
    int full = (int)(share * cells + 0.5);

    fm_buf_puts(out, cli_accent(style));
    for (int i = 0; i < full; i++)
        fm_buf_puts(out, "━");
    fm_buf_puts(out, cli_plain(style));
    fm_buf_puts(out, cli_faint(style));
    for (int i = full; i < cells; i++)
        fm_buf_puts(out, style->colour ? "━" : "─");
    fm_buf_puts(out, cli_plain(style));
    fm_buf_puts(out, "  ");
}

static void put_counts(fm_buf *out, const fm_run_progress *state)
{
    static const char *const names[] = {"scored", "unparsed", "errored", "skipped"};

    for (size_t i = 1; i < FM_COUNT_OF(names); i++)
        if (state->by_outcome[i])
            fm_buf_printf(out, "  %zu %s", state->by_outcome[i], names[i]);
}

/* "12/32  1 errored  8 s left" */
static void put_state(fm_buf *out, const fm_run_progress *state)
{
    size_t asked = state->done - state->resumed;
    double rate = state->elapsed_s > 0 ? (double)asked / state->elapsed_s : 0;

    fm_buf_printf(out, "%zu", state->done);
    if (state->total)
        fm_buf_printf(out, "/%zu", state->total);
    put_counts(out, state);
    if (rate > 0 && state->total > state->done) {
        fm_buf_puts(out, "  ");
        put_duration(out, (double)(state->total - state->done) / rate);
        fm_buf_puts(out, " left");
    }
}

/* A line that never reaches the last column: a wrapped one could not be drawn over. */
static void put_line(fm_buf *out, const cli_style *style, const char *label,
                     const fm_run_progress *state)
{
    fm_buf text = {0};

    put_state(&text, state);
    int room = style->width - 1 - (int)fm_text_columns(fm_buf_text(&text));
    int label_columns = (int)fm_text_columns(label) + 2;
    if (label_columns <= room) {
        fm_buf_printf(out, "%s  ", label);
        room -= label_columns;
    }
    int cells = room - 2 < BAR_CELLS ? room - 2 : BAR_CELLS;
    if (style->terminal && state->total && cells >= 8)
        put_bar(out, style, (double)state->done / (double)state->total, cells);
    fm_buf_puts(out, fm_buf_text(&text));
    fm_buf_release(&text);
}

void cli_progress_show(void *context, const fm_run_progress *state)
{
    cli_progress *progress = context;
    cli_style style = cli_style_for(stderr);
    double now = fm_clock_seconds();
    double pause = style.terminal ? REDRAW_S : PLAIN_LINE_S;
    bool last = state->total && state->done == state->total;
    fm_buf line = {0};

    /* Off a terminal the first line waits as well: a short run needs none. */
    if (progress->drawn_at == 0 && !style.terminal)
        progress->drawn_at = now;
    if (progress->drawn_at != 0 && now - progress->drawn_at < pause && !(last && style.terminal))
        return;
    progress->drawn_at = now;
    if (style.terminal)
        fm_buf_puts(&line, "\r\033[K");
    put_line(&line, &style, progress->label, state);
    if (!style.terminal)
        fm_buf_putc(&line, '\n');
    (void)!fwrite(fm_buf_text(&line), 1, line.size, stderr);
    fm_buf_release(&line);
    progress->on_screen = style.terminal;
    shown_progress = style.terminal ? progress : NULL;
}

void cli_progress_clear(cli_progress *progress)
{
    if (progress->on_screen)
        fputs("\r\033[K", stderr);
    progress->on_screen = false;
    shown_progress = NULL;
}
