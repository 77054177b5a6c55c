/*
 * The leaderboard as text: lists for a terminal, markdown, CSV, LaTeX and JSON, and the words that all
 * of them and the page share. Every text that came from a file is escaped for its place.
 */
#include "report/board/board_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/size.h"
#include "base/text.h"

#define DASH   "\xE2\x80\x93"
#define MIDDOT "\xC2\xB7"

/* ---- the words ---- */

const char *fm_board_unit(const fm_board_column *column)
{
    return column->rate ? "%" : column->unit;
}

static void say_places(const fm_board_column *column, const fm_board_cell *cell, char *out,
                       size_t size)
{
    const fm_rank_interval *p = &cell->places;

    if (cell->place == 0)
        return;
    if (column->ranked < 2)
        snprintf(out, size, "%zu", cell->place);
    else if (p->low == p->high)
        snprintf(out, size, "%zu (%zu)", cell->place, p->low);
    else
        snprintf(out, size, "%zu (%zu" DASH "%zu)", cell->place, p->low, p->high);
}

/* The cell of the report without its unit, which the column says. */
static void say_run(const fm_board_column *column, const fm_board_cell *cell, fm_board_words *out)
{
    fm_report_cell words;

    fm_report_cell_make(cell->run, column->metric, &words);
    words.value[strcspn(words.value, " ")] = '\0';
    snprintf(out->value, sizeof(out->value), "%s", words.value);
    snprintf(out->interval, sizeof(out->interval), "%s", words.interval);
    snprintf(out->count, sizeof(out->count), "%s", words.count);
    say_places(column, cell, out->places, sizeof(out->places));
}

void fm_board_say(const fm_board *board, size_t row, size_t column, fm_board_words *out)
{
    const fm_board_cell *cell = fm_board_at(board, row, column);
    const fm_board_column *c = &board->columns[column];

    *out = (fm_board_words){0};
    if (cell->run)
        say_run(c, cell, out);
    else if (cell->published)
        snprintf(out->value, sizeof(out->value), c->rate ? "%.1f" : "%.4g",
                 cell->value * (c->rate ? 100 : 1));
    out->doubtful = cell->published && cell->published->flag[0];
}

size_t fm_board_notes(const fm_board *board, const char *notes[FM_BOARD_NOTES])
{
    bool ranked = false, prompts = false, published = false, doubtful = false, truth = false;
    size_t n = 0;

    for (size_t c = 0; c < board->n_columns; c++) {
        ranked |= board->columns[c].ranked > 1;
        prompts |= board->columns[c].prompts;
        for (size_t r = 0; r < board->n_rows; r++) {
            const fm_board_cell *cell = fm_board_at(board, r, c);

            published |= cell->published != NULL;
            doubtful |= cell->published && cell->published->flag[0];
            truth |= cell->run && cell->run->sees_truth;
        }
    }
    if (ranked) {
        notes[n++] = "Places are by the headline metric; in brackets those that a model may hold: "
                     "95 %, samples drawn for all models together.";
        notes[n++] = "Models that share a letter are not told apart: paired tests over the samples "
                     "that both have, Holm over all pairs of a column, level 5 %.";
    }
    if (prompts)
        notes[n++] = FM_BOARD_PROMPTS " The models of this column were not all asked with the same "
                                      "prompt.";
    if (published)
        notes[n++] = FM_BOARD_PUBLISHED " Published: asked and scored as its source says, so it "
                                        "has no place beside the runs.";
    if (doubtful)
        notes[n++] = FM_BOARD_DOUBTFUL " The published figure is doubtful; results/published says "
                                       "why.";
    if (truth)
        notes[n++] = "A baseline that sees the truth shows the scale of the numbers and has no "
                     "place.";
    return n;
}

/* ---- provenance ---- */

/* "ok 98, parse_error 2" */
void fm_board_put_statuses(fm_buf *out, const fm_report_run *run)
{
    const cJSON *item;
    bool any = false;

    cJSON_ArrayForEach(item, fm_json_get(run->results, "counts"))
    {
        if (!cJSON_IsNumber(item) || item->valuedouble <= 0)
            continue;
        fm_buf_printf(out, "%s%s %.0f", any ? ", " : "", item->string, item->valuedouble);
        any = true;
    }
}

