/*
 * The leaderboard as one page: self-contained, sortable by its headings, the table as it stands without
 * its script too. Every text that came from a file is escaped; the policy admits this script alone.
 */
#include "report/board/board_internal.h"

#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "report/page/page.h"

/* board.css and board.js */
extern const char fm_board_style[], fm_board_script[];
extern const size_t fm_board_style_size, fm_board_script_size;

static void put(fm_buf *out, const char *text)
{
    fm_buf_puts(out, text);
}

static void data(fm_buf *out, const char *text)
{
    fm_text_for_html(out, text, strlen(text));
}

static void put_head(fm_buf *out)
{
    put(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
             "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
             "script-src 'sha256-");
    fm_page_put_hash(out, fm_board_script, fm_board_script_size);
    put(out, "'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'\">\n"
             "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
             "<meta name=\"color-scheme\" content=\"light dark\">\n"
             "<meta name=\"referrer\" content=\"no-referrer\">\n"
             "<link rel=\"icon\" href=\"data:,\">\n<title>Leaderboard</title>\n<style>\n");
    fm_buf_append(out, fm_board_style, fm_board_style_size);
    put(out, "</style>\n</head>\n<body>\n<main>\n<h1>Leaderboard</h1>\n");
}

/* The range over which a column's bars are drawn: a rate's is 0 to 1. */
typedef struct {
    double low, high;
} range;

static range range_of(const fm_board *b, size_t column)
{
    range r = {0, b->columns[column].rate ? 1 : 0};

    for (size_t i = 0; !b->columns[column].rate && i < b->n_rows; i++) {
        const fm_board_cell *cell = fm_board_at(b, i, column);

        if (cell->present && isfinite(cell->value)) {
            r.high = fmax(r.high, fmax(cell->value, isfinite(cell->high) ? cell->high : 0));
            r.low = fmin(r.low, cell->value);
        }
    }
    return r;
}

static double share(const range *r, double value)
{
    double at = r->high > r->low ? (value - r->low) / (r->high - r->low) * 100 : 0;

    return at < 0 ? 0 : at > 100 ? 100 : at;
}

static void put_bar(fm_buf *out, const range *r, const fm_board_cell *cell)
{
    if (!isfinite(cell->value) || r->high <= r->low)
        return;
    put(out, "<div class=\"bar\" aria-hidden=\"true\">");
    if (isfinite(cell->low) && isfinite(cell->high))
        fm_buf_printf(out, "<i style=\"left:%.1f%%;width:%.1f%%\"></i>", share(r, cell->low),
                      share(r, cell->high) - share(r, cell->low));
    fm_buf_printf(out, "<u style=\"left:%.1f%%\"></u></div>", share(r, cell->value));
}

static void put_headings(fm_buf *out, const fm_board *b)
{
    put(out, "<thead><tr><th scope=\"col\" aria-sort=\"none\" data-first=\"ascending\">"
             "<button type=\"button\">model</button></th>");
    for (size_t c = 0; c < b->n_columns; c++) {
        const fm_board_column *col = &b->columns[c];

        fm_buf_printf(out,
                      "<th scope=\"col\" aria-sort=\"none\" data-first=\"%s\">"
                      "<button type=\"button\">",
                      col->better < 0 ? "ascending" : "descending");
        data(out, col->label);
        put(out, "</button>");
        put(out, col->prompts ? FM_BOARD_PROMPTS : "");
        put(out, "<span class=\"metric\">");
        data(out, col->metric);
        if (*fm_board_unit(col)) {
            put(out, ", ");
            data(out, fm_board_unit(col));
        }
        if (col->better)
            put(out, col->better > 0 ? ", higher is better" : ", lower is better");
        put(out, "</span></th>");
    }
    put(out, "</tr></thead>\n");
}

static void put_cell(fm_buf *out, const fm_board *b, size_t row, size_t column, const range *r)
{
    const fm_board_cell *cell = fm_board_at(b, row, column);
    char number[FM_JSON_NUMBER_BYTES];
    fm_board_words w;

    fm_board_say(b, row, column, &w);
    fm_buf_printf(out, "<td%s data-sort=\"", cell->place == 1 ? " class=\"first\"" : "");
    if (cell->present && isfinite(cell->value))
        fm_buf_append(out, number, fm_json_format_number(cell->value, number));
    put(out, "\">");
    if (!cell->present) {
        put(out, "<span class=\"dim\" aria-label=\"none\">\xC2\xB7</span></td>");
        return;
    }
    fm_buf_printf(out, "<span class=\"value\">%s</span>%s", w.value,
                  w.doubtful ? FM_BOARD_DOUBTFUL : "");
    if (w.interval[0])
        fm_buf_printf(out, " <span class=\"dim\">%s</span>", w.interval);
    put_bar(out, r, cell);
    if (w.places[0]) {
        fm_buf_printf(out, "<span class=\"more\">place %s", w.places);
        if (cell->letters[0])
            fm_buf_printf(out, " \xC2\xB7 group %s", cell->letters);
        put(out, "</span>");
    }
    put(out, "</td>");
}

