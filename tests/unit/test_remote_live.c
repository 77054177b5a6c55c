/* The remote adapters against a provider on loopback: an answer arrives as one, and of no fault of the
 * mock anything is graded. */
#include "remote_fixture.h"

#include "base/clock.h"
#include "mock/server.h"

static const fm_remote_dialect *const dialects[] = {&fm_remote_gemini, &fm_remote_openai,
                                                    &fm_remote_anthropic, &fm_remote_robotracer};

TestSuite(live, .init = forget_environment);

static fm_mock *start_mock(int fault)
{
    fm_mock_config config = {.reply = "[(1, 2)]"};
    fm_mock *mock = NULL;
    fm_err err = {0};

    if (fault >= 0)
        config.rates[fault] = 1;
    cr_assert(eq(int, fm_mock_start(&mock, &config, &err), FM_OK), "%s", err.text);
    return mock;
}

/* One reply, its texts in the arena of the state: read it before closing. */
static fm_reply ask_mock(const fm_remote_dialect *dialect, const fm_mock *mock, double timeout_s,
                         void **state)
{
    char url[64];
    const fm_setting settings[] = {{"base_url", url}, {"model", "m"}};
    const fm_adapter_config config = {
        .settings = settings, .n_settings = dialect->needs_model ? 2 : 1, .timeout_s = timeout_s};
    /* The server's paths are not opened here. */
    const fm_request request = {.id = "7",
                                .task = "t",
                                .prompt = "Hi",
                                .image_path = dialect->needs_model ? NULL : "/a.png",
                                .repeat = 1};
    double until = fm_clock_seconds() + 5;
    fm_arrival arrival;
    fm_err err = {0};
    size_t n = 0;

    snprintf(url, sizeof(url), "http://127.0.0.1:%d", fm_mock_port(mock));
    cr_assert(eq(int, fm_remote_open(dialect, state, &config, &err), FM_OK), "%s", err.text);
    cr_assert(eq(int, fm_remote_submit(*state, &request, 1, &err), FM_OK), "%s", err.text);
    while (n == 0 && fm_clock_seconds() < until)
        cr_assert(eq(int, fm_remote_poll(*state, 0.1, &arrival, 1, &n, &err), FM_OK), "%s",
                  err.text);
    cr_assert(eq(sz, n, 1), "%s", dialect->ops->name);
    return arrival.reply;
}

Test(live, an_answer_arrives)
{
    fm_mock *mock = start_mock(-1);

    for (size_t i = 0; i < 4; i++) {
        void *state = NULL;
        fm_reply reply = ask_mock(dialects[i], mock, 5, &state);

        cr_expect(eq(int, reply.status, FM_SAMPLE_OK), "%s: %s", dialects[i]->ops->name,
                  reply.detail ? reply.detail : "");
        cr_expect(reply.size == 8 && memcmp(reply.text, "[(1, 2)]", 8) == 0, "%s",
                  dialects[i]->ops->name);
        cr_expect(gt(dbl, reply.server_s, 0));
        fm_remote_close(state);
    }
    fm_mock_stop(mock);
}

Test(live, no_fault_is_an_answer)
{
    for (int fault = 0; fault < FM_MOCK_FAULTS; fault++) {
        fm_mock *mock = start_mock(fault);
        double timeout_s = fault == FM_MOCK_SLOW || fault == FM_MOCK_HANG ? 0.02 : 5;
        bool told = fault == FM_MOCK_CUT || fault == FM_MOCK_REFUSAL;
        bool terminal = told || fault == FM_MOCK_429_DAILY;

        /* RoboTracer's protocol, the last of them, has no word for a text that was cut or refused. */
        for (size_t i = 0; i < (told ? 3 : 4); i++) {
            void *state = NULL;
            fm_reply reply = ask_mock(dialects[i], mock, timeout_s, &state);

            cr_expect(ne(int, reply.status, FM_SAMPLE_OK), "%s %s", dialects[i]->ops->name,
                      fm_mock_fault_name(fault));
            if (!terminal)
                cr_expect(reply.retry == FM_RETRY_TRANSIENT || reply.retry == FM_RETRY_THROTTLED,
                          "%s %s", dialects[i]->ops->name, fm_mock_fault_name(fault));
            fm_remote_close(state);
        }
        fm_mock_stop(mock);
    }
}
