/* Owns the loop between two descriptors: reading what is there, cutting it into lines, handing these
 * out and writing the answers in order. */
#include "coprocess.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/threads.h"

enum {
    READ_BYTES = 1 << 20,
    CHUNK_LINES = 16, /* handed to a thread at a time */
};

typedef struct {
    const char *text; /* NULL: it was too long */
    size_t size;
} input_line;

typedef struct {
    const cli_coprocess *process;
    char *buffer; /* [0, size) was read; lines are cut from its front */
    size_t size, capacity;
    bool too_long; /* the line that is being read is dropped up to its newline */
    input_line *lines;
    size_t n_lines, lines_capacity;
    fm_buf *answers; /* one a chunk */
    size_t *errors;  /* likewise */
    size_t n_chunks;
    fm_arena *arenas; /* one a thread */
} serving;

static fm_status no_memory(fm_err *err)
{
    return fm_fail(err, FM_E_NOMEM, "no memory for the lines of the input");
}

/* ---- lines ---- */

static bool is_blank(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r')
            return false;
    return true;
}

static fm_status add_line(serving *s, const char *text, size_t size, fm_err *err)
{
    if (text && is_blank(text, size))
        return FM_OK;
    if (s->n_lines == s->lines_capacity) {
        size_t capacity = s->lines_capacity ? s->lines_capacity * 2 : 256;
        input_line *grown = realloc(s->lines, capacity * sizeof(*grown));

        if (!grown)
            return no_memory(err);
        s->lines = grown;
        s->lines_capacity = capacity;
    }
    s->lines[s->n_lines++] = (input_line){text, size};
    return FM_OK;
}

/* The whole lines of the buffer, and at the end of the input what is left; *used is how much of the
 * buffer they take. */
static fm_status cut_lines(serving *s, bool at_end, size_t *used, fm_err *err)
{
    const char *p = s->buffer, *end = s->buffer + s->size;
    fm_status st = FM_OK;

    s->n_lines = 0;
    while (st == FM_OK && (p < end || (at_end && s->too_long))) {
        const char *newline = p < end ? memchr(p, '\n', (size_t)(end - p)) : NULL;
        const char *stop = newline ? newline : end;
        bool over = s->too_long || (size_t)(stop - p) > s->process->line_bytes;

        if (!newline && !at_end) {
            s->too_long = over;
            break;
        }
        st = add_line(s, over ? NULL : p, (size_t)(stop - p), err);
        s->too_long = false;
        p = newline ? newline + 1 : end;
    }
    if (s->too_long)
        p = end; /* what was read of it is not needed */
    *used = (size_t)(p - s->buffer);
    return st;
}

/* ---- answers ---- */

static fm_status answer_chunk(void *context, size_t index, int worker, fm_err *err)
{
    serving *s = context;
    const cli_coprocess *p = s->process;
    size_t first = index * CHUNK_LINES, last = first + CHUNK_LINES;

    fm_buf_clear(&s->answers[index]);
    s->errors[index] = 0;
    for (size_t i = first; i < last && i < s->n_lines; i++)
        s->errors[index] += !p->answer(p->context, s->lines[i].text, s->lines[i].size,
                                       &s->arenas[worker], &s->answers[index]);
    return fm_buf_check(&s->answers[index], "the answers", err);
}

static fm_status reserve_chunks(serving *s, size_t n, fm_err *err)
{
    fm_buf *answers;
    size_t *errors;

    if (n <= s->n_chunks)
        return FM_OK;
    answers = realloc(s->answers, n * sizeof(*answers));
    if (answers) {
        memset(answers + s->n_chunks, 0, (n - s->n_chunks) * sizeof(*answers));
        s->answers = answers;
    }
    errors = realloc(s->errors, n * sizeof(*errors));
    if (errors)
        s->errors = errors;
    if (!answers || !errors)
        return no_memory(err);
    s->n_chunks = n;
    return FM_OK;
}

static fm_status write_all(int fd, const char *bytes, size_t size, fm_err *err)
{
    while (size > 0) {
        ssize_t n = write(fd, bytes, size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EPIPE)
            return fm_fail(err, FM_E_IO, "nobody reads the answers any more");
        if (n < 0)
            return fm_fail(err, FM_E_IO, "cannot write standard output: %s", strerror(errno));
        bytes += n;
        size -= (size_t)n;
    }
    return FM_OK;
}

static fm_status answer_lines(serving *s, int fd, size_t *errors, fm_err *err)
{
    size_t chunks = (s->n_lines + CHUNK_LINES - 1) / CHUNK_LINES;
    fm_status st = reserve_chunks(s, chunks, err);

    if (st == FM_OK && chunks == 1)
        st = answer_chunk(s, 0, 0, err); /* a thread would cost more than the line */
    else if (st == FM_OK)
        st = fm_parallel_for(chunks, s->process->jobs, answer_chunk, s, err);
    for (size_t i = 0; st == FM_OK && i < chunks; i++) {
        st = write_all(fd, s->answers[i].data, s->answers[i].size, err);
        *errors += s->errors[i];
    }
    return st;
}

/* ---- the loop ---- */

static fm_status read_more(serving *s, int fd, bool *at_end, fm_err *err)
{
    ssize_t n;

    if (s->capacity - s->size < READ_BYTES) {
        size_t capacity = s->capacity * 2 + READ_BYTES;
        char *grown = realloc(s->buffer, capacity);

        if (!grown)
            return no_memory(err);
        s->buffer = grown;
        s->capacity = capacity;
    }
    do
        n = read(fd, s->buffer + s->size, READ_BYTES);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return fm_fail(err, FM_E_IO, "cannot read standard input: %s", strerror(errno));
    *at_end = n == 0;
    s->size += (size_t)n;
    return FM_OK;
}

static fm_status serve(serving *s, int in_fd, int out_fd, size_t *lines, size_t *errors,
                       fm_err *err)
{
    bool at_end = false;

    while (!at_end) {
        size_t used;
        fm_status st = read_more(s, in_fd, &at_end, err);

        if (st == FM_OK)
            st = cut_lines(s, at_end, &used, err);
        if (st == FM_OK && s->n_lines > 0)
            st = answer_lines(s, out_fd, errors, err);
        if (st != FM_OK)
            return st;
        *lines += s->n_lines;
        s->size -= used;
        memmove(s->buffer, s->buffer + used, s->size);
    }
    return FM_OK;
}

fm_status cli_coprocess_serve(const cli_coprocess *process, int in_fd, int out_fd, size_t *lines,
                              size_t *errors, fm_err *err)
{
    serving s = {.process = process, .arenas = calloc((size_t)process->jobs, sizeof(fm_arena))};
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);
    fm_status st;

    *lines = *errors = 0;
    st = s.arenas ? serve(&s, in_fd, out_fd, lines, errors, err) : no_memory(err);
    for (int i = 0; s.arenas && i < process->jobs; i++)
        fm_arena_release(&s.arenas[i]);
    for (size_t i = 0; i < s.n_chunks; i++)
        fm_buf_release(&s.answers[i]);
    free(s.arenas);
    free(s.answers);
    free(s.errors);
    free(s.lines);
    free(s.buffer);
    (void)signal(SIGPIPE, before);
    return st;
}
