/**
 * Google's generateContent.
 *
 * Owns the form of the request and the words of the reply. Proto-JSON has two spellings of every
 * name; ours are in camelCase, and both are read. docs/adapters.md has the settings.
 */
#include "adapters/adapters.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/remote.h"

enum { RESOLUTION_LOW, RESOLUTION_MEDIUM, RESOLUTION_HIGH, RESOLUTION_ULTRA_HIGH };

#define MODEL_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/"

/* Without a wish of the provider's: its budgets are those of a minute. */
#define MINUTE_S 60.0

static const fm_adapter_option gemini_options[] = {
    {.name = "model", .summary = "name of the model, as gemini-2.5-flash; needed"},
    {.name = "base_url",
     .summary = "address of the service",
     .fallback = "https://generativelanguage.googleapis.com",
     .environment = {"GOOGLE_GEMINI_BASE_URL"}},
    {.name = "max_output_tokens", .summary = "most tokens of a reply, thought included"},
    {.name = "top_k", .summary = "number of tokens that are drawn from"},
    {.name = "seed", .summary = "of the first asking; each further one of --repeat adds 1"},
    {.name = "thinking_budget", .summary = "tokens of thought: 0 none, -1 as the model likes"},
    {.name = "thinking_level", .summary = "minimal, low, medium or high, for models since 3"},
    {.name = "media_resolution", .summary = "low, medium, high or ultra_high (since 3)"},
    {.name = "response_format", .summary = "text or json", .fallback = "text"},
    FM_REMOTE_OPTIONS_OF_MODELS,
    FM_REMOTE_OPTIONS_OF_ALL,
    {0},
};

static fm_status gemini_open(void **state, const fm_adapter_config *config, fm_err *err)
{
    return fm_remote_open(&fm_remote_gemini, state, config, err);
}

/* ---- request ---- */

/* The model is part of the address: it may not lead anywhere else. */
static fm_status set_path(fm_remote *remote, fm_err *err)
{
    const char *model = remote->model;
    bool versioned =
        fm_remote_base_ends_with(remote, "/v1beta") || fm_remote_base_ends_with(remote, "/v1");
    fm_buf path = {0};

    if (model[strspn(model, MODEL_CHARACTERS)] || strstr(model, "..") || *model == '/')
        return fm_fail(err, FM_E_USAGE, "setting 'model' is no name of a model: '%s'",
                       remote->model);
    fm_buf_printf(&path, "%s/%s%s:generateContent", versioned ? "" : "/v1beta",
                  strchr(model, '/') ? "" : "models/", model);
    remote->path = path.failed ? NULL : fm_arena_strdup(&remote->arena, fm_buf_text(&path));
    fm_buf_release(&path);
    return remote->path ? FM_OK : fm_fail(err, FM_E_NOMEM, "no memory for an address");
}

static fm_status put_thinking(fm_remote *remote, fm_json_writer *w, fm_err *err)
{
    static const char *const names[] = {"minimal", "low", "medium", "high", NULL};
    static const char *const words[] = {"MINIMAL", "LOW", "MEDIUM", "HIGH"};
    int level = -1;
    fm_status st = fm_remote_word(remote, "thinking_level", names, &level, err);

    if (st != FM_OK)
        return st;
    if (level >= 0 && fm_remote_setting(remote, "thinking_budget"))
        return fm_fail(err, FM_E_USAGE,
                       "set thinking_budget (models 2.5) or thinking_level (since 3), not both");
    if (level < 0 && !fm_remote_setting(remote, "thinking_budget"))
        return FM_OK;
    fm_json_open(w, "thinkingConfig", '{');
    if (level >= 0)
        fm_json_put_string(w, "thinkingLevel", words[level]);
    else
        st = fm_remote_put_number(remote, w, "thinkingBudget", "thinking_budget", -1, 1e6, true,
                                  err);
    fm_json_close(w, '}');
    return st;
}

static const char *const resolution_words[] = {"MEDIA_RESOLUTION_LOW", "MEDIA_RESOLUTION_MEDIUM",
                                               "MEDIA_RESOLUTION_HIGH",
                                               "MEDIA_RESOLUTION_ULTRA_HIGH"};

static fm_status put_media(fm_remote *remote, fm_json_writer *w, fm_err *err)
{
    static const char *const resolutions[] = {"low", "medium", "high", "ultra_high", NULL};
    static const char *const formats[] = {"text", "json", NULL};
    int format = 0;
    fm_status st = fm_remote_word(remote, "media_resolution", resolutions, &remote->detail, err);

    if (st == FM_OK)
        st = fm_remote_word(remote, "response_format", formats, &format, err);
    if (st != FM_OK)
        return st;
    /* The highest is taken beside a picture only. */
    if (remote->detail >= 0 && remote->detail != RESOLUTION_ULTRA_HIGH)
        fm_json_put_string(w, "mediaResolution", resolution_words[remote->detail]);
    if (format)
        fm_json_put_string(w, "responseMimeType", "application/json");
    return FM_OK;
}

