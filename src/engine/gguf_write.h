/**
 * Writing a language model as one GGUF file, for programs that read no folders: Qwen2 and Qwen3, with
 * sizes, vocabulary, merges and chat template in its metadata.
 *
 * Source: ggml docs/gguf.md, version 3; the keys of llama.cpp's architectures.
 */
#ifndef RT_ENGINE_GGUF_WRITE_H
#define RT_ENGINE_GGUF_WRITE_H

#include "engine/config.h"
#include "engine/save.h"
#include "engine/tokenizer.h"

typedef struct {
    const char *name;
    const rt_decoder_config *config;
    const rt_tokenizer *tokenizer;
    const char *chat_template; /* in Jinja, or NULL */
    rt_kind kind;              /* of most matrices, for people who read the metadata */
} rt_gguf_about;

/* FM_E_INPUT for Llama, whose rows of q and k GGUF orders in another way. */
FM_MUST_CHECK fm_status rt_gguf_check(const rt_decoder_config *config, const char *name,
                                      fm_err *err);

/* entries: names as Hugging Face has them. The file appears whole or not at all. */
FM_MUST_CHECK fm_status rt_gguf_write(const char *path, const rt_gguf_about *about,
                                      const rt_entry *entries, size_t n, rt_fill fill,
                                      void *context, fm_err *err);

#endif
