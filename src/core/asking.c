/* Owns the samples that are open: drawn, sent, waiting for another attempt, until each is settled.
 * How fast is core/pace.h's business, what a failure means the adapter's. */
#include "core/asking.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/size.h"
#include "core/prompt.h"

static const double progress_every_s = 0.05; /* at least ten times a second, a wait included */
static const double longest_wait_s = 0.05;   /* so long a stop may go unnoticed */

enum {
    ARRIVALS = 64,
    REFUSED = 5, /* samples in a row, after a first reply: the key was revoked, or the model went */
    UNREACHABLE = 3, /* samples that found no server before any reply: there is none */
};

/* One open sample. Slots are reused, the last one freed first, so that few of them are ever warm. */
typedef struct {
    fm_request request;
    fm_camera camera;
    fm_buf strings;      /* what the request points into */
    const char **images; /* likewise */
    size_t images_capacity;
    const fm_sample *truth; /* NULL but for adapters that see it */
    uint64_t ticket;        /* 0: not in flight */
    int attempt, empty;     /* attempts made, empty replies among them */
    double ready_s;         /* its turn came: drawn, or the attempt before ended */
    double due_s;           /* waiting: not before */
    double first_sent_s, sent_s;
    double tokens; /* as which the attempt in flight counts */
} slot;

/* Why nothing new is asked. */
typedef enum { GOING, STOPPED, DRAINING, ABANDONING } halt;

typedef struct {
    const fm_asking *asking;
    const fm_run_options *options;
    fm_run_progress *progress;
    fm_pace pace;
    fm_buf prompt;

    slot *slots;
    size_t n_slots;
    size_t *free_slots, n_free;
    size_t *heap, n_waiting; /* slots that wait, the earliest due first */
    size_t n_flying;
    bool drained; /* no more samples to draw */

    halt halt;
    fm_status why; /* with `message`, once halted for a reason */
    fm_err message;

    uint64_t tickets;
    size_t replies, errored, unreachable; /* of this session */
    size_t refused;                       /* hopeless attempts since the last reply */
    double known_tokens, known_cost;      /* of the replies of this session that stated usage */
    size_t with_usage;
    double earliest_deadline_s;
    double started_s, shown_s;
} loop;

/* ---- time ---- */

static double now_of(const loop *l)
{
    const fm_asking_clock *clock = l->asking->clock;

    return clock ? clock->now_s(clock->context) : fm_clock_seconds();
}

static void sleep_for(const loop *l, double seconds)
{
    const fm_asking_clock *clock = l->asking->clock;
    struct timespec t = {(time_t)seconds, (long)((seconds - floor(seconds)) * 1e9)};

    if (clock)
        clock->sleep(clock->context, seconds);
    else
        nanosleep(&t, NULL); /* a signal may end it: the caller looks again */
}

/* ---- requests ---- */

fm_request fm_asking_request(const fm_task *task, const fm_selected *selected, const char *prompt)
{
    const fm_sample *sample = selected->sample;

    return (fm_request){.id = sample->id,
                        .task = task->name,
                        .kind = task->kind,
                        .prompt = prompt,
                        .image_path = sample->image_path,
                        .depth_path = sample->depth_path,
                        .more_images = sample->more_images,
                        .n_more_images = sample->n_more_images,
                        .camera = sample->has_camera ? &sample->camera : NULL,
                        .repeat = selected->repeat};
}

static bool reserve_images(slot *s, size_t n)
{
    const char **grown;

    if (n <= s->images_capacity)
        return true;
    grown = realloc(s->images, n * sizeof(*grown));
    if (!grown)
        return false;
    s->images = grown;
    s->images_capacity = n;
    return true;
}