static fm_status put_generation(fm_remote *remote, fm_json_writer *w, fm_err *err)
{
    fm_json_open(w, "generationConfig", '{');
    fm_status st = fm_remote_put_temperature(remote, w, false, 2, err);
    if (st == FM_OK)
        st = fm_remote_put_number(remote, w, "topP", "top_p", 0, 1, false, err);
    if (st == FM_OK)
        st = fm_remote_put_number(remote, w, "topK", "top_k", 1, 1e6, true, err);
    if (st == FM_OK)
        st = fm_remote_put_number(remote, w, "seed", "seed", 0, INT32_MAX, true, err);
    if (st == FM_OK)
        st = fm_remote_put_limit(remote, w, "maxOutputTokens", err);
    if (st == FM_OK)
        st = fm_remote_put_stop(remote, w, "stopSequences", err);
    if (st == FM_OK)
        st = put_media(remote, w, err);
    if (st == FM_OK)
        st = put_thinking(remote, w, err);
    fm_json_close(w, '}');
    return st;
}

static void put_text(fm_json_writer *w, const char *text)
{
    fm_json_open(w, NULL, '{');
    fm_json_put_string(w, "text", text);
    fm_json_close(w, '}');
}

static fm_status gemini_configure(fm_remote *remote, fm_json_writer *w, fm_err *err)
{
    fm_status st = set_path(remote, err);

    remote->detail = -1;
    if (st == FM_OK && remote->key)
        st = fm_remote_add_header(remote, "x-goog-api-key", "", remote->key, true, err);
    if (remote->system) {
        fm_json_open(w, "systemInstruction", '{');
        fm_json_open(w, "parts", '[');
        put_text(w, remote->system);
        fm_json_close(w, ']');
        fm_json_close(w, '}');
    }
    return st == FM_OK ? put_generation(remote, w, err) : st;
}

static void put_picture(const fm_remote *remote, fm_remote_message *message,
                        fm_remote_picture *picture)
{
    fm_json_writer *w = &message->w;

    fm_json_open(w, NULL, '{');
    fm_json_open(w, "inlineData", '{');
    fm_json_put_string(w, "mimeType", picture->media_type);
    fm_remote_put_picture(message, "data", "", picture);
    fm_json_close(w, '}');
    if (remote->detail == RESOLUTION_ULTRA_HIGH) {
        fm_json_open(w, "mediaResolution", '{');
        fm_json_put_string(w, "level", resolution_words[RESOLUTION_ULTRA_HIGH]);
        fm_json_close(w, '}');
    }
    fm_json_close(w, '}');
}

static void gemini_build(const fm_remote *remote, fm_remote_message *message)
{
    fm_json_writer *w = &message->w;

    fm_json_open(w, "contents", '[');
    fm_json_open(w, NULL, '{');
    fm_json_put_string(w, "role", "user");
    fm_json_open(w, "parts", '[');
    for (size_t i = 0; i < message->n_images; i++)
        put_picture(remote, message, &message->images[i]);
    if (message->depth.path) {
        put_text(w, FM_REMOTE_DEPTH_NOTE);
        put_picture(remote, message, &message->depth);
    }
    put_text(w, message->request->prompt);
    fm_json_close(w, ']');
    fm_json_close(w, '}');
    fm_json_close(w, ']');
}

/* As reported for models 3: 280, 560, 1120, 2240; for those before: 66 at low, else 258. */
static int64_t gemini_picture_tokens(const fm_remote *remote, int width, int height)
{
    (void)width, (void)height;
    if (strstr(remote->model, "gemini-1") || strstr(remote->model, "gemini-2"))
        return remote->detail == RESOLUTION_LOW ? 66 : 258;
    return remote->detail < 0 ? 1120 : (int64_t)280 << remote->detail;
}

/* ---- reply ---- */

/* A member by its name in camelCase or in snake_case. */
static const cJSON *member(const cJSON *object, const char *camel)
{
    const cJSON *there = fm_json_get(object, camel);
    char snake[64];
    size_t n = 0;

    if (there)
        return there;
    for (const char *p = camel; *p && n + 2 < sizeof(snake); p++) {
        if (isupper((unsigned char)*p))
            snake[n++] = '_';
        snake[n++] = (char)tolower((unsigned char)*p);
    }
    snake[n] = '\0';
    return fm_json_get(object, snake);
}

static const char *text_of(const cJSON *object, const char *camel)
{
    return cJSON_GetStringValue(member(object, camel));
}

static const fm_remote_finish finishes[] = {
    {"STOP", FM_SAMPLE_OK},
    {"MAX_TOKENS", FM_SAMPLE_TRUNCATED},
    {"CONTINUATION", FM_SAMPLE_TRUNCATED},
    {"SAFETY", FM_SAMPLE_BLOCKED},
    {"RECITATION", FM_SAMPLE_BLOCKED},
    {"BLOCKLIST", FM_SAMPLE_BLOCKED},
    {"PROHIBITED_CONTENT", FM_SAMPLE_BLOCKED},
    {"SPII", FM_SAMPLE_BLOCKED},
    {"IMAGE_SAFETY", FM_SAMPLE_BLOCKED},
    {"MODEL_ARMOR", FM_SAMPLE_BLOCKED},
    {"JAILBREAK", FM_SAMPLE_BLOCKED},
    {0},
};

