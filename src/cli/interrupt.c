#include "interrupt.h"

#include <unistd.h>

volatile sig_atomic_t cli_interrupted;
static void (*volatile on_first)(void);

static void on_interrupt(int signal_number)
{
    void (*then)(void) = on_first;

    (void)signal_number;
    if (cli_interrupted)
        _exit(130);
    cli_interrupted = 1;
    if (then)
        then();
}

void cli_catch_interrupt(void)
{
    struct sigaction stop = {.sa_handler = on_interrupt, .sa_flags = SA_RESTART};

    sigemptyset(&stop.sa_mask);
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
}

void cli_on_interrupt(void (*then)(void))
{
    on_first = then;
}