static void put_rows(fm_buf *out, const fm_board *b)
{
    put(out, "<tbody>\n");
    for (size_t r = 0; r < b->n_rows; r++) {
        const fm_board_row *row = &b->rows[r];

        fm_buf_printf(out, "<tr%s><th scope=\"row\" data-sort=\"",
                      row->source[0]    ? " class=\"published\""
                      : row->sees_truth ? " class=\"baseline\""
                                        : "");
        data(out, row->name);
        put(out, "\">");
        data(out, row->name);
        if (row->sees_truth)
            put(out, "<span class=\"tag\">sees the truth</span>");
        if (row->source[0]) {
            put(out, "<span class=\"tag\">" FM_BOARD_PUBLISHED " published</span>"
                     "<span class=\"more\">");
            data(out, row->source);
            if (row->modality[0]) {
                put(out, ", ");
                data(out, row->modality);
            }
            put(out, "</span>");
        }
        put(out, "</th>");
        for (size_t c = 0; c < b->n_columns; c++) {
            range bars = range_of(b, c);

            put_cell(out, b, r, c, &bars);
        }
        put(out, "</tr>\n");
    }
    put(out, "</tbody>\n");
}

static void put_short_hash(fm_buf *out, const char *hash)
{
    put(out, "<td><code title=\"");
    data(out, hash);
    fm_buf_printf(out, "\">%.12s</code></td>", strspn(hash, "0123456789abcdef") == 64 ? hash : "");
}

static void put_run(fm_buf *out, const fm_board_column *col, const fm_board_cell *cell)
{
    fm_buf statuses = {0};

    fm_board_put_statuses(&statuses, cell->run);
    put(out, "<td>");
    data(out, cell->dir);
    put(out, "</td><td>");
    data(out, col->suite);
    put(out, " ");
    data(out, col->suite_version);
    put(out, "</td><td>");
    data(out, col->protocol);
    fm_buf_printf(out, " %d</td>", col->protocol_version);
    put_short_hash(out, col->data_sha256);
    put_short_hash(out, cell->prompt_sha256);
    fm_buf_printf(out, "<td>%zu</td><td>", fm_report_run_n(cell->run));
    data(out, fm_buf_text(&statuses));
    put(out, "</td></tr>\n");
    out->failed |= statuses.failed;
    fm_buf_release(&statuses);
}

static void put_published(fm_buf *out, const fm_board_cell *cell)
{
    fm_buf origin = {0};

    fm_board_put_origin(&origin, cell->published);
    put(out, "<td colspan=\"7\">" FM_BOARD_PUBLISHED " ");
    data(out, fm_buf_text(&origin));
    put(out, "</td></tr>\n");
    out->failed |= origin.failed;
    fm_buf_release(&origin);
}

static void put_provenance(fm_buf *out, const fm_board *b)
{
    put(out, "<h2>Where the numbers come from</h2>\n<div class=\"scroll\" tabindex=\"0\" "
             "role=\"region\" aria-label=\"Where the numbers come from\">\n<table class=\"where\">"
             "<thead><tr><th scope=\"col\">model</th><th scope=\"col\">column</th>"
             "<th scope=\"col\">run</th><th scope=\"col\">suite</th><th scope=\"col\">protocol</th>"
             "<th scope=\"col\">data</th><th scope=\"col\">prompt</th><th scope=\"col\">n</th>"
             "<th scope=\"col\">statuses</th></tr></thead>\n<tbody>\n");
    for (size_t r = 0; r < b->n_rows; r++) {
        for (size_t c = 0; c < b->n_columns; c++) {
            const fm_board_cell *cell = fm_board_at(b, r, c);

            if (!cell->present)
                continue;
            put(out, "<tr><th scope=\"row\">");
            data(out, b->rows[r].name);
            put(out, "</th><td>");
            data(out, b->columns[c].label);
            put(out, "</td>");
            if (cell->run)
                put_run(out, &b->columns[c], cell);
            else
                put_published(out, cell);
        }
    }
    put(out, "</tbody></table></div>\n");
}

fm_status fm_board_html(fm_buf *out, const fm_board *board, fm_err *err)
{
    const char *notes[FM_BOARD_NOTES];
    size_t n_notes = fm_board_notes(board, notes), models = 0;

    for (size_t r = 0; r < board->n_rows; r++)
        models += !board->rows[r].source[0];
    put_head(out);
    fm_buf_printf(out, "<p class=\"sub\">%zu model%s, %zu column%s</p>\n", models,
                  models == 1 ? "" : "s", board->n_columns, board->n_columns == 1 ? "" : "s");
    put(out, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Leaderboard\">\n"
             "<table class=\"sortable\">\n");
    put_headings(out, board);
    put_rows(out, board);
    put(out, "</table></div>\n<p id=\"told\" class=\"note\" aria-live=\"polite\"></p>\n");
    for (size_t i = 0; i < n_notes; i++)
        fm_buf_printf(out, "<p class=\"note\">%s</p>\n", notes[i]);
    put_provenance(out, board);
    put(out, "</main>\n<script>");
    fm_buf_append(out, fm_board_script, fm_board_script_size);
    put(out, "</script>\n</body>\n</html>\n");
    return fm_buf_check(out, "the leaderboard", err);
}
