// The --format language: NAME[attributes](key.path.transform(args):label=L:sort=N, …).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "cli/output/json.h"

namespace hodei::cli {

struct Transform {
  std::string name;  // "basename"
  std::vector<std::string> arguments;
};

struct Column {
  std::string key;  // "trainingInput.region"; "" for the whole item
  std::vector<Transform> transforms;
  std::string label;  // as headings show it; from the key where none is given
  int sort = 0;       // 1 is the first sort key; 0: none
  bool reverse = false;
};

struct FormatSpec {
  std::string name;                               // "table", "yaml", …
  std::map<std::string, std::string> attributes;  // "box" → "", "title" → "Jobs"
  std::vector<Column> columns;
};

// INVALID_ARGUMENT for an unknown format name or a malformed projection; at most
// kFormatLimitBytes of text.
Result<FormatSpec> ParseFormat(std::string_view text);
constexpr size_t kFormatLimitBytes = 16 * 1024;

// The value of a column of `item`, transforms applied; null where the key leads nowhere.
Json Evaluate(const Column& column, const Json& item);
// The value at "a.b[0].c" or "a[].b" (all items).
Json ValueAt(const Json& item, std::string_view key);

}  // namespace hodei::cli
