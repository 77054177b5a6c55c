#include "interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

volatile sig_atomic_t cli_interrupted;
static void (*volatile on_first)(void);
static int ends[2] = {-1, -1}; /* of a pipe, that poll() may wait for */

static void on_interrupt(int signal_number)
{
    void (*then)(void) = on_first;

    (void)signal_number;
    if (cli_interrupted)
        _exit(130);
    cli_interrupted = 1;
    if (ends[1] >= 0) {
        int kept = errno;

        (void)!write(ends[1], "", 1);
        errno = kept;
    }
    if (then)
        then();
}

void cli_catch_interrupt(void)
{
    struct sigaction stop = {.sa_handler = on_interrupt, .sa_flags = SA_RESTART};

    if (ends[0] < 0 && pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        ends[0] = ends[1] = -1;
    sigemptyset(&stop.sa_mask);
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
}

int cli_interrupt_pipe(void)
{
    return ends[0];
}

void cli_on_interrupt(void (*then)(void))
{
    on_first = then;
}
