#include "store/log/filter_parser.h"

#include <fmt/format.h>

#include <cctype>
#include <utility>

#include "base/ascii.h"
#include "store/log/filter_lexer.h"
#include "store/log/filter_tree.h"

namespace hodei::store {
namespace {

using Node = Filter::Node;
using NodePtr = std::unique_ptr<Node>;

class Parser {
 public:
  explicit Parser(std::string_view text) : lexer_(text) {}

  Result<NodePtr> Parse() {
    RETURN_IF_ERROR(Advance());
    if (token_.kind == FilterToken::Kind::kEnd) return NodePtr();
    ASSIGN_OR_RETURN(NodePtr root, Or(0));
    if (token_.kind != FilterToken::Kind::kEnd)
      return FilterError(token_.at, "something left over");
    return root;
  }

 private:
  Status Advance() {
    ASSIGN_OR_RETURN(token_, lexer_.Next());
    return OkStatus();
  }

  bool IsKeyword(std::string_view word) const {
    return token_.kind == FilterToken::Kind::kWord && token_.text == word;
  }

  Result<NodePtr> Make(Node::Kind kind) {
    if (++nodes_ > kFilterMaxNodes) return FilterError(token_.at, "a filter with too many terms");
    auto node = std::make_unique<Node>();
    node->kind = kind;
    return node;
  }

  Result<NodePtr> Join(Node::Kind kind, std::vector<NodePtr> children) {
    if (children.size() == 1) return std::move(children[0]);
    ASSIGN_OR_RETURN(NodePtr node, Make(kind));
    node->children = std::move(children);
    return node;
  }

  // The language gives OR the tighter binding: "a OR b AND c" is "(a OR b) AND c".
  Result<NodePtr> Or(int depth) { return And(depth); }

  Result<NodePtr> And(int depth) {
    if (depth > kFilterMaxDepth) return FilterError(token_.at, "nesting that is too deep");
    std::vector<NodePtr> children;
    for (;;) {
      ASSIGN_OR_RETURN(NodePtr child, Alternatives(depth));
      children.push_back(std::move(child));
      if (IsKeyword("AND")) {
        RETURN_IF_ERROR(Advance());
        continue;
      }
      if (token_.kind == FilterToken::Kind::kEnd || token_.kind == FilterToken::Kind::kClose) break;
    }
    return Join(Node::Kind::kAnd, std::move(children));
  }

  Result<NodePtr> Alternatives(int depth) {
    std::vector<NodePtr> children;
    for (;;) {
      ASSIGN_OR_RETURN(NodePtr child, Unary(depth));
      children.push_back(std::move(child));
      if (!IsKeyword("OR")) break;
      RETURN_IF_ERROR(Advance());
    }
    return Join(Node::Kind::kOr, std::move(children));
  }

  Result<NodePtr> Unary(int depth) {
    if (depth > kFilterMaxDepth) return FilterError(token_.at, "nesting that is too deep");
    if (IsKeyword("NOT") || token_.kind == FilterToken::Kind::kMinus) {
      RETURN_IF_ERROR(Advance());
      ASSIGN_OR_RETURN(NodePtr node, Make(Node::Kind::kNot));
      ASSIGN_OR_RETURN(NodePtr child, Unary(depth + 1));
      node->children.push_back(std::move(child));
      return node;
    }
    if (token_.kind == FilterToken::Kind::kOpen) {
      RETURN_IF_ERROR(Advance());
      ASSIGN_OR_RETURN(NodePtr inner, And(depth + 1));
      if (token_.kind != FilterToken::Kind::kClose) return FilterError(token_.at, "a missing ')'");
      RETURN_IF_ERROR(Advance());
      return inner;
    }
    return Term(depth);
  }

  Result<NodePtr> Term(int depth) {
    if (token_.kind != FilterToken::Kind::kWord && token_.kind != FilterToken::Kind::kQuoted) {
      return FilterError(token_.at, "a missing term");
    }
    if (IsKeyword("AND") || IsKeyword("OR")) return FilterError(token_.at, "a missing term");
    const FilterToken first = token_;
    RETURN_IF_ERROR(Advance());
    if (token_.kind == FilterToken::Kind::kOp && first.kind == FilterToken::Kind::kWord) {
      const std::string op = token_.text;
      RETURN_IF_ERROR(Advance());
      return Values(first, op, depth);
    }
    if (token_.kind == FilterToken::Kind::kOpen && first.kind == FilterToken::Kind::kWord)
      return Call(first);
    return Text(first.text);
  }

  Result<NodePtr> Text(const std::string& text) {
    ASSIGN_OR_RETURN(NodePtr node, Make(Node::Kind::kText));
    node->folded = AsciiLower(text);
    return node;
  }

