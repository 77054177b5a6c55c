/**
 * An adapter's file: which model is asked, how, at what price and how fast, in YAML
 * (docs/adapters.md).
 *
 *     adapter: openai
 *     model: some-model
 *     temperature: 0              # any setting of the adapter
 *     price: {input: 0.15, cached_input: 0.075, output: 0.60}       # for a million tokens
 *     limits: {concurrency: 64, requests_per_minute: 500}
 *
 * Whether the adapter knows a setting is asked when it opens; keys of accounts are refused here.
 */
#ifndef FM_CORE_ADAPTER_FILE_H
#define FM_CORE_ADAPTER_FILE_H

#include "base/arena.h"
#include "core/pace.h"

typedef struct {
    const char *adapter;  /* NULL: not stated */
    fm_setting *settings; /* in the order of the file; lists and mappings as JSON text, null as "";
                             prices as price_input, price_cached_input, price_output */
    size_t n_settings;
    fm_pace_limits limits; /* what is not stated is 0 */
} fm_adapter_file;

/* Everything in *out lives in the arena. FM_E_INPUT names the file. */
FM_MUST_CHECK fm_status fm_adapter_file_load(const char *path, fm_arena *arena,
                                             fm_adapter_file *out, fm_err *err);
FM_MUST_CHECK fm_status fm_adapter_file_parse(const char *text, size_t size, const char *name,
                                              fm_arena *arena, fm_adapter_file *out, fm_err *err);

#endif
