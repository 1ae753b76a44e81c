#define _GNU_SOURCE // RTLD_DEFAULT

#include "CCurl.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>

static pthread_once_t initialised = PTHREAD_ONCE_INIT;
static CURLcode initialisation = CURLE_FAILED_INIT;

static void initialise(void) {
    // OPENSSL_INIT_NO_ATEXIT, which OpenSSL heeds only in the first initialisation. libcurl may be built on another TLS
    // library, so the function is looked up rather than linked.
    int (*init_crypto)(uint64_t, const void *) =
        (int (*)(uint64_t, const void *))dlsym(RTLD_DEFAULT, "OPENSSL_init_crypto");
    if (init_crypto) init_crypto(0x00080000L, NULL);
    initialisation = curl_global_init(CURL_GLOBAL_DEFAULT);
}

CURLcode refrain_curl_global_init(void) {
    pthread_once(&initialised, initialise);
    return initialisation;
}

unsigned int refrain_curl_runtime_version(void) { return curl_version_info(CURLVERSION_NOW)->version_num; }

CURLcode refrain_curl_set_long(CURL *easy, CURLoption option, long value) {
    return curl_easy_setopt(easy, option, value);
}

CURLcode refrain_curl_set_offset(CURL *easy, CURLoption option, curl_off_t value) {
    return curl_easy_setopt(easy, option, value);
}

CURLcode refrain_curl_set_string(CURL *easy, CURLoption option, const char *value) {
    return curl_easy_setopt(easy, option, value);
}

CURLcode refrain_curl_set_pointer(CURL *easy, CURLoption option, void *value) {
    return curl_easy_setopt(easy, option, value);
}

CURLcode refrain_curl_set_list(CURL *easy, CURLoption option, struct curl_slist *value) {
    return curl_easy_setopt(easy, option, value);
}

CURLcode refrain_curl_set_blob(CURL *easy, CURLoption option, const void *bytes, size_t count) {
    struct curl_blob blob = {.data = (void *)bytes, .len = count, .flags = CURL_BLOB_COPY};
    return curl_easy_setopt(easy, option, &blob);
}

CURLcode refrain_curl_set_protocols(CURL *easy) {
#if LIBCURL_VERSION_NUM >= 0x075500
    return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    return curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

CURLcode refrain_curl_set_quick_exit(CURL *easy) {
#if LIBCURL_VERSION_NUM >= 0x075700
    return curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#else
    (void)easy;
    return CURLE_OK;
#endif
}

CURLcode refrain_curl_set_write_function(CURL *easy, refrain_curl_sink function, void *context) {
    CURLcode result = curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, function);
    return result != CURLE_OK ? result : curl_easy_setopt(easy, CURLOPT_WRITEDATA, context);
}

CURLcode refrain_curl_set_header_function(CURL *easy, refrain_curl_sink function, void *context) {
    CURLcode result = curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, function);
    return result != CURLE_OK ? result : curl_easy_setopt(easy, CURLOPT_HEADERDATA, context);
}

CURLcode refrain_curl_set_read_function(CURL *easy, refrain_curl_source function, void *context) {
    CURLcode result = curl_easy_setopt(easy, CURLOPT_READFUNCTION, function);
    return result != CURLE_OK ? result : curl_easy_setopt(easy, CURLOPT_READDATA, context);
}

CURLcode refrain_curl_set_seek_function(CURL *easy, refrain_curl_seek function, void *context) {
    CURLcode result = curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, function);
    return result != CURLE_OK ? result : curl_easy_setopt(easy, CURLOPT_SEEKDATA, context);
}

CURLcode refrain_curl_set_ready_function(CURL *easy, refrain_curl_ready function, void *context) {
    CURLcode result = curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, function);
    return result != CURLE_OK ? result : curl_easy_setopt(easy, CURLOPT_PREREQDATA, context);
}

const char *refrain_curl_default_authorities(CURL *easy) {
#if LIBCURL_VERSION_NUM >= 0x075400
    const char *path = NULL;
    return curl_easy_getinfo(easy, CURLINFO_CAINFO, &path) == CURLE_OK ? path : NULL;
#else
    (void)easy;
    return NULL;
#endif
}

CURLcode refrain_curl_get_long(CURL *easy, CURLINFO info, long *value) { return curl_easy_getinfo(easy, info, value); }

CURLcode refrain_curl_get_offset(CURL *easy, CURLINFO info, curl_off_t *value) {
    return curl_easy_getinfo(easy, info, value);
}

CURLcode refrain_curl_get_pointer(CURL *easy, CURLINFO info, void **value) {
    return curl_easy_getinfo(easy, info, value);
}

CURLMcode refrain_curl_multi_set_long(CURLM *multi, CURLMoption option, long value) {
    return curl_multi_setopt(multi, option, value);
}

int refrain_curl_message_done(const CURLMsg *message, CURL **easy, CURLcode *result) {
    if (message->msg != CURLMSG_DONE) return 0;
    *easy = message->easy_handle;
    *result = message->data.result;
    return 1;
}

typedef struct {
    void (*main)(void *);
    void *context;
} start;

static void *run(void *argument) {
    start begin = *(start *)argument;
    free(argument);
    begin.main(begin.context);
    return NULL;
}

int refrain_curl_thread_start(refrain_curl_thread *thread, void (*main)(void *), void *context) {
    start *begin = malloc(sizeof *begin);
    if (!begin) return ENOMEM;
    begin->main = main;
    begin->context = context;

    // A thread begins with its creator's mask, so that there is no moment at which it would take a signal. Those that
    // a fault raises stay: blocked, they would end the process without a word.
    sigset_t blocked, before;
    sigfillset(&blocked);
    const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGPROF};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) sigdelset(&blocked, faults[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    pthread_t id;
    int status = pthread_create(&id, NULL, run, begin);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (status) {
        free(begin);
    } else {
        thread->id = (uintptr_t)id;
    }
    return status;
}

void refrain_curl_thread_join(refrain_curl_thread thread) { pthread_join((pthread_t)thread.id, NULL); }

void refrain_curl_thread_detach(refrain_curl_thread thread) { pthread_detach((pthread_t)thread.id); }

static _Thread_local const void *current_mark;

const void *refrain_curl_thread_mark(void) { return current_mark; }

void refrain_curl_thread_set_mark(const void *mark) { current_mark = mark; }