  // log_id("name") and SEARCH("text").
  Result<NodePtr> Call(const FilterToken& name) {
    RETURN_IF_ERROR(Advance());
    FilterToken argument = token_;
    RETURN_IF_ERROR(Advance());
    if (token_.kind == FilterToken::Kind::kComma) {  // SEARCH(field, "text")
      RETURN_IF_ERROR(Advance());
      argument = token_;
      RETURN_IF_ERROR(Advance());
    }
    if (token_.kind != FilterToken::Kind::kClose) return FilterError(token_.at, "a missing ')'");
    RETURN_IF_ERROR(Advance());
    if (name.text == "SEARCH") return Text(argument.text);
    if (name.text == "log_id") return Compare(name, "log_id", "=", argument.text);
    return FilterError(name.at, fmt::format("the unknown function '{}'", name.text));
  }

  // The right side of a comparison: one value, or (a OR b), (a AND b).
  Result<NodePtr> Values(const FilterToken& field, const std::string& op, int depth) {
    if (token_.kind != FilterToken::Kind::kOpen) return Value(field, op);
    if (depth + 1 > kFilterMaxDepth) return FilterError(token_.at, "nesting that is too deep");
    RETURN_IF_ERROR(Advance());
    std::vector<NodePtr> children;
    Node::Kind kind = Node::Kind::kOr;
    for (;;) {
      ASSIGN_OR_RETURN(NodePtr child, Value(field, op));
      children.push_back(std::move(child));
      if (token_.kind == FilterToken::Kind::kClose) break;
      if (IsKeyword("AND"))
        kind = Node::Kind::kAnd;
      else if (!IsKeyword("OR"))
        return FilterError(token_.at, "a missing OR, AND or ')'");
      RETURN_IF_ERROR(Advance());
    }
    RETURN_IF_ERROR(Advance());
    return Join(kind, std::move(children));
  }

  Result<NodePtr> Value(const FilterToken& field, const std::string& op) {
    std::string sign;
    if (token_.kind == FilterToken::Kind::kMinus) {
      sign = "-";
      RETURN_IF_ERROR(Advance());
    }
    if (token_.kind != FilterToken::Kind::kWord && token_.kind != FilterToken::Kind::kQuoted) {
      return FilterError(token_.at, fmt::format("a missing value for '{}'", field.text));
    }
    std::string value = sign + token_.text;
    const bool bare_time = field.text == "timestamp" && token_.kind == FilterToken::Kind::kWord;
    RETURN_IF_ERROR(Advance());
    // An unquoted time holds colons: 2024-05-01T10:00:00Z.
    while (bare_time && token_.kind == FilterToken::Kind::kOp && token_.text == ":") {
      RETURN_IF_ERROR(Advance());
      value += ":" + token_.text;
      RETURN_IF_ERROR(Advance());
    }
    return Compare(field, field.text, op, value);
  }

  static Node::Op ToOp(std::string_view op) {
    if (op == "!=") return Node::Op::kNotEqual;
    if (op == "<") return Node::Op::kLess;
    if (op == "<=") return Node::Op::kLessEqual;
    if (op == ">") return Node::Op::kGreater;
    if (op == ">=") return Node::Op::kGreaterEqual;
    if (op == ":") return Node::Op::kHas;
    if (op == "=~") return Node::Op::kMatch;
    if (op == "!~") return Node::Op::kNotMatch;
    return Node::Op::kEqual;
  }

  Result<NodePtr> Compare(const FilterToken& field, const std::string& path, const std::string& op,
                          const std::string& value) {
    ASSIGN_OR_RETURN(NodePtr node, Make(Node::Kind::kCompare));
    node->op = ToOp(op);
    node->path = path;
    node->value = value;
    node->folded = AsciiLower(value);
    if (node->op == Node::Op::kMatch || node->op == Node::Op::kNotMatch) {
      re2::RE2::Options options;
      options.set_log_errors(false);
      options.set_max_mem(1 << 20);
      node->regex = std::make_unique<re2::RE2>(value, options);
      if (!node->regex->ok()) {
        return FilterError(
            field.at, fmt::format("the regular expression '{}' ({})", value, node->regex->error()));
      }
    } else if (path == "timestamp" || path == "receiveTimestamp") {
      ASSIGN_OR_RETURN(node->time, Time(field, value));
    } else if (path == "severity") {
      const auto severity = ParseSeverity(value);
      if (!severity) return FilterError(field.at, fmt::format("the unknown severity '{}'", value));
      node->severity = *severity;
    }
    return node;
  }

  static Result<WallTime> Time(const FilterToken& field, const std::string& value) {
    Result<WallTime> time = ParseRfc3339(value);
    if (!time.ok()) time = ParseRfc3339(value + "T00:00:00Z");  // a date alone
    if (!time.ok()) return FilterError(field.at, fmt::format("the time '{}'", value));
    return time;
  }

  FilterLexer lexer_;
  FilterToken token_;
  int nodes_ = 0;
};

}  // namespace

Result<std::unique_ptr<Filter::Node>> ParseFilter(std::string_view text) {
  return Parser(text).Parse();
}

}  // namespace hodei::store
