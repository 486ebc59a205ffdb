#include "store/log/filter.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <cctype>
#include <charconv>

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

namespace {

using Node = Filter::Node;
using NodePtr = std::unique_ptr<Node>;

std::string Fold(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

bool ContainsFolded(std::string_view text, std::string_view folded) {
  if (folded.empty()) return true;
  const auto it =
      std::search(text.begin(), text.end(), folded.begin(), folded.end(), [](char a, char b) {
        return std::tolower(static_cast<unsigned char>(a)) == static_cast<unsigned char>(b);
      });
  return it != text.end();
}

struct Token {
  enum class Kind { kEnd, kWord, kQuoted, kOp, kOpen, kClose, kMinus, kComma } kind = Kind::kEnd;
  std::string text;
  size_t at = 0;
};

Status At(size_t position, std::string_view what) {
  return InvalidArgument(
      fmt::format("Unparseable filter: {} at character {}. Example: severity>=WARNING AND "
                  "resource.labels.job_id=\"my_job\"",
                  what, position + 1));
}

bool IsWordByte(char c) {
  const auto u = static_cast<unsigned char>(c);
  return std::isalnum(u) != 0 || u >= 0x80 ||
         std::string_view("_.*/-+@%$#&'").find(c) != std::string_view::npos;
}

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  Result<Token> Next() {
    SkipSpace();
    Token token;
    token.at = pos_;
    if (pos_ == text_.size()) return token;
    const char c = text_[pos_];
    if (c == '"') return Quoted();
    if (c == '(' || c == ')' || c == ',') {
      ++pos_;
      token.kind = c == '('   ? Token::Kind::kOpen
                   : c == ')' ? Token::Kind::kClose
                              : Token::Kind::kComma;
      return token;
    }
    if (std::string_view("=!<>:~").find(c) != std::string_view::npos) return Operator();
    if (c == '-' && pos_ + 1 < text_.size() && text_[pos_ + 1] != ' ') {
      ++pos_;
      token.kind = Token::Kind::kMinus;
      return token;
    }
    if (!IsWordByte(c)) return At(pos_, fmt::format("unexpected '{}'", c));
    return Word();
  }

 private:
  void SkipSpace() {
    while (pos_ < text_.size()) {
      if (std::isspace(static_cast<unsigned char>(text_[pos_])) != 0) {
        ++pos_;
      } else if (text_.substr(pos_, 2) == "--") {  // a comment to the end of the line
        while (pos_ < text_.size() && text_[pos_] != '\n') ++pos_;
      } else {
        return;
      }
    }
  }

  Result<Token> Quoted() {
    Token token{Token::Kind::kQuoted, "", pos_++};
    while (pos_ < text_.size() && text_[pos_] != '"') {
      if (text_[pos_] == '\\' && pos_ + 1 < text_.size()) {
        ++pos_;
        const char c = text_[pos_];
        if (c == 'n')
          token.text += '\n';
        else if (c == 't')
          token.text += '\t';
        else if (c == 'r')
          token.text += '\r';
        else if (c == '"' || c == '\\' || c == '\'')
          token.text += c;
        else
          token.text.append({'\\', c});  // regular expressions keep their escapes
      } else {
        token.text += text_[pos_];
      }
      ++pos_;
    }
    if (pos_ == text_.size()) return At(token.at, "a quote that is not closed");
    ++pos_;
    return token;
  }

  Result<Token> Operator() {
    for (const std::string_view op : {"!=", "<=", ">=", "=~", "!~", "=", "<", ">", ":"}) {
      if (text_.substr(pos_, op.size()) == op) {
        Token token{Token::Kind::kOp, std::string(op), pos_};
        pos_ += op.size();
        return token;
      }
    }
    return At(pos_, fmt::format("unexpected '{}'", text_[pos_]));
  }

  // A word; a field path may hold quoted parts: labels."compute.googleapis.com/resource_name".
  Result<Token> Word() {
    Token token{Token::Kind::kWord, "", pos_};
    while (pos_ < text_.size()) {
      if (IsWordByte(text_[pos_])) {
        token.text += text_[pos_++];
      } else if (text_[pos_] == '"' && !token.text.empty() && token.text.back() == '.') {
        ASSIGN_OR_RETURN(Token part, Quoted());
        token.text += part.text;
      } else {
        break;
      }
    }
    return token;
  }

  std::string_view text_;
  size_t pos_ = 0;
};

class Parser {
 public:
  explicit Parser(std::string_view text) : lexer_(text) {}

