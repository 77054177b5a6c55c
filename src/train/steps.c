/* Owns the columns of steps.tsv. */
#include "train/steps.h"

#include <math.h>
#include <stdlib.h>

#include "base/files.h"
#include "base/size.h"

/* ---- columns ---- */

static double share(size_t part, size_t whole)
{
    return whole > 0 ? (double)part / (double)whole : NAN;
}

static double term(const tr_earned *e, int which)
{
    return e->judged[which] > 0 ? e->terms[which] / (double)e->judged[which] : NAN;
}

static double reward(const tr_earned *e)
{
    return e->replies > 0 ? e->reward / (double)e->replies : NAN;
}

#define COLUMN(name, expression)                                                                   \
    static double name(const tr_report *r)                                                         \
    {                                                                                              \
        return expression;                                                                         \
    }
COLUMN(questions, (double)r->questions)
COLUMN(token, r->losses.n_tokens > 0 ? r->losses.token : NAN)
COLUMN(right, share(r->losses.n_right, r->losses.n_tokens))
COLUMN(scale, r->losses.scale)
COLUMN(kind, r->losses.kind)
COLUMN(place, r->losses.place)
COLUMN(kinds_right, share(r->losses.n_kinds_right, r->losses.n_shown))
COLUMN(colours_right, share(r->losses.n_colours_right, r->losses.n_shown))
COLUMN(digits_right, share(r->losses.n_digits_right, r->losses.n_digits))
COLUMN(digit, r->losses.digit)
COLUMN(code, r->losses.code)
COLUMN(rate, r->rate)
COLUMN(norm, r->norm)
COLUMN(replies, (double)r->earned.replies)
COLUMN(mean_reward, reward(&r->earned))
COLUMN(r_of, term(&r->earned, TR_R_OF))
COLUMN(r_p, term(&r->earned, TR_R_P))
COLUMN(r_t, term(&r->earned, TR_R_T))
COLUMN(r_a, term(&r->earned, TR_R_A))
COLUMN(r_pf, term(&r->earned, TR_R_PF))
COLUMN(r_acc, term(&r->earned, TR_R_ACC))
COLUMN(level, share(r->earned.level, r->earned.groups))
COLUMN(ended, share(r->earned.ended, r->earned.replies))
COLUMN(length, share(r->earned.tokens, r->earned.replies))
COLUMN(kl, r->losses.kl)
COLUMN(clipped, share(r->losses.n_clipped, r->losses.n_tokens))

enum { IN_POWERS = -1 }; /* 1.234e-05 */

typedef struct {
    const char *name;
    int decimals;
    double (*value)(const tr_report *report);
    bool held_out; /* of what was judged, where something was */
} column;

/* Of a training by given answers, and of one by rewards. */
static const column columns[2][20] = {
    {{"questions", 0, questions, false},
     {"token", 5, token, false},
     {"right", 4, right, false},
     {"scale", 5, scale, false},
     {"kind", 5, kind, false},
     {"place", 5, place, false},
     {"digit", 5, digit, false},
     {"code", 5, code, false},
     {"kinds_right", 4, kinds_right, false},
     {"colours_right", 4, colours_right, false},
     {"digits_right", 4, digits_right, false},
     {"rate", IN_POWERS, rate, false},
     {"norm", 4, norm, false},
     {"held_out_token", 5, token, true},
     {"held_out_right", 4, right, true},
     {"held_out_place", 5, place, true},
     {"held_out_kinds_right", 4, kinds_right, true},
     {"held_out_colours_right", 4, colours_right, true},
     {"held_out_digits_right", 4, digits_right, true}},
    {{"replies", 0, replies, false},
     {"reward", 5, mean_reward, false},
     {"r_of", 4, r_of, false},
     {"r_p", 4, r_p, false},
     {"r_t", 4, r_t, false},
     {"r_a", 4, r_a, false},
     {"r_pf", 4, r_pf, false},
     {"r_acc", 4, r_acc, false},
     {"level", 4, level, false},
     {"ended", 4, ended, false},
     {"length", 2, length, false},
     {"loss", 5, token, false},
     {"kl", 6, kl, false},
     {"clipped", 4, clipped, false},
     {"scale", 5, scale, false},
     {"rate", IN_POWERS, rate, false},
     {"norm", 4, norm, false},
     {"held_out_reward", 5, mean_reward, true},
     {"held_out_ended", 4, ended, true}},
};