/* The request outlives the sample: its texts and its camera move into the slot. */
static fm_status keep_request(slot *s, const fm_request *request, fm_err *err)
{
    const char **fields[] = {&s->request.id, &s->request.prompt, &s->request.image_path,
                             &s->request.depth_path};
    size_t sizes[FM_COUNT_OF(fields)] = {0};

    s->request = *request;
    fm_buf_clear(&s->strings);
    for (size_t i = 0; i < FM_COUNT_OF(fields); i++)
        if (*fields[i])
            fm_buf_append(&s->strings, *fields[i], sizes[i] = strlen(*fields[i]) + 1);
    for (size_t i = 0; i < request->n_more_images; i++)
        fm_buf_append(&s->strings, request->more_images[i], strlen(request->more_images[i]) + 1);
    if (!reserve_images(s, request->n_more_images))
        return fm_fail(err, FM_E_NOMEM, "no memory for a request");
    fm_status st = fm_buf_check(&s->strings, "a request", err);
    if (st != FM_OK)
        return st;
    const char *at = s->strings.data;
    for (size_t i = 0; i < FM_COUNT_OF(fields); at += sizes[i++])
        *fields[i] = sizes[i] ? at : NULL;
    for (size_t i = 0; i < request->n_more_images; at += strlen(at) + 1)
        s->images[i++] = at;
    s->request.more_images = s->images;
    if (request->camera) {
        s->camera = *request->camera;
        s->request.camera = &s->camera;
    }
    return FM_OK;
}

/* ---- the heap of those that wait ---- */

static bool earlier(const loop *l, size_t a, size_t b)
{
    return l->slots[l->heap[a]].due_s < l->slots[l->heap[b]].due_s;
}

static void swap(loop *l, size_t a, size_t b)
{
    size_t kept = l->heap[a];

    l->heap[a] = l->heap[b];
    l->heap[b] = kept;
}

static void put_waiting(loop *l, size_t index, double due_s)
{
    size_t at = l->n_waiting++;

    l->slots[index].due_s = due_s;
    l->heap[at] = index;
    for (; at > 0 && earlier(l, at, (at - 1) / 2); at = (at - 1) / 2)
        swap(l, at, (at - 1) / 2);
}

static size_t take_waiting(loop *l)
{
    size_t first = l->heap[0];

    l->heap[0] = l->heap[--l->n_waiting];
    for (size_t at = 0, child; (child = 2 * at + 1) < l->n_waiting; at = child) {
        if (child + 1 < l->n_waiting && earlier(l, child + 1, child))
            child++;
        if (!earlier(l, child, at))
            break;
        swap(l, child, at);
    }
    return first;
}

/* ---- why it ends ---- */

static void end_asking(loop *l, halt how, fm_status why, const char *format, ...) FM_PRINTF(4, 5);

static void end_asking(loop *l, halt how, fm_status why, const char *format, ...)
{
    char text[FM_ERR_TEXT_BYTES];
    va_list args;

    if (l->why != FM_OK) /* the first reason is the one to tell */
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    l->halt = how;
    l->why = fm_fail(&l->message, why, "%s", text);
}

/* The provider's words, or at least the status. */
static const char *words(const fm_reply *reply)
{
    return reply->detail ? reply->detail : fm_sample_status_meaning(reply->status);
}

static double errors_allowed(const loop *l)
{
    const fm_error_budget *budget = &l->options->max_errors;

    switch (budget->kind) {
    case FM_ERRORS_COUNT:
        return budget->most;
    case FM_ERRORS_SHARE:
        return budget->most * (double)l->progress->total;
    case FM_ERRORS_ANY:
        break;
    }
    return INFINITY;
}

