/**
 * Anthropic's messages.
 *
 * Owns the form of the request and the words of the reply. docs/adapters.md has the settings.
 */
#include "adapters/adapters.h"

#include <stdlib.h>
#include <string.h>

#include "adapters/remote.h"

#define VERSION "2023-06-01"

static const fm_adapter_option anthropic_options[] = {
    {.name = "model", .summary = "name of the model; needed"},
    {.name = "base_url",
     .summary = "address of the service",
     .fallback = "https://api.anthropic.com",
     .environment = {"ANTHROPIC_BASE_URL"}},
    {.name = "max_output_tokens",
     .summary = "most tokens of a reply, thought included",
     .fallback = "8192"},
    {.name = "top_k", .summary = "number of tokens that are drawn from"},
    {.name = "thinking_budget", .summary = "tokens of thought, 1024 and more; below the limit"},
    {.name = "effort", .summary = "low, medium, high, xhigh or max"},
    FM_REMOTE_OPTIONS_OF_MODELS,
    FM_REMOTE_OPTIONS_OF_ALL,
    {0},
};

static fm_status anthropic_open(void **state, const fm_adapter_config *config, fm_err *err)
{
    return fm_remote_open(&fm_remote_anthropic, state, config, err);
}

/* ---- request ---- */

static fm_status add_headers(fm_remote *remote, fm_err *err)
{
    bool bearer = remote->key && strcmp(remote->key_variable, "ANTHROPIC_AUTH_TOKEN") == 0;
    fm_status st = fm_remote_add_header(remote, "anthropic-version", "", VERSION, false, err);

    if (st == FM_OK && bearer)
        st = fm_remote_add_header(remote, "authorization", "Bearer ", remote->key, true, err);
    else if (st == FM_OK && remote->key)
        st = fm_remote_add_header(remote, "x-api-key", "", remote->key, true, err);
    return st;
}

/* Thought and a temperature of one's own exclude each other. */
static fm_status put_thinking(fm_remote *remote, fm_json_writer *w, fm_err *err)
{
    double budget = 0, temperature = 1;
    bool said = fm_remote_given(remote, "temperature") &&
                strcmp(fm_remote_setting(remote, "temperature"), "none") != 0;
    fm_status st = fm_remote_number(remote, "thinking_budget", 1024, 1e6, true, &budget, err);

    if (st == FM_OK && said)
        st = fm_remote_number(remote, "temperature", 0, 1, false, &temperature, err);
    if (st == FM_OK)
        st = fm_remote_put_temperature(remote, w, budget > 0, 1, err);
    if (st != FM_OK || budget <= 0)
        return st;
    if (temperature < 1)
        return fm_fail(err, FM_E_USAGE,
                       "thinking_budget takes no temperature but 1; leave temperature out");
    if (fm_remote_setting(remote, "top_k"))
        return fm_fail(err, FM_E_USAGE, "set thinking_budget or top_k, not both");
    if (budget >= (double)remote->max_output_tokens)
        return fm_fail(err, FM_E_USAGE,
                       "thinking_budget %.0f leaves nothing of max_output_tokens %lld", budget,
                       (long long)remote->max_output_tokens);
    fm_json_open(w, "thinking", '{');
    fm_json_put_string(w, "type", "enabled");
    fm_json_put_number(w, "budget_tokens", budget);
    fm_json_close(w, '}');
    return FM_OK;
}

static fm_status put_effort(fm_remote *remote, fm_json_writer *w, fm_err *err)
{
    static const char *const efforts[] = {"low", "medium", "high", "xhigh", "max", NULL};
    int effort = -1;
    fm_status st = fm_remote_word(remote, "effort", efforts, &effort, err);

    if (st != FM_OK || effort < 0)
        return st;
    fm_json_open(w, "output_config", '{');
    fm_json_put_string(w, "effort", efforts[effort]);
    fm_json_close(w, '}');
    return FM_OK;
}

static fm_status anthropic_configure(fm_remote *remote, fm_json_writer *w, fm_err *err)
{
    fm_status st = add_headers(remote, err);

    remote->path = fm_remote_base_ends_with(remote, "/v1") ? "/messages" : "/v1/messages";
    fm_json_put_string(w, "model", remote->model);
    if (st == FM_OK)
        st = fm_remote_put_limit(remote, w, "max_tokens", err);
    if (st == FM_OK && remote->system)
        fm_json_put_string(w, "system", remote->system);
    if (st == FM_OK)
        st = put_thinking(remote, w, err);
    if (st == FM_OK)
        st = fm_remote_put_number(remote, w, "top_p", "top_p", 0, 1, false, err);
    if (st == FM_OK)
        st = fm_remote_put_number(remote, w, "top_k", "top_k", 1, 1e6, true, err);
    if (st == FM_OK)
        st = fm_remote_put_stop(remote, w, "stop_sequences", err);
    return st == FM_OK ? put_effort(remote, w, err) : st;
}

static void put_picture(fm_remote_message *message, fm_remote_picture *picture)
{
    fm_json_writer *w = &message->w;

    fm_json_open(w, NULL, '{');
    fm_json_put_string(w, "type", "image");
    fm_json_open(w, "source", '{');
    fm_json_put_string(w, "type", "base64");
    fm_json_put_string(w, "media_type", picture->media_type);
    fm_remote_put_picture(message, "data", "", picture);
    fm_json_close(w, '}');
    fm_json_close(w, '}');
}

