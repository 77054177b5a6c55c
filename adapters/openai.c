/**
 * OpenAI's chat completions, as OpenAI, vLLM, llama.cpp's server and many others speak them.
 *
 * Owns the form of the request and the words of the reply. docs/adapters.md has the settings.
 */
#include "adapters/adapters.h"

#include <stdlib.h>
#include <string.h>

#include "adapters/remote.h"

enum { DETAIL_LOW, DETAIL_HIGH, DETAIL_AUTO };

static const fm_adapter_option openai_options[] = {
    {.name = "model", .summary = "name of the model; needed"},
    {.name = "base_url",
     .summary = "address up to and with /v1",
     .fallback = "https://api.openai.com/v1",
     .environment = {"OPENAI_BASE_URL", "OPENAI_API_BASE"}},
    {.name = "max_output_tokens", .summary = "most tokens of a reply, thought included"},
    {.name = "max_tokens_field",
     .summary = "what the server calls that: max_completion_tokens or max_tokens",
     .fallback = "max_completion_tokens"},
    {.name = "seed", .summary = "of the first asking; each further one of --repeat adds 1"},
    {.name = "reasoning_effort", .summary = "none, minimal, low, medium, high or xhigh"},
    {.name = "detail", .summary = "resolution of pictures: low, high or auto"},
    {.name = "response_format", .summary = "text or json", .fallback = "text"},
    FM_REMOTE_OPTIONS_OF_MODELS,
    FM_REMOTE_OPTIONS_OF_ALL,
    {0},
};

static const char *const details[] = {"low", "high", "auto", NULL};

static fm_status openai_open(void **state, const fm_adapter_config *config, fm_err *err)
{
    return fm_remote_open(&fm_remote_openai, state, config, err);
}

/* ---- request ---- */

static fm_status add_account(fm_remote *remote, fm_err *err)
{
    static const char *const headers[][2] = {{"OPENAI_ORG_ID", "OpenAI-Organization"},
                                             {"OPENAI_PROJECT_ID", "OpenAI-Project"}};
    fm_status st = FM_OK;

    if (remote->key)
        st = fm_remote_add_header(remote, "authorization", "Bearer ", remote->key, true, err);
    for (size_t i = 0; i < 2 && st == FM_OK; i++)
        st = fm_remote_add_account(remote, headers[i][0], headers[i][1], err);
    return st;
}

static fm_status put_settings(fm_remote *remote, fm_json_writer *w, fm_err *err)
{
    static const char *const limits[] = {"max_completion_tokens", "max_tokens", NULL};
    static const char *const efforts[] = {"none", "minimal", "low", "medium",
                                          "high", "xhigh",   NULL};
    static const char *const formats[] = {"text", "json", NULL};
    int limit = 0, effort = -1, format = 0;
    fm_status st = fm_remote_word(remote, "max_tokens_field", limits, &limit, err);

    if (st == FM_OK)
        st = fm_remote_word(remote, "reasoning_effort", efforts, &effort, err);
    if (st == FM_OK)
        st = fm_remote_word(remote, "response_format", formats, &format, err);
    if (st == FM_OK)
        st = fm_remote_put_limit(remote, w, limits[limit], err);
    /* Models that reason refuse any temperature but their own. */
    if (st == FM_OK)
        st = fm_remote_put_temperature(remote, w, effort > 0, 2, err);
    if (st == FM_OK)
        st = fm_remote_put_number(remote, w, "top_p", "top_p", 0, 1, false, err);
    if (st == FM_OK)
        st = fm_remote_put_number(remote, w, "seed", "seed", 0, INT32_MAX, true, err);
    if (st == FM_OK)
        st = fm_remote_put_stop(remote, w, "stop", err);
    if (st == FM_OK && effort >= 0)
        fm_json_put_string(w, "reasoning_effort", efforts[effort]);
    if (st == FM_OK && format) {
        fm_json_open(w, "response_format", '{');
        fm_json_put_string(w, "type", "json_object");
        fm_json_close(w, '}');
    }
    return st;
}

static fm_status openai_configure(fm_remote *remote, fm_json_writer *w, fm_err *err)
{
    fm_status st = add_account(remote, err);

    remote->detail = -1;
    remote->path = "/chat/completions";
    fm_json_put_string(w, "model", remote->model);
    if (st == FM_OK)
        st = put_settings(remote, w, err);
    if (st == FM_OK)
        st = fm_remote_word(remote, "detail", details, &remote->detail, err);
    return st;
}

static void put_picture(const fm_remote *remote, fm_remote_message *message,
                        fm_remote_picture *picture)
{
    fm_json_writer *w = &message->w;
    char before[64];

    snprintf(before, sizeof(before), "data:%s;base64,", picture->media_type);
    fm_json_open(w, NULL, '{');
    fm_json_put_string(w, "type", "image_url");
    fm_json_open(w, "image_url", '{');
    fm_remote_put_picture(message, "url", before, picture);
    if (remote->detail >= 0)
        fm_json_put_string(w, "detail", details[remote->detail]);
    fm_json_close(w, '}');
    fm_json_close(w, '}');
}

static void open_message(fm_json_writer *w, const char *role)
{
    fm_json_open(w, NULL, '{');
    fm_json_put_string(w, "role", role);
}