static void consider_errors(loop *l, const fm_reply *reply)
{
    bool unreached = reply->status == FM_SAMPLE_API_ERROR && reply->http_status == 0 &&
                     reply->retry == FM_RETRY_TRANSIENT;

    l->errored++;
    snprintf(l->progress->error, sizeof(l->progress->error), "%s", words(reply));
    l->unreachable += unreached;
    l->refused += reply->retry == FM_RETRY_HOPELESS;
    if (l->replies == 0 && reply->retry == FM_RETRY_HOPELESS)
        end_asking(l, ABANDONING, FM_E_USAGE, "no sample was answered: %s", words(reply));
    else if (l->refused >= REFUSED)
        end_asking(l, DRAINING, FM_E_INCOMPLETE,
                   "the provider refused %zu samples in a row; the same command goes on from here: "
                   "%s",
                   l->refused, words(reply));
    else if (l->replies == 0 && unreached && l->unreachable >= UNREACHABLE)
        end_asking(l, ABANDONING, FM_E_USAGE, "no sample was answered, %zu were tried: %s",
                   l->unreachable, words(reply));
    else if ((double)l->errored > errors_allowed(l))
        end_asking(l, DRAINING, FM_E_INCOMPLETE,
                   "%zu samples ended in errors, more than the error budget allows; the same "
                   "command asks them again and goes on; the last: %s",
                   l->errored, words(reply));
}

static void settle(loop *l, size_t index, const fm_reply *reply)
{
    fm_outcome outcome = fm_sample_status_outcome(reply->status);

    l->free_slots[l->n_free++] = index;
    l->progress->done++;
    l->progress->by_outcome[outcome]++;
    if (fm_pace_exhausted(&l->pace, reply))
        end_asking(l, DRAINING, FM_E_INCOMPLETE,
                   "the provider gives no more for now; the same command goes on from here: %s",
                   words(reply));
    if (outcome == FM_OUTCOME_ERRORED)
        consider_errors(l, reply);
}

/* ---- sending ---- */

/* The next sample that is not settled, into a slot. */
static fm_status draw(loop *l, size_t *index, bool *drawn, fm_err *err)
{
    const fm_asking *a = l->asking;
    fm_selected selected;

    *drawn = false;
    while (!l->drained) {
        bool more = false;
        fm_status st = a->next(a->context, &selected, &more, err);

        if (st != FM_OK)
            return st;
        l->drained = !more;
        if (!more || fm_journal_settled(a->journal, selected.sample->id))
            continue;
        st = fm_prompt_fill(a->prompt, selected.sample, &l->prompt, err);
        if (st != FM_OK)
            return st;
        fm_request request = fm_asking_request(a->task, &selected, fm_buf_text(&l->prompt));
        slot *s = &l->slots[ *index = l->free_slots[l->n_free - 1]];
        st = keep_request(s, &request, err);
        if (st != FM_OK)
            return st;
        l->n_free--;
        s->truth = a->sees_truth ? selected.sample : NULL;
        s->attempt = s->empty = 0;
        s->ready_s = s->due_s = now_of(l);
        *drawn = true;
        return FM_OK;
    }
    return FM_OK;
}

/* As how many tokens a request counts before its reply is there: as those before it took. */
static double expected_tokens(const loop *l)
{
    return l->with_usage ? l->known_tokens / (double)l->with_usage : 0;
}

static fm_status submit(loop *l, size_t index, fm_err *err)
{
    slot *s = &l->slots[index];
    uint64_t ticket = ++l->tickets * l->n_slots + index;

    s->sent_s = now_of(l);
    if (s->attempt++ == 0)
        s->first_sent_s = s->sent_s;
    s->tokens = expected_tokens(l);
    s->ticket = ticket;
    fm_pace_sent(&l->pace, s->sent_s, s->tokens);
    l->earliest_deadline_s =
        fmin(l->earliest_deadline_s, s->first_sent_s + l->pace.limits.sample_timeout_s);
    l->n_flying++;
    fm_status st = fm_adapter_submit(l->asking->adapter, &s->request, s->truth, ticket, err);
    return st == FM_OK ? st : fm_fail_within(err, st, "sample '%s'", s->request.id);
}

/* Whether one more, with what is in flight, stays below the cap, all of them costing what those before
 * did. */
static bool can_afford(const loop *l)
{
    double most = l->options->max_cost, spent = fm_usage_cost(fm_journal_usage(l->asking->journal));
    double each = l->with_usage ? l->known_cost / (double)l->with_usage : 0;

    return most == 0 || (isnan(spent) ? 0 : spent) + each * (double)(l->n_flying + 1) <= most;
}