/* "table 3, protocol robotracer, split test" */
void fm_board_put_origin(fm_buf *out, const fm_published_row *row)
{
    if (row->flag[0])
        fm_buf_printf(out, "doubtful: %s; ", row->flag);
    fm_buf_puts(out, row->source);
    if (row->table[0])
        fm_buf_printf(out, ", table %s", row->table);
    fm_buf_printf(out, ", protocol %s", row->protocol);
    if (row->split[0])
        fm_buf_printf(out, ", split %s", row->split);
}

/* ---- terminal ---- */

enum { LABEL_MOST = 40 };

typedef struct {
    fm_buf *out;
    int width;
    bool colour;
} screen;

static void style(const screen *s, const char *code)
{
    if (s->colour)
        fm_buf_printf(s->out, "\033[%sm", code);
}

/* Text from a file in exactly `columns`, cut where it is longer. */
static void put_padded(const screen *s, const char *text, int columns)
{
    fm_buf safe = {0};
    int used = 0;

    fm_text_for_terminal(&safe, text, strlen(text));
    for (const char *p = fm_buf_text(&safe); *p;) {
        char one[5] = {0};
        size_t n = fm_utf8_sequence(p, strlen(p));

        memcpy(one, p, n ? n : 1);
        if (used + (int)fm_text_columns(one) > columns)
            break;
        used += (int)fm_text_columns(one);
        fm_buf_puts(s->out, one);
        p += n ? n : 1;
    }
    s->out->failed |= safe.failed;
    fm_buf_release(&safe);
    for (; used < columns; used++)
        fm_buf_putc(s->out, ' ');
}

static void end_line(const screen *s)
{
    while (s->out->size > 0 && s->out->data[s->out->size - 1] == ' ')
        s->out->size--;
    fm_buf_putc(s->out, '\n');
}

static void put_title(const screen *s, const fm_board_column *c)
{
    style(s, "1");
    put_padded(s, c->label, (int)fm_text_columns(c->label));
    style(s, "0");
    fm_buf_printf(s->out, "%s " MIDDOT " ", c->prompts ? FM_BOARD_PROMPTS : "");
    put_padded(s, c->metric, (int)fm_text_columns(c->metric));
    if (*fm_board_unit(c))
        fm_buf_printf(s->out, " in %s", fm_board_unit(c));
    if (c->items)
        fm_buf_printf(s->out, " " MIDDOT " %zu samples in common", c->items);
    end_line(s);
}

/* "RoboTracer-2B, RGB+D" and a dagger; "oracle (sees the truth)" */
static void put_label(fm_buf *out, const fm_board_row *row)
{
    fm_buf_printf(out, "%s%s%s%s", row->name, row->modality[0] ? ", " : "", row->modality,
                  row->sees_truth  ? " (sees the truth)"
                  : row->source[0] ? " " FM_BOARD_PUBLISHED
                                   : "");
}

static int longest_label(const fm_board *b, size_t column)
{
    int most = (int)strlen("model");
    fm_buf label = {0};

    for (size_t r = 0; r < b->n_rows; r++) {
        if (!fm_board_at(b, r, column)->present)
            continue;
        fm_buf_clear(&label);
        put_label(&label, &b->rows[r]);
        int columns = (int)fm_text_columns(fm_buf_text(&label));
        most = columns > most ? columns : most;
    }
    fm_buf_release(&label);
    return most < LABEL_MOST ? most : LABEL_MOST;
}

/* "  1 (1-2)  a   RoboTracer   40.0  [27.6, 53.8]  20/50" */
static void put_line(const screen *s, const fm_board *b, size_t row, size_t column, int name)
{
    const fm_board_row *r = &b->rows[row];
    const fm_board_cell *cell = fm_board_at(b, row, column);
    fm_board_words w;
    fm_buf label = {0};

    fm_board_say(b, row, column, &w);
    put_label(&label, r);
    if (!cell->run)
        style(s, "2");
    fm_buf_puts(s->out, "  ");
    put_padded(s, w.places, 10);
    put_padded(s, cell->letters, 4);
    put_padded(s, fm_buf_text(&label), name);
    fm_buf_puts(s->out, "  ");
    fm_buf_printf(s->out, "%7s%s  ", w.value, w.doubtful ? FM_BOARD_DOUBTFUL : " ");
    if (cell->run) {
        put_padded(s, w.interval, 16);
        put_padded(s, w.count, (int)fm_text_columns(w.count));
    } else {
        int room = s->width - (2 + 10 + 4 + name + 2 + 7 + 3);
        fm_buf origin = {0};

        fm_board_put_origin(&origin, cell->published);
        put_padded(s, fm_buf_text(&origin), room > 16 ? room : 16);
        s->out->failed |= origin.failed;
        fm_buf_release(&origin);
    }
    end_line(s);
    if (!cell->run)
        style(s, "0");
    s->out->failed |= label.failed;
    fm_buf_release(&label);
}

