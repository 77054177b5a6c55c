/* The child process and its pipes. What is plotted is plots.c's and scene.c's business. */
#include "report/gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

extern char **environ;

enum { OURS, THEIRS };

/* Ends that are not open are -1. */
typedef struct {
    int in[2], out[2], log[2];
    pid_t pid;
} child;

static void shut(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static bool open_pipes(child *c)
{
    int fds[2];

    /* A socket for its input: MSG_NOSIGNAL spares the process a SIGPIPE when gnuplot gives up
     * early. Close-on-exec everywhere: a second gnuplot started by another thread must not hold
     * these ends open. */
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, c->in) != 0)
        return false;
    if (pipe2(fds, O_CLOEXEC) != 0)
        return false;
    c->out[OURS] = fds[0];
    c->out[THEIRS] = fds[1];
    if (pipe2(fds, O_CLOEXEC) != 0)
        return false;
    c->log[OURS] = fds[0];
    c->log[THEIRS] = fds[1];
    return fcntl(c->in[OURS], F_SETFL, O_NONBLOCK) == 0;
}

static int spawn(child *c)
{
    /* --default-settings: neither ~/.gnuplot nor a system file may change a report */
    static char name[] = "gnuplot", option[] = "--default-settings";
    char *const argv[] = {name, option, NULL};
    posix_spawn_file_actions_t actions;

    int rc = posix_spawn_file_actions_init(&actions);
    if (rc != 0)
        return rc;
    rc = posix_spawn_file_actions_adddup2(&actions, c->in[THEIRS], STDIN_FILENO);
    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(&actions, c->out[THEIRS], STDOUT_FILENO);
    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(&actions, c->log[THEIRS], STDERR_FILENO);
    if (rc == 0)
        rc = posix_spawnp(&c->pid, name, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return rc;
}

/* Read what is there into `out`, up to its `cap`; false at the end of the file. */
static bool drain(int fd, fm_buf *out, size_t cap)
{
    char block[16384];
    ssize_t n = read(fd, block, sizeof(block));

    if (n < 0)
        return errno == EINTR || errno == EAGAIN;
    size_t room = out->size < cap ? cap - out->size : 0;
    fm_buf_append(out, block, (size_t)n < room ? (size_t)n : room);
    return n > 0;
}

/* Feed and read until gnuplot closes its output; false when the time is over. */
static bool converse(child *c, const fm_buf *script, double deadline_s, fm_buf *out, fm_buf *log)
{
    size_t sent = 0;

    while (c->out[OURS] >= 0 || c->log[OURS] >= 0) {
        struct pollfd fds[3] = {
            {c->in[OURS], POLLOUT, 0}, {c->out[OURS], POLLIN, 0}, {c->log[OURS], POLLIN, 0}};
        double left_s = deadline_s - fm_clock_seconds();

        if (left_s <= 0)
            return false;
        if (poll(fds, 3, (int)(left_s * 1000) + 1) < 0 && errno != EINTR)
            return false;
        if (fds[0].revents) {
            ssize_t n = send(c->in[OURS], script->data + sent, script->size - sent, MSG_NOSIGNAL);

            if (n > 0)
                sent += (size_t)n;
            if (sent == script->size || (n < 0 && errno != EAGAIN && errno != EINTR))
                shut(&c->in[OURS]);
        }
        if (fds[1].revents && !drain(c->out[OURS], out, FM_GNUPLOT_MAX_BYTES))
            shut(&c->out[OURS]);
        if (fds[2].revents && !drain(c->log[OURS], log, 4096))
            shut(&c->log[OURS]);
        if (out->failed || out->size >= FM_GNUPLOT_MAX_BYTES)
            return false;
    }
    return true;
}

/* The first line of its complaint, fit for a message. */
static void complaint(const fm_buf *log, fm_buf *out)
{
    const char *text = fm_buf_text(log);

    text += strspn(text, "\n ");
    size_t size = strcspn(text, "\n");
    fm_text_for_terminal(out, text, size < 200 ? size : 200);
}

static fm_status judge(child *c, bool done, const fm_buf *log, fm_err *err)
{
    fm_buf text = {0};
    int status = 0;
    fm_status st = FM_OK;

    if (!done)
        kill(c->pid, SIGKILL);
    while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
        ;
    complaint(log, &text);
    if (!done)
        st = fm_fail(err, FM_E_IO, "gnuplot was stopped: too slow, or too much output");
    else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        st = fm_fail(err, FM_E_IO, "gnuplot failed: %s", fm_buf_text(&text));
    fm_buf_release(&text);
    return st;
}

fm_status fm_gnuplot_run(const fm_buf *script, double timeout_s, fm_buf *out, bool *found,
                         fm_err *err)
{
    child c = {{-1, -1}, {-1, -1}, {-1, -1}, -1};
    fm_buf log = {0};
    fm_status st = fm_buf_check(script, "plot", err);

    *found = true;
    if (st != FM_OK)
        return st;
    if (!open_pipes(&c)) {
        st = fm_fail(err, FM_E_IO, "cannot make a pipe to gnuplot: %s", strerror(errno));
        goto done;
    }
    int rc = spawn(&c);
    shut(&c.in[THEIRS]);
    shut(&c.out[THEIRS]);
    shut(&c.log[THEIRS]);
    if (rc == ENOENT) {
        *found = false;
        goto done;
    }
    if (rc != 0) {
        st = fm_fail(err, FM_E_IO, "cannot start gnuplot: %s", strerror(rc));
        goto done;
    }
    bool finished = converse(&c, script, fm_clock_seconds() + timeout_s, out, &log);
    st = judge(&c, finished, &log, err);
    if (st == FM_OK)
        st = fm_buf_check(out, "plot", err);
done:
    for (int end = OURS; end <= THEIRS; end++) {
        shut(&c.in[end]);
        shut(&c.out[end]);
        shut(&c.log[end]);
    }
    fm_buf_release(&log);
    return st;
}

void fm_gnuplot_quote(fm_buf *out, const char *text)
{
    fm_buf safe = {0};

    /* Whatever could end a line, act on the display or start an escape becomes a visible one. */
    fm_text_for_terminal(&safe, text, strlen(text));
    fm_buf_putc(out, '"');
    for (const char *p = fm_buf_text(&safe); *p; p++) {
        /* Quotes, backticks and macros are looked for in the line as it stands, before octal
         * escapes are resolved; so in that form no character means anything. Digits too: an
         * escape takes in those that follow it. (Doubled single quotes are no way out: gnuplot 5.4
         * misreads a text that starts with one.) */
        if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z'))
            fm_buf_putc(out, *p);
        else
            fm_buf_printf(out, "\\%03o", (unsigned char)*p);
    }
    fm_buf_putc(out, '"');
    if (safe.failed)
        out->failed = true;
    fm_buf_release(&safe);
}
