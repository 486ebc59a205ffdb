#include "domain/models/list_filter.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace hodei::models {
namespace {

constexpr std::string_view kSpace = " \t\r\n";
constexpr std::string_view kLabels = "labels.";

Status Wrong(std::string what) { return InvalidField("filter", std::move(what)); }

void SkipSpace(std::string_view* text) {
  text->remove_prefix(std::min(text->find_first_not_of(kSpace), text->size()));
}

bool TakeWord(std::string_view word, std::string_view* text) {
  if (!text->starts_with(word)) return false;
  if (text->size() > word.size() && kSpace.find((*text)[word.size()]) == std::string_view::npos) {
    return false;
  }
  text->remove_prefix(word.size());
  SkipSpace(text);
  return true;
}

struct Value {
  std::string text;
  bool quoted = false;
};

Result<Value> TakeQuoted(std::string_view* text) {
  Value value{.quoted = true};
  for (size_t i = 1; i < text->size(); ++i) {
    const char c = (*text)[i];
    if (c == '\\' && i + 1 < text->size()) {
      value.text += (*text)[++i];
    } else if (c == '"') {
      text->remove_prefix(i + 1);
      if (!text->empty() && kSpace.find((*text)[0]) == std::string_view::npos) {
        return Wrong("Expected a space after a quote.");
      }
      return value;
    } else {
      value.text += c;
    }
  }
  return Wrong("A quote is not closed.");
}

Result<Value> TakeValue(std::string_view* text) {
  if (text->starts_with('"')) return TakeQuoted(text);
  const size_t end = std::min(text->find_first_of(kSpace), text->size());
  Value value{.text = std::string(text->substr(0, end))};
  if (value.text.empty()) return Wrong("A value is missing.");
  if (value.text.find_first_of("\"()") != std::string::npos) {
    return Wrong("Quotes and parentheses must not stand inside a value.");
  }
  text->remove_prefix(end);
  return value;
}

bool IsKnown(std::string_view field, const std::vector<std::string_view>& fields) {
  if (field.starts_with(kLabels)) {
    return field.size() > kLabels.size() &&
           std::find(fields.begin(), fields.end(), "labels") != fields.end();
  }
  return field != "labels" && std::find(fields.begin(), fields.end(), field) != fields.end();
}

}  // namespace

Result<ListFilter> ListFilter::Parse(std::string_view text,
                                     const std::vector<std::string_view>& fields) {
  if (text.size() > kListFilterMaxBytes) {
    return Wrong(fmt::format("Must not be longer than {} bytes.", kListFilterMaxBytes));
  }
  ListFilter filter;
  SkipSpace(&text);
  for (bool more = !text.empty(); more; more = TakeWord("AND", &text)) {
    if (filter.terms_.size() == kListFilterMaxTerms) {
      return Wrong(fmt::format("Must not have more than {} terms.", kListFilterMaxTerms));
    }
    Term term;
    term.negated = TakeWord("NOT", &text);
    const size_t end = text.find_first_of(":= \t\r\n\"");
    if (end == std::string_view::npos || end == 0 || (text[end] != ':' && text[end] != '=')) {
      return Wrong("Expected FIELD:VALUE.");
    }
    term.field = text.substr(0, end);
    if (!IsKnown(term.field, fields)) {
      return Wrong(fmt::format("The fields to filter by are {}.", fmt::join(fields, ", ")));
    }
    text.remove_prefix(end + 1);
    ASSIGN_OR_RETURN(Value value, TakeValue(&text));
    SkipSpace(&text);
    if (!value.quoted && value.text.ends_with('*')) {
      term.prefix = true;
      value.text.pop_back();
    }
    if (!value.quoted && value.text.find('*') != std::string::npos) {
      return Wrong("A '*' may stand at the end of a value only.");
    }
    term.value = std::move(value.text);
    filter.terms_.push_back(std::move(term));
  }
  if (!text.empty()) return Wrong("Terms must be joined by AND.");
  return filter;
}

bool ListFilter::Matches(const ValueOf& value_of) const {
  return std::all_of(terms_.begin(), terms_.end(), [&](const Term& term) {
    const std::optional<std::string> value = value_of(term.field);
    const bool same =
        value && (term.prefix ? value->starts_with(term.value) : *value == term.value);
    return same != term.negated;
  });
}

}  // namespace hodei::models