/* Broken at spaces. */
static void put_wrapped(const screen *s, const char *text)
{
    int used = 0;

    while (*text) {
        size_t n = strcspn(text, " ");
        char word[64];

        snprintf(word, sizeof(word), "%.*s", (int)n, text);
        int columns = (int)fm_text_columns(word);
        if (used > 0 && used + 1 + columns > s->width) {
            fm_buf_putc(s->out, '\n');
            used = 0;
        }
        used += (used > 0) + columns;
        fm_buf_printf(s->out, "%s%s", used > columns ? " " : "", word);
        text += n + strspn(text + n, " ");
    }
    fm_buf_putc(s->out, '\n');
}

fm_status fm_board_table(fm_buf *out, const fm_board *board, int width, bool colour, fm_err *err)
{
    screen s = {out, width < 60 ? 60 : width, colour};
    const char *notes[FM_BOARD_NOTES];
    size_t n_notes = fm_board_notes(board, notes);

    for (size_t c = 0; c < board->n_columns; c++) {
        int name = longest_label(board, c);

        put_title(&s, &board->columns[c]);
        for (size_t r = 0; r < board->n_rows; r++)
            if (fm_board_at(board, r, c)->present)
                put_line(&s, board, r, c, name);
        fm_buf_putc(out, '\n');
    }
    style(&s, "2");
    for (size_t i = 0; i < n_notes; i++)
        put_wrapped(&s, notes[i]);
    style(&s, "0");
    return fm_buf_check(out, "the leaderboard", err);
}

/* ---- markdown ---- */

static void md(fm_buf *out, const char *text)
{
    fm_text_for_markdown(out, text, strlen(text));
}

static void md_name(fm_buf *out, const fm_board_row *row)
{
    md(out, row->name);
    if (row->modality[0]) {
        fm_buf_puts(out, ", ");
        md(out, row->modality);
    }
    if (row->sees_truth)
        fm_buf_puts(out, " (sees the truth)");
    if (row->source[0]) {
        fm_buf_puts(out, " " FM_BOARD_PUBLISHED "<br>");
        md(out, row->source);
    }
}

static void md_cell(fm_buf *out, const fm_board *b, size_t row, size_t column)
{
    const fm_board_cell *cell = fm_board_at(b, row, column);
    fm_board_words w;

    fm_board_say(b, row, column, &w);
    fm_buf_printf(out, cell->place == 1 ? " **%s**" : " %s", w.value);
    if (w.doubtful)
        fm_buf_puts(out, FM_BOARD_DOUBTFUL);
    if (w.interval[0])
        fm_buf_printf(out, " %s", w.interval);
    if (w.count[0])
        fm_buf_printf(out, "<br>%s", w.count);
    if (w.places[0])
        fm_buf_printf(out, "<br>place %s %s", w.places, cell->letters);
    fm_buf_puts(out, " |");
}

static void md_provenance(fm_buf *out, const fm_board *b)
{
    fm_buf_puts(out, "\n<details><summary>Where the numbers come from</summary>\n\n"
                     "| model | column | run | suite | protocol | data | prompt | statuses |\n"
                     "|:--|:--|:--|:--|:--|:--|:--|:--|\n");
    for (size_t r = 0; r < b->n_rows; r++) {
        for (size_t c = 0; c < b->n_columns; c++) {
            const fm_board_cell *cell = fm_board_at(b, r, c);
            const fm_board_column *col = &b->columns[c];
            fm_buf text = {0};

            if (!cell->present)
                continue;
            fm_buf_puts(out, "| ");
            md(out, b->rows[r].name);
            fm_buf_puts(out, " | ");
            md(out, col->label);
            if (cell->published) {
                fm_board_put_origin(&text, cell->published);
                fm_buf_puts(out, " | published: ");
                md(out, fm_buf_text(&text));
                fm_buf_puts(out, " | | | | | |\n");
            } else {
                fm_board_put_statuses(&text, cell->run);
                fm_buf_puts(out, " | ");
                md(out, cell->dir);
                fm_buf_puts(out, " | ");
                md(out, col->suite);
                fm_buf_puts(out, " ");
                md(out, col->suite_version);
                fm_buf_puts(out, " | ");
                md(out, col->protocol);
                fm_buf_printf(out, " %d | %.12s | %.12s ", col->protocol_version, col->data_sha256,
                              cell->prompt_sha256);
                md(out, cell->prompt_file);
                fm_buf_puts(out, " | ");
                md(out, fm_buf_text(&text));
                fm_buf_puts(out, " |\n");
            }
            out->failed |= text.failed;
            fm_buf_release(&text);
        }
    }
    fm_buf_puts(out, "\n</details>\n");
}