/* Nothing in flight could still turn out cheaper: where a sample is left, it is the end. */
static fm_status consider_cost(loop *l, fm_err *err)
{
    bool drawn = l->n_waiting > 0;
    size_t index = 0;
    fm_status st = FM_OK;

    if (l->n_flying)
        return FM_OK;
    if (!drawn) {
        st = draw(l, &index, &drawn, err);
        if (drawn)
            put_waiting(l, index, now_of(l));
    }
    if (drawn)
        end_asking(l, DRAINING, FM_E_INCOMPLETE,
                   "one more sample would pass the cost cap of %g; what is answered is kept, a "
                   "higher cap goes on from here",
                   l->options->max_cost);
    return st;
}

/* Whether another sample may be begun. Until one was answered, those that wait come first: a server
 * that is not there need not be asked for all of them. */
static bool may_draw(const loop *l)
{
    return !l->drained && l->n_free > 0 && (l->replies > 0 || l->n_waiting == 0);
}

/* One request, of a sample that waited or of a new one. *sent false: there is none to send. */
static fm_status send_one(loop *l, bool due, bool *sent, fm_err *err)
{
    size_t index = 0;
    fm_status st = FM_OK;

    if (due)
        index = take_waiting(l);
    else
        st = draw(l, &index, sent, err);
    *sent = st == FM_OK && (due || *sent);
    return *sent ? submit(l, index, err) : st;
}

/* Send what may be sent now. *wait_s: until more may be by the passing of time alone. */
static fm_status send_all(loop *l, double *wait_s, fm_err *err)
{
    bool sent = true;
    fm_status st = FM_OK;

    while (st == FM_OK && sent && fm_adapter_room(l->asking->adapter) > 0) {
        double now_s = now_of(l), pause_s;
        bool due = l->n_waiting && l->slots[l->heap[0]].due_s <= now_s;

        if (!due && !may_draw(l))
            break;
        if (!can_afford(l))
            return consider_cost(l, err);
        if (!fm_pace_may_send(&l->pace, now_s, l->n_flying, expected_tokens(l), &pause_s)) {
            *wait_s = pause_s;
            return FM_OK;
        }
        st = send_one(l, due, &sent, err);
    }
    if (l->n_waiting)
        *wait_s = fmax(0, l->slots[l->heap[0]].due_s - now_of(l));
    return st;
}

/* ---- replies ---- */

/* What an attempt's end means for its sample. */
static void conclude(loop *l, size_t index, double now_s, const fm_reply *reply)
{
    slot *s = &l->slots[index];
    const fm_pace_limits *limits = &l->pace.limits;

    s->empty += reply->status == FM_SAMPLE_EMPTY;
    double after_s = fm_pace_retry_after(&l->pace, s->attempt, s->empty, reply);
    bool in_time = limits->sample_timeout_s == 0 ||
                   now_s + after_s < s->first_sent_s + limits->sample_timeout_s;
    if (after_s < 0 || !in_time) {
        settle(l, index, reply);
        return;
    }
    s->ready_s = now_s;
    put_waiting(l, index, now_s + after_s);
}

static void count_reply(loop *l, const fm_reply *reply, double cost)
{
    const fm_usage *u = &reply->usage;
    fm_outcome outcome = fm_sample_status_outcome(reply->status);

    l->progress->attempts++;
    l->progress->cached += reply->cached;
    if (outcome == FM_OUTCOME_SCORED || outcome == FM_OUTCOME_UNPARSED ||
        reply->status == FM_SAMPLE_BLOCKED) {
        l->replies++;
        l->refused = 0;
    }
    if (!u->stated || reply->cached)
        return;
    l->with_usage++;
    l->known_cost += isnan(cost) ? 0 : cost;
    l->known_tokens += (double)(u->input_tokens + u->output_tokens + u->thought_tokens);
}

