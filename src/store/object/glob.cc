#include "store/object/glob.h"

#include <algorithm>

namespace hodei::store {
namespace {
constexpr size_t kPatternLimit = 1024;
constexpr int kNestingLimit = 8;

Status BadPattern() {
  return InvalidArgument("Invalid value for matchGlob.").WithReason("invalidParameter");
}
}  // namespace

class Glob::Compiler {
 public:
  Compiler(std::string_view pattern, std::vector<Node>* nodes) : text_(pattern), nodes_(*nodes) {}

  Status Run() {
    RETURN_IF_ERROR(Sequence(0));
    if (at_ != text_.size()) return BadPattern();
    nodes_.push_back({Node::Kind::kEnd});
    return OkStatus();
  }

 private:
  // Up to the end, or to ',' or '}' inside braces.
  Status Sequence(int depth) {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (depth > 0 && (c == ',' || c == '}')) return OkStatus();
      ++at_;
      if (c == '*') {
        const bool twice = at_ < text_.size() && text_[at_] == '*';
        if (twice) ++at_;
        nodes_.push_back({twice ? Node::Kind::kStarStar : Node::Kind::kStar});
      } else if (c == '?') {
        nodes_.push_back({Node::Kind::kAnyButSlash});
      } else if (c == '[') {
        RETURN_IF_ERROR(Set());
      } else if (c == '{') {
        RETURN_IF_ERROR(Braces(depth + 1));
      } else if (c == '}') {
        return BadPattern();
      } else if (c == '\\' && at_ < text_.size()) {
        PushByte(text_[at_++]);
      } else {
        PushByte(c);
      }
    }
    return OkStatus();
  }

  void PushByte(char c) {
    Node node{Node::Kind::kByte};
    node.byte = static_cast<unsigned char>(c);
    nodes_.push_back(std::move(node));
  }

  Status Set() {
    Node node{Node::Kind::kSet};
    if (at_ < text_.size() && (text_[at_] == '!' || text_[at_] == '^')) {
      node.negated = true;
      ++at_;
    }
    bool first = true;
    while (at_ < text_.size() && (text_[at_] != ']' || first)) {
      first = false;
      const auto low = static_cast<unsigned char>(text_[at_++]);
      unsigned char high = low;
      if (at_ + 1 < text_.size() && text_[at_] == '-' && text_[at_ + 1] != ']') {
        high = static_cast<unsigned char>(text_[at_ + 1]);
        at_ += 2;
      }
      if (low > high) return BadPattern();
      node.ranges.emplace_back(low, high);
    }
    if (at_ == text_.size()) return BadPattern();
    ++at_;
    nodes_.push_back(std::move(node));
    return OkStatus();
  }

  Status Braces(int depth) {
    if (depth > kNestingLimit) return BadPattern();
    const size_t split = nodes_.size();
    nodes_.push_back({Node::Kind::kSplit});
    std::vector<size_t> jumps;
    while (true) {
      nodes_[split].targets.push_back(static_cast<int>(nodes_.size()));
      RETURN_IF_ERROR(Sequence(depth));
      if (at_ == text_.size()) return BadPattern();
      jumps.push_back(nodes_.size());
      nodes_.push_back({Node::Kind::kJump});
      if (text_[at_++] == '}') break;
    }
    for (const size_t jump : jumps) nodes_[jump].targets = {static_cast<int>(nodes_.size())};
    return OkStatus();
  }

  std::string_view text_;
  size_t at_ = 0;
  std::vector<Node>& nodes_;
};

Result<Glob> Glob::Compile(std::string_view pattern) {
  if (pattern.size() > kPatternLimit) return BadPattern();
  Glob glob;
  RETURN_IF_ERROR(Compiler(pattern, &glob.nodes_).Run());
  for (const Node& node : glob.nodes_) {
    if (node.kind != Node::Kind::kByte) break;
    glob.literal_prefix_.push_back(static_cast<char>(node.byte));
  }
  return glob;
}

// Adds `state` and everything reached from it without a byte.
void Glob::AddState(int state, std::vector<int>* states, std::vector<bool>* seen) const {
  std::vector<int> open{state};
  while (!open.empty()) {
    const int now = open.back();
    open.pop_back();
    if ((*seen)[static_cast<size_t>(now)]) continue;
    (*seen)[static_cast<size_t>(now)] = true;
    const Node& node = nodes_[static_cast<size_t>(now)];
    if (node.kind == Node::Kind::kSplit || node.kind == Node::Kind::kJump) {
      open.insert(open.end(), node.targets.begin(), node.targets.end());
      continue;
    }
    states->push_back(now);
    // A star may also match nothing.
    if (node.kind == Node::Kind::kStar || node.kind == Node::Kind::kStarStar) {
      open.push_back(now + 1);
    }
  }
}

bool Glob::Matches(std::string_view name) const {
  std::vector<int> states;
  std::vector<int> next;
  std::vector<bool> seen(nodes_.size());
  AddState(0, &states, &seen);
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    next.clear();
    std::fill(seen.begin(), seen.end(), false);
    for (const int state : states) {
      const Node& node = nodes_[static_cast<size_t>(state)];
      switch (node.kind) {
        case Node::Kind::kByte:
          if (node.byte == byte) AddState(state + 1, &next, &seen);
          break;
        case Node::Kind::kAnyButSlash:
          if (c != '/') AddState(state + 1, &next, &seen);
          break;
        case Node::Kind::kStar:
          if (c != '/') AddState(state, &next, &seen);
          break;
        case Node::Kind::kStarStar:
          AddState(state, &next, &seen);
          break;
        case Node::Kind::kSet: {
          const bool inside = std::any_of(
              node.ranges.begin(), node.ranges.end(),
              [&](const auto& range) { return byte >= range.first && byte <= range.second; });
          if (inside != node.negated && c != '/') AddState(state + 1, &next, &seen);
          break;
        }
        default:
          break;
      }
    }
    states.swap(next);
    if (states.empty()) return false;
  }
  return std::any_of(states.begin(), states.end(), [&](int state) {
    return nodes_[static_cast<size_t>(state)].kind == Node::Kind::kEnd;
  });
}

}  // namespace hodei::store
