/**
 * Command: a program of the user's that answers JSON lines with JSON lines.
 *
 * It is started once, by the shell, and gets one request a line on its standard input; it writes one
 * line for each on its standard output. Its standard error is ours. docs/adapters.md has the format.
 * Owns the process and the two pipes: whatever the program does (nothing, nonsense, exit, a line
 * without end) becomes the status of one sample, after which it is started again.
 */
#include "adapters/adapters.h"
#include "adapters/baseline_answers.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

#define DEFAULT_TIMEOUT_S 600.0 /* the first reply waits for a model to be loaded */
#define MAX_LINE_BYTES    ((size_t)16 << 20)
#define MAX_FRUITLESS     3   /* programs in a row that ended without a single answer */
#define GRACE_S           2.0 /* for an exit after the end of its input */

extern char **environ;

typedef struct {
    char *command;
    char *answers; /* the form as the run has it; NULL: not stated */
    double timeout_s;

    pid_t pid; /* leader of its own process group; 0: not running */
    int to, from;
    int wake;       /* eventfd: a cancel writes to it */
    bool answered;  /* this process has given a proper reply */
    int fruitless;  /* processes in a row that had not */
    fm_buf request; /* the line that is sent */
    fm_buf in;      /* received and not used yet */
    fm_arena reply; /* of the last reply */
    char detail[FM_ERR_TEXT_BYTES];
} command;

static const fm_adapter_option command_options[] = {
    {.name = "command", .summary = "command line of the program, given to sh -c"},
    {0},
};

/* ---- process ---- */

/* Leaders of the groups that run, for a signal handler; 0: free. What finds no place is not killed. */
static volatile sig_atomic_t leaders[16];

static void put_leader(pid_t from, pid_t to)
{
    for (size_t i = 0; i < sizeof(leaders) / sizeof(leaders[0]); i++)
        if (leaders[i] == from) {
            leaders[i] = to;
            return;
        }
}