  Result<NodePtr> Parse() {
    RETURN_IF_ERROR(Advance());
    if (token_.kind == Token::Kind::kEnd) return NodePtr();
    ASSIGN_OR_RETURN(NodePtr root, Or(0));
    if (token_.kind != Token::Kind::kEnd) return At(token_.at, "something left over");
    return root;
  }

 private:
  Status Advance() {
    ASSIGN_OR_RETURN(token_, lexer_.Next());
    return OkStatus();
  }

  bool IsKeyword(std::string_view word) const {
    return token_.kind == Token::Kind::kWord && token_.text == word;
  }

  Result<NodePtr> Make(Node::Kind kind) {
    if (++nodes_ > kFilterMaxNodes) return At(token_.at, "a filter with too many terms");
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
    if (depth > kFilterMaxDepth) return At(token_.at, "nesting that is too deep");
    std::vector<NodePtr> children;
    for (;;) {
      ASSIGN_OR_RETURN(NodePtr child, Alternatives(depth));
      children.push_back(std::move(child));
      if (IsKeyword("AND")) {
        RETURN_IF_ERROR(Advance());
        continue;
      }
      if (token_.kind == Token::Kind::kEnd || token_.kind == Token::Kind::kClose) break;
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
    if (depth > kFilterMaxDepth) return At(token_.at, "nesting that is too deep");
    if (IsKeyword("NOT") || token_.kind == Token::Kind::kMinus) {
      RETURN_IF_ERROR(Advance());
      ASSIGN_OR_RETURN(NodePtr node, Make(Node::Kind::kNot));
      ASSIGN_OR_RETURN(NodePtr child, Unary(depth + 1));
      node->children.push_back(std::move(child));
      return node;
    }
    if (token_.kind == Token::Kind::kOpen) {
      RETURN_IF_ERROR(Advance());
      ASSIGN_OR_RETURN(NodePtr inner, And(depth + 1));
      if (token_.kind != Token::Kind::kClose) return At(token_.at, "a missing ')'");
      RETURN_IF_ERROR(Advance());
      return inner;
    }
    return Term(depth);
  }

  Result<NodePtr> Term(int depth) {
    if (token_.kind != Token::Kind::kWord && token_.kind != Token::Kind::kQuoted) {
      return At(token_.at, "a missing term");
    }
    if (IsKeyword("AND") || IsKeyword("OR")) return At(token_.at, "a missing term");
    const Token first = token_;
    RETURN_IF_ERROR(Advance());
    if (token_.kind == Token::Kind::kOp && first.kind == Token::Kind::kWord) {
      const std::string op = token_.text;
      RETURN_IF_ERROR(Advance());
      return Values(first, op, depth);
    }
    if (token_.kind == Token::Kind::kOpen && first.kind == Token::Kind::kWord) return Call(first);
    return Text(first.text);
  }

  Result<NodePtr> Text(const std::string& text) {
    ASSIGN_OR_RETURN(NodePtr node, Make(Node::Kind::kText));
    node->folded = Fold(text);
    return node;
  }

  // log_id("name") and SEARCH("text").
  Result<NodePtr> Call(const Token& name) {
    RETURN_IF_ERROR(Advance());
    Token argument = token_;
    RETURN_IF_ERROR(Advance());
    if (token_.kind == Token::Kind::kComma) {  // SEARCH(field, "text")
      RETURN_IF_ERROR(Advance());
      argument = token_;
      RETURN_IF_ERROR(Advance());
    }
    if (token_.kind != Token::Kind::kClose) return At(token_.at, "a missing ')'");
    RETURN_IF_ERROR(Advance());
    if (name.text == "SEARCH") return Text(argument.text);
    if (name.text == "log_id") return Compare(name, "log_id", "=", argument.text);
    return At(name.at, fmt::format("the unknown function '{}'", name.text));
  }

  // The right side of a comparison: one value, or (a OR b), (a AND b).
  Result<NodePtr> Values(const Token& field, const std::string& op, int depth) {
    if (token_.kind != Token::Kind::kOpen) return Value(field, op);
    if (depth + 1 > kFilterMaxDepth) return At(token_.at, "nesting that is too deep");
    RETURN_IF_ERROR(Advance());
    std::vector<NodePtr> children;
    Node::Kind kind = Node::Kind::kOr;
    for (;;) {
      ASSIGN_OR_RETURN(NodePtr child, Value(field, op));
      children.push_back(std::move(child));
      if (token_.kind == Token::Kind::kClose) break;
      if (IsKeyword("AND"))
        kind = Node::Kind::kAnd;
      else if (!IsKeyword("OR"))
        return At(token_.at, "a missing OR, AND or ')'");
      RETURN_IF_ERROR(Advance());
    }
    RETURN_IF_ERROR(Advance());
    return Join(kind, std::move(children));
  }

  Result<NodePtr> Value(const Token& field, const std::string& op) {
    std::string sign;
    if (token_.kind == Token::Kind::kMinus) {
      sign = "-";
      RETURN_IF_ERROR(Advance());
    }
    if (token_.kind != Token::Kind::kWord && token_.kind != Token::Kind::kQuoted) {
      return At(token_.at, fmt::format("a missing value for '{}'", field.text));
    }
    std::string value = sign + token_.text;
    const bool bare_time = field.text == "timestamp" && token_.kind == Token::Kind::kWord;
    RETURN_IF_ERROR(Advance());
    // An unquoted time holds colons: 2024-05-01T10:00:00Z.
    while (bare_time && token_.kind == Token::Kind::kOp && token_.text == ":") {
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

  Result<NodePtr> Compare(const Token& field, const std::string& path, const std::string& op,
                          const std::string& value) {
    ASSIGN_OR_RETURN(NodePtr node, Make(Node::Kind::kCompare));
    node->op = ToOp(op);
    node->path = path;
    node->value = value;
    node->folded = Fold(value);
    if (node->op == Node::Op::kMatch || node->op == Node::Op::kNotMatch) {
      re2::RE2::Options options;
      options.set_log_errors(false);
      options.set_max_mem(1 << 20);
      node->regex = std::make_unique<re2::RE2>(value, options);
      if (!node->regex->ok()) {
        return At(field.at,
                  fmt::format("the regular expression '{}' ({})", value, node->regex->error()));
      }
    } else if (path == "timestamp" || path == "receiveTimestamp") {
      ASSIGN_OR_RETURN(node->time, Time(field, value));
    } else if (path == "severity") {
      const auto severity = ParseSeverity(value);
      if (!severity) return At(field.at, fmt::format("the unknown severity '{}'", value));
      node->severity = *severity;
    }
    return node;
  }

  static Result<WallTime> Time(const Token& field, const std::string& value) {
    Result<WallTime> time = ParseRfc3339(value);
    if (!time.ok()) time = ParseRfc3339(value + "T00:00:00Z");  // a date alone
    if (!time.ok()) return At(field.at, fmt::format("the time '{}'", value));
    return time;
  }

  Lexer lexer_;
  Token token_;
  int nodes_ = 0;
};

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
  ASSIGN_OR_RETURN(NodePtr root, Parser(text).Parse());
  Filter filter;
  filter.root_ = std::move(root);
  if (filter.root_ != nullptr) filter.bounds_ = BoundsOf(*filter.root_);
  return filter;
}

bool Filter::Matches(const FilterSubject& subject) const {
  return root_ == nullptr || Evaluate(*root_, subject);
}

}  // namespace hodei::store