/* What an attempt cost; NaN: nobody can tell. */
static double cost_of(const fm_prices *prices, const fm_reply *reply)
{
    const fm_usage *u = &reply->usage;
    double cached_price = prices->cached_input > 0 ? prices->cached_input : prices->input;

    if (prices->input == 0 && prices->output == 0)
        return NAN;
    if (reply->cached)
        return 0;
    if (!u->stated)
        return NAN;
    return ((double)(u->input_tokens - u->cached_tokens) * prices->input +
            (double)u->cached_tokens * cached_price +
            (double)(u->output_tokens + u->thought_tokens) * prices->output) /
           1e6;
}

/* A cap on the cost of what nobody knows the cost of would be no cap. */
static void consider_unknown_cost(loop *l, const fm_reply *reply, double cost)
{
    if (l->options->max_cost > 0 && isnan(cost) &&
        fm_sample_status_outcome(reply->status) != FM_OUTCOME_ERRORED)
        end_asking(l, DRAINING, FM_E_USAGE,
                   "the replies state no tokens, so that no cap on their cost can be kept");
}

static fm_status take_reply(loop *l, size_t index, const fm_reply *given, fm_err *err)
{
    slot *s = &l->slots[index];
    fm_reply fits = *given;
    const fm_reply *reply = &fits;
    double now_s = now_of(l), cost = cost_of(&l->options->prices, given);

    if (given->size > FM_JOURNAL_REPLY_BYTES) {
        fits.status = FM_SAMPLE_API_ERROR;
        fits.text = NULL;
        fits.size = 0;
        fits.detail = "the reply is longer than a reply may be";
    }
    if (fm_pace_exhausted(&l->pace, given)) /* whatever it was called: it will not come back soon */
        fits.status = FM_SAMPLE_QUOTA;
    fm_attempt attempt = {.reply = reply, .cost = cost, .queue_s = s->sent_s - s->ready_s};
    fm_status st = fm_journal_append(l->asking->journal, s->request.id, &attempt, err);
    s->ticket = 0;
    l->n_flying--;
    if (st != FM_OK)
        return st;
    count_reply(l, reply, cost);
    consider_unknown_cost(l, reply, cost);
    fm_pace_arrived(&l->pace, now_s, s->sent_s, s->tokens, reply);
    conclude(l, index, now_s, reply);
    return FM_OK;
}

static fm_status take_arrivals(loop *l, double wait_s, fm_err *err)
{
    fm_arrival arrivals[ARRIVALS];
    size_t n = 0;
    fm_status st = fm_adapter_poll(l->asking->adapter, wait_s, arrivals, ARRIVALS, &n, err);

    for (size_t i = 0; st == FM_OK && i < n; i++)
        st = take_reply(l, arrivals[i].ticket % l->n_slots, &arrivals[i].reply, err);
    return st;
}

/* Samples whose time is over. */
static fm_status expire(loop *l, fm_err *err)
{
    double limit_s = l->pace.limits.sample_timeout_s, now_s = now_of(l);
    char detail[96];
    fm_status st = FM_OK;

    if (limit_s == 0 || now_s < l->earliest_deadline_s)
        return FM_OK;
    l->earliest_deadline_s = INFINITY;
    snprintf(detail, sizeof(detail), "no reply within the %g s that a sample may take", limit_s);
    for (size_t i = 0; st == FM_OK && i < l->n_slots; i++) {
        slot *s = &l->slots[i];
        double deadline_s = s->first_sent_s + limit_s;

        if (s->ticket == 0)
            continue;
        if (now_s < deadline_s) {
            l->earliest_deadline_s = fmin(l->earliest_deadline_s, deadline_s);
            continue;
        }
        fm_adapter_abandon(l->asking->adapter, s->ticket);
        st = take_reply(l, i,
                        &(fm_reply){.status = FM_SAMPLE_TIMEOUT,
                                    .detail = detail,
                                    .latency_s = now_s - s->sent_s},
                        err);
    }
    return st;
}

/* ---- the loop ---- */