static const column *column_at(bool rewarded, size_t i)
{
    const column *c = i < FM_COUNT_OF(columns[0]) ? &columns[rewarded][i] : NULL;

    return c && c->name ? c : NULL;
}

/* ---- the file ---- */

static fm_status begin(const char *path, bool rewarded, fm_err *err)
{
    fm_buf head = {0};
    const column *c;

    fm_buf_puts(&head, "step");
    for (size_t i = 0; (c = column_at(rewarded, i)); i++)
        fm_buf_printf(&head, "\t%s", c->name);
    fm_buf_putc(&head, '\n');
    fm_status st = fm_buf_check(&head, path, err);
    if (st == FM_OK)
        st = fm_file_write_atomic(path, head.data, head.size, err);
    fm_buf_release(&head);
    return st;
}

/* Rows of steps that the checkpoint does not have are of a run that went on past it: they are left
 * out, and come again. */
static fm_status trim(const char *path, uint64_t step, fm_err *err)
{
    fm_buf kept = {0};
    fm_lines lines = {0};
    bool more = true;
    fm_status st = fm_lines_open(&lines, path, 4096, err);

    while (st == FM_OK) {
        st = fm_lines_next(&lines, &more, err);
        if (st != FM_OK || !more)
            break;
        if (lines.number == 1 || (!lines.torn && strtoull(lines.line, NULL, 10) <= step)) {
            fm_buf_append(&kept, lines.line, lines.size);
            fm_buf_putc(&kept, '\n');
        }
    }
    fm_lines_close(&lines);
    if (st == FM_OK)
        st = fm_buf_check(&kept, path, err);
    if (st == FM_OK)
        st = fm_file_write_atomic(path, kept.data, kept.size, err);
    fm_buf_release(&kept);
    return st;
}

fm_status tr_steps_open(tr_steps *out, const char *path, uint64_t step, bool rewarded, fm_err *err)
{
    fm_status st =
        fm_file_exists(path) && step > 0 ? trim(path, step, err) : begin(path, rewarded, err);
    FILE *file = st == FM_OK ? fopen(path, "a") : NULL;

    if (st == FM_OK && !file)
        st = fm_fail(err, FM_E_IO, "cannot write '%s'", path);
    if (st == FM_OK)
        *out = (tr_steps){file, rewarded};
    return st;
}

/* What is not known has an empty cell; before the first step that is all but what was judged. */
fm_status tr_steps_put(const tr_steps *steps, const tr_progress *state, fm_err *err)
{
    const column *c;

    fprintf(steps->file, "%llu", (unsigned long long)state->step);
    for (size_t i = 0; (c = column_at(steps->rewarded, i)); i++) {
        bool known = c->held_out ? state->judged : state->step > 0;
        double value = known ? c->value(c->held_out ? &state->held_out : &state->report) : NAN;

        fputc('\t', steps->file);
        if (isnan(value))
            continue;
        if (c->decimals == IN_POWERS)
            fprintf(steps->file, "%.3e", value);
        else
            fprintf(steps->file, "%.*f", c->decimals, value);
    }
    fputc('\n', steps->file);
    return fflush(steps->file) == 0 ? FM_OK
                                    : fm_fail(err, FM_E_IO, "cannot write the log of steps");
}

fm_status tr_steps_close(tr_steps *steps, fm_err *err)
{
    FILE *file = steps->file;

    steps->file = NULL;
    return !file || fclose(file) == 0 ? FM_OK
                                      : fm_fail(err, FM_E_IO, "cannot write the log of steps");
}