fm_status fm_board_markdown(fm_buf *out, const fm_board *board, fm_err *err)
{
    const char *notes[FM_BOARD_NOTES];
    size_t n_notes = fm_board_notes(board, notes);

    fm_buf_puts(out, "| model |");
    for (size_t c = 0; c < board->n_columns; c++) {
        const fm_board_column *col = &board->columns[c];

        fm_buf_putc(out, ' ');
        md(out, col->label);
        fm_buf_puts(out, col->prompts ? "\\" FM_BOARD_PROMPTS "<br>" : "<br>");
        md(out, col->metric);
        if (*fm_board_unit(col)) {
            fm_buf_puts(out, ", ");
            md(out, fm_board_unit(col));
        }
        fm_buf_puts(out, " |");
    }
    fm_buf_puts(out, "\n|:--|");
    for (size_t c = 0; c < board->n_columns; c++)
        fm_buf_puts(out, ":--|");
    fm_buf_putc(out, '\n');
    for (size_t r = 0; r < board->n_rows; r++) {
        fm_buf_puts(out, "| ");
        md_name(out, &board->rows[r]);
        fm_buf_puts(out, " |");
        for (size_t c = 0; c < board->n_columns; c++)
            md_cell(out, board, r, c);
        fm_buf_putc(out, '\n');
    }
    for (size_t i = 0; i < n_notes; i++) {
        fm_buf_putc(out, '\n');
        md(out, notes[i]);
        fm_buf_putc(out, '\n');
    }
    md_provenance(out, board);
    return fm_buf_check(out, "the leaderboard", err);
}

/* ---- CSV: a line a cell ---- */

static void csv_number(fm_buf *out, double value)
{
    char text[FM_JSON_NUMBER_BYTES];

    if (isfinite(value))
        fm_buf_append(out, text, fm_json_format_number(value, text));
    fm_buf_putc(out, ',');
}

static void csv_text(fm_buf *out, const char *text, bool last)
{
    fm_text_for_csv(out, text, strlen(text));
    fm_buf_puts(out, last ? "\r\n" : ",");
}

static void csv_count(fm_buf *out, size_t n)
{
    if (n)
        fm_buf_printf(out, "%zu", n);
    fm_buf_putc(out, ',');
}

static void csv_line(fm_buf *out, const fm_board *b, size_t r, size_t c)
{
    const fm_board_cell *cell = fm_board_at(b, r, c);
    const fm_board_column *col = &b->columns[c];
    fm_buf statuses = {0};

    if (cell->run)
        fm_board_put_statuses(&statuses, cell->run);
    csv_text(out, b->rows[r].name, false);
    csv_text(out,
             cell->published         ? "published"
             : b->rows[r].sees_truth ? "baseline"
                                     : "run",
             false);
    csv_text(out, col->suite, false);
    csv_text(out, col->task, false);
    csv_text(out, cell->published ? cell->published->protocol : col->protocol, false);
    csv_text(out, col->metric, false);
    csv_text(out, col->rate ? "" : col->unit, false);
    csv_number(out, cell->value);
    csv_number(out, cell->low);
    csv_number(out, cell->high);
    csv_count(out, cell->run ? fm_report_run_n(cell->run) : 0);
    csv_count(out, cell->place);
    csv_count(out, cell->place ? cell->places.low : 0);
    csv_count(out, cell->place ? cell->places.high : 0);
    csv_text(out, cell->letters, false);
    csv_text(out, fm_buf_text(&statuses), false);
    csv_text(out, cell->run ? cell->dir : "", false);
    csv_text(out, cell->run ? col->suite_version : "", false);
    if (cell->run)
        fm_buf_printf(out, "%d", col->protocol_version);
    fm_buf_putc(out, ',');
    csv_text(out, cell->run ? col->selection : "", false);
    csv_text(out, cell->run ? col->data_sha256 : "", false);
    csv_text(out, cell->run ? cell->prompt_sha256 : "", false);
    csv_text(out, cell->run ? cell->prompt_file : "", false);
    csv_text(out, b->rows[r].source, false);
    csv_text(out, cell->published ? cell->published->table : "", false);
    csv_text(out, b->rows[r].modality, false);
    csv_text(out, cell->published ? cell->published->flag : "", true);
    out->failed |= statuses.failed;
    fm_buf_release(&statuses);
}

