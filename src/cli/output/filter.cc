#include "cli/output/filter.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <regex>
#include <vector>

#include "base/ascii.h"
#include "cli/output/format_spec.h"
#include "cli/output/printer.h"

namespace hodei::cli {

struct Filter::Node {
  enum class Kind { kAnd, kOr, kNot, kTerm };
  Kind kind = Kind::kTerm;
  std::vector<std::shared_ptr<Node>> children;
  std::string key;  // empty: the text may stand anywhere
  std::string op;   // ":", "=", "!=", "<", "<=", ">", ">=", "~", "!~"
  std::vector<std::string> values;
  std::vector<std::regex> patterns;
};

namespace {

using Node = Filter::Node;
using NodePointer = std::shared_ptr<Node>;

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<NodePointer> Run() {
    ASSIGN_OR_RETURN(NodePointer node, Or(0));
    Spaces();
    if (at_ != text_.size()) return Bad("unexpected text");
    return node;
  }

 private:
  Status Bad(std::string_view what) const {
    return InvalidArgument(fmt::format("Filter [{}]: {} at position {}. See `hodei topic filters`.",
                                       text_, what, at_));
  }
  void Spaces() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t')) {
      ++at_;
    }
  }
  bool TakeWord(std::string_view word) {
    Spaces();
    if (text_.substr(at_, word.size()) != word) return false;
    size_t end = at_ + word.size();
    if (end < text_.size() && text_[end] != ' ' && text_[end] != '(') return false;
    at_ = end;
    return true;
  }

  Result<NodePointer> Or(int depth) {
    if (depth > Filter::kLimitDepth) return Bad("too many parentheses");
    ASSIGN_OR_RETURN(NodePointer left, And(depth));
    while (TakeWord("OR")) {
      ASSIGN_OR_RETURN(NodePointer right, And(depth));
      left = Join(Node::Kind::kOr, left, right);
    }
    return left;
  }

  Result<NodePointer> And(int depth) {
    ASSIGN_OR_RETURN(NodePointer left, Not(depth));
    while (true) {
      bool word = TakeWord("AND");
      Spaces();
      bool ends = at_ == text_.size() || text_[at_] == ')';
      if (!word && (ends || StartsOr())) return left;
      ASSIGN_OR_RETURN(NodePointer right, Not(depth));
      left = Join(Node::Kind::kAnd, left, right);
    }
  }

  bool StartsOr() {
    size_t before = at_;
    bool is_or = TakeWord("OR");
    at_ = before;
    return is_or;
  }

  static NodePointer Join(Node::Kind kind, NodePointer left, NodePointer right) {
    auto node = std::make_shared<Node>();
    node->kind = kind;
    node->children = {std::move(left), std::move(right)};
    return node;
  }

  Result<NodePointer> Not(int depth) {
    Spaces();
    bool minus = at_ + 1 < text_.size() && text_[at_] == '-' && text_[at_ + 1] != ' ';
    if (minus) ++at_;
    if (minus || TakeWord("NOT")) {
      if (depth > Filter::kLimitDepth) return Bad("too many negations");
      ASSIGN_OR_RETURN(NodePointer inner, Not(depth + 1));
      auto node = std::make_shared<Node>();
      node->kind = Node::Kind::kNot;
      node->children = {inner};
      return node;
    }
    Spaces();
    if (at_ < text_.size() && text_[at_] == '(') {
      ++at_;
      ASSIGN_OR_RETURN(NodePointer inner, Or(depth + 1));
      Spaces();
      if (at_ >= text_.size() || text_[at_] != ')') return Bad("')' expected");
      ++at_;
      return inner;
    }
    return Term();
  }

  Result<std::string> Operand(std::string_view stops) {
    std::string out;
    if (at_ < text_.size() && (text_[at_] == '"' || text_[at_] == '\'')) {
      char quote = text_[at_++];
      while (at_ < text_.size() && text_[at_] != quote) {
        if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
        out += text_[at_++];
      }
      if (at_ >= text_.size()) return Bad("a quote is not closed");
      ++at_;
      return out;
    }
    while (at_ < text_.size() && stops.find(text_[at_]) == stops.npos) out += text_[at_++];
    return out;
  }

  std::string TakeOperator() {
    for (std::string_view op : {"<=", ">=", "!=", "!~", "=", ":", "<", ">", "~"}) {
      if (text_.substr(at_, op.size()) != op) continue;
      at_ += op.size();
      return std::string(op);
    }
    return "";
  }

  Result<NodePointer> Term() {
    auto node = std::make_shared<Node>();
    ASSIGN_OR_RETURN(std::string key, Operand(" ()<>=!:~"));
    size_t after_key = at_;
    Spaces();
    node->op = TakeOperator();
    if (node->op.empty()) {
      at_ = after_key;
      if (key.empty()) return Bad("a term expected");
      node->op = ":";
      node->values = {key};
      return node;
    }
    if (key.empty()) return Bad("a key expected");
    node->key = key;
    RETURN_IF_ERROR(Values(node.get()));
    return node;
  }

  Status Values(Node* node) {
    Spaces();
    if (at_ < text_.size() && text_[at_] == '(') {
      ++at_;
      while (true) {
        Spaces();
        if (at_ < text_.size() && text_[at_] == ',') {
          ++at_;
          continue;
        }
        if (at_ >= text_.size()) return Bad("')' expected");
        if (text_[at_] == ')') break;
        ASSIGN_OR_RETURN(std::string value, Operand(" ,)"));
        if (value != "OR" || text_[at_ - 1] == '"') node->values.push_back(value);
      }
      ++at_;
    } else {
      ASSIGN_OR_RETURN(std::string value, Operand(" )"));
      node->values.push_back(value);
    }
    if (node->op != "~" && node->op != "!~") return OkStatus();
    for (const std::string& value : node->values) {
      try {
        node->patterns.emplace_back(value, std::regex::ECMAScript | std::regex::nosubs);
      } catch (const std::regex_error& error) {
        return Bad(fmt::format("[{}] is no regular expression: {}", value, error.what()));
      }
    }
    return OkStatus();
  }

  std::string_view text_;
  size_t at_ = 0;
};

