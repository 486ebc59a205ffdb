// A parsed filter: what the parser makes and the evaluation walks.
#pragma once

#include <re2/re2.h>

#include <memory>
#include <string>
#include <vector>

#include "store/log/filter.h"

namespace hodei::store {

struct Filter::Node {
  enum class Kind { kAnd, kOr, kNot, kCompare, kText } kind = Kind::kText;
  enum class Op {
    kEqual,
    kNotEqual,
    kLess,
    kLessEqual,
    kGreater,
    kGreaterEqual,
    kHas,
    kMatch,
    kNotMatch
  };
  std::vector<std::unique_ptr<Node>> children;
  Op op = Op::kEqual;
  std::string path;
  std::string value;
  std::string folded;  // value in lower case, for searches
  WallTime time;
  LogSeverity severity = google::logging::v2::DEFAULT;
  std::unique_ptr<re2::RE2> regex;
};

}  // namespace hodei::store
