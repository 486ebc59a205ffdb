// The words of the query language: tokens with their places, for the parser.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace hodei::store {

struct FilterToken {
  enum class Kind { kEnd, kWord, kQuoted, kOp, kOpen, kClose, kMinus, kComma } kind = Kind::kEnd;
  std::string text;
  size_t at = 0;
};

// INVALID_ARGUMENT that names what is wrong, where, and an example of how it is written.
Status FilterError(size_t position, std::string_view what);

class FilterLexer {
 public:
  explicit FilterLexer(std::string_view text) : text_(text) {}
  // kEnd at the end, again and again.
  Result<FilterToken> Next();

 private:
  void SkipSpace();
  Result<FilterToken> Quoted();
  Result<FilterToken> Operator();
  Result<FilterToken> Word();

  std::string_view text_;
  size_t pos_ = 0;
};

}  // namespace hodei::store