static void openai_build(const fm_remote *remote, fm_remote_message *message)
{
    fm_json_writer *w = &message->w;
    bool pictures = message->n_images || message->depth.path;

    fm_json_open(w, "messages", '[');
    if (remote->system) {
        open_message(w, "system");
        fm_json_put_string(w, "content", remote->system);
        fm_json_close(w, '}');
    }
    open_message(w, "user");
    if (!pictures) {
        /* Every server takes a plain text; some take nothing else from a model without eyes. */
        fm_json_put_string(w, "content", message->request->prompt);
    } else {
        fm_json_open(w, "content", '[');
        for (size_t i = 0; i < message->n_images; i++)
            put_picture(remote, message, &message->images[i]);
        if (message->depth.path) {
            fm_remote_put_text_part(w, FM_REMOTE_DEPTH_NOTE);
            put_picture(remote, message, &message->depth);
        }
        fm_remote_put_text_part(w, message->request->prompt);
        fm_json_close(w, ']');
    }
    fm_json_close(w, '}');
    fm_json_close(w, ']');
}

/* 85 and 170 a tile of 512 pixels, after fitting into 2048 and the short side to 768. */
static int64_t openai_picture_tokens(const fm_remote *remote, int width, int height)
{
    double w = width, h = height, scale = 2048 / (w > h ? w : h);

    if (remote->detail == DETAIL_LOW)
        return 85;
    if (scale < 1)
        w *= scale, h *= scale;
    scale = 768 / (w < h ? w : h);
    if (scale < 1)
        w *= scale, h *= scale;
    return 85 + 170 * (((int64_t)w + 511) / 512) * (((int64_t)h + 511) / 512);
}

/* ---- reply ---- */

static const fm_remote_finish finishes[] = {
    {"stop", FM_SAMPLE_OK},
    {"length", FM_SAMPLE_TRUNCATED},
    {"content_filter", FM_SAMPLE_BLOCKED},
    {"error", FM_SAMPLE_API_ERROR}, /* gateways: the provider behind them broke off */
    {0},
};

static void read_usage(const cJSON *usage, fm_usage *out)
{
    if (!cJSON_IsObject(usage))
        return;
    int64_t completion = fm_remote_count(usage, "completion_tokens");
    int64_t thought =
        fm_remote_count(fm_json_get(usage, "completion_tokens_details"), "reasoning_tokens");

    *out = (fm_usage){
        .stated = true,
        .input_tokens = fm_remote_count(usage, "prompt_tokens"),
        .output_tokens = completion > thought ? completion - thought : 0,
        .thought_tokens = thought,
        .cached_tokens =
            fm_remote_count(fm_json_get(usage, "prompt_tokens_details"), "cached_tokens"),
    };
}

static void openai_read(const cJSON *root, fm_arena *arena, fm_reply *reply)
{
    const cJSON *choice = cJSON_GetArrayItem(fm_json_get(root, "choices"), 0);
    const cJSON *message = fm_json_get(choice, "message");
    const cJSON *content = fm_json_get(message, "content");
    const cJSON *refusal = fm_json_get(message, "refusal");

    read_usage(fm_json_get(root, "usage"), &reply->usage);
    reply->model = fm_arena_strdup(arena, fm_json_string(root, "model"));
    if (!reply->request_id)
        reply->request_id = fm_arena_strdup(arena, fm_json_string(root, "id"));
    if (!cJSON_IsObject(message)) {
        fm_remote_malformed(reply, "the reply has no message in 'choices'");
        return;
    }
    reply->finish_reason = fm_arena_strdup(arena, fm_json_string(choice, "finish_reason"));
    if (cJSON_IsArray(content))
        fm_remote_join_texts(content, "text", arena, reply);
    else
        reply->text = fm_json_bytes(content, arena, &reply->size);
    fm_remote_finish_reply(reply, finishes);
    if (cJSON_IsString(refusal) && *refusal->valuestring) {
        if (!reply->size)
            reply->text = fm_json_bytes(refusal, arena, &reply->size);
        reply->status = FM_SAMPLE_REFUSED;
        reply->retry = FM_RETRY_NEVER;
    }
}

static void openai_judge(const fm_remote_fault *fault, fm_reply *reply)
{
    static const char *const exhausted[] = {"insufficient_quota", "billing_hard_limit_reached",
                                            "billing_not_active", NULL};
    static const char *const filtered[] = {"content_filter", "content_policy_violation", NULL};
    static const char *const refused_keys[] = {"invalid_api_key", NULL};

    if (fm_remote_fault_is(fault, exhausted))
        reply->retry = FM_RETRY_EXHAUSTED;
    else if (fm_remote_fault_is(fault, refused_keys))
        reply->retry = FM_RETRY_HOPELESS;
    else if (fault->http_status == 400 && fm_remote_fault_is(fault, filtered))
        reply->status = FM_SAMPLE_BLOCKED;
}

const fm_remote_dialect fm_remote_openai = {
    .ops = &fm_adapter_openai,
    .home = "https://api.openai.com/v1",
    .needs_model = true,
    .media = FM_REMOTE_GIF | FM_REMOTE_WEBP,
    .max_picture_bytes = 20 << 20,
    .content = "messages",
    .rate_headers = {"x-ratelimit-remaining-requests", "x-ratelimit-remaining-tokens",
                     "x-ratelimit-reset-requests", "x-ratelimit-reset-tokens"},
    .id_header = "x-request-id",
    .configure = openai_configure,
    .build = openai_build,
    .read = openai_read,
    .judge = openai_judge,
    .picture_tokens = openai_picture_tokens,
};

const fm_adapter_ops fm_adapter_openai = {
    .name = "openai",
    .summary = "OpenAI's chat completions: OpenAI, vLLM, llama.cpp, any server that speaks it",
    .caps = FM_CAP_IMAGES | FM_CAP_DEPTH | FM_CAP_WIRE,
    .options = openai_options,
    .keys = {"OPENAI_API_KEY"},
    .check = fm_remote_check,
    .open = openai_open,
    .close = fm_remote_close,
    .submit = fm_remote_submit,
    .poll = fm_remote_poll,
    .abandon = fm_remote_abandon,
    .estimate = fm_remote_estimate,
};
