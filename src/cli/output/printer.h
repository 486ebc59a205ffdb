// Prints resources by a FormatSpec.
#pragma once

#include <string>
#include <vector>

#include "cli/output/format_spec.h"
#include "cli/output/json.h"

namespace hodei::cli {

// `items` as one text. `single`: it is one resource, printed without list punctuation.
std::string Render(const FormatSpec& format, const std::vector<Json>& items, bool single);
// Items in the order that the columns ask for.
void SortByColumns(const std::vector<Column>& columns, std::vector<Json>* items);
// By "field" or "~field" keys, first key first.
void SortByKeys(const std::vector<std::string>& keys, std::vector<Json>* items);
// Three-way order of two values: numbers by value, everything else as text, null first.
int Compare(const Json& a, const Json& b);

// A table with headings. `title` and lines around the cells where `box`.
std::string RenderTable(const std::vector<std::string>& headings,
                        const std::vector<std::vector<std::string>>& rows, bool box,
                        const std::string& title = "", bool no_heading = false);

}  // namespace hodei::cli
