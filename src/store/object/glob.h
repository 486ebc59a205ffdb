// Cloud Storage's matchGlob: `*` and `?` stop at '/', `**` does not, [a-c], [!x], {a,b}.
// Source:
// https://cloud.google.com/storage/docs/json_api/v1/objects/list#list-objects-and-prefixes-using-glob
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace hodei::store {

// A compiled pattern. Matching takes time linear in name × pattern, whatever the pattern.
class Glob {
 public:
  // INVALID_ARGUMENT for unbalanced brackets or braces, or more than 1024 bytes.
  static Result<Glob> Compile(std::string_view pattern);
  bool Matches(std::string_view name) const;
  // What every match starts with.
  const std::string& literal_prefix() const { return literal_prefix_; }

 private:
  struct Node {
    enum class Kind { kByte, kAnyButSlash, kStar, kStarStar, kSet, kSplit, kJump, kEnd } kind;
    unsigned char byte = 0;
    bool negated = false;
    std::vector<std::pair<unsigned char, unsigned char>> ranges;  // kSet
    std::vector<int> targets;                                     // kSplit, kJump
  };
  class Compiler;
  void AddState(int state, std::vector<int>* states, std::vector<bool>* seen) const;

  std::vector<Node> nodes_;
  std::string literal_prefix_;
};

}  // namespace hodei::store