void fm_adapter_command_kill(void)
{
    for (size_t i = 0; i < sizeof(leaders) / sizeof(leaders[0]); i++)
        if (leaders[i] > 0)
            (void)kill(-(pid_t)leaders[i], SIGKILL);
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static fm_status spawn_with(command *c, int child_in, int child_out, fm_err *err)
{
    char sh[] = "sh", dash_c[] = "-c", *argv[] = {sh, dash_c, c->command, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    int why;

    /* Its own process group: a Ctrl-C is ours to answer, and a kill reaches what it started. */
    sigemptyset(&none);
    sigfillset(&all);
    if (posix_spawn_file_actions_init(&files) != 0)
        return fm_fail(err, FM_E_NOMEM, "no memory to start '%s'", c->command);
    if (posix_spawnattr_init(&attributes) != 0) {
        posix_spawn_file_actions_destroy(&files);
        return fm_fail(err, FM_E_NOMEM, "no memory to start '%s'", c->command);
    }
    why = posix_spawn_file_actions_adddup2(&files, child_in, STDIN_FILENO);
    if (!why)
        why = posix_spawn_file_actions_adddup2(&files, child_out, STDOUT_FILENO);
    if (!why)
        why = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                                        POSIX_SPAWN_SETSIGDEF);
    if (!why)
        why = posix_spawnattr_setpgroup(&attributes, 0);
    if (!why)
        why = posix_spawnattr_setsigmask(&attributes, &none);
    if (!why)
        why = posix_spawnattr_setsigdefault(&attributes, &all);
    if (!why)
        why = posix_spawn(&c->pid, "/bin/sh", &files, &attributes, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    if (why) {
        c->pid = 0;
        return fm_fail(err, FM_E_IO, "cannot start '%s': %s", c->command, strerror(why));
    }
    put_leader(0, c->pid);
    return FM_OK;
}

static fm_status start(command *c, fm_err *err)
{
    int in[2] = {-1, -1}, out[2] = {-1, -1};
    fm_status st;

    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
        st = fm_fail(err, FM_E_IO, "cannot make a pipe for '%s': %s", c->command, strerror(errno));
    else
        st = spawn_with(c, in[0], out[1], err);
    close_fd(&in[0]);
    close_fd(&out[1]);
    if (st != FM_OK) {
        close_fd(&in[1]);
        close_fd(&out[0]);
        return st;
    }
    c->to = in[1];
    c->from = out[0];
    (void)fcntl(c->to, F_SETFL, O_NONBLOCK);
    (void)fcntl(c->from, F_SETFL, O_NONBLOCK);
    c->answered = false;
    fm_buf_clear(&c->in);
    return FM_OK;
}

/* End of input, `grace_s` to leave by itself, then a kill for the whole group. True where it left by
 * itself; *status (may be NULL) is then its wait status. */
static bool stop(command *c, double grace_s, int *status)
{
    const struct timespec nap = {.tv_nsec = 2000000};
    double deadline = fm_clock_seconds() + grace_s;
    bool left = false;
    int how = 0;

    if (c->pid == 0)
        return true;
    close_fd(&c->to);
    close_fd(&c->from);
    for (;;) {
        siginfo_t info = {0};

        /* WNOWAIT: as long as it is a zombie, its process group cannot become somebody else's. */
        if (waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0)
            left = info.si_pid == c->pid;
        if (left || fm_clock_seconds() >= deadline)
            break;
        nanosleep(&nap, NULL);
    }
    (void)kill(-c->pid, SIGKILL);
    put_leader(c->pid, 0);
    while (waitpid(c->pid, &how, 0) < 0 && errno == EINTR)
        ;
    c->pid = 0;
    if (status)
        *status = how;
    return left;
}

/* ---- one line out, one line in ---- */

typedef enum { TALK_OK, TALK_LATE, TALK_CANCELLED, TALK_ENDED, TALK_TOO_LONG } talk;

/* Wait until fd is ready, the deadline has passed or somebody cancels. */
static talk wait_for(command *c, int fd, short events, double deadline)
{
    struct pollfd set[2] = {{.fd = fd, .events = events}, {.fd = c->wake, .events = POLLIN}};

    for (;;) {
        double left = deadline - fm_clock_seconds();
        int n = left > 0 ? poll(set, 2, (int)fmin(ceil(left * 1000), 1e9)) : 0;

        if (n < 0 && errno == EINTR)
            continue;
        if (n > 0 && set[1].revents)
            return TALK_CANCELLED;
        if (n > 0)
            return TALK_OK;
        if (fm_clock_seconds() >= deadline)
            return TALK_LATE;
    }
}

/* write() to a pipe whose reader has gone raises SIGPIPE; a library may neither die of it nor change
 * the program's handlers, so it is blocked for this thread and taken off again. */
static ssize_t write_quietly(int fd, const char *bytes, size_t size)
{
    const struct timespec now = {0};
    sigset_t pipe_set, before, pending;

    sigemptyset(&pipe_set);
    sigaddset(&pipe_set, SIGPIPE);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &pipe_set, &before);
    ssize_t n = write(fd, bytes, size);
    int why = errno;
    if (n < 0 && why == EPIPE && !sigismember(&pending, SIGPIPE))
        while (sigtimedwait(&pipe_set, NULL, &now) < 0 && errno == EINTR)
            ;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = why;
    return n;
}

static talk send_request(command *c, double deadline)
{
    for (size_t sent = 0; sent < c->request.size;) {
        ssize_t n = write_quietly(c->to, c->request.data + sent, c->request.size - sent);

        if (n > 0) {
            sent += (size_t)n;
        } else if (errno == EAGAIN) {
            talk t = wait_for(c, c->to, POLLOUT, deadline);
            if (t != TALK_OK)
                return t;
        } else if (errno != EINTR) {
            return TALK_ENDED;
        }
    }
    return TALK_OK;
}

/* The next line into c->in, its newline included in *size. */
static talk receive_line(command *c, double deadline, size_t *size)
{
    for (size_t seen = 0;;) {
        char *newline =
            c->in.size > seen ? memchr(c->in.data + seen, '\n', c->in.size - seen) : NULL;

        if (newline) {
            *size = (size_t)(newline - c->in.data) + 1;
            return TALK_OK;
        }
        seen = c->in.size;
        char *room = seen < MAX_LINE_BYTES ? fm_buf_room(&c->in, (size_t)64 << 10) : NULL;
        if (!room)
            return TALK_TOO_LONG;
        ssize_t n = read(c->from, room, (size_t)64 << 10);
        if (n > 0) {
            c->in.size += (size_t)n;
        } else if (n < 0 && errno == EAGAIN) {
            talk t = wait_for(c, c->from, POLLIN, deadline);
            if (t != TALK_OK)
                return t;
        } else if (n == 0 || errno != EINTR) {
            return TALK_ENDED;
        }
    }
}

/* ---- request and reply ---- */

/* A protocol may have a form of its own, which only its prompt describes. */
static const char *form_of(const command *c, fm_answer_kind kind)
{
    bool trace = kind == FM_ANSWER_TRACE2D || kind == FM_ANSWER_TRACE3D;
    const char *form = trace ? NULL : fm_baseline_form(kind, c->answers);

    return form ? form : c->answers;
}

static fm_status write_request(command *c, const fm_request *request, fm_err *err)
{
    fm_json_writer w = {.out = &c->request};

    fm_buf_clear(&c->request);
    fm_json_open(&w, NULL, '{');
    fm_json_put_string(&w, "schema", "fathom.request/1");
    fm_json_put_string(&w, "id", request->id);
    fm_json_put_string(&w, "task", request->task);
    fm_json_put_string(&w, "prompt", request->prompt);
    fm_json_put_string(&w, "kind", fm_answer_kind_name(request->kind));
    fm_json_put_string(&w, "answers", form_of(c, request->kind));
    fm_json_put_string(&w, "image", request->image_path);
    if (request->n_more_images) {
        fm_json_open(&w, "images", '[');
        fm_json_put_string(&w, NULL, request->image_path);
        for (size_t i = 0; i < request->n_more_images; i++)
            fm_json_put_string(&w, NULL, request->more_images[i]);
        fm_json_close(&w, ']');
    }
    fm_json_put_string(&w, "depth", request->depth_path);
    if (request->camera) {
        fm_json_open(&w, "camera", '{');
        fm_json_put_number(&w, "fx", request->camera->fx);
        fm_json_put_number(&w, "fy", request->camera->fy);
        fm_json_put_number(&w, "cx", request->camera->cx);
        fm_json_put_number(&w, "cy", request->camera->cy);
        fm_json_close(&w, '}');
    } else {
        fm_json_put_null(&w, "camera");
    }
    fm_json_close(&w, '}');
    fm_buf_putc(&c->request, '\n');
    return fm_buf_check(&c->request, "a request", err);
}

/* The reply is a failure of the given kind, told in one line. */
static void fail_reply(command *c, fm_reply *reply, fm_sample_status status, const char *fmt, ...)
    FM_PRINTF(4, 5);
static void fail_reply(command *c, fm_reply *reply, fm_sample_status status, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(c->detail, sizeof(c->detail), fmt, args);
    va_end(args);
    *reply = (fm_reply){.status = status, .detail = c->detail};
}

/* The start of a line, fit for a message. */
static void quote_start(char out[96], const char *line, size_t size)
{
    fm_buf shown = {0};

    fm_text_for_terminal(&shown, line, size < 60 ? size : 60);
    snprintf(out, 96, "%.80s%s", fm_buf_text(&shown), size > 60 ? "..." : "");
    fm_buf_release(&shown);
}

/* What the object says; false where it is no answer to `id`. */
static bool read_reply(command *c, const cJSON *object, const char *id, fm_reply *reply)
{
    const char *answered = fm_json_string(object, "id");
    const char *status = fm_json_string(object, "status");
    const char *error = fm_json_string(object, "error");
    fm_sample_status as = error ? FM_SAMPLE_API_ERROR : FM_SAMPLE_OK;
    char *text, shown[96];

    if (!answered || strcmp(answered, id) != 0) {
        quote_start(shown, answered ? answered : "", answered ? strlen(answered) : 0);
        fail_reply(c, reply, FM_SAMPLE_API_ERROR, "the program answered id '%s' instead of '%s'",
                   shown, id);
        return false;
    }
    if (status && (!fm_sample_status_from_name(status, &as) || (error && as == FM_SAMPLE_OK))) {
        quote_start(shown, status, strlen(status));
        fail_reply(c, reply, FM_SAMPLE_API_ERROR, "the program gave the status '%s'%s", shown,
                   error ? " beside an error" : ", which is none");
        return false;
    }
    *reply = (fm_reply){
        .status = as,
        .detail = fm_arena_strdup(&c->reply, error),
        .finish_reason = fm_arena_strdup(&c->reply, fm_json_string(object, "finish_reason")),
    };
    if (fm_json_get_reply(object, "text", &c->reply, &text, &reply->size, NULL) != FM_OK) {
        fail_reply(c, reply, FM_SAMPLE_API_ERROR, "no memory for the reply");
        return false;
    }
    reply->text = text;
    if (!text && !error && as == FM_SAMPLE_OK && !cJSON_IsNull(fm_json_get(object, "text"))) {
        fail_reply(c, reply, FM_SAMPLE_API_ERROR,
                   "the program's line has no 'text' and no 'error'");
        return false;
    }
    if (as == FM_SAMPLE_OK && reply->size == 0)
        reply->status = FM_SAMPLE_EMPTY;
    return true;
}

static bool parse_reply(command *c, size_t size, const char *id, fm_reply *reply)
{
    cJSON *object = NULL;
    char shown[96];
    bool good = false;

    if (fm_json_parse(c->in.data, size, "reply", &object, NULL) != FM_OK ||
        !cJSON_IsObject(object)) {
        quote_start(shown, c->in.data, size - 1);
        fail_reply(c, reply, FM_SAMPLE_API_ERROR,
                   "the program wrote a line that is no JSON object: %s", shown);
    } else {
        good = read_reply(c, object, id, reply);
    }
    cJSON_Delete(object);
    return good;
}

/* What is left of the buffer after a line was used. Text before the next request is a fault that
 * the next reply's id will show. */
static void drop_line(command *c, size_t size)
{
    memmove(c->in.data, c->in.data + size, c->in.size - size);
    c->in.size -= size;
}

static void describe_end(command *c, fm_reply *reply)
{
    int status = 0;

    if (!stop(c, GRACE_S, &status))
        fail_reply(c, reply, FM_SAMPLE_API_ERROR, "the program closed its output without a reply");
    else if (WIFEXITED(status))
        fail_reply(c, reply, FM_SAMPLE_API_ERROR,
                   "the program ended with exit code %d instead of a reply", WEXITSTATUS(status));
    else
        fail_reply(c, reply, FM_SAMPLE_API_ERROR, "the program was ended by signal %d (%s)",
                   WTERMSIG(status), strsignal(WTERMSIG(status)));
}

/* ---- adapter ---- */

static void command_close(void *state)
{
    command *c = state;

    (void)stop(c, GRACE_S, NULL);
    close_fd(&c->wake);
    free(c->command);
    free(c->answers);
    fm_buf_release(&c->request);
    fm_buf_release(&c->in);
    fm_arena_release(&c->reply);
    free(c);
}

static fm_status command_open(void **state, const fm_adapter_config *config, fm_err *err)
{
    const char *line = fm_adapter_setting(&fm_adapter_command, config, "command");
    fm_status st;

    if (!line || !*line)
        return fm_fail(err, FM_E_USAGE, "adapter 'command' needs a program: --set command=LINE");
    command *c = calloc(1, sizeof(*c));
    if (!c)
        return fm_fail(err, FM_E_NOMEM, "no memory for a command");
    c->to = c->from = -1;
    c->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    c->command = strdup(line);
    c->answers = config->answers ? strdup(config->answers) : NULL;
    c->timeout_s = config->timeout_s > 0 ? config->timeout_s : DEFAULT_TIMEOUT_S;
    if (!c->command || c->wake < 0 || (config->answers && !c->answers))
        st = fm_fail(err, FM_E_NOMEM, "no memory or file descriptor for a command");
    else
        st = start(c, err);
    if (st != FM_OK) {
        command_close(c);
        return st;
    }
    *state = c;
    return FM_OK;
}

/* A program that ended or talked nonsense before its first answer will do so again: after a few the
 * whole run is stopped, since every sample would fail in the same way. */
static fm_status count_fruitless(command *c, fm_err *err)
{
    c->fruitless = c->answered ? 0 : c->fruitless + 1;
    if (c->fruitless < MAX_FRUITLESS)
        return FM_OK;
    return fm_fail(err, FM_E_IO, "'%.100s' failed %d times in a row: %s", c->command, c->fruitless,
                   c->detail);
}

static fm_status command_generate(void *state, const fm_request *request, const fm_sample *truth,
                                  fm_reply *reply, fm_err *err)
{
    command *c = state;
    size_t size = 0;

    (void)truth;
    fm_arena_reset(&c->reply);
    fm_status st = write_request(c, request, err);
    if (st == FM_OK && c->pid == 0)
        st = start(c, err);
    if (st != FM_OK)
        return st;

    double deadline = fm_clock_seconds() + c->timeout_s;
    talk t = send_request(c, deadline);
    if (t == TALK_OK)
        t = receive_line(c, deadline, &size);

    switch (t) {
    case TALK_OK:
        if (parse_reply(c, size, request->id, reply)) {
            drop_line(c, size);
            c->answered = true;
            c->fruitless = 0;
            return FM_OK;
        }
        (void)stop(c, 0, NULL);
        return count_fruitless(c, err);
    case TALK_ENDED:
        describe_end(c, reply);
        return count_fruitless(c, err);
    case TALK_TOO_LONG:
        (void)stop(c, 0, NULL);
        fail_reply(c, reply, FM_SAMPLE_API_ERROR, "the program wrote a line of more than %zu MB",
                   MAX_LINE_BYTES >> 20);
        return count_fruitless(c, err);
    case TALK_LATE:
        (void)stop(c, 0, NULL);
        fail_reply(c, reply, FM_SAMPLE_TIMEOUT, "no reply within %g s; the program was stopped",
                   c->timeout_s);
        return FM_OK;
    case TALK_CANCELLED:
        break;
    }
    (void)stop(c, 0, NULL);
    return fm_fail(err, FM_E_INTERRUPTED, "cancelled while '%.100s' was answering", c->command);
}

static void command_cancel(void *state)
{
    const command *c = state;
    uint64_t one = 1;

    (void)!write(c->wake, &one, sizeof(one));
}

const fm_adapter_ops fm_adapter_command = {
    .name = "command",
    .summary = "a program of yours that answers JSON lines with JSON lines",
    .caps = FM_CAP_IMAGES | FM_CAP_DEPTH | FM_CAP_INTRINSICS,
    .options = command_options,
    .open = command_open,
    .generate = command_generate,
    .close = command_close,
    .cancel = command_cancel,
};
