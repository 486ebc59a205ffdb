// Which names buckets and objects may have.
// Source: https://cloud.google.com/storage/docs/buckets#naming and /objects#naming.
#pragma once

#include <string_view>

#include "base/status.h"

namespace hodei::store {

// For creation; existing buckets are found by any name.
Status CheckBucketName(std::string_view name);
// Any UTF-8 of 1..1024 bytes without NUL, CR and LF, but not "." or ".." and not the certificate
// challenge folder. Everything else is literal.
Status CheckObjectName(std::string_view name);

}  // namespace hodei::store
