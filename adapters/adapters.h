/* The adapters of this folder. Only cli/catalog.c and the tests name them. */
#ifndef FM_ADAPTERS_H
#define FM_ADAPTERS_H

#include "fathom/adapter.h"

extern const fm_adapter_ops fm_adapter_replay;  /* a file of replies */
extern const fm_adapter_ops fm_adapter_command; /* a program of the user's */
/* Kills the programs that run, and what they started: in a signal handler, before the process leaves. */
void fm_adapter_command_kill(void);
extern const fm_adapter_ops fm_adapter_engine; /* a RoboTracer model, run by librobotracer */

/* Models behind HTTP: adapters/remote.h has what they share. */
extern const fm_adapter_ops fm_adapter_gemini;
extern const fm_adapter_ops fm_adapter_openai; /* and every server that speaks its protocol */
extern const fm_adapter_ops fm_adapter_anthropic;
extern const fm_adapter_ops fm_adapter_robotracer_http; /* RoboTracer's own servers */

/* Baselines: the scale of the numbers, never a result. */
extern const fm_adapter_ops fm_adapter_oracle;
extern const fm_adapter_ops fm_adapter_wrong;
extern const fm_adapter_ops fm_adapter_jitter;
extern const fm_adapter_ops fm_adapter_straight;
extern const fm_adapter_ops fm_adapter_centre;

#endif
