/* Owns what is said while a run, a download or a making goes on. The terminal is terminal.c's. */
#include "progress.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/size.h"
#include "base/text.h"
#include "terminal.h"

#define SCHEMA       "fathom.progress/1"
#define FETCH_SCHEMA "fathom.fetch_progress/1"
#define REDRAW_S     0.1
#define PLAIN_LINE_S 10.0
#define MARK_S       0.75 /* sixteen marks: the rate is that of the last twelve seconds */
#define BAR_CELLS    30
#define BAR_LEAST    8

/* ---- numbers ---- */

static void mark(cli_pace *pace, double elapsed_s, double done)
{
    size_t most = FM_COUNT_OF(pace->marks), n = pace->n;

    if (n && elapsed_s - pace->marks[n - 1].at < MARK_S)
        return;
    if (n == most)
        memmove(pace->marks, pace->marks + 1, --n * sizeof(pace->marks[0]));
    pace->marks[n].at = elapsed_s;
    pace->marks[n].done = done;
    pace->n = n + 1;
}

/* Done a second: lately, since the pace changes; at the start, over all of it. 0: not known. */
static double rate_of(const cli_pace *pace, double elapsed_s, double done, double begun)
{
    double from_s = 0;

    if (pace->n == FM_COUNT_OF(pace->marks)) {
        from_s = pace->marks[0].at;
        begun = pace->marks[0].done;
    }
    double seconds = elapsed_s - from_s;
    return seconds > 0 && done > begun ? (done - begun) / seconds : 0;
}

static double rate_of_run(const cli_progress *progress, const fm_run_progress *state)
{
    return rate_of(&progress->pace, state->elapsed_s, (double)state->done, (double)state->resumed);
}

/* NaN: not known. */
static double left_of(const fm_run_progress *state, double rate)
{
    if (rate <= 0 || state->total <= state->done)
        return NAN;
    return (double)(state->total - state->done) / rate;
}

/* Attempts that had to be followed by another one. */
static size_t retries_of(const fm_run_progress *state)
{
    size_t settled = state->done - state->resumed;

    return state->attempts > settled ? state->attempts - settled : 0;
}

/* ---- the line ---- */

/* One thing that is said. Where the line is too narrow the least important go first. */
typedef struct {
    char text[48];
    int importance;
} piece;

typedef struct {
    piece items[12];
    size_t n;
} pieces;

static void add(pieces *all, int importance, const char *fmt, ...) FM_PRINTF(3, 4);

static void add(pieces *all, int importance, const char *fmt, ...)
{
    piece *p = &all->items[all->n++];
    va_list args;

    va_start(args, fmt);
    vsnprintf(p->text, sizeof(p->text), fmt, args);
    va_end(args);
    p->importance = importance;
}

static const char *duration(double seconds, char out[32])
{
    double s = floor(seconds + 0.5);

    if (s < 60)
        snprintf(out, 32, "%.0f s", s);
    else if (s < 3600)
        snprintf(out, 32, "%.0f min %02.0f s", floor(s / 60), fmod(s, 60));
    else
        snprintf(out, 32, "%.0f h %02.0f min", floor(s / 3600), floor(fmod(s, 3600) / 60));
    return out;
}

/* "120/1000  41.3/s  32 in flight  1 errored  2 retried  $0.0213  21 s left" */
static void collect(pieces *all, const cli_progress *progress, const fm_run_progress *state)
{
    double rate = rate_of_run(progress, state), left = left_of(state, rate);
    char text[32];

    if (state->total)
        add(all, 9, "%zu/%zu", state->done, state->total);
    else
        add(all, 9, "%zu", state->done);
    if (state->paused_s >= 1)
        add(all, 8, "waiting %s for the provider", duration(ceil(state->paused_s), text));
    else if (rate > 0 && state->total > state->done)
        add(all, 5, rate < 10 ? "%.1f/s" : "%.0f/s", rate);
    if (state->in_flight > 1)
        add(all, 4, "%zu in flight", state->in_flight);
    if (state->by_outcome[FM_OUTCOME_UNPARSED])
        add(all, 3, "%zu unparsed", state->by_outcome[FM_OUTCOME_UNPARSED]);
    if (state->by_outcome[FM_OUTCOME_ERRORED])
        add(all, 7, "%zu errored", state->by_outcome[FM_OUTCOME_ERRORED]);
    if (state->by_outcome[FM_OUTCOME_SKIPPED])
        add(all, 3, "%zu skipped", state->by_outcome[FM_OUTCOME_SKIPPED]);
    if (retries_of(state))
        add(all, 2, "%zu retried", retries_of(state));
    if (state->cached)
        add(all, 2, "%zu cached", state->cached);
    if (!isnan(state->cost))
        add(all, 6, "$%.*f", state->cost < 1 ? 4 : 2, state->cost);
    if (!isnan(left))
        add(all, 6, "%s left", duration(left, text));
}