static void anthropic_build(const fm_remote *remote, fm_remote_message *message)
{
    fm_json_writer *w = &message->w;

    (void)remote;
    fm_json_open(w, "messages", '[');
    fm_json_open(w, NULL, '{');
    fm_json_put_string(w, "role", "user");
    fm_json_open(w, "content", '[');
    for (size_t i = 0; i < message->n_images; i++)
        put_picture(message, &message->images[i]);
    if (message->depth.path) {
        fm_remote_put_text_part(w, FM_REMOTE_DEPTH_NOTE);
        put_picture(message, &message->depth);
    }
    fm_remote_put_text_part(w, message->request->prompt);
    fm_json_close(w, ']');
    fm_json_close(w, '}');
    fm_json_close(w, ']');
}

/* Width times height over 750, after the long side is fitted into 1568 pixels. */
static int64_t anthropic_picture_tokens(const fm_remote *remote, int width, int height)
{
    double w = width, h = height, scale = 1568 / (w > h ? w : h);

    (void)remote;
    if (scale < 1)
        w *= scale, h *= scale;
    return (int64_t)(w * h / 750) + 1;
}

/* ---- reply ---- */

static const fm_remote_finish finishes[] = {
    {"end_turn", FM_SAMPLE_OK},
    {"stop_sequence", FM_SAMPLE_OK},
    {"max_tokens", FM_SAMPLE_TRUNCATED},
    {"model_context_window_exceeded", FM_SAMPLE_TRUNCATED},
    {"pause_turn", FM_SAMPLE_TRUNCATED},
    {"refusal", FM_SAMPLE_REFUSED},
    {0},
};

/* What the provider read from its cache, or wrote into it, is not in its input_tokens. */
static void read_usage(const cJSON *usage, fm_usage *out)
{
    if (!cJSON_IsObject(usage))
        return;
    int64_t cached = fm_remote_count(usage, "cache_read_input_tokens");

    *out = (fm_usage){
        .stated = true,
        .input_tokens = fm_remote_count(usage, "input_tokens") + cached +
                        fm_remote_count(usage, "cache_creation_input_tokens"),
        .output_tokens = fm_remote_count(usage, "output_tokens"), /* thought included */
        .cached_tokens = cached,
    };
}

static void anthropic_read(const cJSON *root, fm_arena *arena, fm_reply *reply)
{
    const cJSON *content = fm_json_get(root, "content");

    read_usage(fm_json_get(root, "usage"), &reply->usage);
    reply->model = fm_arena_strdup(arena, fm_json_string(root, "model"));
    if (!reply->request_id)
        reply->request_id = fm_arena_strdup(arena, fm_json_string(root, "id"));
    if (!cJSON_IsArray(content)) {
        fm_remote_malformed(reply, "the reply has no 'content'");
        return;
    }
    reply->finish_reason = fm_arena_strdup(arena, fm_json_string(root, "stop_reason"));
    fm_remote_join_texts(content, "text", arena, reply);
    fm_remote_finish_reply(reply, finishes);
}

static void anthropic_judge(const fm_remote_fault *fault, fm_reply *reply)
{
    static const char *const exhausted[] = {"billing_error", NULL};
    static const char *const throttled[] = {"rate_limit_error", NULL};
    static const char *const overloaded[] = {"overloaded_error", NULL};

    if (fm_remote_fault_is(fault, exhausted) ||
        (fault->message && strstr(fault->message, "credit balance is too low")))
        reply->retry = FM_RETRY_EXHAUSTED;
    else if (fm_remote_fault_is(fault, throttled))
        reply->retry = FM_RETRY_THROTTLED;
    else if (fm_remote_fault_is(fault, overloaded))
        reply->retry = FM_RETRY_TRANSIENT;
}

const fm_remote_dialect fm_remote_anthropic = {
    .ops = &fm_adapter_anthropic,
    .home = "https://api.anthropic.com",
    .needs_model = true,
    .media = FM_REMOTE_GIF | FM_REMOTE_WEBP,
    .max_picture_bytes = 5 << 20,
    .content = "messages",
    .rate_headers = {"anthropic-ratelimit-requests-remaining",
                     "anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-requests-reset",
                     "anthropic-ratelimit-tokens-reset"},
    .id_header = "request-id",
    .configure = anthropic_configure,
    .build = anthropic_build,
    .read = anthropic_read,
    .judge = anthropic_judge,
    .picture_tokens = anthropic_picture_tokens,
};

const fm_adapter_ops fm_adapter_anthropic = {
    .name = "anthropic",
    .summary = "Anthropic's Claude models (messages)",
    .caps = FM_CAP_IMAGES | FM_CAP_DEPTH | FM_CAP_WIRE,
    .options = anthropic_options,
    .keys = {"ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"},
    .check = fm_remote_check,
    .open = anthropic_open,
    .close = fm_remote_close,
    .submit = fm_remote_submit,
    .poll = fm_remote_poll,
    .abandon = fm_remote_abandon,
    .estimate = fm_remote_estimate,
};