fm_status fm_board_csv(fm_buf *out, const fm_board *board, fm_err *err)
{
    fm_buf_puts(out, "model,kind,suite,task,protocol,metric,unit,value,ci_low,ci_high,n,place,"
                     "place_low,place_high,group,statuses,run,suite_version,protocol_version,"
                     "selection,data_sha256,prompt_sha256,prompt_file,source,table,modality,flag"
                     "\r\n");
    for (size_t r = 0; r < board->n_rows; r++)
        for (size_t c = 0; c < board->n_columns; c++)
            if (fm_board_at(board, r, c)->present)
                csv_line(out, board, r, c);
    return fm_buf_check(out, "the leaderboard", err);
}

/* ---- LaTeX ---- */

static void tex(fm_buf *out, const char *text)
{
    fm_text_for_latex(out, text, strlen(text));
}

static void tex_cell(fm_buf *out, const fm_board *b, size_t r, size_t c)
{
    const fm_board_cell *cell = fm_board_at(b, r, c);
    fm_board_words w;

    fm_board_say(b, r, c, &w);
    if (!cell->present)
        return;
    if (cell->place == 1)
        fm_buf_puts(out, "\\textbf{");
    fm_buf_puts(out, strcmp(w.value, DASH) == 0 ? "--" : w.value);
    if (cell->place == 1)
        fm_buf_putc(out, '}');
    if (cell->letters[0] || w.doubtful)
        fm_buf_printf(out, "\\textsuperscript{%s}", w.doubtful ? FM_BOARD_DOUBTFUL : cell->letters);
    if (w.interval[0])
        fm_buf_printf(out, " {\\footnotesize %s}", w.interval);
}

fm_status fm_board_latex(fm_buf *out, const fm_board *board, fm_err *err)
{
    bool published = false;
    const char *notes[FM_BOARD_NOTES];
    size_t n_notes = fm_board_notes(board, notes);

    fm_buf_puts(out, "\\begin{tabular}{l");
    for (size_t c = 0; c < board->n_columns; c++)
        fm_buf_putc(out, 'r');
    fm_buf_puts(out, "}\n\\hline\nmodel");
    for (size_t c = 0; c < board->n_columns; c++) {
        fm_buf_puts(out, " & ");
        tex(out, board->columns[c].label);
    }
    fm_buf_puts(out, " \\\\\n");
    for (size_t c = 0; c < board->n_columns; c++) {
        fm_buf_puts(out, " & ");
        tex(out, board->columns[c].metric);
        if (*fm_board_unit(&board->columns[c])) {
            fm_buf_puts(out, ", ");
            tex(out, fm_board_unit(&board->columns[c]));
        }
    }
    fm_buf_puts(out, " \\\\\n\\hline\n");
    for (size_t r = 0; r < board->n_rows; r++) {
        if (board->rows[r].source[0] && !published)
            fm_buf_puts(out, "\\hline\n");
        published |= board->rows[r].source[0] != '\0';
        tex(out, board->rows[r].name);
        if (board->rows[r].modality[0]) {
            fm_buf_puts(out, ", ");
            tex(out, board->rows[r].modality);
        }
        if (board->rows[r].source[0]) {
            fm_buf_puts(out, "\\textsuperscript{\\dag} {\\footnotesize ");
            tex(out, board->rows[r].source);
            fm_buf_putc(out, '}');
        }
        for (size_t c = 0; c < board->n_columns; c++) {
            fm_buf_puts(out, " & ");
            tex_cell(out, board, r, c);
        }
        fm_buf_puts(out, " \\\\\n");
    }
    fm_buf_puts(out, "\\hline\n\\end{tabular}\n");
    for (size_t i = 0; i < n_notes; i++) {
        fm_buf_puts(out, "% ");
        tex(out, notes[i]);
        fm_buf_putc(out, '\n');
    }
    return fm_buf_check(out, "the leaderboard", err);
}

