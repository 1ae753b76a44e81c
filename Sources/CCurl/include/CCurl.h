#ifndef REFRAIN_CCURL_H
#define REFRAIN_CCURL_H
#include <curl/curl.h>
#endif
