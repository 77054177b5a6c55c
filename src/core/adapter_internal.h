/* The inside of an opened adapter: for adapter.c, and for the adapters of core that wrap another one
 * (cache.c), which are a table and a state like any. */
#ifndef FM_CORE_ADAPTER_INTERNAL_H
#define FM_CORE_ADAPTER_INTERNAL_H

#include "fathom/adapter.h"

typedef struct {
    uint64_t ticket;
    double since_s;
} fm_flight;

struct fm_adapter {
    const fm_adapter_ops *ops;
    void *state;

    fm_flight *flights; /* submitted, neither arrived nor abandoned; in no order */
    size_t n_flights, capacity;
    fm_reply held; /* of the one flight of an adapter that answers inside submit */
};

/* An adapter of a table whose state is open already; NULL: out of memory, and the state stays the
 * caller's. */
fm_adapter *fm_adapter_of(const fm_adapter_ops *ops, void *state);

#endif
