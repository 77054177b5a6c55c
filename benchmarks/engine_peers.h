/* Other people's engines, loaded where they are there: oneDNN's matrix product, and llama.cpp over
 * files of the same shape. Neither is needed to build the benchmark. */
#ifndef FM_BENCHMARKS_ENGINE_PEERS_H
#define FM_BENCHMARKS_ENGINE_PEERS_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/config.h"
#include "engine/tensor.h"
#include "fathom/status.h"

/* ---- oneDNN 2 (Debian: libdnnl-dev) ---- */

typedef struct peer_product peer_product;

/* out[m][n_out] = x[m][n_in] W^T in f32, with W packed as oneDNN likes it best, by so many threads of its own. FM_E_INCOMPLETE: the
 * library or, when this was built, its header was not there. */
FM_MUST_CHECK fm_status peer_product_new(peer_product **out, const float *w, size_t n_out,
                                         size_t n_in, size_t m, int threads, fm_err *err);
void peer_product_run(peer_product *product, const float *x, float *out);
void peer_product_free(peer_product *product); /* accepts NULL */

/* ---- llama.cpp ---- */

typedef struct peer_llama peer_llama;

/* A GGUF file of Qwen2's architecture with random weights of one kind (RT_BF16, RT_Q8_0, RT_Q4_0). */
FM_MUST_CHECK fm_status peer_llama_write(const char *path, const rt_decoder_config *config,
                                         rt_kind kind, fm_err *err);
/* library: the folder with libllama and libggml (npm's @node-llama-cpp/linux-x64). */
FM_MUST_CHECK fm_status peer_llama_open(peer_llama **out, const char *library, const char *model,
                                        int threads, fm_err *err);
/* From an empty memory (prefill) or on from where it is (step), logits of the last token included. */
FM_MUST_CHECK fm_status peer_llama_prefill(peer_llama *llama, size_t n, fm_err *err);
FM_MUST_CHECK fm_status peer_llama_step(peer_llama *llama, fm_err *err);
void peer_llama_close(peer_llama *llama); /* accepts NULL */

#endif
