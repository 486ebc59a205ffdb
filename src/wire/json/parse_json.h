// JSON to messages, for text from strangers: the proto3 JSON mapping, strict, with the error texts
// that Google's services answer. Field names are taken as lowerCamelCase or as in the .proto file;
// integers as numbers or strings; null is "absent". A name given twice, a second member of a oneof
// and an unknown name are errors.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/status.h"

namespace google::protobuf {
class Message;
}

namespace hodei::wire {

struct ParseOptions {
  // Deeper nesting of objects and arrays is an error, however the text came about (T24).
  int depth_limit = 64;
  size_t size_limit_bytes = 16 * 1024 * 1024;
  // Names, elements and scalars together: a small text of "{},{},…" is a large message.
  size_t value_limit = 250'000;
  // Where `message` is in the request, for error texts: "job".
  std::string path;
  // Unknown names are skipped: for a client that reads a newer server's answers.
  bool ignore_unknown = false;
};

// Fills `message`, which is cleared first. INVALID_ARGUMENT with a violation for each wrong field
// (the first kViolationLimit of them), message texts joined by newlines:
//   Invalid JSON payload received. Unknown name "x" at 'job.training_input': Cannot find field.
//   Invalid value at 'job.training_input.worker_count' (TYPE_INT64), "many"
// `message` holds no meaningful value after an error. Thread-safe.
Status ParseJson(std::string_view text, google::protobuf::Message* message,
                 const ParseOptions& options = {});

inline constexpr size_t kViolationLimit = 20;

}  // namespace hodei::wire