/* ---- JSON ---- */

static void json_column(fm_json_writer *w, const fm_board_column *c)
{
    fm_json_open(w, NULL, '{');
    fm_json_put_string(w, "label", c->label);
    fm_json_put_string(w, "suite", c->suite);
    fm_json_put_string(w, "suite_version", c->suite_version);
    fm_json_put_string(w, "task", c->task);
    fm_json_put_string(w, "protocol", c->protocol);
    fm_json_put_int(w, "protocol_version", c->protocol_version);
    fm_json_put_string(w, "data_sha256", c->data_sha256);
    fm_json_put_string(w, "selection", *c->selection ? c->selection : NULL);
    fm_json_put_string(w, "metric", c->metric);
    fm_json_put_string(w, "tested_by", c->tested);
    fm_json_put_string(w, "role", c->rate ? "rate" : "mean");
    fm_json_put_string(w, "unit", c->unit);
    fm_json_put_int(w, "better", c->better);
    fm_json_put_int(w, "ranked", (int64_t)c->ranked);
    fm_json_put_int(w, "items", (int64_t)c->items);
    fm_json_put_int(w, "draws", (int64_t)c->draws);
    fm_json_put_bool(w, "different_prompts", c->prompts);
    fm_json_close(w, '}');
}

static void json_cell(fm_json_writer *w, const fm_board_cell *cell, size_t column)
{
    fm_json_open(w, NULL, '{');
    fm_json_put_int(w, "column", (int64_t)column);
    fm_json_put_number(w, "value", cell->value);
    if (cell->published) {
        const fm_published_row *p = cell->published;

        fm_json_put_string(w, "protocol", p->protocol);
        fm_json_put_string(w, "table", p->table);
        fm_json_put_string(w, "split", p->split);
        fm_json_put_string(w, "flag", p->flag);
    } else {
        fm_json_put_number(w, "ci_low", cell->low);
        fm_json_put_number(w, "ci_high", cell->high);
        if (cell->place) {
            fm_json_put_int(w, "place", (int64_t)cell->place);
            fm_json_put_int(w, "place_low", (int64_t)cell->places.low);
            fm_json_put_int(w, "place_high", (int64_t)cell->places.high);
            fm_json_put_string(w, "group", cell->letters);
        }
        fm_json_put_string(w, "run", cell->dir);
        fm_json_put_int(w, "n", (int64_t)fm_report_run_n(cell->run));
        fm_json_put_tree(w, "counts", fm_json_get(cell->run->results, "counts"));
        fm_json_put_string(w, "prompt_sha256", *cell->prompt_sha256 ? cell->prompt_sha256 : NULL);
        fm_json_put_string(w, "prompt_file", *cell->prompt_file ? cell->prompt_file : NULL);
        fm_json_put_string(w, "created", fm_json_string(cell->run->manifest, "created"));
    }
    fm_json_close(w, '}');
}

fm_status fm_board_json(fm_buf *out, const fm_board *board, fm_err *err)
{
    fm_json_writer w = {.out = out, .pretty = true};

    fm_json_open(&w, NULL, '{');
    fm_json_put_string(&w, "schema", "fathom.leaderboard/1");
    fm_json_open(&w, "columns", '[');
    for (size_t c = 0; c < board->n_columns; c++)
        json_column(&w, &board->columns[c]);
    fm_json_close(&w, ']');
    fm_json_open(&w, "rows", '[');
    for (size_t r = 0; r < board->n_rows; r++) {
        const fm_board_row *row = &board->rows[r];

        fm_json_open(&w, NULL, '{');
        fm_json_put_string(&w, "model", row->name);
        fm_json_put_string(&w, "kind",
                           row->source[0]    ? "published"
                           : row->sees_truth ? "baseline"
                                             : "run");
        if (row->source[0]) {
            fm_json_put_string(&w, "source", row->source);
            fm_json_put_string(&w, "modality", row->modality);
        }
        fm_json_open(&w, "cells", '[');
        for (size_t c = 0; c < board->n_columns; c++)
            if (fm_board_at(board, r, c)->present)
                json_cell(&w, fm_board_at(board, r, c), c);
        fm_json_close(&w, ']');
        fm_json_close(&w, '}');
    }
    fm_json_close(&w, ']');
    fm_json_close(&w, '}');
    fm_buf_putc(out, '\n');
    return fm_buf_check(out, "the leaderboard", err);
}