static int columns_of(const pieces *all)
{
    int columns = 0;

    for (size_t i = 0; i < all->n; i++)
        columns += (int)fm_text_columns(all->items[i].text) + (i ? 2 : 0);
    return columns;
}

static void fit(pieces *all, int room)
{
    while (all->n > 1 && columns_of(all) > room) {
        size_t least = 0;

        for (size_t i = 0; i < all->n; i++)
            if (all->items[i].importance <= all->items[least].importance)
                least = i;
        memmove(&all->items[least], &all->items[least + 1],
                (all->n - least - 1) * sizeof(all->items[0]));
        all->n--;
    }
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

/* On a terminal it never reaches the last column: a line that wraps could not be drawn over. A line
 * that stays has no bar and leaves nothing out. share < 0: not known. */
static void put_line(fm_buf *out, const char *label, pieces *all, double share,
                     const cli_style *style, bool redrawn)
{
    int label_columns = (int)fm_text_columns(label) + 2;

    if (redrawn)
        fit(all, style->width - 1);
    int room = redrawn ? style->width - 1 - columns_of(all) : label_columns;
    if (label_columns <= room) {
        fm_text_for_terminal(out, label, strlen(label));
        fm_buf_puts(out, "  ");
        room -= label_columns;
    }
    int cells = room - 2 < BAR_CELLS ? room - 2 : BAR_CELLS;
    if (redrawn && share >= 0 && cells >= BAR_LEAST)
        put_bar(out, style, share, cells);
    for (size_t i = 0; i < all->n; i++)
        fm_buf_printf(out, "%s%s", i ? "  " : "", all->items[i].text);
}

static void put_json(fm_buf *out, const cli_progress *progress, const fm_run_progress *state)
{
    fm_json_writer w = {.out = out};
    double rate = rate_of_run(progress, state);

    fm_json_open(&w, NULL, '{');
    fm_json_put_string(&w, "schema", SCHEMA);
    fm_json_put_string(&w, "label", progress->label);
    fm_json_put_int(&w, "done", (int64_t)state->done);
    fm_json_put_int(&w, "total", (int64_t)state->total);
    fm_json_put_int(&w, "resumed", (int64_t)state->resumed);
    fm_json_put_int(&w, "scored", (int64_t)state->by_outcome[FM_OUTCOME_SCORED]);
    fm_json_put_int(&w, "unparsed", (int64_t)state->by_outcome[FM_OUTCOME_UNPARSED]);
    fm_json_put_int(&w, "errored", (int64_t)state->by_outcome[FM_OUTCOME_ERRORED]);
    fm_json_put_int(&w, "skipped", (int64_t)state->by_outcome[FM_OUTCOME_SKIPPED]);
    fm_json_put_int(&w, "attempts", (int64_t)state->attempts);
    fm_json_put_int(&w, "retried", (int64_t)retries_of(state));
    fm_json_put_int(&w, "cached", (int64_t)state->cached);
    fm_json_put_int(&w, "in_flight", (int64_t)state->in_flight);
    fm_json_put_int(&w, "waiting", (int64_t)state->waiting);
    fm_json_put_int(&w, "concurrency", state->concurrency);
    fm_json_put_number(&w, "paused_s", state->paused_s);
    fm_json_put_number(&w, "cost_usd", state->cost);
    fm_json_put_number(&w, "per_second", rate);
    fm_json_put_number(&w, "elapsed_s", state->elapsed_s);
    fm_json_put_number(&w, "left_s", left_of(state, rate));
    fm_json_close(&w, '}');
}

/* ---- when ---- */

static void print_line(const fm_buf *line, bool redrawn)
{
    if (redrawn)
        cli_line_draw(line);
    else
        cli_line_print(line);
}

static void print(const cli_progress *progress, const fm_run_progress *state,
                  const cli_style *style, bool redrawn)
{
    double share = state->total ? (double)state->done / (double)state->total : -1;
    fm_buf line = {0};
    pieces all = {0};

    collect(&all, progress, state);
    if (progress->json)
        put_json(&line, progress, state);
    else
        put_line(&line, progress->label, &all, share, style, redrawn);
    print_line(&line, redrawn);
    fm_buf_release(&line);
}

/* Whether a line is due. Little is asked of the terminal: this comes with every reply. */
static bool is_due(cli_rhythm *rhythm, bool json, bool last, cli_style *style, bool *redrawn)
{
    double now = fm_clock_seconds();

    if (rhythm->begun && now - rhythm->drawn_at < REDRAW_S && !last)
        return false;
    *style = cli_style_for(stderr);
    *redrawn = style->terminal && !json;
    /* The first plain line waits as well: what is short needs none. */
    bool due = *redrawn || now - rhythm->drawn_at >= PLAIN_LINE_S;

    if (!rhythm->begun) {
        rhythm->drawn_at = now;
        due = *redrawn || json;
    }
    rhythm->begun = true;
    if (due)
        rhythm->drawn_at = now;
    return due;
}

void cli_progress_show(void *context, const fm_run_progress *state)
{
    cli_progress *progress = context;
    bool last = state->total && state->done == state->total, redrawn;
    cli_style style;

    mark(&progress->pace, state->elapsed_s, (double)state->done);
    progress->latest = *state;
    if (is_due(&progress->rhythm, progress->json, last, &style, &redrawn))
        print(progress, state, &style, redrawn);
}

void cli_progress_tell(cli_progress *progress, const fm_run_progress *state)
{
    cli_style style = cli_style_for(stderr);

    print(progress, state, &style, false);
}

void cli_progress_end(cli_progress *progress)
{
    cli_line_clear();
    if (progress->json && progress->rhythm.begun)
        cli_progress_tell(progress, &progress->latest);
}

/* ---- downloads ---- */

/* "3/14 files  120.5 MiB of 812.0 MiB  14.2 MiB/s  49 s left" */
static void collect_fetch(pieces *all, const cli_fetch_progress *progress,
                          const fm_hub_progress *state)
{
    double rate = rate_of(&progress->pace, state->elapsed_s, (double)state->done_bytes,
                          (double)state->begun_bytes);
    double left = rate > 0 ? ((double)state->bytes - (double)state->done_bytes) / rate : 0;
    fm_buf amount = {0}, pace = {0};
    char text[32];

    cli_put_size(&amount, state->done_bytes);
    fm_buf_puts(&amount, " of ");
    cli_put_size(&amount, state->bytes);
    cli_put_size(&pace, (uint64_t)rate);
    add(all, 7, "%zu/%zu files", state->done, state->files);
    add(all, 9, "%s", fm_buf_text(&amount));
    if (state->waiting_s >= 1)
        add(all, 6, "again in %s", duration(ceil(state->waiting_s), text));
    else if (state->elsewhere && !state->in_flight)
        add(all, 6, "waiting for another process");
    else if (rate > 0)
        add(all, 5, "%s/s", fm_buf_text(&pace));
    if (left >= 1)
        add(all, 6, "%s left", duration(left, text));
    fm_buf_release(&amount);
    fm_buf_release(&pace);
}

static void put_fetch_json(fm_buf *out, const cli_fetch_progress *progress,
                           const fm_hub_progress *state)
{
    fm_json_writer w = {.out = out};

    fm_json_open(&w, NULL, '{');
    fm_json_put_string(&w, "schema", FETCH_SCHEMA);
    fm_json_put_string(&w, "label", progress->label);
    fm_json_put_int(&w, "files", (int64_t)state->files);
    fm_json_put_int(&w, "done", (int64_t)state->done);
    fm_json_put_int(&w, "bytes", (int64_t)state->bytes);
    fm_json_put_int(&w, "done_bytes", (int64_t)state->done_bytes);
    fm_json_put_int(&w, "begun_bytes", (int64_t)state->begun_bytes);
    fm_json_put_int(&w, "in_flight", (int64_t)state->in_flight);
    fm_json_put_number(&w, "elapsed_s", state->elapsed_s);
    fm_json_close(&w, '}');
}

void cli_fetch_progress_show(void *context, const fm_hub_progress *state)
{
    cli_fetch_progress *progress = context;
    double share = state->bytes ? (double)state->done_bytes / (double)state->bytes : -1;
    bool redrawn;
    cli_style style;
    fm_buf line = {0};
    pieces all = {0};

    mark(&progress->pace, state->elapsed_s, (double)state->done_bytes);
    if (!is_due(&progress->rhythm, progress->json, state->done == state->files, &style, &redrawn))
        return;
    collect_fetch(&all, progress, state);
    if (progress->json)
        put_fetch_json(&line, progress, state);
    else
        put_line(&line, progress->label, &all, share, &style, redrawn);
    print_line(&line, redrawn);
    fm_buf_release(&line);
}

/* ---- files that are made ---- */

void cli_amount_progress_show(void *context, uint64_t done_bytes, uint64_t all_bytes)
{
    cli_amount_progress *progress = context;
    double now = fm_clock_seconds();
    fm_buf line = {0}, amount = {0};
    pieces all = {0};
    bool redrawn;
    cli_style style;
    char text[32];

    if (!progress->rhythm.begun)
        progress->begun_at = now;
    mark(&progress->pace, now - progress->begun_at, (double)done_bytes);
    if (!is_due(&progress->rhythm, false, false, &style, &redrawn))
        return;
    double rate = rate_of(&progress->pace, now - progress->begun_at, (double)done_bytes, 0);
    double left = rate > 0 ? (double)(all_bytes - done_bytes) / rate : 0;
    cli_put_size(&amount, done_bytes);
    fm_buf_puts(&amount, " of ");
    cli_put_size(&amount, all_bytes);
    add(&all, 9, "%s", fm_buf_text(&amount));
    if (left >= 1)
        add(&all, 6, "%s left", duration(left, text));
    put_line(&line, progress->label, &all, (double)done_bytes / (double)all_bytes, &style, redrawn);
    print_line(&line, redrawn);
    fm_buf_release(&line);
    fm_buf_release(&amount);
}

/* ---- trainings ---- */

static double reward_of(const tr_report *report)
{
    const tr_earned *e = &report->earned;

    return e->replies > 0 ? e->reward / (double)e->replies : 0;
}

/* What a step tells of itself: its loss, or what its replies earned. */
static void collect_step(pieces *all, const cli_train_progress *progress, const tr_progress *state)
{
    const tr_losses *losses = &state->report.losses;
    const tr_earned *earned = &state->report.earned;

    if (earned->replies > 0) {
        add(all, 8, "reward %.3f", reward_of(&state->report));
        add(all, 4, "%.0f tokens a reply", (double)earned->tokens / (double)earned->replies);
        add(all, 5, "kl %.4f", losses->kl);
    } else {
        if (losses->n_tokens > 0)
            add(all, 8, "loss %.3f", losses->token);
        else
            add(all, 8, "loss of places %.3f", losses->place);
        if (losses->n_tokens > 0)
            add(all, 4, "%.0f %% right", 100 * (double)losses->n_right / (double)losses->n_tokens);
    }
    if (progress->judged)
        add(all, 6, "held out %.3f", progress->held_out);
    if (state->seconds > 0 && state->questions > 0)
        add(all, 3, "%.0f %s/s", (double)state->questions / state->seconds,
            earned->replies > 0 ? "replies" : "questions");
}

void cli_train_progress_show(void *context, const tr_progress *state)
{
    cli_train_progress *progress = context;
    fm_buf line = {0};
    pieces all = {0};
    bool redrawn;
    cli_style style;
    char text[32];

    if (!progress->rhythm.begun)
        progress->begun_with = state->step - 1;
    if (state->judged) {
        progress->judged = true;
        progress->held_out = state->held_out.earned.replies > 0 ? reward_of(&state->held_out)
                                                                : state->held_out.losses.token;
    }
    mark(&progress->pace, state->seconds, (double)state->step);
    if (!is_due(&progress->rhythm, false, state->step == state->steps, &style, &redrawn))
        return;
    double rate =
        rate_of(&progress->pace, state->seconds, (double)state->step, (double)progress->begun_with);
    add(&all, 9, "%llu/%llu", (unsigned long long)state->step, (unsigned long long)state->steps);
    collect_step(&all, progress, state);
    if (rate > 0 && state->step < state->steps)
        add(&all, 7, "%s left", duration((double)(state->steps - state->step) / rate, text));
    put_line(&line, progress->label, &all, (double)state->step / (double)state->steps, &style,
             redrawn);
    print_line(&line, redrawn);
    fm_buf_release(&line);
}
