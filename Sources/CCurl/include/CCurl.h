#ifndef REFRAIN_CCURL_H
#define REFRAIN_CCURL_H

// libcurl, and one typed function for each shape of argument that its variadic functions take: Swift imports no
// variadics, and a typed function cannot be given a long where a curl_off_t is read.

#include <curl/curl.h>
#include <stddef.h>
#include <stdint.h>

#if LIBCURL_VERSION_NUM < 0x075000
#error "libcurl 7.80 or newer is needed: CURLOPT_PREREQFUNCTION tells when a connection is ready"
#endif

#if defined(__clang__)
#pragma clang assume_nonnull begin
#endif

/// Initialises libcurl, once in the life of the process however often and from whatever threads it is called. OpenSSL
/// is told to leave its state alone at exit, since a thread of ours may still be using it then.
CURLcode refrain_curl_global_init(void);

/// The version of the libcurl that runs, as 0xMMmmpp. The one compiled against may have been older.
unsigned int refrain_curl_runtime_version(void);

CURLcode refrain_curl_set_long(CURL *easy, CURLoption option, long value);
CURLcode refrain_curl_set_offset(CURL *easy, CURLoption option, curl_off_t value);
/// libcurl copies the string.
CURLcode refrain_curl_set_string(CURL *easy, CURLoption option, const char *_Nullable value);
/// libcurl keeps the pointer.
CURLcode refrain_curl_set_pointer(CURL *easy, CURLoption option, void *_Nullable value);
/// libcurl keeps the list.
CURLcode refrain_curl_set_list(CURL *easy, CURLoption option, struct curl_slist *_Nullable value);
/// libcurl copies the bytes.
CURLcode refrain_curl_set_blob(CURL *easy, CURLoption option, const void *bytes, size_t count);

/// Restricts the transfer to http and https.
CURLcode refrain_curl_set_protocols(CURL *easy);
/// Lets a name look-up that is under way go on by itself when its transfer is removed, rather than waiting for it.
/// Without effect below libcurl 7.87.
CURLcode refrain_curl_set_quick_exit(CURL *easy);

/// Sets a body or header consumer and its user data. It returns how many bytes it took; any other number ends the
/// transfer, but for CURL_WRITEFUNC_PAUSE.
typedef size_t (*refrain_curl_sink)(const char *_Nullable bytes, size_t size, size_t count, void *_Nullable context);
CURLcode refrain_curl_set_write_function(CURL *easy, refrain_curl_sink function, void *context);
CURLcode refrain_curl_set_header_function(CURL *easy, refrain_curl_sink function, void *context);

/// Sets the producer of the request's body. It returns how many bytes it wrote, 0 at the end, CURL_READFUNC_PAUSE or
/// CURL_READFUNC_ABORT.
typedef size_t (*refrain_curl_source)(char *_Nullable buffer, size_t size, size_t count, void *_Nullable context);
CURLcode refrain_curl_set_read_function(CURL *easy, refrain_curl_source function, void *context);

/// Sets what moves the request's body to a position. It returns CURL_SEEKFUNC_OK or CURL_SEEKFUNC_CANTSEEK.
typedef int (*refrain_curl_seek)(void *_Nullable context, curl_off_t offset, int origin);
CURLcode refrain_curl_set_seek_function(CURL *easy, refrain_curl_seek function, void *context);

/// Sets what is called when a connection is ready, before the request is sent.
typedef int (*refrain_curl_ready)(
    void *_Nullable context, char *_Nullable remote_ip, char *_Nullable local_ip, int remote_port, int local_port
);
CURLcode refrain_curl_set_ready_function(CURL *easy, refrain_curl_ready function, void *context);

/// The file of certificates that libcurl was built to trust; NULL where there is none or this libcurl does not tell
/// (before 7.84).
const char *_Nullable refrain_curl_default_authorities(CURL *easy);

CURLcode refrain_curl_get_long(CURL *easy, CURLINFO info, long *value);
CURLcode refrain_curl_get_offset(CURL *easy, CURLINFO info, curl_off_t *value);
CURLcode refrain_curl_get_pointer(CURL *easy, CURLINFO info, void *_Nullable *_Nonnull value);

CURLMcode refrain_curl_multi_set_long(CURLM *multi, CURLMoption option, long value);
/// The transfer that a message is about, and how it ended. Whether the message says that a transfer is done.
int refrain_curl_message_done(const CURLMsg *message, CURL *_Nullable *_Nonnull easy, CURLcode *result);

/// A thread that was started and is to be joined or detached, once.
typedef struct {
    uintptr_t id;
} refrain_curl_thread;

/// Starts a thread on which no signal is handled, so that a write to a closed socket there is an error and not a
/// SIGPIPE, and no handler of the application's interrupts libcurl. 0, or an errno.
int refrain_curl_thread_start(refrain_curl_thread *thread, void (*main)(void *_Nonnull context), void *context);
/// Waits until the thread has returned.
void refrain_curl_thread_join(refrain_curl_thread thread);
/// Lets the thread end by itself.
void refrain_curl_thread_detach(refrain_curl_thread thread);
/// A mark that the calling thread has put on itself, for telling which thread this is; NULL on all others.
const void *_Nullable refrain_curl_thread_mark(void);
void refrain_curl_thread_set_mark(const void *_Nullable mark);

#if defined(__clang__)
#pragma clang assume_nonnull end
#endif

#endif
