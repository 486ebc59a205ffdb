// The folders and values of a metadata server, and their three forms: a value as text, a folder as
// a listing, and everything below a place as JSON or as lines. Values, no I/O.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/status.h"

namespace hodei::wire::metadata {

class Node {
 public:
  using Children = std::vector<std::pair<std::string, Node>>;

  // A value: text, a number, or a list of texts.
  static Node Text(std::string text) { return Node(std::move(text)); }
  static Node Number(uint64_t number) { return Node(number); }
  static Node List(std::vector<std::string> members) { return Node(std::move(members)); }
  static Node Folder() { return Node(Children{}); }

  // Adds to a folder; returns what was added.
  Node* Add(std::string name, Node child);

  bool is_folder() const { return std::holds_alternative<Children>(value_); }
  // The node at "a/b/c"; null when there is none. The empty path is this node.
  const Node* Find(std::string_view path) const;

  // "a/\nb\n" for a folder, the value otherwise; a list has a member on each line.
  std::string Listing() const;
  // Everything below. Names are in camelCase ("service-accounts" is serviceAccounts), except those
  // that hold an "@".
  std::string Json() const;
  // "a/b value" for every value below; `prefix` stands before each path.
  std::string Lines(const std::string& prefix) const;

 private:
  using Value = std::variant<std::string, uint64_t, std::vector<std::string>, Children>;
  explicit Node(Value value) : value_(std::move(value)) {}

  Value value_;
};

}  // namespace hodei::wire::metadata
