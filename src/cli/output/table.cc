// Tables, plain and boxed.
#include <algorithm>

#include "cli/output/console.h"
#include "cli/output/printer.h"

namespace hodei::cli {
namespace {

std::string Repeat(std::string_view piece, size_t times) {
  std::string out;
  for (size_t i = 0; i < times; ++i) out += piece;
  return out;
}

std::string PadRight(const std::string& text, size_t width) {
  size_t own = DisplayWidth(text);
  return own >= width ? text : text + std::string(width - own, ' ');
}

std::string Centre(const std::string& text, size_t width) {
  size_t own = DisplayWidth(text);
  if (own >= width) return text;
  // As Python's str.center() rounds, which gcloud uses.
  size_t margin = width - own;
  size_t left = margin / 2 + (margin & width & 1);
  return std::string(left, ' ') + text + std::string(width - own - left, ' ');
}

std::string PlainRow(const std::vector<std::string>& cells, const std::vector<size_t>& widths) {
  std::string row;
  for (size_t i = 0; i < cells.size(); ++i) {
    row += (i > 0 ? "  " : "") + PadRight(cells[i], widths[i]);
  }
  row.erase(row.find_last_not_of(' ') + 1);
  return row + "\n";
}

std::string Rule(const char* left, const char* middle, const char* right,
                 const std::vector<size_t>& widths) {
  std::string out = left;
  for (size_t i = 0; i < widths.size(); ++i)
    out += (i > 0 ? middle : "") + Repeat("─", widths[i] + 2);
  return out + right + "\n";
}

std::string BoxedTable(const std::vector<std::string>& headings,
                       const std::vector<std::vector<std::string>>& rows,
                       const std::vector<size_t>& widths, const std::string& title) {
  size_t inner = widths.empty() ? 0 : widths.size() - 1;
  for (size_t width : widths) inner += width + 2;
  std::string out;
  if (!title.empty()) {
    out += "┌" + Repeat("─", inner) + "┐\n│" + Centre(title, inner) + "│\n";
    out += Rule("├", "┬", "┤", widths);
  } else {
    out += Rule("┌", "┬", "┐", widths);
  }
  auto line = [&](const std::vector<std::string>& cells, bool centred) {
    std::string text = "│";
    for (size_t i = 0; i < cells.size(); ++i) {
      text += " " + (centred ? Centre(cells[i], widths[i]) : PadRight(cells[i], widths[i])) + " │";
    }
    return text + "\n";
  };
  out += line(headings, true) + Rule("├", "┼", "┤", widths);
  for (const auto& row : rows) out += line(row, false);
  return out + Rule("└", "┴", "┘", widths);
}

}  // namespace

std::string RenderTable(const std::vector<std::string>& headings,
                        const std::vector<std::vector<std::string>>& rows, bool box,
                        const std::string& title, bool no_heading) {
  std::vector<size_t> widths;
  for (const std::string& heading : headings) widths.push_back(DisplayWidth(heading));
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], DisplayWidth(row[i]));
  }
  if (box) {
    size_t inner = widths.empty() ? 0 : widths.size() - 1;
    for (size_t width : widths) inner += width + 2;
    // A title gets a margin on both sides, at the cost of the last column.
    size_t wanted = title.empty() ? 0 : DisplayWidth(title) + 10;
    if (!widths.empty() && inner < wanted) widths.back() += wanted - inner;
    return BoxedTable(headings, rows, widths, title);
  }
  std::string out = title.empty() ? "" : title + "\n";
  if (!no_heading) out += PlainRow(headings, widths);
  for (const auto& row : rows) out += PlainRow(row, widths);
  return out;
}

}  // namespace hodei::cli