static int64_t count_of(const cJSON *usage, const char *camel)
{
    const cJSON *item = member(usage, camel);

    return item ? fm_remote_count(usage, item->string) : 0;
}

static void read_usage(const cJSON *usage, fm_usage *out)
{
    if (!cJSON_IsObject(usage))
        return;
    *out = (fm_usage){
        .stated = true,
        .input_tokens =
            count_of(usage, "promptTokenCount") + count_of(usage, "toolUsePromptTokenCount"),
        .output_tokens = count_of(usage, "candidatesTokenCount"),
        .thought_tokens = count_of(usage, "thoughtsTokenCount"),
        .cached_tokens = count_of(usage, "cachedContentTokenCount"),
    };
}

static void gemini_read(const cJSON *root, fm_arena *arena, fm_reply *reply)
{
    const cJSON *candidate = cJSON_GetArrayItem(fm_json_get(root, "candidates"), 0);
    const cJSON *parts = fm_json_get(fm_json_get(candidate, "content"), "parts");
    const char *blocked = text_of(member(root, "promptFeedback"), "blockReason");
    const char *said = text_of(candidate, "finishMessage");

    read_usage(member(root, "usageMetadata"), &reply->usage);
    reply->model = fm_arena_strdup(arena, text_of(root, "modelVersion"));
    if (!reply->request_id)
        reply->request_id = fm_arena_strdup(arena, text_of(root, "responseId"));
    if (!candidate && blocked) {
        reply->finish_reason = fm_arena_strdup(arena, blocked);
        reply->status = FM_SAMPLE_BLOCKED;
        return;
    }
    reply->finish_reason = fm_arena_strdup(arena, text_of(candidate, "finishReason"));
    fm_remote_join_texts(parts, NULL, arena, reply);
    fm_remote_finish_reply(reply, finishes);
    if (said && reply->status != FM_SAMPLE_OK)
        reply->detail = fm_remote_one_line(arena, said);
}

static bool is_of_the_day(const cJSON *detail)
{
    const cJSON *violation;

    cJSON_ArrayForEach(violation, fm_json_get(detail, "violations"))
    {
        const char *id = text_of(violation, "quotaId");

        if (id && (strstr(id, "PerDay") || strstr(id, "Daily")))
            return true;
    }
    return false;
}

static bool is_of_the_minute(const cJSON *detail)
{
    const cJSON *violation;

    cJSON_ArrayForEach(violation, fm_json_get(detail, "violations"))
    {
        const char *id = text_of(violation, "quotaId");

        if (id && strstr(id, "PerMinute"))
            return true;
    }
    return false;
}

/* The details decide: a quota of the day comes with a RetryInfo of seconds all the same. */
static void gemini_judge(const fm_remote_fault *fault, fm_reply *reply)
{
    const cJSON *detail;
    bool day = false, minute = false;
    double wait = 0;

    cJSON_ArrayForEach(detail, fault->details)
    {
        const char *delay = text_of(detail, "retryDelay");
        const char *reason = fm_json_string(detail, "reason");

        day |= is_of_the_day(detail);
        minute |= is_of_the_minute(detail);
        if (delay && fm_remote_duration(delay) > wait)
            wait = fm_remote_duration(delay);
        if (reason && strcmp(reason, "API_KEY_INVALID") == 0)
            reply->retry = FM_RETRY_HOPELESS;
    }
    if (fault->http_status != 429 && wait <= 0)
        return;
    if (fault->http_status == 429 && day)
        reply->retry = FM_RETRY_EXHAUSTED;
    else if (wait > 0)
        reply->retry_after_s = wait;
    else if (minute && !fm_remote_wait_in_text(fault->message, &reply->retry_after_s))
        reply->retry_after_s = MINUTE_S;
}

const fm_remote_dialect fm_remote_gemini = {
    .ops = &fm_adapter_gemini,
    .home = "https://generativelanguage.googleapis.com",
    .needs_model = true,
    .media = FM_REMOTE_WEBP | FM_REMOTE_HEIC,
    .max_picture_bytes = 14 << 20, /* a request may have 20 MB, and base64 takes a third more */
    .content = "contents",
    .sampling_in = "generationConfig",
    .configure = gemini_configure,
    .build = gemini_build,
    .read = gemini_read,
    .judge = gemini_judge,
    .picture_tokens = gemini_picture_tokens,
};

const fm_adapter_ops fm_adapter_gemini = {
    .name = "gemini",
    .summary = "Google's Gemini models (generateContent)",
    .caps = FM_CAP_IMAGES | FM_CAP_DEPTH | FM_CAP_WIRE,
    .options = gemini_options,
    .keys = {"GOOGLE_API_KEY", "GEMINI_API_KEY"},
    .check = fm_remote_check,
    .open = gemini_open,
    .close = fm_remote_close,
    .submit = fm_remote_submit,
    .poll = fm_remote_poll,
    .abandon = fm_remote_abandon,
    .estimate = fm_remote_estimate,
};
