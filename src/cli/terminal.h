/**
 * What the program knows about the terminal: colours, width, messages and a line that is redrawn.
 *
 * Results go to stdout and everything here but tables goes to stderr. Text from data reaches a
 * terminal only through fm_text_for_terminal().
 */
#ifndef FM_CLI_TERMINAL_H
#define FM_CLI_TERMINAL_H

#include <stdint.h>
#include <stdio.h>

#include "base/buffer.h"

typedef enum { CLI_COLOUR_AUTO, CLI_COLOUR_ALWAYS, CLI_COLOUR_NEVER } cli_colour;

/* Set once by main, before anything is printed. */
void cli_set_colour(cli_colour when);

/* How to write for one stream. */
typedef struct {
    bool terminal;
    bool colour;
    int width; /* columns: the terminal's, else what COLUMNS says, else 80 */
    int given; /* the same; 0 where neither says it: a table has its own width then */
} cli_style;
cli_style cli_style_for(FILE *stream);

/* SGR sequences, "" where the style has no colour. */
const char *cli_bold(const cli_style *style);
const char *cli_faint(const cli_style *style);
const char *cli_accent(const cli_style *style);
const char *cli_plain(const cli_style *style); /* ends any of them */

/* Append `text` broken at spaces so that no line passes `width` columns; the first line starts at
 * column `at`, the others are indented by `indent`. Ends with a newline. */
void cli_wrap(fm_buf *out, const char *text, int at, int indent, int width);

/* Rows of `columns` cells under a heading, aligned, two spaces apart and indented by two; the last
 * column is wrapped. NULL cells are empty. cells [rows][columns], row-major. */
void cli_table(fm_buf *out, const cli_style *style, const char *const *heading,
               const char *const *cells, size_t rows, size_t columns);

/* Append "1.5 GiB". */
void cli_put_size(fm_buf *out, uint64_t bytes);

/* "fathom: <text>" on stderr, one line, cleaned for the terminal. */
void cli_error(const char *text);
void cli_hint(const char *text);                  /* below an error: what to do */
void cli_notice(void *context, const char *text); /* as fm_run_options.notice */

/* Print to stdout what a command has made. */
FM_MUST_CHECK fm_status cli_print(const fm_buf *text, fm_err *err);
/* The same of a folder's name, cleaned for the terminal, on a line. */
FM_MUST_CHECK fm_status cli_print_folder(const char *folder, fm_err *err);

/* Lines on stderr, already fit for a terminal and without their newline: one that is drawn in place,
 * until the next drawing, printing or message takes it off; one that stays. */
void cli_line_draw(const fm_buf *line);
void cli_line_print(const fm_buf *line);
void cli_line_clear(void);

#endif