static void show_progress(loop *l, bool always)
{
    fm_run_progress *p = l->progress;
    double now_s = now_of(l);

    if (!l->options->progress || (!always && now_s - l->shown_s < progress_every_s))
        return;
    l->shown_s = now_s;
    p->elapsed_s = now_s - l->started_s;
    p->in_flight = l->n_flying;
    p->waiting = l->n_waiting;
    p->concurrency = (int)l->pace.concurrency;
    p->cost = fm_usage_cost(fm_journal_usage(l->asking->journal));
    p->paused_s = fmax(0, l->pace.paused_until_s - now_s);
    l->options->progress(l->options->context, p);
}

static void abandon_all(loop *l)
{
    for (size_t i = 0; l->slots && i < l->n_slots; i++)
        if (l->slots[i].ticket)
            fm_adapter_abandon(l->asking->adapter, l->slots[i].ticket);
    l->n_flying = 0;
}

static bool nothing_left(const loop *l)
{
    return l->drained && l->n_waiting == 0;
}

static fm_status work(loop *l, fm_err *err)
{
    for (;;) {
        double wait_s = INFINITY;
        fm_status st = expire(l, err);

        if (l->options->stop && *l->options->stop && l->halt == GOING)
            l->halt = STOPPED;
        if (st == FM_OK && l->halt == GOING)
            st = send_all(l, &wait_s, err);
        if (st != FM_OK)
            return st;
        show_progress(l, false);
        if (l->halt == ABANDONING)
            abandon_all(l);
        if (l->n_flying == 0 && (l->halt != GOING || nothing_left(l)))
            return FM_OK;
        wait_s = fmin(wait_s, longest_wait_s);
        if (l->n_flying)
            st = take_arrivals(l, wait_s, err);
        else if (wait_s > 0)
            sleep_for(l, wait_s);
        if (st != FM_OK)
            return st;
    }
}

static fm_status open_slots(loop *l, fm_err *err)
{
    /* The truth lives until the next sample is drawn: one at a time. */
    l->n_slots = l->asking->sees_truth ? 1 : (size_t)l->pace.limits.cap * 2;
    l->slots = calloc(l->n_slots, sizeof(*l->slots));
    l->free_slots = calloc(l->n_slots, sizeof(*l->free_slots));
    l->heap = calloc(l->n_slots, sizeof(*l->heap));
    if (!l->slots || !l->free_slots || !l->heap)
        return fm_fail(err, FM_E_NOMEM, "no memory for asking");
    while (l->n_free < l->n_slots) {
        l->free_slots[l->n_free] = l->n_slots - 1 - l->n_free;
        l->n_free++;
    }
    return FM_OK;
}

static void release(loop *l)
{
    for (size_t i = 0; l->slots && i < l->n_slots; i++) {
        fm_buf_release(&l->slots[i].strings);
        free(l->slots[i].images);
    }
    free(l->slots);
    free(l->free_slots);
    free(l->heap);
    fm_buf_release(&l->prompt);
}

fm_status fm_asking_execute(const fm_asking *asking, fm_run_progress *progress, fm_err *err)
{
    loop l = {.asking = asking,
              .options = asking->options,
              .progress = progress,
              .earliest_deadline_s = INFINITY};

    l.started_s = l.shown_s = now_of(&l);
    fm_pace_init(&l.pace, &asking->options->pace, asking->options->seed, l.started_s);
    fm_status st = open_slots(&l, err);
    if (st == FM_OK)
        show_progress(&l, true);
    if (st == FM_OK)
        st = work(&l, err);
    if (st != FM_OK)
        abandon_all(&l);
    show_progress(&l, true);
    if (st == FM_OK && l.why != FM_OK)
        st = fm_fail(err, l.why, "%s", l.message.text);
    else if (st == FM_OK && l.halt == STOPPED && progress->done < progress->total)
        st = fm_fail(err, FM_E_INTERRUPTED, "interrupted; the same command goes on from here");
    release(&l);
    return st;
}
