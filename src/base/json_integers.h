// JSON has one kind of number, and a client may write a large one without exponent: JavaScript
// prints 1e20 as 100000000000000000000. The document parser that Debian carries (simdjson 3.0)
// refuses every integer that 64 bits cannot hold.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hodei {

// `json` with every integer that neither int64 nor uint64 holds written as the nearest double, with
// an exponent: for a second attempt after a parser refused a number. Nothing when there is none, or
// when one is beyond the largest double. Strings, and all else, stay as they are; text that is not
// JSON stays as wrong as it was. Linear in the text.
std::optional<std::string> WithoutWideIntegers(std::string_view json);

// simdjson's dom::parser::parse() of `json`, and once more with the wide integers written as
// doubles when it fails. `copy` as there: false when the text has the parser's padding behind it.
template <typename Parser>
auto ParseWithWideIntegers(Parser* parser, std::string_view json, bool copy = true) {
  auto document = parser->parse(json.data(), json.size(), copy);
  if (document.error()) {
    if (const auto narrowed = WithoutWideIntegers(json)) document = parser->parse(*narrowed);
  }
  return document;
}

}  // namespace hodei