std::string ScalarText(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  return value.is_null() ? "" : JsonText(value);
}

// ":" : the words of the value contain the operand, "*" at its end stands for any ending.
bool Has(const Json& value, const std::string& operand) {
  if (operand == "*") return !value.is_null();
  if (value.is_structured()) {
    for (const auto& [key, member] : value.items()) {
      if ((value.is_object() && AsciiLower(key) == AsciiLower(operand)) || Has(member, operand))
        return true;
    }
    return false;
  }
  std::string text = AsciiLower(ScalarText(value)), wanted = AsciiLower(operand);
  if (!wanted.empty() && wanted.back() == '*') {
    wanted.pop_back();
    return text.rfind(wanted, 0) == 0;
  }
  return text.find(wanted) != text.npos;
}

// Orders a value and an operand: as numbers when both are, otherwise as text.
int CompareOperand(const Json& value, const std::string& operand) {
  char* end = nullptr;
  double wanted = std::strtod(operand.c_str(), &end);
  if (!operand.empty() && *end == '\0') {
    std::string text = ScalarText(value);
    char* text_end = nullptr;
    double number = std::strtod(text.c_str(), &text_end);
    if (!text.empty() && *text_end == '\0') return number < wanted ? -1 : number > wanted ? 1 : 0;
  }
  return ScalarText(value).compare(operand);
}

bool Any(const Json& value, const std::function<bool(const Json&)>& test) {
  if (!value.is_array()) return test(value);
  return std::any_of(value.begin(), value.end(), test);
}

bool TestTerm(const Node& node, const Json& value) {
  if (node.op == "~" || node.op == "!~") {
    bool found = false;
    for (const std::regex& pattern : node.patterns) {
      found |=
          Any(value, [&](const Json& one) { return std::regex_search(ScalarText(one), pattern); });
    }
    return found == (node.op == "~");
  }
  if (value.is_null() && node.op != "!=" && node.op != ":") return false;
  auto one_value = [&](const std::string& operand) {
    if (node.op == ":") return Has(value, operand);
    return Any(value, [&](const Json& one) {
      int order = CompareOperand(one, operand);
      if (node.op == "<") return order < 0;
      if (node.op == "<=") return order <= 0;
      if (node.op == ">") return order > 0;
      if (node.op == ">=") return order >= 0;
      return order == 0 || AsciiLower(ScalarText(one)) == AsciiLower(operand);
    });
  };
  bool found = std::any_of(node.values.begin(), node.values.end(), one_value);
  return node.op == "!=" ? !found : found;
}

bool Test(const Node& node, const Json& item) {
  switch (node.kind) {
    case Node::Kind::kAnd:
      return Test(*node.children[0], item) && Test(*node.children[1], item);
    case Node::Kind::kOr:
      return Test(*node.children[0], item) || Test(*node.children[1], item);
    case Node::Kind::kNot:
      return !Test(*node.children[0], item);
    case Node::Kind::kTerm:
      return TestTerm(node, node.key.empty() ? item : ValueAt(item, node.key));
  }
  return false;
}

}  // namespace

Result<Filter> Filter::Parse(std::string_view text) {
  if (text.size() > kLimitBytes) return InvalidArgument("the filter is too long");
  ASSIGN_OR_RETURN(NodePointer root, Parser(text).Run());
  Filter filter;
  filter.root_ = root;
  return filter;
}

bool Filter::Matches(const Json& item) const { return Test(*root_, item); }

}  // namespace hodei::cli
