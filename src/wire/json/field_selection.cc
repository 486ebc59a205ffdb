#include "wire/json/field_selection.h"

#include "wire/json/field_text.h"

namespace hodei::wire {

// selection := item ("," item)*;  item := name ("/" item | "(" selection ")")?
class SelectionParser {
 public:
  explicit SelectionParser(std::string_view text) : text_(text) {}

  bool Run(FieldSelection* root) { return Selection(root, 0) && at_ == text_.size(); }

 private:
  bool Selection(FieldSelection* into, int depth) {
    do {
      if (!Item(into, depth)) return false;
    } while (Take(','));
    return true;
  }

  bool Item(FieldSelection* into, int depth) {
    if (depth > FieldSelection::kDepthLimit || ++names_ > FieldSelection::kNameLimit) return false;
    const size_t start = at_;
    while (at_ < text_.size() &&
           std::string_view(",/()").find(text_[at_]) == std::string_view::npos) {
      ++at_;
    }
    if (at_ == start) return false;
    const auto [child, added] =
        into->children_.try_emplace(std::string(text_.substr(start, at_ - start)));
    // "a,a/b" selects all of a, in either order.
    const bool was_all = !added && child->second.all();
    bool ok = true;
    if (Take('/')) {
      ok = Item(&child->second, depth + 1);
    } else if (Take('(')) {
      ok = Selection(&child->second, depth + 1) && Take(')');
    } else {
      child->second.children_.clear();
    }
    if (was_all) child->second.children_.clear();
    return ok;
  }

  bool Take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  std::string_view text_;
  size_t at_ = 0;
  int names_ = 0;
};

Result<FieldSelection> FieldSelection::Parse(std::string_view text) {
  FieldSelection root;
  if (text.empty()) return root;
  if (!SelectionParser(text).Run(&root)) {
    const std::string message = "Invalid field selection " + QuoteForError(text);
    return InvalidArgument(message).WithViolation({"fields", message});
  }
  return root;
}

const FieldSelection* FieldSelection::Child(std::string_view json_name,
                                            std::string_view proto_name) const {
  if (const auto it = children_.find(json_name); it != children_.end()) return &it->second;
  if (const auto it = children_.find(proto_name); it != children_.end()) return &it->second;
  if (const auto it = children_.find("*"); it != children_.end()) return &it->second;
  return nullptr;
}

}  // namespace hodei::wire
