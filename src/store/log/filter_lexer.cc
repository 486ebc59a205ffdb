#include "store/log/filter_lexer.h"

#include <fmt/format.h>

#include <cctype>

namespace hodei::store {
namespace {

bool IsWordByte(char c) {
  const auto u = static_cast<unsigned char>(c);
  return std::isalnum(u) != 0 || u >= 0x80 ||
         std::string_view("_.*/-+@%$#&'").find(c) != std::string_view::npos;
}

}  // namespace

Status FilterError(size_t position, std::string_view what) {
  return InvalidArgument(
      fmt::format("Unparseable filter: {} at character {}. Example: severity>=WARNING AND "
                  "resource.labels.job_id=\"my_job\"",
                  what, position + 1));
}

Result<FilterToken> FilterLexer::Next() {
  SkipSpace();
  FilterToken token;
  token.at = pos_;
  if (pos_ == text_.size()) return token;
  const char c = text_[pos_];
  if (c == '"') return Quoted();
  if (c == '(' || c == ')' || c == ',') {
    ++pos_;
    token.kind = c == '('   ? FilterToken::Kind::kOpen
                 : c == ')' ? FilterToken::Kind::kClose
                            : FilterToken::Kind::kComma;
    return token;
  }
  if (std::string_view("=!<>:~").find(c) != std::string_view::npos) return Operator();
  if (c == '-' && pos_ + 1 < text_.size() && text_[pos_ + 1] != ' ') {
    ++pos_;
    token.kind = FilterToken::Kind::kMinus;
    return token;
  }
  if (!IsWordByte(c)) return FilterError(pos_, fmt::format("unexpected '{}'", c));
  return Word();
}

void FilterLexer::SkipSpace() {
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

Result<FilterToken> FilterLexer::Quoted() {
  FilterToken token{FilterToken::Kind::kQuoted, "", pos_++};
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
  if (pos_ == text_.size()) return FilterError(token.at, "a quote that is not closed");
  ++pos_;
  return token;
}

Result<FilterToken> FilterLexer::Operator() {
  for (const std::string_view op : {"!=", "<=", ">=", "=~", "!~", "=", "<", ">", ":"}) {
    if (text_.substr(pos_, op.size()) == op) {
      FilterToken token{FilterToken::Kind::kOp, std::string(op), pos_};
      pos_ += op.size();
      return token;
    }
  }
  return FilterError(pos_, fmt::format("unexpected '{}'", text_[pos_]));
}

// A word; a field path may hold quoted parts: labels."compute.googleapis.com/resource_name".
Result<FilterToken> FilterLexer::Word() {
  FilterToken token{FilterToken::Kind::kWord, "", pos_};
  while (pos_ < text_.size()) {
    if (IsWordByte(text_[pos_])) {
      token.text += text_[pos_++];
    } else if (text_[pos_] == '"' && !token.text.empty() && token.text.back() == '.') {
      ASSIGN_OR_RETURN(FilterToken part, Quoted());
      token.text += part.text;
    } else {
      break;
    }
  }
  return token;
}

}  // namespace hodei::store
