#include "store/log/filter.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "store/log/filter_parser.h"
#include "store/log/filter_tree.h"

namespace hodei::store {
namespace {

using Node = Filter::Node;
using NodePtr = std::unique_ptr<Node>;

bool ContainsFolded(std::string_view text, std::string_view folded) {
  if (folded.empty()) return true;
  const auto it =
      std::search(text.begin(), text.end(), folded.begin(), folded.end(), [](char a, char b) {
        return std::tolower(static_cast<unsigned char>(a)) == static_cast<unsigned char>(b);
      });
  return it != text.end();
}

template <typename T>
bool Ordered(Node::Op op, const T& a, const T& b) {
  switch (op) {
    case Node::Op::kNotEqual:
      return a != b;
    case Node::Op::kLess:
      return a < b;
    case Node::Op::kLessEqual:
      return a <= b;
    case Node::Op::kGreater:
      return a > b;
    case Node::Op::kGreaterEqual:
      return a >= b;
    default:
      return a == b;
  }
}

std::optional<double> ToNumber(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool CompareText(const Node& node, std::string_view text) {
  switch (node.op) {
    case Node::Op::kHas:
      return node.value == "*" || ContainsFolded(text, node.folded);
    case Node::Op::kMatch:
      return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *node.regex);
    case Node::Op::kNotMatch:
      return !re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *node.regex);
    default:
      break;
  }
  if (node.path != "insertId") {
    const auto a = ToNumber(text);
    const auto b = ToNumber(node.value);
    if (a && b) return Ordered(node.op, *a, *b);
  }
  return Ordered(node.op, text, std::string_view(node.value));
}

bool EvaluateCompare(const Node& node, const FilterSubject& subject) {
  const bool regex = node.regex != nullptr;
  if (!regex && node.path == "timestamp") {
    return Ordered(node.op, subject.Timestamp(), node.time);
  }
  if (!regex && node.path == "severity") return Ordered(node.op, subject.Severity(), node.severity);
  const auto value = subject.Field(node.path);
  if (!value) return node.op == Node::Op::kNotEqual || node.op == Node::Op::kNotMatch;
  return CompareText(node, *value);
}

bool Evaluate(const Node& node, const FilterSubject& subject) {
  switch (node.kind) {
    case Node::Kind::kAnd:
      return std::all_of(node.children.begin(), node.children.end(),
                         [&](const NodePtr& child) { return Evaluate(*child, subject); });
    case Node::Kind::kOr:
      return std::any_of(node.children.begin(), node.children.end(),
                         [&](const NodePtr& child) { return Evaluate(*child, subject); });
    case Node::Kind::kNot:
      return !Evaluate(*node.children[0], subject);
    case Node::Kind::kCompare:
      return EvaluateCompare(node, subject);
    case Node::Kind::kText:
      return subject.AnyText(
          [&](std::string_view text) { return ContainsFolded(text, node.folded); });
  }
  return false;
}

using Values = std::optional<std::vector<std::string>>;

Values Intersect(const Values& a, const Values& b) {
  if (!a) return b;
  if (!b) return a;
  std::vector<std::string> both;
  std::copy_if(a->begin(), a->end(), std::back_inserter(both), [&](const std::string& value) {
    return std::find(b->begin(), b->end(), value) != b->end();
  });
  return both;
}

Values Unite(const Values& a, const Values& b) {
  if (!a || !b) return std::nullopt;
  std::vector<std::string> either = *a;
  either.insert(either.end(), b->begin(), b->end());
  return either;
}

FilterBounds BoundsOfCompare(const Node& node) {
  FilterBounds out;
  if (node.path == "timestamp" && node.regex == nullptr) {
    if (node.op == Node::Op::kEqual) out.from = out.to = node.time;
    if (node.op == Node::Op::kGreater || node.op == Node::Op::kGreaterEqual) out.from = node.time;
    if (node.op == Node::Op::kLess || node.op == Node::Op::kLessEqual) out.to = node.time;
  }
  if (node.op != Node::Op::kEqual) return out;
  if (node.path == "resource.labels.job_id") out.job_ids = {{node.value}};
  if (node.path == "resource.labels.task_name") out.task_names = {{node.value}};
  if (node.path == "resource.type") out.resource_types = {{node.value}};
  return out;
}

FilterBounds BoundsOf(const Node& node) {
  if (node.kind == Node::Kind::kCompare) return BoundsOfCompare(node);
  FilterBounds out;
  if (node.kind != Node::Kind::kAnd && node.kind != Node::Kind::kOr) return out;
  const bool every = node.kind == Node::Kind::kAnd;
  for (size_t i = 0; i < node.children.size(); ++i) {
    const FilterBounds child = BoundsOf(*node.children[i]);
    if (i == 0) {
      out = child;
      continue;
    }
    const auto merge = every ? Intersect : Unite;
    out.job_ids = merge(out.job_ids, child.job_ids);
    out.task_names = merge(out.task_names, child.task_names);
    out.resource_types = merge(out.resource_types, child.resource_types);
    out.from = every ? std::max(out.from, child.from) : std::min(out.from, child.from);
    out.to = every ? std::min(out.to, child.to) : std::max(out.to, child.to);
  }
  return out;
}

}  // namespace

Filter::Filter() = default;
Filter::Filter(Filter&&) noexcept = default;
Filter& Filter::operator=(Filter&&) noexcept = default;
Filter::~Filter() = default;

Result<Filter> Filter::Parse(std::string_view text) {
  ASSIGN_OR_RETURN(NodePtr root, ParseFilter(text));
  Filter filter;
  filter.root_ = std::move(root);
  if (filter.root_ != nullptr) filter.bounds_ = BoundsOf(*filter.root_);
  return filter;
}

bool Filter::Matches(const FilterSubject& subject) const {
  return root_ == nullptr || Evaluate(*root_, subject);
}

}  // namespace hodei::store
