#ifndef REFRAIN_CHIREDIS_H
#define REFRAIN_CHIREDIS_H

// hiredis's command formatter and reply reader, behind one interface for its versions 0.14 and 1.x, whose callbacks have
// other signatures. Nothing of hiredis that opens a socket is used.

#include <stddef.h>
#include <stdint.h>

#if defined(__clang__)
#pragma clang assume_nonnull begin
#endif

/// What a string of a reply is.
typedef enum refrain_string_kind {
    refrain_string_bulk = 0,
    refrain_string_simple = 1,
    refrain_string_error = 2,
} refrain_string_kind;

/// What is told of a reply as it is read, from the outside in and from left to right. Each returns 0 where the reply is
/// refused: the reader is in error from then on.
typedef struct refrain_reply_sink {
    int (*string)(void *context, refrain_string_kind kind, const char *bytes, size_t count);
    int (*array)(void *context, size_t count);
    int (*integer)(void *context, int64_t value);
    int (*null)(void *context, int is_array);
} refrain_reply_sink;

/// What has become of a step of the reader.
typedef enum refrain_read_result {
    /// More bytes are needed.
    refrain_read_more = 0,
    /// A reply was read whole.
    refrain_read_reply = 1,
    /// The bytes are no RESP2, or a callback refused them.
    refrain_read_failed = 2,
} refrain_read_result;

typedef struct refrain_reader refrain_reader;

/// NULL where memory is short. The context must outlive the reader.
refrain_reader *_Nullable refrain_reader_create(refrain_reply_sink sink, void *context);
void refrain_reader_free(refrain_reader *reader);
/// 0 where memory is short.
int refrain_reader_feed(refrain_reader *reader, const void *bytes, size_t count);
refrain_read_result refrain_reader_next(refrain_reader *reader);
/// The bytes that were fed and not read.
size_t refrain_reader_held(const refrain_reader *reader);
/// After refrain_read_more: the length that the bulk string in hand announces, or -1 where none has.
int64_t refrain_reader_announced(const refrain_reader *reader);

/// Formats a command with redisFormatCommandArgv. Returns its length and sets `command`, to be given to
/// refrain_command_free; negative where memory is short.
int64_t refrain_command_format(
    char *_Nullable *_Nonnull command, int count, const char *_Nullable *_Nonnull arguments,
    const size_t *lengths);
void refrain_command_free(char *_Nullable command);

#if defined(__clang__)
#pragma clang assume_nonnull end
#endif

#endif
